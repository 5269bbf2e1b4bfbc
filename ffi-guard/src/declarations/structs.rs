//! The structs of Rust's that a function's types lead to: as a derive describes them, or as rustc's
//! debug information does.

use std::cell::RefCell;

use super::c_type::{self, CType};
use super::check::Module;
use super::compare::RustStructs;
use super::info::At;
use super::layout::{self, Field, Layout};
use crate::call::declaration::Function;
use crate::call::kinds::Kind;
use crate::call::shape::{Shape, TypeInfo};

/// The structs of Rust's that a function's types lead to.
pub(super) struct Structs<'a> {
    function: &'static Function,
    own: Option<&'a Module>,
    /// Where those may stand that were looked at: any of the places. Without one it is known, since
    /// a derive describes it.
    seen: RefCell<Vec<(String, Vec<At>)>>,
}

impl<'a> Structs<'a> {
    pub(super) fn of(function: &'static Function, own: Option<&'a Module>) -> Structs<'a> {
        Structs { function, own, seen: RefCell::default() }
    }

    /// The layout of the struct with this name, and this size if that is known.
    pub(super) fn layout(&self, name: &str, size: Option<u64>) -> Option<Layout> {
        if let Some(layout) = derived(self.function, name, size) {
            self.seen.borrow_mut().push((name.to_owned(), Vec::new()));
            return Some(layout);
        }
        let (own, file) = (self.own?, self.own?.file.as_ref()?);
        let (places, layout) = layout::of_rust(own.info()?, (file.info, file.strings), name, size)?;
        self.seen.borrow_mut().push((name.to_owned(), places));
        Some(layout)
    }

    /// True if what was looked at under this path is what stands there: a struct of the same name
    /// elsewhere is no reason for a report.
    pub(super) fn is_sure(&self, path: &str) -> bool {
        let seen = self.seen.borrow();
        let info = self.own.and_then(Module::info);
        seen.iter().filter(|(name, _)| name == path).all(|(_, places)| {
            places.is_empty() || info.is_some_and(|info| places.iter().any(|at| layout::has_path(info, *at, path)))
        })
    }
}

impl RustStructs for Structs<'_> {
    fn named(&self, name: &str, size: Option<u64>) -> Option<Layout> {
        self.layout(name, size)
    }

    fn there(&self, at: At) -> Option<(String, Layout)> {
        let info = self.own?.info()?;
        let CType::Aggregate { at, .. } = c_type::read(info, Some(at)) else { return None };
        Some((info.name(at.0, &info.entry(at)?)?, layout::of(info, at)?))
    }

    fn is_sure(&self, path: &str) -> bool {
        Structs::is_sure(self, path)
    }
}

/// The fields of a struct that derives `Pointee`, if an argument of the function led to one.
fn derived(function: &Function, name: &str, size: Option<u64>) -> Option<Layout> {
    let mut all = function.kinds.iter().filter_map(Kind::info);
    let is_it = |it: &&TypeInfo| size.is_none_or(|size| it.size as u64 == size) && (it.name)() == name;
    let known = all.find(is_it)?;
    let Shape::Fields(fields) = known.shape else { return None };
    let fields = fields.iter().map(|field| Field {
        name: field.name.to_owned(),
        offset: field.offset as u64,
        size: field.size as u64,
        is_bits: false,
    });
    Some(Layout { size: known.size as u64, fields: fields.collect(), values: Vec::new() })
}
