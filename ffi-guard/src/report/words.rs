//! The small phrases that every part of a report shares, and the filling of lines.

use crate::facts::{BlockFacts, Call, Facts, Holder, Memory};

/// Columns of a report.
pub(super) const WIDTH: usize = 84;

/// Characters of a text. Wide characters are counted as one: terminals disagree on them, and most names have none.
pub(super) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// `1 byte`, `24 bytes`.
pub(super) fn bytes(n: usize) -> String {
    if n == 1 { "1 byte".into() } else { format!("{n} bytes") }
}

/// `a 24-byte block`, `an 8-byte block`.
pub(super) fn sized_block(size: usize) -> String {
    let digits = size.to_string();
    let spoken_with_vowel =
        digits.starts_with('8') || digits.len() % 3 == 2 && (digits.starts_with("11") || digits.starts_with("18"));
    format!("{} {size}-byte block", if spoken_with_vowel { "an" } else { "a" })
}

/// One address of a block: `byte 24 of a 24-byte block, 1 past the end`.
pub(super) fn position(offset: usize, size: usize) -> String {
    let block = sized_block(size);
    if offset == 0 && size > 0 {
        format!("the start of {block}")
    } else if offset < size {
        format!("byte {offset} of {block}")
    } else {
        format!("byte {offset} of {block}, {} past the end", offset - size + 1)
    }
}

/// A stretch of a block: `all 24 bytes of one block`, `bytes 8 to 15 of a 24-byte block`.
pub(super) fn stretch(offset: usize, length: usize, size: usize) -> String {
    match length {
        0 => position(offset, size),
        1 if size != 1 => format!("byte {offset} of {}", sized_block(size)),
        _ if offset == 0 && length == size => {
            format!("all {} of one block", bytes(size)).replace("all 1 byte", "the 1 byte")
        }
        _ => format!("bytes {offset} to {} of {}", offset + length - 1, sized_block(size)),
    }
}

/// What an address in some memory is: `the start of a 12-byte block`, `the stack of thread 1 (main)`.
pub(super) fn spot(memory: &Memory, address: usize, call: Option<&Call>) -> String {
    match memory {
        Memory::Heap(block) => position(address.wrapping_sub(block.address), block.size),
        Memory::Stack { thread: id, .. } => format!("the stack of {}", thread(*id, call)),
        Memory::Foreign { .. } => "memory outside of Rust's heap and stacks".into(),
    }
}

/// `thread 1 (main)`; the name is known for the thread that made the call alone.
pub(super) fn thread(id: u32, call: Option<&Call>) -> String {
    let name = call.filter(|call| call.thread == id).and_then(|call| call.thread_name.as_deref());
    match (id, name) {
        (0, _) => "thread not recorded".into(),
        // The test harness names a thread by the whole path of its test, which leaves no room for the places.
        (_, Some(name)) if columns(name) <= 20 => format!("thread {id} ({name})"),
        _ => format!("thread {id}"),
    }
}

/// `live` or `freed`.
pub(super) fn state(block: &BlockFacts) -> &'static str {
    if block.live { "live" } else { "freed" }
}

/// The parameter in backticks, or what stands for it.
pub(super) fn parameter(facts: &Facts) -> String {
    if matches!(facts.holder(), Some(Holder::Result { .. })) {
        return "the result".into();
    }
    facts.parameter().map_or_else(|| "an argument".into(), |parameter| format!("`{}`", parameter.name))
}

/// The function in backticks, or what stands for it.
pub(super) fn function(facts: &Facts) -> String {
    facts.call.as_ref().map_or_else(|| "a C function".into(), |call| format!("`{}`", call.function.declaration.name))
}

/// Where in the argument the word is: `` `x` `` or `byte 16`; `None` where it is the argument itself.
pub(super) fn word(holder: &Holder) -> Option<String> {
    match holder {
        Holder::Argument | Holder::Result { offset: None, .. } => None,
        Holder::Value { field: Some(field), .. }
        | Holder::Pointee { field: Some(field), .. }
        | Holder::Result { field: Some(field), .. } => Some(format!("`{field}`")),
        Holder::Value { offset, .. } | Holder::Pointee { offset, .. } | Holder::Result { offset: Some(offset), .. } => {
            Some(format!("byte {offset}"))
        }
    }
}

/// Whether the declaration lends it for reading alone.
pub(super) fn read_only(facts: &Facts) -> bool {
    facts.parameter().is_some_and(|parameter| {
        let ty = parameter.ty;
        ty.starts_with("*const") || ty.starts_with('&') && !ty.starts_with("&mut")
    })
}

/// Whether the parameter is a pointer as it is written, not a struct by value or an alias.
pub(super) fn by_pointer(facts: &Facts) -> bool {
    facts.parameter().is_some_and(|parameter| {
        ["*", "&", "Option<&", "NonNull<", "Option<NonNull<", "Box<", "Option<Box<"]
            .iter()
            .any(|start| parameter.ty.starts_with(start))
    })
}

/// The word as a thing: `` `x` `` or `the word at byte 16`.
pub(super) fn the_word(facts: &Facts) -> String {
    match facts.holder().and_then(word) {
        None => parameter(facts),
        Some(byte) if byte.starts_with('b') => format!("the word at {byte}"),
        Some(field) => field,
    }
}

/// The last name of a path of Rust: `Session` of `app::model::Session`; what has no plain last name stays whole.
pub(super) fn short_type(name: &str) -> &str {
    if name.contains(['<', '[', '(', '&', '*']) { name } else { name.rsplit("::").next().unwrap_or(name) }
}

/// Cuts a text down to `width` columns, at its end.
pub(super) fn clip(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.into();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Cuts a text down to `width` columns, at its start: of a path the end is what tells.
pub(super) fn clip_start(text: &str, width: usize) -> String {
    let all = columns(text);
    if all <= width {
        return text.into();
    }
    ['…'].into_iter().chain(text.chars().skip(all - width.saturating_sub(1))).collect()
}

/// Fills lines: the first begins with `first`, the others with as many blanks. What stands in backticks is not broken.
pub(super) fn fill(first: &str, text: &str) -> Vec<String> {
    let indent = " ".repeat(columns(first));
    let mut lines = Vec::new();
    let mut line = first.to_string();
    let mut empty = true;
    for piece in pieces(text) {
        if !empty && columns(&line) + 1 + columns(piece) > WIDTH {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(piece);
        empty = false;
    }
    lines.push(line);
    lines
}

/// The unbreakable pieces of a text: words, and code in backticks with what clings to it.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut in_code) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '`' => in_code = !in_code,
            ' ' if !in_code => {
                pieces.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
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
        assert_eq!(sized_block(1100), "a 1100-byte block");
        assert_eq!(sized_block(18_000), "an 18000-byte block");
    }

    #[test]
    fn code_is_not_broken_across_lines() {
        let text = "word ".repeat(14) + "`let c = CString::new(s)?;` end";
        let lines = fill("help: ", &text);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], "      `let c = CString::new(s)?;` end");
    }

    #[test]
    fn names_are_cut_where_they_tell_least() {
        assert_eq!(clip("some_long_name", 5), "some…");
        assert_eq!(clip_start("a/very/long/path.rs", 8), "…path.rs");
        assert_eq!(short_type("app::model::Session"), "Session");
        assert_eq!(short_type("[app::Session; 4]"), "[app::Session; 4]");
    }
}
