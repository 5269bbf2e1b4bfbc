//! `#[guard(version = "lib_version() == 3")]` on a block: what has to hold of the library that is
//! linked, asked once.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{BinOp, Expr, ExprLit, Lit};

use crate::ast::{Block, Item};
use crate::attr::{Errors, Setting, Value};
use crate::{message, text};

/// The condition of a block.
pub(crate) struct Version {
    /// The static that has it, beside the block.
    pub(crate) name: Ident,
    expr: Expr,
    text: String,
}

/// The condition in a block's settings, if there is one.
pub(crate) fn of(setting: Option<&Setting>, block: &Block, errors: &mut Errors) -> Option<Version> {
    let Setting { key, value: Value::Expr(expr) } = setting? else { return None };
    let expr = match &**expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => match text.parse::<Expr>() {
            Ok(expr) => expr,
            Err(error) => {
                errors.at(text.span(), format!("{error}\n{}", message::VERSION));
                return None;
            }
        },
        Expr::Lit(_) => {
            errors.at(expr.span(), message::VERSION);
            return None;
        }
        expr => expr.clone(),
    };
    let first = block.items.iter().find_map(|item| match item {
        Item::Function(function) => Some(function.name.unraw().to_string()),
        Item::Other(..) => None,
    });
    let Some(first) = first else {
        errors.at(key.span(), message::VERSION_OF_NOTHING);
        return None;
    };
    // Of its own beside other blocks of the module.
    let line = if proc_macro::is_available() { key.span().unwrap().line() } else { 0 };
    let name = Ident::new(&format!("__FFI_GUARD_VERSION_{line}_{first}"), Span::mixed_site());
    Some(Version { name, text: text::of_expr(expr.to_token_stream()), expr })
}

/// The static beside the block.
pub(crate) fn emit(version: &Version, block: &Block, krate: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let Version { name, expr, text } = version;
    let private = quote!(#krate::__private);
    let conditions = block.attrs.iter().filter(|attr| attr.name == "cfg").map(|attr| attr.emit());
    // Of a comparison the report can say what is there.
    let asked = match expr {
        Expr::Binary(comparison) if is_comparison(&comparison.op) => {
            let (left, op, right) = (&comparison.left, &comparison.op, &comparison.right);
            quote_spanned! {here=>
                match (&(#left), &(#right)) {
                    (left, right) => if *left #op *right { #private::holds() } else { #private::fails_with(left) },
                }
            }
        }
        _ => quote_spanned!(here=> if #expr { #private::holds() } else { #private::fails() }),
    };
    quote_spanned! {here=>
        #(#conditions)*
        #[doc(hidden)]
        #[allow(dead_code, non_upper_case_globals, unused_unsafe, unused_parens, clippy::all, clippy::pedantic)]
        static #name: #private::Version = #private::Version::new(|| unsafe { #asked }, #text);
    }
}

fn is_comparison(op: &BinOp) -> bool {
    matches!(op, BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_))
}
