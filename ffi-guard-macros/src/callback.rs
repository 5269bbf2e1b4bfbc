//! Parses, checks and writes a Rust function that C calls, under `#[guard]`.
//!
//! The function keeps its name and type. Its body becomes a closure inside it. The arguments are
//! checked before the closure runs and the result after it, and a panic ends at the closure.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Abi, Attribute, Error, FnArg, Generics, Pat, ReturnType, Signature, Token, Type, Visibility};

use crate::ast::{ForeignFn, ForeignParam, Safety};
use crate::attr::Errors;
use crate::cfg::{self, Attr, Conditions};
use crate::descriptor::{self, Kind};
use crate::settings::Severities;
use crate::valid::{self, Param};
use crate::{bytes, fallback, message, outside, promised, types, variadic, wrapper};

/// True if the first words of an item are those of an `extern` function with a body.
pub(crate) fn is_one(item: &TokenStream) -> bool {
    let mut tokens = item.clone().into_iter();
    let mut external = false;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(p) if p.as_char() == '#' => drop(tokens.next()),
            TokenTree::Ident(word) if word == "fn" => return external,
            TokenTree::Ident(word) => external |= word == "extern",
            // `pub(crate)`, the name of the ABI, and invisible groups of macros.
            TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace => return false,
            TokenTree::Group(_) | TokenTree::Literal(_) => {}
            TokenTree::Punct(_) => return false,
        }
    }
    false
}

/// A Rust function that C calls.
struct Callback {
    abi: Abi,
    /// Name, parameters and attributes, as of a foreign function.
    function: ForeignFn,
    /// The pattern of each parameter.
    patterns: Vec<Pat>,
    /// The body as written, with its braces.
    body: TokenStream,
    /// Why the function cannot be a callback: the span and the message of each reason.
    refused: Vec<Error>,
}

impl Parse for Callback {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let attrs = cfg::flatten(&input.call(Attribute::parse_outer)?);
        let vis: Visibility = input.parse()?;
        let signature: Signature = input.parse()?;
        let body: TokenTree = input.parse()?;
        let mut refused = Vec::new();
        let mut refuse = |span: Option<Span>, why| refused.extend(span.map(|span| Error::new(span, why)));
        refuse(signature.asyncness.map(|word| word.span), message::ASYNC);
        refuse(signature.constness.map(|word| word.span), message::CONST);
        refuse(signature.variadic.as_ref().map(|variadic| variadic.dots.spans[0]), message::CALLBACK_VARIADIC);
        let (mut params, mut patterns) = (Vec::new(), Vec::new());
        for input in &signature.inputs {
            match input {
                FnArg::Receiver(receiver) => refuse(Some(receiver.self_token.span), message::RECEIVER),
                FnArg::Typed(param) => {
                    let attrs = cfg::flatten(&param.attrs);
                    params.push(ForeignParam { attrs, name: name(&param.pat), ty: (*param.ty).clone() });
                    patterns.push((*param.pat).clone());
                }
            }
        }
        let safety = match signature.unsafety {
            Some(word) => Safety::Unsafe(Ident::new("unsafe", word.span)),
            None => Safety::None,
        };
        let Signature { abi, ident, generics, output, .. } = signature;
        let abi = abi.ok_or_else(|| Error::new(ident.span(), message::RUST_FN))?;
        let semi = Token![;](Span::mixed_site());
        let function = ForeignFn { attrs, vis, safety, name: ident, generics, params, variadic: None, output, semi };
        Ok(Callback { abi, function, patterns, body: body.into_token_stream(), refused })
    }
}

/// The name of a parameter whose pattern is a plain name.
fn name(pattern: &Pat) -> Option<Ident> {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => Some(name.ident.clone()),
        _ => None,
    }
}

/// Expands `#[guard(arguments)] extern "C" fn ..`.
pub(crate) fn guard(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let expanded = match syn::parse2::<Callback>(item.clone()) {
        Ok(callback) => expand(&arguments, callback, &mut errors),
        Err(error) => {
            errors.push(error);
            TokenStream::new()
        }
    };
    let item = if errors.is_empty() { expanded } else { fallback::bare(item) };
    let errors = errors.emit();
    quote!(#errors #item)
}

fn expand(arguments: &TokenStream, mut callback: Callback, errors: &mut Errors) -> TokenStream {
    crate::block::abi(&callback.abi, errors);
    std::mem::take(&mut callback.refused).into_iter().for_each(|error| errors.push(error));
    let function = &callback.function;
    let mut conditions = Conditions::default();
    let params = function.params.iter().flat_map(|param| &param.attrs);
    for attr in params.clone().chain(&function.attrs).filter(|attr| attr.name == "guard") {
        attr.when.iter().for_each(|when| conditions.note(when));
    }
    params.filter_map(cfg::presence).for_each(|predicate| conditions.note(&predicate));
    if conditions.len() > cfg::MOST {
        errors.at(function.name.span(), message::TOO_MANY_CONDITIONS);
        return TokenStream::new();
    }
    let mut written = TokenStream::new();
    for case in conditions.cfg_cases() {
        let under = case.attribute();
        let mut own = Errors::default();
        let seen = if under.is_none() { &mut *errors } else { &mut own };
        let checked = valid::callback(arguments.clone(), function, &case, seen);
        errors.under(under.as_ref(), own);
        written.extend(write(&callback, &checked, under.as_ref()));
    }
    written
}

fn write(callback: &Callback, checked: &valid::Callback, under: Option<&TokenStream>) -> TokenStream {
    if checked.function.bare {
        let ForeignFn { attrs, vis, safety, name, generics, output, .. } = checked.function.source;
        let (abi, body) = (&callback.abi, &callback.body);
        let attrs = attrs.iter().filter(|attr| attr.name != "guard").map(Attr::emit);
        let unsafety = safety.keyword();
        let where_clause = &generics.where_clause;
        let signature = checked.function.params.iter().map(|param| {
            let attrs = param.attrs.iter().map(|attr| attr.emit());
            let (pattern, ty) = (pattern(callback, param), &param.source.ty);
            quote!(#(#attrs)* #pattern: #ty)
        });
        return quote!(#(#attrs)* #under #vis #unsafety #abi fn #name #generics (#(#signature),*) #output #where_clause #body);
    }
    let of_bytes = come_as_bytes(callback, checked);
    if of_bytes.is_empty() {
        return whole(callback, checked, (under, &[]), &of_bytes);
    }
    // Where no code can stand in front of the function, C's arguments are taken for what they are
    // declared to be.
    let targets = variadic::targets();
    let here = Span::mixed_site();
    let (there, elsewhere) = (quote_spanned!(here=> #[cfg(#targets)]), quote_spanned!(here=> #[cfg(not(#targets))]));
    let there = in_front(callback, checked, (under, &there), &of_bytes);
    let elsewhere = whole(callback, checked, (under, &[elsewhere]), &[]);
    quote!(#there #elsewhere)
}

/// The indices of the parameters that come from C as bytes, since some may be no value. None where
/// that cannot be: a function inside this one has to have the same types.
fn come_as_bytes(callback: &Callback, checked: &valid::Callback) -> Vec<usize> {
    let source = checked.function.source;
    let generic = source.generics.type_params().next().is_some() || source.generics.const_params().next().is_some();
    let known = [
        "doc",
        "guard",
        "cfg",
        "allow",
        "warn",
        "deny",
        "expect",
        "cold",
        "must_use",
        "deprecated",
        "unsafe",
        "no_mangle",
        "export_name",
        "link_section",
    ];
    let is_known =
        source.attrs.iter().all(|attr| known.contains(&attr.name.as_str()) || attr.name.starts_with("clippy"));
    let (params, output, body) = (&checked.function.params, &source.output, &callback.body);
    let types = params.iter().map(|param| &param.source.ty);
    let outer = outside::may_be_named(body, quote!(#(#types),* #output #body));
    // Its author has not asked for it: it is left as close to what was written as can be.
    if checked.mirrored
        || generic
        || !is_known
        || outer
        || checked.function.severities.allows("invalid_value")
        || !params.iter().all(|param| param.attrs.is_empty())
    {
        return Vec::new();
    }
    // These are asked by their values before the body runs.
    let extents = params.iter().filter_map(|param| param.extent.as_ref()).map(|extent| &extent.expr);
    let on_panic = &checked.on_panic;
    let asked = quote!(#(#extents)* #on_panic);
    let is_one = |param: &Param| {
        bytes::may_be_no_value(&param.source.ty)
            && !promised::mentions(asked.clone(), &param.local)
            && !param.severities.allows("invalid_value")
    };
    params.iter().enumerate().filter(|(_, param)| is_one(param)).map(|(index, _)| index).collect()
}

/// The function as one instruction, a jump to a function inside it whose parameters are the same
/// bytes: no value is made of them before they are looked at.
fn in_front(
    callback: &Callback,
    checked: &valid::Callback,
    (under, there): (Option<&TokenStream>, &TokenStream),
    of_bytes: &[usize],
) -> TokenStream {
    let ForeignFn { attrs, vis, safety, name, generics, output, .. } = checked.function.source;
    let here = Span::mixed_site();
    let abi = &callback.abi;
    let attrs = attrs.iter().filter(|attr| attr.name != "guard").map(wrapper::expect_to_allow);
    let unsafety = safety.keyword();
    let where_clause = &generics.where_clause;
    let signature = checked.function.params.iter().map(|param| {
        let (local, ty) = (&param.local, &param.source.ty);
        quote!(#local: #ty)
    });
    let inside = whole(callback, checked, (None, &[]), of_bytes);
    quote_spanned! {here=>
        #(#attrs)*
        #under
        #there
        #[unsafe(naked)]
        #vis #unsafety #abi fn #name #generics (#(#signature),*) #output #where_clause {
            #inside
            #[cfg(target_arch = "x86_64")]
            ::core::arch::naked_asm!("jmp {}", sym __ffi_guard_callback);
            #[cfg(target_arch = "aarch64")]
            ::core::arch::naked_asm!("hint #34", "b {}", sym __ffi_guard_callback);
        }
    }
}

/// The function with its checks. `of_bytes`: the parameters that are bytes; then it stands inside
/// the function that jumps to it.
fn whole(
    callback: &Callback,
    checked: &valid::Callback,
    (under, conditions): (Option<&TokenStream>, &[TokenStream]),
    of_bytes: &[usize],
) -> TokenStream {
    let ForeignFn { attrs, vis, safety, name, generics, output, .. } = checked.function.source;
    let here = Span::mixed_site();
    let (krate, abi, body) = (&checked.krate, &callback.abi, &callback.body);
    let private = quote_spanned!(here=> __ffi_guard);
    let is_inside = !of_bytes.is_empty();
    let attrs = attrs.iter().filter(|attr| attr.name != "guard" && !is_inside).map(Attr::emit);
    let lints =
        is_inside.then(|| quote_spanned!(here=> #[allow(improper_ctypes_definitions, clippy::too_many_arguments)]));
    let inner_name = Ident::new("__ffi_guard_callback", here);
    let (own_name, own_vis) = match is_inside {
        true => (&inner_name, None),
        false => (name, Some(vis)),
    };
    let unsafety = safety.keyword();
    let Generics { where_clause, .. } = generics;
    let is_bytes = |index: usize| of_bytes.contains(&index);
    let signature: Vec<_> =
        checked.function.params.iter().enumerate().map(|(index, param)| parameter(param, is_bytes(index))).collect();
    let bindings =
        checked.function.params.iter().enumerate().map(|(index, param)| binding(callback, param, is_bytes(index)));
    let statics = descriptor::statics(&checked.function, &Severities::default(), Kind::Callback, &private);
    let arguments = checked.function.params.iter().enumerate().map(|(index, param)| {
        let local = &param.local;
        let argument = match is_bytes(index) {
            true => bytes::argument(&quote!(#local), &private),
            false => wrapper::argument(param, &private),
        };
        match &param.extent {
            None => argument,
            Some(extent) => {
                let stated = wrapper::state(extent, matches!(safety, Safety::None), &private);
                quote_spanned!(here=> #argument.with(#stated))
            }
        }
    });
    let traits = (!checked.function.params.is_empty()).then(|| {
        quote_spanned! {here=>
            use #private::classify::{
                ByPointer as _, ByValue as _, OfCopy as _, OfFunction as _, OfLock as _, OfOptionalFunction as _,
                OfPlain as _, OfPointee as _, OfPointers as _, OfUnknown as _,
            };
        }
    });
    let rebuild = &checked.rebuild;
    // With an unwinding ABI the panic goes on by itself if no guarded call below would resume it.
    let unwinds = abi.name.as_ref().is_some_and(|name| name.value().ends_with("-unwind"));
    let returns = match output {
        ReturnType::Default => quote_spanned!(here=> -> ()),
        output => quote!(#output),
    };
    // At the user's name, so that `Location::caller` is there: C has no line to show.
    let enter = quote_spanned!(name.span()=> __ffi_guard::Incoming::enter(&__FFI_GUARD_FUNCTION, &__ffi_guard_held));
    // There as well: a panic that stops the function is said to be where it is called. With a
    // semicolon, since clippy would rather have the function itself, which is in another file.
    let raise = quote_spanned!(name.span()=> |stop| { __ffi_guard::raise_here(stop); });
    let run = match checked.mirrored {
        true => quote_spanned!(here=> callback.run_as_written(body, |result| #private::argument!(*result))),
        false => {
            let neutral = neutral(checked, output, &private);
            quote_spanned! {here=>
                callback.run(
                    #unwinds,
                    body,
                    || #returns { #neutral },
                    |result| #private::argument!(*result),
                    #raise,
                )
            }
        }
    };
    let held = Ident::new("__ffi_guard_held", name.span());
    quote_spanned! {here=>
        #(#attrs)*
        #under
        #(#conditions)*
        #lints
        #own_vis #unsafety #abi fn #own_name #generics (#(#signature),*) #output #where_clause {
            use #krate::__private as __ffi_guard;
            #rebuild
            let #held;
            let callback = if #private::armed() {
                #statics
                #traits
                #held = [#(#arguments),*];
                ::core::option::Option::Some(#enter)
            } else {
                ::core::option::Option::None
            };
            let body = || #returns {
                #(#bindings)*
                #body
            };
            match callback {
                ::core::option::Option::None => body(),
                ::core::option::Option::Some(callback) => #run,
            }
        }
    }
}

/// The parameter in the signature: `data: *const u8`, under the attributes that stay. Lints of the
/// user's name apply to the binding below, so `expect` becomes `allow` here.
fn parameter(param: &Param, is_bytes: bool) -> TokenStream {
    let attrs = param.attrs.iter().map(|attr| wrapper::expect_to_allow(attr));
    let (local, ty) = (&param.local, &param.source.ty);
    let ty = if is_bytes { bytes::of(ty) } else { quote!(#ty) };
    quote!(#(#attrs)* #local: #ty)
}

/// The parameter under the user's pattern, moved into the closure, so that what it owns is dropped
/// there.
fn binding(callback: &Callback, param: &Param, is_bytes: bool) -> TokenStream {
    let attrs = param.attrs.iter().map(|attr| attr.emit());
    let (pattern, local) = (pattern(callback, param), &param.local);
    match is_bytes {
        // The checks let the body run for values alone.
        true => quote_spanned!(Span::mixed_site()=> #(#attrs)* let #pattern = unsafe { #local.assume_init() };),
        false => quote_spanned!(Span::mixed_site()=> #(#attrs)* let #pattern = #local;),
    }
}

/// The pattern of the parameter, as the user wrote it.
fn pattern<'a>(callback: &'a Callback, param: &Param) -> Option<&'a Pat> {
    let at = callback.function.params.iter().position(|known| std::ptr::eq(known, param.source))?;
    callback.patterns.get(at)
}

/// The value that C gets if the body panics.
fn neutral(checked: &valid::Callback, output: &ReturnType, private: &TokenStream) -> TokenStream {
    if let Some(value) = &checked.on_panic {
        return value.clone();
    }
    let here = Span::mixed_site();
    match output {
        // An empty block: clippy has something against a `()` at the end of one.
        ReturnType::Default => TokenStream::new(),
        ReturnType::Type(_, ty) if types::is_never(ty) => quote_spanned!(here=> #private::nothing_to_return()),
        ReturnType::Type(_, ty) => default(ty, private),
    }
}

/// The type's default. If it has none, rustc reports that at the type.
fn default(ty: &Type, private: &TokenStream) -> TokenStream {
    let span = syn::spanned::Spanned::span(ty);
    let neutral = format_ident!("default_where_on_panic_says_nothing", span = span);
    quote_spanned!(span=> #private::#neutral::<#ty>())
}
