#!/usr/bin/env python3
"""Test suites of published crates, as they are and under `cargo ffi-guard test` at level 2 with C's heap. Each must compile so, pass
its own tests, and break no rule. Prints a table; `--write` puts it into docs/src/reach.md.

    tests/reach/suites.py [--write] [--rounds N] [NAME..]
"""

import argparse
import json
import re
import resource
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from checked import WORK, Skipped, empty, fetch, first_line, needs, package, put_into_page, reports, run, short, table, tool, write


@dataclass
class Suite:
    """A published version, and how its tests are run."""

    name: str
    version: str
    features: str = ""
    default: bool = True
    # Names of tests that are left out, with the reason.
    left_out: dict = field(default_factory=dict)
    # A file that the system must have, below /usr, and Debian's package with it.
    library: tuple = ()
    # A file that the tests read and the registry has not, with the command that makes it from another.
    made: tuple = ()
    # Folders that it has in its repository beside itself, as dependencies in the registry.
    linked: dict = field(default_factory=dict)
    # Mistakes of the crate itself that are to be found: rule and function, if there is one, with the proof.
    bugs: dict = field(default_factory=dict)

    def options(self):
        """Cargo's options."""
        features = ["--features", self.features] if self.features else []
        # Names and lines are all that a report asks for.
        lines = ["--config", 'profile.dev.debug="line-tables-only"']
        return features + ([] if self.default else ["--no-default-features"]) + lines

    def filters(self):
        """The options of the test programs."""
        return [word for name in self.left_out for word in ("--skip", name)]


SUITES = [
    Suite("rusqlite", "0.40.2", "bundled"),
    Suite("flate2", "1.1.11", "zlib", default=False),
    Suite("zstd", "0.13.5", made=("assets/example.txt.zst", ["zstd", "-q", "assets/example.txt"]),
          linked={"zstd-safe/zstd-sys": "zstd-sys"}),
    Suite("git2", "0.21.0", "vendored-libgit2", default=False, bugs={
        ("leaked_ownership", "git_packbuilder_write"):
            "`PackBuilder::write` gives the address of a `Box` by `Box::into_raw`, and takes it back nowhere",
        ("dangling_field", "git_submodule_clone"):
            "`FetchOptions::raw` without callbacks takes `RemoteCallbacks::new().raw()`, whose `payload` is the address of that temporary",
        ("use_after_free", None):
            "the test `non_utf8_branch` frees `as_commit` and `peeled`, which are one object with one reference: the second free lowers the "
            "count that the cache has, and closing the repository lowers it in freed memory",
    }),
    Suite("curl", "0.4.51", "static-curl", library=("include/**/openssl/opensslconf.h", "libssl-dev")),
    Suite("openssl", "0.10.82", library=("include/**/openssl/opensslconf.h", "libssl-dev")),
    Suite("mlua", "0.11.6", "lua54,vendored"),
    Suite("secp256k1", "0.31.1", "rand,hashes,global-context"),
    Suite("bzip2", "0.4.4"),
]


def source(suite):
    """A copy of the version's own source, as the registry has it."""
    asking = WORK / "ask" / suite.name
    features = json.dumps(suite.features.split(",")) if suite.features else "[]"
    package(asking, "ask", {suite.name: f'{{ version = "={suite.version}", features = {features} }}'}, "fn main() {}\n")
    fetch(asking)
    status, said, _ = run(["cargo", "metadata", "--format-version=1"], asking)
    if status != 0:
        raise Skipped(first_line(said))
    found = next(line for line in said.splitlines() if line.startswith("{"))
    folders = {it["name"]: Path(it["manifest_path"]).parent for it in json.loads(found)["packages"]}
    original = folders[suite.name]
    copy = WORK / "suites" / f"{suite.name}-{suite.version}"
    if not copy.exists():
        shutil.copytree(original, copy, ignore=shutil.ignore_patterns("Cargo.lock", ".cargo"))
    manifest = (copy / "Cargo.toml").read_text()
    if "[workspace]" not in manifest:
        # What it depends on may have called something old since; in the registry that would be no error of its users'.
        lints = "" if "[lints" in manifest else '\n[lints.rust]\ndeprecated = "allow"\n'
        write(copy / "Cargo.toml", manifest + "\n[workspace]\n" + lints)
    for path, name in suite.linked.items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        if not (copy / path).is_symlink():
            (copy / path).symlink_to(folders[name])
    if suite.made:
        path, words = suite.made
        if not shutil.which(words[0]):
            raise Skipped(f"its tests read {path}, which {words[0]} makes, and that is not installed")
        if not (copy / path).exists():
            run(words, copy)
    fetch(copy)
    return copy


def passed(said):
    """How many tests passed, and the names of those that did not."""
    counts = [int(n) for n in re.findall(r"^test result: \w+\. (\d+) passed", said, re.M)]
    return sum(counts), re.findall(r"^test (.*) \.\.\. FAILED", said, re.M)


def programs(said, folder):
    """The test programs that cargo says it ran."""
    return [folder / path for path in re.findall(r"^ +Running .* \((.+)\)$", said, re.M)]


def processor_time(suite, copy, files, rounds, **more):
    """The seconds of processor time that the test programs take, all together: the least of the rounds."""
    crate = {"CARGO_MANIFEST_DIR": copy, "CARGO_PKG_NAME": suite.name, "CARGO_PKG_VERSION": suite.version}
    took = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for file in files:
            run([str(file), "-q", *suite.filters()], copy, **crate, **more)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(took)


def check(suite, rounds):
    """Runs a suite in both ways. Returns its row of the table, and what is wrong."""
    if suite.library:
        needs(suite.library)
    copy = source(suite)
    own = {"CARGO_TARGET_DIR": WORK / "suites-target"}
    tests = [*suite.options(), "--no-fail-fast"]
    rest = ["--", *suite.filters()]
    status, said, plain_build = run(["cargo", "test", *tests, "--no-run"], copy, **own)
    if status != 0:
        raise Skipped("does not build without ffi-guard either: " + first_line(said))
    _, said, _ = run(["cargo", "test", *tests, "--lib", "--tests", *rest], copy, **own)
    (n_plain, failed_plain), plain_files = passed(said), programs(said, copy)

    folder = empty(WORK / "reports" / suite.name)
    guarded = [tool(), "ffi-guard", "test", "--level", "2", "--c-heap", "--coverage", "--report", str(folder), *tests]
    status, said, build = run([*guarded, "--no-run"], copy, **own)
    if status != 0:
        return None, ["does not compile under the guard:", said[-3000:]]
    status, said, _ = run([*guarded, "--lib", "--tests", *rest], copy, **own)
    (WORK / "reports" / f"{suite.name}.log").write_text(said)
    (n, failed), files = passed(said), programs(said, copy)
    wrong, by_rule, found = [], {}, set()
    for it in reports(folder):
        by_rule[it["rule"]] = by_rule.get(it["rule"], 0) + 1
        site = it["site"] or {"file": "", "line": 0}
        key = (it["rule"], (it["function"] or {}).get("name"))
        if key in suite.bugs:
            found.add(key)
        else:
            wrong.append(f"{it['rule']}: {it['message']} at {short(site['file'])}:{site['line']}")
    wrong += [f"a bug of the crate is not found: {' of '.join(filter(None, key))}" for key in suite.bugs if key not in found]
    if failed != failed_plain or n != n_plain:
        wrong.append(f"{n} tests pass, {n_plain} without ffi-guard; fail: {', '.join(sorted(set(failed) - set(failed_plain)))}")
    guarded_of = re.search(r"guarded (\d+) of (\d+) functions", said)
    bare = [line.strip() for line in said.splitlines() if re.match(r"  (bare|statics|macro calls|compiled as)", line)]
    plain = processor_time(suite, copy, plain_files, rounds)
    ratio = lambda level: f"{processor_time(suite, copy, files, rounds, GUARD=level) / max(plain, 0.001):.2f}"
    row = [
        f"{suite.name} {suite.version}",
        n,
        f"{guarded_of[1]} of {guarded_of[2]}" if guarded_of else "?",
        "; ".join(shorten(line) for line in bare) or "none",
        ", ".join(f"{rule} {count}" for rule, count in sorted(by_rule.items())) or "none",
        f"{plain:.2f}",
        ratio(1),
        ratio(2),
        f"{plain_build:.0f}",
        f"{build:.0f}",
    ]
    return row, wrong


def shorten(line):
    """A line of the coverage's table with at most three names."""
    head, _, names = line.partition(": ")
    names = names.split(", ")
    return f"{len(names)} {head.removeprefix('bare, ')}" if head.startswith("bare") or head == "statics" else line


HEAD = ["suite", "tests", "functions guarded", "bare", "reports", "plain, s", "level 1", "level 2", "build, s", "checked build, s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/src/reach.md")
    parser.add_argument("--rounds", type=int, default=1, help="how often each program is run for its time; the shortest counts")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(suite.name for suite in SUITES))
    options = parser.parse_args()
    unknown = set(options.names) - {suite.name for suite in SUITES}
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    rows, is_wrong = [], False
    for suite in SUITES:
        if options.names and suite.name not in options.names:
            continue
        try:
            row, wrong = check(suite, options.rounds)
        except Skipped as why:
            print(f"skipped: {suite.name}: {why}", flush=True)
            continue
        for line in wrong:
            is_wrong = True
            print(f"{suite.name}: {line}", flush=True)
        if row:
            rows.append(row)
            print(table(HEAD, [row]), flush=True)
    if rows:
        print("\n" + table(HEAD, rows))
    if options.write and not options.names:
        put_into_page("suites", table(HEAD, rows))
    sys.exit(1 if is_wrong else 0)


if __name__ == "__main__":
    main()
