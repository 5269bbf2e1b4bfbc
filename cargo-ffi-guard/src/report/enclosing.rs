//! The Rust function around a place in a source, read at the level of tokens: what makes a finding
//! the same after lines have moved.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::line::Place;

/// The functions of a file: the lines from `fn` to the closing brace, and the name with the modules
/// and types around it. Outer ones come first.
type Functions = Vec<(RangeInclusive<usize>, String)>;

/// Sources that were read.
pub(super) struct Sources {
    checkout: PathBuf,
    files: HashMap<String, Functions>,
}

impl Sources {
    pub(super) fn new(checkout: &Path) -> Sources {
        Sources { checkout: checkout.to_path_buf(), files: HashMap::new() }
    }

    /// The innermost function around the place. `None` if the source is not at hand, or there is
    /// none.
    pub(super) fn enclosing(&mut self, place: &Place) -> Option<String> {
        let checkout = &self.checkout;
        let functions = self.files.entry(place.file.clone()).or_insert_with(|| {
            let text = std::fs::read_to_string(checkout.join(&place.file)).unwrap_or_default();
            functions(&text)
        });
        let line = usize::try_from(place.line).ok()?;
        functions.iter().rfind(|(lines, _)| lines.contains(&line)).map(|(_, name)| name.clone())
    }
}

fn functions(text: &str) -> Functions {
    let mut found = Functions::new();
    let mut text = text.trim_start_matches('\u{feff}').to_owned();
    if text.starts_with("#!") && !text.starts_with("#![") {
        text.replace_range(..2, "//");
    }
    if let Ok(tokens) = text.parse::<TokenStream>() {
        search(tokens, "", &mut found);
    }
    found
}

fn search(tokens: TokenStream, outer: &str, found: &mut Functions) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    // Where the item begins whose body comes next.
    let mut start = 0;
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == ';' => start = index + 1,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let head = &tokens[start..index];
                let name = name(head);
                let path = match &name {
                    Some((name, _)) if outer.is_empty() => name.clone(),
                    Some((name, _)) => format!("{outer}::{name}"),
                    None => outer.to_owned(),
                };
                if let Some((_, Some(keyword))) = &name {
                    let first = head[*keyword].span().start().line;
                    found.push((first..=group.span_close().end().line, path.clone()));
                }
                search(group.stream(), &path, found);
                start = index + 1;
            }
            // The arguments of a macro may hold items, too.
            TokenTree::Group(group) => search(group.stream(), outer, found),
            _ => {}
        }
    }
}

/// What an item's head names: a function, with the position of its `fn`; a module; or the type of
/// an `impl`.
fn name(head: &[TokenTree]) -> Option<(String, Option<usize>)> {
    let word = |index: usize| match head.get(index) {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    };
    for index in 0..head.len() {
        match word(index).as_deref() {
            // A type `fn(..)` has no name.
            Some("fn") if word(index + 1).is_some() => return Some((word(index + 1)?, Some(index))),
            Some("mod" | "trait") => return Some((word(index + 1)?, None)),
            Some("impl") => return type_of_impl(&head[index + 1..]).map(|name| (name, None)),
            _ => {}
        }
    }
    None
}

/// The last name of the type outside of angle brackets, after `for` if there is one.
fn type_of_impl(head: &[TokenTree]) -> Option<String> {
    let (mut depth, mut name, mut mark) = (0_i32, None, ' ');
    for token in head {
        let of_token = if let TokenTree::Punct(mark) = token { mark.as_char() } else { ' ' };
        let before = std::mem::replace(&mut mark, of_token);
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '<' => depth += 1,
            TokenTree::Punct(mark) if mark.as_char() == '>' && before != '-' => depth -= 1,
            TokenTree::Ident(word) if depth == 0 && word == "for" => name = None,
            TokenTree::Ident(word) if depth == 0 && word == "where" => break,
            // A lifetime's name is no type's.
            TokenTree::Ident(word) if depth == 0 && before != '\'' => name = Some(word.to_string()),
            _ => {}
        }
    }
    name
}

/// The library's answer to the same question, without a lexer of Rust's.
#[cfg(test)]
#[path = "../../../ffi-guard/src/report/enclosing.rs"]
mod of_the_library;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_names_the_same_functions() {
        let mut lines = 0;
        let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()];
        while let Some(folder) = waiting.pop() {
            for path in std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
                if path.is_dir() {
                    waiting.extend((!path.ends_with("target") && !path.ends_with(".git")).then_some(path));
                } else if path.extension().is_some_and(|end| end == "rs") {
                    let Ok(text) = std::fs::read_to_string(&path) else { continue };
                    let functions = functions(&text);
                    // Each question reads the file: every line of it would take minutes.
                    for line in (1..=text.lines().count()).step_by(89) {
                        let known = functions.iter().rfind(|(lines, _)| lines.contains(&line));
                        let theirs = of_the_library::enclosing(&text, line);
                        let place = || format!("{}:{line}", path.display());
                        assert_eq!(theirs.as_ref(), known.map(|(_, name)| name), "{}", place());
                        lines += 1;
                    }
                }
            }
        }
        assert!(lines > 500, "{lines}");
    }

    #[test]
    fn the_innermost_function_is_named_with_what_is_around_it() {
        let text = "\
fn plain() {
    call();
}
mod inner {
    impl<T: Fn(u8) -> u8> Session<T> where T: Copy {
        pub unsafe extern \"C\" fn store(&self) {
            fn nested() {
                call();
            }
            if true { call() }
        }
    }
    impl Drop for Other { fn drop(&mut self) { call() } }
}
static S: fn() = plain;
";
        let functions = functions(text);
        let at =
            |line: usize| functions.iter().rfind(|(lines, _)| lines.contains(&line)).map(|(_, name)| name.as_str());
        assert_eq!(at(2), Some("plain"));
        assert_eq!(at(8), Some("inner::Session::store::nested"));
        assert_eq!(at(10), Some("inner::Session::store"));
        assert_eq!(at(13), Some("inner::Other::drop"));
        assert_eq!(at(15), None);
    }
}
