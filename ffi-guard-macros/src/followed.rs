//! `followed_by(value => [argument, ..], ..)`: the arguments in `...`, by the value of a parameter.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Ident, Pat, Token, Type};

use crate::cfg::split_commas;
use crate::{message, text};

/// What follows some values.
pub(crate) struct Arm {
    /// Ranges of values; `None` for any.
    pub(crate) values: Vec<Option<(TokenStream, TokenStream)>>,
    pub(crate) arguments: Vec<Followed>,
}

/// What is known of an argument.
pub(crate) struct Followed {
    /// How it is passed, a variant of the library's `Word`.
    word: &'static str,
    /// Its type, as reports write it.
    ty: String,
    /// The words of its contract.
    contract: Vec<&'static str>,
    /// The type that the pointer leads to, if it is said.
    pointee: Option<Type>,
}

/// The words that are a contract.
const CONTRACT: [&str; 6] = ["cstr", "nonnull", "out", "opaque", "retained", "owned"];

/// Parses all arms.
pub(crate) fn parse(arms: &TokenStream) -> syn::Result<Vec<Arm>> {
    let parser = Punctuated::<Arm, Token![,]>::parse_terminated;
    Ok(parser.parse2(arms.clone())?.into_iter().collect())
}

impl Parse for Arm {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        let mut values = Vec::new();
        alternatives(&pattern, &mut values)?;
        input.parse::<Token![=>]>().map_err(|error| syn::Error::new(error.span(), message::ARMS))?;
        let list: TokenTree = input.parse()?;
        let TokenTree::Group(group) = &list else { return Err(syn::Error::new(list.span(), message::ARMS)) };
        if group.delimiter() != Delimiter::Bracket {
            return Err(syn::Error::new(group.span(), message::ARMS));
        }
        let arguments = split_commas(group.stream()).into_iter().map(|words| Followed::parse.parse2(words));
        Ok(Arm { values, arguments: arguments.collect::<syn::Result<_>>()? })
    }
}

fn alternatives(pattern: &Pat, values: &mut Vec<Option<(TokenStream, TokenStream)>>) -> syn::Result<()> {
    match pattern {
        Pat::Or(or) => or.cases.iter().try_for_each(|case| alternatives(case, values))?,
        Pat::Paren(paren) => alternatives(&paren.pat, values)?,
        Pat::Wild(_) => values.push(None),
        Pat::Lit(_) | Pat::Path(_) | Pat::Const(_) => values.push(Some((quote!(#pattern), quote!(#pattern)))),
        Pat::Ident(name) if name.subpat.is_none() && name.by_ref.is_none() => {
            values.push(Some((quote!(#name), quote!(#name))));
        }
        Pat::Range(range) => {
            let end = |end: &Option<Box<syn::Expr>>, open: TokenStream| {
                end.as_ref().map_or(open, |end| quote!((#end) as i128))
            };
            let from = end(&range.start, quote!(i128::MIN));
            let to = end(&range.end, quote!(i128::MAX));
            let to = match range.limits {
                syn::RangeLimits::HalfOpen(_) if range.end.is_some() => quote!((#to - 1)),
                _ => to,
            };
            values.push(Some((from, to)));
        }
        other => return Err(syn::Error::new_spanned(other, message::ARMS)),
    }
    Ok(())
}

impl Parse for Followed {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut words: Vec<Ident> = Vec::new();
        let mut pointee = None;
        while !input.is_empty() {
            let refused = || syn::Error::new(input.span(), message::FOLLOWER);
            let word: Ident = input.parse().map_err(|_| refused())?;
            if input.peek(syn::token::Paren) {
                if word != "out" && word != "pointer" {
                    return Err(refused());
                }
                let content;
                syn::parenthesized!(content in input);
                pointee = Some(content.parse::<Type>()?);
            }
            words.push(word);
        }
        let has = |name: &str| words.iter().any(|word| word == name);
        let refuse = |word: &Ident| Err(syn::Error::new(word.span(), message::FOLLOWER));
        let value = ["number", "float", "function"].into_iter().find(|value| has(value));
        let known = |word: &Ident| word == "pointer" || CONTRACT.iter().any(|known| word == known);
        if let Some(word) = words.iter().find(|word| value.is_none_or(|value| *word != value) && !known(word)) {
            return refuse(word);
        }
        match (value, &words[..]) {
            (None, []) => return Err(syn::Error::new(Span::call_site(), message::FOLLOWER)),
            (Some(_), [_, second, ..]) => return refuse(second),
            _ => {}
        }
        let contract: Vec<_> = CONTRACT.into_iter().filter(|word| has(word)).collect();
        let only_read = has("cstr");
        let (word, ty) = match value {
            Some("number") => ("General", "c_long".to_string()),
            Some("function") => ("General", "fn".to_string()),
            Some(_) => ("Vector", "c_double".to_string()),
            None if only_read && pointee.is_none() => ("Const", "*const c_char".to_string()),
            None => {
                let to = pointee.as_ref().map_or("c_void".into(), |ty| text::of_type(ty.to_token_stream()));
                ("Mut", format!("*mut {to}"))
            }
        };
        Ok(Followed { word, ty, contract, pointee })
    }
}

/// The arms as an expression, a slice of the library's `Followed`.
pub(crate) fn emit(arms: &[Arm], private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let arms = arms.iter().flat_map(|arm| {
        let arguments = arm.arguments.iter().map(|argument| {
            let Followed { word, ty, contract, pointee } = argument;
            let word = Ident::new(word, here);
            let contract = contract.iter().map(|word| Ident::new(word, here));
            let info = match (pointee, &argument.contract[..]) {
                (Some(pointee), _) => quote_spanned!(here=> #private::TypeInfo::of_layout::<#pointee>()),
                (None, words) if words.contains(&"cstr") => {
                    quote_spanned!(here=> #private::TypeInfo::of_layout::<::core::ffi::c_char>())
                }
                _ => quote_spanned!(here=> #private::TypeInfo::of_void()),
            };
            quote_spanned! {here=> #private::Follower {
                word: #private::Word::#word,
                ty: #ty,
                contract: #private::Contract::NONE #(.#contract())*,
                info: &const { #info },
            }}
        });
        let arguments: Vec<_> = arguments.collect();
        let arms: Vec<_> = arm
            .values
            .iter()
            .map(|range| {
                let (first, last) = match range {
                    Some((first, last)) => (quote!((#first) as i128), quote!((#last) as i128)),
                    None => (quote!(i128::MIN), quote!(i128::MAX)),
                };
                quote_spanned! {here=> #private::Followed {
                    first: #first,
                    last: #last,
                    arguments: &[#(#arguments),*],
                }}
            })
            .collect();
        arms
    });
    quote_spanned! {here=> {
        #[allow(clippy::unnecessary_cast, clippy::cast_lossless, trivial_numeric_casts)]
        const BY: &[#private::Followed] = &[#(#arms),*];
        BY
    }}
}
