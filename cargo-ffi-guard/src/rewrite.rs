//! Puts the attribute on each foreign block of a source file, at the level of tokens: what a
//! `macro_rules!` body will expand to is found as well.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::callbacks::{self, Given};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// How much of a package is rewritten. A package that does not compile in one form is tried in the
/// next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Blocks, in macro calls too, structs, and functions that C calls.
    Whole,
    /// Blocks, in macro calls too, and structs.
    Structs,
    /// Blocks, in macro calls too.
    Blocks,
    /// Blocks that stand outside of macro calls.
    Plain,
}

impl Form {
    /// All forms, the one that finds most first.
    pub(crate) const ALL: [Form; 4] = [Form::Whole, Form::Structs, Form::Blocks, Form::Plain];
}

/// What the attribute of each block says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    /// Functions that keep C's ABI, because their address is taken.
    pub keep_abi: Vec<String>,
    /// Functions that are left bare.
    pub skip: Vec<String>,
    /// Rules that are not computed.
    pub allow: Vec<String>,
    /// True if a stale word is only told of where a type says that it is a pointer.
    pub fields_by_type: bool,
    /// The user's files of contracts.
    pub contracts: Vec<PathBuf>,
    /// The functions of `libc` of which they speak.
    pub named: BTreeSet<String>,
    /// The functions that the package hands to C, of whose type a contract speaks.
    pub given: Given,
}

/// A file with its attributes.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub text: String,
    /// How many blocks and functions got one.
    pub blocks: usize,
    /// True if the file declares the program's allocator, which ours goes around.
    pub has_allocator: bool,
}

/// Rewrites a file. `None` if it holds nothing that is rewritten, or is not Rust.
pub(crate) fn rewrite(text: &str, form: Form, wishes: &Wishes) -> Option<Rewritten> {
    let may_hold = ["extern", "repr", "global_allocator"].iter().any(|word| text.contains(word));
    if !may_hold {
        return None;
    }
    let start = beginning(text);
    let tokens: TokenStream = text[start..].parse().ok()?;
    let mut search = Search { form, wishes, blocks: 0, has_allocator: false, insertions: Vec::new() };
    search.stream(tokens, false);
    if search.insertions.is_empty() {
        return None;
    }
    search.insertions.sort_by_key(|(at, _)| *at);
    let rewritten = with_insertions(text, start, &search.insertions);
    Some(Rewritten { text: rewritten, blocks: search.blocks, has_allocator: search.has_allocator })
}

/// A text with others put into it, in the order of their places, which are counted from `start`.
pub(crate) fn with_insertions(text: &str, start: usize, insertions: &[(usize, String)]) -> String {
    let mut all = String::with_capacity(text.len() + 64 * insertions.len());
    let mut written = 0;
    for (at, inserted) in insertions {
        all.push_str(&text[written..start + at]);
        all.push_str(inserted);
        written = start + at;
    }
    all + &text[written..]
}

/// Where the tokens begin: after a byte order mark and a `#!` line.
pub(crate) fn beginning(text: &str) -> usize {
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let rest = &text[mark..];
    let is_shebang = rest.starts_with("#!") && !rest[2..].trim_start().starts_with('[');
    mark + if is_shebang { rest.find('\n').unwrap_or(rest.len()) } else { 0 }
}

struct Search<'a> {
    form: Form,
    wishes: &'a Wishes,
    blocks: usize,
    has_allocator: bool,
    /// Byte offsets, and the text that goes there.
    insertions: Vec<(usize, String)>,
}

impl Search<'_> {
    /// Looks through tokens. `in_call` is true inside the arguments of a macro.
    fn stream(&mut self, tokens: TokenStream, in_call: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut index = 0;
        while index < tokens.len() {
            if let Some(end) = self.block(&tokens, index, in_call) {
                index = end;
                continue;
            }
            self.function(&tokens, index, in_call);
            self.structure(&tokens, index, in_call);
            self.allocator(&tokens, index);
            if let TokenTree::Group(group) = &tokens[index] {
                match before(&tokens, index) {
                    Before::Rules => self.rules(group.stream()),
                    Before::Call => self.stream(group.stream(), true),
                    Before::Attribute => {}
                    Before::Other => self.stream(group.stream(), in_call),
                }
            }
            index += 1;
        }
    }

    /// The arms of a `macro_rules!`: what matches is left as it is, what it becomes is searched.
    fn rules(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            let is_body = index >= 2 && is(&tokens[index - 1], '>') && is(&tokens[index - 2], '=');
            if let (TokenTree::Group(group), true) = (token, is_body) {
                self.stream(group.stream(), false);
            }
        }
    }

    /// A foreign block that begins here. Returns where it ends.
    fn block(&mut self, tokens: &[TokenTree], index: usize, in_call: bool) -> Option<usize> {
        let body = foreign_block(tokens, index)?;
        let is_left = in_call && self.form == Form::Plain || has_guard(tokens, index);
        if !is_left {
            self.insertions.push((tokens[index].span().byte_range().start, block_attribute(self.wishes)));
            self.blocks += 1;
        }
        Some(body + 1)
    }

    /// A function that C calls by a type that has a contract, whose `fn` stands here.
    fn function(&mut self, tokens: &[TokenTree], index: usize, in_call: bool) {
        if self.form != Form::Whole || in_call || word(tokens.get(index)) != Some("fn".into()) {
            return;
        }
        let Some(name) = word(tokens.get(index + 1)).and_then(|name| self.wishes.given.get(&name)) else { return };
        if let Some(start) = callbacks::start(tokens, index).filter(|start| !has_guard(tokens, *start)) {
            let at = tokens[start].span().byte_range().start;
            self.insertions.push((at, function_attribute(name, self.wishes)));
            self.blocks += 1;
        }
    }

    /// A struct in C's layout that begins here: its fields tell which words are pointers.
    fn structure(&mut self, tokens: &[TokenTree], index: usize, in_call: bool) {
        let is_wanted = matches!(self.form, Form::Whole | Form::Structs);
        if !is_wanted || in_call || word(tokens.get(index)) != Some("struct".into()) {
            return;
        }
        // Over `pub` or `pub(crate)`.
        let mut start = index;
        if start > 0 && matches!(&tokens[start - 1], TokenTree::Group(g) if g.delimiter() == Delimiter::Parenthesis) {
            start -= 1;
        }
        if start > 0 && word(tokens.get(start - 1)) == Some("pub".into()) {
            start -= 1;
        }
        let mut attributes = attributes_before(tokens, start);
        let is_plain = attributes.clone().any(|text| text.starts_with("repr(C)") || text.starts_with("repr (C)"));
        let has_fields = matches!(tokens.get(index + 2), Some(TokenTree::Group(g)) if !g.stream().is_empty());
        if is_plain && has_fields && !attributes.any(|text| text.contains("Pointee") || text.contains("Plain")) {
            let at = tokens[start].span().byte_range().start;
            self.insertions.push((at, "#[derive(::ffi_guard::Pointee)] ".into()));
        }
    }
}

impl Search<'_> {
    /// The declaration of the program's allocator, whose attribute begins here.
    fn allocator(&mut self, tokens: &[TokenTree], index: usize) {
        let is_attribute =
            |token: &TokenTree| matches!(token, TokenTree::Group(g) if g.stream().to_string() == "global_allocator");
        if !is(&tokens[index], '#') || !tokens.get(index + 1).is_some_and(is_attribute) {
            return;
        }
        let after = |start: usize, mark: char| {
            tokens.iter().skip(start).position(|token| is(token, mark)).map(|offset| start + offset)
        };
        let place = |index: usize| tokens[index].span().byte_range();
        let Some(end) = after(index, ';') else { return };
        let (Some(colon), Some(equals)) = (after(index, ':'), after(index, '=')) else { return };
        let is_ours = tokens[index..end].iter().any(|token| word(Some(token)).is_some_and(|word| word == "GuardAlloc"));
        if colon < equals && equals < end && !is_ours {
            self.has_allocator = true;
            self.insertions.push((place(colon).end, " ::ffi_guard::GuardAlloc<".into()));
            self.insertions.push((place(equals).start, "> ".into()));
            self.insertions.push((place(equals).end, " ::ffi_guard::GuardAlloc::with(".into()));
            self.insertions.push((place(end).start, ")".into()));
        }
    }
}

/// Where the braces of the foreign block of C's ABI stand that begins at this token, if one does.
pub(crate) fn foreign_block(tokens: &[TokenTree], index: usize) -> Option<usize> {
    let is_unsafe = word(tokens.get(index)) == Some("unsafe".into());
    let external = index + usize::from(is_unsafe);
    if word(tokens.get(external))? != "extern" {
        return None;
    }
    let (abi, body) = match tokens.get(external + 1)? {
        TokenTree::Literal(abi) => (Some(abi.to_string()), external + 2),
        _ => (None, external + 1),
    };
    let TokenTree::Group(group) = tokens.get(body)? else { return None };
    (group.delimiter() == Delimiter::Brace && abi.is_none_or(|abi| is_of_c(&abi))).then_some(body)
}

/// The attribute of each block.
pub(crate) fn block_attribute(wishes: &Wishes) -> String {
    let list = |key: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!(", {key}({})", names.join(", ")),
    };
    let keep_abi = list("keep_abi", &wishes.keep_abi);
    let skip = list("skip", &wishes.skip);
    let allow = list("allow", &wishes.allow);
    let typed = if wishes.fields_by_type { ", typed, warn(dangling_field)" } else { "" };
    let contracts = match wishes.contracts.as_slice() {
        [] => String::new(),
        files => format!(", contracts = {files:?}"),
    };
    format!("#[::ffi_guard::guard(mirrored, retained{typed}{keep_abi}{skip}{allow}{contracts})] ")
}

/// The attribute of a function that C calls by a type of this name.
fn function_attribute(name: &str, wishes: &Wishes) -> String {
    let allow = match wishes.allow.as_slice() {
        [] => String::new(),
        rules => format!(", allow({})", rules.join(", ")),
    };
    let contracts = match wishes.contracts.as_slice() {
        [] => String::new(),
        files => format!(", contracts = {files:?}"),
    };
    format!("#[::ffi_guard::guard(mirrored, contract = {name:?}{allow}{contracts})] ")
}

/// What stands before a group.
enum Before {
    /// `macro_rules! name`
    Rules,
    /// `name!`
    Call,
    /// `#`
    Attribute,
    Other,
}

fn before(tokens: &[TokenTree], index: usize) -> Before {
    let at = |back: usize| index.checked_sub(back).and_then(|index| tokens.get(index));
    let is_mark = |token: Option<&TokenTree>, mark| token.is_some_and(|token| is(token, mark));
    if is_mark(at(1), '#') || is_mark(at(1), '!') && is_mark(at(2), '#') {
        return Before::Attribute;
    }
    if is_mark(at(2), '!') && word(at(3)) == Some("macro_rules".into()) {
        return Before::Rules;
    }
    if is_mark(at(1), '!') && word(at(2)).is_some()
        || is_mark(at(2), '!') && word(at(1)).is_some() && word(at(3)).is_some()
    {
        return Before::Call;
    }
    Before::Other
}

/// The texts of the attributes that end right before a token.
pub(crate) fn attributes_before(tokens: &[TokenTree], end: usize) -> impl Iterator<Item = String> + Clone {
    let mut texts = Vec::new();
    let mut end = end;
    while end >= 2 && is(&tokens[end - 2], '#') {
        let TokenTree::Group(group) = &tokens[end - 1] else { break };
        texts.push(group.stream().to_string());
        end -= 2;
    }
    texts.into_iter()
}

/// True if the block is under the guard already.
fn has_guard(tokens: &[TokenTree], index: usize) -> bool {
    attributes_before(tokens, index).any(|text| text.contains("guard"))
}

/// True for the names of C's calling conventions.
fn is_of_c(abi: &str) -> bool {
    let abi = abi.trim_start_matches('r').trim_matches(['"', '#']);
    matches!(abi, "C" | "C-unwind" | "system" | "system-unwind" | "cdecl" | "stdcall" | "sysv64" | "win64")
}

pub(crate) fn word(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(word)) => Some(word.to_string()),
        _ => None,
    }
}

pub(crate) fn is(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "#[::ffi_guard::guard(mirrored, retained)] ";

    fn whole(text: &str) -> Option<Rewritten> {
        rewrite(text, Form::Whole, &Wishes::default())
    }

    /// Asserts that the attribute goes where `@` stands.
    fn goes(text: &str) {
        let plain = text.replace('@', "");
        let expected = text.replace('@', MARK);
        assert_eq!(whole(&plain).map(|rewritten| rewritten.text).unwrap_or(plain), expected);
    }

    #[test]
    fn blocks_are_found_wherever_they_stand() {
        goes("@extern \"C\" { fn a(); }");
        goes("@extern { fn a(); }");
        goes("#[link(name = \"z\")] @unsafe extern \"C-unwind\" { fn a(); } @extern \"system\" { fn b(); }");
        goes("mod x { @unsafe extern \"C\" { fn a(); } fn f() { @extern \"C\" { fn c(); } } }");
        goes("macro_rules! m { ($n:ident) => { @extern \"C\" { fn $n(); } }; }");
        goes("cfg_if! { if #[cfg(unix)] { @extern \"C\" { fn a(); } } }");
        goes("// ä: bytes, not characters\n@extern \"C\" { fn a(); }");
        goes("#!/usr/bin/env run\n@extern \"C\" { fn a(); }");
    }

    #[test]
    fn the_rest_is_left_alone() {
        goes("extern \"Rust\" { fn a(); }");
        goes("extern crate libc; extern \"C\" fn f() {} type F = unsafe extern \"C\" fn();");
        goes("#[ffi_guard::guard] extern \"C\" { fn a(); }");
        goes("macro_rules! m { (extern \"C\" { fn $n:ident(); }) => {}; }");
        goes("const TEXT: &str = r#\"extern \"C\" { }\"#; // extern \"C\" {}");
        assert!(whole("this is { not Rust extern").is_none());
    }

    #[test]
    fn structs_of_c_tell_their_fields_and_others_do_not() {
        let derive = "#[derive(::ffi_guard::Pointee)] ";
        for (text, expected) in [
            ("#[repr(C)] @pub struct A { p: *mut u8 }", true),
            ("#[repr(C)] #[derive(Clone)] @struct A { p: *mut u8 }", true),
            ("#[repr(C)] @pub(crate) struct A { p: *mut u8 }", true),
            ("#[repr(C, packed)] @pub struct A { p: *mut u8 }", false),
            ("@pub struct A { p: *mut u8 }", false),
            ("#[repr(C)] @pub struct A;", false),
        ] {
            let plain = text.replace('@', "");
            let wanted = text.replace('@', if expected { derive } else { "" });
            assert_eq!(whole(&plain).map(|rewritten| rewritten.text).unwrap_or(plain), wanted);
        }
    }

    #[test]
    fn functions_that_a_contract_knows_get_it_and_others_do_not() {
        let mark = "#[::ffi_guard::guard(mirrored, contract = \"zlib.f\")] ";
        let given: Given = [("f".to_string(), "zlib.f".to_string())].into();
        let wishes = Wishes { given, ..Wishes::default() };
        for text in [
            "#[no_mangle] @pub unsafe extern \"C\" fn f(n: u8) {}",
            "impl A { @pub(crate) extern fn f() {} }",
            "fn g() { @extern \"C\" fn f<T>() {} }",
            "extern \"C-unwind\" fn f() {}",
            "extern \"C\" fn g() {} fn f() {} type F = extern \"C\" fn(f: u8);",
            "#[guard] extern \"C\" fn f() {}",
        ] {
            let plain = text.replace('@', "");
            let rewritten = rewrite(&plain, Form::Whole, &wishes).map(|rewritten| rewritten.text);
            assert_eq!(rewritten.unwrap_or(plain), text.replace('@', mark));
        }
        assert!(rewrite("extern \"C\" fn f() {}", Form::Structs, &wishes).is_none());
    }

    #[test]
    fn the_programs_allocator_goes_into_ours() {
        let text = "#[global_allocator]\nstatic A: jemalloc::Jemalloc = jemalloc::Jemalloc;";
        let expected = "#[global_allocator]\nstatic A: ::ffi_guard::GuardAlloc< jemalloc::Jemalloc > = \
                        ::ffi_guard::GuardAlloc::with( jemalloc::Jemalloc);";
        assert_eq!(whole(text).map(|rewritten| rewritten.text).as_deref(), Some(expected));
        assert!(whole("#[global_allocator] static A: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();").is_none());
    }

    #[test]
    fn names_that_keep_their_type_are_listed() {
        let wishes = Wishes { keep_abi: vec!["free".into()], skip: vec!["a".into(), "b".into()], ..Wishes::default() };
        let rewritten = rewrite("extern {}", Form::Whole, &wishes).map(|rewritten| rewritten.text);
        let expected = "#[::ffi_guard::guard(mirrored, retained, keep_abi(free), skip(a, b))] extern {}";
        assert_eq!(rewritten.as_deref(), Some(expected));
    }

    #[test]
    fn the_users_contracts_are_named_by_their_paths() {
        let contracts = vec![PathBuf::from("/a, \"b\".toml"), PathBuf::from("/c.toml")];
        let wishes = Wishes { contracts, fields_by_type: true, ..Wishes::default() };
        let rewritten = rewrite("extern {}", Form::Whole, &wishes).map(|rewritten| rewritten.text);
        let expected = r#"#[::ffi_guard::guard(mirrored, retained, typed, warn(dangling_field), contracts = ["/a, \"b\".toml", "/c.toml"])] extern {}"#;
        assert_eq!(rewritten.as_deref(), Some(expected));
    }
}
