//! The owner of a stack frame: Rust or C.
//!
//! A thread's stack holds C's frames too: those of a C thread that called back, of a C `main`, of
//! the C function between two Rust ones. The frame that an address lies in is found by the
//! descriptions that unwinders use, which a stripped program has too. Then, in this order:
//!
//! 1. the symbol of the frame's function, or its source file for `no_mangle` functions, tells;
//! 2. without one, the frame of a guarded function's wrapper is Rust's, and so is that of the
//!    function that called it, which only Rust can call;
//! 3. a function that unwinds by Rust's personality routine is Rust's.
//!
//! If none of them decides, the frame counts as C's, and it is said once that checks are lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::frames::{each_frame, resolve};
use super::names;
use crate::call::target::Target;
use crate::call::thread::{self, Wrapper};
use crate::heap::trace::{self, Personality};
use crate::platform::modules;
use crate::platform::read;
use crate::platform::say::say_once;
use crate::reentry::Reentry;

/// True if an address of the calling thread's stack lies in a frame of a Rust function.
///
/// The first question about a function costs some tens of microseconds, each later one a walk of
/// the frames in between, some nanoseconds each.
pub(crate) fn in_rust_frame(address: usize) -> bool {
    let _inside = Reentry::enter();
    let Some(frame) = frame_of(address, thread::wrapper()) else { return false };
    let ip = frame.ip;
    let by_caller = || frame.is_callers.then_some(Language::Rust);
    let language = known(ip).or_else(|| by_symbol(ip)).or_else(by_caller).or_else(|| by_personality(ip));
    match language {
        Some(language) => remember(ip, language),
        None => say_lost(ip),
    }
    language == Some(Language::Rust)
}

/// True if `target`, which `address` points to, is in a C frame of the calling thread's stack.
pub(crate) fn is_c_stack(target: &Target, address: usize) -> bool {
    matches!(target, Target::Stack(_)) && !in_rust_frame(address)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Rust,
    C,
}

/// The frame that an address lies in.
struct Frame {
    /// Where its function goes on.
    ip: usize,
    /// True if its function called a wrapper, which only Rust can.
    is_callers: bool,
}

/// Walks up to the frame that holds `address`.
fn frame_of(address: usize, wrapper: Wrapper) -> Option<Frame> {
    let mut walk = Walk::to(address, wrapper);
    if !trace::each_frame(&mut |begins, ip| walk.take(begins, ip)) {
        walk = Walk::to(address, wrapper);
        each_frame(&mut |begins, ip| walk.take(begins, ip));
    }
    let Walk { at, above, ended, by_inner, .. } = walk;
    // The outermost frame of all ends where the stack does.
    let (_, ip) = at.filter(|(begins, _)| ended || thread::stack().contains(begins))?;
    let is_callers = match above {
        Some(1) => wrapper.callers >= 1,
        Some(2) => wrapper.callers >= 2 && by_inner,
        _ => false,
    };
    Some(Frame { ip, is_callers })
}

/// A walk from frame to frame, up to the one that holds an address.
pub(super) struct Walk {
    address: usize,
    wrapper: Wrapper,
    /// The last frame met: where it begins, and where it goes on.
    at: Option<(usize, usize)>,
    /// Frames above the one that holds the wrapper's arguments.
    above: Option<usize>,
    /// True once the frame that holds the address was left.
    ended: bool,
    /// True if the function right above the wrapper's inner function called that by its address. So
    /// it is the wrapper's outer function; else that one has left no frame, and this is its caller.
    by_inner: bool,
}

impl Walk {
    pub(super) fn to(address: usize, wrapper: Wrapper) -> Walk {
        Walk { address, wrapper, at: None, above: None, ended: false, by_inner: false }
    }

    /// Frames above the one that holds the wrapper's arguments; `None` until that was left.
    pub(super) fn above(&self) -> Option<usize> {
        self.above
    }

    /// True if the frame right above that one is the wrapper's outer function.
    pub(super) fn is_by_inner(&self) -> bool {
        self.by_inner
    }

    /// Takes the next frame. The unwinder's address for a frame is where it begins: its locals lie
    /// at and above it, up to where its caller's frame begins. False if the address lies in the
    /// last one.
    pub(super) fn take(&mut self, begins: usize, ip: usize) -> bool {
        let Walk { address, wrapper, .. } = *self;
        if let Some((last, inner)) = self.at {
            // Another stack, that a coroutine was called from or a signal came on: its addresses
            // say nothing about depth.
            let in_order = last < begins;
            if in_order && (last..begins).contains(&address) {
                self.ended = true;
                return false;
            }
            match self.above {
                Some(n) => self.above = Some(n + 1),
                None if in_order && (last..begins).contains(&wrapper.arguments) => {
                    self.above = Some(1);
                    self.by_inner = called_before(ip).is_some_and(|called| trace::function_of(inner) == Some(called));
                }
                None => {}
            }
        }
        self.at = Some((begins, ip));
        true
    }
}

/// The function that the call before `ip` leads to, if the instruction names it.
fn called_before(ip: usize) -> Option<usize> {
    if cfg!(not(target_arch = "x86_64")) {
        return None;
    }
    let mut call = [0; 5];
    read::read(ip.checked_sub(call.len())?, &mut call)?;
    let [0xe8, distance @ ..] = call else { return None };
    Some(ip.wrapping_add_signed(i32::from_le_bytes(distance) as isize))
}

/// The language of the function there, by its name or its source file.
fn by_symbol(ip: usize) -> Option<Language> {
    #[cfg(test)]
    tests::LOOKED_UP.with(|count| count.set(count.get() + 1));
    let mut language = None;
    resolve(ip, &mut |symbol| {
        // The last one is the function itself; those before it were inlined into it.
        let name = symbol.name().and_then(|name| std::str::from_utf8(name.as_bytes()).ok());
        let file = symbol.filename();
        let rust = name.is_some_and(names::is_rust)
            || file.is_some_and(|file| file.extension().is_some_and(|extension| extension == "rs"));
        let known = name.is_some() || file.is_some();
        language = known.then_some(if rust { Language::Rust } else { Language::C });
    });
    language
}

fn by_personality(ip: usize) -> Option<Language> {
    match trace::personality(ip) {
        Personality::Rusts => Some(Language::Rust),
        Personality::Others => Some(Language::C),
        Personality::None => None,
    }
}

/// Says, once, that checks are lost. In a module without this library there is no Rust of ours.
fn say_lost(ip: usize) {
    let mut ours = false;
    modules::each(&mut |module| {
        let found = module.contains(ip);
        ours |= found && module.contains(say_lost as fn(usize) as usize);
        !found
    });
    if ours {
        say_once(
            "this program is stripped: it is not known whether some variables on the stack are Rust's or C's, so \
             pointers to them are not checked (`strip = \"debuginfo\"` keeps what is needed)",
        );
    }
}

/// What was found out, by return address: the address times four, plus the language. Not a pointer,
/// so that the search of all modules' data takes it for none.
static KNOWN: [AtomicUsize; 1024] = [const { AtomicUsize::new(0) }; 1024];

fn place(ip: usize) -> Option<&'static AtomicUsize> {
    KNOWN.get(ip.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54)
}

fn known(ip: usize) -> Option<Language> {
    let word = place(ip)?.load(Ordering::Relaxed);
    match (word >> 2 == ip, word & 3) {
        (true, 1) => Some(Language::Rust),
        (true, 2) => Some(Language::C),
        _ => None,
    }
}

/// Keeps the language of the function that `ip` is in, if no other can come to its place.
fn remember(ip: usize, language: Language) {
    if ip < 1 << 60
        && trace::stays(ip)
        && let Some(place) = place(ip)
    {
        place.store(ip << 2 | if language == Language::Rust { 1 } else { 2 }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_of_this_test_is_in_a_rust_frame() {
        let local = std::hint::black_box(5_u32);
        for _ in 0..3 {
            assert!(in_rust_frame((&raw const local).addr()));
            assert!(!in_rust_frame(crate::platform::stack::bounds().end - 8));
        }
    }

    thread_local! {
        pub(super) static LOOKED_UP: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[test]
    #[cfg(fast_trace)]
    fn symbols_are_looked_up_once_for_each_place() {
        crate::heap::ready();
        let local = std::hint::black_box(5_u32);
        for _ in 0..100 {
            assert!(in_rust_frame((&raw const local).addr()));
        }
        assert_eq!(LOOKED_UP.get(), 1);
    }

    #[test]
    #[cfg(fast_trace)]
    fn the_walk_meets_what_the_unwinder_meets() {
        crate::heap::ready();
        #[inline(never)]
        fn compare(n: usize) -> usize {
            if n > 0 {
                let room = std::hint::black_box([n; 9]);
                return compare(n - 1) + room[0] - n;
            }
            let (mut walked, mut unwound) = (Vec::new(), Vec::new());
            assert!(trace::each_frame(&mut |begins, ip| {
                walked.push((begins, ip));
                true
            }));
            each_frame(&mut |begins, ip| {
                unwound.push((begins, ip));
                true
            });
            // The innermost goes on at two places, and the outermost has no caller.
            let from = unwound.iter().position(|&(begins, _)| begins == walked[0].0).expect("this frame");
            let common = walked.len().min(unwound.len() - from);
            assert!(common > 10);
            assert_eq!(walked[1..common], unwound[from + 1..from + common]);
            common
        }
        compare(10);
    }

    #[test]
    fn what_is_known_of_an_address_is_of_that_address() {
        let ip = in_rust_frame as fn(usize) -> bool as usize + 3;
        remember(ip, Language::C);
        if trace::stays(ip) {
            assert_eq!(known(ip), Some(Language::C));
        }
        assert_eq!(known(ip + 1), None);
    }
}
