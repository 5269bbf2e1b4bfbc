#!/usr/bin/env bash
# A static executable with C's heap over ours: it still checks.
set -euo pipefail
cd "$(dirname "$0")/../.."

case "$(uname -sm)" in "Linux x86_64") ;; *) echo "skipped: c-heap is for Linux x86-64"; exit 0 ;; esac
target=x86_64-unknown-linux-gnu
[ -e "$(cc -print-file-name=libc.a)" ] && [ "$(cc -print-file-name=libc.a)" != libc.a ] ||
    { echo "skipped: there is no libc.a"; exit 0; }

RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --quiet -p c-fixtures --example keep_in_heap --features c-heap \
    --target $target --target-dir target/tmp/static
program=target/tmp/static/$target/debug/examples/keep_in_heap
if command -v file >/dev/null; then
    file "$program" | grep -Eq 'static(ally|-pie) linked' || { file "$program"; echo "it is not static"; exit 1; }
else
    echo "skipped: there is no file(1) to say that it is static"
fi
for level in 0 1 2; do
    [ "$(GUARD=$level "$program" clean)" = 7 ] || { echo "clean at level $level"; exit 1; }
done
if said=$(GUARD=2 "$program" 2>&1); then echo "what C keeps is not found: $said"; exit 1; fi
case "$said" in
    *"ffi-guard[retained_pointer]: C kept"*"C's heap"*) echo "a static executable: C's heap is searched" ;;
    *) echo "another report: $said"; exit 1 ;;
esac
