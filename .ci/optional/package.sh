#!/usr/bin/env bash
# The crates that are to be published, as they would be: packed, unpacked and built alone, with the oldest Rust that they
# promise as far as this machine has it, and with nothing in them that has another licence.
set -euo pipefail
cd "$(dirname "$0")/../.."

crates=(--package ffi-guard-macros --package ffi-guard)
oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)

echo "- cargo package"
# Cargo keeps what it unpacked and compiled of an earlier package of the same name and version, and takes it again though the
# sources have changed since.
rm -rf target/tmp/package "${CARGO_HOME:-$HOME/.cargo}"/registry/src/-*/ffi-guard-*
# In one call: the one depends on the other, which no registry has yet.
cargo package --quiet --locked --allow-dirty "${crates[@]}" --target-dir target/tmp/package
for name in ffi-guard-macros ffi-guard; do
    packed=$(cd target/tmp/package/package && tar -tzf "$name"-[0-9]*.crate)
    for file in README.md LICENSE-MIT LICENSE-APACHE; do
        grep -q "/$file\$" <<<"$packed" || { echo "$name is packed without $file"; exit 1; }
    done
done
echo "ok: both are packed, and built from what is packed"

echo "- Rust $oldest"
# What the standard library has had for a shorter time than that is refused by name.
cargo clippy --quiet --locked "${crates[@]}" --features ffi-guard/c-heap --target-dir target/tmp/package -- \
    -A clippy::all -D clippy::incompatible_msrv
echo "ok: nothing is used that Rust $oldest has not"
if command -v rustup >/dev/null && toolchain=$(rustup toolchain list | grep -o "^$oldest[^ ]*" | head -n 1) && [ -n "$toolchain" ]; then
    cargo "+$toolchain" check --quiet --locked "${crates[@]}" --features ffi-guard/c-heap --target-dir target/tmp/oldest
    echo "ok: cargo check with $toolchain"
else
    echo "skipped: Rust $oldest itself is not installed: rustup toolchain install $oldest"
fi

echo "- licences and duplicates"
if cargo deny --version >/dev/null 2>&1; then
    cargo deny --offline --log-level error check --hide-inclusion-graph bans licenses sources
else
    echo "skipped: there is no cargo-deny; tests/tests/packages.rs asks the same of Cargo.lock"
fi
