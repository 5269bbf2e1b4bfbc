#!/usr/bin/env python3
"""What `abi_mismatch` takes to read C's debug information: processor's time at a program's first guarded call.

    python3 benches/index.py [--copies N] [--runs N]

Compiles SQLite with its debug information, links N copies of it (60) into one shared library, before a small library
that a program calls (its unit is the last one that is looked at), and runs that program at level 2 with the library
as it is and stripped, N times each (7), one after the other. Prints the size of the library's debug information, the
medians, and what is between them: the reading.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def cargo(*words):
    """The JSON lines that a command of cargo's prints."""
    said = subprocess.run(["cargo", *words], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]


def sqlite_source():
    """SQLite's source, as libsqlite3-sys brings it."""
    packages = cargo("metadata", "--format-version=1", "--locked")[0]["packages"]
    folder = next(Path(it["manifest_path"]).parent for it in packages if it["name"] == "libsqlite3-sys")
    return folder / "sqlite3/sqlite3.c"


def program():
    """The program that calls the small library."""
    lines = cargo("build", "--release", "--locked", "--message-format=json", "-p", "ffi-guard-tests-split", "--bin", "one")
    return next(it["executable"] for it in lines if it.get("executable"))


def library(folder, copies):
    """The library with all copies; the bytes of its debug information and of `.debug_info` alone."""
    run = lambda *words: subprocess.run([str(word) for word in words], cwd=folder, check=True)
    run("cc", "-g", "-O1", "-fPIC", "-c", sqlite_source(), "-o", "sqlite.o")
    names = [line.split() for line in subprocess.check_output(["nm", folder / "sqlite.o"], text=True).splitlines()]
    defined = sorted({line[-1] for line in names if len(line) == 3 and line[1].isupper()})
    for i in range(copies):
        (folder / "renamed").write_text("".join(f"{name} copy{i}_{name}\n" for name in defined))
        run("objcopy", "--redefine-syms=renamed", "sqlite.o", f"{i}.o")
    run("cc", "-g", "-shared", "-fPIC", "-o", "libffgcounter.so", "-Wl,-soname,libffgcounter.so",
        *[f"{i}.o" for i in range(copies)], ROOT / "tests/split/c/counter.c", "-lm", "-pthread", "-ldl")
    sizes = subprocess.check_output(["size", "-A", folder / "libffgcounter.so"], text=True)
    sections = [line.split() for line in sizes.splitlines() if line.startswith(".debug")]
    return sum(int(it[1]) for it in sections), next(int(it[1]) for it in sections if it[0] == ".debug_info")


def timed(command, libraries):
    """The processor's time of a run, and the peak of its memory in MB."""
    process = subprocess.Popen(command, env={**os.environ, "GUARD": "2", "LD_LIBRARY_PATH": str(libraries)},
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or "ffi-guard" in said:
        raise SystemExit(f"{command} ended with {process.returncode}:\n{said}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, default=60)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    command = [program()]
    with tempfile.TemporaryDirectory() as folder:
        whole, stripped = Path(folder), Path(folder) / "stripped"
        debug, info = library(whole, options.copies)
        stripped.mkdir()
        subprocess.run(["strip", "-g", "-o", stripped / "libffgcounter.so", whole / "libffgcounter.so"], check=True)
        runs = [(timed(command, whole), timed(command, stripped)) for _ in range(options.runs)]
    (time_whole, peak_whole), (time_stripped, peak_stripped) = (
        [statistics.median(values) for values in zip(*which)] for which in zip(*runs))
    print(f"debug information: {debug / 1e6:.0f} MB, of it .debug_info {info / 1e6:.0f} MB")
    print(f"processor's time of a run: {time_whole:.2f} s, stripped {time_stripped:.2f} s: the reading takes {time_whole - time_stripped:.2f} s")
    print(f"peak memory: {peak_whole:.0f} MB, stripped {peak_stripped:.0f} MB")


if __name__ == "__main__":
    main()
