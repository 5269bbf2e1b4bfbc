//! The Rust function around a line of a source: what makes a finding the same after lines have
//! moved.
//!
//! `cargo ffi-guard report` answers the same question with a real lexer, and a test of it compares
//! the two. This one is for a process that has found something, which brings no lexer along.

/// A token, with the line on which it begins.
struct Token<'a> {
    line: usize,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Word(&'a str),
    Mark(char),
    /// A text, a character or a number.
    Literal,
    /// What stands between two brackets, by the opening one, and the line of the closing one.
    Group(char, Vec<Token<'a>>, usize),
}

/// The innermost function around a line, with the modules and types around it: `mod::Type::fn`.
pub(crate) fn enclosing(text: &str, line: usize) -> Option<String> {
    let text = text.trim_start_matches('\u{feff}');
    let first = if text.starts_with("#!") && !text.starts_with("#![") { text.find('\n')? } else { 0 };
    let mut lexer = Lexer { text, at: first, line: 1 };
    let (tokens, _) = lexer.group();
    let mut found = None;
    search(&tokens, "", line, &mut found);
    found
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, bytes: usize) {
        let skipped = self.rest().get(..bytes).unwrap_or(self.rest());
        self.line += skipped.matches('\n').count();
        self.at += skipped.len();
    }

    /// The tokens up to the bracket that closes, and that bracket's line.
    fn group(&mut self) -> (Vec<Token<'a>>, usize) {
        let mut tokens = Vec::new();
        loop {
            let (rest, line) = (self.rest(), self.line);
            let Some(c) = rest.chars().next() else { return (tokens, line) };
            let kind = match c {
                ')' | ']' | '}' => {
                    self.skip(1);
                    return (tokens, line);
                }
                '(' | '[' | '{' => {
                    self.skip(1);
                    let (inside, end) = self.group();
                    Kind::Group(c, inside, end)
                }
                c if c.is_whitespace() => {
                    self.skip(c.len_utf8());
                    continue;
                }
                '/' if rest.starts_with("//") => {
                    self.skip(rest.find('\n').unwrap_or(rest.len()));
                    continue;
                }
                '/' if rest.starts_with("/*") => {
                    self.skip(comment(rest));
                    continue;
                }
                '"' => {
                    self.skip(1 + quoted(&rest[1..], '"'));
                    Kind::Literal
                }
                '\'' => self.quote(rest),
                c if c.is_alphabetic() || c == '_' => self.word(rest),
                c if c.is_ascii_digit() => {
                    self.skip(rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()));
                    Kind::Literal
                }
                c => {
                    self.skip(c.len_utf8());
                    Kind::Mark(c)
                }
            };
            tokens.push(Token { line, kind });
        }
    }

    /// A character or a lifetime.
    fn quote(&mut self, rest: &'a str) -> Kind<'a> {
        let mut after = rest[1..].chars();
        match (after.next(), after.next()) {
            (Some('\\'), _) | (Some(_), Some('\'')) => {
                self.skip(1 + quoted(&rest[1..], '\''));
                Kind::Literal
            }
            _ => {
                self.skip(1);
                Kind::Mark('\'')
            }
        }
    }

    /// A word, or the text that it is the prefix of.
    fn word(&mut self, rest: &'a str) -> Kind<'a> {
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let hashes = after.len() - after.trim_start_matches('#').len();
        let is_raw = matches!(word, "r" | "br" | "cr") && after[hashes..].starts_with('"');
        if is_raw {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = length + hashes + 1;
            self.skip(rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len()));
            return Kind::Literal;
        }
        match (word, after.chars().next()) {
            ("b" | "c", Some('"')) | ("b", Some('\'')) => {
                let mark = if after.starts_with('"') { '"' } else { '\'' };
                self.skip(length + 1 + quoted(&after[1..], mark));
                Kind::Literal
            }
            ("r", Some('#')) => {
                let name = &after[1..];
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
                self.skip(length + 1 + end);
                Kind::Word(&rest[..length + 1 + end])
            }
            _ => {
                self.skip(length);
                Kind::Word(word)
            }
        }
    }
}

/// Bytes of a comment, and of those inside it.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let step = match rest {
            rest if rest.starts_with("/*") => {
                depth += 1;
                2
            }
            rest if rest.starts_with("*/") => {
                depth -= 1;
                2
            }
            rest => rest.chars().next().map_or(1, char::len_utf8),
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Bytes up to the mark that ends a literal, and that mark.
fn quoted(text: &str, end: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (escaped, c) {
            (true, _) => escaped = false,
            (false, '\\') => escaped = true,
            (false, c) if c == end => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn search(tokens: &[Token<'_>], outer: &str, line: usize, found: &mut Option<String>) {
    // Where the item begins whose body comes next.
    let mut start = 0;
    for (index, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Mark(';') => start = index + 1,
            Kind::Group('{', inside, end) => {
                let head = &tokens[start..index];
                let name = name(head);
                let path = match &name {
                    Some((name, _)) if outer.is_empty() => (*name).to_owned(),
                    Some((name, _)) => format!("{outer}::{name}"),
                    None => outer.to_owned(),
                };
                if let Some((_, Some(keyword))) = name
                    && (head[keyword].line..=*end).contains(&line)
                {
                    *found = Some(path.clone());
                }
                search(inside, &path, line, found);
                start = index + 1;
            }
            // The arguments of a macro may hold items, too.
            Kind::Group(_, inside, _) => search(inside, outer, line, found),
            _ => {}
        }
    }
}

/// What an item's head names: a function, with the position of its `fn`; a module; or the type of
/// an `impl`.
fn name<'a>(head: &[Token<'a>]) -> Option<(&'a str, Option<usize>)> {
    let word = |index: usize| match head.get(index)?.kind {
        Kind::Word(word) => Some(word),
        _ => None,
    };
    for index in 0..head.len() {
        match word(index) {
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
fn type_of_impl<'a>(head: &[Token<'a>]) -> Option<&'a str> {
    let (mut depth, mut name, mut mark) = (0_i32, None, ' ');
    for token in head {
        let before = std::mem::replace(&mut mark, if let Kind::Mark(mark) = token.kind { mark } else { ' ' });
        match token.kind {
            Kind::Mark('<') => depth += 1,
            Kind::Mark('>') if before != '-' => depth -= 1,
            Kind::Word("for") if depth == 0 => name = None,
            Kind::Word("where") if depth == 0 => break,
            // A lifetime's name is no type's.
            Kind::Word(word) if depth == 0 && before != '\'' => name = Some(word),
            _ => {}
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_function_is_named_with_what_is_around_it() {
        let text = r##"#!/usr/bin/env run
// fn no() {
/* fn no() { /* } */ */
mod inner {
    impl<'a, T: Fn(u8) -> u8> Use for &'a Session<'a, T> where T: Copy {
        pub unsafe extern "C" fn store(&self) -> char {
            let text = "} \" fn no() {"; let raw = r#"" } "#; let c = '}';
            fn r#nested() {
                call(b'"', '\'', b"}", 'a');
            }
        }
    }
}
macro_rules! m { ($f:expr) => { fn made() { $f() } } }
fn last() -> impl Fn() { || call() }
"##;
        let at = |line: usize| enclosing(text, line);
        assert_eq!(at(7).as_deref(), Some("inner::Session::store"));
        assert_eq!(at(9).as_deref(), Some("inner::Session::store::r#nested"));
        assert_eq!(at(11).as_deref(), Some("inner::Session::store"));
        assert_eq!(at(12), None);
        assert_eq!(at(15).as_deref(), Some("last"));
        for broken in ["fn f() { \"", "fn f() { /*", "}}} fn f() {", "fn f() { r#\"", "'", "b'", "fn"] {
            let _ = enclosing(broken, 1);
        }
    }
}
