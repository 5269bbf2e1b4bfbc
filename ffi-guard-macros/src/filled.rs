//! `#[guard(ok = result == 0)]` on a function: the results with which C has filled its `out`
//! parameters.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Expr, ReturnType};

use crate::attr::{Errors, Value};
use crate::settings::Settings;
use crate::valid::{Function, Param};
use crate::{message, text, types};

/// The names that the condition has for the result.
const RESULT: [&str; 2] = ["result", "ret"];

/// The condition of one function.
pub(crate) struct Condition {
    expr: TokenStream,
    /// As reports show it.
    text: String,
    /// The names that it has for the result, as it has written them.
    names: Vec<Ident>,
}

/// The condition among the settings of a function, if there is one.
pub(crate) fn condition(settings: &Settings, output: &ReturnType, errors: &mut Errors) -> Option<Condition> {
    let setting = settings.get("ok")?;
    let Value::Expr(expr) = &setting.value else { return None };
    let returns = matches!(output, ReturnType::Type(_, ty) if !types::is_unit(ty) && !types::is_never(ty));
    let condition = of(expr);
    if !returns {
        errors.at(setting.key.span(), message::OK_OF_NOTHING);
    } else if condition.names.is_empty() {
        errors.at(expr.span(), message::OK_WITHOUT_RESULT);
    }
    Some(condition)
}

/// The condition in an expression.
pub(crate) fn of(expr: &Expr) -> Condition {
    let expr = expr.to_token_stream();
    let mut names = Vec::new();
    names_in(expr.clone(), &mut names);
    Condition { text: text::of_expr(expr.clone()), expr, names }
}

/// True if the condition speaks of the result.
pub(crate) fn speaks_of_result(expr: &Expr) -> bool {
    !of(expr).names.is_empty()
}

fn names_in(tokens: TokenStream, names: &mut Vec<Ident>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if RESULT.iter().any(|name| ident == name) => {
                if !names.contains(&ident) {
                    names.push(ident);
                }
            }
            TokenTree::Group(group) => names_in(group.stream(), names),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// True if there is something that C fills.
pub(crate) fn is_any(params: &[Param]) -> bool {
    params.iter().any(|param| param.contract.iter().any(|word| word == "out"))
}

/// The function that asks the condition, and the call that adds it to the function's static.
pub(crate) fn emit(function: &Function, private: &TokenStream) -> Option<(TokenStream, TokenStream)> {
    let Condition { expr, text, names } = function.ok.as_ref()?;
    let ReturnType::Type(_, ty) = &function.source.output else { return None };
    let here = Span::mixed_site();
    let generics = &function.source.generics;
    let where_clause = &generics.where_clause;
    let ok = Ident::new("__ffi_guard_ok", here);
    // The block below is the expression's own, so that a `return` in it is one of a condition.
    let asked = quote_spanned! {here=>
        #[allow(clippy::nonminimal_bool, unused_parens, unused_unsafe)]
        unsafe fn #ok #generics (result: *const ()) -> bool #where_clause {
            let result: #ty = #private::copied::<#ty>(unsafe { &*result.cast() });
            #(let #names = result;)*
            #expr
        }
    };
    Some((asked, quote!(.with_ok(#ok, #text))))
}
