//! Types of a function's arguments and of its result: learned by a first call in the wrapper, where
//! they are concrete, and kept. A later call that the wrapper does not decide itself only passes
//! the addresses of its arguments. In an unoptimised build, where all calls do so, passing the
//! types each time would cost several times as much as the checks.
//!
//! ```text
//!  wrapper's frame      places ──┐
//!                                ├── lay_out ──> [Argument]
//!  static, one each     Kind ────┘
//!                        ^ learn: the first call, or several at once; each stores the same
//! ```

use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use super::argument::{Argument, Passing, Stated};
use super::declaration::{Contract, Function, Parameter};
use super::needs::{self, Needs};
use super::of_type::Crosses;
use super::shape::TypeInfo;
use super::validity::PointerValue;

/// Type of an argument or a result, and how it crosses.
#[derive(Debug)]
pub struct Kind {
    /// Flags; 0 until it is learned.
    how: AtomicU32,
    /// Valid if `how` is not 0.
    info: AtomicPtr<TypeInfo>,
}

// The lower bits of `how` are its `Needs`.
/// Set for a `Box`.
const BOXED: u32 = 1 << needs::BITS;
/// Set in each kind that is known.
const KNOWN: u32 = 1 << (needs::BITS + 1);
/// Set for what may be no value of its type, and for a result of which something is promised.
const ASKS: u32 = 1 << (needs::BITS + 2);
/// Shift of its [`PointerValue`], of three bits.
const POINTER: u32 = needs::BITS + 3;
/// Shift of its [`Passing`], above the flags.
const PASSING: u32 = needs::BITS + 6;
const BY_BITS: [Passing; 4] = [Passing::Scalar, Passing::Value, Passing::Const, Passing::Mut];

impl Kind {
    /// Creates a kind that is not learned yet.
    #[must_use]
    pub const fn unknown() -> Kind {
        Kind { how: AtomicU32::new(0), info: AtomicPtr::new(std::ptr::null_mut()) }
    }

    #[inline(always)]
    pub(crate) fn is_known(&self) -> bool {
        self.how.load(Ordering::Relaxed) != 0
    }

    /// One for each argument, none learned yet.
    #[must_use]
    pub const fn each_unknown<const N: usize>() -> [Kind; N] {
        [const { Kind::unknown() }; N]
    }

    fn learn(&self, crosses: &Crosses, contract: Contract, is_promised: bool) {
        let Crosses { info, passing, boxed, pointer } = *crosses;
        let asks = is_promised || Argument::new(0, passing, info).pointer(pointer).asks;
        let flags = if boxed { BOXED } else { 0 } | if asks { ASKS } else { 0 } | KNOWN;
        let how =
            Needs::of(info, passing, contract).0 | flags | (pointer as u32) << POINTER | (passing as u32) << PASSING;
        self.info.store(std::ptr::from_ref(info).cast_mut(), Ordering::Relaxed);
        // Release: a thread that sees it sees the type. Each call stores the same type, so a race
        // does no harm.
        self.how.store(how, Ordering::Release);
    }

    /// Needs of an argument of this kind; `None` until it is learned.
    #[inline(always)]
    pub(crate) fn needs(&self) -> Option<Needs> {
        let how = self.how.load(Ordering::Acquire);
        (how != 0).then_some(Needs(how & ((1 << needs::BITS) - 1)))
    }

    /// What is known of its type; `None` until it is learned.
    pub(crate) fn info(&self) -> Option<&'static TypeInfo> {
        let is_known = self.how.load(Ordering::Acquire) != 0;
        // SAFETY: stored from a `&'static` before `how`, and only ever replaced by the same type.
        is_known.then(|| unsafe { &*self.info.load(Ordering::Relaxed) })
    }

    /// Reads an argument of this kind. `place`: its address.
    ///
    /// # Safety
    /// - `place` leads to a value of the type that this was learned from.
    #[inline(always)]
    unsafe fn at(&self, place: *const ()) -> Option<Argument> {
        let how = self.how.load(Ordering::Acquire);
        if how == 0 {
            return None;
        }
        let passing = *BY_BITS.get((how >> PASSING) as usize)?;
        let address = match passing {
            Passing::Scalar | Passing::Value => place.addr(),
            // SAFETY: what `ByPointer` calls a pointer is one thin pointer, or an `Option` of one,
            // in which null is `None`.
            Passing::Const | Passing::Mut => unsafe { place.cast::<usize>().read() },
        };
        // SAFETY: stored from a `&'static` before `how`, and only ever replaced by the same type.
        let info = unsafe { &*self.info.load(Ordering::Relaxed) };
        let pointer = PointerValue::of_number(how >> POINTER & 7);
        let (boxed, asks) = (how & BOXED != 0, how & ASKS != 0);
        Some(Argument { address, info, passing, boxed, pointer, asks, stated: Stated::No })
    }
}

/// Calls `each` with each argument of a call, its index and its needs, until it returns false;
/// returns true if it never did. `places`: address of each argument; `stated`: extents that the
/// call states for the parameters whose contract asks for one, in order. `None` if not all types
/// are known: the wrapper then states them.
///
/// # Safety
/// - `places` has one entry for each parameter of `function`, of that parameter's type.
#[inline(always)]
pub(crate) unsafe fn all(
    function: &Function,
    places: &[*const ()],
    stated: &[Stated],
    mut each: impl FnMut(usize, Argument, Needs) -> bool,
) -> Option<bool> {
    if !function.kinds.get(places.len()).is_none_or(Kind::is_known) {
        return None;
    }
    let mut stated = stated.iter();
    for (index, parameter) in function.declaration.parameters.iter().enumerate() {
        // SAFETY: the caller promises a place of the right type for each parameter.
        let argument = unsafe { function.kinds.get(index)?.at(*places.get(index)?) }?;
        let needs = function.kinds.get(index)?.needs()?;
        if !each(index, argument.with(of_next(parameter, &mut stated)), needs) {
            return Some(false);
        }
    }
    Some(true)
}

/// Writes the arguments of a call to `room`. False if not all types are known.
///
/// # Safety
/// - `places` has one entry for each parameter of `function`, of that parameter's type; `room` has
///   room for an argument each.
#[inline(never)]
#[must_use]
pub(crate) unsafe fn lay_out(
    function: &Function,
    places: &[*const ()],
    stated: &[Stated],
    room: *mut Argument,
) -> bool {
    let write = |index, argument, _| {
        // SAFETY: the caller promises room for an argument of each parameter.
        unsafe { room.add(index).write(argument) };
        true
    };
    // SAFETY: the caller promises a place of the right type for each parameter.
    unsafe { all(function, places, stated, write) }.is_some()
}

/// Extent that the call states for a parameter. `stated`: extents of this and later parameters.
#[inline(always)]
fn of_next(parameter: &Parameter, stated: &mut std::slice::Iter<'_, Stated>) -> Stated {
    match parameter.contract.is_stated() {
        true => stated.next().copied().unwrap_or(Stated::No),
        false => Stated::No,
    }
}

impl Function {
    /// Returns the arguments of a call; none if they are not laid out.
    ///
    /// # Safety
    /// - If `are_written`, `place` leads to an argument for each parameter, which stays unchanged.
    #[inline(always)]
    pub(crate) unsafe fn arguments_at<'a>(&self, place: *const Argument, are_written: bool) -> &'a [Argument] {
        if !are_written {
            return &[];
        }
        // SAFETY: the caller promises an argument for each parameter, which stays unchanged.
        unsafe { std::slice::from_raw_parts(place, self.declaration.parameters.len()) }
    }

    /// True if its types are not known yet: the wrapper then states them. Never inlined: the caller
    /// may be built without optimisation.
    #[inline(never)]
    #[must_use]
    pub fn is_new(&self) -> bool {
        // Acquire, and the last one is learned last: who sees it sees all others.
        self.kinds.last().is_some_and(|kind| kind.how.load(Ordering::Acquire) == 0)
    }

    /// Keeps the types of the arguments, in order, and then of the result if there is one.
    #[cold]
    #[inline(never)]
    pub fn learn(&self, types: &[Crosses]) {
        let contracts = self.declaration.parameters.iter().map(|parameter| parameter.contract);
        let contracts = contracts.chain([self.declaration.result]);
        for (index, ((crosses, kind), contract)) in types.iter().zip(self.kinds).zip(contracts).enumerate() {
            kind.learn(crosses, contract, index == self.declaration.parameters.len() && self.promises());
        }
    }

    /// Returns what C returned. `place`: its address; null if C returns nothing.
    ///
    /// # Safety
    /// - If `place` is not null, it leads to a result of the type that was learned.
    #[inline(always)]
    pub(crate) unsafe fn result_at(&self, place: *const ()) -> Argument {
        let kind = self.kinds.get(self.declaration.parameters.len()).filter(|_| !place.is_null());
        // SAFETY: the caller promises a result of the learned type at `place`.
        kind.and_then(|kind| unsafe { kind.at(place) }).unwrap_or_else(Argument::scalar)
    }
}
