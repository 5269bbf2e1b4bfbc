//! The words of an extent that can be pointers, by type if the type is known.

use std::ops::ControlFlow;

use crate::call::shape::{Field, Role, Shape, TypeInfo};

const WORD: usize = size_of::<usize>();

/// Calls `found(offset, word)` for each word of an extent that can be a pointer, until it breaks.
///
/// `wanted` is asked first and keeps the common word, which leads nowhere of interest, off the slow
/// path.
///
/// # Safety
/// - `len` bytes from `address` on are mapped readable for the whole call.
pub(crate) unsafe fn each_pointer(
    address: usize,
    len: usize,
    info: &TypeInfo,
    wanted: &dyn Fn(usize) -> bool,
    found: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut walk = Walk { address, len, wanted, found };
    match info.shape {
        Shape::Plain | Shape::Out => ControlFlow::Continue(()),
        Shape::Untyped | Shape::Words => {
            // SAFETY: the extent is readable, as the caller promises.
            unsafe { walk.words(0, len) }
        }
        shape @ (Shape::Fields(_) | Shape::Array { .. }) => {
            let stride = info.size.max(1);
            for element in 0..len / stride {
                // SAFETY: the extent is readable, as the caller promises, and `Walk` stays inside
                // it.
                unsafe { walk.shaped(element * stride, info.size, &shape) }?;
            }
            ControlFlow::Continue(())
        }
    }
}

struct Walk<'a> {
    address: usize,
    len: usize,
    wanted: &'a dyn Fn(usize) -> bool,
    found: &'a mut dyn FnMut(usize, usize) -> ControlFlow<()>,
}

impl Walk<'_> {
    /// # Safety
    /// - The extent is readable.
    unsafe fn shaped(&mut self, offset: usize, size: usize, shape: &Shape) -> ControlFlow<()> {
        match *shape {
            Shape::Plain | Shape::Out => ControlFlow::Continue(()),
            // SAFETY: the extent is readable, as the caller promises.
            Shape::Words | Shape::Untyped => unsafe { self.words(offset, size) },
            Shape::Fields(fields) => {
                for field in fields {
                    // SAFETY: the extent is readable, as the caller promises.
                    unsafe { self.shaped(offset + field.offset, field.size, field.shape) }?;
                }
                ControlFlow::Continue(())
            }
            Shape::Array { element, stride, count } => {
                for i in 0..count {
                    // SAFETY: the extent is readable, as the caller promises.
                    unsafe { self.shaped(offset + i * stride, stride, element) }?;
                }
                ControlFlow::Continue(())
            }
        }
    }

    /// Each aligned word of `size` bytes from `offset` on, as far as the extent reaches.
    ///
    /// # Safety
    /// - The extent is readable.
    unsafe fn words(&mut self, offset: usize, size: usize) -> ControlFlow<()> {
        let end = self.address + (offset + size).min(self.len);
        let mut at = (self.address + offset).next_multiple_of(WORD);
        while at + WORD <= end {
            // SAFETY: aligned and inside the extent, which is readable. Volatile, because C or
            // another thread may be writing there; a torn or stale word is only compared, never
            // followed.
            let word = unsafe { std::ptr::with_exposed_provenance::<usize>(at).read_volatile() };
            if (self.wanted)(word) {
                (self.found)(at - self.address, word)?;
            }
            at += WORD;
        }
        ControlFlow::Continue(())
    }
}

/// True if the type says that there is a pointer at an offset.
pub(crate) fn is_declared(info: &TypeInfo, offset: usize) -> bool {
    match (info.shape, info.role) {
        (Shape::Words, Role::Pointer | Role::Pointers) => true,
        (Shape::Words, _) => false,
        (shape, _) => is_pointer_within(&shape, info.size, offset % info.size.max(1)),
    }
}

fn is_pointer_within(shape: &Shape, size: usize, offset: usize) -> bool {
    match *shape {
        // A field of one word that is not plain; a larger one is a type that says nothing.
        Shape::Words => size == WORD,
        Shape::Plain | Shape::Out | Shape::Untyped => false,
        Shape::Array { element, stride, .. } => is_pointer_within(element, stride, offset % stride.max(1)),
        // Of a union all fields that are there have to be pointers.
        Shape::Fields(fields) => {
            let mut here = fields.iter().filter(|field| (field.offset..field.offset + field.size).contains(&offset));
            here.clone().next().is_some()
                && here.all(|field| is_pointer_within(field.shape, field.size, offset - field.offset))
        }
    }
}

/// True if what lies at an offset is not looked into: C fills it in, or it is user data.
#[cfg(feature = "c-heap")]
pub(crate) fn is_left_out(info: &TypeInfo, offset: usize) -> bool {
    is_out_within(&info.shape, offset % info.size.max(1))
}

#[cfg(feature = "c-heap")]
fn is_out_within(shape: &Shape, offset: usize) -> bool {
    match *shape {
        Shape::Out => true,
        Shape::Plain | Shape::Words | Shape::Untyped => false,
        Shape::Array { element, stride, .. } => is_out_within(element, offset % stride.max(1)),
        Shape::Fields(fields) => {
            let mut here = fields.iter().filter(|field| (field.offset..field.offset + field.size).contains(&offset));
            here.any(|field| is_out_within(field.shape, offset - field.offset))
        }
    }
}

/// The name of the field at an offset: `x`, `inner.y`, `[3].x`; `None` if the type does not tell.
pub(crate) fn field_path(info: &TypeInfo, offset: usize, several: bool) -> Option<String> {
    let stride = info.size.max(1);
    let inner = within(&info.shape, offset % stride)?;
    Some(if several { format!("[{}]{}{inner}", offset / stride, dot(&inner)) } else { inner })
}

/// The name of the field at an offset of an extent, which may have several values.
pub(crate) fn field_in_extent(info: &TypeInfo, offset: usize, extent: usize) -> Option<String> {
    field_path(info, offset, info.size != 0 && extent > info.size)
}

fn within(shape: &Shape, offset: usize) -> Option<String> {
    match *shape {
        Shape::Fields(fields) => {
            let here = |field: &&Field| (field.offset..field.offset + field.size).contains(&offset);
            // Of a union's fields rather the one that can hold a pointer.
            let mut all = fields.iter().filter(here);
            let first = all.clone().find(|field| !matches!(field.shape, Shape::Plain)).or_else(|| all.next());
            let Field { name, offset: start, shape, .. } = first?;
            Some(match within(shape, offset - start) {
                Some(inner) => format!("{name}{}{inner}", dot(&inner)),
                None => (*name).to_string(),
            })
        }
        Shape::Array { element, stride, .. } => {
            let inner = within(element, offset % stride.max(1)).unwrap_or_default();
            Some(format!("[{}]{}{inner}", offset / stride.max(1), dot(&inner)))
        }
        _ => None,
    }
}

fn dot(inner: &str) -> &'static str {
    if inner.is_empty() || inner.starts_with('[') { "" } else { "." }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::shape::Pointee;
    use crate::call::validity::Validity;

    #[derive(ffi_guard::Pointee)]
    #[repr(C)]
    #[allow(dead_code)]
    struct Inner {
        n: usize,
        p: *const u8,
    }

    #[derive(ffi_guard::Pointee)]
    #[repr(C)]
    #[allow(dead_code)]
    struct Outer {
        count: usize,
        inner: [Inner; 2],
        last: *const u8,
    }

    fn info() -> TypeInfo {
        TypeInfo {
            frozen: false,
            dense: false,
            role: Role::Other,
            value: Validity::Any,
            size: size_of::<Outer>(),
            align: align_of::<Outer>(),
            shape: Outer::SHAPE,
            name: std::any::type_name::<Outer>,
        }
    }

    #[test]
    fn only_pointer_fields_are_looked_at_and_each_has_a_name() {
        let marks = [7_usize; 12];
        let mut seen = Vec::new();
        let len = size_of_val(&marks);
        // SAFETY: the array is live and initialised.
        let _ = unsafe {
            each_pointer(marks.as_ptr().expose_provenance(), len, &info(), &|_| true, &mut |offset, _| {
                seen.push((offset, field_path(&info(), offset, true).unwrap()));
                ControlFlow::Continue(())
            })
        };
        let names: Vec<_> = seen.iter().map(|(offset, name)| (*offset, name.as_str())).collect();
        assert_eq!(
            names,
            [
                (16, "[0].inner[0].p"),
                (32, "[0].inner[1].p"),
                (40, "[0].last"),
                (64, "[1].inner[0].p"),
                (80, "[1].inner[1].p"),
                (88, "[1].last")
            ]
        );
    }

    #[test]
    fn a_pointer_is_declared_where_each_type_at_that_place_says_so() {
        #[derive(ffi_guard::Pointee)]
        #[repr(C)]
        #[allow(dead_code)]
        union Either {
            p: *const u8,
            n: usize,
        }
        #[allow(dead_code)]
        struct Unknown([usize; 3]);
        #[derive(ffi_guard::Pointee)]
        #[repr(C)]
        #[allow(dead_code)]
        struct Mixed {
            either: Either,
            unknown: Unknown,
            number: usize,
            list: [*const u8; 2],
        }
        let declared = |argument: &crate::call::argument::Argument, offset| is_declared(argument.info, offset);
        assert!(is_declared(&info(), 16) && is_declared(&info(), 88) && !is_declared(&info(), 0));
        let mixed = crate::__argument!(std::ptr::null::<Mixed>());
        assert_eq!(
            [0, 8, 16, 32, 40, 48].map(|offset| declared(&mixed, offset)),
            [false, false, false, false, true, true]
        );
        assert!(declared(&crate::__argument!(std::ptr::null::<*const u8>()), 0));
        assert!(declared(&crate::__argument!(std::ptr::null::<[*const u8; 2]>()), 8));
        assert!(!declared(&crate::__argument!(std::ptr::null::<Unknown>()), 0));
        assert!(!declared(&crate::__argument!(std::ptr::null::<std::ffi::c_void>()), 0));
    }

    #[test]
    fn an_unknown_type_is_read_word_by_word_inside_the_extent() {
        let words = [1_usize, 2, 3, 4];
        let unknown = TypeInfo {
            size: 32,
            align: 8,
            shape: Shape::Words,
            frozen: false,
            dense: false,
            role: Role::Other,
            value: Validity::Any,
            name: || "T",
        };
        let mut seen = Vec::new();
        let start = words.as_ptr().expose_provenance();
        // SAFETY: the array is live and initialised.
        let _ = unsafe {
            each_pointer(start + 4, 25, &unknown, &|_| true, &mut |offset, word| {
                seen.push((offset, word));
                ControlFlow::Continue(())
            })
        };
        assert_eq!(seen, [(4, 2), (12, 3)]);
    }
}
