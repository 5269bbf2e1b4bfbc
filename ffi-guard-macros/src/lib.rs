//! The attribute and the derives of ffi-guard.
use proc_macro::TokenStream;

/// Guards an extern block.
#[proc_macro_attribute]
pub fn guard(_: TokenStream, item: TokenStream) -> TokenStream {
    item
}

/// Says that a type holds no pointer.
#[proc_macro_derive(Plain, attributes(guard))]
pub fn plain(_: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Says where a type holds pointers.
#[proc_macro_derive(Pointee, attributes(guard))]
pub fn pointee(_: TokenStream) -> TokenStream {
    TokenStream::new()
}
