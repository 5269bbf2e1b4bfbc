//! Rust functions that C calls, of whose type a contract speaks: they are found by how they are
//! handed over, `xOpen: Some(open::<T>)`, `callbacks.credentials = Some(credentials_cb)`,
//! `sqlite3_exec(db, sql, Some(row), ..)`.
//!
//! A guess by tokens and not a proof: whether the contract can be that of the function the attribute
//! sees from its parameters, and leaves it as it is if not.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::rewrite::{beginning, is, word};

/// The files that come with ffi-guard and speak of callbacks.
const LIBRARIES: [&str; 4] = [
    include_str!("../../ffi-guard-macros/contracts/curl.toml"),
    include_str!("../../ffi-guard-macros/contracts/git2.toml"),
    include_str!("../../ffi-guard-macros/contracts/sqlite3.toml"),
    include_str!("../../ffi-guard-macros/contracts/zlib.toml"),
];

/// The types of callbacks of which contracts speak.
#[derive(Clone, Debug, Default)]
pub(crate) struct Types {
    /// The structs that have a field of this name.
    fields: BTreeMap<String, Vec<String>>,
    /// The parameters of a function that take a callback: position and name.
    parameters: BTreeMap<String, Vec<(usize, String)>>,
}

/// The type of each function that is handed over, by the function's name.
pub(crate) type Given = BTreeMap<String, String>;

impl Types {
    /// Those of the files that come with ffi-guard, and of others.
    pub(crate) fn of<'a>(others: impl Iterator<Item = &'a str>) -> Types {
        let mut types = Types::default();
        for text in LIBRARIES.into_iter().chain(others) {
            types.add(text);
        }
        types
    }

    fn add(&mut self, text: &str) {
        let names = text.lines().filter_map(|line| line.strip_prefix('"')?.split_once("\" = [")).map(|(name, _)| name);
        for (owner, part) in names.filter_map(|name| name.split_once('.')) {
            match position(text, owner, part) {
                Some(at) => self.parameters.entry(owner.into()).or_default().push((at, part.into())),
                None => self.fields.entry(part.into()).or_default().push(owner.into()),
            }
        }
    }

    /// Adds the functions that a file hands over.
    pub(crate) fn find(&self, text: &str, given: &mut Given) {
        // Most files name neither a function nor a struct of those that are known.
        let is_named = |name: &String| text.contains(name.as_str());
        if !self.parameters.keys().any(is_named) && !self.fields.values().flatten().any(is_named) {
            return;
        }
        if let Ok(tokens) = text[beginning(text)..].parse() {
            Search { types: self, text, given }.stream(tokens, None);
        }
    }
}

/// The place of a parameter in the contract of its function.
fn position(text: &str, function: &str, parameter: &str) -> Option<usize> {
    let line = text.lines().find(|line| line.strip_prefix(function).is_some_and(|rest| rest.starts_with(" = [")))?;
    let table: toml::Table = line.parse().ok()?;
    let name = |value: &toml::Value| value.as_str().map(|it| it.split(':').next().unwrap_or(it).trim().to_owned());
    table.get(function)?.as_array()?.iter().position(|value| name(value).as_deref() == Some(parameter))
}

struct Search<'a> {
    types: &'a Types,
    text: &'a str,
    given: &'a mut Given,
}

impl Search<'_> {
    /// Looks through tokens. `owner`: the word before the braces around them, as that of a struct.
    fn stream(&mut self, tokens: TokenStream, owner: Option<&str>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            let before = |back: usize| index.checked_sub(back).and_then(|index| tokens.get(index));
            match token {
                TokenTree::Group(group) => {
                    let name = word(before(1));
                    if let (Some(name), Delimiter::Parenthesis) = (&name, group.delimiter())
                        && word(before(2)).as_deref() != Some("fn")
                    {
                        self.call(name, group);
                    }
                    self.stream(group.stream(), name.as_deref());
                }
                // `field: value`, and not a path; `place.field = value`, and not `==`.
                TokenTree::Punct(mark) => {
                    let is_double = |at: Option<&TokenTree>| at.is_some_and(|token| is(token, mark.as_char()));
                    let is_field = match mark.as_char() {
                        ':' => true,
                        '=' => before(2).is_some_and(|token| is(token, '.')),
                        _ => false,
                    };
                    if let (true, Some(field)) = (is_field && !is_double(tokens.get(index + 1)), word(before(1))) {
                        let owner = owner.filter(|_| mark.as_char() == ':');
                        self.field(owner, &field, &tokens[index + 1..]);
                    }
                }
                _ => {}
            }
        }
    }

    /// The value of a field, which begins the tokens.
    fn field(&mut self, owner: Option<&str>, field: &str, value: &[TokenTree]) {
        let Some(owners) = self.types.fields.get(field) else { return };
        let literal = owners.iter().find(|known| owner == Some(known.as_str()));
        let named = || {
            let mut named = owners.iter().filter(|known| has_word(self.text, known));
            named.next().filter(|_| named.next().is_none())
        };
        if let Some(owner) = literal.or_else(named) {
            let end = value.iter().position(|token| is(token, ',') || is(token, ';')).unwrap_or(value.len());
            self.give(&value[..end], format!("{owner}.{field}"));
        }
    }

    /// The arguments of a call.
    fn call(&mut self, function: &str, arguments: &Group) {
        let Some(parameters) = self.types.parameters.get(function) else { return };
        let tokens: Vec<TokenTree> = arguments.stream().into_iter().collect();
        let (mut depth, mut at, mut start) = (0_usize, 0, 0);
        for index in 0..=tokens.len() {
            let token = tokens.get(index);
            let is_mark = |mark| token.is_some_and(|token| is(token, mark));
            // `f::<A, B>`, whose commas are none of the call's.
            match index.checked_sub(1).and_then(|before| tokens.get(before)) {
                Some(before) if is_mark('<') && is(before, ':') => depth += 1,
                Some(before) if is_mark('>') && !is(before, '-') => depth = depth.saturating_sub(1),
                _ if is_mark('<') && depth > 0 => depth += 1,
                _ => {}
            }
            if token.is_none() || is_mark(',') && depth == 0 {
                if let Some((_, name)) = parameters.iter().find(|(position, _)| *position == at) {
                    self.give(&tokens[start..index], format!("{function}.{name}"));
                }
                (at, start) = (at + 1, index + 1);
            }
        }
    }

    /// Notes what is handed over: a path, or `Some` of one. The first type of a function counts.
    fn give(&mut self, value: &[TokenTree], name: String) {
        let inner;
        let mut value = value;
        if let (Some("Some"), Some(TokenTree::Group(group))) = (word(value.first()).as_deref(), value.get(1)) {
            inner = group.stream().into_iter().collect::<Vec<_>>();
            value = &inner;
        }
        let mut last = None;
        for token in value {
            match token {
                TokenTree::Ident(part) if *part == "as" => break,
                TokenTree::Ident(part) => last = Some(part.to_string()),
                token if is(token, ':') => {}
                // The arguments of a generic function.
                token if is(token, '<') => break,
                // A call, a closure, a macro's variable.
                _ => return,
            }
        }
        if let Some(function) = last.filter(|function| function != "None") {
            self.given.entry(function).or_insert(name);
        }
    }
}

/// True if a text has this as a whole word.
fn has_word(text: &str, name: &str) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(is_of_word) && !text[at + name.len()..].starts_with(is_of_word))
}

/// Where the function begins whose `fn` stands at `index`: before its visibility. `None` if it is
/// not one that C can call, or has the attribute already. C's unwinding ABI is left alone: what
/// comes through it is the library's own affair.
pub(crate) fn start(tokens: &[TokenTree], index: usize) -> Option<usize> {
    let mut start = index.checked_sub(1)?;
    if let TokenTree::Literal(abi) = &tokens[start] {
        if !matches!(abi.to_string().as_str(), "\"C\"" | "\"system\"" | "\"cdecl\"") {
            return None;
        }
        start = start.checked_sub(1)?;
    }
    if word(tokens.get(start)).as_deref() != Some("extern") {
        return None;
    }
    let before = |start: usize| start.checked_sub(1).and_then(|before| tokens.get(before));
    if word(before(start)).as_deref() == Some("unsafe") {
        start -= 1;
    }
    if matches!(before(start), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis) {
        start -= 1;
    }
    if word(before(start)).as_deref() == Some("pub") {
        start -= 1;
    }
    Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str) -> Vec<(String, String)> {
        let mut given = Given::new();
        Types::of(["[\"page\"]\nlisten = [\"to\", \"f\"]\n\"listen.f\" = [\"n\"]\n"].into_iter())
            .find(text, &mut given);
        given.into_iter().collect()
    }

    #[track_caller]
    fn gives(text: &str, function: &str, name: &str) {
        assert_eq!(given(text), [(function.to_string(), name.to_string())], "{text}");
    }

    #[test]
    fn what_is_handed_over_is_found_with_its_type() {
        gives(
            "ffi::sqlite3_module { iVersion: 1, xOpen: Some(open::<T>), xUpdate: None }",
            "open",
            "sqlite3_module.xOpen",
        );
        gives("ffi::sqlite3_vfs { xOpen: Some(self::open) }", "open", "sqlite3_vfs.xOpen");
        gives("use a::z_stream as s; s { zalloc: allocator::zalloc }", "zalloc", "z_stream.zalloc");
        gives(
            "let mut c: raw::git_remote_callbacks = zeroed(); c.credentials = Some(credentials_cb);",
            "credentials_cb",
            "git_remote_callbacks.credentials",
        );
        gives("sqlite3_exec(db, f(a, b), Some(row as _), data, p)", "row", "sqlite3_exec.callback");
        gives("x(ffi::listen(g::<A, B>(1), call::<A, B>))", "call", "listen.f");
        gives(
            "macro_rules! m { ($t:ty) => { sqlite3_module { xNext: Some(next::<$t>) } } }",
            "next",
            "sqlite3_module.xNext",
        );
    }

    #[test]
    fn each_file_that_speaks_of_callbacks_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../ffi-guard-macros/contracts");
        for file in std::fs::read_dir(folder).unwrap().flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let speaks = text.lines().any(|line| line.starts_with('"'));
            assert_eq!(LIBRARIES.contains(&text.as_str()), speaks, "{}", file.path().display());
        }
    }

    #[test]
    fn the_rest_is_not() {
        for text in [
            "sqlite3_module { xOpen: None }",
            "sqlite3_module { xOpen: Some(make(1)) }",
            "sqlite3_module { xOpen: Some($f) }",
            // Two structs have such a field, and both are named.
            "fn a(_: sqlite3_module, _: sqlite3_vfs) { b.xOpen = Some(open); }",
            "fn sqlite3_exec(db: A, sql: B, callback: C);",
            "struct z_stream_s { zalloc: alloc_func }",
            "fn f() { a == b; z_stream; c.zalloc == zalloc }",
            "listen(a < b, c > d)",
        ] {
            assert_eq!(given(text), [], "{text}");
        }
    }
}
