//! `guard_fn!`: a foreign function that is known by a pointer alone, checked as a declared one.
//!
//! ```text
//!  guard_fn!(unsafe extern "C" fn name(..) -> T = pointer)      a value
//!  guard_fn!(pub type Name = unsafe extern "C" fn name(..) -> T)  the type of such values
//! ```
//!
//! Both are a struct that holds the pointer; its method `call` is the wrapper that the attribute
//! writes, in which the pointer stands for the declaration.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser as _};
use syn::{Attribute, Expr, Token, Visibility};

use crate::ast::{Block, Item};
use crate::attr::Errors;
use crate::block;
use crate::bytes;
use crate::cfg;
use crate::expand;
use crate::message;
use crate::record::Record;
use crate::valid::Taken;

/// What stands in the parentheses.
struct Input {
    krate: TokenStream,
    /// The type's name and visibility, if it is declared.
    named: Option<(Vec<Attribute>, Visibility, Ident)>,
    /// The function as an extern block with it.
    block: TokenStream,
    is_unsafe: bool,
    abi: TokenStream,
    /// The pointer, if a value is made.
    pointer: Option<Expr>,
}

/// Expands `guard_fn!(input)`.
pub(crate) fn guard_fn(input: TokenStream) -> TokenStream {
    let input = match parse.parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let written = match syn::parse2::<Block>(input.block.clone()) {
        Ok(block) => write(&input, &block, &mut errors),
        Err(error) => {
            errors.push(error);
            TokenStream::new()
        }
    };
    match errors.is_empty() {
        true => {
            let conditional = errors.emit();
            quote!(#conditional #written)
        }
        false if input.named.is_none() => {
            let errors = errors.emit();
            quote!({ #errors })
        }
        false => errors.emit(),
    }
}

fn parse(input: ParseStream) -> syn::Result<Input> {
    let mut krate = quote!(::ffi_guard);
    if input.peek(Token![crate]) && input.peek2(Token![=]) {
        input.parse::<Token![crate]>()?;
        input.parse::<Token![=]>()?;
        let path: syn::Path = input.parse()?;
        input.parse::<Token![,]>()?;
        krate = quote!(#path);
    }
    let attrs = input.call(Attribute::parse_outer)?;
    let mut named = None;
    let mut own = Vec::new();
    if input.peek(Token![pub]) || input.peek(Token![type]) {
        let vis: Visibility = input.parse()?;
        input.parse::<Token![type]>()?;
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        named = Some((attrs, vis, name));
    } else {
        own = attrs;
    }
    let unsafety: Option<Token![unsafe]> = input.parse()?;
    if !input.peek(Token![extern]) {
        return Err(input.error(message::GUARD_FN));
    }
    let abi: syn::Abi = input.parse()?;
    // Up to the `=` of the value, or to the end: what the block's parser reads.
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![=]) && !input.peek(Token![;]) {
        tokens.extend([input.parse::<proc_macro2::TokenTree>()?]);
        // `->` is one sign, whose `>` is no `=`.
    }
    let pointer = match input.parse::<Option<Token![=]>>()? {
        Some(_) if named.is_none() => Some(input.parse()?),
        Some(equals) => return Err(syn::Error::new(equals.span, message::GUARD_FN_TYPE)),
        None if named.is_none() => return Err(input.error(message::GUARD_FN)),
        None => None,
    };
    input.parse::<Option<Token![;]>>()?;
    if !input.is_empty() {
        return Err(input.error(message::GUARD_FN));
    }
    let safe = unsafety.is_none().then(|| Ident::new("safe", Span::call_site()));
    let has_docs = own.iter().any(|attr| attr.path().is_ident("doc"));
    let doc = (!has_docs).then(|| quote!(#[doc = " Calls the function, and checks the call."]));
    let block = quote!(unsafe #abi { #doc #(#own)* #safe #tokens; });
    Ok(Input { krate, named, block, is_unsafe: unsafety.is_some(), abi: quote!(#abi), pointer })
}

fn write(input: &Input, block: &Block, errors: &mut Errors) -> TokenStream {
    let here = Span::mixed_site();
    let [Item::Function(function)] = &block.items[..] else {
        errors.at(Span::call_site(), message::GUARD_FN);
        return TokenStream::new();
    };
    if let Some(variadic) = &function.variadic {
        errors.push(syn::Error::new_spanned(variadic, message::GUARD_FN_VARIADIC));
        return TokenStream::new();
    }
    for attr in function.attrs.iter().filter(|attr| attr.name == "guard") {
        let Some(arguments) = attr.arguments() else { continue };
        for word in arguments.stream() {
            if let proc_macro2::TokenTree::Ident(word) = word
                && (word == "skip" || word == "keep_abi")
            {
                errors.at(word.span(), message::GUARD_FN_BARE);
                return TokenStream::new();
            }
        }
    }
    let crate_path = &input.krate;
    let mut settings = block::check(quote!(crate = #crate_path), block, errors);
    let unsafety = input.is_unsafe.then(|| quote_spanned!(here=> unsafe));
    let (abi, output) = (&input.abi, &function.output);
    // A parameter under a condition is in the pointer's type under the same.
    let types = function.params.iter().map(|param| {
        let conditions = param.attrs.iter().filter(|attr| cfg::presence(attr).is_some()).map(cfg::Attr::emit);
        let ty = &param.ty;
        quote!(#(#conditions)* #ty)
    });
    let lifetimes = function.generics.lifetimes();
    let lifetimes = (!function.generics.params.is_empty()).then(|| quote!(for<#(#lifetimes),*>));
    let types: Vec<_> = types.collect();
    let with = |output: &TokenStream| quote_spanned!(here=> #lifetimes #unsafety #abi fn(#(#types),*) #output);
    let ty = with(&quote!(#output));
    let of_bytes = bytes::of_result(output).map_or_else(
        || ty.clone(),
        |result| {
            let result = bytes::of(result);
            with(&quote!(-> #result))
        },
    );
    settings.pointer = Some(block::Pointer { ty: ty.clone(), of_bytes });
    let taken = Taken { names: HashSet::new(), all: false };
    // It is no declaration, and not counted among them.
    let mut record = Record::default();
    let (call, _) = expand::each_case(function, block, &settings, &taken, &mut record, errors);
    let (attrs, vis, name) = match &input.named {
        Some((attrs, vis, name)) => (quote!(#(#attrs)*), quote!(#vis), name.clone()),
        None => (quote!(), quote!(), Ident::new("GuardedFn", here)),
    };
    let doc = format!("`{}`, by a pointer to it.", function.name);
    let doc = input
        .named
        .as_ref()
        .filter(|(attrs, ..)| !attrs.iter().any(|it| it.path().is_ident("doc")))
        .map(|_| quote!(#[doc = #doc]));
    let item = quote_spanned! {here=>
        #attrs
        #doc
        #[derive(Clone, Copy)]
        #[allow(improper_ctypes_definitions, dead_code)]
        #vis struct #name(#ty);

        #[allow(dead_code, clippy::missing_safety_doc)]
        impl #name {
            /// The function behind this pointer.
            #[must_use]
            pub const fn new(pointer: #ty) -> Self {
                Self(pointer)
            }

            /// The pointer.
            #[must_use]
            pub const fn pointer(self) -> #ty {
                self.0
            }

            #call
        }
    };
    match &input.pointer {
        Some(pointer) => quote_spanned!(here=> { #item #name::new(#pointer) }),
        None => item,
    }
}
