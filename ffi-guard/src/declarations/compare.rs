//! A Rust signature beside C's: what is passed in another way than it is taken.
//!
//! Only what changes the bytes that cross is a difference. What cannot be read on either side is
//! none: it is not compared.

use std::collections::HashSet;

use super::c_type::{self, CSignature, CType};
use super::fields::{fields, is_opaque};
use super::info::{At, Info};
use super::layout::{self, Layout, Value};
use super::rust_type::{RustType, Signature};
use crate::facts::{Contrast, Difference, Part};

/// Pointers that are followed.
const DEEP: usize = 3;

/// Structs in structs that are reached by their fields' pointers.
const REACHED: usize = 8;

/// The structs of Rust's.
pub(super) trait RustStructs {
    /// The struct with this path, and this size if that is known.
    fn named(&self, path: &str, size: Option<u64>) -> Option<Layout>;
    /// The struct that stands at a place of Rust's debug information, and its name.
    fn there(&self, at: At) -> Option<(String, Layout)>;
    /// True if what `named` found under this path is it, and not one of the same name.
    fn is_sure(&self, path: &str) -> bool;
}

/// One comparison.
pub(super) struct Comparison<'a> {
    info: &'a Info,
    structs: &'a dyn RustStructs,
    pub(super) found: Vec<Difference>,
    /// Integers that are passed alike, but are signed on one side only.
    pub(super) other_sign: usize,
    /// The structs that were compared because a field of another one leads to them.
    reached: HashSet<(At, At)>,
}

/// A Rust type in a signature, and what is known of its size and of that of what it leads to.
pub(super) struct RustParameter {
    pub(super) ty: RustType,
    pub(super) size: Option<u64>,
    pub(super) target_size: Option<u64>,
}

impl RustParameter {
    fn unsized_one(ty: &RustType) -> RustParameter {
        RustParameter { ty: ty.clone(), size: None, target_size: None }
    }
}

impl<'a> Comparison<'a> {
    pub(super) fn new(info: &'a Info, structs: &'a dyn RustStructs) -> Comparison<'a> {
        Comparison { info, structs, found: Vec::new(), other_sign: 0, reached: HashSet::new() }
    }

    /// Compares all of a function.
    pub(super) fn function(
        &mut self,
        parameters: &[RustParameter],
        result: Option<&RustParameter>,
        variadic: bool,
        c: &CSignature,
    ) {
        self.parameters(parameters, variadic, c);
        self.result(Part::Result, result, c.result);
    }

    /// Compares all of a function of Rust's with the declaration that C calls it by.
    pub(super) fn export(&mut self, parameters: &[RustParameter], result: Option<&RustParameter>, c: &CSignature) {
        self.parameters(parameters, false, c);
        match (result, c_type::read(self.info, c.result)) {
            // Rust writes it to where C has made no room.
            (Some(RustParameter { ty: RustType::Named(_), size: Some(size), .. }), CType::Void) if *size > 16 => {
                self.tell(Part::Result, Contrast::Size { rust: *size, c: 0 });
            }
            _ => self.returned(Part::Result, result, c.result),
        }
    }

    fn parameters(&mut self, parameters: &[RustParameter], variadic: bool, c: &CSignature) {
        self.counts(None, parameters.len(), variadic, c);
        if parameters.len() == c.parameters.len() {
            for (index, (rust, c)) in parameters.iter().zip(&c.parameters).enumerate() {
                self.passed(Part::Parameter(index), rust, *c);
            }
        }
    }

    fn counts(&mut self, callback: Option<usize>, rust: usize, variadic: bool, c: &CSignature) {
        let part = callback.map_or(Part::Whole, Part::Parameter);
        if rust != c.parameters.len() {
            self.tell(part, Contrast::Count { rust, c: c.parameters.len(), of_callback: callback.is_some() });
        } else if variadic != c.variadic {
            self.tell(part, Contrast::Variadic { in_c: c.variadic });
        }
    }

    fn result(&mut self, part: Part, rust: Option<&RustParameter>, c: Option<At>) {
        match (rust, c_type::read(self.info, c)) {
            // What is not looked at may be anything, if C does not expect room for it.
            (None, CType::Aggregate { size: Some(size), .. }) if size > 16 => {
                self.tell(part, Contrast::NoRoom { size })
            }
            (None, _) | (Some(RustParameter { ty: RustType::Unknown, .. }), _) => {}
            (Some(rust), CType::Void) if rust.size != Some(0) => {
                // Of a callback's result the size is not known, but `()` is.
                if rust.ty != RustType::Void {
                    self.tell(part, Contrast::NoResult);
                }
            }
            (Some(rust), _) => {
                if let Some(c) = c {
                    self.passed(part, rust, c);
                }
            }
        }
    }

    /// Compares what is passed by value.
    fn passed(&mut self, part: Part, rust: &RustParameter, c: At) {
        const WORD: u64 = size_of::<usize>() as u64;
        let read = c_type::read(self.info, Some(c));
        // What its name says must be what rustc says of its size.
        let said = match &rust.ty {
            RustType::Integer { size, .. } | RustType::Float(size) => Some(*size),
            RustType::Bool => Some(1),
            RustType::Pointer(_) | RustType::Function(_) => Some(WORD),
            _ => None,
        };
        let size = match (said, rust.size) {
            (Some(said), Some(size)) if said != size => return,
            (said, size) => size.or(said),
        };
        match (&rust.ty, read) {
            (RustType::Unknown | RustType::Void | RustType::Array(..), _) | (_, CType::Void | CType::Other) => {}
            (RustType::Float(_), CType::Integer { .. } | CType::Bool(_) | CType::Enum(_) | CType::Pointer(_)) => {
                self.tell(part, Contrast::Sort { rust: "a floating-point number", c: sort(read) });
            }
            (
                RustType::Integer { .. } | RustType::Bool | RustType::Pointer(_) | RustType::Function(_),
                CType::Float(_),
            ) => {
                let rust = match rust.ty {
                    RustType::Pointer(_) | RustType::Function(_) => "a pointer",
                    _ => "an integer",
                };
                self.tell(part, Contrast::Sort { rust, c: sort(read) });
            }
            (RustType::Pointer(to), CType::Pointer(target)) => {
                // With a size of its own for what it leads to, if the type was asked.
                self.target(part, to, rust.target_size, target, DEEP);
            }
            (RustType::Function(signature), CType::Pointer(Some(target))) => {
                if let CType::Function(at) = c_type::read(self.info, Some(target)) {
                    self.callback(part, signature, at);
                }
            }
            (RustType::Named(name), CType::Aggregate { at, size: Some(c_size), is_union }) => {
                let Some(size) = size.or_else(|| self.size_of(name)) else { return };
                if size != c_size {
                    self.tell(part, Contrast::Size { rust: size, c: c_size });
                } else if !is_union {
                    self.fields(part, name, size, at);
                }
            }
            (RustType::Integer { signed, .. }, CType::Integer { size: c_size, signed: c_signed, is_char }) => {
                if size != Some(c_size) {
                    self.sizes(part, size, c_size);
                } else if *signed != c_signed && !is_char {
                    self.other_sign += 1;
                }
            }
            _ => {
                if let Some(c_size) = c_type::size_of(self.info, Some(c)) {
                    self.sizes(part, size, c_size);
                }
            }
        }
    }

    fn sizes(&mut self, part: Part, rust: Option<u64>, c: u64) {
        if let Some(rust) = rust
            && rust != c
        {
            self.tell(part, Contrast::Size { rust, c });
        }
    }

    /// Compares what a pointer leads to.
    fn target(&mut self, part: Part, rust: &RustType, size: Option<u64>, c: Option<At>, deep: usize) {
        let Some(at) = c.filter(|_| deep > 0) else { return };
        let read = c_type::read(self.info, Some(at));
        let pointee = |rust, c| Contrast::PointeeSize { rust, c };
        match (rust, read) {
            // Bytes may be those of anything, on both sides.
            (RustType::Integer { size: 1, .. } | RustType::Void | RustType::Unknown, _) => {}
            (_, CType::Integer { size: 1, .. } | CType::Void | CType::Other) => {}
            (RustType::Array(element, _), _) => self.target(part, element, None, c, deep - 1),
            (_, CType::Array { of, .. }) => self.target(part, rust, size, Some(of), deep - 1),
            (RustType::Integer { size, .. }, CType::Integer { size: c, .. } | CType::Enum(c) | CType::Bool(c))
                if *size != c =>
            {
                self.tell(part, pointee(*size, c));
            }
            (RustType::Bool, CType::Integer { size: c, .. } | CType::Enum(c) | CType::Bool(c)) if c != 1 => {
                self.tell(part, pointee(1, c));
            }
            (RustType::Float(size), CType::Float(c)) if *size != c => self.tell(part, pointee(*size, c)),
            (RustType::Float(_), CType::Integer { .. } | CType::Enum(_)) => {
                self.tell(part, Contrast::PointeeSort { rust: "a floating-point number", c: sort(read) });
            }
            (RustType::Integer { .. }, CType::Float(_)) => {
                self.tell(part, Contrast::PointeeSort { rust: "an integer", c: sort(read) });
            }
            (RustType::Integer { size, .. }, CType::Pointer(_)) if *size != size_of::<usize>() as u64 => {
                self.tell(part, pointee(*size, size_of::<usize>() as u64));
            }
            (RustType::Pointer(_), CType::Integer { size: c, .. }) if c != size_of::<usize>() as u64 => {
                self.tell(part, pointee(size_of::<usize>() as u64, c));
            }
            (RustType::Pointer(to), CType::Pointer(target)) => self.target(part, to, None, target, deep - 1),
            (RustType::Named(name), CType::Aggregate { at, size: Some(c_size), is_union }) => {
                // A byte, or none, stands for what Rust does not look into.
                let size = size.or_else(|| self.size_of(name));
                let Some(size) = size.filter(|&size| size > 1) else { return };
                if size != c_size {
                    if !self.is_opaque(name, size) {
                        self.tell(part, Contrast::StructSize { of: name.clone(), rust: size, c: c_size });
                    }
                } else if !is_union {
                    self.fields(part, name, size, at);
                }
            }
            _ => {}
        }
    }

    /// True if a Rust struct stands for one that Rust does not look into.
    fn is_opaque(&self, name: &str, size: u64) -> bool {
        // An enum, a union or a tuple has no layout that can be read.
        self.structs.named(name, Some(size)).is_none_or(|layout| is_opaque(&layout))
    }

    /// The bytes of a Rust struct that no type was asked for: one that a callback gets, or a
    /// pointer behind a pointer leads to.
    fn size_of(&self, name: &str) -> Option<u64> {
        self.structs.named(name, None).filter(|_| self.structs.is_sure(name)).map(|layout| layout.size)
    }

    /// Compares the fields of structs of one size.
    fn fields(&mut self, part: Part, name: &str, size: u64, c: At) {
        let Some(c) = layout::of(self.info, c) else { return };
        let Some(rust) = self.structs.named(name, Some(size)) else { return };
        self.found.extend(fields(name, &rust, &c).map(|contrast| Difference { part, contrast }));
        let before = self.found.len();
        self.reached(part, &rust, &c, REACHED);
        if self.found.len() > before && !self.structs.is_sure(name) {
            self.found.truncate(before);
        }
    }

    /// Compares the structs that the pointers in two structs lead to.
    fn reached(&mut self, part: Part, rust: &Layout, c: &Layout, deep: usize) {
        if deep == 0 {
            return;
        }
        for value in &rust.values {
            let there = |other: &&Value| other.offset == value.offset && other.to.is_some();
            let Some(at) = value.to else { continue };
            let Some(to) = c.values.iter().find(there).and_then(|other| other.to) else { continue };
            let read = c_type::read(self.info, Some(to));
            let CType::Aggregate { at: to, size: Some(c_size), is_union: false } = read else { continue };
            if !self.reached.insert((at, to)) {
                continue;
            }
            let Some((name, inner)) = self.structs.there(at).filter(|(_, inner)| inner.size > 1) else { continue };
            if inner.size != c_size {
                if !is_opaque(&inner) {
                    self.tell(part, Contrast::StructSize { of: name, rust: inner.size, c: c_size });
                }
            } else if let Some(c_inner) = layout::of(self.info, to) {
                self.found.extend(fields(&name, &inner, &c_inner).map(|contrast| Difference { part, contrast }));
                self.reached(part, &inner, &c_inner, deep - 1);
            }
        }
    }

    /// Compares the type of a function that C gets with what C calls it as.
    fn callback(&mut self, part: Part, rust: &Signature, at: At) {
        let Some(c) = c_type::signature(self.info, at) else { return };
        let Part::Parameter(of) = part else { return };
        if c.parameters.is_empty() && matches!(c_type::read(self.info, c.result), CType::Void) {
            // `void (*)(void)` is C's pointer to any function, which is cast before it is called:
            // SQLite's `sqlite3_auto_extension` takes one to functions of three parameters.
            return;
        }
        self.counts(Some(of), rust.parameters.len(), rust.variadic, &c);
        if rust.parameters.len() == c.parameters.len() {
            for (index, (rust, c)) in rust.parameters.iter().zip(&c.parameters).enumerate() {
                if !matches!(rust, RustType::Function(_)) {
                    self.passed(Part::OfCallback { of, index }, &RustParameter::unsized_one(rust), *c);
                }
            }
        }
        let result = match &rust.result {
            RustType::Void => None,
            result => Some(RustParameter::unsized_one(result)),
        };
        self.returned(Part::ResultOfCallback { of }, result.as_ref(), c.result);
    }

    /// Compares what a function of Rust's returns with what C uses of it.
    fn returned(&mut self, part: Part, rust: Option<&RustParameter>, c: Option<At>) {
        match (rust, c_type::read(self.info, c)) {
            // C looks at what was never returned.
            (None, CType::Void | CType::Other) => {}
            (None, _) => self.tell(part, Contrast::NothingReturned),
            // What C does not look at may be anything.
            (Some(_), CType::Void) => {}
            (Some(_), _) => self.result(part, rust, c),
        }
    }

    fn tell(&mut self, part: Part, contrast: Contrast) {
        self.found.push(Difference { part, contrast });
    }
}

/// The sort of a type, in words.
fn sort(ty: CType) -> &'static str {
    match ty {
        CType::Void => "nothing",
        CType::Integer { .. } | CType::Bool(_) => "an integer",
        CType::Enum(_) => "an enum",
        CType::Float(_) => "a floating-point number",
        CType::Pointer(_) | CType::Function(_) => "a pointer",
        CType::Aggregate { .. } => "a struct",
        CType::Array { .. } => "an array",
        CType::Other => "another type",
    }
}
