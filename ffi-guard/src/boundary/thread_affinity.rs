//! Objects of C that belong to the thread that got them: `thread_bound`, and `rebind`.
//!
//! An object is known by its address, from the moment that C hands it out by a result or into an
//! out-pointer. It is forgotten when
//!
//! - C hands out another object at the same address: the new one replaces it;
//! - a guarded call gives it back to C, by a parameter that is `thread_bound` and `owned`;
//! - more than [`MOST`] objects are known: the older ones go.
//!
//! An object that never came from C is not judged, nor is a forgotten one.

use std::panic::Location;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::call::argument::{Argument, Passing};
use crate::call::declaration::{Contract, Declaration};
use crate::call::shape::Role;
use crate::call::site::Site;
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::facts::{Memory, ThreadOwner};
use crate::level::{self, Level};
use crate::platform::fork_gate;
use crate::platform::{process::Errno, read};
use crate::reentry::{self, Reentry};
use crate::rules;
use crate::scan;

/// The objects, by address. The number counts the objects recorded before.
type Objects = DashMap<usize, (u64, ThreadOwner)>;

static OBJECTS: LazyLock<Objects> = LazyLock::new(|| DashMap::with_shard_amount(16));
/// Number of objects ever recorded.
static RECORDED: AtomicU64 = AtomicU64::new(0);
/// Number of objects known at most, at some 100 bytes each.
const MOST: u64 = 1 << 16;

/// Runs `f` with the objects. The locks inside are the map's own, so a fork waits until they are
/// released. A signal handler that interrupts `f` makes unchecked calls, and so does not come here.
fn objects<R>(f: impl FnOnce(&Objects) -> R) -> R {
    let _inside = Reentry::enter();
    fork_gate::run(|| f(&OBJECTS))
}

/// True if C hands out an object that belongs to the calling thread by this function.
pub(super) fn binds(declaration: &Declaration) -> bool {
    declaration.result.is_thread_bound() || declaration.parameters.iter().any(|it| it.contract.is_thread_bound())
}

/// Checks that the object is this thread's, before C or a callback's body runs.
pub(super) fn compare(site: &Site, index: usize, argument: &Argument, contract: Contract) -> Result<(), Stop> {
    if !contract.is_thread_bound() || argument.address == 0 || is_out(argument) {
        return Ok(());
    }
    let (address, declaration) = (argument.address, site.function.declaration);
    let known = objects(|objects| objects.get(&address).map(|it| rules::wrong_thread::check(&it.1, thread::id())));
    match known {
        Some(Some(finding)) => {
            let memory = Memory::Foreign { address, size: 0 };
            site.breach(Some(index), finding, (argument, 0), Some(memory))?;
        }
        // C hands the object to the callback, so this thread gets it.
        None if declaration.callback => record(address, Some(declaration.name), site.location),
        _ => {}
    }
    if contract.is_owned() && !declaration.callback {
        // Before C runs: as soon as C has freed the object, another thread may get one at its
        // address.
        objects(|objects| drop(objects.remove(&address)));
    }
    Ok(())
}

/// Records what C has handed out, after it returned: it belongs to this thread.
pub(super) fn record_results(site: &Site, arguments: &[Argument], result: &Argument) {
    let declaration = site.function.declaration;
    let _errno = Errno::keep();
    let record = |address| record(address, Some(declaration.name), site.location);
    if declaration.result.is_thread_bound() && matches!(result.passing, Passing::Const | Passing::Mut) {
        record(result.address);
    }
    for (argument, parameter) in arguments.iter().zip(declaration.parameters) {
        let mut word = [0; size_of::<usize>()];
        if parameter.contract.is_thread_bound()
            && is_out(argument)
            && argument.address != 0
            && read::read(argument.address, &mut word).is_some()
        {
            record(usize::from_ne_bytes(word));
        }
    }
}

/// True if the argument is the place where C writes an object's address, not the address itself.
fn is_out(argument: &Argument) -> bool {
    argument.info.role == Role::Pointer
}

/// Records that the object at this address, if it is not null, belongs to the calling thread.
fn record(address: usize, function: Option<&'static str>, location: &'static Location<'static>) {
    if address == 0 {
        return;
    }
    objects(|objects| {
        let owner = ThreadOwner { thread: thread::id(), thread_name: scan::thread_name(), function, location };
        let number = RECORDED.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(MOST / 2) && objects.len() as u64 > MOST / 2 {
            objects.retain(|_, it| it.0 + MOST / 2 > number);
        }
        drop(objects.insert(address, (number, owner)));
    });
}

/// Says that a C object, declared `thread_bound`, belongs to the calling thread from now on.
///
/// An object that C hands out belongs to the thread that got it, and a guarded call with it on
/// another thread is `wrong_thread`. If a library lets an object move from thread to thread, as
/// long as one at a time uses it, call this on the thread that takes it over. Below level 1 it does
/// nothing.
///
/// ```
/// let mut object = 0_u8;
/// ffi_guard::rebind(&raw mut object);
/// ```
#[track_caller]
pub fn rebind<T>(object: *const T) {
    // A signal handler that interrupts code inside the table would wait for itself.
    if level::level() >= Level::Arguments && !reentry::inside() {
        let _errno = Errno::keep();
        record(object.addr(), None, Location::caller());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_ones_are_forgotten() {
        let known = |address| objects(|objects| objects.contains_key(&address));
        for number in 1..=3 * MOST as usize {
            rebind_at(number * 16);
            assert!(known(number * 16));
        }
        assert!(objects(|objects| objects.len()) as u64 <= MOST && !known(16));
        // Recording an address again does not grow the table.
        let before = objects(|objects| objects.len());
        (0..MOST).for_each(|_| rebind_at(3 * MOST as usize * 16));
        assert!(objects(|objects| objects.len()) <= before);
    }

    fn rebind_at(address: usize) {
        record(address, None, Location::caller());
    }
}
