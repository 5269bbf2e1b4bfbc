//! A type of debug information, one step deep: what it is, and where what it is made of stands.

use gimli::{
    AttributeValue, DW_AT_abstract_origin, DW_AT_byte_size, DW_AT_calling_convention, DW_AT_count, DW_AT_declaration,
    DW_AT_encoding, DW_AT_prototyped, DW_AT_type, DW_AT_upper_bound,
};

use super::info::{At, Entry, Info, Language};

/// A type, without typedefs and qualifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CType {
    Void,
    Integer {
        size: u64,
        signed: bool,
        /// True for `char`, whose sign is the compiler's choice.
        is_char: bool,
    },
    Bool(u64),
    Float(u64),
    /// An enum, and its bytes.
    Enum(u64),
    /// To nothing that is known, for `void *`.
    Pointer(Option<At>),
    /// What a function pointer leads to.
    Function(At),
    /// A struct, a union or a class; without a size if it is not complete there.
    Aggregate {
        at: At,
        size: Option<u64>,
        is_union: bool,
    },
    /// Its elements, and how many.
    Array {
        of: At,
        count: Option<u64>,
    },
    /// Complex numbers, vectors, types by signature.
    Other,
}

/// Typedefs and qualifiers that are followed.
const DEEP: usize = 64;

/// The type there; `None` is `void`.
pub(super) fn read(info: &Info, at: Option<At>) -> CType {
    let Some(mut at) = at else { return CType::Void };
    for _ in 0..DEEP {
        let Some(entry) = info.entry(at) else { return CType::Other };
        let size = number(&entry, DW_AT_byte_size);
        let next = || match entry.has_attr(DW_AT_type) {
            true => info.reference(at.0, &entry, DW_AT_type).ok_or(()).map(Some),
            false => Ok(None),
        };
        match entry.tag() {
            gimli::DW_TAG_typedef
            | gimli::DW_TAG_const_type
            | gimli::DW_TAG_volatile_type
            | gimli::DW_TAG_restrict_type
            | gimli::DW_TAG_atomic_type => match next() {
                Ok(Some(to)) => at = to,
                Ok(None) => return CType::Void,
                Err(()) => return CType::Other,
            },
            gimli::DW_TAG_base_type => return base(&entry, size),
            gimli::DW_TAG_enumeration_type => return size.map_or(CType::Other, CType::Enum),
            gimli::DW_TAG_pointer_type | gimli::DW_TAG_reference_type | gimli::DW_TAG_rvalue_reference_type => {
                return match next() {
                    Ok(to) => CType::Pointer(to),
                    Err(()) => CType::Other,
                };
            }
            gimli::DW_TAG_subroutine_type => return CType::Function(at),
            gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_union_type => {
                // C++ hands some of them over by address.
                let by_reference = matches!(
                    entry.attr_value(DW_AT_calling_convention),
                    Some(AttributeValue::CallingConvention(gimli::DW_CC_pass_by_reference))
                );
                let is_declared = entry.has_attr(DW_AT_declaration);
                return match by_reference {
                    true => CType::Other,
                    false => CType::Aggregate {
                        at,
                        size: size.filter(|_| !is_declared),
                        is_union: entry.tag() == gimli::DW_TAG_union_type,
                    },
                };
            }
            gimli::DW_TAG_array_type => {
                return match next() {
                    // A vector of a processor's is an array with an attribute.
                    Ok(Some(of)) if !entry.has_attr(gimli::DW_AT_GNU_vector) => {
                        CType::Array { of, count: count(info, at) }
                    }
                    _ => CType::Other,
                };
            }
            _ => return CType::Other,
        }
    }
    CType::Other
}

fn base(entry: &Entry, size: Option<u64>) -> CType {
    let (Some(size), Some(AttributeValue::Encoding(encoding))) = (size, entry.attr_value(DW_AT_encoding)) else {
        return CType::Other;
    };
    let integer = |signed, is_char| match size {
        1 | 2 | 4 | 8 => CType::Integer { size, signed, is_char },
        _ => CType::Other,
    };
    match encoding {
        gimli::DW_ATE_boolean => CType::Bool(size),
        gimli::DW_ATE_float if size == 4 || size == 8 => CType::Float(size),
        gimli::DW_ATE_signed => integer(true, false),
        gimli::DW_ATE_unsigned => integer(false, false),
        gimli::DW_ATE_signed_char | gimli::DW_ATE_unsigned_char => integer(encoding == gimli::DW_ATE_signed_char, true),
        gimli::DW_ATE_UTF | gimli::DW_ATE_ASCII => integer(false, true),
        // `long double`, `_Complex`, decimal numbers.
        _ => CType::Other,
    }
}

/// The elements of an array with one dimension, or of all dimensions together.
fn count(info: &Info, at: At) -> Option<u64> {
    let mut all: u64 = 1;
    let dimensions = info.children(at, &[gimli::DW_TAG_subrange_type]);
    for dimension in &dimensions {
        let entry = info.entry(*dimension)?;
        let upper = number(&entry, DW_AT_upper_bound).map(|last| last.wrapping_add(1));
        all = all.checked_mul(number(&entry, DW_AT_count).or(upper)?)?;
    }
    (!dimensions.is_empty()).then_some(all)
}

pub(super) fn number(entry: &Entry, name: gimli::DwAt) -> Option<u64> {
    entry.attr_value(name)?.udata_value()
}

/// The bytes of a value of a type.
pub(super) fn size_of(info: &Info, at: Option<At>) -> Option<u64> {
    match read(info, at) {
        CType::Void | CType::Function(_) | CType::Other => number(&info.entry(at?)?, DW_AT_byte_size),
        CType::Integer { size, .. } | CType::Bool(size) | CType::Float(size) | CType::Enum(size) => Some(size),
        CType::Pointer(_) => Some(std::mem::size_of::<usize>() as u64),
        CType::Aggregate { size, .. } => size,
        CType::Array { of, count } => size_of(info, Some(of))?.checked_mul(count?),
    }
}

/// A function's type: its own, or that of what a pointer leads to.
pub(super) struct CSignature {
    pub(super) parameters: Vec<At>,
    /// `None` for `void`.
    pub(super) result: Option<At>,
    pub(super) variadic: bool,
    /// The parameters' names, if they have some.
    pub(super) names: Vec<Option<String>>,
}

/// The signature of a function or of a function's type. `None` if it does not say what its
/// parameters are, as in C before 1989, or not all of it can be read.
pub(super) fn signature(info: &Info, at: At) -> Option<CSignature> {
    let chain = info.with_origins(at);
    let is_prototyped =
        chain.iter().any(|(_, entry)| matches!(entry.attr_value(DW_AT_prototyped), Some(AttributeValue::Flag(true))));
    if info.language(at.0) == Language::C && !is_prototyped {
        return None;
    }
    let mut signature =
        CSignature { parameters: Vec::new(), result: info.type_of(&chain).ok()?, variadic: false, names: Vec::new() };
    // An instance may have no parameters of its own, or fewer: its origin has all. An earlier
    // declaration has them if the definition has none.
    let tags = [gimli::DW_TAG_formal_parameter, gimli::DW_TAG_unspecified_parameters];
    let is_instance = |entry: &Entry| entry.has_attr(DW_AT_abstract_origin);
    let definition = chain.iter().find(|(_, entry)| !is_instance(entry))?.0;
    let mut children = info.children(definition, &tags);
    if children.is_empty() {
        children = info.children(chain.last()?.0, &tags);
    }
    for child in children {
        let entry = info.entry(child)?;
        if entry.tag() == gimli::DW_TAG_unspecified_parameters {
            signature.variadic = true;
            continue;
        }
        let parameter = info.with_origins(child);
        signature.parameters.push(info.type_of(&parameter).ok()??);
        signature.names.push(parameter.iter().find_map(|((unit, _), entry)| info.name(*unit, entry)));
    }
    Some(signature)
}

/// A declaration as C has it: `int sum(const int *values, size_t count)`.
pub(super) fn declaration(info: &Info, name: &str, signature: &CSignature) -> String {
    let result = text(info, signature.result, "", 0);
    let space = if result.ends_with('*') { "" } else { " " };
    format!("{result}{space}{name}({})", parameters(info, signature, 0))
}

fn parameters(info: &Info, signature: &CSignature, deep: usize) -> String {
    let each = signature.parameters.iter().zip(&signature.names);
    let mut all: Vec<String> =
        each.map(|(at, name)| text(info, Some(*at), name.as_deref().unwrap_or(""), deep)).collect();
    if signature.variadic {
        all.push("...".into());
    }
    if all.is_empty() { "void".into() } else { all.join(", ") }
}

/// A type as C writes it, around the name of what has it.
pub(super) fn text(info: &Info, at: Option<At>, name: &str, deep: usize) -> String {
    let with = |ty: &str| match name {
        "" => ty.to_owned(),
        name if ty.ends_with('*') => format!("{ty}{name}"),
        name => format!("{ty} {name}"),
    };
    let Some(at) = at else { return with("void") };
    let Some(entry) = info.entry(at).filter(|_| deep < 8) else { return with("?") };
    let to = info.reference(at.0, &entry, DW_AT_type);
    let named = || info.name(at.0, &entry).unwrap_or_else(|| "(anonymous)".into());
    match entry.tag() {
        gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type => with(&format!("struct {}", named())),
        gimli::DW_TAG_union_type => with(&format!("union {}", named())),
        gimli::DW_TAG_enumeration_type => with(&format!("enum {}", named())),
        gimli::DW_TAG_const_type => match info.entry(to.unwrap_or(at)).map(|entry| entry.tag()) {
            // `T *const p`: what is const is the parameter, which the caller does not see.
            Some(gimli::DW_TAG_pointer_type) => text(info, to, name, deep + 1),
            _ => format!("const {}", text(info, to, name, deep + 1)),
        },
        gimli::DW_TAG_volatile_type => format!("volatile {}", text(info, to, name, deep + 1)),
        gimli::DW_TAG_restrict_type | gimli::DW_TAG_atomic_type => text(info, to, name, deep + 1),
        gimli::DW_TAG_reference_type => text(info, to, &format!("&{name}"), deep + 1),
        gimli::DW_TAG_pointer_type => {
            let is = |tag| to.and_then(|to| info.entry(to)).is_some_and(|entry| entry.tag() == tag);
            match is(gimli::DW_TAG_subroutine_type) || is(gimli::DW_TAG_array_type) {
                true => text(info, to, &format!("(*{name})"), deep + 1),
                false => {
                    let target = text(info, to, "", deep + 1);
                    let space = if target.ends_with('*') { "" } else { " " };
                    format!("{target}{space}*{name}")
                }
            }
        }
        gimli::DW_TAG_subroutine_type => match signature(info, at) {
            Some(signature) => {
                let arguments = parameters(info, &signature, deep + 1);
                text(info, signature.result, &format!("{name}({arguments})"), deep + 1)
            }
            None => text(info, to, &format!("{name}()"), deep + 1),
        },
        gimli::DW_TAG_array_type => {
            let count = count(info, at).map(|count| count.to_string()).unwrap_or_default();
            text(info, to, &format!("{name}[{count}]"), deep + 1)
        }
        _ => with(&named()),
    }
}
