//! `#[derive(Plain)]` and `#[derive(Pointee)]`.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Field, Generics};

use crate::attr::{self, Errors, Setting, Value};
use crate::{cfg, message};

pub(crate) fn plain(item: TokenStream) -> TokenStream {
    derive(item, |input, krate, _| {
        let name = &input.ident;
        let here = Span::mixed_site();
        let mut generics = input.generics.clone();
        for param in generics.type_params_mut() {
            param.bounds.push(syn::parse_quote_spanned!(here=> #krate::Plain));
        }
        let dense = dense(input, &quote_spanned!(here=> #krate::__private));
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        // One assertion per field, with the span of its type, so that rustc's error points there.
        let fields = fields(&input.data).into_iter().filter(|field| !is_opaque(field)).map(|field| {
            let ty = &field.ty;
            quote_spanned!(ty.span()=> __ffi_guard_is_plain::<#ty>();)
        });
        quote_spanned! {here=>
            #[automatically_derived]
            impl #impl_generics #krate::Plain for #name #ty_generics #where_clause {
                const DENSE: bool = #dense;
            }
            const _: () = {
                #[allow(dead_code)]
                fn __ffi_guard_is_plain<T: #krate::Plain>() {}
                // The parameter brings the bounds that the type implies, such as `T: 'a` for a
                // `&'a T`.
                #[allow(dead_code, clippy::multiple_bound_locations)]
                fn __ffi_guard_fields #impl_generics (_: &#name #ty_generics) #where_clause {
                    #(#fields)*
                }
            };
        }
    })
}

pub(crate) fn pointee(item: TokenStream) -> TokenStream {
    derive(item, |input, krate, errors| {
        if let Data::Enum(data) = &input.data {
            errors.at(data.enum_token.span(), message::POINTEE_ENUM);
        }
        let name = &input.ident;
        let here = Span::mixed_site();
        let private = quote_spanned!(here=> #krate::__private);
        let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
        // Each field on its own. A type parameter is not concrete here, so its fields are not
        // frozen.
        let frozen = fields(&input.data).into_iter().map(|field| {
            let ty = &field.ty;
            match mentions(ty.to_token_stream(), &input.generics) {
                true => quote_spanned!(here=> false),
                false => quote_spanned!(ty.span()=> #private::frozen!(#ty)),
            }
        });
        let dense = dense(input, &private);
        let fields = fields(&input.data).into_iter().enumerate().map(|(i, field)| {
            let ty = &field.ty;
            let (member, label) = match &field.ident {
                Some(ident) => (ident.to_token_stream(), ident.unraw().to_string()),
                None => (syn::Index::from(i).into_token_stream(), i.to_string()),
            };
            let shape = match mentions(ty.to_token_stream(), &input.generics) {
                _ if is_opaque(field) => quote_spanned!(here=> #private::Shape::Out),
                // A type parameter is not concrete here, and `shape_of!` would answer that nothing
                // is known.
                true => quote_spanned!(here=> #private::Shape::Words),
                false => quote_spanned!(ty.span()=> #private::shape_of!(#ty)),
            };
            quote_spanned! {here=> #private::Field {
                name: #label,
                offset: ::core::mem::offset_of!(Self, #member),
                size: ::core::mem::size_of::<#ty>(),
                shape: const { &#shape },
            }}
        });
        quote_spanned! {here=>
            #[automatically_derived]
            impl #impl_generics #krate::Pointee for #name #ty_generics #where_clause {
                const SHAPE: #private::Shape = #private::Shape::Fields(const { &[#(#fields),*] });
                const FROZEN: bool = true #(&& #frozen)*;
                const DENSE: bool = #dense;
            }
        }
    })
}

/// Whether Rust writes each whole word of a value, as an expression: which bytes of a union or of a
/// variant's data are written, its type does not tell, and neither does a type parameter.
fn dense(input: &DeriveInput, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let fields = fields(&input.data);
    let generic = |field: &&Field| mentions(field.ty.to_token_stream(), &input.generics);
    match &input.data {
        Data::Enum(_) if fields.is_empty() => quote_spanned!(here=> true),
        Data::Struct(_) if !fields.iter().any(|field| is_opaque(field) || generic(field)) => {
            let types: Vec<_> = fields.iter().map(|field| &field.ty).collect();
            let each = types.iter().map(|ty| quote_spanned!(ty.span()=> && #private::dense!(#ty)));
            quote_spanned! {here=>
                #private::has_no_gap(
                    ::core::mem::size_of::<Self>(),
                    ::core::mem::align_of::<Self>(),
                    &[#(::core::mem::size_of::<#types>()),*],
                ) #(#each)*
            }
        }
        Data::Struct(_) | Data::Union(_) | Data::Enum(_) => quote_spanned!(here=> false),
    }
}

/// The frame of both derives: reads the crate's path, and emits only the errors if there are some.
fn derive(
    item: TokenStream,
    expand: impl FnOnce(&DeriveInput, &TokenStream, &mut Errors) -> TokenStream,
) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors::default();
    let mut krate = None;
    for attr in cfg::flatten(&input.attrs).iter().filter(|attr| attr.name == "guard") {
        for Setting { key, value } in attr::settings(attr, &mut errors) {
            match value {
                Value::Path(path) if krate.is_none() => krate = Some(path),
                Value::Path(_) => errors.at(key.span(), message::twice(&key)),
                _ => errors.at(key.span(), message::PLAIN_GUARD),
            }
        }
    }
    for field in fields(&input.data) {
        for attr in cfg::flatten(&field.attrs).iter().filter(|attr| attr.name == "guard") {
            for Setting { key, value } in attr::settings(attr, &mut errors) {
                if key != "opaque" || !matches!(value, Value::None) {
                    errors.at(key.span(), message::FIELD_GUARD);
                }
            }
        }
    }
    let krate = krate.unwrap_or_else(|| quote!(::ffi_guard));
    let expanded = expand(&input, &krate, &mut errors);
    match errors.is_empty() {
        true => expanded,
        false => errors.emit(),
    }
}

/// True if a field is user data, which C never looks at.
fn is_opaque(field: &Field) -> bool {
    let says = |attr: &cfg::Attr| attr::settings(attr, &mut Errors::default()).iter().any(|it| it.key == "opaque");
    cfg::flatten(&field.attrs).iter().filter(|attr| attr.name == "guard").any(says)
}

/// The fields of all variants.
fn fields(data: &Data) -> Vec<&Field> {
    match data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Union(data) => data.fields.named.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|variant| &variant.fields).collect(),
    }
}

/// True if a type mentions a type or const parameter.
fn mentions(tokens: TokenStream, generics: &Generics) -> bool {
    let is_param = |ident: &Ident| {
        generics.type_params().any(|param| param.ident == *ident)
            || generics.const_params().any(|param| param.ident == *ident)
    };
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => is_param(&ident),
        TokenTree::Group(group) => mentions(group.stream(), generics),
        _ => false,
    })
}
