//! Guesses about a type from its tokens. An alias hides its type, so an unknown type passes, and
//! the library classifies it when it is concrete.

use syn::{Ident, Type};

/// True if the type is written as a number or a `bool`, which is no pointer.
pub(crate) fn is_scalar(ty: &Type) -> bool {
    last_word(ty).is_some_and(|word| {
        matches!(
            word.to_string().as_str(),
            "bool"
                | "char"
                | "f32"
                | "f64"
                | "u8"
                | "u16"
                | "u32"
                | "u64"
                | "u128"
                | "usize"
                | "i8"
                | "i16"
                | "i32"
                | "i64"
                | "i128"
                | "isize"
                | "c_char"
                | "c_schar"
                | "c_uchar"
                | "c_short"
                | "c_ushort"
                | "c_int"
                | "c_uint"
                | "c_long"
                | "c_ulong"
                | "c_longlong"
                | "c_ulonglong"
                | "c_float"
                | "c_double"
                | "size_t"
                | "ssize_t"
                | "ptrdiff_t"
                | "off_t"
                | "int8_t"
                | "int16_t"
                | "int32_t"
                | "int64_t"
                | "uint8_t"
                | "uint16_t"
                | "uint32_t"
                | "uint64_t"
        )
    })
}

/// True if the type is written as a pointer or a reference to `c_void`, which has no size.
pub(crate) fn points_to_void(ty: &Type) -> bool {
    let target = match peel(ty) {
        Type::Ptr(pointer) => &pointer.elem,
        Type::Reference(reference) => &reference.elem,
        _ => return false,
    };
    last_word(target).is_some_and(|word| word == "c_void")
}

/// What a raw pointer leads to; `None` for any other type.
pub(crate) fn target(ty: &Type) -> Option<&Type> {
    match peel(ty) {
        Type::Ptr(pointer) => Some(&pointer.elem),
        _ => None,
    }
}

/// True if the type is written as a `MaybeUninit` of something.
pub(crate) fn may_be_uninit(ty: &Type) -> bool {
    matches!(peel(ty), Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "MaybeUninit"))
}

/// True if the type may be a pointer to something with a pointer in it.
pub(crate) fn may_lead_to_pointer(ty: &Type) -> bool {
    let target = match peel(ty) {
        Type::Ptr(pointer) => &*pointer.elem,
        Type::Reference(reference) => &*reference.elem,
        // An alias, or an `Option` of a pointer.
        ty => return !is_scalar(ty) && !is_function(ty),
    };
    !points_to_void(ty) && !is_scalar(target) && !is_function(target)
}

/// True for the words that say that a text is there, of so many bytes.
pub(crate) fn is_text_key(key: &str) -> bool {
    key == "text_by" || key == "text_within"
}

/// True if the type may be a pointer to the bytes of a text.
pub(crate) fn may_be_text(ty: &Type) -> bool {
    match peel(ty) {
        Type::Ptr(pointer) => is_byte(&pointer.elem),
        Type::Reference(reference) => is_byte(&reference.elem),
        // An alias, or an `Option` of a pointer.
        Type::Path(_) => true,
        _ => false,
    }
}

fn is_byte(ty: &Type) -> bool {
    const BYTES: [&str; 6] = ["c_char", "c_schar", "c_uchar", "u8", "i8", "c_void"];
    // An alias may be one.
    last_word(ty).is_some_and(|word| !is_scalar(ty) || BYTES.iter().any(|byte| word == byte))
}

/// True if the type may be a number: it is written as one, or is a name that may stand for one.
pub(crate) fn may_be_number(ty: &Type) -> bool {
    last_word(ty).is_some_and(|word| {
        !matches!(word.to_string().as_str(), "c_void" | "bool" | "char" | "f32" | "f64" | "c_float" | "c_double")
    })
}

/// True if the type is written as a function pointer, or an `Option` of one.
pub(crate) fn is_function(ty: &Type) -> bool {
    match peel(ty) {
        Type::BareFn(_) => true,
        Type::Path(path) => path.path.segments.last().is_some_and(|last| match &last.arguments {
            syn::PathArguments::AngleBracketed(arguments) if last.ident == "Option" => {
                arguments.args.iter().any(|it| matches!(it, syn::GenericArgument::Type(ty) if is_function(ty)))
            }
            _ => false,
        }),
        _ => false,
    }
}

/// True if the type is written as a pointer, a reference, a function pointer, or an `Option` or
/// `NonNull` of one.
pub(crate) fn has_address(ty: &Type) -> bool {
    match peel(ty) {
        Type::Ptr(_) | Type::Reference(_) | Type::BareFn(_) => true,
        Type::Path(path) => path.path.segments.last().is_some_and(|last| match &last.arguments {
            syn::PathArguments::AngleBracketed(arguments) => {
                last.ident == "NonNull"
                    || arguments.args.iter().any(|it| matches!(it, syn::GenericArgument::Type(ty) if has_address(ty)))
            }
            _ => false,
        }),
        _ => false,
    }
}

pub(crate) fn is_never(ty: &Type) -> bool {
    matches!(peel(ty), Type::Never(_))
}

pub(crate) fn is_unit(ty: &Type) -> bool {
    matches!(peel(ty), Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// The last word of a path that has no arguments.
fn last_word(ty: &Type) -> Option<&Ident> {
    match peel(ty) {
        Type::Path(path) if path.qself.is_none() => {
            let last = path.path.segments.last()?;
            last.arguments.is_none().then_some(&last.ident)
        }
        _ => None,
    }
}

fn peel(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            ty => return ty,
        };
    }
}
