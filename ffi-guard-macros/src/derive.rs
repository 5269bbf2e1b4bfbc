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
        let private = quote_spanned!(here=> #krate::__private);
        let (dense, value) = (dense(input, &private), plain_value(input, krate, &private));
        let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
        // One assertion per field, with the span of its type, so that rustc's error points there.
        // Those of a struct are asked for their values above, which says the same.
        let is_struct = matches!(input.data, Data::Struct(_));
        let fields = fields(&input.data).into_iter().filter(|field| !is_struct && !is_opaque(field)).map(|field| {
            let ty = &field.ty;
            quote_spanned!(ty.span()=> __ffi_guard_is_plain::<#ty>();)
        });
        quote_spanned! {here=>
            #[automatically_derived]
            impl #impl_generics #krate::Plain for #name #ty_generics #where_clause {
                const DENSE: bool = #dense;
                const VALUE: #private::Validity = #value;
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
        let value = pointee_value(input, &private);
        let fields = fields(&input.data).into_iter().enumerate().map(|(i, field)| {
            let ty = &field.ty;
            let (member, label) = member(i, field);
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
                const VALUE: #private::Validity = #value;
            }
        }
    })
}

/// The values of a type that derives `Plain`, as an expression.
fn plain_value(input: &DeriveInput, krate: &TokenStream, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let of = |field: &Field| {
        let ty = &field.ty;
        let krate = quote_spanned!(ty.span()=> #krate);
        quote_spanned!(ty.span()=> <#ty as #krate::Plain>::VALUE)
    };
    match &input.data {
        Data::Struct(_) => values(input, &of, private),
        Data::Enum(data) => match repr(input).filter(|_| fields(&input.data).is_empty() && !data.variants.is_empty()) {
            Some(signed) => {
                let variants = data.variants.iter().map(|variant| &variant.ident);
                quote_spanned! {here=>
                    #private::Validity::of_enum(const { &#private::Discriminants {
                        size: ::core::mem::size_of::<Self>(),
                        signed: #signed,
                        values: const { &[#(Self::#variants as i128),*] },
                        name: ::core::any::type_name::<Self>,
                    } })
                }
            }
            None => quote_spanned!(here=> #private::Validity::Any),
        },
        Data::Union(_) => quote_spanned!(here=> #private::Validity::Any),
    }
}

/// The values of a type that derives `Pointee`, as an expression.
fn pointee_value(input: &DeriveInput, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let of = |field: &Field| {
        let ty = &field.ty;
        match mentions(ty.to_token_stream(), &input.generics) {
            true => quote_spanned!(here=> #private::Validity::Any),
            false => quote_spanned!(here=> #private::value_of!(#ty)),
        }
    };
    match &input.data {
        Data::Struct(_) => values(input, &of, private),
        Data::Enum(_) | Data::Union(_) => quote_spanned!(here=> #private::Validity::Any),
    }
}

/// The values of a struct. What C never looks at may hold any.
fn values(input: &DeriveInput, of: &dyn Fn(&Field) -> TokenStream, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let fields =
        fields(&input.data).into_iter().enumerate().filter(|(_, field)| !is_opaque(field)).map(|(i, field)| {
            let (member, label) = member(i, field);
            let value = of(field);
            quote_spanned! {here=> #private::ValueField {
                name: #label,
                offset: ::core::mem::offset_of!(Self, #member),
                value: const { &#value },
            }}
        });
    quote_spanned!(here=> #private::Validity::of_fields(const { &[#(#fields),*] }))
}

/// A field's name or position, and the same as a report has it.
fn member(i: usize, field: &Field) -> (TokenStream, String) {
    match &field.ident {
        Some(ident) => (ident.to_token_stream(), ident.unraw().to_string()),
        None => (syn::Index::from(i).into_token_stream(), i.to_string()),
    }
}

/// Whether an enum's discriminants are signed, if its layout is one that C knows.
fn repr(input: &DeriveInput) -> Option<bool> {
    let mut signed = None;
    for attr in input.attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
        let _ = attr.parse_nested_meta(|meta| {
            let word = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            match word.as_str() {
                "i8" | "i16" | "i32" | "i64" | "isize" => signed = Some(true),
                "u8" | "u16" | "u32" | "u64" | "usize" => signed = Some(false),
                "C" => signed = signed.or(Some(true)),
                _ if meta.input.peek(syn::token::Paren) => drop(meta.input.parse::<TokenTree>()?),
                _ => {}
            }
            Ok(())
        });
    }
    signed
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
