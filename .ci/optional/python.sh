#!/usr/bin/env bash
# A Python interpreter on C's heap over ours: heavy standard modules, threads, fork and exec, at each level, print what they print
# without it. Python takes its objects from malloc here (PYTHONMALLOC), so that all of them come by us.
set -euo pipefail
cd "$(dirname "$0")/../.."

command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 0; }
case "$(uname -sm)" in "Linux x86_64") ;; *) echo "skipped: c-heap is for Linux x86-64"; exit 0 ;; esac

cargo build --release --locked --quiet -p ffi-guard-preload --features c-heap --target-dir target/tmp/preload
library=$PWD/target/tmp/preload/release/libffi_guard_preload.so

program='
import asyncio, ctypes, decimal, hashlib, json, multiprocessing, subprocess, sys, threading, xml.dom.minidom, zlib
def work(n): return sum(len(json.dumps(list(range(n)))) for _ in range(60))
print(work(1000))
try:
    import sqlite3
    c = sqlite3.connect(":memory:")
    c.execute("create table t(a, b)")
    c.executemany("insert into t values(?, ?)", [(i, "x" * i) for i in range(2000)])
    print(c.execute("select sum(length(b)) from t").fetchone())
except ImportError: print("no sqlite3")
done = []
threads = [threading.Thread(target=lambda: done.append(len([bytearray(n * 50) for n in range(2000)]))) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(done))
print(subprocess.run(["echo", "from a child"], capture_output=True).stdout)
with multiprocessing.get_context("fork").Pool(2) as pool: print(pool.map(work, range(50, 60)))
print(decimal.Decimal(2).sqrt(), hashlib.sha256(b"x" * 10**6).hexdigest(), len(zlib.compress(b"y" * 10**6)))
async def wait(n): await asyncio.sleep(0); return n
async def all(): return sum(await asyncio.gather(*(wait(n) for n in range(2000))))
print(asyncio.run(all()))
print(len(xml.dom.minidom.parseString("<a>" + "<b c=\"d\"/>" * 5000 + "</a>").toxml()))
s = ctypes.create_string_buffer(100); ctypes.memset(s, 65, 99); print(s.value)
'
expected=$(PYTHONMALLOC=malloc python3 -c "$program")
for setting in GUARD=0 GUARD=1 GUARD=2 GUARD=3 "GUARD=1 GUARD_SAMPLE=10" "GUARD=2 GUARD_SAMPLE=100"; do
    # shellcheck disable=SC2086 # Two variables are two words.
    found=$(env $setting PYTHONMALLOC=malloc LD_PRELOAD="$library" python3 -c "$program")
    [ "$found" = "$expected" ] || { echo "python with $setting:"; diff <(echo "$expected") <(echo "$found"); exit 1; }
    echo "python over C's heap with $setting: as without"
done
