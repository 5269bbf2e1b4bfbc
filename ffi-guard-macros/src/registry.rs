//! What the list of guarded functions has beyond what calls need: the symbol of each, its types as
//! rustc knows them, and an entry in the section from which the list is read.
//!
//! All of it is data. Rustc evaluates it once, and no code is written for it.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{Generics, ReturnType, Type};

use crate::cfg::Attr;
use crate::descriptor::Kind;
use crate::types;
use crate::valid::Function;

/// The name by which the linker knows the function, as an expression; `None` if it has none.
pub(crate) fn symbol(function: &Function, kind: Kind) -> Option<TokenStream> {
    let attrs = &function.source.attrs;
    let name = function.source.name.unraw().to_string();
    match kind {
        Kind::Pointer { .. } => None,
        Kind::Call { .. } => {
            let links = attrs.iter().filter(|attr| attr.name.starts_with("link_"));
            named(&links.collect::<Vec<_>>(), &name)
        }
        Kind::Callback => {
            let is = |word: &'static str| move |attr: &&Attr| attr.when.is_none() && has(&attr.tokens, word);
            let exported = attrs.iter().find(is("export_name")).and_then(|attr| value(&attr.tokens));
            let plain = attrs.iter().find(is("no_mangle")).map(|_| quote_spanned!(Span::mixed_site()=> #name));
            exported.or(plain)
        }
    }
}

/// The name that the first of these attributes gives whose condition holds, else the function's.
fn named(links: &[&Attr], name: &str) -> Option<TokenStream> {
    let here = Span::mixed_site();
    let Some((first, rest)) = links.split_first() else { return Some(quote_spanned!(here=> #name)) };
    if first.name != "link_name" {
        return None;
    }
    let value = value(&first.tokens)?;
    let Some(when) = &first.when else { return Some(value) };
    let otherwise = named(rest, name)?;
    Some(quote_spanned!(here=> if ::core::cfg!(#when) { #value } else { #otherwise }))
}

/// True if the word stands in the tokens, as in `unsafe(no_mangle)`.
fn has(tokens: &TokenStream, word: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => has(&group.stream(), word),
        _ => false,
    })
}

/// What follows the `=`: a literal, or the call of a macro that gives one.
fn value(tokens: &TokenStream) -> Option<TokenStream> {
    let mut rest = tokens.clone().into_iter();
    let is_sign = |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == '=');
    match rest.find(|token| is_sign(token) || matches!(token, TokenTree::Group(_)))? {
        // `unsafe(export_name = "..")`
        TokenTree::Group(group) => value(&group.stream()),
        _ => Some(rest.collect()).filter(|value: &TokenStream| !value.is_empty()).map(as_the_linker_has_it),
    }
}

/// A literal without bindgen's sign for LLVM that nothing goes before the name; others as they are.
fn as_the_linker_has_it(value: TokenStream) -> TokenStream {
    match syn::parse2::<syn::LitStr>(value.clone()) {
        Ok(text) => syn::LitStr::new(text.value().trim_start_matches('\u{1}'), text.span()).into_token_stream(),
        Err(_) => value,
    }
}

/// The types of the parameters, then that of the result if there is one, as an expression. Without
/// any if the types depend on parameters of the function's, or may depend on those of an `impl`
/// block around it: a static cannot name them.
pub(crate) fn types(function: &Function, kind: Kind, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let generics = &function.source.generics;
    let of_block = match kind {
        Kind::Call { .. } => false,
        // One in a generic block has no symbol.
        Kind::Callback | Kind::Pointer { .. } => {
            let types = function.params.iter().map(|param| param.source.ty.to_token_stream());
            let mut all = types.chain([function.source.output.to_token_stream()]);
            symbol(function, kind).is_none() || all.any(|tokens| has(&tokens, "Self"))
        }
    };
    if of_block || generics.type_params().next().is_some() || generics.const_params().next().is_some() {
        return quote_spanned!(here=> ::core::option::Option::None);
    }
    let result = match &function.source.output {
        ReturnType::Type(_, ty) if !types::is_never(ty) && !types::is_unit(ty) => Some(&**ty),
        _ => None,
    };
    let all: Vec<_> = function.params.iter().map(|param| &param.source.ty).chain(result).collect();
    let each = all.iter().map(|ty| {
        let written = without_names(ty.to_token_stream(), generics);
        match leads_nowhere(ty) {
            true => quote_spanned!(here=> #private::Typed::of::<#written>()),
            false => {
                quote_spanned!(here=> #private::Typed::leading::<#written>(#private::OfType::<#written>::LEADS_TO))
            }
        }
    });
    let asks = all.iter().any(|ty| !leads_nowhere(ty));
    let import = asks.then(|| quote_spanned!(here=> #[allow(unused_imports)] use #private::LeadsNowhere as _;));
    quote_spanned! {here=>
        ::core::option::Option::Some({
            #import
            &[#(#each),*]
        })
    }
}

/// True if the type's name has all that there is to know: what it is a number, or leads to one.
fn leads_nowhere(ty: &Type) -> bool {
    types::is_scalar(ty) || types::points_to_void(ty) || types::target(ty).is_some_and(types::is_scalar)
}

/// A type in which the lifetimes of the function have no names, for an item has none of them.
fn without_names(tokens: TokenStream, generics: &Generics) -> TokenStream {
    if generics.params.is_empty() {
        return tokens;
    }
    let mut written = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_tick = matches!(&token, TokenTree::Punct(tick) if tick.as_char() == '\'');
        match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_names(group.stream(), generics));
                inner.set_span(group.span());
                written.extend([TokenTree::Group(inner)]);
                continue;
            }
            token => written.extend([token]),
        }
        if is_tick
            && let Some(TokenTree::Ident(name)) = tokens.peek()
            && generics.lifetimes().any(|lifetime| lifetime.lifetime.ident == *name)
        {
            let name = Ident::new("static", name.span());
            tokens.next();
            written.extend(quote!(#name));
        }
    }
    written
}

/// The entry in the section that the linker makes a list of, where there are such sections: what is
/// `used` stays though nothing refers to it.
pub(crate) fn entry(private: &TokenStream) -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        #[cfg(any(
            target_os = "linux",
            target_os = "android",
            target_os = "freebsd",
            target_os = "netbsd",
            target_os = "openbsd",
            target_os = "dragonfly"
        ))]
        #[used]
        #[unsafe(link_section = "ffi_guard_functions")]
        static __FFI_GUARD_ENTRY: &#private::Function = &__FFI_GUARD_FUNCTION;
    }
}
