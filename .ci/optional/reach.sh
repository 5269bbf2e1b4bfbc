#!/usr/bin/env bash
# `cargo ffi-guard` on published crates: known bugs, each found by one command, their repaired versions silent; and test suites that must
# compile, pass and be silent under the guard. All suites, and the table of docs/src/reach.md: tests/reach/suites.py --write.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 0; }
case "$(uname -sm)" in "Linux x86_64") ;; *) echo "skipped: tested on Linux x86-64 alone"; exit 0 ;; esac

# The second of openssl is of the same kind as the first.
tests/reach/known_bugs.py keyutils nix triangle libhydrogen rusqlite openssl
tests/reach/suites.py rusqlite flate2 zstd secp256k1
