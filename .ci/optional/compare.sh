#!/usr/bin/env bash
# The guide's page of comparison (docs/src/comparison.md): what ffi-guard finds there, it finds; what memcheck finds of some.
# `tests/compare/run.sh --check` does the whole, AddressSanitizer with it.
set -euo pipefail
cd "$(dirname "$0")/../.."

case "$(uname -sm)" in "Linux x86_64") ;; *) echo "skipped: the table is for Linux x86-64"; exit 0 ;; esac

timeout 600 tests/compare/run.sh --check --debug --only 1,2,3,copy
if command -v valgrind >/dev/null; then
    timeout 300 tests/compare/run.sh --check --debug --only memcheck --rows retained_pointer,kept_and_read,buffer_overflow,freed_by_c,own_heap,own_uninitialised
else
    echo "skipped: valgrind is not installed, so its column is not compared"
fi
