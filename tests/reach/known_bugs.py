#!/usr/bin/env python3
"""Published versions of crates with a known bug at the border to C: a program of a few lines uses the crate's public interface, and one
command, `cargo ffi-guard run`, finds the bug and names the line. The version that repaired it must be silent. Prints a table.

    tests/reach/known_bugs.py [--write] [NAME..]
"""

import argparse
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from checked import WORK, Skipped, empty, fetch, first_line, needs, package, put_into_page, reports, run, short, table, tool

PROGRAMS = Path(__file__).resolve().parent / "known"


@dataclass
class Bug:
    """A version with a bug, what must be found, and where."""

    name: str
    crate: str
    version: str
    # The version without it; none if there is none.
    repaired: str
    rule: str
    # The foreign function that is called; none if it is found at a free.
    function: str | None
    # File of the crate and line from which it calls, as the report prints them; a folder of the crate, if it is found at a free.
    place: str
    features: tuple = ()
    default: bool = True
    options: tuple = ()
    library: tuple = ()
    # The user must be in many groups.
    groups: bool = False


BUGS = [
    Bug("keyutils", "keyutils", "0.2.0", "0.2.1", "dangling_pointer", "keyctl_join_session_keyring", "keyutils-0.2.0/src/api.rs:98",
        library=("lib/**/libkeyutils.so", "libkeyutils-dev")),
    Bug("nix", "nix", "0.20.1", "0.20.2", "out_of_bounds", "getgrouplist", "nix-0.20.1/src/unistd.rs:1529", groups=True),
    Bug("triangle", "triangle-rs", "0.1.2", "", "alloc_dealloc_mismatch", None, "triangle-rs-0.1.2/src/lib.rs:499"),
    Bug("libhydrogen", "libhydrogen", "0.4.1", "0.4.2", "leaked_ownership", "hydro_hex2bin", "libhydrogen-0.4.1/src/utils.rs:76"),
    Bug("rusqlite", "rusqlite", "0.22.0", "0.23.0", "freed_while_retained", "sqlite3_create_module_v2",
        "rusqlite-0.22.0/src/vtab/mod.rs:617", features=("bundled", "vtab")),
    Bug("openssl", "openssl", "0.10.54", "0.10.55", "unterminated_string", "X509_VERIFY_PARAM_set1_host",
        "openssl-0.10.54/src/x509/verify.rs:123", library=("include/**/openssl/opensslconf.h", "libssl-dev")),
    Bug("openssl_fetch", "openssl", "0.10.71", "0.10.72", "dangling_pointer", "EVP_MD_fetch", "openssl-0.10.71/src/md.rs:109",
        library=("include/**/openssl/opensslconf.h", "libssl-dev")),
]


def source(bug, is_repaired):
    """The program's text. A line that ends in `// repaired: X` is X for the repaired version; one in `// before` is not in it."""
    lines = (PROGRAMS / f"{bug.name}.rs").read_text().splitlines()
    text = []
    for line in lines:
        code, mark, other = line.partition("// repaired:")
        if line.rstrip().endswith("// before"):
            if not is_repaired:
                text.append(line.removesuffix("// before").rstrip())
        elif mark:
            indent = line[: len(line) - len(line.lstrip())]
            text.append(indent + other.strip() if is_repaired else code.rstrip())
        else:
            text.append(line)
    return "\n".join(text) + "\n"


def many_groups():
    """Words before a command that run it where root is in 20 groups more: in a mount namespace of its own, with another /etc/group."""
    WORK.mkdir(parents=True, exist_ok=True)
    groups = WORK / "group"
    groups.write_text(Path("/etc/group").read_text() + "".join(f"guard{n}:x:{60000 + n}:root\n" for n in range(20)))
    for flags in ("-m", "-rm"):
        words = ["unshare", flags, "mount", "--bind", str(groups), "/etc/group"]
        if shutil.which("unshare") and subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0:
            return ["unshare", flags, "sh", "-c", 'mount --bind "$0" /etc/group && exec "$@"', str(groups)]
    raise Skipped("no mount namespace to be had, for a user in many groups")


def run_version(bug, version):
    """Runs the program with this version under the guard: its status, what it printed, and the reports."""
    before = many_groups() if bug.groups else []
    folder = WORK / "known" / f"{bug.name}-{version}"
    features = ", ".join(f'"{feature}"' for feature in bug.features)
    wish = f'{{ version = "={version}", features = [{features}], default-features = {str(bug.default).lower()} }}'
    package(folder, f"known-{bug.name}", {bug.crate: wish}, source(bug, version == bug.repaired))
    fetch(folder)
    written = empty(WORK / "reports" / f"known-{bug.name}-{version}")
    words = [tool(), "ffi-guard", "run", "--report", str(written), *bug.options]
    status, said, _ = run([*before, *words], folder, CARGO_TARGET_DIR=WORK / "known-target")
    return status, said, reports(written)


def found(bug, said, objects):
    """True if the bug is among the reports, with its rule, function and place."""
    for it in objects:
        name = (it["function"] or {}).get("name")
        if it["rule"] != bug.rule or bug.function not in (None, name):
            continue
        site = it["site"]
        if bug.function and site and f"{short(site['file'])}:{site['line']}" == bug.place:
            return True
        if not bug.function and bug.place in said:
            return True
    return False


def check(bug):
    """Runs both versions. Returns the row of the table, and what is wrong."""
    if bug.library:
        needs(bug.library)
    wrong = []
    status, said, objects = run_version(bug, bug.version)
    if not found(bug, said, objects):
        seen = [f"{it['rule']} {it['message']} {short((it['site'] or {}).get('file'))}:{(it['site'] or {}).get('line')}" for it in objects]
        wrong.append(f"{bug.rule} at {bug.place} is not found; status {status}, reports: {seen}\n{said[-2500:]}")
    # The command itself says so, without a look at any file.
    elif f"ffi-guard[{bug.rule}]" not in said:
        wrong.append(f"the report is not printed:\n{said[-2500:]}")
    if bug.repaired:
        status, said, objects = run_version(bug, bug.repaired)
        if status != 0 or objects or "ffi-guard[" in said:
            wrong.append(f"{bug.repaired} is not silent, or fails: {first_line(said)}\n{said[-2500:]}")
    row = [f"{bug.crate} {bug.version}", bug.rule, f"`{bug.function}`" if bug.function else "", bug.place,
           f"{bug.repaired}: silent" if bug.repaired else "none"]
    return row, wrong


HEAD = ["version", "rule", "function", "place", "repaired"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--write", action="store_true", help="put the table into docs/src/reach.md")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(bug.name for bug in BUGS))
    options = parser.parse_args()
    unknown = set(options.names) - {bug.name for bug in BUGS}
    if unknown:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}")
    rows, is_wrong = [], False
    for bug in BUGS:
        if options.names and bug.name not in options.names:
            continue
        try:
            row, wrong = check(bug)
        except Skipped as why:
            print(f"skipped: {bug.name}: {why}", flush=True)
            continue
        for text in wrong:
            is_wrong = True
            print(f"{bug.name}: {text}", flush=True)
        if not wrong:
            rows.append(row)
            print(f"{bug.crate} {bug.version}: {bug.rule} at {bug.place}; {row[-1]}", flush=True)
    if rows:
        print("\n" + table(HEAD, rows))
    if options.write and not options.names and not is_wrong:
        put_into_page("bugs", table(HEAD, rows))
    sys.exit(1 if is_wrong else 0)


if __name__ == "__main__":
    main()
