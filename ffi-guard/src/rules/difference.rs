//! What differs between two declarations of a function, in words: for the rules that put one beside
//! C's, and beside another one of Rust's.

use crate::facts::{Contrast, Difference, Facts, Part};

/// The difference, in words that go on after the name of the function. `side` is whoever has the
/// other declaration.
pub(super) fn said(difference: &Difference, facts: &Facts, side: &str) -> String {
    let part = difference.part;
    let name = |index: usize| {
        let call = facts.call.as_ref();
        let parameter = call.and_then(|call| call.function.declaration.parameters.get(index));
        parameter.map_or_else(|| format!("argument {}", index + 1), |parameter| format!("`{}`", parameter.name))
    };
    let it = match part {
        Part::Whole => "it".to_owned(),
        Part::Parameter(index) => name(index),
        Part::Result => "the result".to_owned(),
        Part::OfCallback { of, index } => format!("argument {} of {}", index + 1, name(of)),
        Part::ResultOfCallback { of } => format!("the result of {}", name(of)),
    };
    match &difference.contrast {
        Contrast::Count { rust, c, .. } => {
            format!("{it} has {}, in {side} {c}", counted(*rust))
        }
        Contrast::Variadic { in_c: true } => format!("{it} ends without `...`, in {side} with it"),
        Contrast::Variadic { in_c: false } => format!("{it} ends with `...`, in {side} without"),
        Contrast::Size { rust, c } => format!("{it} has {}, in {side} {c}", bytes(*rust)),
        Contrast::Sort { rust, c } => format!("{it} is {rust}, in {side} {c}"),
        Contrast::PointeeSize { rust, c } => format!("{it} leads to {}, in {side} to {c}", bytes(*rust)),
        Contrast::PointeeSort { rust, c } => format!("{it} leads to {rust}, in {side} to {c}"),
        Contrast::StructSize { of, rust, c } => {
            format!("{it} leads to `{}` of {}, in {side} of {c}", last(of), bytes(*rust))
        }
        Contrast::FieldOffset { of, field, rust, c } => {
            format!("`{field}` of `{}` is at byte {rust}, in {side} at {c}", last(of))
        }
        Contrast::FieldSize { of, field, rust, c } => {
            format!("`{field}` of `{}` has {}, in {side} {c}", last(of), bytes(*rust))
        }
        Contrast::FieldSort { of, field, rust, c, .. } => {
            format!("`{field}` of `{}` is {rust}, in {side} {c}", last(of))
        }
        Contrast::NoResult => format!("{it} is declared, and {side} returns nothing"),
        Contrast::NothingReturned => format!("{it} is nothing, and {side} uses it"),
        Contrast::NoRoom { size } => format!("{it} is not declared, and {side} writes a struct of {}", bytes(*size)),
    }
}

fn counted(count: usize) -> String {
    if count == 1 { "1 parameter".into() } else { format!("{count} parameters") }
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".into() } else { format!("{count} bytes") }
}

/// The last part of a path.
fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}
