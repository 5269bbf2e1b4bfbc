//! Writes the crossing of a call that the library decides: one call of it before C's function, and
//! one after.

use proc_macro2::{Literal, Span, TokenStream};
use quote::quote_spanned;
use syn::{ReturnType, Type};

use crate::valid::Function;
use crate::{bytes, types};

/// The statements of the crossing. `call` calls C's function; `stated` is the array of the stated
/// extents; `is_first`: the fast path has not been tried.
pub(crate) fn written(
    function: &Function,
    call: &TokenStream,
    stated: &TokenStream,
    is_first: bool,
    private: &TokenStream,
) -> TokenStream {
    let here = Span::mixed_site();
    let locals: Vec<_> = function.params.iter().map(|param| &param.local).collect();
    let count = Literal::usize_unsuffixed(locals.len());
    let result = match &function.source.output {
        ReturnType::Type(_, ty) if !types::is_never(ty) && !types::is_unit(ty) => Some(&**ty),
        _ => None,
    };
    let never = matches!(&function.source.output, ReturnType::Type(_, ty) if types::is_never(ty));
    let crossed = function.params.iter().map(|param| &param.source.ty).chain(result);
    let is_alias = |ty: &Type| matches!(Written::of(ty), Written::Other);
    let traits = function
        .params
        .iter()
        .map(|param| &param.source.ty)
        .chain(result)
        .any(is_alias)
        .then(|| quote_spanned!(here=> use #private::classify::{PointerType as _, ValueType as _};));
    let types = crossed.map(|ty| crosses(ty, private));
    let away: Vec<_> = function.params.iter().enumerate().filter(|(_, param)| param.may_be_copied()).collect();
    // If C works on copies, it gets their addresses, and Rust gets the original addresses back.
    let lead = (!away.is_empty()).then(|| {
        let assign = away.iter().map(|(index, param)| {
            let (local, index) = (&param.local, Literal::usize_unsuffixed(*index));
            quote_spanned!(here=> #local = unsafe { crossing.to_copy(#index, #local) };)
        });
        quote_spanned!(here=> if crossing.is_copied() { #(#assign)* })
    });
    let is_bytes = bytes::of_result(&function.source.output).is_some();
    let home = (!away.is_empty()).then(|| {
        let about = match is_bytes {
            true => bytes::argument(&quote_spanned!(here=> result), private),
            false => quote_spanned!(here=> #private::argument!(result)),
        };
        quote_spanned! {here=>
            let result = if crossing.is_copied() {
                let about = #about;
                unsafe { crossing.to_original(result, about) }
            } else {
                result
            };
        }
    });
    let value = match is_bytes {
        true => quote_spanned!(here=> unsafe { result.assume_init() }),
        false => quote_spanned!(here=> result),
    };
    let cross = if never {
        quote_spanned!(here=> let _underway = crossing.never_returns(); #call)
    } else if result.is_some() {
        quote_spanned! {here=>
            #lead
            let result = #call;
            #home
            unsafe { crossing.exit(&__FFI_GUARD_FUNCTION, arguments, &raw const result as *const ()); }
            #value
        }
    } else {
        quote_spanned! {here=>
            #lead
            #call;
            unsafe { crossing.exit(&__FFI_GUARD_FUNCTION, arguments, ::core::ptr::null()); }
        }
    };
    // Without arguments and a result there is nothing to learn.
    let learn = (!locals.is_empty() || result.is_some()).then(|| {
        quote_spanned! {here=>
            if __FFI_GUARD_FUNCTION.is_new() {
                #traits
                #[allow(unused_imports)]
                use #private::Otherwise as _;
                __FFI_GUARD_FUNCTION.learn(&[#(#types),*]);
            }
        }
    });
    quote_spanned! {here=>
        let mut room = #private::Room::<#count>::uninit();
        let arguments = &raw mut room as *mut #private::Argument;
        let mut frame = #private::FrameRoom::uninit();
        let places: [*const (); #count] = [#(&raw const #locals as *const ()),*];
        #learn
        let crossing = unsafe {
            #private::Crossing::enter(&__FFI_GUARD_FUNCTION, &places, &#stated, arguments, #is_first, &mut frame)
        };
        #cross
    }
}

/// A type as far as its tokens tell.
enum Written<'a> {
    /// A pointer or a reference, and whether it is for reading.
    Pointer(bool, &'a Type),
    Number,
    /// Anything else: it may be an alias of a pointer.
    Other,
}

impl Written<'_> {
    fn of(ty: &Type) -> Written<'_> {
        match ty {
            Type::Group(group) => Written::of(&group.elem),
            Type::Paren(paren) => Written::of(&paren.elem),
            Type::Ptr(pointer) => Written::Pointer(pointer.mutability.is_none(), &pointer.elem),
            Type::Reference(reference) => Written::Pointer(reference.mutability.is_none(), &reference.elem),
            ty if types::is_scalar(ty) => Written::Number,
            _ => Written::Other,
        }
    }
}

fn is_reference(ty: &Type) -> bool {
    match ty {
        Type::Group(group) => is_reference(&group.elem),
        Type::Paren(paren) => is_reference(&paren.elem),
        ty => matches!(ty, Type::Reference(_)),
    }
}

/// How a type crosses, as an expression.
fn crosses(ty: &Type, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let reference = is_reference(ty).then(|| quote_spanned!(here=> .reference()));
    match Written::of(ty) {
        Written::Pointer(is_const, target) if types::is_scalar(target) => {
            quote_spanned!(here=> #private::Crosses::to::<#target>(#is_const, #private::OfType::<#target>::PLAIN) #reference)
        }
        Written::Pointer(is_const, target) if types::points_to_void(ty) => {
            quote_spanned!(here=> #private::Crosses::to::<#target>(#is_const, #private::OfType::<#target>::POINTEE) #reference)
        }
        // What is in it may be told of, which costs two questions more. Its type decides, and not
        // the name.
        Written::Pointer(is_const, target) if types::may_be_uninit(target) => {
            quote_spanned!(here=> #private::Crosses::pointer::<#ty>(#is_const, #private::uninit_sorts!(#target)) #reference)
        }
        Written::Pointer(is_const, target) => {
            quote_spanned!(here=> #private::Crosses::pointer::<#ty>(#is_const, #private::sorts!(#target)) #reference)
        }
        Written::Number => quote_spanned!(here=> #private::Crosses::number::<#ty>(#private::OfType::<#ty>::PLAIN)),
        Written::Other => quote_spanned!(here=> #private::crosses!(#ty)),
    }
}
