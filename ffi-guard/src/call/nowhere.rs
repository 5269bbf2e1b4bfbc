//! Arguments that lead nowhere: addresses of the first page, which no system maps, and not null.
//! Rust's empty slices and texts have such addresses.
//!
//! C may get one and read no byte of it. So the latest call with such an argument is noted, and a
//! fault of C's beside the address tells that it read.

use std::cell::Cell;
use std::panic::Location;

use super::argument::{Argument, Passing};
use super::declaration::Function;
use super::site::Site;
use super::thread;

/// Bytes from address 0 on where nothing is ever mapped.
const NOTHING: usize = 4096;

/// Arguments that are kept of a call.
const FEW: usize = 4;

/// A call with arguments that lead nowhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallWithNowhere {
    pub(crate) function: &'static Function,
    pub(crate) location: &'static Location<'static>,
    /// Its number among the guarded calls of its thread.
    crossing: usize,
    /// Index and address of each; an address of 0 stands for none.
    arguments: [(usize, usize); FEW],
}

thread_local! {
    /// The latest on this thread. Without a destructor, so that a signal handler can read it.
    static LATEST: Cell<Option<CallWithNowhere>> = const { Cell::new(None) };
}

/// True for an address that leads nowhere, and is not null.
#[inline(always)]
pub(crate) fn is_nowhere(address: usize) -> bool {
    address.wrapping_sub(1) < NOTHING - 1
}

/// Notes the call that is about to run as number `crossing` of its thread. True if it has such an
/// argument.
pub(crate) fn note(site: &Site, arguments: &[Argument], crossing: usize) -> bool {
    let is_pointer = |passing| matches!(passing, Passing::Const | Passing::Mut);
    let mut found =
        arguments.iter().enumerate().filter(|(_, it)| is_pointer(it.passing) && is_nowhere(it.address)).peekable();
    if found.peek().is_none() {
        return false;
    }
    let mut kept = [(0, 0); FEW];
    for (place, (index, argument)) in kept.iter_mut().zip(found) {
        *place = (index, argument.address);
    }
    let call = CallWithNowhere { function: site.function, location: site.location, crossing, arguments: kept };
    let _ = LATEST.try_with(|latest| latest.set(Some(call)));
    true
}

/// The guarded call of this thread that was the latest to begin, and the index and the address of
/// its argument that leads to this address of the first pages. For a signal handler too.
pub(crate) fn leading_to(address: usize) -> Option<(CallWithNowhere, usize, usize)> {
    let call = LATEST.try_with(Cell::get).ok().flatten()?;
    if call.crossing != thread::crossings() {
        return None;
    }
    let is_near = |&(_, at): &(usize, usize)| at != 0 && address >= at && address - at < NOTHING;
    let (index, at) = call.arguments.into_iter().filter(is_near).max_by_key(|&(_, at)| at)?;
    Some((call, index, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_mapped_addresses_are_not_meant() {
        assert!([1, 2, 8, 4095].into_iter().all(is_nowhere));
        assert!(![0, 4096, usize::MAX].into_iter().any(is_nowhere));
    }
}
