//! A declaration beside C's definition, and beside another declaration.

use super::place::CSource;
use crate::call::declaration::Function;

/// A declaration that is not what C defines.
#[derive(Clone, Debug)]
pub(crate) struct AbiMismatch {
    /// At least one.
    pub(crate) differences: Vec<Difference>,
    /// Both declarations, as each language writes them.
    pub(crate) rust: String,
    pub(crate) c: String,
    /// File and line of C's.
    pub(crate) source: Option<CSource>,
    /// The file that has C's.
    pub(crate) module: String,
    /// Integers that are signed on one side only, which are passed alike.
    pub(crate) other_sign: usize,
}

/// Two declarations of one symbol that pass different things.
#[derive(Clone, Debug)]
pub(crate) struct ClashingDeclaration {
    /// At least one. What they have of C is of the other declaration.
    pub(crate) differences: Vec<Difference>,
    /// The one that is not the call's.
    pub(crate) other: &'static Function,
    /// Both, as Rust writes them.
    pub(crate) rust: String,
    pub(crate) other_rust: String,
    /// True if C's definition agrees with the one of the call.
    pub(crate) is_cs: bool,
}

/// A library that is in the process twice, or is another one than the declarations are of.
#[derive(Clone, Debug)]
pub(crate) enum SplitLibrary {
    /// The condition of `#[guard(version = ..)]` does not hold; `seen` is what stands on the left
    /// of it, if it is a comparison.
    Version { text: &'static str, seen: Option<String> },
    /// Two modules define the same functions.
    Twice {
        /// The module that the called function is bound to, and the other one.
        bound_to: String,
        other: String,
        /// Functions of the same Rust module that are bound to the other one. Without any, all are
        /// bound to one module.
        split: Vec<&'static Function>,
        /// The number of functions that both define.
        common: usize,
    },
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) part: Part,
    pub(crate) contrast: Contrast,
}

/// The part of a declaration that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Whole,
    Parameter(usize),
    Result,
    /// A parameter of the function that this parameter is, and its result.
    OfCallback {
        of: usize,
        index: usize,
    },
    ResultOfCallback {
        of: usize,
    },
}

impl Part {
    /// The parameter of the declared function that it is about.
    pub(crate) fn parameter(self) -> Option<usize> {
        match self {
            Part::Whole | Part::Result => None,
            Part::Parameter(index) | Part::OfCallback { of: index, .. } | Part::ResultOfCallback { of: index } => {
                Some(index)
            }
        }
    }
}

/// What differs, of the bytes that cross.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contrast {
    /// The number of parameters.
    Count { rust: usize, c: usize, of_callback: bool },
    /// Arguments in `...` are taken on one side only.
    Variadic { in_c: bool },
    /// Bytes of what is passed.
    Size { rust: u64, c: u64 },
    /// What is passed goes another way.
    Sort { rust: &'static str, c: &'static str },
    /// Bytes of what a pointer leads to.
    PointeeSize { rust: u64, c: u64 },
    /// A pointer leads to numbers of another sort.
    PointeeSort { rust: &'static str, c: &'static str },
    /// Bytes of the struct that a pointer leads to.
    StructSize { of: String, rust: u64, c: u64 },
    /// The place of a field that has one name on both sides.
    FieldOffset { of: String, field: String, rust: u64, c: u64 },
    /// Its bytes.
    FieldSize { of: String, field: String, rust: u64, c: u64 },
    /// What lies at one place.
    FieldSort { of: String, field: String, c_field: String, rust: String, c: String },
    /// C returns nothing.
    NoResult,
    /// The callback returns nothing, and C uses what it returns.
    NothingReturned,
    /// C writes a struct where no room is for it.
    NoRoom { size: u64 },
}

impl Contrast {
    /// The path of the struct that it is about.
    pub(crate) fn of_struct(&self) -> Option<&str> {
        match self {
            Contrast::StructSize { of, .. }
            | Contrast::FieldOffset { of, .. }
            | Contrast::FieldSize { of, .. }
            | Contrast::FieldSort { of, .. } => Some(of),
            _ => None,
        }
    }
}
