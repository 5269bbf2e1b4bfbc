#!/usr/bin/env python3
"""The time that `cargo ffi-guard` takes to build a program, beside the plain build of the same graph.

    python3 benches/build_time.py [--runs N] [--tool PATH] [--only NAME,..] [--tests] [--tsv]

Each program is a fresh package in a temporary folder that depends on one wrapper crate. Both builds start from an empty
target folder, one after the other, N times (3), and the medians are printed: CPU time (user and system, of all
processes), which a busy machine moves little, and time by the clock. ffi-guard itself, which is built once for all, is
built before and told apart. `--tests` builds the crate's own tests (`cargo test --no-run -p CRATE`) and not only the
program. PATH is the `cargo-ffi-guard` to be measured (the one of `cargo` if not given).
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

# What the program depends on.
PROGRAMS = {
    "openssl": ('openssl = "0.10"', "let _ = openssl::hash::MessageDigest::sha256();"),
    "rusqlite": ('rusqlite = { version = "*", features = ["bundled"] }', "let _ = rusqlite::Connection::open_in_memory();"),
    "zstd": ('zstd = "0.13"', "let _ = zstd::encode_all(&b\"text\"[..], 0);"),
    "git2": ('git2 = { version = "*", default-features = false, features = ["vendored-libgit2"] }',
             "let _ = git2::Repository::open(\"/\").is_err();"),
}


def timed(command, folder, env):
    """The CPU time and the time by the clock of a command that must succeed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed in {folder}:\n{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, done.stderr


def make_program(base, name):
    dependency, body = PROGRAMS[name]
    folder = os.path.join(base, name)
    os.makedirs(os.path.join(folder, "src"))
    with open(os.path.join(folder, "Cargo.toml"), "w") as manifest:
        manifest.write(f'[package]\nname = "program"\nversion = "0.0.0"\nedition = "2024"\n\n[dependencies]\n{dependency}\n\n[workspace]\n')
    with open(os.path.join(folder, "src", "main.rs"), "w") as main:
        main.write(f"fn main() {{\n    {body}\n}}\n")
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tool")
    parser.add_argument("--only", default=",".join(PROGRAMS))
    parser.add_argument("--tests", action="store_true")
    parser.add_argument("--tsv", action="store_true", help="one line for each program, with tabs")
    options = parser.parse_args()

    env = {key: value for key, value in os.environ.items() if key not in ("RUSTC_WRAPPER", "CARGO_TARGET_DIR", "RUSTFLAGS")}
    base = tempfile.mkdtemp(prefix="ffi-guard-build-time-")
    env.setdefault("CARGO_FFI_GUARD_RUNTIME_DIR", os.path.join(base, "runtime"))
    tool = [os.path.abspath(options.tool), "ffi-guard"] if options.tool else ["cargo", "ffi-guard"]
    words = ["test", "--no-run"] if options.tests else ["build"]
    try:
        names = options.only.split(",")
        folders = {name: make_program(base, name) for name in names}
        for folder in folders.values():
            timed(["cargo", "fetch"], folder, env)
        # The build of ffi-guard itself, and of a program without any foreign block.
        empty = os.path.join(base, "empty")
        os.makedirs(os.path.join(empty, "src"))
        with open(os.path.join(empty, "Cargo.toml"), "w") as manifest:
            manifest.write('[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n')
        with open(os.path.join(empty, "src", "main.rs"), "w") as source:
            source.write("fn main() {}\n")
        cpu, wall, _ = timed([*tool, "build"], empty, env)
        print(f"ffi-guard itself, once for all programs: {cpu:.1f} s CPU, {wall:.1f} s by the clock")
        if not options.tsv:
            print(f"{'program':<10} {'plain':>7} {'guarded':>8} {'ratio':>6}   {'by the clock':>20} {'ratio':>6}   {'no change':>9}  {'plain':>6}")
        for name, folder in folders.items():
            package = ["-p", name] if options.tests else []
            plain, guarded = [], []
            for _ in range(options.runs):
                shutil.rmtree(os.path.join(folder, "target"), ignore_errors=True)
                plain.append(timed(["cargo", *words, *package], folder, env)[:2])
                idle_plain = timed(["cargo", *words, *package], folder, env)[:2]
                shutil.rmtree(os.path.join(folder, "target"), ignore_errors=True)
                guarded.append(timed([*tool, *words, *package], folder, env)[:2])
            # Without a change nothing is built again.
            idle = statistics.median(timed([*tool, *words, *package], folder, env)[1] for _ in range(5))
            (a, a_wall), (b, b_wall) = ([statistics.median(column) for column in zip(*rows)] for rows in (plain, guarded))
            if options.tsv:
                print("\t".join([name, *(f"{x:.2f}" for x in (a, b, b / a, a_wall, b_wall, b_wall / a_wall, idle))]), flush=True)
            else:
                print(f"{name:<10} {a:>5.1f} s {b:>6.1f} s {b / a:>6.2f}   {a_wall:>7.1f} s -> {b_wall:>6.1f} s {b_wall / a_wall:>6.2f}   {idle:>7.2f} s  {idle_plain[1]:>4.2f} s", flush=True)
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
