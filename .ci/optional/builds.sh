#!/usr/bin/env bash
# What docs/src/builds.md says of builds, done with the example `hashpass`: C is compiled once, nothing is needed from the
# network, two folders make the same program, a static one is checked as any other, and other targets are built for.
# Everything is made below target/tmp. What a machine has not is skipped, with the reason.
set -euo pipefail
cd "$(dirname "$0")/../.."

tmp=$PWD/target/tmp/builds
home=${CARGO_HOME:-$HOME/.cargo}
host=$(rustc -vV | sed -n 's/^host: //p')
hashpass=(--package hashpass --example hashpass)
# The flags are this script's own.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CFLAGS
for name in "${!GUARD@}"; do unset "$name"; done
export RUST_BACKTRACE=0

fail() { printf '%s\n' "$@"; exit 1; }
is_installed() { [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ]; }

# The program hashes at these levels, and the guard says nothing.
hashes() {
    local level said
    for level in 0 1 2; do
        said=$(GUARD=$level "$@" secret 2>&1) || fail "hashpass at level $level:" "$said"
        case "$said" in '$argon2id$v=19$m=65536,t=2,p=1$'*) ;; *) fail "hashpass at level $level:" "$said" ;; esac
    done
}

# The program lets C keep a pointer, and the guard finds it, in words like these.
finds() {
    local words=$1 said
    shift
    if said=$(GUARD=2 "$@" 2>&1); then fail "what C keeps is not found:" "$said"; fi
    [[ $said == *"ffi-guard[retained_pointer]: C kept"*"$words"* ]] || fail "another report:" "$said"
}

# A copy of the workspace in a folder of its own, built without what is left over from earlier ones.
copy() {
    rm -rf "$1"
    mkdir -p "$1"
    tar --exclude=./target --exclude=./.git -cf - . | tar -C "$1" -xf -
}

# Builds hashpass in a folder as docs/src/builds.md has it: no name of a folder of this machine's stays in it, though it
# has debug information. What follows the two folders is what cargo is run by.
release() {
    local folder=$1 home=$2
    shift 2
    (
        cd "$folder"
        export CARGO_HOME=$home CARGO_PROFILE_RELEASE_DEBUG=line-tables-only
        export RUSTFLAGS="--remap-path-prefix=$folder=. --remap-path-prefix=$home=cargo"
        export CFLAGS="-ffile-prefix-map=$folder=. -ffile-prefix-map=$home=cargo"
        "$@" cargo build --release --locked --offline "${hashpass[@]}" --target-dir target
    )
}

echo "- offline, and two folders"
cargo fetch --locked --quiet
copy "$tmp/one"
copy "$tmp/another-folder"
# The second has cargo's own folder elsewhere, too: the packages of the registry are not always where they are here. Cargo
# unpacks them anew.
another=$tmp/another-folder/home
mkdir -p "$another/registry"
cp -a "$home/registry/index" "$home/registry/cache" "$another/registry/"
if [ -e "$home/config.toml" ]; then ln -s "$home/config.toml" "$another/"; fi
without_network=()
if unshare -rn true 2>/dev/null; then
    without_network=(unshare -rn)
else
    echo "skipped: a build with the network taken away; unshare(1) may not"
fi
release "$tmp/one" "$home" env CARGO_TERM_QUIET=true "${without_network[@]}"
echo "ok: hashpass and libsodium were built with --offline${without_network:+, in a place that has no network}"
program=target/release/examples/hashpass
hashes "$tmp/one/$program"
if ldd "$tmp/one/$program" 2>/dev/null | grep -q sodium; then fail "it asks for the system's libsodium"; fi

release "$tmp/another-folder" "$another" env CARGO_TERM_QUIET=true
sums=$(cd "$tmp" && sha256sum "one/$program" "another-folder/$program")
[ "$(cut -d' ' -f1 <<<"$sums" | sort -u | wc -l)" = 1 ] || fail "two folders made two programs:" "$sums"
echo "ok: two folders made the same program, $(cut -c1-16 <<<"$sums" | head -n 1)..."

echo "- a change of Rust"
printf '\n/// Changed.\npub fn changed() {}\n' >>"$tmp/one/examples/hashpass/src/lib.rs"
said=$(release "$tmp/one" "$home" env CARGO_TERM_VERBOSE=true 2>&1) || fail "$said"
[[ $said == *" Compiling hashpass "* ]] || fail "the change was not seen:" "$said"
[[ $said == *" Fresh sodium-sys "* ]] || fail "the package with the C was compiled again:" "$said"
echo "ok: hashpass was compiled again, and no C"

echo "- static, with C's heap over ours"
static() {
    local target=$1
    local built=target/tmp/static/$target/debug/examples program said level
    RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static" cargo build --quiet --locked \
        --package c-fixtures --package hashpass --example keep --example listed --example hashpass "${@:2}" \
        --target "$target" --target-dir target/tmp/static
    for program in "$built/keep" "$built/hashpass"; do
        said=$(file "$program")
        [[ $said == *"statically linked"* ]] || fail "$said"
    done
    hashes "$built/hashpass"
    finds someReference "$built/keep"
    grep -qx "c_fixtures slow_func" <("$built/listed") || fail "a function that is not called is not in the list"
    echo "ok: static for $target: hashpass is clean, what C keeps in a variable is found, and all guarded functions are listed"
}
gnu=x86_64-unknown-linux-gnu
if ! command -v file >/dev/null; then
    echo "skipped: there is no file(1) to say that they are static"
elif [ "$host" != $gnu ]; then
    echo "skipped: c-heap is for $gnu"
elif [ "$(cc -print-file-name=libc.a)" = libc.a ]; then
    echo "skipped: there is no libc.a"
else
    static $gnu --example keep_in_heap --features c-fixtures/c-heap,hashpass/c-heap
    heap=target/tmp/static/$gnu/debug/examples/keep_in_heap
    for level in 0 1 2; do
        [ "$(GUARD=$level "$heap" clean)" = 7 ] || fail "clean at level $level"
    done
    finds "C's heap" "$heap"
    echo "ok: what C keeps in its heap is found, too"
fi

echo "- musl"
musl=x86_64-unknown-linux-musl
if ! is_installed $musl; then
    echo "skipped: the target is not installed: rustup target add $musl"
elif ! command -v musl-gcc >/dev/null; then
    echo "skipped: there is no musl-gcc"
else
    static $musl
fi

echo "- the folders of platform/ that a target without more than POSIX, or without that, takes"
for folder in unix other; do
    FFI_GUARD_PLATFORM=$folder RUSTFLAGS="-D warnings" \
        cargo check --quiet --locked --package ffi-guard --target-dir target/tmp/platforms
    echo "ok: cargo check with platform/$folder"
done

echo "- other targets"
for target in aarch64-unknown-linux-gnu aarch64-apple-darwin x86_64-pc-windows-msvc; do
    [ "$target" != "$host" ] || continue
    is_installed $target || { echo "skipped: $target is not installed: rustup target add $target"; continue; }
    cargo check --quiet --locked --package ffi-guard --target $target
    echo "ok: cargo check for $target"
done
arm=aarch64-unknown-linux-gnu
if [ "$host" = $arm ] || ! is_installed $arm; then
    :
elif ! command -v aarch64-linux-gnu-gcc >/dev/null || ! command -v qemu-aarch64 >/dev/null; then
    echo "skipped: there are no aarch64-linux-gnu-gcc and qemu-aarch64 to build for it and to run it"
else
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc RUSTFLAGS="-C target-feature=+crt-static" \
        cargo build --quiet --locked --package c-fixtures --package hashpass --example keep --example hashpass \
        --target $arm --target-dir target/tmp/cross
    # An emulator that has room for 4 GiB of addresses: it notes each page of what is reserved, and the guard would
    # reserve a good part of 64 bits of them.
    hashes qemu-aarch64 -R 4G target/tmp/cross/$arm/debug/examples/hashpass
    finds someReference qemu-aarch64 -R 4G target/tmp/cross/$arm/debug/examples/keep
    echo "ok: built for $arm and run: hashpass is clean, and what C keeps is found"
fi
