//! The bounds of the calling thread's stack.

use std::ops::Range;

use super::modules;

#[cfg(fast_trace)]
pub(crate) use super::roomy::with_room;
#[cfg(not(fast_trace))]
pub(crate) use crate::platform::other::stack::with_room;

/// Mappings without a gap between them that may be read and written; `below` is the end of the one
/// under them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Stretch {
    below: usize,
    low: usize,
    high: usize,
}

impl Stretch {
    fn contains(&self, address: usize) -> bool {
        (self.low..self.high).contains(&address)
    }
}

/// The code that a signal handler returns to: the C library's call of `rt_sigreturn`, known by its
/// bytes to all unwinders and debuggers. Empty if it is not known on this machine.
pub(crate) const SIGNAL_RETURN: &[u8] = if cfg!(target_arch = "x86_64") {
    &[0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05]
} else if cfg!(target_arch = "aarch64") {
    &[0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4]
} else {
    &[]
};

/// The calling thread's stack as the system mapped it; empty if it cannot be found.
///
/// A thread's range may also hold its thread-local storage, and the main thread's the arguments and
/// the environment: a rule that finds an address in it still asks which frame it is in.
///
/// `pthread_getattr_np` has the answer, but calls `malloc`, and the thread's first guarded call may
/// come from a signal handler that interrupted one. The kernel's list is read without, as far as it
/// tells.
pub(crate) fn bounds() -> Range<usize> {
    let local = 0_u8;
    let here = (&raw const local).addr();
    // SAFETY: neither has a precondition. The address that the kernel left at the start lies above
    // the main thread's stack, and a thread's own record (`pthread_t` is its address in glibc and
    // musl) above every other's.
    let (start, record) = unsafe { (libc::getauxval(libc::AT_RANDOM) as usize, libc::pthread_self() as usize) };
    let mut of = [Stretch::default(); 3];
    let [here_is, start_is, record_is] = &mut of;
    let listed = each_stretch(&mut |stretch| {
        for (address, is) in [(here, &mut *here_is), (start, &mut *start_is), (record, &mut *record_is)] {
            if stretch.contains(address) {
                *is = *stretch;
            }
        }
    });
    let [here_is, start_is, record_is] = of;
    // SAFETY: no precondition.
    let is_first = || unsafe { libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid()) };
    if !listed {
        attributes()
    } else if here_is.contains(record) && here < record {
        // The first thread's record is no part of its stack, and a coroutine's stack may have been
        // mapped right below it. Or this is a child that another thread forked, on whose stack it
        // runs. The C library knows; it calls `malloc`, for this rare case alone.
        if is_first() { attributes() } else { here_is.low..record }
    } else if here_is.contains(start) || is_first() {
        // Neither: this is a signal handler on a separate stack, or a coroutine, and the thread's
        // own stack is elsewhere.
        first_threads(start_is)
    } else {
        record_is.low..record
    }
}

/// The main thread's stack, which grows down to the next mapping or to its limit.
fn first_threads(stretch: Stretch) -> Range<usize> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: 0 };
    // SAFETY: writes into the struct given.
    unsafe { libc::getrlimit(libc::RLIMIT_STACK, &raw mut limit) };
    let most = usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX);
    stretch.high.saturating_sub(most).clamp(stretch.below, stretch.low)..stretch.high
}

/// The bounds by `pthread_getattr_np`.
fn attributes() -> Range<usize> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: the calling thread is alive, and `attributes` has room for what is written.
    if unsafe { libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) } != 0 {
        return 0..0;
    }
    let (mut low, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: `pthread_getattr_np` succeeded, so `attributes` is initialised; it is destroyed once,
    // here.
    let told = unsafe {
        let told = libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut low, &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        told
    };
    if told == 0 { low.addr()..low.addr() + size } else { 0..0 }
}

/// True if these addresses certainly lie on the calling thread's own stack, and this code does not
/// run on the stack of a signal handler. What [`bounds`] says may hold another stack that was
/// mapped beside it. Calls `malloc`: not for signal handlers.
pub(crate) fn surely_holds(addresses: [usize; 2]) -> bool {
    let mut alternative = std::mem::MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: asks, changes nothing, and there is room for the answer.
    if unsafe { libc::sigaltstack(std::ptr::null(), alternative.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: it was filled in.
    if unsafe { alternative.assume_init() }.ss_flags & libc::SS_ONSTACK != 0 {
        return false;
    }
    let is_first = crate::platform::thread::is_first();
    // SAFETY: no precondition.
    let start = unsafe { libc::getauxval(libc::AT_RANDOM) as usize };
    let mut holds = false;
    let listed = is_first
        && each_stretch(&mut |stretch| {
            holds |= stretch.contains(start) && addresses.iter().all(|&address| stretch.contains(address));
        });
    if is_first {
        return listed && holds;
    }
    let own = attributes();
    addresses.iter().all(|address| own.contains(address))
}

/// True if these are the outermost frame of a thread that the system began, and the frame that it
/// called, by where their functions go on. The outermost frame of a coroutine is another one.
pub(crate) fn begins_thread(outermost: usize, called: usize) -> bool {
    /// Bytes of the code with which a program begins: one call.
    const ENTRY: usize = 64;
    if crate::platform::thread::is_first() {
        // SAFETY: no precondition.
        let entry = unsafe { libc::getauxval(libc::AT_ENTRY) as usize };
        return entry != 0 && outermost.wrapping_sub(entry) < ENTRY;
    }
    // The C library's, which has threads in a module of its own or not. In a static executable they
    // are not told from the program's.
    let library = [libc::pthread_join as *const () as usize, libc::getauxval as *const () as usize];
    let ours = begins_thread as fn(usize, usize) -> bool as usize;
    let (mut outer, mut inner) = (false, false);
    modules::each(&mut |module| {
        if library.iter().any(|&it| module.contains(it)) && !module.contains(ours) {
            outer |= module.contains(outermost);
            inner |= module.contains(called);
        }
        true
    });
    outer && inner
}

/// Visits the process's memory as `/proc/self/maps` lists it, without allocating. False if it
/// cannot be read.
fn each_stretch(visit: &mut dyn FnMut(&Stretch)) -> bool {
    // SAFETY: a C string.
    let file = unsafe { libc::open(c"/proc/self/maps".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return false;
    }
    let mut buffer = [0_u8; 512];
    let mut lines = Lines::default();
    loop {
        // SAFETY: a live buffer and its length.
        let read = unsafe { libc::read(file, buffer.as_mut_ptr().cast(), buffer.len()) };
        match usize::try_from(read).ok().and_then(|read| buffer.get(..read)) {
            Some(bytes) if !bytes.is_empty() => bytes.iter().for_each(|&byte| lines.take(byte, visit)),
            _ => break,
        }
    }
    // SAFETY: opened above, closed once.
    unsafe { libc::close(file) };
    lines.end(visit);
    true
}

/// Parses `7ffc…-7ffd… rw-p …`, a byte at a time.
#[derive(Default)]
struct Lines {
    /// The part of the line that comes next: 0 the low address, 1 the high one, 2 and 3 the access,
    /// 4 the rest.
    part: u8,
    low: usize,
    high: usize,
    open: bool,
    stretch: Stretch,
}

impl Lines {
    fn take(&mut self, byte: u8, visit: &mut dyn FnMut(&Stretch)) {
        let digit = char::from(byte).to_digit(16).unwrap_or(0) as usize;
        match (self.part, byte) {
            (_, b'\n') => *self = Lines { stretch: self.stretch, ..Lines::default() },
            (0, b'-') | (1, b' ') => self.part += 1,
            (0, _) => self.low = self.low << 4 | digit,
            (1, _) => self.high = self.high << 4 | digit,
            (2, _) => {
                self.open = byte == b'r';
                self.part = 3;
            }
            (3, _) => {
                self.open &= byte == b'w';
                self.part = 4;
                self.mapping(visit);
            }
            _ => {}
        }
    }

    fn mapping(&mut self, visit: &mut dyn FnMut(&Stretch)) {
        let last = self.stretch;
        if self.open && last.low < last.high && last.high == self.low {
            self.stretch.high = self.high;
            return;
        }
        visit(&last);
        // A mapping that is closed to us is kept as an empty stretch at its end.
        let low = if self.open { self.low } else { self.high };
        self.stretch = Stretch { below: last.high, low, high: self.high };
    }

    fn end(&self, visit: &mut dyn FnMut(&Stretch)) {
        visit(&self.stretch);
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, Stretch};

    #[test]
    fn mappings_that_touch_are_one_unless_one_is_closed() {
        let text = "1000-2000 rw-p 00000000 00:00 0 \n2000-3000 rw-p 0 00:00 0 [a b]\n3000-4000 ---p 0 00:00 0\n\
                    4000-6000 rw-p 0 00:00 0\n8000-9000 rw-p 0 00:00 0\n";
        let mut stretches = Vec::new();
        let mut lines = Lines::default();
        text.bytes().for_each(|byte| lines.take(byte, &mut |stretch| stretches.push(*stretch)));
        lines.end(&mut |stretch| stretches.push(*stretch));
        stretches.retain(|stretch| stretch.low < stretch.high);
        assert_eq!(
            stretches,
            [
                Stretch { below: 0, low: 0x1000, high: 0x3000 },
                Stretch { below: 0x4000, low: 0x4000, high: 0x6000 },
                Stretch { below: 0x6000, low: 0x8000, high: 0x9000 },
            ]
        );
    }

    #[test]
    fn the_names_of_mappings_say_nothing_of_stretches() {
        let long = format!("/{}", "1000-2000 rw-p/".repeat(300));
        let text = format!(
            "1000-2000 rw-p 00000000 08:01 77   /opt/my app/5000-6000 rw-p (deleted)\n\
             2000-3000 rw-p 00000000 08:01 77   {long}\n4000-5000 r-xp 00000000 08:01 77 /a\n\
             5000-6000 rw-p 00000000 00:00 0 [anon:a-b 9000-a000 rw-p]\n"
        );
        let mut stretches = Vec::new();
        let mut lines = Lines::default();
        text.bytes().for_each(|byte| lines.take(byte, &mut |stretch| stretches.push(*stretch)));
        lines.end(&mut |stretch| stretches.push(*stretch));
        stretches.retain(|stretch| stretch.low < stretch.high);
        let expected =
            [Stretch { below: 0, low: 0x1000, high: 0x3000 }, Stretch { below: 0x5000, low: 0x5000, high: 0x6000 }];
        assert_eq!(stretches, expected);
    }

    #[test]
    fn every_threads_stack_holds_its_locals_and_no_others() {
        fn check() -> std::ops::Range<usize> {
            let local = 1;
            let bounds = super::bounds();
            assert!(bounds.contains(&(&raw const local).addr()), "{bounds:x?}");
            let boxed = Box::new(1);
            assert!(!bounds.contains(&(&raw const *boxed).addr()));
            bounds
        }
        let here = check();
        let there = std::thread::Builder::new().stack_size(1 << 20).spawn(check).unwrap().join().unwrap();
        assert!(here.end <= there.start || there.end <= here.start, "{here:x?} {there:x?}");
        assert!(there.len() >= (1 << 20) - (1 << 15), "{there:x?}");
    }
}
