#!/usr/bin/env bash
# The allocator alone, without any attribute, on two published crates as they are: triangle-rs 0.1.2, which makes `Vec`s over memory of C's
# `malloc`, and nix 0.20.1, whose `getgrouplist` has C write behind a `Vec` for a user in more than 16 groups. nix 0.20.2 repaired that,
# and must be silent.
set -euo pipefail
cd "$(dirname "$0")/../.."

case "$(uname -sm)" in "Linux x86_64") ;; *) echo "skipped: tested on Linux x86-64 alone"; exit 0 ;; esac
unset "${!GUARD@}"

# In a copy, at the same depth: another version goes into the lock file of the second, and the source stays as it is.
copy=target/published
rm -rf $copy
mkdir -p $copy
cp -r tests/published/triangle tests/published/getgrouplist $copy/
export CARGO_TARGET_DIR=$PWD/target/tmp/published

fetch() {
    local said
    said=$(cd "$copy/$1" && cargo fetch --locked --quiet 2>&1) && return
    # Not to be had is one thing; an old list of what is wanted is our fault.
    [[ $said != *"--locked was passed"* ]] || { echo "tests/published/$1/Cargo.lock is out of date: $said"; exit 1; }
    echo "skipped: $1's crates cannot be fetched"
    exit 0
}
build() { (cd "$copy/$1" && shift && cargo build --locked --quiet "$@" 2>&1); }

# Runs a program that must end by this report, at this level.
must_tell() {
    local level=$1 expected=$2 said
    shift 2
    if said=$(GUARD=$level "$@" 2>&1); then echo "level $level is silent: $said"; exit 1; fi
    grep -Fq "$expected" <<<"$said" || { echo "level $level: no '$expected' in:"; echo "$said"; exit 1; }
    said=$(grep -m 1 -F "$expected" <<<"$said")
    echo "level $level: $said"
}
must_be_silent() {
    local said
    said=$("$@" 2>&1) || { echo "$said"; exit 1; }
    ! grep -Fq "ffi-guard" <<<"$said" || { echo "not silent: $said"; exit 1; }
    echo "silent: $(head -n 1 <<<"$said")"
}

fetch triangle
build triangle
program=$CARGO_TARGET_DIR/debug/published-triangle
echo "triangle-rs 0.1.2:"
must_be_silent env GUARD=0 "$program"
for level in 1 2; do
    must_tell $level 'ffi-guard[alloc_dealloc_mismatch]: `dealloc` got memory that Rust never allocated' "$program"
done
build triangle --features c-heap
for level in 1 2; do
    must_tell $level 'ffi-guard[alloc_dealloc_mismatch]: `dealloc` got a 24-byte block of C'"'"'s heap' "$program"
done

# A user in 20 groups: in a mount namespace of our own, /etc/group is another file.
groups=$PWD/$copy/group
{ cat /etc/group; for n in $(seq 1 20); do echo "guard$n:x:$((60000 + n)):root"; done; } >"$groups"
space=()
for flags in -m -rm; do
    if unshare $flags mount --bind "$groups" /etc/group 2>/dev/null; then space=(unshare $flags); break; fi
done
[ ${#space[@]} -gt 0 ] || { echo "skipped: nix: no mount namespace to be had, for a user in more than 16 groups"; exit 0; }
in_20_groups() { "${space[@]}" sh -c 'mount --bind "$0" /etc/group && exec "$@"' "$groups" "$@"; }

fetch getgrouplist
build getgrouplist --release
# As released: std's own check of `set_len` in debug builds ends the program first, when C has written already.
program=$CARGO_TARGET_DIR/release/published-getgrouplist
echo "nix 0.20.1:"
must_be_silent env GUARD=2 "$program"
must_tell 2 'ffi-guard[buffer_overflow]: ' in_20_groups "$program"
(cd $copy/getgrouplist && cargo update --quiet nix --precise 0.20.2 && cargo fetch --locked --quiet) 2>&1 ||
    { echo "skipped: nix 0.20.2 cannot be fetched"; exit 0; }
build getgrouplist --release
echo "nix 0.20.2:"
for level in 1 2; do must_be_silent in_20_groups env GUARD=$level "$program"; done
