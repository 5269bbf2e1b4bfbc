"""Mistakes in declarations of C's functions and structs, made in the text of a crate that is right. Each changes what crosses."""

import re
from dataclasses import dataclass, field

# Integers as bindings write them, by their bytes on 64 bits.
SHORT = {"c_int", "c_uint", "i32", "u32", "uInt", "lua_Integer32"}
LONG = {"usize", "isize", "i64", "u64", "size_t", "c_long", "c_ulong", "uLong", "c_longlong", "c_ulonglong"}


@dataclass
class Mistake:
    """One change of a text."""

    krate: str
    kind: str
    # The function or the struct that is changed.
    what: str
    # Functions of which one at least has to be told.
    functions: set = field(default_factory=set)
    start: int = 0
    end: int = 0
    old: str = ""
    new: str = ""


@dataclass
class Function:
    """A declaration in a foreign block."""

    name: str
    line: int
    # Where the parameters stand, each with its name and type.
    parameters: list
    # Where the result stands: from the bracket to the semicolon.
    result: tuple
    text: str


def blank(text):
    """The text with comments, and what is not code, as blanks: places stay the same."""
    blanked = lambda found: re.sub(r"[^\n]", " ", found[0])
    return re.sub(r"//[^\n]*|/\*.*?\*/|#\s*\[[^\]\n]*\]", blanked, text, flags=re.S)


def closing(text, start):
    """The place of the bracket that closes the one at `start`."""
    pairs, depth = {"(": ")", "{": "}"}, 0
    first, last = text[start], pairs[text[start]]
    for place in range(start, len(text)):
        depth += (text[place] == first) - (text[place] == last)
        if depth == 0:
            return place
    return -1


def parts(text, start, end):
    """The places of what stands between commas."""
    found, depth, begin = [], 0, start
    for place in range(start, end):
        letter = text[place]
        if letter in "([<{" or letter in ")]}" or (letter == ">" and text[place - 1] != "-"):
            depth += 1 if letter in "([<{" else -1
        elif letter == "," and depth == 0:
            found.append((begin, place))
            begin = place + 1
    found.append((begin, end))
    return [(one, other) for one, other in found if text[one:other].strip()]


def functions(text):
    """The declarations in the foreign blocks of a blanked text."""
    found = []
    for block in re.finditer(r'extern\s+"C(?:-unwind)?"\s*\{', text):
        inner_end = closing(text, block.end() - 1)
        for it in re.finditer(r"\bfn\s+(\w+)\s*\(", text[: max(inner_end, 0)][block.end() :]):
            start = block.end() + it.end() - 1
            end = closing(text, start)
            semicolon = text.find(";", end)
            if end < 0 or semicolon < 0:
                continue
            line = text.count("\n", 0, block.end() + it.start(1)) + 1
            whole = text[block.end() + it.start() : semicolon]
            found.append(Function(it[1], line, parts(text, start + 1, end), (end + 1, semicolon), whole))
    return found


def structs(text):
    """The structs with named fields that have C's layout: name, place of the body, places of the fields."""
    found = []
    for it in re.finditer(r"\bpub\s+struct\s+(\w+)\s*\{", text):
        end = closing(text, it.end() - 1)
        fields = parts(text, it.end(), end)
        named = all(re.match(r"\s*pub\s+[a-zA-Z]\w*\s*:", text[one:other]) for one, other in fields)
        if len(fields) > 1 and named and "__Bindgen" not in text[it.end() : end]:
            found.append((it[1], (it.end(), end), fields))
    return found


def last(ty):
    """The last part of a path."""
    return ty.strip().split("::")[-1]


def of_functions(krate, function, text, chance):
    """One mistake in a function, chosen at random among those that there are."""
    ways = []
    make = lambda kind, start, end, new: Mistake(krate, kind, function.name, {function.name}, start, end, text[start:end], new)
    named = [it for it in function.parameters if ":" in text[it[0] : it[1]]]
    for index, (start, end) in enumerate(function.parameters):
        if (start, end) not in named:
            continue
        if len(function.parameters) > 1:
            # With the comma of the one before, or of its own.
            places = (function.parameters[index - 1][1], end) if index else (start, function.parameters[1][0])
            ways.append(make("a parameter dropped", *places, ""))
        else:
            comma = re.match(r"\s*,", text[end:])
            ways.append(make("a parameter dropped", start, end + (comma.end() if comma else 0), ""))
        colon = text.index(":", start) + 1
        ty = last(text[colon:end])
        if ty in SHORT or ty in LONG:
            ways.append(make("an integer of another size", colon, end, " i64" if ty in SHORT else " i32"))
    start, end = function.result
    result = text[start:end].replace("->", "").strip()
    if last(result) in SHORT or last(result) in LONG:
        ways.append(make("another result", start, end, " -> i64" if last(result) in SHORT else " -> i32"))
    elif not result:
        ways.append(make("another result", start, end, " -> i32"))
    elif result.startswith("*"):
        ways.append(make("another result", start, end, " -> i32"))
    kinds = sorted({way.kind for way in ways})
    if not kinds:
        return None
    kind = chance.choice(kinds)
    return chance.choice([way for way in ways if way.kind == kind])


def of_structs(krate, struct, text, chance):
    """One mistake in a struct."""
    name, (_, end), fields = struct
    if chance.random() < 0.5:
        new = " pub ffi_guard_added: u64,\n"
        place = chance.choice([fields[0][0], end])
        comma = "" if place != end or not text[fields[-1][0] : fields[-1][1]].strip() or blank(text)[:end].rstrip().endswith(",") else ","
        return Mistake(krate, "a field added", name, set(), place, place, "", comma + new)
    at = chance.randrange(len(fields) - 1)
    (one, one_end), (other, other_end) = fields[at], fields[at + 1]
    swapped = text[other:other_end] + text[one_end:other] + text[one:one_end]
    return Mistake(krate, "two fields swapped", name, set(), one, other_end, text[one:other_end], swapped)


def using(names, texts):
    """The names, and those of the structs and aliases that are made of them."""
    all_of = set(names)
    kinds = [(it[1], it[2]) for text in texts for it in re.finditer(r"\btype\s+(\w+)\s*=\s*([^;]+);", text)]
    kinds += [(name, text[body[0] : body[1]]) for text in texts for name, body, _ in structs(text)]
    while True:
        more = {name for name, body in kinds if name not in all_of and words(body) & all_of}
        if not more:
            return all_of
        all_of |= more


def words(text):
    return set(re.findall(r"\w+", text))


def choose(krate, files, compared, chance):
    """Mistakes in the files of a crate: structs first, then functions that lead to none of them, each with one. `files`: the text of
    each. `compared`: the line of each function that is compared, by its file and name. Returns pairs of file and mistake, and all functions
    that lead to a changed struct."""
    blanked = {file: blank(text) for file, text in files.items()}
    whole = "\n".join(blanked.values())
    occurs = {}
    for word in re.findall(r"\w+", whole):
        occurs[word] = occurs.get(word, 0) + 1
    declared = [(file, it) for file, text in blanked.items() for it in functions(text) if compared.get((file, it.name)) == it.line]
    chosen, structs_changed, covered = [], set(), set()
    candidates = [(file, it) for file in {file for file, _ in declared} for it in structs(blanked[file])]
    candidates.sort(key=lambda it: (str(it[0]), it[1][0]))
    chance.shuffle(candidates)
    for file, struct in candidates:
        name = struct[0]
        is_made = re.search(rf"\b{name}\s*\{{", re.sub(rf"(struct|impl|for)\s+{name}\s*\{{", "", whole))
        is_asserted = re.search(rf"size_of::<(\w+::)*{name}>", whole)
        direct = {it.name for _, it in declared if re.search(rf"(\*(mut|const)|[:>]) *(\w+::)*{name}\b", it.text.replace("\n", " "))}
        others = using({name}, blanked.values())
        if is_made or is_asserted or others & structs_changed:
            continue
        touched = {it.name for _, it in declared if words(it.text) & others}
        if not direct or touched & covered:
            continue
        mistake = of_structs(krate, struct, files[file], chance)
        mistake.functions = direct
        structs_changed |= others
        covered |= touched
        chosen.append((file, mistake))
    free = [(file, it) for file, it in declared if it.name not in covered and occurs[it.name] == 1]
    chance.shuffle(free)
    for file, function in free:
        mistake = of_functions(krate, function, blanked[file], chance)
        if mistake:
            chosen.append((file, mistake))
    return chosen, covered


def applied(text, mistakes):
    """The text with the mistakes in it."""
    for it in sorted(mistakes, key=lambda it: it.start, reverse=True):
        text = text[: it.start] + it.new + text[it.end :]
    return text
