//! Setting the heap up, on the first allocation.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{cache, fork, fresh, paged, quarantine, region, resting, sampled, spare, trace, warm};
use crate::config::Backtrace;
use crate::level::{self, Level};
use crate::platform::{fault, loaded, process, symbols, thread};
use crate::reentry::Reentry;

/// Quarantine of the process from level 2 on, unless `GUARD_QUARANTINE` says otherwise.
const QUARANTINE: usize = 64 << 20;
/// What a thread gathers before it goes to the process-wide quarantine.
const BATCH: usize = 64 << 10;
/// Bytes that wait in each bin of each thread at level 1, without a quarantine for the process.
/// Small, so that a block freed and its entry are still in the first or second cache when they come
/// back: see docs/design/heap.md.
const DELAY: usize = 16 << 10;
/// Freed blocks of C's that wait at level 3, without memory: up to 8 MiB of page tables.
#[cfg(feature = "c-heap")]
const RESTING_OF_C: usize = 1 << 16;

static READY: AtomicBool = AtomicBool::new(false);

/// Sets the heap up on first use. False if the system has no memory for it.
pub(crate) fn ready() -> bool {
    READY.load(Ordering::Acquire) || start()
}

#[cold]
fn start() -> bool {
    let _inside = Reentry::enter();
    let mut first = false;
    let ready = fork::START.with(|()| {
        if READY.load(Ordering::Acquire) {
            return true;
        }
        first = true;
        // This crate's own tests drive the heap itself, whatever the level.
        let level = if cfg!(test) { Level::Full } else { level::tracking() };
        let settings = crate::config::settings();
        if !region::reserve() {
            process::write_stderr(
                b"ffi-guard: no 64 MiB of address space for the Rust heap (ulimit -v?): raise the limit or set GUARD=0\n",
            );
            process::exit_now(2);
        }
        let checks_blocks = level >= Level::Full;
        let delay = (!checks_blocks && settings.quarantine.is_none()).then_some(DELAY);
        let limit = settings.quarantine.unwrap_or(QUARANTINE);
        let paged = level == Level::Paged;
        if paged {
            paged::set_up(limit);
            #[cfg(feature = "c-heap")]
            resting::set_up(super::class::C, RESTING_OF_C);
        }
        // If all blocks have pages of their own, there is nothing to choose.
        let sample = if paged || !fault::SUPPORTED { 0 } else { u32::try_from(settings.sample).unwrap_or(u32::MAX) };
        if sample != 0 {
            paged::set_up_few(limit, sampled::MOST);
            (0..super::class::ALL).step_by(super::class::COUNT).for_each(|side| resting::set_up(side, sampled::RESTING));
        }
        if !cache::set_up(cache::Plan { checks_blocks, paged, sample, delay, c_delay: DELAY, ring: BATCH.min(limit / 8) })
            || (delay.is_none() && !quarantine::set_up(limit))
        {
            process::write_stderr(b"ffi-guard: no memory for the Rust heap's own lists: raise the limit or set GUARD=0\n");
            process::exit_now(2);
        }
        if (checks_blocks || sample != 0) && settings.backtrace != Backtrace::Off {
            trace::set_up(settings.backtrace == Backtrace::Full);
        }
        if delay.is_some() {
            warm::set_up(sample == 0);
        }
        if checks_blocks {
            warm::set_up_empty();
            spare::set_up();
            fresh::set_up();
        }
        #[cfg(feature = "c-heap")]
        super::under::set_up();
        symbols::set_aside();
        fork::set_up();
        READY.store(true, Ordering::Release);
        true
    });
    if first {
        // After the fork handlers, and with the lock open: this goes through the gate.
        trace::note_modules();
        // Hooks of threads, handlers of signals and all blocks lead into this module from here on.
        loaded::stay();
        thread::ask_who_is_alone();
    }
    ready
}
