//! Attributes under `cfg_attr`, and the conditions of a function.
//!
//! rustc hands an attribute macro its item as written: `cfg` and `cfg_attr` inside are not resolved
//! yet. Most of them are passed on. Some change what is generated (a guard attribute, a parameter
//! that may be absent). They cannot be resolved here, so the function is written once for each
//! combination of its conditions, and rustc picks one.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::Attribute;

/// The most conditions that a function may have. There are 2 to this power copies of it.
pub(crate) const MOST: usize = 3;

/// One attribute, taken out of any `cfg_attr` around it.
#[derive(Clone)]
pub(crate) struct Attr {
    /// The condition of the `cfg_attr` around it.
    pub when: Option<TokenStream>,
    /// Last segment of its path: `guard` of `ffi_guard::guard`.
    pub name: String,
    /// The tokens between the brackets.
    pub tokens: TokenStream,
    /// The span for errors about the attribute.
    pub span: Span,
}

impl Attr {
    /// The arguments in parentheses, if there are some and nothing follows them.
    pub(crate) fn arguments(&self) -> Option<Group> {
        let mut rest = self.tokens.clone().into_iter().skip_while(|t| !is_group(t));
        match (rest.next(), rest.next()) {
            (Some(TokenTree::Group(group)), None) => Some(group),
            _ => None,
        }
    }

    /// The attribute as an outer attribute again.
    pub(crate) fn emit(&self) -> TokenStream {
        let tokens = &self.tokens;
        // The pound sign has the user's span, so that rustc's errors about the attribute point
        // there.
        match &self.when {
            None => quote_spanned!(self.span=> #[#tokens]),
            Some(when) => quote_spanned!(self.span=> #[cfg_attr(#when, #tokens)]),
        }
    }

    pub(crate) fn is_lint(&self) -> bool {
        matches!(self.name.as_str(), "allow" | "warn" | "deny" | "forbid" | "expect")
    }
}

fn is_group(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(g) if g.delimiter() == Delimiter::Parenthesis)
}

/// Takes attributes out of their `cfg_attr`s.
pub(crate) fn flatten(attributes: &[Attribute]) -> Vec<Attr> {
    let mut flat = Vec::new();
    for attribute in attributes {
        let Attribute { meta, .. } = attribute;
        add(&mut flat, None, quote!(#meta));
    }
    flat
}

fn add(flat: &mut Vec<Attr>, when: Option<TokenStream>, tokens: TokenStream) {
    let (name, span) = last_segment(&tokens);
    let attr = Attr { when, name, tokens, span };
    let Some(content) = (attr.name == "cfg_attr").then(|| attr.arguments()).flatten() else {
        return flat.push(attr);
    };
    let mut parts = split_commas(content.stream()).into_iter();
    let Some(predicate) = parts.next() else { return flat.push(attr) };
    let when = match attr.when {
        None => predicate,
        Some(outer) => quote!(all(#outer, #predicate)),
    };
    for inner in parts {
        add(flat, Some(when.clone()), inner);
    }
}

/// The last segment of the path that an attribute begins with, and its span.
fn last_segment(tokens: &TokenStream) -> (String, Span) {
    let mut last = (String::new(), Span::call_site());
    for token in tokens.clone() {
        match token {
            TokenTree::Ident(ident) => last = (ident.to_string(), ident.span()),
            TokenTree::Punct(punct) if punct.as_char() == ':' => {}
            _ => break,
        }
    }
    last
}

/// Splits at commas outside of any delimiter; empty parts are left out.
pub(crate) fn split_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for token in tokens {
        match &token {
            TokenTree::Punct(p) if p.as_char() == ',' => parts.push(TokenStream::new()),
            _ => parts.last_mut().expect("never empty").extend([token]),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The different conditions of one function.
#[derive(Default)]
pub(crate) struct Conditions {
    predicates: Vec<(String, TokenStream)>,
}

impl Conditions {
    /// Adds a condition, unless it is known.
    pub(crate) fn note(&mut self, predicate: &TokenStream) {
        let (predicate, _) = positive(predicate);
        let key = predicate.to_string();
        if self.predicates.iter().all(|(known, _)| *known != key) {
            self.predicates.push((key, predicate));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.predicates.len()
    }

    /// Every combination of the conditions. Without conditions there is one, which is empty.
    pub(crate) fn cfg_cases(&self) -> Vec<CfgCase> {
        (0..1usize << self.len())
            .map(|bits| CfgCase {
                truths: self
                    .predicates
                    .iter()
                    .enumerate()
                    .map(|(i, (key, predicate))| (key.clone(), predicate.clone(), bits >> i & 1 == 1))
                    .collect(),
            })
            .collect()
    }
}

/// One combination of conditions: which of them hold.
pub(crate) struct CfgCase {
    truths: Vec<(String, TokenStream, bool)>,
}

impl CfgCase {
    /// True if a predicate holds in this case.
    pub(crate) fn holds(&self, predicate: &TokenStream) -> bool {
        let (predicate, negated) = positive(predicate);
        let key = predicate.to_string();
        self.truths.iter().any(|(known, _, truth)| *known == key && *truth != negated)
    }

    /// True if an attribute counts in this case.
    pub(crate) fn has(&self, attr: &Attr) -> bool {
        attr.when.as_ref().is_none_or(|when| self.holds(when))
    }

    /// The `#[cfg(..)]` that selects this case. `None` if there are no conditions.
    pub(crate) fn attribute(&self) -> Option<TokenStream> {
        let truths = self.truths.iter().map(|(_, predicate, truth)| match truth {
            true => quote!(#predicate),
            false => quote!(not(#predicate)),
        });
        (!self.truths.is_empty()).then(|| quote!(#[cfg(all(#(#truths),*))]))
    }
}

/// The predicate under which an attribute keeps its parameter: `p` for `#[cfg(p)]`, `p` or not `q`
/// for `#[cfg_attr(q, cfg(p))]`.
pub(crate) fn presence(attr: &Attr) -> Option<TokenStream> {
    let p = attr.arguments().filter(|_| attr.name == "cfg")?.stream();
    Some(match &attr.when {
        None => p,
        Some(q) => quote!(any(not(#q), #p)),
    })
}

/// A predicate without the `not(..)` around it, and true if there was one.
fn positive(predicate: &TokenStream) -> (TokenStream, bool) {
    let mut tokens = predicate.clone().into_iter();
    match (tokens.next(), tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(not)), Some(TokenTree::Group(inner)), None) if not == "not" => {
            let (predicate, negated) = positive(&inner.stream());
            (predicate, !negated)
        }
        // A trailing comma is the only thing that `cfg(p,)` may have besides `p`.
        _ => (split_commas(predicate.clone()).into_iter().next().unwrap_or_default(), false),
    }
}
