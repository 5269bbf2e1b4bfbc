//! Facts of declarations beside each other, and of libraries that are there twice, made by hand.

use super::facts::{call, found};
use super::{ffi, session};
use crate::call::declaration::{Declaration, Function, Parameter};
use crate::facts::{ClashingDeclaration, Contrast, Difference, Facts, Finding, Part, SplitLibrary};

/// What another crate declares.
static AGAIN: Function = Function::new(&Declaration {
    module: "session_sys::raw",
    file: "session-sys/src/raw.rs",
    line: 208,
    column: 12,
    parameters: &[Parameter::plain("data", "*const u32"), Parameter::plain("len", "u32")],
    symbol: "process_data",
    ..Declaration::internal("process_data")
});

fn declared_again(is_cs: bool) -> Facts {
    let clash = ClashingDeclaration {
        differences: vec![
            Difference { part: Part::Parameter(1), contrast: Contrast::Size { rust: 8, c: 4 } },
            Difference { part: Part::Result, contrast: Contrast::Size { rust: 4, c: 8 } },
        ],
        other: &AGAIN,
        rust: "fn process_data(data: *const u32, len: usize) -> i32".into(),
        other_rust: "fn process_data(data: *const u32, len: u32) -> i64".into(),
        is_cs,
    };
    let call = call(&ffi::PROCESS_DATA, 1, session::misaligned(&[0, 0]));
    let facts = found(Finding::ClashingDeclaration(Box::new(clash)), call, None, None);
    Facts { severity: facts.finding.default_severity(), ..facts }
}

pub(super) fn clashing() -> Facts {
    declared_again(false)
}

pub(super) fn clashing_with_c() -> Facts {
    declared_again(true)
}

fn library(library: SplitLibrary) -> Facts {
    let call = call(&ffi::PROCESS_DATA, 0, session::misaligned(&[0, 0]));
    let call = call.map(|call| crate::facts::Call { parameter: None, ..call });
    let facts = found(Finding::SplitLibrary(Box::new(library)), call, None, None);
    Facts { severity: facts.finding.default_severity(), ..facts }
}

pub(super) fn another_version() -> Facts {
    let text = "session_version() == SESSION_VERSION";
    library(SplitLibrary::Version { text, seen: Some("3000".into()) })
}

pub(super) fn split() -> Facts {
    library(SplitLibrary::Twice {
        bound_to: "app".into(),
        other: "libsession.so.2".into(),
        split: vec![&ffi::PROCESS_STRUCT, &ffi::SESSION_LABEL],
        common: 41,
    })
}

pub(super) fn twice() -> Facts {
    let (bound_to, other) = ("libsession.so.2".into(), "libsession-embedded.so".into());
    library(SplitLibrary::Twice { bound_to, other, split: Vec::new(), common: 41 })
}
