//! The small phrases that the words of all rules share.

use std::fmt;
use std::panic::Location;

use super::Value;
use crate::facts::{BlockFacts, Call, Facts, Holder, Memory, Tells};

/// The path of a file of another crate's, or of the standard library's, below that one's folder;
/// `None` for others.
pub(crate) fn own_path(path: &str) -> Option<&str> {
    let after = |folder: &str| path.split_once(folder).map(|(_, rest)| rest);
    // `~/.cargo/registry/src/index-1949cf8c6b5b557f/name-1.2.3/src/lib.rs`
    if let Some(rest) = after("/registry/src/").or_else(|| path.strip_prefix("/rustc/")) {
        return rest.split_once('/').map(|(_, own)| own);
    }
    // `~/.cargo/git/checkouts/name-0f1e2d/a1b2c3/src/lib.rs`
    after("/git/checkouts/").or_else(|| after("/lib/rustlib/src/rust/"))
}

/// A place in the source as a sentence has it: `src/session.rs:62`.
pub(crate) fn place_of(at: &Location<'_>) -> String {
    format!("{}:{}", own_path(at.file()).unwrap_or(at.file()), at.line())
}

/// `1 byte`, `24 bytes`.
pub(crate) fn bytes(n: usize) -> String {
    if n == 1 { "1 byte".into() } else { format!("{n} bytes") }
}

/// `a 24-byte block`, `an 8-byte block`. Allocates nothing.
#[derive(Clone, Copy)]
pub(crate) struct SizedBlock(pub(crate) usize);

impl fmt::Display for SizedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0;
        let digits = size.checked_ilog10().unwrap_or(0) + 1;
        let first = size / 10_usize.pow(digits - 1);
        let first_two = if digits > 1 { size / 10_usize.pow(digits - 2) } else { 0 };
        let with_vowel = first == 8 || digits % 3 == 2 && matches!(first_two, 11 | 18);
        write!(f, "{} {size}-byte block", if with_vowel { "an" } else { "a" })
    }
}

/// One address of a block: `byte 24 of a 24-byte block, 1 past the end`.
pub(crate) fn position(offset: usize, size: usize) -> String {
    let block = SizedBlock(size);
    if offset == 0 && size > 0 {
        format!("the start of {block}")
    } else if offset < size {
        format!("byte {offset} of {block}")
    } else {
        format!("byte {offset} of {block}, {} past the end", offset - size + 1)
    }
}

/// A stretch of a block: `all 24 bytes of one block`, `bytes 8 to 15 of a 24-byte block`.
pub(crate) fn stretch(offset: usize, length: usize, size: usize) -> String {
    match length {
        0 => position(offset, size),
        1 if size != 1 => format!("byte {offset} of {}", SizedBlock(size)),
        _ if offset == 0 && length == size => {
            format!("all {} of one block", bytes(size)).replace("all 1 byte", "the 1 byte")
        }
        _ => format!("bytes {offset} to {} of {}", offset + length - 1, SizedBlock(size)),
    }
}

/// What an address in some memory is: `the start of a 12-byte block`,
/// `the stack of thread 1 (main)`.
pub(crate) fn spot(memory: &Memory, address: usize, call: Option<&Call>) -> String {
    match memory {
        Memory::Heap(block) => {
            let of_c = if block.of_c { " of C's heap" } else { "" };
            format!("{}{of_c}", position(address.wrapping_sub(block.address), block.size))
        }
        Memory::Stack { thread, .. } => format!("the stack of {}", Thread::of(*thread, call)),
        Memory::Foreign { .. } => "memory outside of Rust's heap and stacks".into(),
    }
}

/// A thread as a report names it: `thread 1 (main)`.
#[derive(Clone, Copy)]
pub(crate) struct Thread<'a> {
    pub(crate) id: u32,
    pub(crate) name: Option<&'a str>,
}

impl Thread<'_> {
    /// Without its name.
    pub(crate) const fn unnamed(id: u32) -> Thread<'static> {
        Thread { id, name: None }
    }

    /// With its name, which is known only for the thread that made the call.
    pub(crate) fn of(id: u32, call: Option<&Call>) -> Thread<'_> {
        Thread { id, name: call.filter(|call| call.thread == id).and_then(|call| call.thread_name.as_deref()) }
    }
}

impl fmt::Display for Thread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id;
        // The test harness names a thread by the whole path of its test: that leaves no room for
        // the places.
        match self.name.filter(|name| name.chars().count() <= 20) {
            _ if id == 0 => f.write_str("thread not recorded"),
            Some(name) => write!(f, "thread {id} ({name})"),
            None => write!(f, "thread {id}"),
        }
    }
}

/// `live` or `freed`.
pub(crate) fn state(block: &BlockFacts) -> &'static str {
    if block.live { "live" } else { "freed" }
}

/// The parameter in backticks, or what stands for it.
pub(crate) fn parameter(facts: &Facts) -> String {
    if facts.is_about_result() {
        return "the result".into();
    }
    facts.parameter().map_or_else(|| "an argument".into(), |parameter| format!("`{}`", parameter.name))
}

/// The function in backticks, or what stands for it.
pub(crate) fn function(facts: &Facts) -> String {
    facts.call.as_ref().map_or_else(|| "a C function".into(), |call| format!("`{}`", call.function.declaration.name))
}

/// The function's name; empty without a call.
pub(crate) fn callee(facts: &Facts) -> &'static str {
    facts.call.as_ref().map_or("", |call| call.function.declaration.name)
}

/// `` `s` of `process` ``.
pub(crate) fn whose(facts: &Facts) -> String {
    format!("{} of {}", parameter(facts), function(facts))
}

/// The name in code: `name`, or something that stands for it.
pub(crate) fn name(facts: &Facts) -> &'static str {
    facts.parameter().map_or("p", |parameter| parameter.name)
}

/// The call in code, with `argument` in the parameter's place: `f(.., owner.as_ptr(), ..)`.
pub(crate) fn call_with(facts: &Facts, argument: &str) -> String {
    let Some(call) = &facts.call else { return format!("f({argument})") };
    let declaration = call.function.declaration;
    let index = call.parameter.unwrap_or(0);
    let before = if index > 0 { ".., " } else { "" };
    let after = if index + 1 < declaration.parameters.len() { ", .." } else { "" };
    format!("{}({before}{argument}{after})", declaration.name)
}

/// The label under the call: the parameter as it is declared, followed by `called` if C called, and
/// else by `lent`.
pub(crate) fn label(facts: &Facts, called: &str, lent: &str) -> String {
    match (facts.parameter(), facts.is_callback()) {
        (Some(parameter), true) => format!("C handed it `{}: {}`{called}", parameter.name, parameter.ty),
        (None, true) => format!("what it returned{called}"),
        (Some(parameter), false) => format!("`{}: {}`{lent}", parameter.name, parameter.ty),
        (None, false) => format!("this call{lent}"),
    }
}

/// The notes of what was found when C called a function of Rust's.
pub(crate) fn found_when_called(facts: &Facts, how: &str) -> Vec<String> {
    let from = match facts.lent_by {
        Some(_) => "whether C has the address from that loan is not known",
        None => "where C had the address from is not known",
    };
    vec![
        format!("found when C called {}, {how}", function(facts)),
        format!("{from}; C's call stands in the panic's backtrace (RUST_BACKTRACE=1)"),
    ]
}

/// The notes of what the address alone shows.
pub(crate) fn found_by_address(facts: &Facts) -> Vec<String> {
    if facts.is_callback() {
        return found_when_called(facts, "from the address alone");
    }
    vec!["found before the call, from the address alone".into()]
}

/// The word's place in the argument: `` `x` `` or `byte 16`; `None` if it is the argument itself.
pub(crate) fn word(holder: &Holder) -> Option<String> {
    match holder {
        Holder::Argument | Holder::Result { offset: None, .. } => None,
        Holder::Value { field: Some(field), .. }
        | Holder::Pointee { field: Some(field), .. }
        | Holder::Result { field: Some(field), .. } => Some(format!("`{field}`")),
        Holder::Value { offset, .. }
        | Holder::Pointee { offset, .. }
        | Holder::CBlock { offset, .. }
        | Holder::Result { offset: Some(offset), .. } => Some(format!("byte {offset}")),
    }
}

/// The word as a thing: `` `x` ``, `the word at byte 16`, or `byte 16 of C's block`.
pub(crate) fn the_word(facts: &Facts) -> String {
    if let Some(Holder::CBlock { offset, .. }) = facts.holder() {
        return format!("byte {offset} of C's block");
    }
    match facts.holder().and_then(word) {
        None => parameter(facts),
        Some(byte) if byte.starts_with('b') => format!("the word at {byte}"),
        Some(field) => field,
    }
}

/// `` , in `x` ``, `, at byte 16` or `, in another block of C's, at byte 16`.
pub(crate) fn in_it(holder: &Holder) -> String {
    if let Holder::CBlock { offset, own: false, .. } = holder {
        return format!(", in another block of C's, at byte {offset}");
    }
    match word(holder) {
        None => String::new(),
        Some(byte) if byte.starts_with('b') => format!(", at {byte}"),
        Some(field) => format!(", in {field}"),
    }
}

/// `` , whose `x` points to Rust memory ``.
pub(crate) fn whose_word(holder: &Holder, to: &str) -> String {
    if let Holder::CBlock { own: false, .. } = holder {
        return format!(" leads to another block of C's, which points to {to}");
    }
    let by_value = if matches!(holder, Holder::Value { .. }) { ", by value" } else { "" };
    match word(holder) {
        None => format!(" points to {to}"),
        Some(byte) if byte.starts_with('b') => format!("{by_value}, whose word at {byte} points to {to}"),
        Some(field) => format!("{by_value}, whose {field} points to {to}"),
    }
}

/// The members of JSON for a word and its place.
pub(crate) fn word_members(word: usize, holder: &Holder) -> Vec<(&'static str, Value<'_>)> {
    let (kind, at) = match holder {
        Holder::Argument => ("argument", None),
        Holder::Result { offset, field } => ("result", offset.as_ref().map(|offset| (offset, field))),
        Holder::Value { offset, field } => ("value", Some((offset, field))),
        Holder::Pointee { memory: Memory::Heap(_), offset, field } => ("heap", Some((offset, field))),
        Holder::Pointee { memory: Memory::Stack { .. }, offset, field } => ("stack", Some((offset, field))),
        Holder::Pointee { memory: Memory::Foreign { .. }, offset, field } => ("foreign", Some((offset, field))),
        Holder::CBlock { offset, own: true, .. } => ("c_block", Some((offset, &None))),
        Holder::CBlock { offset, own: false, .. } => ("other_c_block", Some((offset, &None))),
    };
    vec![
        ("pointer", Value::Address(word)),
        ("holder", Value::text(kind)),
        ("offset", Value::or_null(at, |(offset, _)| Value::Number(*offset))),
        ("field", Value::text_or_null(at.and_then(|(_, field)| field.as_deref()))),
    ]
}

/// Whether the declaration lends it for reading alone.
pub(crate) fn read_only(facts: &Facts) -> bool {
    facts.parameter().is_some_and(|parameter| {
        let ty = parameter.ty;
        ty.starts_with("*const") || ty.starts_with('&') && !ty.starts_with("&mut")
    })
}

/// Whether the parameter is a pointer as it is written, not a struct by value or an alias.
pub(crate) fn by_pointer(facts: &Facts) -> bool {
    facts.parameter().is_some_and(|parameter| {
        ["*", "&", "Option<&", "NonNull<", "Option<NonNull<", "Box<", "Option<Box<"]
            .iter()
            .any(|start| parameter.ty.starts_with(start))
    })
}

/// Whether the parameter is a pointer to a type that says nothing and has no fields: `c_void`, an
/// empty enum or struct.
pub(crate) fn untyped(facts: &Facts) -> bool {
    by_pointer(facts) && facts.argument.is_some_and(|argument| argument.tells == Tells::Opaque)
}

/// The pointee's type, if it is a plain name of the crate that declares the function and tells
/// nothing of its pointers: its author can write a derive on it.
pub(crate) fn could_derive(facts: &Facts) -> Option<&'static str> {
    let (argument, call) = (facts.argument?, facts.call.as_ref()?);
    let krate = |path: &'static str| path.split("::").next();
    let short = short_type(argument.pointee);
    let own = krate(argument.pointee) == krate(call.function.declaration.module);
    let plain_name = !short.contains(|c: char| !c.is_alphanumeric() && c != '_');
    (by_pointer(facts) && argument.tells == Tells::Nothing && own && plain_name).then_some(short)
}

/// Whether C takes it for a string.
pub(crate) fn string(facts: &Facts) -> bool {
    facts.parameter().is_some_and(|p| p.contract.is_cstr() || p.ty.ends_with("c_char") && p.extent.is_empty())
}

/// The type of the pointee, or `T`.
pub(crate) fn pointee(facts: &Facts) -> &'static str {
    facts.argument.map_or("T", |argument| short_type(argument.pointee))
}

/// The last name of a path of Rust: `Session` of `app::model::Session`. A type that has no plain
/// last name stays whole.
pub(crate) fn short_type(name: &str) -> &str {
    if name.contains(['<', '[', '(', '&', '*']) { name } else { name.rsplit("::").next().unwrap_or(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_told_in_words() {
        assert_eq!(position(24, 24), "byte 24 of a 24-byte block, 1 past the end");
        assert_eq!(position(0, 8), "the start of an 8-byte block");
        assert_eq!(position(0, 0), "byte 0 of a 0-byte block, 1 past the end");
        assert_eq!(stretch(0, 24, 24), "all 24 bytes of one block");
        assert_eq!(stretch(8, 8, 24), "bytes 8 to 15 of a 24-byte block");
        assert_eq!(stretch(3, 1, 11), "byte 3 of an 11-byte block");
        assert_eq!(stretch(0, 1, 1), "the 1 byte of one block");
        assert_eq!(SizedBlock(1100).to_string(), "a 1100-byte block");
        assert_eq!(SizedBlock(18_000).to_string(), "an 18000-byte block");
        assert_eq!(short_type("app::model::Session"), "Session");
        assert_eq!(short_type("[app::Session; 4]"), "[app::Session; 4]");
    }
}
