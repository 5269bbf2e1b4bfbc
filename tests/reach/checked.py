"""`cargo ffi-guard` as the scripts of this folder run it: on a package made for the purpose, from the registry."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Everything is built here, and ffi-guard itself once for all.
WORK = Path(os.environ.get("REACH_DIR") or ROOT / "target/tmp/reach")


class Skipped(Exception):
    """What is asked for cannot be had here. The text says why."""


def environment(**more):
    """The environment without settings that would change what is found."""
    ours = ("GUARD", "CARGO_PKG", "CARGO_MANIFEST", "RUSTC")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept.pop("CARGO_TARGET_DIR", None)
    kept |= {"CARGO_TERM_COLOR": "never", "NO_COLOR": "1", "RUST_BACKTRACE": "0"}
    return kept | {"CARGO_FFI_GUARD_RUNTIME_DIR": str(WORK)} | {name: str(value) for name, value in more.items()}


def run(words, folder, **more):
    """Runs a command. Returns its status, what it printed, and the seconds it took."""
    began = time.monotonic()
    done = subprocess.run(words, cwd=folder, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode(errors="replace"), time.monotonic() - began


def tool():
    """The path of `cargo-ffi-guard`, built from this checkout."""
    path = os.environ.get("CARGO_FFI_GUARD")
    if path:
        return path
    words = ["cargo", "build", "--quiet", "--locked", "-p", "cargo-ffi-guard"]
    status, said, _ = run(words, ROOT)
    if status != 0:
        sys.exit(said)
    return str(ROOT / "target/debug/cargo-ffi-guard")


def package(folder, name, dependencies, source):
    """Makes a package of one file. What cargo locked before is kept."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{crate} = {wish}\n" for crate, wish in dependencies.items())
    write(
        folder / "Cargo.toml",
        f'[package]\nname = "{name}"\nversion = "0.0.0"\nedition = "2024"\npublish = false\n\n[workspace]\n\n[dependencies]\n{lines}'
        # Names and lines are all that a report asks for.
        '\n[profile.dev]\ndebug = "line-tables-only"\n\n[profile.release]\ndebug = "line-tables-only"\n',
    )
    write(folder / "src/main.rs", source)


def write(path, text):
    """Writes a file unless it says the same already: what depends on it is not built again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def fetch(folder):
    """Has cargo fetch what the package depends on."""
    status, said, _ = run(["cargo", "fetch", "--quiet"], folder)
    if status != 0:
        raise Skipped("cannot be fetched: " + first_line(said))


def needs(library):
    """Looks for a library of the system, and installs it where that is possible."""
    path, debian = library
    found = lambda: any(Path("/usr").glob(path))
    if not found() and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-qq", debian], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not found():
        raise Skipped(f"{debian} is not installed")


def reports(folder):
    """The objects that the runs of a folder wrote, see docs/src/report-json.md."""
    path = folder / "ffi-guard.jsonl"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    objects = [json.loads(line) for line in lines if line.startswith("{")]
    return [it for it in objects if "rule" in it and not it.get("caught")]


def short(file):
    """A path as a report prints it: a registry's folder is left out."""
    return re.sub(r"^.*/registry/src/[^/]+/", "", file or "")


def first_line(text):
    """The first line that says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wrong = [line for line in lines if line.startswith(("error", "thread '", "ffi-guard["))]
    return (wrong or lines or ["nothing was said"])[0]


def empty(folder):
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def table(head, rows):
    """A table in Markdown."""
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    line = lambda cells: "| " + " | ".join(str(cell).ljust(width) for cell, width in zip(cells, widths)) + " |"
    return "\n".join([line(head), "| " + " | ".join("-" * width for width in widths) + " |", *map(line, rows)])


def put_into_page(mark, text):
    """Puts a table into docs/src/reach.md, between the marks of this name."""
    page = ROOT / "docs/src/reach.md"
    begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
    before, rest = page.read_text().split(begin)
    page.write_text(before + begin + text + "\n" + end + rest.split(end)[1])
