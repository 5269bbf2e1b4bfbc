#!/usr/bin/env bash
# Other targets, built and run: a folder with Debian's testing suite (made once, kept below target/tmp) has their Rust.
#
#     tests/targets/run.sh [musl] [arm64]
#
# Needs root, debootstrap and a mirror of Debian's, and says `skipped:` otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."

base=$PWD/target/tmp/targets
root=$base/forky
wanted=" ${*:-musl arm64} "

skip() { echo "skipped: other targets: $*"; exit 0; }

# --- the folder ---

# The mirror that this machine's own packages come from.
mirror() { sed -n 's/^URIs: *//p; s/^deb  *\([^[ ][^ ]*\) .*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1; }

make_folder() {
    [ "$(id -u)" = 0 ] || skip "the folder is made by root"
    [ "$(uname -sm)" = "Linux x86_64" ] || skip "made on Linux x86-64 alone"
    unshare -m true 2>/dev/null || skip "unshare(1) may not"
    command -v debootstrap >/dev/null || apt-get install -y -qq debootstrap >/dev/null 2>&1 || skip "there is no debootstrap"
    [ -n "$(mirror)" ] || skip "no mirror of Debian's is known here"
    rm -rf "$root"
    mkdir -p "$base"
    debootstrap --variant=minbase \
        --include=build-essential,rustc,cargo,gcc-aarch64-linux-gnu,qemu-user,pkg-config,file \
        forky "$root" "$(mirror)" /usr/share/debootstrap/scripts/sid >"$base/folder.log" 2>&1 || skip "debootstrap failed, see $base/folder.log"
    # A snapshot's lists of packages are older than they say they may be.
    inside sh -ec 'export DEBIAN_FRONTEND=noninteractive
        old="-o Acquire::Check-Valid-Until=false"
        dpkg --add-architecture arm64
        apt-get $old update -qq
        unwinder=$(apt-cache search --names-only "^libunwind-[0-9]+-dev$" | sort | tail -n 1 | cut -d" " -f1)
        apt-get $old install -y -qq --no-install-recommends \
            libstd-rust-dev:arm64 libc6-dev-arm64-cross rust-src musl-tools "$unwinder"' >>"$base/folder.log" 2>&1 ||
        skip "its packages cannot be installed, see $base/folder.log"
    touch "$root/complete"
}

# Runs a command in the folder: the workspace is /ws, what is built goes to /out, cargo's own folder is this machine's.
inside() {
    ROOT=$root WS=$PWD BASE=$base CARGO=${CARGO_HOME:-$HOME/.cargo} unshare -m bash -ec '
        mkdir -p "$ROOT"/{ws,out,cargo,shared} "$BASE/out"
        mount -t proc proc "$ROOT/proc"
        mount --rbind /dev "$ROOT/dev"
        mount --bind "$WS" "$ROOT/ws"
        mount --bind "$BASE/out" "$ROOT/out"
        mount --bind "$CARGO" "$ROOT/cargo"
        cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
        if [ -e /etc/ssl/certs/ca-certificates.crt ]; then cp /etc/ssl/certs/ca-certificates.crt "$ROOT/out/ca.crt"; fi
        exec chroot "$ROOT" /usr/bin/env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/tmp LANG=C.UTF-8 CARGO_TERM_COLOR=never \
            CARGO_HOME=/cargo CARGO_HTTP_CAINFO=/out/ca.crt CARGO_TARGET_DIR=/out/target sh -ec "cd /ws; exec \"\$@\"" sh "$@"
    ' bash "$@"
}

[ -e "$root/complete" ] || make_folder

# --- musl: a static program ---

musl() {
    local target=x86_64-unknown-linux-musl program=/out/target/x86_64-unknown-linux-musl/debug/examples said
    # LLVM's unwinder: GCC's asks for a function of glibc's.
    inside sh -ec 'mkdir -p /out/musl
        cp "$(find /usr/lib -name libunwind.a | head -n 1)" /out/musl/libunwind.a
        musl-gcc -O2 -U_FORTIFY_SOURCE -c tests/targets/fortified.c -o /out/musl/fortified.o
        ar r /out/musl/libunwind.a /out/musl/fortified.o 2>/dev/null'
    # Debian has no standard library for musl: cargo builds it.
    inside env RUSTC_BOOTSTRAP=1 CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=musl-gcc CC_x86_64_unknown_linux_musl=musl-gcc \
        CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS="-C link-self-contained=no -C target-feature=+crt-static -C relocation-model=static -L native=/out/musl" \
        cargo build --quiet --locked -Zbuild-std=std,panic_unwind --target $target -p c-fixtures -p hashpass --example keep --example hashpass
    inside file -b $program/keep | grep -q "statically linked" || { echo "keep is not static"; exit 1; }
    for level in 0 1 2 3; do
        said=$(inside env GUARD=$level $program/hashpass secret 2>&1) || { echo "hashpass at level $level:" "$said"; exit 1; }
        case "$said" in '$argon2id$v=19$m=65536,t=2,p=1$'*) ;; *) echo "hashpass at level $level:" "$said"; exit 1 ;; esac
    done
    if said=$(inside env GUARD=2 $program/keep 2>&1); then echo "what C keeps is not found:" "$said"; exit 1; fi
    [[ $said == *"ffi-guard[retained_pointer]: C kept"*someReference* ]] || { echo "another report:" "$said"; exit 1; }
    echo "ok: $target, static: hashpass is clean at levels 0 to 3, and what C keeps in a variable is found and named"
}

# --- 64-bit ARM, by an emulator ---

arm64() {
    local target=aarch64-unknown-linux-gnu
    inside env CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu -R 8G" \
        cargo test --quiet --locked --target $target -p ffi-guard-tests --test slides
    echo "ok: $target: the tests of slides"
}

case "$wanted" in *" musl "*) musl ;; esac
case "$wanted" in *" arm64 "*) arm64 ;; esac
