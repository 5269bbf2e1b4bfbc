#!/usr/bin/env python3
"""Dependency arrows between the files of a Rust crate, and their circles.

    circles.py [SRC] [--under heap] [--arrows A B] [--top N] [--folders-only] [--from FILE]

SRC: the folder with lib.rs (default ffi-guard/src). Test modules and `tests.rs`/`tests/` are left out.
An arrow a -> b: a names, in a `use` or in a path, an item that b defines; re-exports are followed. `mod x;` and the
import of a module alone are none; a path through that module is. Method calls are not seen (no type inference).
Prints strongly connected components of files and of top-level folders (a top-level file is its own "folder").
  --arrows A B   list the places that make arrows from things starting with A to things starting with B
  --from FILE    list what FILE points at
"""
import os, re, sys
from collections import defaultdict

def strip(src):
    out, i, n = [], 0, len(src)
    while i < n:
        c = src[i]
        two = src[i:i+2]
        if two == '//':
            j = src.find('\n', i); j = n if j < 0 else j
            i = j; continue
        if two == '/*':
            d, j = 1, i + 2
            while j < n and d:
                if src[j:j+2] == '/*': d += 1; j += 2
                elif src[j:j+2] == '*/': d -= 1; j += 2
                else: j += 1
            out.append('\n' * src.count('\n', i, j)); i = j; continue
        m = re.match(r'b?r(#*)"', src[i:i+12])
        if m and (i == 0 or not (src[i-1].isalnum() or src[i-1] == '_')):
            end = '"' + m.group(1)
            j = src.index(end, i + m.end()) + len(end)
            out.append('""' + '\n' * src.count('\n', i, j)); i = j; continue
        if c == '"':
            j = i + 1
            while src[j] != '"':
                j += 2 if src[j] == '\\' else 1
            out.append('""' + '\n' * src.count('\n', i, j + 1)); i = j + 1; continue
        m = re.match(r"'(\\.[^']*|[^'\\])'", src[i:i+14])
        if c == "'" and m:
            out.append("' '"); i += m.end(); continue
        out.append(c); i += 1
    return ''.join(out)

def close(s, i):
    """Index behind the bracket that closes the one at i."""
    o = s[i]; e = {'{': '}', '(': ')', '[': ']'}[o]; d = 0
    while i < len(s):
        if s[i] == o: d += 1
        elif s[i] == e:
            d -= 1
            if d == 0: return i + 1
        i += 1
    return i

class Module:
    def __init__(self, path, file): self.path, self.file, self.items, self.uses, self.globs = path, file, {}, {}, []

src_dir = 'ffi-guard/src'
args = sys.argv[1:]
if args and not args[0].startswith('--'): src_dir = args.pop(0)
def option(name, n=1):
    if name in args:
        i = args.index(name); v = args[i+1:i+1+n]; return v if n > 1 else v[0]
under = option('--under'); from_file = option('--from'); wanted_arrows = option('--arrows', 2)

mods, texts = {}, []   # texts: (module path of file, file, text)

ITEM = re.compile(r'\b(?:fn|struct|enum|union|trait|type|const|static(?:\s+mut)?|macro_rules!)\s+([A-Za-z_]\w*)')

def tree(t):
    """Names bound by a use tree: (segments, bound name or '*')."""
    t = t.strip()
    out = []
    def go(prefix, t):
        t = t.strip()
        if not t: return
        i = t.find('{')
        if i >= 0 and t.endswith('}'):
            head = t[:i].strip().rstrip(':')
            p = prefix + [s.strip() for s in head.split('::') if s.strip()]
            inner, d, cur = t[i+1:-1], 0, ''
            for c in inner + ',':
                if c == ',' and d == 0: go(p, cur); cur = ''
                else:
                    d += c == '{'; d -= c == '}'; cur += c
        else:
            t, _, alias = t.partition(' as ')
            p = prefix + [s.strip() for s in t.split('::') if s.strip()]
            name = alias.strip() or p[-1]
            if p[-1] == 'self': p = p[:-1]; name = alias.strip() or p[-1]
            out.append((p, name))
    go([], t)
    return out

def load(path, file, sub=''):
    full = os.path.join(src_dir, file)
    raw = strip(open(full).read())
    parse(path, file, raw)

def test_cfg(attrs): return re.search(r'#\[cfg\((all\(|any\()?test\b', attrs) is not None

def parse(path, file, s):
    m = mods.setdefault(path, Module(path, file))
    rest, i, depth = [], 0, 0
    # walk items at depth 0
    attrs = ''
    token = re.compile(r'#!?\[|\bmod\s+(\w+)\s*([;{])|\buse\s+([^;]+);|[{(\[]|;|\}|' + ITEM.pattern)
    pos = 0
    while True:
        t = token.search(s, pos)
        if not t:
            rest.append(s[pos:]); break
        rest.append(s[pos:t.start()])
        g = t.group(0)
        if g.startswith('#'):
            e = close(s, s.index('[', t.start())); a = s[t.start():e]
            attrs += a; rest.append('\n' * a.count('\n')); pos = e; continue
        if t.group(1):
            name = t.group(1)
            if t.group(2) == ';':
                if not test_cfg(attrs) and name not in ('tests',):
                    p = re.search(r'#\[path\s*=', attrs)
                    m.items.setdefault(name, ('mod', name))
                    child(path, file, name)
                pos = t.end()
            else:
                e = close(s, t.end() - 1)
                if not test_cfg(attrs):
                    m.items.setdefault(name, ('mod', name))
                    parse(path + (name,), file, s[t.end():e-1])
                rest.append('\n' * s.count('\n', t.start(), e)); pos = e
            attrs = ''; continue
        if t.group(3):
            if not test_cfg(attrs):
                for p, n in tree(t.group(3)):
                    if n == '*': m.globs.append(p[:-1])
                    else: m.uses.setdefault(n, p)
                    rest_uses.append((path, file, p[:-1] if n == '*' else p))
            rest.append('\n' * g.count('\n')); pos = t.end(); attrs = ''; continue
        if g in '{([':
            e = close(s, t.start())
            if not test_cfg(attrs): rest.append(s[t.start():e])
            else: rest.append('\n' * s.count('\n', t.start(), e))
            pos = e
            if g == '{': attrs = ''
            continue
        if g in ';}':
            rest.append(g); pos = t.end(); attrs = ''; continue
        name = t.group(4)
        if name and not test_cfg(attrs): m.items.setdefault(name, ('item', name))
        rest.append(g); pos = t.end()
    texts.append((path, file, ''.join(rest)))

def child(path, file, name):
    base = os.path.dirname(file)
    stem = os.path.basename(file)
    dirs = [base] if stem in ('mod.rs', 'lib.rs') else []
    dirs.append(os.path.join(base, stem[:-3]))
    # inline modules: path below the file's own
    for d in dirs:
        for c in (os.path.join(d, name + '.rs'), os.path.join(d, name, 'mod.rs')):
            if os.path.exists(os.path.join(src_dir, c)):
                if path + (name,) not in mods: load(path + (name,), c)
                return
    # platform twins and `#[path]`: left to the first that is there
rest_uses = []
load((), 'lib.rs')

def lookup(mod, segs, seen=()):
    """File that defines the item which the path leads to, or ('mod', path) for a module; None if not ours."""
    cur = mod
    segs = list(segs)
    while segs and segs[0] in ('crate', '$crate', 'self', 'super'):
        s = segs.pop(0)
        if s in ('crate', '$crate'): cur = ()
        elif s == 'super': cur = cur[:-1]
    if not segs: return ('mod', cur)
    m = mods.get(cur)
    if m is None or (cur, tuple(segs)) in seen: return None
    seen = seen + ((cur, tuple(segs)),)
    s = segs[0]
    if cur + (s,) in mods:
        return lookup(cur + (s,), segs[1:], seen) if len(segs) > 1 else ('mod', cur + (s,))
    if s in m.items and m.items[s][0] == 'item': return m.file
    if s in m.uses:
        p = m.uses[s]
        # a path of its own: relative to this module, or an outer crate
        return lookup(cur, list(p) + segs[1:], seen)
    for g in m.globs:
        r = lookup(cur, list(g) + segs, seen)
        if r: return r
    return None

arrows = defaultdict(lambda: defaultdict(set))
def arrow(file, mod, segs):
    r = lookup(mod, segs)
    if isinstance(r, tuple) or r is None or r == file: return
    arrows[file][r].add('::'.join(segs))

for path, file, segs in rest_uses: arrow(file, path, segs)
PATH = re.compile(r'(?<![\w:.])(\$?[A-Za-z_]\w*(?:\s*::\s*[A-Za-z_]\w*)+)')
USE = re.compile(r'\buse\s+([^;]+);')
for path, file, text in texts:
    local = [p for u in USE.findall(text) for p in tree(u)]
    if local:   # imports inside of functions: as if they stood at the top
        for p, n in local:
            q = p[:-1] if n == '*' else p
            mods[path].uses.setdefault(n, p)
            arrow(file, path, q)
    text = USE.sub('', text)
    for m in PATH.finditer(text):
        arrow(file, path, re.split(r'\s*::\s*', m.group(1)))

def components(nodes, edges):
    index, low, stack, on, out, counter = {}, {}, [], set(), [], [0]
    sys.setrecursionlimit(10000)
    def go(v):
        index[v] = low[v] = counter[0]; counter[0] += 1
        stack.append(v); on.add(v)
        for w in edges.get(v, ()):
            if w not in index: go(w); low[v] = min(low[v], low[w])
            elif w in on: low[v] = min(low[v], index[w])
        if low[v] == index[v]:
            c = []
            while True:
                w = stack.pop(); on.discard(w); c.append(w)
                if w == v: break
            if len(c) > 1: out.append(sorted(c))
    for v in sorted(nodes):
        if v not in index: go(v)
    return sorted(out, key=len, reverse=True)

def top(f):
    a = f.split('/')[0]
    return a if '/' in f else a[:-3]
# a folder's file beside it (handle.rs, handle/) is one
keep = lambda f: not under or f.startswith(under)
files = {f for f in arrows} | {t for f in arrows for t in arrows[f]}
edges = {f: {t for t in arrows[f] if keep(t)} for f in arrows if keep(f)}
if wanted_arrows:
    a, b = wanted_arrows
    for f in sorted(arrows):
        for t in sorted(arrows[f]):
            if f.startswith(a) and t.startswith(b) and (a == b or top(f) != top(t) or '/' in a or '/' in b):
                print(f'{f} -> {t}: {", ".join(sorted(arrows[f][t]))}')
    sys.exit()
if from_file:
    for t in sorted(arrows[from_file]): print(f'{from_file} -> {t}: {", ".join(sorted(arrows[from_file][t]))}')
    sys.exit()
print(f'{len(files)} files, {sum(len(v) for v in arrows.values())} arrows')
if '--folders-only' not in args:
    cs = components({f for f in files if keep(f)}, edges)
    print(f'circles of files: {len(cs)}')
    for c in cs:
        print(f'  {len(c)}: {" ".join(c)}')
        if len(c) <= 12:
            for f in c:
                for t in sorted(edges.get(f, ())):
                    if t in c: print(f'       {f} -> {t}: {", ".join(sorted(arrows[f][t]))}')
fold = defaultdict(set)
why = defaultdict(set)
for f in arrows:
    for t in arrows[f]:
        if top(f) != top(t): fold[top(f)].add(top(t)); why[top(f), top(t)].add(f'{f} -> {t}')
cs = components({top(f) for f in files}, fold)
print(f'circles of folders: {len(cs)}')
for c in cs:
    print(f'  {len(c)}: {" ".join(c)}')
