#!/usr/bin/env python3
"""The declarations of published -sys crates beside what their C libraries really define, by `cargo ffi-guard abi`. None may differ.

    tests/reach/declarations.py [NAME..]
    tests/reach/declarations.py --mutate 200 [--seed 1] [NAME..]

`--mutate` changes copies of the crates by that many random mistakes, one for each
function or struct, and says which of them were not told.
"""

import argparse
import json
import random
import shutil
import sys
from pathlib import Path

import mistakes
from checked import WORK, Skipped, fetch, package, run, table, tool, write

# Crates with C of their own, and how cargo is asked for them.
CRATES = {
    "libsqlite3-sys": ("0.38.2", ["bundled"], True),
    "libz-sys": ("1.1.33", ["static"], True),
    "zstd-sys": ("2.1.3", ["experimental"], True),
    "bzip2-sys": ("0.1.13", ["static"], True),
    "libgit2-sys": ("0.18.8", ["vendored"], False),
    "lz4-sys": ("1.11.1", [], True),
    "lzma-sys": ("0.1.20", ["static"], True),
    "secp256k1-sys": ("0.11.0", ["recovery"], True),
    "libz-ng-sys": ("1.1.33", [], True),
    "libnghttp2-sys": ("0.1.13", [], True),
    "libmimalloc-sys": ("0.1.49", ["extended"], True),
    "mlua-sys": ("0.10.0", ["lua54", "vendored"], False),
    "curl-sys": ("0.4.91", ["static-curl"], False),
}
# Only if it is named: to build it runs all tests of the library.
NAMED = {"libsodium-sys": ("0.2.7", [], True)}
# A program that they need to be built.
NEEDS = {"libz-ng-sys": "cmake", "libsodium-sys": "make"}


def wish(name, path=None):
    """What stands behind a crate's name in the manifest."""
    version, features, default = (CRATES | NAMED)[name]
    where = f'path = "{path}"' if path else f'version = "={version}"'
    return f'{{ {where}, features = {json.dumps(features)}, default-features = {str(default).lower()} }}'


def program(folder, wishes):
    """A library that uses each of the crates, so that all of them are linked. The program beside it calls nothing."""
    uses = "".join(f"pub use {name.replace('-', '_')};\n" for name in wishes)
    package(folder, folder.name, wishes, "fn main() {}\n")
    write(folder / "src/lib.rs", uses)
    fetch(folder)


def compare(folder, *more):
    """Runs the command. Returns its status, what it printed, the object that it wrote, and the seconds it took."""
    into = folder / "abi.json"
    into.unlink(missing_ok=True)
    words = [tool(), "ffi-guard", "abi", "--json", str(into), "--lib", *more]
    status, said, took = run(words, folder, CARGO_TARGET_DIR=WORK / "declarations-target")
    return status, said, json.loads(into.read_text()) if into.exists() else None, took


def reasons(row):
    """Why functions were not compared."""
    return "; ".join(f"{it['functions']}: {it['why']}" for it in row["not_compared"]) or "-"


def check(names):
    """Compares the crates as they are."""
    folder = WORK / "declarations"
    program(folder, {name: wish(name) for name in names})
    status, said, found, took = compare(folder)
    if found is None:
        sys.exit(said[-3000:])
    crates = {name.replace("-", "_"): name for name in names}
    rows = []
    for row in found["crates"]:
        if row["crate"] in crates:
            name = crates[row["crate"]]
            rows.append([f"{name} {(CRATES | NAMED)[name][0]}", row["functions"], row["compared"], row["mismatches"], reasons(row)])
    rows.append(["all", *[sum(row[column] for row in rows) for column in (1, 2, 3)], ""])
    text = table(["crate", "functions", "compared", "differ", "not compared"], rows)
    print(text + f"\n{took:.0f} s")
    if status != 0:
        print(said[said.find("\nffi-guard[") :])
    return status


def compiled(file, original, files, copy):
    """The file of the copy that was compiled as this one. A build script may have copied it elsewhere."""
    if file.is_relative_to(original):
        return [copy / file.relative_to(original)]
    text = file.read_text() if file.exists() else None
    return [other for other, its in files.items() if its == text][:1]


def mutate(names, count, seed):
    """Compares copies of the crates in which declarations are wrong on purpose."""
    folder = WORK / "declarations"
    program(folder, {name: wish(name) for name in names})
    status, said, before, _ = compare(folder)
    if before is None:
        sys.exit(said[-3000:])
    _, said, _ = run(["cargo", "metadata", "--format-version=1"], folder)
    packages = json.loads(next(line for line in said.splitlines() if line.startswith("{")))["packages"]
    chance = random.Random(seed)
    made, copies, led = [], {}, set()
    for name in names:
        krate = name.replace("-", "_")
        original = next(Path(it["manifest_path"]).parent for it in packages if it["name"] == name)
        copies[name] = copy = WORK / "mutated" / name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(original, copy, ignore=shutil.ignore_patterns("Cargo.lock", ".cargo"))
        files = {file: file.read_text() for file in sorted(copy.glob("**/*.rs"))}
        same = [it for it in before["functions"] if it["result"] == "same" and it["crate"] == krate]
        # By the file, too: a crate has the same declarations for other features or systems in files that are not compiled.
        compared = {(file, it["name"]): it["line"] for it in same for file in compiled(Path(it["file"]), original, files, copy)}
        chosen, more = mistakes.choose(krate, files, compared, chance)
        made += chosen
        led |= {(krate, function) for function in more}
    chance.shuffle(made)
    # There are many more functions than structs.
    made.sort(key=lambda it: not it[1].kind.endswith(("added", "swapped")))
    made = made[:count]
    for file in {file for file, _ in made}:
        file.write_text(mistakes.applied(file.read_text(), [it for other, it in made if other == file]))
    folder = WORK / "declarations-mutated"
    program(folder, {name: wish(name, copies[name]) for name in names})
    status, said, after, took = compare(folder)
    if after is None:
        sys.exit(said[-3000:])
    told = {(it["crate"], it["name"]) for it in after["functions"] if it["result"] == "differs"}
    missed = [it for _, it in made if not any((it.krate, function) in told for function in it.functions)]
    kinds = {}
    for _, it in made:
        seen, all_of = kinds.get(it.kind, (0, 0))
        kinds[it.kind] = (seen + (it not in missed), all_of + 1)
    print(table(["mistake", "made", "told"], [[kind, all_of, seen] for kind, (seen, all_of) in sorted(kinds.items())]))
    changed = led | {(it.krate, function) for _, it in made for function in it.functions}
    false = sorted(told - changed)
    for it in missed:
        print(f"missed: {it.kind} of {it.what}: {it.old!r} -> {it.new!r}")
    for krate, function in false:
        print(f"told without a mistake: {krate}::{function}")
    print(f"{len(made)} mistakes (seed {seed}), {len(made) - len(missed)} told, {len(false)} told that were not made, {took:.0f} s")
    return 1 if missed or false or len(made) < count else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--mutate", type=int, metavar="N", help="change this many declarations, and see that each is told")
    parser.add_argument("--seed", type=int, default=1, help="of the choice")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CRATES | NAMED))
    options = parser.parse_args()
    unknown = set(options.names) - set(CRATES) - set(NAMED)
    if unknown:
        parser.error(f"no such crate: {', '.join(sorted(unknown))}")
    names = options.names or list(CRATES)
    for name in [name for name in names if name in NEEDS and not shutil.which(NEEDS[name])]:
        print(f"skipped: {name}: {NEEDS[name]} is not installed")
        names = [other for other in names if other != name]
    try:
        status = mutate(names, options.mutate, options.seed) if options.mutate else check(names)
    except Skipped as why:
        print(f"skipped: {why}")
        status = 0
    sys.exit(status)


if __name__ == "__main__":
    main()
