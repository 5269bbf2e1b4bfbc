//! Two declarations of one symbol beside each other: one of them passes in another way than the
//! other, whichever is right.
//!
//! No debug information is needed, except for the fields of structs. What is no difference between
//! a declaration and C's definition (`compare`) is none here.

use super::check::{self, Outcome};
use super::compare::RustParameter;
use super::fields;
use super::rust_type::{RustType, Signature};
use super::structs::Structs;
use crate::call::declaration::Function;
use crate::call::registry;
use crate::config;
use crate::facts::{ClashingDeclaration, Contrast, Difference, Part};
use crate::rule::{Rule, Severity};

/// Pointers that are followed.
const DEEP: usize = 3;
const WORD: u64 = size_of::<usize>() as u64;

/// The first other declaration of the function's symbol that passes something else. `beside_c` is
/// what came of the comparison with C's definition: if that is known, it decides who is right.
pub(crate) fn clash(function: &'static Function, beside_c: &Outcome) -> Option<Box<ClashingDeclaration>> {
    if matches!(beside_c, Outcome::Differs(_)) {
        // C's own definition says more.
        return None;
    }
    let is_cs = matches!(beside_c, Outcome::Same { .. });
    others(function).into_iter().find_map(|other| {
        let differences = differences(function, other)?;
        // C may define what either passes: `void *`.
        if is_cs && matches!(check::compare(other, true), Outcome::Same { .. }) {
            return None;
        }
        let (rust, other_rust) = (check::rust_text(function.declaration), check::rust_text(other.declaration));
        Some(Box::new(ClashingDeclaration { differences, other, rust, other_rust, is_cs }))
    })
}

/// The other declarations and the exports of the function's symbol in its module.
fn others(function: &'static Function) -> Vec<&'static Function> {
    let symbol = function.declaration.symbol;
    if symbol.is_empty() || allows(function) {
        return Vec::new();
    }
    let mut all = registry::with_symbol(symbol);
    all.retain(|other| {
        let (one, it) = (function.declaration, other.declaration);
        (it.module, it.file, it.line, it.column) != (one.module, one.file, one.line, one.column)
            && !allows(other)
            && config::settings().checks_crate(other.krate())
    });
    all
}

/// True if the declaration says that it is meant, here or beside C's: of a pair it is enough if one
/// does.
fn allows(function: &Function) -> bool {
    let is_allowed = |rule| function.declaration.severities.get(rule) == Some(Severity::Allow);
    is_allowed(Rule::ClashingDeclaration) || is_allowed(Rule::AbiMismatch)
}

/// What one declaration passes otherwise than the other; `None` if nothing is known to be so.
fn differences(one: &'static Function, other: &'static Function) -> Option<Vec<Difference>> {
    let read = |function: &Function| -> Option<Vec<RustParameter>> {
        Some(function.declaration.types?.iter().map(check::of_typed).collect())
    };
    let (types, other_types) = (read(one)?, read(other)?);
    let (count, other_count) = (one.declaration.parameters.len(), other.declaration.parameters.len());
    let (parameters, result) = types.split_at_checked(count)?;
    let (other_parameters, other_result) = other_types.split_at_checked(other_count)?;
    check::with_structs(one, other, |structs, other_structs| {
        let mut pair = Pair { structs, other: other_structs, found: Vec::new() };
        pair.counts(None, (count, one.declaration.variadic), (other_count, other.declaration.variadic));
        if count == other_count {
            for (index, (mine, others)) in parameters.iter().zip(other_parameters).enumerate() {
                let is_users = [one, other].iter().any(|function| {
                    function.declaration.parameters.get(index).is_some_and(|it| it.contract.is_opaque())
                });
                if !is_users {
                    pair.passed(Part::Parameter(index), mine, others);
                }
            }
        }
        match (result.first(), other_result.first()) {
            (Some(mine), Some(others)) => pair.passed(Part::Result, mine, others),
            // Where one has no result and the other a struct, room for it is passed.
            (None, Some(RustParameter { ty: RustType::Named(_), size: Some(size), .. })) if *size > 16 => {
                pair.tell(Part::Result, Contrast::NoRoom { size: *size });
            }
            _ => {}
        }
        let mut found = pair.found;
        found.retain(|difference| {
            difference.contrast.of_struct().is_none_or(|path| structs.is_sure(path) && other_structs.is_sure(path))
        });
        (!found.is_empty()).then_some(found)
    })
}

/// Two declarations that are compared.
struct Pair<'a> {
    structs: &'a Structs<'a>,
    other: &'a Structs<'a>,
    found: Vec<Difference>,
}

impl Pair<'_> {
    fn counts(&mut self, callback: Option<usize>, one: (usize, bool), other: (usize, bool)) {
        let part = callback.map_or(Part::Whole, Part::Parameter);
        if one.0 != other.0 {
            self.tell(part, Contrast::Count { rust: one.0, c: other.0, of_callback: callback.is_some() });
        } else if one.1 != other.1 {
            self.tell(part, Contrast::Variadic { in_c: other.1 });
        }
    }

    /// Compares what is passed by value.
    fn passed(&mut self, part: Part, one: &RustParameter, other: &RustParameter) {
        let (Some(size), Some(other_size)) = (size_of_passed(one), size_of_passed(other)) else { return };
        match (&one.ty, &other.ty) {
            (RustType::Unknown | RustType::Void | RustType::Array(..), _)
            | (_, RustType::Unknown | RustType::Void | RustType::Array(..)) => {}
            (RustType::Float(_), other) if is_whole(other) => {
                self.tell(part, Contrast::Sort { rust: sort(&one.ty), c: sort(other) });
            }
            (one, RustType::Float(_)) if is_whole(one) => {
                self.tell(part, Contrast::Sort { rust: sort(one), c: sort(&other.ty) });
            }
            (RustType::Pointer(to), RustType::Pointer(other_to)) => {
                self.target(part, (to, one.target_size), (other_to, other.target_size), DEEP);
            }
            (RustType::Function(one), RustType::Function(other)) => self.callback(part, one, other),
            (RustType::Named(name), RustType::Named(other_name)) if size == other_size => {
                self.fields(part, (name, other_name), size);
            }
            _ if size != other_size => self.tell(part, Contrast::Size { rust: size, c: other_size }),
            _ => {}
        }
    }

    /// Compares what pointers lead to. With the sizes if the types were asked.
    fn target(
        &mut self,
        part: Part,
        (one, size): (&RustType, Option<u64>),
        (other, other_size): (&RustType, Option<u64>),
        deep: usize,
    ) {
        if deep == 0 {
            return;
        }
        let pointee = |rust, c| Contrast::PointeeSize { rust, c };
        match (one, other) {
            // Bytes may be those of anything.
            (RustType::Integer { size: 1, .. } | RustType::Void | RustType::Unknown, _)
            | (_, RustType::Integer { size: 1, .. } | RustType::Void | RustType::Unknown) => {}
            (RustType::Array(element, _), _) => self.target(part, (element, None), (other, other_size), deep - 1),
            (_, RustType::Array(element, _)) => self.target(part, (one, size), (element, None), deep - 1),
            (RustType::Float(_), RustType::Integer { .. }) | (RustType::Integer { .. }, RustType::Float(_)) => {
                self.tell(part, Contrast::PointeeSort { rust: sort(one), c: sort(other) });
            }
            (RustType::Pointer(to), RustType::Pointer(other)) => {
                self.target(part, (to, None), (other, None), deep - 1);
            }
            (RustType::Named(name), RustType::Named(other_name)) => {
                let known = size.zip(other_size).filter(|&(one, other)| one > 1 && other > 1);
                // A byte, or none, stands for what Rust does not look into.
                let Some((size, other_size)) = known else { return };
                if size == other_size {
                    self.fields(part, (name, other_name), size);
                    return;
                }
                let layouts = (self.structs.layout(name, Some(size)), self.other.layout(other_name, Some(other_size)));
                if let (Some(one), Some(other)) = layouts
                    && !fields::is_opaque(&one)
                    && !fields::is_opaque(&other)
                {
                    self.tell(part, Contrast::StructSize { of: name.clone(), rust: size, c: other_size });
                }
            }
            (RustType::Named(_), _) | (_, RustType::Named(_)) => {}
            _ => {
                let sizes = plain_size(one).zip(plain_size(other));
                if let Some((rust, c)) = sizes.filter(|(one, other)| one != other) {
                    self.tell(part, pointee(rust, c));
                }
            }
        }
    }

    /// Compares the fields of structs of one size.
    fn fields(&mut self, part: Part, (name, other_name): (&str, &str), size: u64) {
        // The same type, or one that cannot be told from it.
        if name == other_name {
            return;
        }
        if let (Some(one), Some(other)) =
            (self.structs.layout(name, Some(size)), self.other.layout(other_name, Some(size)))
            && !fields::is_opaque(&one)
            && !fields::is_opaque(&other)
            && self.other.is_sure(other_name)
        {
            self.found.extend(fields::fields(name, &one, &other).map(|contrast| Difference { part, contrast }));
        }
    }

    /// Compares the types of functions that C gets.
    fn callback(&mut self, part: Part, one: &Signature, other: &Signature) {
        let Part::Parameter(of) = part else { return };
        // `void (*)(void)` is C's pointer to any function.
        let is_any = |it: &Signature| it.parameters.is_empty() && it.result == RustType::Void;
        if is_any(one) || is_any(other) {
            return;
        }
        self.counts(Some(of), (one.parameters.len(), one.variadic), (other.parameters.len(), other.variadic));
        if one.parameters.len() == other.parameters.len() {
            for (index, (mine, others)) in one.parameters.iter().zip(&other.parameters).enumerate() {
                self.of_callback(Part::OfCallback { of, index }, mine, others);
            }
        }
        self.of_callback(Part::ResultOfCallback { of }, &one.result, &other.result);
    }

    fn of_callback(&mut self, part: Part, one: &RustType, other: &RustType) {
        let unsized_one = |ty: &RustType| RustParameter { ty: ty.clone(), size: None, target_size: None };
        if !matches!(one, RustType::Function(_)) {
            self.passed(part, &unsized_one(one), &unsized_one(other));
        }
    }

    fn tell(&mut self, part: Part, contrast: Contrast) {
        self.found.push(Difference { part, contrast });
    }
}

/// The bytes of what is passed. `None` if they are not known, or if its name says something else
/// than rustc.
fn size_of_passed(it: &RustParameter) -> Option<u64> {
    match (plain_size(&it.ty), it.size) {
        (Some(said), Some(size)) => (said == size).then_some(size),
        (said, size) => size.or(said),
    }
}

/// The bytes of a type whose name says them.
fn plain_size(ty: &RustType) -> Option<u64> {
    match ty {
        RustType::Integer { size, .. } | RustType::Float(size) => Some(*size),
        RustType::Bool => Some(1),
        RustType::Pointer(_) | RustType::Function(_) => Some(WORD),
        _ => None,
    }
}

/// True for what is passed where integers are.
fn is_whole(ty: &RustType) -> bool {
    matches!(ty, RustType::Integer { .. } | RustType::Bool | RustType::Pointer(_) | RustType::Function(_))
}

fn sort(ty: &RustType) -> &'static str {
    match ty {
        RustType::Float(_) => "a floating-point number",
        RustType::Pointer(_) | RustType::Function(_) => "a pointer",
        _ => "an integer",
    }
}
