//! A fault in the heap's memory: which block, who touched it, and whether the process goes on. Runs
//! in a signal handler.

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::freeing;
use super::who::{self, CodePlace};
use crate::config::{OnViolation, settings};
use crate::facts::{BlockFacts, By, Code, FRAMES, GivenTo, LastLoan, Touch};
use crate::heap::{self, Block, trace};
use crate::platform::fault::{Answer, Fault, in_a_copy, pause};
use crate::platform::thread;
use crate::reentry::{self, Reentry};
use crate::report::fault;
use crate::retention::lent_by;
use crate::rule::{Rule, Severity};

/// Frames that are asked for the function that works for itself: the C library's formatting goes
/// deep.
const CALLERS: usize = 12;

/// Seconds of the processor's that the full report may take: large programs have much debug
/// information.
pub(super) const PATIENCE: u32 = 30;

/// The thread that reports a fault at the moment; 0 for none. If the process ends, it stays set,
/// and all other threads wait.
static TELLING: AtomicU32 = AtomicU32::new(0);
/// The last faulting address whose block turned out to be accessible.
static AGAIN: AtomicUsize = AtomicUsize::new(0);

/// The answer to a fault, as the owner of the heap's memory.
pub(super) fn answer(fault: &Fault) -> Answer {
    let Some(block) = heap::around(fault.address) else { return freeing::answer_elsewhere(fault) };
    let opened = || if heap::open_around(fault.address) { Answer::GoOn } else { Answer::NotMine };
    if reentry::inside() {
        // The guard itself looks at a block that another thread frees meanwhile: no mistake of the
        // program's.
        return opened();
    }
    if block.live && fault.address.wrapping_sub(block.start) < block.size {
        // The block was given out since, and now the instruction succeeds; or the program has
        // closed its own pages.
        let again = AGAIN.swap(fault.address, Ordering::Relaxed) == fault.address;
        return if again { Answer::NotMine } else { Answer::GoOn };
    }
    if let Some(to) = freeing::given_to(fault, &block) {
        return freeing::answer(fault, &block, to, opened);
    }
    let rule = if block.live { Rule::BufferOverflow } else { Rule::UseAfterFree };
    let severity = settings().severity_of(rule);
    if severity == Severity::Allow {
        return opened();
    }
    tell_once(fault, About::of(&block), severity, opened)
}

/// The memory that was touched.
pub(super) struct About {
    pub(super) block: BlockFacts,
    pub(super) lent: Option<LastLoan>,
    pub(super) copy: Option<&'static str>,
    pub(super) given_to: Option<GivenTo>,
}

impl About {
    pub(super) fn of(block: &Block) -> About {
        About { block: BlockFacts::of(block), lent: lent_by::last(block), copy: None, given_to: None }
    }
}

/// Makes this thread the one that reports a fault. False if another one was: the instruction is
/// tried again when that has ended.
pub(super) fn is_first() -> bool {
    if TELLING.compare_exchange(0, thread::id().max(1), Ordering::AcqRel, Ordering::Acquire).is_ok() {
        return true;
    }
    while TELLING.load(Ordering::Acquire) != 0 {
        pause();
    }
    false
}

/// Lets another thread report a fault.
pub(super) fn next() {
    TELLING.store(0, Ordering::Release);
}

/// Reports a fault, one thread at a time. If the process is to go on, `opened` makes that possible.
pub(super) fn tell_once(fault: &Fault, about: About, severity: Severity, opened: impl FnOnce() -> Answer) -> Answer {
    let _inside = Reentry::enter();
    if !is_first() {
        return Answer::GoOn;
    }
    let goes_on = about.given_to.is_none();
    tell(fault, about, severity);
    // An allocator that has begun to free an address that is no block of its own cannot go on.
    if goes_on && (severity == Severity::Warn || settings().on_violation == OnViolation::Report) {
        let answer = opened();
        next();
        return answer;
    }
    Answer::End
}

/// Whose code it was, and the frame that says so if that is not the first: the first that does not
/// work for others.
pub(super) fn owner(code: &Code<'_>, frames: &[usize]) -> (By, Option<CodePlace>) {
    let mut by = who::whose(code);
    let mut outer = None;
    for &address in frames.iter().skip(1).take(CALLERS) {
        if by.is_some() {
            break;
        }
        // The call, which ends before the return address.
        let place = CodePlace::of(address - 1);
        by = who::whose(&place.code());
        outer = Some(place);
    }
    (by.unwrap_or(By::Unknown), outer)
}

fn tell(fault: &Fault, about: About, severity: Severity) {
    let About { block, lent, copy, given_to } = about;
    let mut addresses = [0; FRAMES];
    let len = trace::of_fault(fault.ip, fault.sp, fault.bp, &mut addresses);
    let frames = addresses.get(..len).unwrap_or_default();
    let place = CodePlace::of(fault.ip);
    let code = place.code();
    let (by, outer) = owner(&code, frames);
    let touch = Touch {
        severity,
        address: fault.address,
        access: fault.access,
        block,
        by,
        thread: thread::id(),
        frames,
        place: code,
        caller: outer.as_ref().map(CodePlace::code),
        lent,
        copy,
        given_to,
    };
    fault::note(&touch);
    if given_to.is_some() {
        if !in_a_copy(freeing::in_the_copy, (&raw const touch).cast_mut().cast(), PATIENCE) {
            fault::write(&touch);
            fault::without_names(&touch);
            fault::summary(&touch);
        }
        return;
    }
    fault::write(&touch);
    if !in_a_copy(in_the_copy, (&raw const touch).cast_mut().cast(), PATIENCE) {
        fault::without_names(&touch);
    }
    fault::summary(&touch);
}

fn in_the_copy(touch: *mut c_void) -> bool {
    // SAFETY: `tell` passes a `Touch`, and keeps it until this returns.
    fault::tell(unsafe { &*touch.cast::<Touch<'_>>() });
    true
}
