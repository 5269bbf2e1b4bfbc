//! `abi_mismatch`: a declaration is not what C defines.
//!
//! C: `long scale(long value, int by);`. Rust: `fn scale(value: i32, by: i32) -> i64;`. Nothing
//! compares the two: Rust passes four bytes, and C takes eight, of which four are what was in the
//! register before.
//!
//! Found by `declarations` at a function's first call, or in all functions at once. A function of
//! Rust's that C calls is compared with C's header, by `cargo ffi-guard abi --header`.

use super::difference::said;
use super::words::{Beat, Story, Value, Words};
use crate::facts::{AbiMismatch, Contrast, Facts};

pub(super) fn words<'a>(seen: &'a AbiMismatch, facts: &'a Facts) -> Words<'a> {
    let said: Vec<String> = seen.differences.iter().map(|difference| said(difference, facts, "C")).collect();
    let first = said.first().cloned().unwrap_or_default();
    let mut story = Story::new(facts);
    story.declared();
    story.say("in Rust", seen.rust.as_str());
    story.say("in C", seen.c.as_str());
    if let Some(source) = &seen.source {
        story.tell(Beat::Defined(source));
    }
    if let Some(call) = &facts.call {
        story.call("called", call, call.function.declaration.name);
    }
    let more = said.iter().skip(1).take(3);
    let mut notes: Vec<String> = more.map(|more| format!("and {more}")).collect();
    if said.len() > 4 {
        notes.push(format!("and {} differences more", said.len() - 4));
    }
    if seen.other_sign > 0 {
        notes.push(format!("{} of its integers can be negative on one side only", seen.other_sign));
    }
    let is_export = facts.call.as_ref().is_some_and(|call| call.function.declaration.callback);
    notes.push(match is_export {
        true => "C is compiled with what the header declares, and calls the function in Rust by it".into(),
        false => format!("C's definition is that of the debug information of {}", seen.module),
    });
    let name = facts.call.as_ref().map_or("?", |call| call.function.declaration.name);
    // What C has instead stands under the call, too.
    let (in_rust, in_c) = first.split_at(first.find(", in C").unwrap_or(first.len()));
    Words {
        sentence: (format!("`{name}`: {in_rust}"), in_c.to_owned()),
        label: first.clone(),
        story: story.done(),
        picture: None,
        helps: helps(seen, is_export),
        notes,
        json: vec![
            ("in_rust", Value::text(seen.rust.as_str())),
            ("in_c", Value::text(seen.c.as_str())),
            ("c_file", Value::text_or_null(seen.source.as_ref().map(|source| source.file.as_str()))),
            ("c_line", Value::or_null(seen.source.as_ref(), |source| Value::Number(source.line as usize))),
            ("module", Value::text(seen.module.as_str())),
            ("differences", Value::Number(seen.differences.len())),
        ],
    }
}

fn helps(seen: &AbiMismatch, is_export: bool) -> Vec<String> {
    let contrast = seen.differences.first().map(|difference| &difference.contrast);
    let is_struct = matches!(
        contrast,
        Some(
            Contrast::StructSize { .. }
                | Contrast::FieldOffset { .. }
                | Contrast::FieldSize { .. }
                | Contrast::FieldSort { .. }
        )
    );
    vec![
        match is_struct {
            true => "give the struct in Rust the fields that C's has, in C's order, under `#[repr(C)]`".into(),
            false if is_export => format!("give it the signature of its declaration in C, or mend that: `{}`", seen.c),
            false => format!("declare it as C has it: `{}`", seen.c),
        },
        match is_export {
            true => "or have `cbindgen` write the header from the Rust code".into(),
            false => "or have `bindgen` write it from the header of the library that is linked".into(),
        },
        "if it is right for each way in which it is called, say so: `#[guard(allow(abi_mismatch))]`".into(),
    ]
}
