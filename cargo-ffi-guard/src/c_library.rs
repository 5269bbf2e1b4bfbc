//! The crate `libc`: of its thousands of functions, those are guarded that take text or memory, that
//! have a contract, and that no signal handler and no half-started child may call.
//!
//! The others stay as they are: `read` and `memcpy` are called for every byte, between `fork` and
//! `exec`, and by handlers. The user can have one of them guarded by a contract of their own.

use std::collections::BTreeSet;
use std::path::PathBuf;

use proc_macro2::{Group, TokenStream, TokenTree};

use crate::rewrite::{
    Rewritten, Wishes, attributes_before, beginning, block_attribute, foreign_block, is, with_insertions, word,
};

/// The package that declares C's own library.
pub(crate) const PACKAGE: &str = "libc";

/// What is guarded of it. None of these is in the list of functions that POSIX calls safe in a signal
/// handler (POSIX.1-2017, System Interfaces, 2.4.3), and a child of a program with threads may call
/// no others before `exec`. Nor do allocators call them.
const GUARDED: &[&str] = &[
    "atof",
    "atoi",
    "atol",
    "confstr",
    "dlopen",
    "dlsym",
    "fclose",
    "fdopen",
    "fgets",
    "fgetxattr",
    "fopen",
    "fprintf",
    "fputs",
    "fread",
    "freopen",
    "fwrite",
    "getaddrinfo",
    "getcwd",
    "getdomainname",
    "getenv",
    "getgrgid_r",
    "getgrnam",
    "getgrnam_r",
    "getgrouplist",
    "gethostname",
    "getnameinfo",
    "getpwnam",
    "getpwnam_r",
    "getpwuid_r",
    "getservbyname",
    "getxattr",
    "iconv_open",
    "if_indextoname",
    "if_nametoindex",
    "initgroups",
    "lgetxattr",
    "listxattr",
    "lsetxattr",
    "memmem",
    "mkdtemp",
    "mkstemp",
    "opendir",
    "perror",
    "popen",
    "printf",
    "ptsname_r",
    "putenv",
    "puts",
    "qsort",
    "realpath",
    "regcomp",
    "setbuf",
    "setenv",
    "setgroups",
    "setlocale",
    "setvbuf",
    "setxattr",
    "snprintf",
    "sprintf",
    "sscanf",
    "statfs",
    "statvfs",
    "strcasecmp",
    "strcoll",
    "strdup",
    "strerror_r",
    "strftime",
    "strncasecmp",
    "strndup",
    "strptime",
    "strtod",
    "strtol",
    "strtoul",
    "syslog",
    "system",
    "ttyname_r",
    "unsetenv",
];

/// The functions of which files of contracts speak. A file that cannot be read has none: the
/// attribute of each block says what is wrong with it.
pub(crate) fn named_in(files: &[PathBuf]) -> BTreeSet<String> {
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    texts.flat_map(|text| names(&text)).collect()
}

/// The functions in a text of contracts: the keys in the table of each page.
fn names(text: &str) -> Vec<String> {
    let pages: toml::Table = text.parse().unwrap_or_default();
    pages.values().filter_map(toml::Value::as_table).flat_map(|functions| functions.keys().cloned()).collect()
}

/// Rewrites a file of the package: each block is divided around the functions that are guarded, which
/// get blocks of their own. `None` if it declares none of them, or is not Rust.
pub(crate) fn rewrite(text: &str, wishes: &Wishes) -> Option<Rewritten> {
    let start = beginning(text);
    let tokens: TokenStream = text[start..].parse().ok()?;
    let mut search = Search { text: &text[start..], wishes, blocks: 0, insertions: Vec::new() };
    search.stream(tokens);
    if search.blocks == 0 {
        return None;
    }
    let rewritten = with_insertions(text, start, &search.insertions);
    Some(Rewritten { text: rewritten, blocks: search.blocks, has_allocator: false })
}

struct Search<'a> {
    text: &'a str,
    wishes: &'a Wishes,
    blocks: usize,
    /// Byte offsets in order, and the text that goes there.
    insertions: Vec<(usize, String)>,
}

impl Search<'_> {
    /// Looks through tokens for blocks.
    fn stream(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut index = 0;
        while index < tokens.len() {
            let body = foreign_block(&tokens, index);
            if let TokenTree::Group(group) = &tokens[body.unwrap_or(index)] {
                match body {
                    Some(_) => self.block(&tokens, index, group),
                    None => self.stream(group.stream()),
                }
            }
            index = body.unwrap_or(index) + 1;
        }
    }

    /// The block that begins at `index`.
    fn block(&mut self, tokens: &[TokenTree], index: usize, group: &Group) {
        // What links goes with the first part alone. A condition holds for all.
        let conditions: String = attributes_before(tokens, index)
            .filter(|attribute| attribute.starts_with("cfg") && !attribute.starts_with("cfg_attr"))
            .map(|attribute| format!("#[{attribute}] "))
            .collect();
        let braces = group.span_open().byte_range();
        let words = &self.text[tokens[index].span().byte_range().start..braces.start];
        self.functions(group.stream(), braces.end, &format!("{conditions}{words}"));
    }

    /// Divides a block that begins by `header` around the functions that are guarded. Its items begin
    /// at `start`.
    fn functions(&mut self, tokens: TokenStream, start: usize, header: &str) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // Text goes to the end of an item, so that what begins a line keeps its column.
        let mut end = start;
        for item in tokens.split_inclusive(|token| is(token, ';')) {
            let start = end;
            end = item.last().map_or(start, |last| last.span().byte_range().end);
            let name = item.windows(2).find(|pair| word(pair.first()).as_deref() == Some("fn"));
            let Some(name) = name.and_then(|pair| word(pair.get(1))) else { continue };
            let is_guarded = GUARDED.binary_search(&name.as_str()).is_ok() || self.wishes.named.contains(&name);
            if !is_guarded || self.wishes.skip.contains(&name) {
                continue;
            }
            let attribute = block_attribute(self.wishes);
            self.insertions.push((start, format!(" }} {attribute}{header}{{")));
            self.insertions.push((end, format!(" }} {header}{{")));
            self.blocks += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &str = "#[::ffi_guard::guard(mirrored, retained)] ";

    /// The rewritten text, `@` for the attribute.
    fn rewritten(text: &str) -> Option<String> {
        rewrite(text, &Wishes::default()).map(|rewritten| rewritten.text.replace(MARK, "@"))
    }

    #[test]
    fn a_block_is_divided_around_what_is_guarded() {
        assert_eq!(
            rewritten(
                "extern \"C\" { pub fn read(); #[x] pub fn getenv(s: *const c_char) -> *mut c_char; pub fn a(); }"
            )
            .unwrap(),
            "extern \"C\" { pub fn read(); } @extern \"C\" { #[x] pub fn getenv(s: *const c_char) -> *mut c_char; } extern \"C\" { pub fn a(); }",
        );
        assert_eq!(
            rewritten("cfg_if! { if #[cfg(a)] { #[link(name = \"c\")] #[cfg(b)] unsafe extern { fn puts(); } } }")
                .unwrap(),
            "cfg_if! { if #[cfg(a)] { #[link(name = \"c\")] #[cfg(b)] unsafe extern { } @#[cfg (b)] unsafe extern { fn puts(); } #[cfg (b)] unsafe extern { } } }",
        );
        assert_eq!(rewritten("extern \"C\" { fn read(); } extern \"C\" fn puts() {} fn getenv();"), None);
        assert_eq!(rewritten("extern \"Rust\" { fn puts(); }"), None);
    }

    #[test]
    fn what_is_to_be_skipped_stays() {
        let wishes = Wishes { skip: vec!["puts".into()], ..Wishes::default() };
        assert!(rewrite("extern \"C\" { fn puts(); }", &wishes).is_none());
    }

    #[test]
    fn what_the_users_contracts_name_is_guarded_too() {
        let named = names("[\"man read\"]\nread = [\"fd\", \"to: out, sized_by = n\", \"n\"]\n[\"man x\"]\nx = []\n");
        assert_eq!(named, ["read", "x"]);
        let wishes = Wishes { named: named.into_iter().collect(), ..Wishes::default() };
        let rewritten = rewrite("extern \"C\" { fn read(); fn write(); }", &wishes).unwrap();
        let expected = format!("extern \"C\" {{ }} {MARK}extern \"C\" {{ fn read(); }} extern \"C\" {{ fn write(); }}");
        assert_eq!(rewritten.text, expected);
        assert!(names("[\"page\"\n").is_empty());
    }

    #[test]
    fn each_function_has_a_contract_and_none_is_one_that_handlers_call() {
        let contracts = include_str!("../../ffi-guard-macros/contracts/libc.toml");
        assert!(GUARDED.is_sorted());
        for name in GUARDED {
            assert!(contracts.contains(&format!("\n{name} = [")), "{name}");
        }
        for name in ["read", "write", "memcpy", "strlen", "open", "fork", "_exit", "malloc", "free", "time", "poll"] {
            assert!(GUARDED.binary_search(&name).is_err(), "{name}");
        }
    }
}
