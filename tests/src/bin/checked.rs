//! A program with `GuardAlloc` that breaks rules on demand: `tests/levels.rs` runs it under each
//! variable.
//!
//! Each word of the command line is a step; the last line says that the program came to its end.

use c_fixtures::slides::{ComplexStruct, SomeStruct, forget_reference, process_complex_struct, store_reference};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

fn main() {
    for step in std::env::args().skip(1) {
        match step.as_str() {
            "level" => println!("level {}", ffi_guard::level() as u8),
            "raise" => match ffi_guard::set_level(ffi_guard::Level::Full) {
                Ok(()) => println!("raised"),
                Err(error) => println!("refused: {error}"),
            },
            "lower" => println!("lowered: {:?}", ffi_guard::set_level(ffi_guard::Level::Off)),
            "keep" => keep(),
            "nest" => nest(),
            "again" => (0..100).for_each(|_| nest()),
            "hook" => ffi_guard::set_report_hook(|violation| println!("hook: {}", violation.rule())),
            "catch" => println!("caught: {:?}", ffi_guard::catch(nest).map_err(|violation| violation.rule())),
            "pipes kill" => pipes_kill(),
            other => panic!("no step is called {other}"),
        }
    }
    println!("the end");
}

/// Has a write to a pipe without a reader end the process, as in a program that C begins.
#[cfg(unix)]
fn pipes_kill() {
    // SAFETY: the default action is one for any signal.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

#[cfg(not(unix))]
fn pipes_kill() {}

/// `retained_pointer`.
fn keep() {
    let mut some = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    // SAFETY: the box outlives the call and the pointer is forgotten before it dies.
    unsafe { store_reference(&raw mut *some) };
    forget_reference();
}

/// `nested_pointer`.
fn nest() {
    let mut some = Box::new(SomeStruct { a: 1, b: 2, c: 3 });
    let complex = Box::new(ComplexStruct { x: &raw mut *some, y: std::ptr::null_mut() });
    // SAFETY: both boxes outlive the call.
    unsafe { process_complex_struct(&raw const *complex) };
}
