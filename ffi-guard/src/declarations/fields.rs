//! The fields of two structs of one size beside each other.

use std::collections::HashSet;

use super::layout::{Layout, Sort, Value};
use super::names;
use crate::facts::Contrast;

/// True if a struct has no fields that a program can use.
pub(super) fn is_opaque(layout: &Layout) -> bool {
    let private = |name: &str| name.starts_with('_') || name.starts_with(|c: char| c.is_ascii_digit());
    layout.fields.iter().all(|field| field.size == 0 || private(&field.name))
}

/// The first difference between the fields of two structs of one size, of which one is Rust's.
pub(super) fn fields(name: &str, rust: &Layout, c: &Layout) -> Option<Contrast> {
    let of = || name.to_owned();
    // One whose fields have no names is a wrapper around what it is made of.
    for field in rust.fields.iter().filter(|field| field.size > 0) {
        let mut same = c.fields.iter().filter(|other| other.name == field.name && !other.is_bits);
        let Some(other) = same.next() else { continue };
        let field_name = field.name.clone();
        if other.offset != field.offset {
            let (rust, c) = (field.offset, other.offset);
            return Some(Contrast::FieldOffset { of: of(), field: field_name, rust, c });
        }
        if other.size != field.size && other.size != 0 {
            let (rust, c) = (field.size, other.size);
            return Some(Contrast::FieldSize { of: of(), field: field_name, rust, c });
        }
    }
    let by_field = moved(name, &named_fields(rust), &named_fields(c));
    if let Some(contrast) = by_field.or_else(|| moved(name, &values(rust), &values(c))) {
        return Some(contrast);
    }
    for value in &rust.values {
        let overlaps =
            |other: &&Value| other.offset < value.offset + value.size && value.offset < other.offset + other.size;
        for other in c.values.iter().filter(overlaps) {
            if let Some((rust, c)) = clash(value, other) {
                let (field, c_field) = (value.path.clone(), other.path.clone());
                return Some(Contrast::FieldSort { of: of(), field, c_field, rust, c });
            }
        }
    }
    None
}

/// A name, and where what has it begins.
type Placed<'a> = (&'a str, u64);

/// The fields of a struct that can be looked for by name.
fn named_fields(of: &Layout) -> Vec<Placed<'_>> {
    let fields = of.fields.iter().filter(|field| field.size > 0 && !field.is_bits && !field.name.is_empty());
    fields.map(|field| (field.name.as_str(), field.offset)).collect()
}

/// What it is made of, by the names that lead there.
fn values(of: &Layout) -> Vec<Placed<'_>> {
    of.values.iter().map(|value| (value.path.as_str(), value.offset)).collect()
}

/// A field that stands where C has another one that is in both: they changed places. Their names
/// may differ in their style, so that a name alone is no reason.
fn moved(of: &str, rust: &[Placed<'_>], c: &[Placed<'_>]) -> Option<Contrast> {
    let (names, names_of_c): (Vec<&str>, Vec<&str>) =
        (rust.iter().map(|placed| placed.0).collect(), c.iter().map(|placed| placed.0).collect());
    let pairs = names::pairs(&names, &names_of_c);
    let taken: HashSet<u64> = pairs.iter().map(|&(_, other)| c[other].1).collect();
    pairs.iter().find_map(|&(one, other)| {
        let ((field, at), (_, at_in_c)) = (rust[one], c[other]);
        let has_moved = at != at_in_c && taken.contains(&at);
        has_moved.then(|| Contrast::FieldOffset { of: of.to_owned(), field: field.into(), rust: at, c: at_in_c })
    })
}

/// Two values at one place that cannot be the same, in words.
fn clash(rust: &Value, c: &Value) -> Option<(String, String)> {
    let word = size_of::<usize>() as u64;
    let said = |value: &Value| match value.sort {
        Sort::Whole => format!("an integer of {}", bytes(value.size)),
        Sort::Float => format!("a floating-point number of {}", bytes(value.size)),
        Sort::Address => "a pointer".to_owned(),
        Sort::Any => bytes(value.size),
    };
    let is_same = match (rust.sort, c.sort) {
        (Sort::Any, _) | (_, Sort::Any) => true,
        // A handle is a number here and a pointer there.
        (Sort::Whole, Sort::Address) | (Sort::Address, Sort::Whole) => rust.size == word && c.size == word,
        (one, other) => one == other && rust.size == c.size && rust.offset == c.offset,
    };
    (!is_same).then(|| (said(rust), said(c)))
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".into() } else { format!("{count} bytes") }
}
