"""The route of the README's pointer through the library, under gdb: each function once, when it is first entered.

    cargo build --example kept --target-dir target/tmp/walk --config 'profile.dev.package.ffi-guard.opt-level=0'
    GUARD=2 gdb -q -batch -x tests/house/walk.py target/tmp/walk/debug/examples/kept

Prints, up to the function that raises the violation: the functions, the hops from one file to another, the files, and the hops into
a file that was left before. A reader who follows one argument counts less (docs/design/architecture.md); the figure is for
comparing two states of the code.
"""
import re

import gdb

for setting in ("pagination off", "breakpoint pending off", "confirm off", "print inferior-events off"):
    gdb.execute("set " + setting)
places, file = set(), None
for line in gdb.execute("info functions -q ffi_guard::", to_string=True).splitlines():
    if found := re.match(r"^File (.*):$", line):
        file = found.group(1)
    elif (found := re.match(r"^(\d+):", line)) and file and "ffi-guard/src/" in file:
        places.add((file, int(found.group(1))))
gdb.execute("tbreak kept::store_reference")
gdb.execute("run 2>/dev/null >/dev/null")
for file, line in sorted(places):
    try:
        gdb.Breakpoint(f"{file}:{line}", temporary=True, internal=True).silent = True
    except gdb.error:
        pass
route = []
while not route or route[-1] != "delivery/raise.rs":
    try:
        gdb.execute("continue", to_string=True)
        place = gdb.selected_frame().find_sal()
    except gdb.error:
        break
    name = place.symtab.filename if place.symtab else ""
    if "ffi-guard/src/" in name:
        route.append(name.split("ffi-guard/src/")[-1])
seen, hops, returns = set(), 0, 0
for before, file in zip([None] + route, route):
    if file != before:
        hops, returns = hops + 1, returns + (file in seen)
        seen.add(file)
print(f"{len(route)} functions, {hops} hops, {len(seen)} files, {returns} returns")
