//! A runtime checker for the border between Rust and C.
//!
//! It watches the memory that Rust lends to C, and reports when C keeps it, and when what is handed
//! over is dead, too short, unterminated, misaligned, or holds pointers to other Rust memory. It
//! needs no nightly compiler, and takes C libraries as they are.
//!
//! # The first bug
//!
//! C keeps a pointer in a variable; Rust frees the memory. AddressSanitizer and Valgrind print
//! nothing, since no memory has been touched wrongly yet. With two additions, the attribute and
//! the allocator, the call itself is a panic that names the variable, the call and the allocation:
//!
//! ```
//! use std::ffi::{c_char, c_int};
//!
//! #[global_allocator]
//! static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();
//!
//! #[ffi_guard::guard]
//! unsafe extern "C" {
//!     /// Keeps `text`, which becomes part of the environment.
//!     fn putenv(#[guard(cstr, retained)] text: *mut c_char) -> c_int;
//!     /// Keeps nothing.
//!     fn atoi(#[guard(cstr)] text: *const c_char) -> c_int;
//! }
//!
//! fn main() {
//!     // SAFETY: a string with a NUL, which lives longer than the call.
//!     assert_eq!(unsafe { atoi(c"42".as_ptr()) }, 42);
//!
//!     # if ffi_guard::level() < ffi_guard::Level::Arguments { return; }
//!     // A `String` has no NUL: C would read past its end.
//!     let text = String::from("42");
//!     // SAFETY: none, which is the point: C is not called.
//!     let violation = ffi_guard::catch(|| unsafe { atoi(text.as_ptr().cast()) });
//!     let violation = violation.expect_err("level 2 in a debug build");
//!     assert_eq!(violation.rule(), ffi_guard::Rule::UnterminatedString);
//! }
//! ```
//!
//! Calls look as before. Debug builds check at level 2, others not until `GUARD=1` or `GUARD=2`
//! asks for it.
//!
//! # What there is
//!
//! - [`guard`]: the attribute on an `extern` block, and on Rust functions that C calls; [`Plain`]
//!   and [`Pointee`]: what a struct says of its pointers.
//! - [`guard_fn!`]: a foreign function that is known by a pointer alone, as from `dlsym`.
//! - [`GuardAlloc`]: the global allocator, over any other.
//! - [`Level`], [`level()`], [`set_level`]: how much is checked.
//! - [`Violation`] and [`Rule`]: what was found; [`catch`],
//!   [`expect_violation!`], [`set_report_hook`]: for tests.
//! - [`macro@test`], [`assert_clean!`], [`testing::Child`]: tests that answer for what they lend,
//!   and for what ends their process.
//! - [`stats()`]: how often each function was called, how long C ran and what crossing cost, if
//!   `GUARD_STATS=1` asks for it.
//! - [`functions()`], [`check_declarations()`]: every guarded function of the program, and each
//!   beside what C's debug information says of it.
//! - [`checkpoint`]: settles what past calls may have left behind.
//! - [`rebind`]: says that a C object has moved to another thread.
//! - [`pin()`], [`pin_mut`], [`Pinned`]: memory that C may keep.
//! - [`Handle`], [`Callback`]: user data that C carries around as a number, and closures for C to
//!   call.
//! - [`CArena`], [`CBox`], [`CSlice`], [`CText`]: C memory with owners.
//!
//! | `GUARD` | checks |
//! | --- | --- |
//! | 0 | nothing: one load and one branch a call |
//! | 1 | what Rust hands over, on entry |
//! | 2 | also what C kept; the default in debug builds with [`GuardAlloc`] |
//! | 3 | also the instruction in C that touches freed memory, or memory next to a block |
//!
//! The guide has a page on every rule, attribute and variable: it is in `docs/` of the repository,
//! and in the module `guide` of this documentation.
//!
//! # Features
//!
//! - `c-heap`: defines `malloc` and its kin in the executable, over a second half of the guard's
//!   heap. So the C heap is searched as well, and C's frees are checked before they are done. Linux
//!   with glibc, 64 bits; for executables, not for libraries to turn on.
//!
//! # Limits
//!
//! A clean run is not a proof. Only calls through a guarded block are checked, those of variadic
//! functions on entry alone. C's variables, including thread-local ones, are searched for what C
//! kept, and with the feature `c-heap` its heap. What C reads beyond what a call states is not seen
//! below level 3; of what it writes, the traces next to blocks, in freed ones and through a
//! `*const` are found. Linux on x86-64 is what is tested most; elsewhere nothing is searched for
//! what C kept.

extern crate self as ffi_guard;

mod allocator;
mod answers;
mod arena;
mod boundary;
#[cfg(c_heap)]
mod c_heap;
mod call;
pub mod callback;
mod config;
mod copied;
mod declarations;
mod delivery;
mod facts;
mod handle;
mod heap;
mod level;
mod own;
mod owner;
mod paged;
mod pin;

mod platform;
mod reentry;
mod refusal;
mod report;
mod retention;
mod rule;
mod rules;

mod scan;
mod stats;
pub mod testing;
mod trampoline;
mod zeroed;

/// The guide, a module for each page: what the reports lead to.
///
/// [`introduction`](guide::introduction) is the first page; each rule has one of its name.
// Not where its examples would be run: those that can be have tests of their own.
#[cfg(all(doc, not(doctest)))]
#[allow(rustdoc::all)]
pub mod guide {
    include!(concat!(env!("OUT_DIR"), "/guide.rs"));
}

#[doc(hidden)]
#[path = "bench.rs"]
pub mod __bench;
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use allocator::GuardAlloc;
pub use arena::{CArena, CMemoryError};
pub use boundary::thread_affinity::rebind;
pub use call::shape::{Plain, Pointee};
pub use callback::Callback;
pub use declarations::{
    Declarations, GuardedFunction, GuardedParameter, GuardedType, NotCompared, TypeClass, check_declarations, functions,
};
pub use delivery::deferred::checkpoint;
pub use delivery::raise::catch;
pub use facts::{Allocation, CSource, Place, Violation};
pub use ffi_guard_macros::{Plain, Pointee, guard, guard_fn, test};
pub use handle::{Handle, StaleHandle, TakeError};
pub use level::{Level, LevelError, level, set_level};
pub use owner::{CBox, CSlice, CText, Deleter};
pub use pin::{PinGuard, PinMutGuard, Pinned, pin, pin_mut};
pub use report::deliver::set_report_hook;
pub use report::face::Block;
pub use report::frames::Frame;
pub use rule::{Rule, Severity, UnknownRule};
pub use stats::{FunctionStats, Stats, stats};
pub use zeroed::Zeroed;
