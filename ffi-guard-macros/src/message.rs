//! The messages to the user: what is wrong, and on the next line what to write instead.

use proc_macro2::Ident;

pub(crate) const EMPTY: &str = "`#[guard]` says nothing here\nhelp: write `#[guard(cstr)]`, \
    `#[guard(counted_by = n)]`, `#[guard(allow(rule))]` and the like, or leave it out";
pub(crate) const EXPECTED_COMMA: &str = "expected `,`\nhelp: separate the arguments of `guard` with commas";
pub(crate) const EXPECTED_WORD: &str =
    "expected a word\nhelp: write `cstr`, `counted_by = n`, `allow(rule)` and the like";
pub(crate) const EXPECTED_PATH: &str = "expected a path\nhelp: write `crate = path::to::ffi_guard`, without quotes";
pub(crate) const ASYNC: &str = "C cannot await: an `async` function returns a future\n\
    help: take `async` off, and let the body hand the work to an executor";
pub(crate) const CONST: &str = "a guarded callback is checked when C calls it, which no `const fn` can be\n\
    help: take `const` off, or the attribute";
pub(crate) const RECEIVER: &str = "C has no receiver to call this with\n\
    help: take a pointer, `this: *mut Self`, and make it a reference in the body";
pub(crate) const CALLBACK_VARIADIC: &str = "a variadic callback cannot be guarded: `...` cannot be handed on\n\
    help: take the attribute off";
pub(crate) const NO_BLOCK: &str = "`#[guard]` goes on an `extern` block\n\
    help: put it on the `unsafe extern \"C\" { .. }` block that declares the C functions";
pub(crate) const RUST_FN: &str = "`#[guard]` goes on an `extern` block, and this is a Rust function\n\
    help: put it on the `unsafe extern \"C\" { .. }` block that declares the C functions it calls; \
    if C calls this one, make it `extern \"C\"`";
pub(crate) const RUST_ABI: &str = "this ABI is not C's\nhelp: `#[guard]` is for blocks such as `extern \"C\"`, \
    `\"system\"` and `\"C-unwind\"`";
pub(crate) const BARE_ITEM: &str = "`#[guard(..)]` means nothing here: only functions are guarded\n\
    help: take it off; statics, types and macros in the block are left as they are";
pub(crate) const VARIADIC: &str = "C returns from a variadic function past the guard, which sees the call's entry alone\n\
    help: take it off; what concerns the entry, as `cstr`, `nonnull`, `retained` and `owned`, stays";
pub(crate) const VARIADIC_ABI: &str = "a variadic function of this ABI passes bare\n\
    help: take the attribute off, or write `#[guard(skip)]` on the function to say that it is bare";
pub(crate) const GUARD_FN: &str = "expected a function and a pointer to it\n\
    help: write `guard_fn!(unsafe extern \"C\" fn name(n: c_int) -> c_int = pointer)`, or, for the type of such values, \
    `guard_fn!(pub type Name = unsafe extern \"C\" fn name(n: c_int) -> c_int);`";
pub(crate) const GUARD_FN_TYPE: &str =
    "a type has no pointer\nhelp: take it off, and make values by `Name::new(pointer)`";
pub(crate) const GUARD_FN_VARIADIC: &str = "a variadic function behind a pointer cannot be guarded\n\
    help: call it by its pointer";
pub(crate) const GUARD_FN_BARE: &str = "this means nothing for a function behind a pointer\n\
    help: take it off; the pointer itself is C's and bare";
pub(crate) const TEST_ITEM: &str = "this goes on a function, in place of `#[test]`";
pub(crate) const TEST_TAKES: &str = "`test` takes `level = n`, `look = \"each\"`, `rules(..)`, `process` and `crate = path`\n\
    help: write `#[ffi_guard::test(level = 2, rules(deny(leaked_ownership)))]` and the like";
pub(crate) const TEST_LEVEL: &str = "expected a level\nhelp: write `level = 2`; levels are 0 to 3";
pub(crate) const TEST_LOOK: &str = "expected `\"each\"` or `\"budget\"`\n\
    help: write `look = \"each\"`: every call is looked after at once";
pub(crate) const TEST_RULES: &str = "expected `allow(..)`, `warn(..)` or `deny(..)`\n\
    help: write `rules(deny(leaked_ownership), allow(nested_pointer))`";
pub(crate) const TEST_ASYNC: &str = "a checkpoint needs the end of the body, and an `async` function ends when it is polled\n\
    help: take `async` off, and run the future in the body: `runtime.block_on(async { .. })`";
pub(crate) const TEST_PARAMETERS: &str = "a test has no parameters, and is not generic or unsafe\n\
    help: call this function in one that has none";
pub(crate) const TEST_FILE_SERIAL: &str = "the test would wait for itself: it runs again in a process of its own, while this \
    one holds the lock\nhelp: write `#[file_serial]` above this one's attribute: `#[file_serial] #[ffi_guard::test(..)]`";
pub(crate) const NOT_VARIADIC: &str = "this says what the arguments in `...` are, and the function has none\n\
    help: take it off";
pub(crate) const TWO_TAILS: &str = "two parameters say what the arguments in `...` are\nhelp: leave one out";
pub(crate) const ARMS: &str = "expected `value => [argument, ..]`\n\
    help: write the values as in a `match`, and each argument by words: `CURLOPT_POSTFIELDS => [retained], 1..=4 | 9 => \
    [number, cstr], _ => []`";
pub(crate) const FOLLOWER: &str = "expected what is known of an argument\n\
    help: write `number`, `float`, `function`, `pointer`, or any of `cstr`, `nonnull`, `out`, `opaque`, `retained`, \
    `owned`; `out(T)` and `pointer(T)` say what a pointer leads to";
pub(crate) const EXTENT_OF_VOID: &str = "`c_void` has no size to count by\nhelp: state bytes: `sized_by = ..`";
pub(crate) const COPY_OF_VOID: &str = "`c_void` has no size to copy\n\
    help: state how many bytes C may touch: `sized_by = ..`";
pub(crate) const COPY_FOR_EVER: &str = "the copy is compared when the function returns, and this one never does\n\
    help: take `copied` off";
pub(crate) const HELD_NOT_KEPT: &str = "`held_by` says until when C keeps it, and nothing says that it does\n\
    help: write `retained` or `retained_unless = ..` too";
pub(crate) const RETURNS: &str = "expected what is said of a result\n\
    help: write `returns(..)` with any of `owned` (Rust has to free it), `thread_bound` (it is the calling thread's alone), \
    `nonnull`, `cstr`, `utf8`, `aligned = n`, `counted_by = *n`, `sized_by = *n`, `null_when_empty`, `at_most = n`";
pub(crate) const RETURNS_NO_NUMBER: &str = "`at_most` is for numbers, and the function returns none\n\
    help: take it off";
pub(crate) const EMPTY_WITHOUT_COUNT: &str = "`null_when_empty` is about the count of what is returned, and none is stated\n\
    help: write `returns(counted_by = *n, null_when_empty)`";
pub(crate) const AT_MOST: &str = "`at_most` is for numbers that have a name\n\
    help: write it on a parameter such as `n: c_int`";
pub(crate) const CALLBACK_RETURNS: &str = "expected `returns(owned)`, `returns(retained)`, `returns(lends)` or `returns(cstr)`\n\
    help: `owned` says that what is returned is C's from then on, `retained` that C may keep it, `lends` that C may use \
    it for a while, `cstr` that it ends in NUL";
pub(crate) const OK_OF_NOTHING: &str = "`ok` is a condition on the result, and the function returns nothing\n\
    help: take it off";
pub(crate) const OK_WITHOUT_RESULT: &str = "`ok` is a condition on the result, and this does not speak of it\n\
    help: write `ok = result == 0`, with `result` or `ret` for what the function returns";
pub(crate) const VERSION: &str = "expected a condition on the library\n\
    help: write `version = \"sqlite3_libversion_number() == 3046000\"`, or the condition without quotes";
pub(crate) const VERSION_OF_NOTHING: &str = "the condition is asked when a function of the block is called, and it \
    declares none\nhelp: put it on the block that declares the functions";
pub(crate) const OK_FILLS_NOTHING: &str = "`ok` says when C has filled its `out` parameters, and there is none\n\
    help: write `#[guard(out)]` on the parameters that C fills, or take `ok` off";
pub(crate) const ALIGNED: &str = "`aligned` takes a power of two that is known at compile time\n\
    help: write `aligned = 64`, or a constant";
pub(crate) const LENDS_NO_POINTER: &str = "`lends` says that C may use what is stored here, and no pointer can be\n\
    help: write it on a pointer to a pointer that the function fills in, as `*mut *const c_void`";
pub(crate) const RETURNS_NOTHING: &str = "the function returns no pointer that this could be said of\n\
    help: take it off";
pub(crate) const CONTRACTS_OF_CALLBACK: &str = "`contracts` names files, and no contract in them\n\
    help: write `contract = \"sqlite3_module.xOpen\"` beside it, for a function that C gets by this field";
pub(crate) const TOO_MANY_CONDITIONS: &str = "more than three different conditions on one function's parameters and \
    guard attributes\nhelp: it is generated once for each combination; declare it once per target under `#[cfg(..)]`";
pub(crate) const PLAIN_GUARD: &str = "the derives of ffi-guard take nothing but `crate = path` here\n\
    help: write `#[guard(crate = path)]` on the type, or take it off";
pub(crate) const FIELD_GUARD: &str = "a field of a type that derives `Plain` or `Pointee` takes nothing but `opaque`\n\
    help: write `#[guard(opaque)]` on a field that C never looks at, or take it off";
pub(crate) const POINTEE_ENUM: &str = "`Pointee` cannot be derived for an enum: which variant is in memory is not known\n\
    help: derive `Plain` if no variant holds a pointer; else leave it out, and the value is looked at word by word";

/// The kind of item that a `#[guard(..)]` stands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum On {
    Block,
    Function,
    Parameter,
    Callback,
    CallbackParameter,
}

impl On {
    const ALL: [On; 5] = [On::Block, On::Function, On::Parameter, On::Callback, On::CallbackParameter];

    fn name(self) -> &'static str {
        match self {
            On::Block => "an extern block",
            On::Function => "a function",
            On::Parameter => "a parameter",
            On::Callback => "a Rust function that C calls",
            On::CallbackParameter => "a parameter of a Rust function that C calls",
        }
    }

    pub(crate) fn keys(self) -> &'static [&'static str] {
        match self {
            On::Block => &[
                "crate",
                "contracts",
                "version",
                "keep_abi",
                "skip",
                "retained",
                "mirrored",
                "typed",
                "allow",
                "warn",
                "deny",
            ],
            On::Function => &["skip", "keep_abi", "returns", "ok", "allow", "warn", "deny"],
            On::Callback => &[
                "crate",
                "contract",
                "contracts",
                "mirrored",
                "skip",
                "on_panic",
                "returns",
                "retained",
                "lends",
                "allow",
                "warn",
                "deny",
            ],
            On::CallbackParameter => &[
                "counted_by",
                "sized_by",
                "cstr",
                "utf8",
                "nonnull",
                "aligned",
                "at_most",
                "out",
                "lends",
                "opaque",
                "thread_bound",
                "owned",
                "allow",
                "warn",
                "deny",
            ],
            On::Parameter => &[
                "counted_by",
                "sized_by",
                "text_by",
                "text_within",
                "cstr",
                "nonnull",
                "aligned",
                "out",
                "opaque",
                "copied",
                "thread_bound",
                "retained",
                "retained_unless",
                "held_by",
                "lets_go",
                "remembered",
                "owned",
                "stale",
                "printf",
                "scanf",
                "followed_by",
                "allow",
                "warn",
                "deny",
            ],
        }
    }
}

/// The way an attribute is written.
fn usage(key: &str) -> String {
    match key {
        "counted_by" | "sized_by" | "text_by" | "text_within" => format!("{key} = n"),
        "retained_unless" => "retained_unless = (parameter == -1)".into(),
        "held_by" => "held_by = parameter".into(),
        "aligned" => "aligned = 64".into(),
        "stale" => "stale(field)".into(),
        "version" => "version = \"lib_version() == 3\"".into(),
        "contracts" => "contracts = \"zlib\"".into(),
        "contract" => "contract = \"sqlite3_module.xOpen\"".into(),
        "allow" | "warn" | "deny" => format!("{key}(rule)"),
        "crate" => "crate = path".into(),
        "returns" => "returns(owned)".into(),
        "at_most" => "at_most = n".into(),
        "on_panic" => "on_panic = value".into(),
        "ok" => "ok = result == 0".into(),
        "followed_by" => "followed_by(value => [argument, ..])".into(),
        flag => flag.into(),
    }
}

pub(crate) fn unknown(key: &Ident, on: On) -> String {
    let name = key.to_string();
    if let Some(other) = On::ALL.into_iter().find(|other| other.keys().contains(&name.as_str())) {
        let (on, other) = (on.name(), other.name());
        return format!("`{name}` goes on {other}, not on {on}\nhelp: write `#[guard({})]` on {other}", usage(&name));
    }
    let nearest = nearest(&name, on.keys().iter().copied());
    let help = match nearest {
        Some(near) => format!("write `{}`", usage(near)),
        None => {
            let all: Vec<_> = on.keys().iter().map(|key| format!("`{}`", usage(key))).collect();
            format!("{} takes {}", on.name(), all.join(", "))
        }
    };
    format!("unknown attribute `{name}`\nhelp: {help}")
}

pub(crate) fn unknown_rule(rule: &str, known: &[&'static str]) -> String {
    let help = match nearest(rule, known.iter().copied()) {
        Some(near) => format!("write `{near}`"),
        None => format!("the rules are {}", known.join(", ")),
    };
    format!("unknown rule `{rule}`\nhelp: {help}")
}

/// The message for a name in `keep_abi(..)` or `skip(..)` that the block does not declare.
pub(crate) fn no_function(key: &Ident, name: &str, known: &[String]) -> String {
    let help = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("write `{key}({near})`"),
        None => "name a function that the block declares".into(),
    };
    format!("`{name}` is no function of this block\nhelp: {help}")
}

/// The message for a library without contracts.
pub(crate) fn unknown_library(name: &str, known: &[&str]) -> String {
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("write `{near}`"),
        None => format!("there are contracts of {}; a file of your own ends in `.toml`", known.join(", ")),
    };
    format!("there are no contracts of `{name}`\nhelp: {help}")
}

/// The message for a file of contracts that cannot be read. `cargo ffi-guard` looks for its first
/// words.
pub(crate) fn contracts_fault(name: &str, what: &str) -> String {
    format!("the contracts in `{name}` cannot be used: {what}")
}

/// The message for a contract that the user asked for, of another function.
pub(crate) fn misfit(why: &str) -> String {
    format!("{why}\nhelp: mend the declaration, or declare the function in a block without these contracts")
}

/// The message for a contract that a callback names, of another type than its own.
pub(crate) fn callback_misfit(why: &str) -> String {
    format!("{why}\nhelp: name the contract of the type that the function is given to C as, or take `contract` off")
}

/// The message for a name that no file of contracts has.
pub(crate) fn no_callback_type(name: &str) -> String {
    format!(
        "there is no contract of a callback's type `{name}`\n\
         help: write the field by which C gets it, `contract = \"sqlite3_module.xOpen\"`, or the function's parameter, \
         `contract = \"sqlite3_exec.callback\"`; a file of your own is named by `contracts = \"mine.toml\"`"
    )
}

/// The message for a word in a contract of a callback's type that only a function itself can say.
pub(crate) fn not_of_a_type(key: &Ident) -> String {
    format!("`{key}` goes on a function, and cannot be said of all of a type")
}

pub(crate) fn twice(key: &Ident) -> String {
    format!("`{key}` is said twice\nhelp: leave one out")
}

pub(crate) fn rule_twice(rule: &str, first: &str, second: &Ident) -> String {
    if second == first {
        return format!("`{rule}` is in `{first}` twice\nhelp: leave one out");
    }
    format!("`{rule}` is both in `{first}` and in `{second}`\nhelp: leave it in one of them")
}

pub(crate) fn expected_value(key: &Ident) -> String {
    format!("expected something behind `=`\nhelp: write `{}`", usage(&key.to_string()))
}

pub(crate) fn wrong_form(key: &Ident) -> String {
    format!("`{key}` is not written like this\nhelp: write `{}`", usage(&key.to_string()))
}

pub(crate) fn empty_list(key: &Ident) -> String {
    format!("`{key}` names no rule\nhelp: write `{key}(nested_pointer)`, or leave it out")
}

/// The message for two attributes that contradict each other, with the reason.
pub(crate) fn contradiction(first: &str, second: &str, why: &str) -> String {
    format!("`{second}` contradicts `{first}`: {why}\nhelp: leave one out")
}

pub(crate) fn skipped(other: &str) -> String {
    format!("`{other}` means nothing beside `skip`, which leaves the function bare\nhelp: leave one out")
}

pub(crate) fn no_pointer(key: &Ident, ty: &str) -> String {
    format!("`{key}` is for pointers, and `{ty}` is none\nhelp: move it to the parameter that is the pointer")
}

pub(crate) fn no_parameter(name: &str, key: &Ident, params: &[String]) -> String {
    let help = match nearest(name, params.iter().map(String::as_str)) {
        Some(near) => format!("write `{key} = {near}`"),
        None if params.is_empty() => "the function has no named parameter; write a number or a constant".into(),
        None => format!("the parameters are `{}`; constants are written in upper case", params.join("`, `")),
    };
    format!("`{name}` is no parameter of this function\nhelp: {help}")
}

pub(crate) fn two_of_one_name(name: &str, times: usize) -> String {
    format!(
        "`{name}` is the name of {times} parameters of this function\nhelp: give the one that is meant a name of its own"
    )
}

/// The candidate that the user probably meant.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(d, candidate)| *d <= (candidate.len().min(word.len()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance, ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let keys = On::Parameter.keys();
        assert_eq!(nearest("conted_by", keys.iter().copied()), Some("counted_by"));
        assert_eq!(nearest("c_str", keys.iter().copied()), Some("cstr"));
        assert_eq!(nearest("banana", keys.iter().copied()), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
