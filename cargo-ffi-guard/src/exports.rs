//! The symbols that a source file defines for C: `#[no_mangle]` and `#[export_name]`, read at the
//! level of tokens. Conditions are not evaluated, and a name that a macro makes is not seen.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::rewrite::{beginning, is, word};

/// The symbols of a file, in its order.
pub(crate) fn of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if (text.contains("no_mangle") || text.contains("export_name"))
        && let Ok(tokens) = text[beginning(text)..].parse()
    {
        search(tokens, &mut found);
    }
    found
}

fn search(tokens: TokenStream, found: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let is_attribute = index > 0 && is(&tokens[index - 1], '#') && group.delimiter() == Delimiter::Bracket;
        if !is_attribute {
            search(group.stream(), found);
        } else if let Some(named) = export(group.stream()) {
            found.extend(named.or_else(|| name_after(&tokens[index + 1..])));
        }
    }
}

/// What an attribute says of the symbol: its name, or that it is the item's. `None` for any other
/// attribute.
fn export(attribute: TokenStream) -> Option<Option<String>> {
    let tokens: Vec<TokenTree> = attribute.into_iter().collect();
    match (word(tokens.first())?.as_str(), tokens.last()) {
        ("unsafe", Some(TokenTree::Group(inner))) => export(inner.stream()),
        ("no_mangle", _) => Some(None),
        ("export_name", Some(TokenTree::Literal(name))) => Some(Some(name.to_string().trim_matches('"').to_owned())),
        _ => None,
    }
}

/// The name of the function or static that follows.
fn name_after(tokens: &[TokenTree]) -> Option<String> {
    let is_head = |token: &&TokenTree| !is(token, ';') && !is_body(token);
    let is_keyword = |token: &&TokenTree| matches!(word(Some(token)).as_deref(), Some("fn" | "static"));
    let mut rest = tokens.iter().take_while(is_head).skip_while(|token| !is_keyword(token)).skip(1);
    match word(rest.next())? {
        mutable if mutable == "mut" => word(rest.next()),
        name => Some(name),
    }
}

fn is_body(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn each_way_to_name_a_symbol_is_read() {
        let text = r#"
            #[unsafe(no_mangle)] pub extern "C" fn one() {}
            #[no_mangle] #[inline(never)] pub static mut TWO: u8 = 2;
            mod inner { #[export_name = "three"] pub unsafe extern "C" fn other() {} }
            #[unsafe(export_name = "four")] extern "C" fn another() {}
            #[inline] pub extern "C" fn mangled() {}
            // #[no_mangle] fn comment() {}
        "#;
        assert_eq!(of(text), ["one", "TWO", "three", "four"]);
    }

    #[test]
    fn a_name_that_a_macro_makes_is_left_out() {
        assert_eq!(of("macro_rules! m { ($n:ident) => { #[no_mangle] extern \"C\" fn $n() {} }; }"), [""; 0]);
    }
}
