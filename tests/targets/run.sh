#!/usr/bin/env bash
# Other targets, built and run: a folder with Debian's testing suite (made once, kept below target/tmp) has their Rust.
#
#     tests/targets/run.sh [musl] [arm64] [windows]       programs, and the tests that tests/targets/left_out.txt does not name
#     tests/targets/run.sh programs [musl] [arm64] [windows]       the programs alone
#     tests/targets/run.sh every [musl] [arm64]           the whole test suite, not some files of it alone
#     tests/targets/run.sh keep                           the program whose C keeps a pointer, static, by musl: its own output
#
# FFI_GUARD_TARGETS is the place of that folder, if it is another one. It needs root, debootstrap and a mirror of Debian's to
# make the folder, and says `skipped:` if they are not to be had; with `FFI_GUARD_TARGETS_MAKE=0` it makes none.
set -euo pipefail
cd "$(dirname "$0")/../.."

base=${FFI_GUARD_TARGETS:-$PWD/target/tmp/targets}
root=$base/forky
left_out=tests/targets/left_out.txt
what=tests
case "${1:-}" in programs | keep | every) what=$1; shift ;; esac
wanted=" ${*:-musl arm64 windows} "

skip() { echo "skipped: other targets: $*"; exit 0; }
fail() { printf '%s\n' "$@"; exit 1; }

# --- the folder ---

# The mirror that this machine's own packages come from.
mirror() { sed -n 's/^URIs: *//p; s/^deb  *\([^[ ][^ ]*\) .*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1; }

make_folder() {
    [ "$(uname -sm)" = "Linux x86_64" ] || skip "the folder is made on Linux x86-64 alone"
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
            libstd-rust-dev:arm64 libc6-dev-arm64-cross rust-src musl-tools gcc-mingw-w64-x86-64-win32 "$unwinder"' >>"$base/folder.log" 2>&1 ||
        skip "its packages cannot be installed, see $base/folder.log"
    touch "$root/complete"
}

# Runs a command in the folder: the workspace is /ws, what is built goes to /out, cargo's own folder is this machine's.
inside() {
    ROOT=$root WS=$PWD BASE=$base CARGO=${CARGO_HOME:-$HOME/.cargo} unshare -m bash -ec '
        mkdir -p "$ROOT"/{ws,out,cargo,shared} "$BASE/out" "$CARGO"
        mount -t proc proc "$ROOT/proc"
        mount --rbind /dev "$ROOT/dev"
        mount --bind "$WS" "$ROOT/ws"
        mount --bind "$BASE/out" "$ROOT/out"
        mount --bind "$CARGO" "$ROOT/cargo"
        cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
        if [ -e /etc/ssl/certs/ca-certificates.crt ]; then
            cp /etc/ssl/certs/ca-certificates.crt "$ROOT/out/ca.crt"
            ca=CARGO_HTTP_CAINFO=/out/ca.crt
        fi
        exec chroot "$ROOT" /usr/bin/env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/tmp LANG=C.UTF-8 CARGO_TERM_COLOR=never \
            CARGO_HOME=/cargo ${ca:-} CARGO_TARGET_DIR=/out/target CARGO_INCREMENTAL=0 sh -ec "cd /ws; exec \"\$@\"" sh "$@"
    ' bash "$@"
}

[ "$(id -u)" = 0 ] || skip "the folder is made and entered by root"
unshare -m true 2>/dev/null || skip "unshare(1) may not"
if [ ! -e "$root/complete" ]; then
    [ "${FFI_GUARD_TARGETS_MAKE:-1}" != 0 ] || skip "the folder is not there: tests/targets/run.sh makes it"
    make_folder
fi

# --- the tests of a target ---

# What is left out of a target: a file of tests or one test, and what is missing for it.
left_out() { sed -nE "s/^(all|$1) +//p" $left_out; }

# Runs the tests of these files for a target, but those that are left out, and says how many. With `every` the library's own, too.
tests() {
    local target=$1 cargo=$2 files=() skips=() said name passed
    while read -r name _; do skips+=(--skip "$name"); done < <(left_out "$target")
    for name in "${@:3}"; do
        case " ${skips[*]} " in *" $name "*) ;; *) files+=(--test "$name") ;; esac
    done
    echo "- tests left out of $target, and what is missing for them:"
    left_out "$target" | sed 's/^/  /'
    said=$base/out/tests-$target.log
    # The names of tests that are left out are whole names.
    if [ $what = every ]; then files+=(-p ffi-guard --lib); fi
    "$cargo" test --no-fail-fast "${packages[@]}" "${files[@]}" -- --exact "${skips[@]}" >"$said" 2>&1 || {
        grep -E "^test .*FAILED|^error|^---- " "$said" || true
        fail "tests of $target fail, see $said"
    }
    passed=$(awk '/^test result: ok\./ { sum += $4 } END { print sum + 0 }' "$said")
    [ "$passed" -gt 0 ] || fail "no test ran, see $said"
    echo "ok: $target: $passed tests pass, of $(grep -c '^test result: ok\.' "$said") programs"
}

# The files of tests that are run on other targets; with `every`, all.
chosen=(slides levels retention freeing rules callbacks_arguments callbacks_forms callbacks_panics callbacks_results heap_life heap_levels severities sandboxed)
# All files of tests.
every_file() { (cd tests/tests; ls -d ./*.rs ./*/main.rs) | sed -E 's|^\./||; s/(\.rs|\/main\.rs)$//'; }

tests_of() {
    case $what in
        tests)
            echo "- files of tests that are not run on $1 (\`every\` runs them): $(every_file | grep -vxF "$(printf '%s\n' "${chosen[@]}"; left_out "$1" | cut -d' ' -f1)" | xargs)"
            tests "$@" "${chosen[@]}"
            ;;
        every) tests "$@" $(every_file) ;;
    esac
}

# --- the programs of a target ---

# How the library and what it reads debug information with are optimised.
quick=(--config tests/targets/profile.toml)

# One set of packages for the programs and the tests: by another set a dependency has other features, and the library is built twice.
packages=(-p ffi-guard-tests -p c-fixtures -p hashpass)
examples=("${packages[@]}" --example keep --example hashpass)

# The two examples: one must be clean at these levels, and in the other the kept pointer is found and its variable named.
programs() {
    local levels=$1 run=("${@:2}") said level
    for level in $levels; do
        said=$(inside env GUARD="$level" "${run[@]/%@/hashpass}" secret 2>&1) || fail "hashpass at level $level:" "$said"
        case "$said" in *'$argon2id$v=19$m=65536,t=2,p=1$'*) ;; *) fail "hashpass at level $level:" "$said" ;; esac
        [[ $said != *"ffi-guard["* ]] || fail "hashpass at level $level:" "$said"
    done
    if said=$(inside env GUARD=2 "${run[@]/%@/keep}" 2>&1); then fail "what C keeps is not found:" "$said"; fi
    [[ $said == *"ffi-guard[retained_pointer]: C kept"*someReference* ]] || fail "another report:" "$said"
}

# --- musl: a static program ---

musl_target=x86_64-unknown-linux-musl
musl_cargo() {
    # LLVM's unwinder: GCC's asks for a function of glibc's.
    inside sh -ec 'mkdir -p /out/musl
        cp "$(find /usr/lib -name libunwind.a | head -n 1)" /out/musl/libunwind.a
        musl-gcc -O2 -U_FORTIFY_SOURCE -c tests/targets/fortified.c -o /out/musl/fortified.o
        ar r /out/musl/libunwind.a /out/musl/fortified.o 2>/dev/null'
    # Debian has no standard library for musl: cargo builds it.
    inside env RUSTC_BOOTSTRAP=1 CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=musl-gcc CC_x86_64_unknown_linux_musl=musl-gcc \
        CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS="-C link-self-contained=no -C target-feature=+crt-static -C relocation-model=static -L native=/out/musl" \
        cargo "$1" --locked "${quick[@]}" -Zbuild-std=std,panic_unwind --target $musl_target "${@:2}"
}

musl() {
    local built=/out/target/$musl_target/debug/examples
    musl_cargo build --quiet "${examples[@]}"
    [[ $(inside readelf --program-headers $built/keep) != *INTERP* ]] || fail "keep is not static"
    if [ $what = keep ]; then
        inside env ${GUARD:+GUARD="$GUARD"} $built/keep
        exit
    fi
    programs "0 1 2 3" $built/@
    echo "ok: $musl_target, static: hashpass is clean at levels 0 to 3, and what C keeps in a variable is found and named"
    tests_of $musl_target musl_cargo
}

# --- 64-bit ARM, by an emulator ---

arm64_target=aarch64-unknown-linux-gnu
# An emulator with room for 8 GiB of addresses: it notes each page of what is reserved.
emulator=(qemu-aarch64 -L /usr/aarch64-linux-gnu -R 8G)
arm64_cargo() {
    # RUSTC_BOOTSTRAP as for musl: else the crates that run on this machine, and all that depends on them, are built again
    # whenever the one target follows the other.
    inside env RUSTC_BOOTSTRAP=1 CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
        CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="${emulator[*]}" FFI_GUARD_TESTS_EMULATED=1 \
        cargo "$1" --locked "${quick[@]}" --target $arm64_target "${@:2}"
}

arm64() {
    arm64_cargo build --quiet "${examples[@]}"
    programs "0 1 2" "${emulator[@]}" /out/target/$arm64_target/debug/examples/@
    echo "ok: $arm64_target, emulated: hashpass is clean at levels 0 to 2, and what C keeps in a variable is found and named"
    tests_of $arm64_target arm64_cargo
}

# --- Windows, by Wine ---

windows_target=x86_64-pc-windows-gnu
windows() {
    local wine said level rule
    if ! inside sh -c 'command -v x86_64-w64-mingw32-gcc' >/dev/null; then
        echo "skipped: $windows_target: there is no x86_64-w64-mingw32-gcc in the folder (Debian: gcc-mingw-w64-x86-64-win32)"
        return
    fi
    # Debian has no standard library for Windows: rustup brings it, into a folder of its own.
    if ! command -v rustup >/dev/null ||
        ! RUSTUP_HOME=$base/out/rustup rustup toolchain install stable --profile minimal --no-self-update -t $windows_target >"$base/rustup.log" 2>&1; then
        echo "skipped: $windows_target: rustup does not bring its standard library"
        return
    fi
    inside sh -ec 'PATH=$(echo /out/rustup/toolchains/stable-*/bin):$PATH exec "$@"' sh \
        env CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER=x86_64-w64-mingw32-gcc CC_x86_64_pc_windows_gnu=x86_64-w64-mingw32-gcc \
        CARGO_TARGET_DIR=/out/windows cargo build --quiet --locked "${quick[@]}" --target $windows_target -p ffi-guard-smoke
    for wine in wine64 wine /usr/lib/wine/wine64 ""; do
        if [ -z "$wine" ] || command -v "$wine" >/dev/null; then break; fi
    done
    if [ -z "$wine" ]; then
        echo "ok: $windows_target: a program is built; skipped: Wine is not installed (Debian: wine64), so it is not run"
        return
    fi
    inside x86_64-w64-mingw32-gcc -shared -O1 -o /out/windows/$windows_target/debug/bcryptprimitives.dll tests/targets/prng.c -ladvapi32
    for level in 0 1 2; do
        said=$(windows_run "$wine" $level clean) || fail "a right program at level $level:" "$said"
        [[ $said == *"clean came to its end"* && $said != *"ffi-guard["* ]] || fail "a right program at level $level:" "$said"
        for rule in null_pointer dangling_pointer buffer_overflow; do
            # C would fault by null, and an overrun is found from level 2 on.
            case "$level $rule" in 0* | "1 buffer_overflow") continue ;; esac
            if said=$(windows_run "$wine" $level $rule); then fail "$rule at level $level is not found:" "$said"; fi
            [[ $said == *"ffi-guard[$rule]"* ]] || fail "another report than $rule at level $level:" "$said"
        done
    done
    echo "ok: $windows_target, by Wine: a right program is clean at levels 0 to 2, and null, freed memory and an overrun are reported"
}
windows_run() {
    WINEPREFIX=$base/wine WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=" HOME=$base GUARD=$2 timeout 120 \
        "$1" "$base/out/windows/$windows_target/debug/ffi-guard-smoke.exe" "$3" 2>&1
}

if [ $what = keep ]; then musl; fi
for target in musl arm64 windows; do
    case "$wanted" in *" $target "*) $target ;; esac
done
times >"$base/out/times"
echo "- took $((SECONDS / 60)) min $((SECONDS % 60)) s; the processors were busy for (user, system): $(tail -n 1 "$base/out/times")"
