//! Values that may not go to another thread.

use std::cell::Cell;
use std::rc::Rc;

use ffi_guard::callback::AnyThread;
use ffi_guard::{Callback, Handle};

fn send<T: Send>(_: T) {}

fn main() {
    let _ = Handle::new(Rc::new(5));
    let counter = Rc::new(Cell::new(0));
    let _: Callback<fn(i32) -> i32, AnyThread> = Callback::shared(move |n: i32| counter.replace(n));
    send(Callback::new(|n: i32| n));
    send(Handle::local(Rc::new(5)));
}
