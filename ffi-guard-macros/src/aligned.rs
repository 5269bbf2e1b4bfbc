//! `#[guard(aligned = 64)]` on a parameter: what C asks of an address beyond its type.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Expr, Lit};

use crate::attr::{Errors, Setting, Value};
use crate::extent;
use crate::message;
use crate::valid::Param;

/// True for the word of this file.
pub(crate) fn is_one(key: &str) -> bool {
    key == "aligned"
}

/// Adds to a parameter what the word says.
pub(crate) fn say(setting: &Setting, param: &mut Param, errors: &mut Errors) {
    param.also.extend(call(setting, errors));
}

/// What the word says, as a call of `Contract`.
pub(crate) fn call(setting: &Setting, errors: &mut Errors) -> Option<TokenStream> {
    let Value::Expr(expr) = &setting.value else { return None };
    check(setting, errors);
    let here = Span::mixed_site();
    let n = expr.to_token_stream();
    // In a block of its own the value is one of compile time wherever the contract is written.
    let n: TokenStream = match number(expr) {
        Some(n) => Literal::usize_unsuffixed(n).into_token_stream(),
        None => quote_spanned!(expr.span()=> const { #n }),
    };
    Some(quote_spanned!(here=> .aligned(#n)))
}

/// Refuses what is no power of two, and what is known at the call alone.
pub(crate) fn check(setting: &Setting, errors: &mut Errors) {
    let Value::Expr(expr) = &setting.value else { return };
    match number(expr) {
        Some(n) if !n.is_power_of_two() => errors.at(expr.span(), message::ALIGNED),
        Some(_) => {}
        None if matches!(&**expr, Expr::Lit(_)) || extent::uses_a_variable(expr) => {
            errors.at(expr.span(), message::ALIGNED);
        }
        None => {}
    }
}

fn number(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Int(number) => number.base10_parse().ok(),
            _ => None,
        },
        _ => None,
    }
}
