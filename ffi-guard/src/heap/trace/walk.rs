//! The walk from frame to frame by rules, in a few nanoseconds each.
//!
//! It reads what the unwinder would read, in the same order, and nothing else: the return address
//! of a frame, and the saved frame pointer where one is. So it is as safe as the unwinder is, on
//! any stack and in a signal handler.

use super::rules::{self, Rule};

/// What a frame is known by: everything that a [`Rule`] starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registers {
    /// Where the code goes on.
    pub(super) ip: usize,
    /// The stack pointer there.
    pub(super) sp: usize,
    /// The frame pointer there, or whatever the program keeps in that register.
    pub(super) bp: usize,
}

/// A word of the stack that the walk read, and that decided where it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) address: usize,
    pub(super) word: usize,
}

/// Reads that are kept of one walk.
pub(super) const READS: usize = 44;

/// Where a walk went and why.
pub(super) struct Trail<'a> {
    /// Return addresses, innermost first.
    pub(super) frames: &'a mut [usize],
    pub(super) len: usize,
    /// What decided it, in the order in which it was read. A frame pointer that no rule asked for
    /// decides nothing, and is left out: it may hold a loop's counter.
    pub(super) reads: [Read; READS],
    /// How many; more than there is room for if they did not fit.
    pub(super) read: usize,
    /// Whether the frame pointer that the walk began with decided anything.
    pub(super) by_first_bp: bool,
}

impl<'a> Trail<'a> {
    pub(super) fn new(frames: &'a mut [usize]) -> Trail<'a> {
        Trail { frames, len: 0, reads: [Read::default(); READS], read: 0, by_first_bp: false }
    }

    fn add(&mut self, read: Read) {
        if let Some(place) = self.reads.get_mut(self.read) {
            *place = read;
        }
        self.read += 1;
    }

    /// Walks until all places for frames are taken, or the outermost frame is reached. False if a
    /// frame has no rule: the unwinder must be asked for all of it.
    pub(super) fn walk(&mut self, from: Registers) -> bool {
        let Registers { mut ip, mut sp, mut bp } = from;
        // The read that the frame pointer came from, until it has decided something.
        let mut origin: Option<Read> = None;
        let mut is_first = true;
        while let Some(place) = self.frames.get_mut(self.len) {
            *place = ip;
            self.len += 1;
            if self.len == self.frames.len() {
                return true;
            }
            let (by_frame_pointer, up, saved) = match rules::of(ip) {
                Rule::Caller { by_frame_pointer, up, saved } => (by_frame_pointer, up, saved),
                Rule::End => return true,
                Rule::Unsupported => return false,
            };
            let base = if by_frame_pointer { bp } else { sp };
            if by_frame_pointer {
                self.by_first_bp |= is_first;
                if let Some(read) = origin.take() {
                    self.add(read);
                }
            }
            let Some(above) = base.checked_add(up).filter(|&above| above > sp && above % 8 == 0) else { return false };
            ip = read(above - 8);
            self.add(Read { address: above - 8, word: ip });
            if saved != 0 {
                bp = read(above - saved);
                origin = Some(Read { address: above - saved, word: bp });
                is_first = false;
            }
            sp = above;
            if ip == 0 {
                return true;
            }
        }
        true
    }
}

/// Calls `visit` with where each frame begins and goes on, innermost first, until it says false or
/// there is no other. False if a frame has no rule: those above it are not visited.
pub(super) fn each(from: Registers, visit: &mut dyn FnMut(usize, usize) -> bool) -> bool {
    let Registers { mut ip, mut sp, mut bp } = from;
    while visit(sp, ip) {
        let Some((above, saved)) = step(ip, sp, bp) else { return false };
        let Some(above) = above else { return true };
        ip = read(above - 8);
        if saved != 0 {
            bp = read(above - saved);
        }
        sp = above;
        if ip == 0 {
            return true;
        }
    }
    true
}

/// Where the caller's frame begins, if there is one and the frame has a rule.
pub(super) fn caller_begins(ip: usize, sp: usize, bp: usize) -> Option<usize> {
    step(ip, sp, bp)?.0
}

/// Where the caller's frame begins (`None` if there is no caller), and how far below that its frame
/// pointer was saved. `None` if the frame has no rule.
#[inline(always)]
fn step(ip: usize, sp: usize, bp: usize) -> Option<(Option<usize>, usize)> {
    match rules::of(ip) {
        Rule::Caller { by_frame_pointer, up, saved } => {
            let base = if by_frame_pointer { bp } else { sp };
            let above = base.checked_add(up).filter(|&above| above > sp && above % 8 == 0)?;
            Some((Some(above), saved))
        }
        Rule::End => Some((None, 0)),
        Rule::Unsupported => None,
    }
}

/// A word of a frame that is active now.
#[inline(always)]
pub(super) fn read(address: usize) -> usize {
    // SAFETY: aligned (checked by the walk), and a place that the description of a frame of this
    // thread's stack says holds its return address or a saved register. Volatile, because the
    // compiler knows of no such object.
    unsafe { std::ptr::with_exposed_provenance::<usize>(address).read_volatile() }
}
