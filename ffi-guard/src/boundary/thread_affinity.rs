//! Objects of C that belong to the thread that got them: `thread_bound`, and `rebind`.
//!
//! An object is known by its address from the moment that C hands it out, by a result or into an out-pointer, until C
//! hands out another one there. Nobody says when C frees one: the note of a freed object stays, and is replaced when C
//! gives its address away again. What was never seen to come from C is not judged.

use crate::scan;
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};

use super::breach::Stop;
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::{Contract, Declaration};
use crate::call::site::Site;
use crate::call::thread;
use crate::facts::{Got, Memory};
use crate::heap::lock::Locked;
use crate::level::{self, Level};
use crate::platform::process::Errno;
use crate::platform::{self, read};
use crate::reentry::Reentry;
use crate::rules;

/// The objects, by address: in as many parts as keep threads out of each other's way.
static OBJECTS: [Locked<BTreeMap<usize, Got>>; PARTS] = [const { Locked::new(BTreeMap::new()) }; PARTS];
const PARTS: usize = 16;

fn part(address: usize) -> &'static Locked<BTreeMap<usize, Got>> {
    // Objects lie at multiples of 16.
    &OBJECTS[(address >> 4) % PARTS]
}

/// Whether C hands out an object of its thread's own by this function.
pub(super) fn binds(declaration: &Declaration) -> bool {
    declaration.result.is_thread_bound() || declaration.parameters.iter().any(|it| it.contract.is_thread_bound())
}

/// Before C runs, or a callback's body: whether the object is this thread's.
pub(super) fn compare(site: &Site, index: usize, argument: &Argument, contract: Contract) -> Result<(), Stop> {
    if !contract.is_thread_bound() || argument.address == 0 || is_out(argument) {
        return Ok(());
    }
    match known(argument.address) {
        Some(got) => match rules::wrong_thread::check(got, thread::id()) {
            Some(finding) => {
                let memory = Memory::Foreign { address: argument.address, size: 0 };
                site.breach(Some(index), finding, (argument, 0), Some(memory))
            }
            None => Ok(()),
        },
        // C hands it to the callback: so it is this thread that gets it.
        None if site.function.declaration.callback => {
            note(argument.address, got(Some(site.function.declaration.name), site.location));
            Ok(())
        }
        None => Ok(()),
    }
}

/// C has returned: what it handed out belongs to this thread.
pub(super) fn record(site: &Site, arguments: &[Argument], result: &Argument) {
    let declaration = site.function.declaration;
    let _errno = Errno::keep();
    let record = |address: usize| {
        if address != 0 {
            note(address, got(Some(declaration.name), site.location));
        }
    };
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

/// Whether the argument is the place where C writes an object's address, not the address itself.
fn is_out(argument: &Argument) -> bool {
    let name = (argument.info.name)();
    let pointer =
        ["*mut ", "*const ", "&", "core::ptr::non_null::NonNull<", "core::option::Option<core::ptr::non_null"];
    argument.info.size == size_of::<usize>() && pointer.iter().any(|start| name.starts_with(start))
}

fn got(function: Option<&'static str>, location: &'static Location<'static>) -> Got {
    let _inside = Reentry::enter();
    Got { thread: thread::id(), thread_name: scan::thread_name(), function, location }
}

fn known(address: usize) -> Option<Got> {
    // While the lock is held this thread is inside: a signal handler that calls C in that moment is not checked, and so
    // does not come here.
    let _inside = Reentry::enter();
    part(address).with(|objects| objects.get(&address).cloned())
}

fn note(address: usize, got: Got) {
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    let _inside = Reentry::enter();
    if !REGISTERED.swap(true, Ordering::Relaxed) {
        // After the heap's, so that these locks are taken before those of the memory that the table is made of.
        platform::thread::at_fork(before, after, after);
    }
    drop(part(address).with(|objects| objects.insert(address, got)));
}

unsafe extern "C" fn before() {
    OBJECTS.iter().for_each(Locked::hold);
}

/// In the parent and in the child, which has this thread alone.
unsafe extern "C" fn after() {
    OBJECTS.iter().for_each(Locked::let_go);
}

/// Says that an object of C's, declared `thread_bound`, belongs to the calling thread from now on: C lets it move.
///
/// Where C hands an object out, it belongs to the thread that got it, and a guarded call with it on another thread is
/// `wrong_thread`. A library that lets an object move from thread to thread, as long as it is used by one at a time, is
/// told of the move here, on the thread that takes it over. Below level 1 it does nothing.
///
/// ```
/// let mut object = 0_u8;
/// ffi_guard::rebind(&raw mut object);
/// ```
#[track_caller]
pub fn rebind<T>(object: *const T) {
    if level::level() >= Level::Arguments && !object.is_null() {
        let _errno = Errno::keep();
        note(object.addr(), got(None, Location::caller()));
    }
}
