//! `GUARD_TRACE`: a line for each crossing of the functions it names. `GUARD_CALLED`: a line in a
//! file for each function that is called.

use std::fmt::Write;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::argument::{Argument, Passing};
use crate::call::declaration::Function;
use crate::call::target::Target;
use crate::call::{extent, thread};
use crate::config::settings;
use crate::platform::process::{self, Errno, Line, write_stderr};
use crate::reentry::Reentry;

/// Writes how each argument was understood, in one write and without allocating.
#[cold]
pub(super) fn entry(function: &'static Function, arguments: &[Argument], location: &'static Location<'static>) {
    let _inside = Reentry::enter();
    let declaration = function.declaration;
    let mut line = Line::new();
    let _ = write!(line, "ffi-guard: trace {}(", declaration.name);
    for (i, (argument, parameter)) in arguments.iter().zip(declaration.parameters).enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        let _ = write!(line, "{comma}{}: ", parameter.name);
        let _ = described(&mut line, argument);
    }
    let _ = writeln!(line, ") at {location}, thread {}", thread::id());
    write_stderr(line.as_bytes());
}

/// Appends the function's crate and name to the file of `GUARD_CALLED`, at its first crossing. Two
/// threads that make it at the same time write two lines.
#[cold]
pub(super) fn first_call(function: &'static Function) {
    static FAILED: AtomicBool = AtomicBool::new(false);
    let Some(path) = settings().called_path() else { return };
    if function.declaration.callback {
        return;
    }
    let _inside = Reentry::enter();
    let _errno = Errno::keep();
    let mut line = Line::new();
    let _ = writeln!(line, "{} {}", function.krate(), function.declaration.name);
    if let Err(error) = process::append(path, line.as_bytes(), 0)
        // Once: many such lines would bury the program's own.
        && !FAILED.swap(true, Ordering::Relaxed)
    {
        let mut line = Line::new();
        let _ = writeln!(line, "ffi-guard: GUARD_CALLED={}: {error}; calls are not listed there", path.display());
        write_stderr(line.as_bytes());
    }
}

fn described(line: &mut Line, argument: &Argument) -> std::fmt::Result {
    let size = argument.info.size;
    match argument.passing {
        Passing::Scalar if size <= 8 => {
            let mut bytes = [0; 8];
            // SAFETY: the value's own bytes, alive until the call, at most as many as the buffer
            // has. A plain type of up to eight bytes is an integer, a float or a small struct;
            // padding bytes are shown as they are.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    std::ptr::with_exposed_provenance::<u8>(argument.address),
                    bytes.as_mut_ptr(),
                    size,
                );
            }
            write!(line, "{:#x}", u64::from_le_bytes(bytes))
        }
        Passing::Scalar => write!(line, "{size} bytes by value, no pointer in them"),
        Passing::Value => write!(line, "{size} bytes by value"),
        Passing::Const | Passing::Mut => {
            let located = Target::of(argument.address, &thread::stack());
            let extent = extent::of(argument, &located);
            match located {
                Target::Null => write!(line, "null"),
                Target::FreedByC(block) => write!(
                    line,
                    "byte {} of a {}-byte freed block of C's heap",
                    argument.address.wrapping_sub(block.start),
                    block.size,
                ),
                Target::Heap(block) => write!(
                    line,
                    "byte {} of a {}-byte {} Rust block, {extent} lent",
                    argument.address.wrapping_sub(block.start),
                    block.size,
                    if block.live { "live" } else { "freed" },
                ),
                Target::Stack(_) => write!(line, "{extent} bytes of this thread's stack"),
                Target::Foreign | Target::LeftStack => {
                    write!(line, "{:#x}, not on Rust's heap or stack", argument.address)
                }
            }
        }
    }
}
