//! The crate `libc`: of its thousands of functions, those are guarded that take text or memory, that
//! have a contract, and that no signal handler and no half-started child may call.
//!
//! The others stay as they are: `read` and `memcpy` are called for every byte, between `fork` and
//! `exec`, and by handlers.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::rewrite::{Rewritten, Wishes, attributes_before, beginning, block_attribute, is, word};

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
    let mut rewritten = text[..start].to_string();
    let mut written = start;
    for (at, inserted) in &search.insertions {
        rewritten += &text[written..start + at];
        rewritten += inserted;
        written = start + at;
    }
    rewritten += &text[written..];
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
    fn stream(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            let TokenTree::Group(group) = token else { continue };
            match header(&tokens, index) {
                Some(start) if group.delimiter() == Delimiter::Brace => {
                    // What links goes with the first part alone. A condition holds for all.
                    let conditions: String = attributes_before(&tokens, start)
                        .filter(|attribute| attribute.starts_with("cfg"))
                        .filter(|attribute| !attribute.starts_with("cfg_attr"))
                        .map(|attribute| format!("#[{attribute}] "))
                        .collect();
                    let from = tokens[start].span().byte_range().start;
                    let header = format!("{conditions}{}", &self.text[from..group.span_open().byte_range().start]);
                    self.functions(group.stream(), group.span_open().byte_range().end, &header);
                }
                _ => self.stream(group.stream()),
            }
        }
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
            if GUARDED.binary_search(&name.as_str()).is_err() || self.wishes.skip.contains(&name) {
                continue;
            }
            let attribute = block_attribute(self.wishes);
            self.insertions.push((start, format!(" }} {attribute}{header}{{")));
            self.insertions.push((end, format!(" }} {header}{{")));
            self.blocks += 1;
        }
    }
}

/// Where the block begins whose body is the token at `body`, if that is a foreign block of C's ABI.
fn header(tokens: &[TokenTree], body: usize) -> Option<usize> {
    let at = |back: usize| body.checked_sub(back).and_then(|index| tokens.get(index));
    let external = match at(1)? {
        TokenTree::Literal(abi) if abi.to_string() == "\"C\"" => body.checked_sub(2)?,
        _ => body.checked_sub(1)?,
    };
    if word(tokens.get(external))? != "extern" {
        return None;
    }
    let is_unsafe = external > 0 && word(tokens.get(external - 1)).as_deref() == Some("unsafe");
    Some(external - usize::from(is_unsafe))
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
