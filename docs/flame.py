#!/usr/bin/env python3
"""Draws a flame graph of what `perf script` prints: `perf script | python3 docs/flame.py > flame.svg`.

Frames of Rust, of C and of the kernel have a colour each, so that a stack which crosses the border shows where. Which is
which is told by the name: Rust's has a `::`. Frames below the program's own `main` are left out.
"""

import html
import re
import sys

WIDTH, ROW, LETTER = 960, 18, 6.6
COLOURS = {"Rust": "#f2a65a", "C": "#7fb3d5", "kernel": "#c8c8c8"}


def samples(lines):
    """The stack of each sample, the outermost frame first."""
    stack = []
    for line in lines:
        frame = re.match(r"\s+([0-9a-f]+) (.+?)(?:\+0x[0-9a-f]+)? \(([^()]*)\)$", line.rstrip("\n"))
        if frame:
            _, name, module = frame.groups()
            stack.append((name, "kernel" if module == "[kernel.kallsyms]" else "Rust" if "::" in name else "C"))
        elif stack:
            yield below_main(stack[::-1])
            stack = []
    if stack:
        yield below_main(stack[::-1])


def below_main(stack):
    mains = [at for at, (name, _) in enumerate(stack) if name.endswith("::main")]
    return stack[mains[0]:] if mains else []


def tree(stacks):
    root = {"frame": ("all", "kernel"), "count": 0, "children": {}}
    for stack in stacks:
        node = root
        node["count"] += 1
        for frame in stack:
            node = node["children"].setdefault(frame, {"frame": frame, "count": 0, "children": {}})
            node["count"] += 1
    return root


def draw(node, left, depth, scale, out, total):
    """Boxes from the bottom up, the most samples first. Returns how deep it went."""
    deepest = depth
    for child in sorted(node["children"].values(), key=lambda child: -child["count"]):
        (name, kind), width = child["frame"], child["count"] * scale
        if width >= 0.5:
            out.append((left, depth, width, name, kind, 100 * child["count"] / total))
            deepest = max(deepest, draw(child, left, depth + 1, scale, out, total))
        left += width
    return deepest


def main():
    stacks = [stack for stack in samples(sys.stdin) if stack]
    if not stacks:
        sys.exit("flame.py: no sample of a program with a `main` of Rust's")
    root, boxes = tree(stacks), []
    rows = draw(root, 0, 0, WIDTH / len(stacks), boxes, len(stacks))
    height = (rows + 2) * ROW
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="monospace" font-size="11">')
    left = 4
    for kind, colour in COLOURS.items():
        print(f'<rect x="{left}" y="3" width="12" height="12" fill="{colour}"/><text x="{left + 17}" y="13" fill="#888">{kind}</text>')
        left += 90
    print(f'<text x="{WIDTH - 4}" y="13" text-anchor="end" fill="#888">{len(stacks)} samples</text>')
    for left, depth, width, name, kind, share in boxes:
        top = height - (depth + 1) * ROW
        room = int((width - 6) / LETTER)
        shown = name if len(name) <= room else name[: room - 1] + "…" if room > 3 else ""
        print(f'<g><title>{html.escape(name)}, {kind}: {share:.1f} %</title>', end="")
        print(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 1}" fill="{COLOURS[kind]}"/>', end="")
        print(f'<text x="{left + 3:.1f}" y="{top + 12}">{html.escape(shown)}</text></g>' if shown else "</g>")
    print("</svg>")


main()
