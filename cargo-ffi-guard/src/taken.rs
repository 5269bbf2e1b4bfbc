//! Functions that a program passes on as values, found in its sources before anything is built:
//! `init(ctx, ffi::EVP_EncryptInit_ex)`. Their wrappers keep C's type from the start. The build
//! would show it too, as an error in the crate that passes it on, after the crate that declares it
//! was built in vain.
//!
//! A guess by characters and not a proof. A name too many is one wrapper that tells its caller's
//! place less exactly; one that is missed is learnt from the error.

use std::collections::BTreeSet;

/// A bracket that is open.
#[derive(Clone, Copy)]
struct Open {
    /// The arguments of a call, or the fields of a tuple.
    is_call: bool,
    /// Inside a macro's call, of which only the macro knows what becomes of it.
    in_macro: bool,
}

/// Adds the last names of the paths that are whole arguments of a call.
pub(crate) fn find(text: &str, found: &mut BTreeSet<String>) {
    if !text.contains("::") {
        return;
    }
    let bytes = text.as_bytes();
    let at = |index: usize| bytes.get(index).copied().unwrap_or(b' ');
    let mut open: Vec<Open> = Vec::new();
    // The last byte that is no space, before the place that is looked at.
    let mut last = b' ';
    let mut index = 0;
    while index < bytes.len() {
        let byte = bytes[index];
        match byte {
            b'/' if at(index + 1) == b'/' => index = end_of_line(bytes, index),
            b'/' if at(index + 1) == b'*' => index = end_of_comment(bytes, index),
            b'"' => (index, last) = (end_of_text(bytes, index, last), b'"'),
            b'\'' => (index, last) = (end_of_quote(bytes, index), b'\''),
            b'(' | b'[' | b'{' => {
                let outer = open.last().is_some_and(|open| open.in_macro);
                open.push(Open { is_call: byte == b'(', in_macro: outer || last == b'!' });
                (index, last) = (index + 1, byte);
            }
            b')' | b']' | b'}' => {
                open.pop();
                (index, last) = (index + 1, byte);
            }
            _ if is_of_word(byte) => {
                let end = end_of_path(bytes, index);
                let path = &text[index..end];
                let is_argument = matches!(last, b'(' | b',')
                    && open.last().is_some_and(|open| open.is_call && !open.in_macro)
                    && matches!(next(bytes, end), b')' | b',');
                if let (true, Some((_, name))) = (is_argument, path.rsplit_once("::"))
                    && name.contains(|c: char| c.is_lowercase())
                {
                    found.insert(name.to_string());
                }
                (index, last) = (end, b'a');
            }
            _ => {
                if !byte.is_ascii_whitespace() {
                    last = byte;
                }
                index += 1;
            }
        }
    }
}

/// The names among these that the texts may declare as foreign functions.
pub(crate) fn declared_in<'a>(texts: impl Iterator<Item = &'a String>, names: &BTreeSet<String>) -> BTreeSet<String> {
    let texts = texts.filter(|text| text.contains("extern"));
    let after = texts.flat_map(|text| text.match_indices("fn ").map(|(at, word)| text[at + word.len()..].trim_start()));
    let name = |rest: &str| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(String::from);
    after.filter_map(name).filter(|name| names.contains(name)).collect()
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Where a path ends that begins here: words with `::` between them.
fn end_of_path(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    loop {
        end += bytes[end..].iter().take_while(|byte| is_of_word(**byte)).count();
        match (bytes[end..].starts_with(b"::"), bytes.get(end + 2)) {
            (true, Some(byte)) if is_of_word(*byte) => end += 2,
            _ => return end,
        }
    }
}

fn next(bytes: &[u8], from: usize) -> u8 {
    bytes[from..].iter().copied().find(|byte| !byte.is_ascii_whitespace()).unwrap_or(b' ')
}

fn end_of_line(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| from + length)
}

fn end_of_comment(bytes: &[u8], from: usize) -> usize {
    let (mut depth, mut index) = (1, from + 2);
    while depth > 0 && index < bytes.len() {
        match bytes.get(index..index + 2) {
            Some(b"/*") => (depth, index) = (depth + 1, index + 2),
            Some(b"*/") => (depth, index) = (depth - 1, index + 2),
            _ => index += 1,
        }
    }
    index
}

/// Where a text ends whose quote stands here. `last`: what stands before it, as `#` of a raw text.
fn end_of_text(bytes: &[u8], from: usize, last: u8) -> usize {
    let hashes = bytes[..from].iter().rev().take_while(|byte| **byte == b'#').count();
    let before = from.checked_sub(hashes + 1).and_then(|index| bytes.get(index));
    let is_raw = (last == b'#' || last == b'a') && before == Some(&b'r');
    let mut index = from + 1;
    while index < bytes.len() {
        match bytes[index] {
            b'\\' if !is_raw => index += 1,
            b'"' if !is_raw || bytes[index + 1..].iter().take_while(|byte| **byte == b'#').count() >= hashes => {
                return index + 1;
            }
            _ => {}
        }
        index += 1;
    }
    bytes.len()
}

/// Where a character ends whose quote stands here; a lifetime ends after its quote.
fn end_of_quote(bytes: &[u8], from: usize) -> usize {
    let is_escape = bytes.get(from + 1) == Some(&b'\\');
    let longest = if is_escape { 12 } else { 5 };
    let close = bytes.iter().skip(from + 2 + usize::from(is_escape)).take(longest).position(|byte| *byte == b'\'');
    let is_character = match close {
        _ if is_escape => close.is_some(),
        // One character, of up to four bytes; `'a, 'b` are two lifetimes.
        Some(0) => true,
        Some(length) => bytes[from + 1] >= 0x80 && length < 4,
        None => false,
    };
    match (is_character, close) {
        (true, Some(length)) => from + 2 + usize::from(is_escape) + length + 1,
        _ => from + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        find(text, &mut found);
        found.into_iter().collect()
    }

    #[test]
    fn whole_arguments_are_found() {
        assert_eq!(taken("init(a, ffi::one, x)"), ["one"]);
        assert_eq!(taken("a.set(Some(crate::ffi::free_it))"), ["free_it"]);
        assert_eq!(taken("f(\n    openssl_sys::two , // why\n    ffi::three\n)"), ["three", "two"]);
    }

    #[test]
    fn calls_fields_types_constants_and_what_macros_get_are_not() {
        let texts = [
            "f(ffi::one(2))",
            "f(ffi::one + 1)",
            "f(&ffi::one)",
            "f(ffi::ONE)",
            "let x = ffi::one;",
            "foreign! { type A; fn drop = ffi::one; }",
            "from_der!(a, ffi::one, b)",
            "// f(ffi::one)",
            "/* f(ffi::one) /* */ f(ffi::two) */",
            "f(\"(ffi::one, \")",
            "f(r#\"\" (ffi::one)\"#)",
            "fn f<'a>(x: &'a u8, y: ffi::one)",
            "['\"', '(', '\\'', '\\u{1F600}', 'é'];",
            "use a::{b, c::d};",
        ];
        for text in texts {
            assert_eq!(taken(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(taken("x = '\"'; f(ffi::one); y = '\"';"), ["one"]);
        assert_eq!(taken("fn g<'a>(x: &'a u8) { f('(', ffi::one) }"), ["one"]);
    }

    #[test]
    fn declarations_are_told_from_other_words() {
        let names = ["one", "two", "three"].map(String::from).into();
        let text = "extern { pub fn one(a: u8); fn two (); } // three".to_string();
        let declared = declared_in([&text, &"fn three() {}".to_string()].into_iter(), &names);
        assert_eq!(declared.into_iter().collect::<Vec<_>>(), ["one", "two"]);
    }
}
