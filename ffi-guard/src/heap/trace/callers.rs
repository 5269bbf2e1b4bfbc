//! The frames of the calling thread, and the functions that they are of, by the descriptions that
//! unwinders use: for questions that keep no backtrace.

#[cfg(fast_trace)]
pub(crate) use described::{Personality, caller_begins, each_frame, function_of, personality, stays};
#[cfg(not(fast_trace))]
pub(crate) use unknown::{Personality, caller_begins, each_frame, function_of, personality, stays};

#[cfg(fast_trace)]
mod described {
    use super::super::walk::{self, Registers};
    use super::super::{function, rules};

    pub(crate) use function::{Personality, function_of, personality};
    pub(crate) use rules::stays;

    /// Where the caller's frame begins, of the frame that goes on at `ip` and begins at `sp`; `bp`
    /// is the frame pointer there. `None` if that is not known.
    pub(crate) fn caller_begins(ip: usize, sp: usize, bp: usize) -> Option<usize> {
        rules::set_up();
        walk::caller_begins(ip, sp, bp)
    }

    /// Calls `visit(begins, ip)` for the caller's frame and each one above it, until it says false
    /// or there is no other: where the frame begins, and where its function goes on. False if a
    /// frame could not be left: those above it were not visited. At any level, and not with a lock
    /// of the heap held.
    pub(crate) fn each_frame(visit: &mut dyn FnMut(usize, usize) -> bool) -> bool {
        rules::set_up();
        let mut visit = visit;
        from_here(&raw mut visit)
    }

    /// Visits the frame of [`each_frame`], and those above it.
    ///
    /// The function's own machine code is written out here, because the registers with which the
    /// caller goes on are known before a compiler's first instruction only.
    #[unsafe(naked)]
    extern "sysv64" fn from_here(visit: *mut &mut dyn FnMut(usize, usize) -> bool) -> bool {
        std::arch::naked_asm!(
            "mov rsi, qword ptr [rsp]",
            "lea rdx, [rsp + 8]",
            "mov rcx, rbp",
            "jmp {from}",
            from = sym from,
        )
    }

    extern "sysv64" fn from(visit: *mut &mut dyn FnMut(usize, usize) -> bool, ip: usize, sp: usize, bp: usize) -> bool {
        // SAFETY: `each_frame` passes its own, which nothing else uses meanwhile.
        let visit = unsafe { &mut *visit };
        walk::each(Registers { ip, sp, bp }, visit)
    }
}

/// Where the descriptions cannot be read.
#[cfg(not(fast_trace))]
mod unknown {
    /// The routine that unwinds a function.
    #[allow(dead_code, reason = "what is known elsewhere")]
    pub(crate) enum Personality {
        Rusts,
        Others,
        None,
    }

    /// The first byte of a function: not known.
    pub(crate) fn function_of(_ip: usize) -> Option<usize> {
        None
    }

    /// The routine that unwinds a function: not known.
    pub(crate) fn personality(_ip: usize) -> Personality {
        Personality::None
    }

    /// Whether an address lies in the code of a module that stays loaded: not known of any.
    pub(crate) fn stays(_address: usize) -> bool {
        false
    }

    /// Where the caller's frame begins: not known.
    pub(crate) fn caller_begins(_ip: usize, _sp: usize, _bp: usize) -> Option<usize> {
        None
    }

    /// Visits nothing, and returns false.
    pub(crate) fn each_frame(_visit: &mut dyn FnMut(usize, usize) -> bool) -> bool {
        false
    }
}
