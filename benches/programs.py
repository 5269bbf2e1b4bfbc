#!/usr/bin/env python3
"""Whole programs with the guard and without: processor's time and peak memory as multiples of the plain program's.

    python3 benches/programs.py [--rounds N] [--only NAME,..] [--valgrind] [--write]

Builds `benches/programs` in release mode as it is, under the guard, under the guard with `c-heap`, with mimalloc (a
yardstick) and, where a nightly toolchain is installed, under AddressSanitizer (Rust instrumented, C as it is). Then runs
each program in each build in turn, N rounds (5), and prints medians. `--valgrind` adds memcheck, one round. `--write`
puts the tables and a plot into docs/src/cost.md. A single cell by hand:

    cd benches/programs && cargo build --release --features guard --target-dir ../../target/tmp/programs-guard
    GUARD=1 ../../target/tmp/programs-guard/release/ffi-guard-programs json
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "benches/programs"
PROGRAMS = {
    "json": "JSON parsed and written, 20,000 objects",
    "words": "hash map and tree of 400,000 texts",
    "threads": "the same on two threads",
    "regex": "60 regexes compiled and run",
    "buffers": "20,000 buffers of 32 KiB that grow once",
    "push": "a `Vec<u8>` pushed to 256 KiB, 300 times",
    "zlib": "zlib over 16 MiB in 16 KiB steps",
    "crc32": "5 million calls of crc32 over 8 bytes",
    "sqlite": "SQLite, 100,000 rows",
}
# Column, the build that it is of, variables.
COLUMNS = [
    ("plain", "plain", {}),
    ("level 0", "guard", {"GUARD": "0"}),
    ("level 1", "guard", {"GUARD": "1"}),
    ("level 2", "guard", {"GUARD": "2"}),
    ("c-heap, 1", "c-heap", {"GUARD": "1"}),
    ("c-heap, 2", "c-heap", {"GUARD": "2"}),
    ("mimalloc", "mimalloc", {}),
    ("ASan", "asan", {"ASAN_OPTIONS": "detect_leaks=0"}),
]


def build(kind):
    """The program of a build, or why there is none."""
    env = {key: value for key, value in os.environ.items() if key not in ("RUSTC_WRAPPER", "CARGO_TARGET_DIR", "RUSTFLAGS")}
    target = ROOT / f"target/tmp/programs-{kind}"
    words = ["cargo", "build", "--release", "--quiet", "--target-dir", str(target)]
    place = target / "release"
    if kind == "asan":
        host = next(line.split()[1] for line in subprocess.check_output(["rustc", "-vV"], text=True).splitlines() if line.startswith("host"))
        if not shutil.which("rustup") or "nightly" not in subprocess.check_output(["rustup", "toolchain", "list"], text=True):
            return None, "no nightly toolchain"
        words[1:1] = ["+nightly"]
        words += ["--target", host]
        env["RUSTFLAGS"] = "-Zsanitizer=address"
        place = target / host / "release"
    elif kind != "plain":
        words += ["--features", kind]
    done = subprocess.run(words, cwd=PACKAGE, env=env, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return None, done.stderr.strip().splitlines()[-1]
    return place / "ffi-guard-programs", None


def measure(words, variables):
    """Processor's time in seconds, peak memory in MiB, and what the command printed."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("GUARD")} | variables
    child = subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said, errors = child.stdout.read(), child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))} with {variables} ended with {child.returncode}:\n{errors}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said


def table(head, rows):
    lines = [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines)


def plot(names, columns, ratios):
    """Bars of the ratios on a logarithmic scale, as SVG. It takes the page's own text colour."""
    import math

    colours = {"level 1": "#2a9d6f", "level 2": "#e09f3e", "ASan": "#9b5de5"}
    shown = [column for column in columns if column in colours]
    left, width, bar, gap = 90, 560, 9, 10
    most = max(max(ratios[name][column] for column in shown if column in ratios[name]) for name in names)
    scale = lambda value: left + width * math.log(max(value, 1.0)) / math.log(max(most, 2.0))
    height = 34 + len(names) * (len(shown) * bar + gap)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 60} {height}" font-family="sans-serif" font-size="11" fill="#888">']
    for index, column in enumerate(shown):
        out.append(f'<rect x="{left + 90 * index}" y="4" width="10" height="10" fill="{colours[column]}"/><text x="{left + 14 + 90 * index}" y="13">{column}</text>')
    y = 26
    for name in names:
        out.append(f'<text x="{left - 6}" y="{y + len(shown) * bar / 2 + 4:.0f}" text-anchor="end">{name}</text>')
        for column in shown:
            if column in ratios[name]:
                value = ratios[name][column]
                out.append(f'<rect x="{left}" y="{y}" width="{max(scale(value) - left, 1):.1f}" height="{bar - 1}" fill="{colours[column]}"><title>{name}, {column}: {value:.2f}</title></rect>')
                out.append(f'<text x="{scale(value) + 4:.1f}" y="{y + bar - 2}" font-size="9">{value:.2f}</text>')
            y += bar
        y += gap
    out.append(f'<line x1="{left}" y1="22" x2="{left}" y2="{height - 6}" stroke="#888"/></svg>')
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(PROGRAMS))
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - set(PROGRAMS):
        parser.error(f"no such program: {', '.join(sorted(unknown))}; there are {', '.join(PROGRAMS)}")
    built, columns = {}, []
    for column, kind, variables in COLUMNS:
        if kind not in built:
            built[kind], why = build(kind)
            if why:
                print(f"skipped: {kind}: {why}", flush=True)
        if built[kind]:
            columns.append((column, [str(built[kind])], variables))
    time = {name: {column: [] for column, _, _ in columns} for name in names}
    memory = {name: {column: [] for column, _, _ in columns} for name in names}
    for _ in range(options.rounds):
        for name in names:
            said = set()
            for column, words, variables in columns:
                seconds, peak, printed = measure([*words, name], variables)
                time[name][column].append(seconds)
                memory[name][column].append(peak)
                said.add(printed)
            if len(said) != 1:
                sys.exit(f"{name} prints different sums: {said}")
    if options.valgrind and shutil.which("valgrind"):
        for name in names:
            seconds, peak, _ = measure(["valgrind", "-q", str(built["plain"]), name], {})
            time[name]["memcheck"], memory[name]["memcheck"] = [seconds], [peak]
        columns.append(("memcheck", [], {}))
    heads = [column for column, _, _ in columns]
    ratios = {name: {c: statistics.median(t) / statistics.median(time[name]["plain"]) for c, t in time[name].items()} for name in names}
    def rows(of, unit, form):
        out = []
        for name in names:
            plain = statistics.median(of[name]["plain"])
            cells = [form.format(plain) + unit] + [f"{statistics.median(of[name][c]) / plain:.2f}" for c in heads[1:]]
            out.append([f"{PROGRAMS[name]} (`{name}`)", *cells])
        return out
    times = table(["program", *heads], rows(time, " s", "{:.2f}"))
    peaks = table(["program", *heads], rows(memory, " MiB", "{:.0f}"))
    print(f"Processor's time:\n\n{times}\n\nPeak memory:\n\n{peaks}")
    if options.write:
        (ROOT / "docs/src/programs.svg").write_text(plot(names, heads, ratios))
        page = ROOT / "docs/src/cost.md"
        text = page.read_text()
        for mark, value in (("programs", times), ("memory", peaks)):
            text = re.sub(f"(<!-- {mark} -->\n).*?(<!-- end of {mark} -->)", lambda m: m[1] + value + "\n" + m[2], text, flags=re.S)
        page.write_text(text)


if __name__ == "__main__":
    main()
