#!/usr/bin/env bash
# The instructions of the hot paths (a guarded call; alloc and free) beside the figures in
# benches/hot_paths/figures.csv: more than 2 % dearer fails. `--bless` writes the figures.
set -euo pipefail
cd "$(dirname "$0")/../.."

case "$(uname -sm)" in "Linux x86_64") ;; *) echo "skipped: the figures are for Linux x86-64"; exit 0 ;; esac
command -v valgrind >/dev/null || { echo "skipped: there is no valgrind to count instructions"; exit 0; }
# Other flags make other code, and so does incremental compilation, which cuts crates into smaller units.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS "${!GUARD@}" "${!CARGO_PROFILE@}"

program=(--quiet --locked -p ffi-guard-benches --bin hot_paths)
export CARGO_TARGET_DIR=$PWD/target CARGO_INCREMENTAL=0
cargo build "${program[@]}"
cargo build --release "${program[@]}"
timeout 900 target/release/hot_paths target/debug/hot_paths "$@"
