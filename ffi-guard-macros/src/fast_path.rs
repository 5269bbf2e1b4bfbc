//! Writes the fast path of a call, taken if no argument needs a closer look
//! (`boundary/fast_path.rs` of the library).

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::ReturnType;

use crate::valid::Function;
use crate::{bytes, types, wrapper};

/// The fast path: an `if` with the call and a `return` in it. `stated` names the stated extents, in
/// the order of the parameters that have one. `call` calls C's function.
pub(crate) fn calls(function: &Function, stated: &[Ident], call: &TokenStream, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let (result, about) = match &function.source.output {
        ReturnType::Type(_, ty) if types::is_never(ty) => return TokenStream::new(),
        ReturnType::Type(_, ty) if !types::is_unit(ty) => {
            (quote_spanned!(here=> let result = #call;), quote_spanned!(here=> result))
        }
        _ => (quote_spanned!(here=> #call;), quote_spanned!(here=> ())),
    };
    let (argument, value) = match bytes::of_result(&function.source.output) {
        Some(_) => (bytes::argument(&about, private), quote_spanned!(here=> unsafe { result.assume_init() })),
        None => (quote_spanned!(here=> #private::argument!(#about)), about),
    };
    let promised = function.result.is_asked().then(|| quote_spanned!(here=> .promised()));
    let known: Vec<_> =
        (0..function.params.len()).map(|index| format_ident!("argument{}", index, span = here)).collect();
    let mut stated = stated.iter();
    let arguments = function.params.iter().map(|param| {
        let argument = wrapper::argument(param, private);
        match param.extent.as_ref().and_then(|_| stated.next()) {
            None => argument,
            Some(stated) => quote_spanned!(here=> #argument.with(#stated)),
        }
    });
    let looks = function.params.iter().zip(&known).enumerate().map(|(index, (param, known))| {
        let (index, contract) = (Literal::usize_unsuffixed(index), param.emit_contract(private));
        quote_spanned!(here=> inspection.has(#index, #known, #contract, &mut loans) &&)
    });
    quote_spanned! {here=>
        #(let #known = #arguments;)*
        if let ::core::option::Option::Some(mut inspection) = #private::Inspection::<FULL>::begin(&__FFI_GUARD_FUNCTION) {
            let mut loans = #private::Loans::none();
            if #(#looks)* inspection.may_cross(&__FFI_GUARD_FUNCTION, &loans) {
                let arguments = || [#(#known),*];
                let underway = inspection.cross(&__FFI_GUARD_FUNCTION, &loans, arguments);
                #result
                underway.exit(&__FFI_GUARD_FUNCTION, &loans, arguments, || #argument #promised);
                return #value;
            }
        }
    }
}
