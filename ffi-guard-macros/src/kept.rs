//! The words that say how long C keeps what it gets: `retained_unless = (free == -1)`,
//! `held_by = stmt`.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{BinOp, Expr, Lit, UnOp};

use proc_macro2::Ident;

use crate::attr::{Errors, Setting, Value};
use crate::message;
use crate::valid::Param;

/// A condition or a handle is one of this many parameters.
const MOST: usize = 15;

/// True for the words of this file.
pub(crate) fn is_one(key: &str) -> bool {
    matches!(key, "retained_unless" | "held_by")
}

/// Adds to a parameter what one of the words says. `names`: those of all parameters, in order.
pub(crate) fn say(setting: &Setting, names: &[String], param: &mut Param, errors: &mut Errors) {
    let Value::Expr(expr) = &setting.value else { return };
    let here = Span::mixed_site();
    let position = |expr: &Expr| -> Option<usize> {
        let name = name(expr)?;
        names.iter().position(|known| *known == name).filter(|at| *at < MOST)
    };
    let found: Option<TokenStream> = if setting.key == "held_by" {
        position(expr).map(|at| {
            let at = Literal::usize_unsuffixed(at);
            quote_spanned!(here=> .held_by(#at))
        })
    } else {
        condition(expr).and_then(|(other, value)| {
            let (at, value) = (Literal::usize_unsuffixed(position(other)?), Literal::i8_suffixed(value));
            Some(quote_spanned!(here=> .unless(#at, #value)))
        })
    };
    let Some(found) = found else {
        match name_in(expr).filter(|name| !names.contains(name)) {
            Some(name) => errors.at(expr.span(), message::no_parameter(&name, &setting.key, names)),
            None => errors.at(expr.span(), message::wrong_form(&setting.key)),
        }
        return;
    };
    param.also.push(found);
    if setting.key == "retained_unless" {
        param.contract.push(Ident::new("retained", here));
    }
}

fn name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Path(path) => Some(path.path.get_ident()?.unraw().to_string()),
        _ => None,
    }
}

/// The name of the parameter that the expression speaks of.
fn name_in(expr: &Expr) -> Option<String> {
    condition(expr).map_or_else(|| name(expr), |(other, _)| name(other))
}

/// The two sides of `argument == -1`.
fn condition(expr: &Expr) -> Option<(&Expr, i8)> {
    match expr {
        Expr::Paren(inner) => condition(&inner.expr),
        Expr::Group(inner) => condition(&inner.expr),
        Expr::Binary(both) if matches!(both.op, BinOp::Eq(_)) => Some((&both.left, number(&both.right)?)),
        _ => None,
    }
}

fn number(expr: &Expr) -> Option<i8> {
    match expr {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Int(number) => number.base10_parse().ok(),
            _ => None,
        },
        Expr::Unary(minus) if matches!(minus.op, UnOp::Neg(_)) => number(&minus.expr)?.checked_neg(),
        _ => None,
    }
}
