//! The callers of functions that do not get to know their caller's line from the compiler: variadic
//! ones. Each return address has a `Location` of its own, which stands for it; the line is looked
//! up when a report asks for it.
//!
//! ```text
//!  return address ── at ──> &Location (a copy of the declaration's) ── place_of ──> its line
//! ```

use std::panic::Location;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::platform::symbols;
use crate::reentry::Reentry;

/// Lists of callers, by their addresses.
const LISTS: usize = 256;

/// The callers met. Never freed: notes and reports lead to them.
static CALLERS: [AtomicPtr<Caller>; LISTS] = [const { AtomicPtr::new(null_mut()) }; LISTS];

/// A place that a function returns to.
struct Caller {
    /// Stands for the place. Its own line is that of the declaration.
    location: Location<'static>,
    address: usize,
    /// The place in the source, once it was looked up; `None` if it is not known.
    place: OnceLock<Option<(String, u32, u32)>>,
    next: *const Caller,
}

/// The location that stands for this return address. `declared`: where the function that returns
/// there is declared.
pub(crate) fn at(address: usize, declared: &'static Location<'static>) -> &'static Location<'static> {
    let Some(list) = CALLERS.get((address ^ address >> 8) % LISTS) else { return declared };
    let mut first = list.load(Ordering::Acquire);
    if let Some(known) = callers(first).find(|caller| caller.address == address) {
        return &known.location;
    }
    let _inside = Reentry::enter();
    let new = Box::into_raw(Box::new(Caller { location: *declared, address, place: OnceLock::new(), next: first }));
    loop {
        // SAFETY: it is not in the list yet, so that this thread alone has it.
        unsafe { (*new).next = first };
        match list.compare_exchange(first, new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it is in the list now, and never freed.
            Ok(_) => return unsafe { &(*new).location },
            Err(other) => first = other,
        }
    }
}

/// File, line and column of a location; of the place that it stands for, if that is known.
pub(crate) fn place_of(location: &'static Location<'static>) -> (&'static str, u32, u32) {
    let lists = CALLERS.iter().map(|list| list.load(Ordering::Acquire).cast_const());
    let caller = lists.flat_map(callers).find(|caller| std::ptr::eq(&raw const caller.location, location));
    match caller.and_then(|caller| caller.place.get_or_init(|| look_up(caller.address)).as_ref()) {
        Some((file, line, column)) => (file, *line, *column),
        None => (location.file(), location.line(), location.column()),
    }
}

/// The callers of a list.
fn callers(first: *const Caller) -> impl Iterator<Item = &'static Caller> {
    // SAFETY: what is in a list is never freed, nor changed.
    let at = |caller: *const Caller| unsafe { caller.as_ref() };
    std::iter::successors(at(first), move |caller| at(caller.next))
}

/// The innermost function's place there, that is where it calls.
fn look_up(address: usize) -> Option<(String, u32, u32)> {
    let _inside = Reentry::enter();
    let mut place = None;
    symbols::resolve(address, |symbol| {
        if place.is_none()
            && let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno())
        {
            place = Some((file.to_string_lossy().into_owned(), line, symbol.colno().unwrap_or(0)));
        }
    });
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_location_and_leads_to_a_line() {
        #[inline(never)]
        fn address() -> usize {
            let mut address = 0;
            let mut frames = 0;
            backtrace::trace(|frame| {
                address = frame.ip().addr();
                frames += 1;
                !frame.symbol_address().is_null() && frames < 32 && address != 0 && !is_here(address)
            });
            address
        }
        fn is_here(address: usize) -> bool {
            look_up(address).is_some_and(|(file, ..)| file.ends_with("call/caller.rs"))
        }
        let address = address();
        let declared = Location::caller();
        let location = at(address, declared);
        assert!(std::ptr::eq(location, at(address, declared)) && !std::ptr::eq(location, declared));
        assert!(std::ptr::eq(at(address + 1, declared), at(address + 1, declared)));
        assert!(place_of(location).0.ends_with("call/caller.rs"));
        assert_eq!(place_of(declared), (declared.file(), declared.line(), declared.column()));
    }
}
