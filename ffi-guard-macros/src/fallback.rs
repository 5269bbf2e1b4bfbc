//! The user's item without guard attributes, emitted beside an error.
//!
//! Without it one misspelt attribute would make each use of the block's functions an error of its
//! own, and the one that matters would scroll away.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;

use crate::cfg::split_commas;

/// The item without its guard attributes, whether or not it parses.
pub(crate) fn bare(item: TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut tokens = item.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(pound) if pound.as_char() == '#' => match tokens.peek() {
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
                    let content = without_guard(group.stream());
                    tokens.next();
                    if let Some(content) = content {
                        out.extend(quote!(#pound [#content]));
                    }
                }
                _ => out.extend([TokenTree::from(pound)]),
            },
            TokenTree::Group(group) => {
                let mut inside = Group::new(group.delimiter(), bare(group.stream()));
                inside.set_span(group.span());
                out.extend([TokenTree::from(inside)]);
            }
            token => out.extend([token]),
        }
    }
    out
}

/// The content of an attribute; `None` if it is ours.
fn without_guard(content: TokenStream) -> Option<TokenStream> {
    let mut tokens = content.clone().into_iter();
    let mut name = String::new();
    let mut rest = None;
    for token in tokens.by_ref() {
        match token {
            TokenTree::Ident(ident) => name = ident.to_string(),
            TokenTree::Punct(punct) if punct.as_char() == ':' => {}
            other => {
                rest = Some(other);
                break;
            }
        }
    }
    match (name.as_str(), rest) {
        ("guard", _) => None,
        ("cfg_attr", Some(TokenTree::Group(group))) => {
            let mut parts = split_commas(group.stream()).into_iter();
            let predicate = parts.next();
            let parts: Vec<_> = parts.filter_map(without_guard).collect();
            (!parts.is_empty()).then(|| quote!(cfg_attr(#predicate, #(#parts),*)))
        }
        _ => Some(content),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip] // which would take the comma away
    fn only_guard_attributes_go() {
        let item = quote!(
            extern "C" {
                #[guard(skip)]
                #[must_use]
                fn f(
                    #[ffi_guard::guard(cstr)]
                    #[cfg_attr(x, guard(out), allow(unused))]
                    p: P,
                );
            }
        );
        let expected = quote!(
            extern "C" {
                #[must_use]
                fn f(#[cfg_attr(x, allow(unused))] p: P,);
            }
        );
        assert_eq!(bare(item).to_string(), expected.to_string());
    }
}
