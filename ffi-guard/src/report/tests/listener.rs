//! The program in the golden reports of `stale_handle`.

use super::ffi::Site;
use std::panic::Location;

struct Handle;
struct Callback;

impl Handle {
    #[track_caller]
    fn new(_: Listener) -> Site {
        Location::caller()
    }
    #[track_caller]
    fn with<T>(_: usize, _: impl Fn(&T) -> u32) -> Site {
        Location::caller()
    }
    #[track_caller]
    fn take(_: usize) -> Site {
        Location::caller()
    }
}

impl Callback {
    #[track_caller]
    fn new(_: impl FnMut(i32) -> i32) -> Site {
        Location::caller()
    }
}

struct Listener(u32);

pub(super) fn listen() -> Site {
    Handle::new(Listener(7))
}

pub(super) fn taken() -> Site {
    Handle::take(0)
}

pub(super) fn came_back(user: usize) -> Site {
    Handle::with::<Listener>(user, |listener: &Listener| listener.0)
}

pub(super) fn on_event() -> Site {
    let mut events = Vec::new();
    Callback::new(move |event: i32| { events.push(event); 0 })
}
