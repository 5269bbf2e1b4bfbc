//! `#[guard(returns(..))]`: what is said of what C gives back.
//!
//! ```text
//!  returns(owned, nonnull)                words about the result
//!  returns(counted_by = *n)               how much it leads to: asked of the arguments, after the call
//!  returns(at_most = cap)                 the most that a number may be: asked likewise
//! ```

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{Expr, ReturnType, Type};

use crate::ast::ForeignFn;
use crate::attr::{Errors, Setting, Value};
use crate::extent::{self, Extent};
use crate::settings::Settings;
use crate::valid::{Function, Param};
use crate::{aligned, message, reads, text, types, wrapper};

/// The words that are said of a result of C's.
pub(crate) const OF_C: [&str; 10] = [
    "owned",
    "thread_bound",
    "nonnull",
    "cstr",
    "utf8",
    "null_when_empty",
    "aligned",
    "counted_by",
    "sized_by",
    "at_most",
];

/// The words that are said of what a callback returns.
pub(crate) const OF_CALLBACK: [&str; 4] = ["owned", "retained", "lends", "cstr"];

/// Words that contradict each other.
const CONTRADICTIONS: [(&str, &str, &str); 5] = [
    ("counted_by", "sized_by", "one extent is enough"),
    ("cstr", "counted_by", "a string ends at its NUL"),
    ("cstr", "sized_by", "a string ends at its NUL"),
    ("nonnull", "null_when_empty", "one says that it is never null"),
    ("owned", "thread_bound", "an object of C's is not Rust's to free"),
];

/// What is said of a result.
#[derive(Default)]
pub(crate) struct Promised {
    /// The words without a value.
    pub(crate) words: Vec<Ident>,
    /// Calls of `Contract` that have arguments.
    also: Vec<TokenStream>,
    /// How many elements or bytes it leads to.
    counted: Option<Extent>,
    /// The most that it may be, and its text.
    most: Option<(TokenStream, String)>,
}

impl Promised {
    /// True if a word is said of it.
    pub(crate) fn says(&self, word: &str) -> bool {
        self.words.iter().any(|said| said == word)
    }

    /// True if nothing is said of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.also.is_empty() && self.counted.is_none() && self.most.is_none()
    }

    /// True if something is said that is asked of each result.
    pub(crate) fn is_asked(&self) -> bool {
        let asked = |word: &Ident| ["nonnull", "cstr", "utf8"].iter().any(|known| word == known);
        !self.also.is_empty() || self.counted.is_some() || self.most.is_some() || self.words.iter().any(asked)
    }

    /// The contract as an expression over `ffi_guard::__private`.
    pub(crate) fn emit_contract(&self, private: &TokenStream) -> TokenStream {
        let (words, also) = (&self.words, &self.also);
        quote_spanned!(Span::mixed_site()=> #private::Contract::NONE #(.#words())* #(#also)*)
    }
}

/// What `returns(..)` says of a function of C's.
pub(crate) fn of_c(settings: &Settings, source: &ForeignFn, params: &[Param], errors: &mut Errors) -> Promised {
    let Some(setting) = settings.get("returns") else { return Promised::default() };
    let Value::Returns(list) = &setting.value else { return Promised::default() };
    check(setting, list, source, &OF_C, message::RETURNS, errors);
    let names: Vec<String> =
        params.iter().filter_map(|param| param.source.name.as_ref()).map(|name| name.unraw().to_string()).collect();
    let local = |expr: TokenStream| extent::in_locals(expr, params);
    said(list, params, &names, &local, &|expr| text::of_expr(expr), errors)
}

/// What `returns(..)` says of a callback.
pub(crate) fn of_callback(settings: &Settings, source: &ForeignFn, errors: &mut Errors) -> Promised {
    let Some(setting) = settings.get("returns") else { return Promised::default() };
    let Value::Returns(list) = &setting.value else { return Promised::default() };
    check(setting, list, source, &OF_CALLBACK, message::CALLBACK_RETURNS, errors);
    of_callback_type(list)
}

/// What the contract of a callback's type says of the result.
pub(crate) fn of_callback_type(list: &[Setting]) -> Promised {
    let words = list.iter().filter(|it| matches!(it.value, Value::None));
    Promised { words: words.map(|it| flag(&it.key)).collect(), ..Promised::default() }
}

/// What a contract says of the result. `local` and `shown` give an expression its names in the
/// wrapper, and in reports.
pub(crate) fn of_contract(
    list: &[Setting],
    params: &[Param],
    local: &dyn Fn(TokenStream) -> TokenStream,
    shown: &dyn Fn(TokenStream) -> String,
    errors: &mut Errors,
) -> Promised {
    said(list, params, &[], local, shown, errors)
}

/// Refuses what cannot be said of this result.
fn check(
    setting: &Setting,
    list: &[Setting],
    source: &ForeignFn,
    known: &[&str],
    otherwise: &str,
    errors: &mut Errors,
) {
    if !is_in_form(list, known) {
        errors.at(setting.value_span(), otherwise);
        return;
    }
    for (at, one) in list.iter().enumerate() {
        if list.iter().take(at).any(|before| before.key == one.key) {
            errors.at(one.key.span(), message::twice(&one.key));
        }
    }
    contradictions(list, errors);
    let ty = match &source.output {
        ReturnType::Type(_, ty) if !types::is_unit(ty) && !types::is_never(ty) => Some(&**ty),
        _ => None,
    };
    for one in list {
        let fits = match ty {
            None => false,
            Some(ty) if one.key == "at_most" => {
                !matches!(ty, Type::Ptr(_) | Type::Reference(_)) && !types::is_function(ty)
            }
            Some(ty) => !types::is_scalar(ty),
        };
        if !fits {
            let message = if one.key == "at_most" { message::RETURNS_NO_NUMBER } else { message::RETURNS_NOTHING };
            errors.at(one.key.span(), message);
        } else if one.key == "counted_by" && ty.is_some_and(types::points_to_void) {
            errors.at(one.key.span(), message::EXTENT_OF_VOID);
        }
    }
}

/// True if each word is known, and written as it is to be.
pub(crate) fn is_in_form(list: &[Setting], known: &[&str]) -> bool {
    let fits = |one: &Setting| match one.key.to_string().as_str() {
        "aligned" | "counted_by" | "sized_by" | "at_most" => matches!(one.value, Value::Expr(_)),
        _ => matches!(one.value, Value::None),
    };
    !list.is_empty() && list.iter().all(|one| known.iter().any(|word| one.key == word) && fits(one))
}

/// Refuses words that exclude each other.
pub(crate) fn contradictions(list: &[Setting], errors: &mut Errors) {
    let at = |word: &str| list.iter().position(|one| one.key == word);
    for (one, other, why) in CONTRADICTIONS {
        let (Some(first), Some(second)) = (at(one), at(other)) else { continue };
        let (first, second) = (first.min(second), first.max(second));
        if let (Some(first), Some(second)) = (list.get(first), list.get(second)) {
            let message = message::contradiction(&first.key.to_string(), &second.key.to_string(), why);
            errors.at(second.key.span(), message);
        }
    }
    let is_counted = at("counted_by").or(at("sized_by")).is_some();
    if let Some(empty) = at("null_when_empty").and_then(|at| list.get(at)).filter(|_| !is_counted) {
        errors.at(empty.key.span(), message::EMPTY_WITHOUT_COUNT);
    }
}

fn said(
    list: &[Setting],
    params: &[Param],
    names: &[String],
    local: &dyn Fn(TokenStream) -> TokenStream,
    shown: &dyn Fn(TokenStream) -> String,
    errors: &mut Errors,
) -> Promised {
    let mut promised = Promised::default();
    for setting @ Setting { key, value } in list {
        match value {
            Value::None => promised.words.push(flag(key)),
            Value::Expr(_) if key == "aligned" => {
                promised.also.extend(aligned::call(setting, errors));
            }
            Value::Expr(expr) => {
                let expr: &Expr = expr;
                if !names.is_empty() || params.is_empty() {
                    extent::names_in(expr, key, names, errors);
                }
                let tokens = expr.to_token_stream();
                let (text, expr) = (shown(tokens.clone()), local(tokens));
                if key == "at_most" {
                    promised.most = Some((expr, text));
                    continue;
                }
                let mut extent = Extent { key: key.clone(), expr, text, reads: false };
                let readable = reads::pointers(params, |param| Some(param.local.unraw().to_string()));
                reads::look(&mut extent, &readable);
                promised.counted = Some(extent);
            }
            _ => {}
        }
    }
    promised
}

fn flag(key: &Ident) -> Ident {
    Ident::new(&key.to_string(), Span::mixed_site())
}

/// The functions that ask what is said, and the calls that add them to the function's static.
pub(crate) fn emit(function: &Function, private: &TokenStream) -> Written {
    let here = Span::mixed_site();
    let ReturnType::Type(_, ty) = &function.source.output else { return Written::default() };
    let generics = &function.source.generics;
    let where_clause = &generics.where_clause;
    let Promised { counted, most, .. } = &function.result;
    let counted = counted.as_ref().map(|extent| {
        let nothing = quote_spanned!(here=> #private::Stated::No);
        let bindings = bindings(&extent.expr, function, &nothing, private);
        let state = wrapper::state(extent, false, private);
        let (name, text) = (Ident::new("__ffi_guard_counted", here), &extent.text);
        let asked = quote_spanned! {here=>
            #[allow(unused_unsafe, unused_parens, clippy::unnecessary_cast)]
            unsafe fn #name #generics (arguments: &[#private::Argument]) -> #private::Stated #where_clause {
                #(#bindings)*
                #state
            }
        };
        (asked, quote!(.with_counted(#name, #text)))
    });
    let most = most.as_ref().map(|(expr, text)| {
        let nothing = quote_spanned!(here=> (#private::Count::Fits(0), #private::Count::Fits(0)));
        let bindings = bindings(expr, function, &nothing, private);
        let name = Ident::new("__ffi_guard_most", here);
        let asked = quote_spanned! {here=>
            #[allow(unused_unsafe, unused_parens, clippy::unnecessary_cast)]
            unsafe fn #name #generics (
                result: *const (),
                arguments: &[#private::Argument],
            ) -> (#private::Count, #private::Count) #where_clause {
                let result: #ty = #private::copied::<#ty>(unsafe { &*result.cast() });
                #(#bindings)*
                (#private::count(result), #private::count(#[allow(unused_braces)] { #expr }))
            }
        };
        (asked, quote!(.with_most(#name, #text)))
    });
    let (functions, calls): (Vec<_>, Vec<_>) = [counted, most].into_iter().flatten().unzip();
    Written { functions: quote!(#(#functions)*), calls: quote!(#(#calls)*) }
}

/// What is written of a function's promises.
#[derive(Default)]
pub(crate) struct Written {
    /// The functions that ask.
    pub(crate) functions: TokenStream,
    /// The calls that add them.
    pub(crate) calls: TokenStream,
}

/// A binding for each parameter that an expression names. `otherwise`: what is returned if the
/// arguments are not known.
fn bindings(
    expr: &TokenStream,
    function: &Function,
    otherwise: &TokenStream,
    private: &TokenStream,
) -> Vec<TokenStream> {
    let here = Span::mixed_site();
    let named = function.params.iter().enumerate().filter(|(_, param)| mentions(expr.clone(), &param.local));
    let binding = named.map(|(index, param)| {
        let (local, ty, index) = (&param.local, &param.source.ty, Literal::usize_unsuffixed(index));
        quote_spanned! {here=>
            let ::core::option::Option::Some(argument) = <[#private::Argument]>::get(arguments, #index) else {
                return #otherwise;
            };
            let #local: #ty = unsafe { argument.value::<#ty>() };
        }
    });
    binding.collect()
}

/// True if tokens have this name in them.
pub(crate) fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions(group.stream(), name),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
