//! The frames of the calling thread's stack, by the unwinder.

use super::names;
use crate::call::thread;
use crate::platform::stack::SIGNAL_RETURN;
use crate::platform::{self, read, symbols};

/// The frames on the stack between here and a frame further up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Between {
    /// All are Rust's.
    Rust,
    /// Some are C's, and only C's functions know whether they let a panic through.
    C,
    /// A signal interrupted the frames above.
    Signal,
}

/// The calling thread's name, if it has one.
///
/// Not for signal handlers, since `std::thread::current` may call C's `malloc`. It also panics once
/// the thread's own destructors have run, as the main thread's have by the time exit handlers run.
pub(crate) fn thread_name() -> Option<String> {
    if platform::thread::is_first() {
        return Some("main".to_owned());
    }
    if between(None) == Between::Signal {
        return None;
    }
    std::panic::catch_unwind(|| std::thread::current().name().map(str::to_owned)).ok().flatten()
}

/// Looks at the frames from the caller's up to the one that holds the address `until`, or at all.
pub(crate) fn between(until: Option<usize>) -> Between {
    let mut between = Between::Rust;
    let mut wrappers = Wrappers::default();
    each_frame(&mut |begins, ip| {
        if until.is_some_and(|until| begins > until) {
            return false;
        }
        if is_signal_return(ip) {
            between = Between::Signal;
        } else if until.is_some() && between == Between::Rust && is_foreign(ip, &mut wrappers) {
            between = Between::C;
        }
        between != Between::Signal
    });
    between
}

/// True if C called the Rust code that runs now: a frame of C's is between here and where the
/// thread, or `main`, began in Rust. So it is for all that a C thread or a C `main` calls. A frame
/// without a symbol counts as Rust's.
pub(crate) fn called_by_c() -> bool {
    let mut by_c = false;
    each_frame(&mut |_, ip| {
        let (mut known, mut rust, mut outermost) = (false, false, false);
        resolve(ip, &mut |symbol| {
            let Some(name) = symbol.name().and_then(|name| std::str::from_utf8(name.as_bytes()).ok()) else { return };
            known = true;
            // std calls a thread's own function by this, and `main` too.
            outermost |= name.contains("__rust_begin_short_backtrace");
            rust = names::is_rust(name)
                || name.starts_with("__rust")
                || symbol.filename().is_some_and(|file| file.extension().is_some_and(|e| e == "rs"));
        });
        by_c = known && !rust;
        !by_c && !outermost
    });
    by_c
}

/// Calls `visit(begins, ip)` for each frame, innermost first, until it says false.
pub(super) fn each_frame(visit: &mut dyn FnMut(usize, usize) -> bool) {
    #[cfg(test)]
    WALKS.with(|walks| walks.set(walks.get() + 1));
    // SAFETY: the unwinders of Linux and macOS need no synchronisation, and the callback does not
    // unwind. `trace` would take a lock, and a signal handler that interrupts its holder would wait
    // for itself.
    unsafe { backtrace::trace_unsynchronized(|frame| visit(frame.sp().addr(), frame.ip().addr())) };
}

#[cfg(test)]
thread_local! {
    /// Walks that this thread has made.
    pub(crate) static WALKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

pub(super) fn resolve(ip: usize, visit: &mut dyn FnMut(&backtrace::Symbol)) {
    thread::with_room(|| symbols::resolve(ip, visit));
}

/// True if a signal handler returns to this address.
pub(super) fn is_signal_return(ip: usize) -> bool {
    let mut code = [0; 9];
    let Some(code) = code.get_mut(..SIGNAL_RETURN.len()) else { return false };
    !SIGNAL_RETURN.is_empty() && read::read(ip, code).is_some() && *code == *SIGNAL_RETURN
}

/// The wrappers of guarded functions that were met so far. The two functions of a wrapper may leave
/// a frame each, or only one of them does.
#[derive(Default)]
struct Wrappers {
    seen: usize,
    /// True if the last frame was that of the inner function, which the outer one calls.
    inner: bool,
}

impl Wrappers {
    fn meet(&mut self, name: &str) {
        let inner = name.contains("__ffi_guard_closely");
        let outer = !inner && name.contains("__ffi_guard_checked");
        self.seen += usize::from(inner || outer && !self.inner);
        self.inner = inner;
    }
}

/// True if the function there is known not to be Rust's, or if it is one more wrapper of a guarded
/// function than the innermost: the function that it called may have left no frame, if it ended by
/// calling back.
fn is_foreign(ip: usize, wrappers: &mut Wrappers) -> bool {
    let (mut known, mut rust) = (false, false);
    resolve(ip, &mut |symbol| {
        let Some(name) = symbol.name().and_then(|name| std::str::from_utf8(name.as_bytes()).ok()) else { return };
        known = true;
        wrappers.meet(name);
        // `catch_unwind` is made of `__rust_try`.
        rust = names::is_rust(name)
            || name.starts_with("__rust")
            || symbol.filename().is_some_and(|file| file.extension().is_some_and(|e| e == "rs"));
    });
    known && (!rust || wrappers.seen > 1)
}
