#!/usr/bin/env bash
# What `cargo ffi-guard report` writes, seen by others: SARIF by its schema, our own lines by ours, JUnit by an XML reader, the page by
# headless Chromium; and four shards put together are the whole.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --quiet --locked -p cargo-ffi-guard
tool=$PWD/target/debug/cargo-ffi-guard
lines=$PWD/ffi-guard/tests/lines.jsonl
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

status=0
"$tool" report "$lines" --sarif "$out/a.sarif" --junit "$out/a.xml" --html "$out/a.html" --json "$out/a.json" >"$out/a.txt" || status=$?
[ "$status" = 1 ] || { echo "findings do not fail the run: $status"; exit 1; }
"$tool" report "$lines" --baseline "$out/a.json" | tail -n 1 | grep -q '^ffi-guard: nothing new, ' ||
    { echo "a baseline does not know its own findings"; exit 1; }

# Shards: each fourth line of a run of 200 times the lines.
mkdir "$out/shards"
for _ in $(seq 200); do cat "$lines"; done >"$out/whole.jsonl"
for shard in 0 1 2 3; do awk "NR % 4 == $shard" "$out/whole.jsonl" >"$out/shards/$shard.jsonl"; done
"$tool" report "$out/whole.jsonl" --json "$out/whole.json" >/dev/null || true
"$tool" report "$out/shards" --json "$out/merged.json" >/dev/null || true
cmp "$out/whole.json" "$out/merged.json" || { echo "four shards are not the whole"; exit 1; }

# The recipe of docs/src/report.md: nextest's own shards of a suite, each a run of its own, and the merge step.
if cargo nextest --version >/dev/null 2>&1; then
    suite=$PWD/target/report-suite
    rm -rf "$suite/src" "$suite"/guard-*
    mkdir -p "$suite/src"
    printf '[package]\nname = "suite"\nversion = "0.1.0"\nedition = "2024"\n\n[workspace]\n' >"$suite/Cargo.toml"
    {
        printf 'unsafe extern "C" { pub fn strlen(text: *const std::ffi::c_char) -> usize; }\n#[cfg(test)]\nmod tests {\n'
        for number in $(seq 12); do
            # Each third test is right, each other third has one of two mistakes; two tests share a function that has one.
            case $((number % 3)) in
            0) body='unsafe { super::strlen(c"right".as_ptr()) };' ;;
            1) body='let gone = std::ffi::CString::new("gone").unwrap().as_ptr(); unsafe { super::strlen(gone) };' ;;
            2) body='shared();' ;;
            esac
            printf '    #[test]\n    fn test_%s() {\n        %s\n    }\n' "$number" "$body"
        done
        printf '    fn shared() {\n        let text = vec![1_u8; 24];\n        let end = text.as_ptr().wrapping_add(24);\n'
        printf '        drop(text);\n        unsafe { super::strlen(end.wrapping_sub(8).cast()) };\n    }\n}\n'
    } >"$suite/src/lib.rs"
    run() {
        (cd "$suite" && GUARD_ON_VIOLATION=report CARGO_FFI_GUARD_RUNTIME_DIR="${CARGO_FFI_GUARD_RUNTIME_DIR:-$suite/runtime}" \
            "$tool" ffi-guard nextest run --offline --report "$suite/$1" "${@:2}") >"$out/$1.txt" 2>&1 ||
            { cat "$out/$1.txt"; exit 1; }
    }
    run guard-whole
    for shard in 1 2 3 4; do run "guard-$shard" --partition "hash:$shard/4"; done
    (cd "$suite" && "$tool" ffi-guard report guard-whole --json "$out/whole.json" >"$out/whole.txt") || true
    (cd "$suite" && "$tool" ffi-guard report guard-[1-4]/ --json "$out/merged.json" >"$out/merged.txt") || true
    cmp "$out/whole.json" "$out/merged.json" || { echo "four shards of nextest are not the whole"; exit 1; }
    tail -n 1 "$out/whole.txt" | grep -q '^ffi-guard: 5 findings' || { echo "other findings than the suite has"; cat "$out/whole.txt"; exit 1; }
    parts=$(for shard in 1 2 3 4; do ls "$suite/guard-$shard"; done | wc -l)
    [ "$parts" -gt 1 ] || { echo "all findings are in one shard, so that nothing was merged"; exit 1; }
    echo "ok: four shards of nextest, put together, are the whole: $(tail -n 1 "$out/whole.txt")"
else
    echo "skipped: shards of nextest: cargo-nextest is not installed"
fi

python3 -c 'import sys, xml.dom.minidom as x; print("ok: JUnit:", len(x.parse(sys.argv[1]).getElementsByTagName("testcase")), "cases")' "$out/a.xml"

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    python3 -c 'import jsonschema' 2>/dev/null && command -v chromedriver >/dev/null ||
        apt-get install -y -qq --no-install-recommends python3-jsonschema chromium chromium-driver fonts-dejavu-core >/dev/null 2>&1 || true
fi
if python3 -c 'import jsonschema' 2>/dev/null; then
    python3 tests/report/valid.py --lines docs/report-1.schema.json "$lines"
    if metadata=$(cargo metadata --format-version 1 --manifest-path tests/report/sarif/Cargo.toml 2>/dev/null); then
        schema=$(python3 -c 'import json, sys, pathlib
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "serde-sarif":
        print(next(pathlib.Path(package["manifest_path"]).parent.rglob("schema.json")))' <<<"$metadata")
        python3 tests/report/valid.py "$schema" "$out/a.sarif"
    else
        echo "skipped: SARIF against its schema: the crate that has it cannot be fetched"
    fi
else
    echo "skipped: schemas: python3-jsonschema is not installed"
fi
if command -v chromedriver >/dev/null; then
    python3 - "$lines" >"$out/big.jsonl" <<'PYTHON'
import sys
lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
for number in range(10_000):
    print(lines[number % len(lines)].replace('"module":"', f'"module":"crate{number}::', 1) if '"function":{' in lines[number % len(lines)]
          else lines[0].replace('"module":"', f'"module":"crate{number}::', 1))
PYTHON
    "$tool" report "$out/big.jsonl" --html "$out/big.html" >/dev/null || true
    python3 tests/report/page.py "$out/a.html" "$out/big.html" ${PICTURES:+"$PICTURES"}
else
    echo "skipped: the page in a browser: chromedriver is not installed"
fi
