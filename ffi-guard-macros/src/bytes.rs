//! Results and arguments that come from C as bytes: `MaybeUninit<T>`, which crosses as `T` does. A
//! `bool` of 2 or a null reference must not become a value before it is looked at.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote_spanned};
use syn::{ReturnType, Type};

use crate::types;

/// The type of a result that may be no value, as far as its tokens tell. An alias may be any type:
/// the library asks its type, and looks at nothing if it has no bytes that are no value.
pub(crate) fn of_result(output: &ReturnType) -> Option<&Type> {
    match output {
        ReturnType::Type(_, ty) if may_be_no_value(ty) => Some(ty),
        _ => None,
    }
}

/// True if some bytes may be no value of the type, as far as its tokens tell.
pub(crate) fn may_be_no_value(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => may_be_no_value(&group.elem),
        Type::Paren(paren) => may_be_no_value(&paren.elem),
        Type::Ptr(_) | Type::Never(_) | Type::ImplTrait(_) => false,
        ty if types::is_unit(ty) => false,
        ty if types::is_scalar(ty) => matches!(ty.to_token_stream().to_string().as_str(), "bool" | "char"),
        _ => true,
    }
}

/// The type of the bytes.
pub(crate) fn of(ty: &Type) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> ::core::mem::MaybeUninit<#ty>)
}

/// The argument that the bytes in a variable are, as an expression.
pub(crate) fn argument(variable: &TokenStream, private: &TokenStream) -> TokenStream {
    quote_spanned!(Span::mixed_site()=> #private::bytes!(#variable))
}
