//! What the attribute knows of a foreign function: written by `#[guard]` into a static, read at
//! each crossing.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use super::kinds::Kind;
use super::tally::Tally;
use crate::rule::Severities;

/// One guarded foreign function, as declared. Everything here is a constant of the program.
#[derive(Debug)]
pub struct Declaration {
    /// The Rust name, without `r#`.
    pub name: &'static str,
    /// `module_path!()` of the block.
    pub module: &'static str,
    /// File of the declaration.
    pub file: &'static str,
    /// Line of the function's name, from 1.
    pub line: u32,
    /// Column of the function's name, from 1.
    pub column: u32,
    /// The parameters, in order.
    pub parameters: &'static [Parameter],
    /// `returns(owned)`: what comes back is Rust's to free.
    pub returns_owned: bool,
    /// `returns(..)`, and `retained` on a callback: what is said of the result.
    pub result: Contract,
    /// Rust's, and C calls it: what it is handed comes from C, and its result goes there.
    pub callback: bool,
    /// The wrapper has C's ABI: a violation cannot unwind out of it.
    pub keep_abi: bool,
    /// Severities of the block and, over them, of the function.
    pub severities: Severities,
}

impl Declaration {
    /// A function of this crate, without parameters, declared in the calling line.
    #[track_caller]
    pub(crate) const fn internal(name: &'static str) -> Declaration {
        let here = Location::caller();
        Declaration {
            name,
            module: "ffi_guard",
            file: here.file(),
            line: here.line(),
            column: 1,
            parameters: &[],
            returns_owned: false,
            result: Contract::NONE,
            callback: false,
            keep_abi: false,
            severities: Severities::NONE,
        }
    }
}

/// One parameter, as declared.
#[derive(Debug)]
pub struct Parameter {
    /// Its name; `argN` (N from 1) where the pattern is `_`.
    pub name: &'static str,
    /// Its type as written, tokens joined the way rustfmt would.
    pub ty: &'static str,
    /// The text of the expression behind `counted_by` or `sized_by`; empty without one.
    pub extent: &'static str,
    /// What its attributes say.
    pub contract: Contract,
    /// Severities of this parameter alone.
    pub severities: Severities,
}

/// What the attributes of a parameter promise, as a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract(u16);

macro_rules! contract {
    ($($(#[$doc:meta])* $set:ident, $get:ident = $bit:literal, $told_by:ident, $place:ident;)*) => {
        impl Contract {
            /// No attribute.
            pub const NONE: Contract = Contract(0);
            /// The attributes that `boundary::inspect` tells the outcome of.
            const INSPECTED: u16 = 0 $(| contract!(@$told_by $bit))*;
            /// The attributes under which C may be given a copy.
            const MOVABLE: u16 = 0 $(| contract!(@$place $bit))*;
            $($(#[$doc])* #[must_use] pub const fn $set(self) -> Contract { Contract(self.0 | 1 << $bit) }
            /// Whether it is set.
            #[must_use] pub const fn $get(self) -> bool { self.0 & 1 << $bit != 0 })*
        }
    };
    (@inspected $bit:literal) => { 1 << $bit };
    (@rules $bit:literal) => { 0 };
    (@movable $bit:literal) => { 1 << $bit };
    (@in_place $bit:literal) => { 0 };
}

// Each attribute says two things, so that none can be forgotten. Who tells whether an argument
// under it is in order: `inspected`, if a glance does (`boundary/inspect.rs`, which must know it
// then), or the `rules` alone. And whether C may be given a copy of what it leads to: `movable`, or
// `in_place`.
contract! {
    /// `counted_by = n` or `sized_by = n`: the extent is stated.
    stated, is_stated = 0, inspected, movable;
    /// `cstr`: a NUL-terminated string.
    cstr, is_cstr = 1, inspected, movable;
    /// `nonnull`: null is a violation.
    nonnull, is_nonnull = 2, inspected, movable;
    /// `out`: C fills it in.
    out, is_out = 3, inspected, movable;
    /// `opaque`: user data that C only hands back.
    opaque, is_opaque = 4, inspected, in_place;
    /// `copied`: C works on a copy between guard pages. (A function that copies is never on the
    /// fast path.)
    copied, is_copied = 5, inspected, movable;
    /// `thread_bound`: belongs to the thread that got it from C.
    thread_bound, is_thread_bound = 6, rules, in_place;
    /// `retained`: C may keep it. (A function that lets C keep something is never on the fast
    /// path.)
    retained, is_retained = 7, inspected, in_place;
    /// `owned`: ownership goes to C. (Likewise.)
    owned, is_owned = 8, inspected, in_place;
}

impl Contract {
    /// Whether a glance tells of every attribute that is set.
    #[inline(always)]
    pub(crate) const fn is_inspected(self) -> bool {
        self.0 & !Contract::INSPECTED == 0
    }

    /// Whether C may be given a copy under every attribute that is set.
    pub(crate) const fn is_movable(self) -> bool {
        self.0 & !Contract::MOVABLE == 0
    }
}

/// A guarded foreign function: the declaration, and what was settled about it at run time.
#[derive(Debug)]
pub struct Function {
    /// What the attribute wrote.
    pub declaration: &'static Declaration,
    /// The types of its arguments and, behind them, of its result, where it has one. None of what C
    /// calls.
    pub(crate) kinds: &'static [Kind],
    /// A [`CheckMode`], 0 until the first crossing.
    mode: AtomicU8,
    /// Whether some parameter lets C keep what it is lent, by its contract. Valid once the standing
    /// is settled.
    lets_keep: AtomicBool,
    /// Which parameters let C keep what they lend by `allow(retained_pointer)`, by bits; the last
    /// one stands for those behind it. Valid as the one before.
    allows: AtomicU32,
    /// Whether C hands out objects that belong to the calling thread. Valid as the one before.
    binds: AtomicBool,
    /// Whether some argument may be copied. Valid as the one before.
    copies: AtomicBool,
    /// Which parameters lend it something to read that could be compared, by bits; the last one
    /// stands for those behind it. Valid as the one before.
    compares: AtomicU32,
    /// Whether its calls may take the fast path: nothing that C hands out is noted, no crossing
    /// logged, no argument copied. Not until the standing is settled.
    fast: AtomicBool,
    /// Calls that were looked after at once because they were among the first.
    looks: AtomicU8,
    /// Freed blocks that were looked for at once because they were among the first that it let C
    /// keep.
    freed: AtomicU8,
    /// What statistics keep of it.
    pub(crate) tally: Tally,
}

/// So many calls of each function are looked after at once, whatever that costs: what a function
/// does with a pointer it mostly does the first time.
const FIRST: u8 = 64;
/// Where C's heap is large, a look at so many bytes of it counts as one more: 64 looks at 256 MiB
/// would be seconds.
const BYTES_A_LOOK: usize = 4 << 20;

/// The last bit of what is settled of parameters one by one: those behind it share it, and each is
/// asked about anew.
pub(crate) const LAST_MARK: usize = 31;

/// What the settings make of a function; settled once, at its first crossing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum CheckMode {
    /// Not settled yet.
    Unsettled = 0,
    /// `GUARD_CRATES` leaves its crate out.
    LeftOut = 1,
    /// Checked.
    Checked = 2,
    /// Checked, and each crossing logged (`GUARD_TRACE`).
    Traced = 3,
    /// Checked, and arguments may be copied.
    Copies = 4,
}

impl Function {
    /// A function that was not called yet.
    #[must_use]
    pub const fn new(declaration: &'static Declaration) -> Function {
        Function {
            declaration,
            kinds: &[],
            mode: AtomicU8::new(0),
            lets_keep: AtomicBool::new(false),
            allows: AtomicU32::new(0),
            binds: AtomicBool::new(false),
            copies: AtomicBool::new(false),
            compares: AtomicU32::new(0),
            fast: AtomicBool::new(false),
            looks: AtomicU8::new(0),
            freed: AtomicU8::new(0),
            tally: Tally::new(),
        }
    }

    /// The same with a place for each of its kinds.
    #[must_use]
    pub const fn with_kinds(self, kinds: &'static [Kind]) -> Function {
        Function { kinds, ..self }
    }

    /// What is settled so far.
    #[inline]
    pub(crate) fn mode(&self) -> CheckMode {
        match self.mode.load(Ordering::Acquire) {
            0 => CheckMode::Unsettled,
            1 => CheckMode::LeftOut,
            2 => CheckMode::Checked,
            3 => CheckMode::Traced,
            _ => CheckMode::Copies,
        }
    }

    /// Whether a call now is among the first; counts it.
    pub(crate) fn is_among_the_first(&self) -> bool {
        is_among_the_first(&self.looks)
    }

    /// Whether a block that is freed now is among the first that it let C keep; counts it.
    pub(crate) fn is_among_the_first_freed(&self) -> bool {
        is_among_the_first(&self.freed)
    }

    /// A look has read so many bytes of C's heap.
    pub(crate) fn looked(&self, bytes: usize) {
        let more = u8::try_from(bytes / BYTES_A_LOOK).unwrap_or(FIRST);
        if more > 0 {
            self.looks.store(self.looks.load(Ordering::Relaxed).saturating_add(more).min(FIRST), Ordering::Relaxed);
        }
    }

    /// Whether a call now would not be among the first.
    #[inline]
    pub(crate) fn is_past_the_first(&self) -> bool {
        self.looks.load(Ordering::Relaxed) >= FIRST
    }

    /// Whether some parameter lets C keep what it is lent, by its contract.
    #[inline]
    pub(crate) fn lets_keep(&self) -> bool {
        self.lets_keep.load(Ordering::Relaxed)
    }

    /// Whether some parameter lets C keep what it is lent because the rule is allowed.
    #[inline]
    pub(crate) fn allows(&self) -> bool {
        self.allows.load(Ordering::Relaxed) != 0
    }

    /// Whether each of them does: there is nothing to look for. Not told of a function with more
    /// parameters than bits.
    #[inline]
    pub(crate) fn allows_all(&self) -> bool {
        let parameters = self.declaration.parameters.len();
        parameters <= LAST_MARK
            && self.allows()
            && self.allows.load(Ordering::Relaxed).count_ones() as usize == parameters
    }

    /// Whether this one does.
    #[inline]
    pub(crate) fn allows_parameter(&self, index: usize) -> bool {
        self.allows.load(Ordering::Relaxed) >> index.min(LAST_MARK) & 1 != 0
    }

    /// Whether what C hands out is noted, when it has returned.
    #[inline]
    pub(crate) fn binds(&self) -> bool {
        self.binds.load(Ordering::Relaxed)
    }

    /// Whether some argument may be copied.
    #[inline]
    pub(crate) fn copies(&self) -> bool {
        self.copies.load(Ordering::Relaxed)
    }

    /// Settles that, before everything else is settled.
    pub(crate) fn settle_copies(&self, copies: bool) {
        self.copies.store(copies, Ordering::Relaxed);
    }

    /// Whether something that it is lent to read could be compared, when it has returned.
    #[inline]
    pub(crate) fn compares(&self) -> bool {
        self.compares.load(Ordering::Relaxed) != 0
    }

    /// Whether it is lent something by this parameter.
    #[inline]
    pub(crate) fn compares_parameter(&self, index: usize) -> bool {
        self.compares.load(Ordering::Relaxed) >> index.min(LAST_MARK) & 1 != 0
    }

    /// Whether the short way may be tried.
    #[inline(always)]
    pub(crate) fn may_be_fast(&self) -> bool {
        self.fast.load(Ordering::Acquire)
    }

    /// Settles it. Two threads that race here store the same value.
    pub(crate) fn settle(&self, standing: CheckMode, (lets_keep, allows): (bool, u32), binds: bool, compares: u32) {
        self.allows.store(allows, Ordering::Relaxed);
        self.compares.store(compares, Ordering::Relaxed);
        self.binds.store(binds, Ordering::Relaxed);
        self.lets_keep.store(lets_keep, Ordering::Relaxed);
        // Release: whoever sees these sees what was stored before.
        self.fast.store(standing == CheckMode::Checked && !binds, Ordering::Release);
        self.mode.store(standing as u8, Ordering::Release);
    }

    /// The name of the crate that declares it, with `_` for `-`.
    pub(crate) fn krate(&self) -> &'static str {
        let module = self.declaration.module;
        module.split_once("::").map_or(module, |(krate, _)| krate)
    }
}

fn is_among_the_first(count: &AtomicU8) -> bool {
    let seen = count.load(Ordering::Relaxed);
    if seen < FIRST {
        // Not a read-modify-write: threads that race here look once more than they must.
        count.store(seen + 1, Ordering::Relaxed);
    }
    seen < FIRST
}
