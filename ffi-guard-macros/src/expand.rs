//! Expands the attribute on a block: decides which functions are wrapped, in each case of their
//! conditions.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;

use crate::ast::{Block, ForeignFn, Item};
use crate::attr::Errors;
use crate::block::{self, BlockSettings};
use crate::cfg::{self, Conditions};
use crate::record::Record;
use crate::valid::{self, Taken};
use crate::wrapper::{expect_to_allow, wrapper};
use crate::{callback, fallback, message, variadic, version};

/// Expands `#[guard(arguments)] item`.
pub(crate) fn guard(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if callback::is_one(&item) {
        return callback::guard(arguments, item);
    }
    if let Some(error) = no_block(&item) {
        let error = error.into_compile_error();
        let item = fallback::bare(item);
        return quote!(#error #item);
    }
    let mut errors = Errors::default();
    let expanded = match syn::parse2::<Block>(item.clone()) {
        Ok(block) => expand(arguments, &block, &mut errors),
        Err(error) => {
            errors.push(error);
            TokenStream::new()
        }
    };
    let item = if errors.is_empty() { expanded } else { fallback::bare(item) };
    let errors = errors.emit();
    quote!(#errors #item)
}

/// Refuses an item whose first words are not those of an extern block.
fn no_block(item: &TokenStream) -> Option<syn::Error> {
    let mut tokens = item.clone().into_iter().peekable();
    let mut external = None;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(p) if p.as_char() == '#' => drop(tokens.next()),
            TokenTree::Ident(word) => match word.to_string().as_str() {
                "extern" => external = Some(word),
                "fn" => return Some(syn::Error::new(word.span(), message::RUST_FN)),
                "pub" | "unsafe" | "safe" | "async" | "const" | "default" => {}
                _ => return Some(syn::Error::new(word.span(), message::NO_BLOCK)),
            },
            TokenTree::Group(group) if external.is_some() && group.delimiter() == proc_macro2::Delimiter::Brace => {
                return None;
            }
            // `pub(crate)`, and the name of the ABI.
            TokenTree::Group(_) | TokenTree::Literal(_) => {}
            TokenTree::Punct(p) => return Some(syn::Error::new(p.span(), message::NO_BLOCK)),
        }
    }
    Some(syn::Error::new(external.map_or_else(Span::call_site, |word| word.span()), message::NO_BLOCK))
}

fn expand(arguments: TokenStream, block: &Block, errors: &mut Errors) -> TokenStream {
    let settings = block::check(arguments, block, errors);
    let mut record = Record::of(block, &settings);
    let taken = Taken { names: names_in(block), all: settings.keep_abi.is_all() };
    let mut wrappers = TokenStream::new();
    let mut leftover = TokenStream::new();
    for item in &block.items {
        match item {
            Item::Other(attrs, _) => {
                for attr in attrs.iter().filter(|attr| attr.name == "guard") {
                    errors.at(attr.span, message::BARE_ITEM);
                }
                leftover.extend(item.bare());
            }
            Item::Function(function) if settings.skip.is_all() => {
                // Still checked, so that a typo is reported before the `skip` is removed.
                each_case(function, block, &settings, &taken, &mut record, errors);
                leftover.extend(item.bare());
            }
            Item::Function(function) => {
                let (wrapped, bare) = each_case(function, block, &settings, &taken, &mut record, errors);
                wrappers.extend(wrapped);
                leftover.extend(bare);
            }
        }
    }
    record.write();
    // Emitted even if empty: it carries `#[link]`, and rustc checks the head of the block as the
    // user wrote it.
    let attrs = block.attrs.iter().filter(|attr| attr.name != "doc").map(|attr| match attr.is_lint() {
        // The expected lint may fire in a wrapper and not here.
        true => expect_to_allow(attr),
        false => attr.emit(),
    });
    let leftover = block.around(leftover);
    let rebuild = &settings.contracts.rebuild;
    let version = settings.version.as_ref().filter(|_| !settings.skip.is_all());
    let version = version.map(|version| version::emit(version, block, &settings.krate));
    quote!(#rebuild #version #wrappers #(#attrs)* #leftover)
}

/// One function in each case of its conditions: the wrappers, and what passes bare.
pub(crate) fn each_case(
    function: &ForeignFn,
    block: &Block,
    settings: &BlockSettings,
    taken: &Taken,
    record: &mut Record,
    errors: &mut Errors,
) -> (TokenStream, TokenStream) {
    let mut conditions = Conditions::default();
    let params = function.params.iter().flat_map(|param| &param.attrs);
    for attr in params.clone().chain(&function.attrs).filter(|attr| attr.name == "guard") {
        attr.when.iter().for_each(|when| conditions.note(when));
    }
    params.filter_map(cfg::presence).for_each(|predicate| conditions.note(&predicate));
    if conditions.len() > cfg::MOST {
        errors.at(function.name.span(), message::TOO_MANY_CONDITIONS);
        return (TokenStream::new(), function.bare(None));
    }
    let (mut wrapped, mut bare) = (TokenStream::new(), TokenStream::new());
    for case in conditions.cfg_cases() {
        let under = case.attribute();
        // The errors of a case stand under its `cfg`: they do not count if rustc picks another.
        let mut own = Errors::default();
        let checked = match under {
            None => valid::function(function, block, settings, &case, taken, errors),
            Some(_) => valid::function(function, block, settings, &case, taken, &mut own),
        };
        record.contract(function, &checked.applied);
        let failed = !own.is_empty();
        errors.under(under.as_ref(), own);
        match failed || checked.bare {
            true => bare.extend(function.bare(under.as_ref())),
            false if function.variadic.is_some() => {
                let (there, elsewhere) = variadic::declare(&checked, block, settings, under.as_ref());
                wrapped.extend(there);
                bare.extend(elsewhere);
            }
            false => wrapped.extend(wrapper(&checked, block, settings, under.as_ref())),
        }
    }
    (wrapped, bare)
}

/// Names that a parameter of a wrapper may not have: statics of the block, and types that it
/// mentions, which may be tuple structs (bindgen writes `fn set(mode: mode)` for a C enum `mode`).
fn names_in(block: &Block) -> HashSet<String> {
    let mut names = HashSet::new();
    for item in &block.items {
        match item {
            Item::Other(_, tokens) => {
                let mut tokens = tokens.clone().into_iter().skip_while(|t| t.to_string() != "static").skip(1);
                let name = tokens.find(|token| !matches!(token.to_string().as_str(), "mut"));
                names.extend(name.map(|name| name.to_string()));
            }
            Item::Function(function) => {
                function.params.iter().for_each(|param| words(param.ty.to_token_stream(), &mut names));
                words(function.output.to_token_stream(), &mut names);
            }
        }
    }
    names
}

fn words(tokens: TokenStream, names: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => drop(names.insert(ident.unraw().to_string())),
            TokenTree::Group(group) => words(group.stream(), names),
            _ => {}
        }
    }
}
