//! The declaration of a foreign function, as the attribute knows it: written by `#[guard]` into a
//! static, read at each crossing.

use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};

use super::argument::Argument;
use super::counts::Counts;
use super::kinds::Kind;
use super::tally::Tally;
use super::thread::Wrapper;
use super::typed::Typed;
use super::version::Version;
use crate::heap::fresh;
use crate::rule::Severities;

/// A guarded foreign function, as declared. All fields are constants of the program.
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
    /// `returns(owned)`: Rust has to free the result.
    pub returns_owned: bool,
    /// Contract of the result: `returns(..)`, and `retained` on a callback.
    pub result: Contract,
    /// True for a Rust function that C calls: its arguments come from C, and its result goes there.
    pub callback: bool,
    /// True if the wrapper has the C ABI: a violation cannot unwind out of it.
    pub keep_abi: bool,
    /// The name by which the linker knows it; empty if it has none, or one that depends on
    /// conditions.
    pub symbol: &'static str,
    /// Types of the parameters, then that of the result if there is one. `None` if they depend on
    /// parameters of the function's.
    pub types: Option<&'static [Typed]>,
    /// True if arguments in `...` follow the parameters.
    pub variadic: bool,
    /// Severities of the function, over those of the block.
    pub severities: Severities,
}

impl Declaration {
    /// Declares a function of this crate, without parameters, at the calling line.
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
            symbol: "",
            types: None,
            variadic: false,
            severities: Severities::NONE,
        }
    }
}

/// A parameter, as declared.
#[derive(Debug)]
pub struct Parameter {
    /// Its name; `argN` (N from 1) if the pattern is `_`.
    pub name: &'static str,
    /// Its type as written, tokens joined the way rustfmt would.
    pub ty: &'static str,
    /// Text of the expression in `counted_by` or `sized_by`; empty without one.
    pub extent: &'static str,
    /// Contract that its attributes state.
    pub contract: Contract,
    /// Fields of what it leads to that may be left behind: no rule looks at the words in them.
    pub stale: &'static [&'static str],
    /// Severities of this parameter alone.
    pub severities: Severities,
}

impl Parameter {
    /// A parameter of which nothing is said.
    #[must_use]
    pub const fn plain(name: &'static str, ty: &'static str) -> Parameter {
        Parameter { name, ty, extent: "", contract: Contract::NONE, stale: &[], severities: Severities::NONE }
    }

    /// A parameter of which is said that C may keep it, and no more.
    #[must_use]
    pub const fn retained(name: &'static str, ty: &'static str) -> Parameter {
        Parameter { contract: Contract::NONE.retained(), ..Parameter::plain(name, ty) }
    }

    /// The parameter, with stale words only told of where a type says that they are pointers.
    #[must_use]
    pub const fn typed(self) -> Parameter {
        Parameter { contract: self.contract.typed(), ..self }
    }
}

/// Set of the attributes of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contract(u64);

macro_rules! contract {
    ($($(#[$doc:meta])* $set:ident, $get:ident = $bit:literal, $told_by:ident, $place:ident;)*) => {
        impl Contract {
            /// No attribute.
            pub const NONE: Contract = Contract(0);
            /// Attributes under which `boundary::inspect` can tell that an argument is in order.
            const INSPECTED: u64 = 0 $(| contract!(@$told_by $bit))*;
            /// The attributes under which C may be given a copy.
            const MOVABLE: u64 = 0 $(| contract!(@$place $bit))*;
            $($(#[$doc])* #[must_use] pub const fn $set(self) -> Contract { Contract(self.0 | 1 << $bit) }
            /// True if it is set.
            #[must_use] pub const fn $get(self) -> bool { self.0 & 1 << $bit != 0 })*
            /// The names of those that are set.
            pub(crate) fn words(self) -> Vec<&'static str> {
                let each = [$((stringify!($set), self.$get())),*];
                each.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| *name).collect()
            }
        }
    };
    (@inspected $bit:literal) => { 1 << $bit };
    (@rules $bit:literal) => { 0 };
    (@movable $bit:literal) => { 1 << $bit };
    (@in_place $bit:literal) => { 0 };
}

// Each attribute has two properties, so that none can be forgotten. `inspected` or `rules`: the
// inspection (`boundary/inspect.rs`) can tell if an argument under it is in order, and must then
// know it; or only the rules can. `movable` or `in_place`: C may be given a copy of what the
// argument leads to, or not.
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
    /// `copied`: C works on a copy between guard pages. (Such a function is never on the fast
    /// path.)
    copied, is_copied = 5, inspected, movable;
    /// `thread_bound`: belongs to the thread that got it from C.
    thread_bound, is_thread_bound = 6, rules, in_place;
    /// `retained`: C may keep it. (Such a function is never on the fast path.)
    retained, is_retained = 7, inspected, in_place;
    /// `owned`: ownership goes to C. (Such a function is never on the fast path.)
    owned, is_owned = 8, inspected, in_place;
    /// `text_by = n` or `text_within = n`: a text, which may end at its NUL.
    text, is_text = 9, inspected, movable;
    /// `lets_go`: C no longer keeps what it holds by this handle.
    lets_go, ends_holding = 10, rules, in_place;
    /// What C may follow inside is known by the types alone: `cargo ffi-guard` has put the block
    /// under the guard, and all that it says of a parameter holds for any.
    typed, is_typed = 11, inspected, movable;
    /// `lends`, of what C calls: C may use what is stored there, or returned, until the library
    /// says so.
    lends, is_lending = 12, inspected, in_place;
    /// `utf8`: a text that is UTF-8.
    utf8, is_utf8 = 13, rules, movable;
    /// `null_when_empty`: null with a count of 0 is in order.
    null_when_empty, may_be_null_when_empty = 14, rules, movable;
}

/// Shift of the index of the handle by which C holds what it keeps, plus one.
const HELD_BY: u32 = 16;
/// Shift of the index of the argument that can say that C does not keep it, plus one.
const UNLESS: u32 = 20;
/// Shift of the value that says so.
const VALUE: u32 = 24;
/// Shift of log2 of the alignment that C asks for.
const ALIGNED: u32 = 32;
/// The bits of an index.
const INDEX: u64 = 0xF;
/// The bits of log2 of an alignment.
const LOG2: u64 = 0x3F;
/// The bits that tell of an index, a value or an alignment.
const DETAILS: u64 = 0xFFFF << HELD_BY | LOG2 << ALIGNED;

impl Contract {
    /// `held_by = handle`: C holds it by the handle that this argument leads to.
    #[must_use]
    pub const fn held_by(self, index: u32) -> Contract {
        Contract(self.0 | ((index as u64 + 1) & INDEX) << HELD_BY)
    }

    /// `retained_unless = (argument == value)`: C does not keep it if this argument is this value.
    #[must_use]
    pub const fn unless(self, index: u32, value: i8) -> Contract {
        Contract(self.0 | ((index as u64 + 1) & INDEX) << UNLESS | (value as u8 as u64) << VALUE)
    }

    /// `aligned = n`: C takes addresses alone that are a multiple of `n`, a power of two.
    #[must_use]
    pub const fn aligned(self, n: usize) -> Contract {
        assert!(n.is_power_of_two(), "`aligned` takes a power of two");
        Contract(self.0 & !(LOG2 << ALIGNED) | (n.trailing_zeros() as u64) << ALIGNED)
    }

    /// The alignment that C asks for; 1 if nothing is said of it.
    #[inline(always)]
    pub(crate) const fn alignment(self) -> usize {
        1 << (self.0 >> ALIGNED & LOG2)
    }

    /// Index of the handle by which C holds it.
    pub(crate) fn holder(self) -> Option<usize> {
        (self.0 >> HELD_BY & INDEX).checked_sub(1).map(|index| index as usize)
    }

    /// Index of the argument that can say that C does not keep it, and the value that says so.
    #[inline]
    pub(crate) fn exception(self) -> Option<(usize, usize)> {
        let index = (self.0 >> UNLESS & INDEX).checked_sub(1)?;
        Some((index as usize, (self.0 >> VALUE) as u8 as i8 as usize))
    }

    /// True if something is said of a result that can be asked of it.
    pub(crate) const fn promises(self) -> bool {
        self.is_nonnull() || self.is_cstr() || self.is_utf8() || self.alignment() > 1
    }

    /// The contract without `retained`.
    pub(crate) const fn not_retained(self) -> Contract {
        Contract(self.0 & !Contract::NONE.retained().0)
    }

    /// True if somebody has said something of this very parameter.
    pub(crate) const fn is_stated_by_someone(self) -> bool {
        self.0 != 0 && !self.is_typed()
    }

    /// True if the inspection knows every attribute that is set.
    #[inline(always)]
    pub(crate) const fn is_inspected(self) -> bool {
        self.0 & !(Contract::INSPECTED | DETAILS) == 0
    }

    /// True if C may be given a copy under every attribute that is set.
    pub(crate) const fn is_movable(self) -> bool {
        self.0 & !(Contract::MOVABLE | DETAILS) == 0
    }
}

/// A guarded foreign function: the declaration, and what was settled about it at run time.
#[derive(Debug)]
pub struct Function {
    /// Declaration that the attribute wrote.
    pub declaration: &'static Declaration,
    /// Types of its arguments, followed by that of its result, if it has one. Empty for what C
    /// calls.
    pub(crate) kinds: &'static [Kind],
    /// When it has filled its `out` parameters, if its declaration says so.
    pub(crate) fills: Option<Fills>,
    /// What its declaration says of the number or the count that it returns.
    pub(crate) counts: Counts,
    /// What has to hold of the library, if its block says so.
    pub(crate) version: Option<&'static Version>,
    /// True if C may write, where a parameter leads, what is no value of its type. Valid once
    /// `mode` is settled.
    writes: AtomicBool,
    /// True if C may use, after it has returned, what it stores where a parameter leads.
    pub(crate) lends: bool,
    /// A [`CheckMode`], 0 until the first crossing.
    mode: AtomicU8,
    /// True if the contract of some parameter lets C keep what it is lent. Valid once `mode` is
    /// settled.
    lets_keep: AtomicBool,
    /// Bitset of the parameters under `allow(retained_pointer)`; the last bit covers all from there
    /// on. Valid once `mode` is settled.
    allows: AtomicU32,
    /// True if C hands out objects that belong to the calling thread. Valid once `mode` is settled.
    binds: AtomicBool,
    /// True if some argument may be copied. Valid once `mode` is settled.
    copies: AtomicBool,
    /// Bitset of the parameters that lend something to read that could be compared; the last bit
    /// covers all from there on. Valid once `mode` is settled.
    compares: AtomicU32,
    /// True if its calls may take the fast path: nothing that C hands out is recorded, no crossing
    /// is logged, no argument copied, nothing is looked at that C was to fill. False until `mode`
    /// is settled.
    fast: AtomicBool,
    /// True if the wrapper is optimised, and so has two functions.
    outlined: AtomicBool,
    /// Bytes from a place in the wrapper's frame that each call knows to where its caller's frame
    /// begins. [`UNKNOWN_FRAME`] until that is asked for.
    own_frame: AtomicUsize,
    /// Number of calls that were looked after at once because they were among the first.
    looks: AtomicU8,
    /// Number of freed blocks that were looked for at once because they were among the first that
    /// it let C keep.
    freed: AtomicU8,
    /// Its part of the statistics.
    pub(crate) tally: Tally,
}

/// `#[guard(ok = ..)]`: the results with which C has filled its `out` parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fills {
    /// True if the condition holds for the result at an address, which is of the declared type.
    pub(crate) holds: unsafe fn(*const ()) -> bool,
    /// The condition as it is written.
    pub(crate) text: &'static str,
}

/// A result, for the condition of `#[guard(ok = ..)]`: a copy, so that the condition cannot take
/// it.
#[must_use]
pub fn copied<R: Copy>(result: &R) -> R {
    *result
}

/// What stands for the size of a frame that is not known: no address of a stack is that far up.
const UNKNOWN_FRAME: usize = 1 << (usize::BITS - 2);

/// Number of first calls of each function that are looked after at once, whatever that costs: most
/// functions do with a pointer the first time what they ever do.
const FIRST: u8 = 64;
/// Bytes of C heap in a look that count as another call: 64 looks at 256 MiB would take seconds.
const BYTES_A_LOOK: usize = 4 << 20;

/// Last bit of the bitsets of parameters: all from there on share it, and each is checked again.
pub(crate) const LAST_MARK: usize = 31;

/// How a function is checked; settled once, at its first crossing.
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
    /// Creates a function that was not called yet.
    #[must_use]
    pub const fn new(declaration: &'static Declaration) -> Function {
        Function {
            declaration,
            kinds: &[],
            fills: None,
            counts: Counts::NONE,
            version: None,
            writes: AtomicBool::new(false),
            lends: false,
            mode: AtomicU8::new(0),
            lets_keep: AtomicBool::new(false),
            allows: AtomicU32::new(0),
            binds: AtomicBool::new(false),
            copies: AtomicBool::new(false),
            compares: AtomicU32::new(0),
            fast: AtomicBool::new(false),
            outlined: AtomicBool::new(false),
            own_frame: AtomicUsize::new(UNKNOWN_FRAME),
            looks: AtomicU8::new(0),
            freed: AtomicU8::new(0),
            tally: Tally::new(),
        }
    }

    /// Adds a place for each of its kinds.
    #[must_use]
    pub const fn with_kinds(self, kinds: &'static [Kind]) -> Function {
        Function { kinds, ..self }
    }

    /// Adds the condition of `#[guard(ok = ..)]`: what it says of a result, by the result's
    /// address, and its text.
    #[must_use]
    pub const fn with_ok(self, holds: unsafe fn(*const ()) -> bool, text: &'static str) -> Function {
        Function { fills: Some(Fills { holds, text }), ..self }
    }

    /// Adds what has to hold of the library.
    #[must_use]
    pub const fn with_version(self, version: &'static Version) -> Function {
        Function { version: Some(version), ..self }
    }

    /// True if C may write, where a parameter leads, what is no value of its type.
    #[inline]
    pub(crate) fn writes(&self) -> bool {
        self.writes.load(Ordering::Relaxed)
    }

    /// Settles if C may write what is no value. Called before [`settle`](Function::settle).
    pub(crate) fn settle_writes(&self, writes: bool) {
        self.writes.store(writes, Ordering::Relaxed);
    }

    /// Says that a parameter of it is under `lends`.
    #[must_use]
    pub const fn lending(self) -> Function {
        Function { lends: true, ..self }
    }

    /// Returns how the function is checked, as far as that is settled.
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

    /// True if a call now is among the first; counts it.
    pub(crate) fn is_among_the_first(&self) -> bool {
        is_among_the_first(&self.looks)
    }

    /// True if a block freed now is among the first that it let C keep; counts it.
    pub(crate) fn is_among_the_first_freed(&self) -> bool {
        is_among_the_first(&self.freed)
    }

    /// Counts a look that has read `bytes` of the C heap.
    pub(crate) fn looked(&self, bytes: usize) {
        let more = u8::try_from(bytes / BYTES_A_LOOK).unwrap_or(FIRST);
        if more > 0 {
            self.looks.store(self.looks.load(Ordering::Relaxed).saturating_add(more).min(FIRST), Ordering::Relaxed);
        }
    }

    /// True if a call now would not be among the first.
    #[inline]
    pub(crate) fn is_past_the_first(&self) -> bool {
        self.looks.load(Ordering::Relaxed) >= FIRST
    }

    /// True if the contract of some parameter lets C keep what it is lent.
    #[inline]
    pub(crate) fn lets_keep(&self) -> bool {
        self.lets_keep.load(Ordering::Relaxed)
    }

    /// True if some parameter is under `allow(retained_pointer)`.
    #[inline]
    pub(crate) fn allows(&self) -> bool {
        self.allows.load(Ordering::Relaxed) != 0
    }

    /// True if every parameter is under `allow(retained_pointer)`: there is nothing to look for.
    /// Always false with more parameters than bits.
    #[inline]
    pub(crate) fn allows_all(&self) -> bool {
        let parameters = self.declaration.parameters.len();
        parameters <= LAST_MARK
            && self.allows()
            && self.allows.load(Ordering::Relaxed).count_ones() as usize == parameters
    }

    /// True if this parameter, or its bit's group, is under `allow(retained_pointer)`.
    #[inline]
    pub(crate) fn allows_parameter(&self, index: usize) -> bool {
        self.allows.load(Ordering::Relaxed) >> index.min(LAST_MARK) & 1 != 0
    }

    /// True if what C hands out is recorded after it returned.
    #[inline]
    pub(crate) fn binds(&self) -> bool {
        self.binds.load(Ordering::Relaxed)
    }

    /// True if some argument may be copied.
    #[inline]
    pub(crate) fn copies(&self) -> bool {
        self.copies.load(Ordering::Relaxed)
    }

    /// Settles if some argument may be copied. Called before [`settle`](Function::settle).
    pub(crate) fn settle_copies(&self, copies: bool) {
        self.copies.store(copies, Ordering::Relaxed);
    }

    /// True if it is lent something to read that could be compared after C returned.
    #[inline]
    pub(crate) fn compares(&self) -> bool {
        self.compares.load(Ordering::Relaxed) != 0
    }

    /// True if this parameter lends something to read that could be compared.
    #[inline]
    pub(crate) fn compares_parameter(&self, index: usize) -> bool {
        self.compares.load(Ordering::Relaxed) >> index.min(LAST_MARK) & 1 != 0
    }

    /// Notes that its wrapper is optimised: one function of it calls the one whose frame holds the
    /// arguments.
    pub(crate) fn note_outlined(&self) {
        self.outlined.store(true, Ordering::Relaxed);
    }

    /// The wrapper whose frame holds these arguments, for the questions about its callers' frames.
    /// `inner`: it is the inner one of its functions.
    pub(crate) fn wrapper_of(&self, arguments: &[Argument], inner: bool) -> Wrapper {
        let callers = match (self.declaration.keep_abi, inner && self.outlined.load(Ordering::Relaxed)) {
            // C may call it, too.
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        };
        Wrapper { arguments: arguments.as_ptr().addr(), callers }
    }

    /// Bytes from a place in the wrapper's frame to where its caller's frame begins; more than a
    /// stack has until that is known. A wrapper that was compiled twice may have another frame in
    /// the other place, so this decides alone which way a call takes.
    #[inline(always)]
    pub(crate) fn own_frame(&self) -> usize {
        self.own_frame.load(Ordering::Relaxed)
    }

    /// True if [`own_frame`](Function::own_frame) is known.
    pub(crate) fn knows_own_frame(&self) -> bool {
        self.own_frame() != UNKNOWN_FRAME
    }

    /// Keeps what [`own_frame`](Function::own_frame) says from now on.
    pub(crate) fn set_own_frame(&self, bytes: usize) {
        self.own_frame.store(bytes, Ordering::Relaxed);
    }

    /// True if the fast path may be tried.
    #[inline(always)]
    pub(crate) fn may_be_fast(&self) -> bool {
        self.fast.load(Ordering::Acquire)
    }

    /// Settles how the function is checked. Two threads that race here store the same values.
    pub(crate) fn settle(&self, standing: CheckMode, (lets_keep, allows): (bool, u32), binds: bool, compares: u32) {
        self.allows.store(allows, Ordering::Relaxed);
        self.compares.store(compares, Ordering::Relaxed);
        self.binds.store(binds, Ordering::Relaxed);
        self.lets_keep.store(lets_keep, Ordering::Relaxed);
        // Release: a thread that sees these sees what was stored before.
        let fills = self.fills.is_some() && (fresh::word().is_some() || self.promises());
        let counts = self.counts.are_any();
        let fast = standing == CheckMode::Checked && !binds && !fills && !counts && !self.writes();
        self.fast.store(fast, Ordering::Release);
        self.mode.store(standing as u8, Ordering::Release);
    }

    /// Name of the crate that declares it, with `_` for `-`.
    pub(crate) fn krate(&self) -> &'static str {
        let module = self.declaration.module;
        module.split_once("::").map_or(module, |(krate, _)| krate)
    }
}

fn is_among_the_first(count: &AtomicU8) -> bool {
    let seen = count.load(Ordering::Relaxed);
    if seen < FIRST {
        // Not a read-modify-write: threads that race here look a few times more than necessary.
        count.store(seen + 1, Ordering::Relaxed);
    }
    seen < FIRST
}
