//! A free or resize that is refused: finds what is wrong, reports it like any violation, and lets
//! the program go on.
//!
//! ```text
//!  dealloc, free ... of what is no live block of that allocator's
//!     └─ looked up: whose is it, what was asked, who lent it ──> alloc_dealloc_mismatch, double_free
//!           ├─ allow ────────────────────────────────> the free is left out
//!           ├─ warn, GUARD_ON_VIOLATION=report ──────> reported; the free is left out
//!           ├─ deny, inside of `catch` ──────────────> left out, and reported at the end of `catch`
//!           └─ deny ─────────────────────────────────> reported, and the process aborted
//! ```
//! An allocator may not unwind, so `deny` aborts. Nothing is changed before the report, and a free
//! that is left out leaks, so going on corrupts nothing. A Rust block that was freed with another
//! layout is freed with the one that it was made with.
//!
//! No lock of the guard's is held here: the heap has refused, and returned.

#[cfg(not(feature = "c-heap"))]
mod aborted;
#[cfg(not(feature = "c-heap"))]
mod faulted;

use crate::call::{scopes, thread};
use crate::scan;
use std::alloc::Layout;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

#[cfg(not(feature = "c-heap"))]
pub(crate) use aborted::watch_aborts;
#[cfg(not(feature = "c-heap"))]
pub(crate) use faulted::tell_faulted;

use crate::boundary::watched_call;
use crate::config;
use crate::facts::{ArgumentFacts, Asked, BlockFacts, Call, Ending, Facts, Memory, Violation, Why, WrongFree};
use crate::heap::{self, Block, FreeError, trace};
use crate::platform::process::{Errno, Line, write_stderr};
use crate::platform::{modules, stack};
use crate::reentry::{self, Reentry};
use crate::report::{self, Outcome};
use crate::retention::{Note, damage};
use crate::rule::Severity;
use crate::rules::{alloc_dealloc_mismatch, double_free};

/// Rust's `dealloc` of a block that the heap did not take (`refused`), or that is not Rust's at
/// all.
///
/// # Safety
/// - The caller gives the block up; it is still as it was.
#[cold]
#[inline(never)]
pub(crate) unsafe fn dealloc(block: *mut u8, layout: Layout, refused: Option<FreeError>) {
    let asked = Asked::Rust { call: "dealloc", size: layout.size(), align: layout.align() };
    tell(asked, block.addr(), refused);
    // SAFETY: the caller gives the block up, and has not changed it.
    unsafe { take_back_as_made(block.addr(), refused) };
}

/// Rust's `realloc` of a block that the heap did not take, or that is not Rust's at all. Gives the
/// caller another, with as much of the content as can be had.
///
/// # Safety
/// - The caller gives the block up; it is still as it was. A layout of this alignment can have
///   `new_size`.
#[cold]
#[inline(never)]
pub(crate) unsafe fn realloc(block: *mut u8, layout: Layout, new_size: usize, refused: Option<FreeError>) -> *mut u8 {
    let asked = Asked::Rust { call: "realloc", size: layout.size(), align: layout.align() };
    tell(asked, block.addr(), refused);
    let there = match refused {
        Some(_) => rest(block.addr()),
        // The caller has used the block at this size.
        None => layout.size(),
    };
    let moved = heap::allocate(new_size, layout.align());
    if !moved.is_null() {
        // SAFETY: the new block has `new_size` bytes, and the old one, which is left as it is,
        // `there`.
        unsafe { ptr::copy_nonoverlapping(block, moved, there.min(new_size)) };
        // SAFETY: the caller gives the block up, and its content is in the new one.
        unsafe { take_back_as_made(block.addr(), refused) };
    }
    moved
}

/// Frees a live Rust block with the layout that it was made with.
unsafe fn take_back_as_made(address: usize, refused: Option<FreeError>) {
    if refused == Some(FreeError::OtherLayout)
        && let Some(block) = heap::lookup(address).filter(|block| block.live && block.start == address)
    {
        // If another thread was faster, the block is gone, as was wanted.
        // SAFETY: the caller gives the block up.
        let _ = unsafe { heap::free(address, block.size, block.align) };
    }
}

/// Bytes from an address to the end of the live Rust block that it points into; 0 if there is none.
pub(crate) fn rest(address: usize) -> usize {
    heap::lookup(address)
        .filter(|block| block.live)
        .map_or(0, |block| (block.start + block.size).saturating_sub(address))
}

/// Reports that C's allocator, in this function, was asked for what it cannot do.
#[cfg(feature = "c-heap")]
#[cold]
#[inline(never)]
pub(crate) fn c_asked(call: &'static str, address: usize, refused: Option<FreeError>) {
    tell(Asked::C(call), address, refused);
}

/// Reports the refused request. Returns if the program goes on.
fn tell(asked: Asked, address: usize, refused: Option<FreeError>) {
    if reentry::inside() {
        end_at_once(asked, address);
    }
    let _errno = Errno::keep();
    if refused == Some(FreeError::OtherLayout) {
        // A text that C wrote past its block's end is as long as what C wrote.
        heap::tell_damage_of(address);
    }
    let at = trace::capture_at_any_level();
    let inside = Reentry::enter();
    let Some(violation) = violation(asked, address, refused, at, None) else { return };
    drop(inside);
    if scopes::asserting() {
        if unwound_by_nobody(|| report::record_failure(&violation)) {
            report::until_catch_ends::push(violation);
        }
        return;
    }
    if violation.severity() == Severity::Deny && scopes::catching() {
        unwound_by_nobody(|| report::record(&violation));
        return report::until_catch_ends::push(violation);
    }
    if unwound_by_nobody(|| report::deliver(&violation)) == Outcome::Stop {
        if scopes::in_test() {
            return report::until_catch_ends::push(violation);
        }
        let _inside = Reentry::enter();
        report::print(&violation);
        write_stderr(
            b"ffi-guard: found inside the allocator, where unwinding is not possible; the process is aborted\n",
        );
        report::abort();
    }
}

/// Runs `body`, and aborts if the program's own report hook panics in it: that must not unwind
/// through an allocator.
fn unwound_by_nobody<R>(body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        write_stderr(
            b"ffi-guard: the report hook panicked in an allocator, which cannot unwind; the process is aborted\n",
        );
        std::process::abort()
    })
}

/// Prints one line and aborts: this was in the guard's own code, or in a signal handler that came
/// in the middle of it.
fn end_at_once(asked: Asked, address: usize) -> ! {
    let mut line = Line::new();
    let name = asked.name();
    let _ = writeln!(
        line,
        "ffi-guard[alloc_dealloc_mismatch]: `{name}` got {address:#x}, which is no live block of its own"
    );
    write_stderr(line.as_bytes());
    std::process::abort()
}

/// The violation, with all facts; `None` if the rule is allowed.
fn violation(
    asked: Asked,
    address: usize,
    refused: Option<FreeError>,
    at: trace::TraceId,
    ending: Option<Ending>,
) -> Option<Box<Violation>> {
    let block = heap::contains(address).then(|| heap::lookup(address)).flatten();
    let c_block = c_block(address);
    let why = why(asked, address, refused, block.as_ref(), c_block.as_ref());
    let (under_way, note) = match &block {
        Some(block) => lent(block),
        None => (false, None),
    };
    let thread = thread::id();
    let c_block = c_block.as_ref().map(BlockFacts::of);
    let wrong = WrongFree { asked, address, why, c_block, at, thread, under_way, ending };
    let finding = alloc_dealloc_mismatch::check(&wrong).or_else(|| double_free::check(&wrong))?;
    let rule = finding.rule();
    let severity = match &note {
        Some(note) => note.site.severity(rule, Some(note.loan.parameter)),
        None => config::settings().severity_of(rule),
    };
    if severity == Severity::Allow {
        return None;
    }
    let argument = note.as_ref().map(|note| ArgumentFacts::of(&note.loan));
    let call = note.map(|note| Call {
        function: note.site.function,
        parameter: Some(note.loan.parameter),
        site: note.site.location,
        thread: note.thread,
        thread_name: if note.thread == thread { scan::thread_name() } else { None },
    });
    let memory = match block {
        Some(block) => Memory::Heap(BlockFacts::of(&block)),
        None => Memory::Foreign { address, size: wrong.c_block.map_or(0, |block| block.size) },
    };
    Some(Box::new(Violation::new(Facts {
        finding,
        severity,
        call,
        lent_by: None,
        also: Vec::new(),
        argument,
        memory: Some(memory),
        c_allocated: None,
    })))
}

/// The reason for the refusal.
fn why(
    asked: Asked,
    address: usize,
    refused: Option<FreeError>,
    block: Option<&Block>,
    c_block: Option<&Block>,
) -> Why {
    match (refused, block.or(c_block)) {
        // Freed already, by whichever side.
        (_, Some(block)) if block.start == address && !block.live => Why::Freed,
        (_, Some(block)) if block.start != address => Why::Interior,
        (Some(FreeError::OtherLayout), Some(_)) => Why::OtherLayout,
        (_, Some(_)) if asked.is_c() == c_block.is_some() => {
            // It has changed hands since it was refused: another thread freed it, and a third got
            // it.
            Why::Freed
        }
        (_, Some(_)) => Why::OtherSide,
        (_, None) if heap::contains(address) || refused.is_some() || is_in_c_heap(address) => Why::NoBlock,
        (_, None) if stack::bounds().contains(&address) => Why::Stack(thread::id()),
        (_, None) => Why::Outside(module_of(address)),
    }
}

/// The module whose segments an address lies in.
fn module_of(address: usize) -> Option<String> {
    let mut found = None;
    crate::platform::fork_gate::run(|| {
        modules::each(&mut |module| {
            if module.contains(address) {
                let name = module.name().to_string_lossy();
                found = Some(match name.rsplit('/').next() {
                    Some(name) if !name.is_empty() => name.to_owned(),
                    _ => modules::executable(),
                });
            }
            found.is_none()
        });
    });
    found
}

/// The call that lent this block: one that still runs (true), else the last one known.
fn lent(block: &Block) -> (bool, Option<Note>) {
    if let Some(note) = watched_call::lending(block) {
        return (true, Some(note));
    }
    (false, damage::last_lent(block).into_iter().next())
}

#[cfg(feature = "c-heap")]
fn c_block(address: usize) -> Option<Block> {
    if heap::contains_c(address) { heap::lookup_c(address) } else { None }
}

#[cfg(not(feature = "c-heap"))]
fn c_block(_: usize) -> Option<Block> {
    None
}

#[cfg(feature = "c-heap")]
fn is_in_c_heap(address: usize) -> bool {
    heap::contains_c(address)
}

#[cfg(not(feature = "c-heap"))]
fn is_in_c_heap(_: usize) -> bool {
    false
}
