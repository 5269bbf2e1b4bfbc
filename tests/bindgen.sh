#!/bin/sh
# Makes tests/fixtures/bindgen_{2021,2024}.rs from bindgen.h anew, and compares them with what is checked in.
# `--write` replaces what is checked in.
#
# Needs bindgen's command line (cargo install bindgen-cli --version 0.73.2) and libclang. Where there is no libclang:
#     python3 -m venv venv && venv/bin/pip install libclang
#     LIBCLANG_PATH=$(echo venv/lib/python3*/site-packages/clang/native) tests/bindgen.sh
# Exit status: 0 the same, or skipped; 1 different.
set -eu
cd "$(dirname "$0")/fixtures"

if ! command -v bindgen >/dev/null; then
    echo "skipped: no bindgen (cargo install bindgen-cli)"
    exit 0
fi

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
for edition in 2021 2024; do
    target=1.88
    # Before edition 2024, and for old compilers, bindgen writes `extern "C" {` without `unsafe`.
    [ "$edition" = 2021 ] && target=1.70
    # The newtype enum is the one that a parameter's name can clash with: `mode: mode`.
    if ! bindgen bindgen.h --rust-target "$target" --rust-edition "$edition" --newtype-enum ff_mode \
        --disable-header-comment --no-layout-tests --formatter prettyplease -o "$made/bindgen_$edition.rs" \
        2>"$made/errors"; then
        if grep -qi libclang "$made/errors"; then
            echo "skipped: no libclang"
            exit 0
        fi
        cat "$made/errors" >&2
        exit 1
    fi
    # As a -sys crate would, or `cargo ffi-guard` for it.
    sed -i.bak 's/^\(unsafe \)\{0,1\}extern "C" {/#[ffi_guard::guard]\n&/' "$made/bindgen_$edition.rs"
done

if [ "${1:-}" = --write ]; then
    cp "$made"/bindgen_20??.rs .
fi
for edition in 2021 2024; do
    diff -u "bindgen_$edition.rs" "$made/bindgen_$edition.rs"
done
echo "same: bindgen makes what is checked in"
