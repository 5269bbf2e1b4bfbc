//! Names from outside of a function: `Self`, and the parameters of an `impl` block around it. An
//! item inside the function may not name them, and an attribute does not see the block.

use proc_macro2::{TokenStream, TokenTree};

/// Names that are no parameters of a block, in code that means to be read.
const OF_STD: [&str; 19] = [
    "Some", "None", "Ok", "Err", "Option", "Result", "Box", "Vec", "String", "Default", "Iterator", "From", "Into",
    "Fn", "FnMut", "FnOnce", "CStr", "CString", "NonNull",
];

/// True if the tokens of a function may have a name from outside. `body`: its body, in braces.
///
/// A function whose closing brace begins a line is taken for one outside of all blocks; in any
/// other one each name counts that a parameter could have.
pub(crate) fn may_be_named(body: &TokenStream, tokens: TokenStream) -> bool {
    let in_block = !begins_a_line(body);
    names(tokens, &|word| {
        let is_upper = word.starts_with(|c: char| c.is_ascii_uppercase());
        is_upper && (word.len() <= 2 || word == "Self" || in_block && !OF_STD.contains(&word))
    })
}

/// True if the closing brace stands in the first column of its file.
fn begins_a_line(body: &TokenStream) -> bool {
    let Some(TokenTree::Group(group)) = body.clone().into_iter().next() else { return false };
    proc_macro::is_available() && group.span_close().unwrap().column() == 1
}

/// True if some name in the tokens, the first in its path, is one of these.
fn names(tokens: TokenStream, is: &dyn Fn(&str) -> bool) -> bool {
    // After a single colon stands a type; after two, the rest of a path.
    let mut colons = 0;
    tokens.into_iter().any(|token| {
        let found = match &token {
            TokenTree::Ident(word) => colons < 2 && is(&word.to_string()),
            TokenTree::Group(group) => names(group.stream(), is),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        };
        colons = match &token {
            TokenTree::Punct(sign) if sign.as_char() == ':' => colons + 1,
            _ => 0,
        };
        found
    })
}
