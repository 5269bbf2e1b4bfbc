#!/usr/bin/env bash
# The guard on what bindgen writes, by a build script: docs/src/bindgen.md. And what is checked in of bindgen's is what it writes today.
set -euo pipefail
cd "$(dirname "$0")/../.."

sh tests/bindgen.sh

manifest=tests/bindgen/Cargo.toml
# bindgen loads libclang by one of these names.
found=$(find "${LIBCLANG_PATH:-/usr/lib}" \( -name 'libclang.so*' -o -name 'libclang-*.so*' \) -print -quit 2>/dev/null || true)
[ -n "$found" ] || { echo "skipped: no libclang (Debian: libclang-dev)"; exit 0; }
cargo fetch --quiet --manifest-path $manifest || { echo "skipped: bindgen is not to be had"; exit 0; }
for name in "${!GUARD@}"; do unset "$name"; done
if said=$(cargo test --quiet --offline --manifest-path $manifest --target-dir target/tmp/bindgen 2>&1); then
    echo "what bindgen writes is guarded: $(grep -c '^test result: ok' <<<"$said") test binaries pass"
elif [[ $said == *"'stddef.h' file not found"* ]]; then
    echo "skipped: libclang is without its headers (Debian: libclang-dev)"
else
    echo "$said"
    exit 1
fi
