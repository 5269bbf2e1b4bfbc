#!/usr/bin/env bash
# Who finds what: builds the programs of this folder for each tool, runs all of them, and prints the tables of
# docs/src/comparison.md.
#
#     tests/compare/run.sh                  all tools that are here; prints
#     tests/compare/run.sh --write          the same, into docs/src/comparison.md
#     tests/compare/run.sh --check          compares what each tool finds with what is written there; exit status 1: it differs
#     tests/compare/run.sh --only plain,1,2 these tools alone: plain, 1, 2, 3, copy, heap, asan, asan-c, memcheck
#     tests/compare/run.sh --rows a,b       these programs alone (not with --write)
#     tests/compare/run.sh --runs 5         so many runs of each program for the times; 1 with --check
#     tests/compare/run.sh --no-sqlite      without the heavier program
#     tests/compare/run.sh --debug          debug builds in the workspace's own folder: quicker to build, not with --write
#
# AddressSanitizer needs an unstable flag of rustc; RUSTC_BOOTSTRAP=1 lets the stable one take it. The crate cc, seeing that
# flag, compiles C for AddressSanitizer as well: "C as it is" therefore takes it back.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=target/compare
triple=x86_64-unknown-linux-gnu
programs=$target/programs
only=plain,1,2,3,copy,heap,asan,asan-c,memcheck
sqlite=yes
debug=
write=
previous=
for argument in "$@"; do
    [ "$previous" = --only ] && only=$argument
    [ "$argument" = --no-sqlite ] && sqlite=
    [ "$argument" = --check ] && sqlite=
    [ "$argument" = --debug ] && debug=yes sqlite=
    [ "$argument" = --write ] && write=yes
    previous=$argument
done
[ -z "$debug" ] || [ -z "$write" ] || { echo "--write takes release builds" >&2; exit 1; }
features=${sqlite:+sqlite}
native=$target/native
profile=(--release)
profile_folder=release
if [ -n "$debug" ]; then native=target profile=() profile_folder=debug; fi
mkdir -p "$programs"
rm -f "$programs"/*.skipped

wanted() { case ",$only," in *",$1,"*) true ;; *) false ;; esac; }

build() { # variant, folder, features, further arguments of cargo
    local variant=$1 folder=$2 features=$3
    shift 3
    cargo build --locked --quiet "${profile[@]}" -p ffi-guard-compare --bin compare --no-default-features \
        --features "$features" --target-dir "$folder" "$@"
    cp "$folder/${triple_folder:-}$profile_folder/compare" "$programs/$variant"
}

skip() { echo "$2" >"$programs/$1.skipped"; rm -f "$programs/$1"; }

asan() { # variant, CFLAGS
    if [ "$(uname -sm)" != "Linux x86_64" ]; then
        skip "$1" "measured on Linux x86-64 alone"
    elif ! ls "$(rustc --print sysroot)/lib/rustlib/$triple/lib/"librustc*_rt.asan.a >/dev/null 2>&1; then
        skip "$1" "this toolchain has no runtime of AddressSanitizer"
    else
        # `-fno-omit-frame-pointer`: its own reports then have their frames.
        RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CFLAGS="$2 -fno-omit-frame-pointer" triple_folder=$triple/ \
            build "$1" "$target/$1" "$features" --target $triple
    fi
}

if wanted plain || wanted memcheck; then build plain "$native" "$features"; fi
if wanted 1 || wanted 2 || wanted 3 || wanted copy; then build guard "$native" "guard${features:+,$features}"; fi
if wanted heap; then build heap "$native" "c-heap${features:+,$features}"; fi
if wanted asan; then asan asan -fno-sanitize=address; fi
if wanted asan-c; then asan asan-c -fsanitize=address; fi
if wanted memcheck && ! command -v valgrind >/dev/null; then skip memcheck "valgrind is not installed"; fi

cargo build --locked --quiet "${profile[@]}" -p ffi-guard-compare --bin table --no-default-features --target-dir "$native"
exec "$native/$profile_folder/table" "$programs" "$@"
