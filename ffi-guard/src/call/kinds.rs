//! What types a function's arguments have, and its result: found out in the wrapper, where they are
//! concrete, by a first call, and kept. A later call that the wrapper does not decide itself says
//! where its arguments are and no more. In a build that is not optimised, where all calls go that
//! way, to say it anew costs several times what the checks cost.
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
use super::shape::TypeInfo;

/// The type of one argument, or of the result, and how it crosses.
#[derive(Debug)]
pub struct Kind {
    /// Flags; 0 while nobody knows.
    how: AtomicU32,
    /// Valid where `how` is not 0.
    info: AtomicPtr<TypeInfo>,
}

// The lower bits are its `Needs`.
/// It is a `Box`.
const BOXED: u32 = 1 << needs::BITS;
/// Set in each kind that is known.
const KNOWN: u32 = 1 << (needs::BITS + 1);
/// Above this: a [`Passing`].
const PASSING: u32 = needs::BITS + 2;
const BY_BITS: [Passing; 4] = [Passing::Scalar, Passing::Value, Passing::Const, Passing::Mut];

impl Kind {
    /// Nobody knows yet.
    #[must_use]
    pub const fn unknown() -> Kind {
        Kind { how: AtomicU32::new(0), info: AtomicPtr::new(std::ptr::null_mut()) }
    }

    #[inline(always)]
    pub(crate) fn is_known(&self) -> bool {
        self.how.load(Ordering::Relaxed) != 0
    }

    fn learn(&self, argument: &Argument, contract: Contract) {
        let Argument { info, passing, boxed, .. } = *argument;
        let boxed = if boxed { BOXED } else { 0 };
        let how = Needs::of(info, passing, contract).0 | boxed | KNOWN | (passing as u32) << PASSING;
        self.info.store(std::ptr::from_ref(info).cast_mut(), Ordering::Relaxed);
        // Release: whoever sees it sees the type. It is the same type at each call, so that two at
        // once do no harm.
        self.how.store(how, Ordering::Release);
    }

    /// What an argument of this kind needs; `None` while that is not known.
    #[inline(always)]
    pub(crate) fn needs(&self) -> Option<Needs> {
        let how = self.how.load(Ordering::Acquire);
        (how != 0).then_some(Needs(how & ((1 << needs::BITS) - 1)))
    }

    /// An argument of this kind. `place`: where it is.
    ///
    /// # Safety
    /// - It is of the type that this was learned of.
    #[inline(always)]
    unsafe fn at(&self, place: *const ()) -> Option<Argument> {
        let how = self.how.load(Ordering::Acquire);
        if how == 0 {
            return None;
        }
        let passing = *BY_BITS.get((how >> PASSING) as usize)?;
        let address = match passing {
            Passing::Scalar | Passing::Value => place.addr(),
            // SAFETY: what `ByPointer` calls a pointer is one thin one, or an `Option` of it, where
            // null is `None`.
            Passing::Const | Passing::Mut => unsafe { place.cast::<usize>().read() },
        };
        // SAFETY: stored from a `&'static` before `how`, and never changed to that of another type.
        let info = unsafe { &*self.info.load(Ordering::Relaxed) };
        Some(Argument { address, info, passing, boxed: how & BOXED != 0, stated: Stated::No })
    }
}

/// Runs `each` for the arguments of a call, with their indices and what each needs, until it says
/// false; and says whether it never did. `places`: where each is, `stated`: what the call states of
/// those whose contract says that it does, in order. Nothing where not all types are known: then
/// [`learn`] comes first.
///
/// # Safety
/// - `places` has one for each parameter of `function`, and it is of that parameter's type.
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
        // SAFETY: as promised by the caller.
        let argument = unsafe { function.kinds.get(index)?.at(*places.get(index)?) }?;
        let needs = function.kinds.get(index)?.needs()?;
        if !each(index, argument.with(of_next(parameter, &mut stated)), needs) {
            return Some(false);
        }
    }
    Some(true)
}

/// Writes down the arguments of a call. False where not all types are known.
///
/// # Safety
/// - As for [`all`]; and `room` has room for as many.
#[inline(never)]
#[must_use]
pub(crate) unsafe fn lay_out(
    function: &Function,
    places: &[*const ()],
    stated: &[Stated],
    room: *mut Argument,
) -> bool {
    let write = |index, argument, _| {
        // SAFETY: as promised by the caller.
        unsafe { room.add(index).write(argument) };
        true
    };
    // SAFETY: as promised by the caller.
    unsafe { all(function, places, stated, write) }.is_some()
}

/// Writes down the arguments of a call, whose types are kept.
///
/// # Safety
/// - There is one for each parameter of `function`, and `room` for as many.
#[cold]
#[inline(never)]
pub unsafe fn learn(function: &Function, arguments: &[Argument], stated: &[Stated], room: *mut Argument) {
    let mut stated = stated.iter();
    let parameters = arguments.iter().zip(function.kinds).zip(function.declaration.parameters);
    for (index, ((argument, kind), parameter)) in parameters.enumerate() {
        kind.learn(argument, parameter.contract);
        // SAFETY: as promised by the caller.
        unsafe { room.add(index).write(argument.with(of_next(parameter, &mut stated))) };
    }
}

/// What is stated of a parameter. `stated`: of it and of those behind it.
#[inline(always)]
fn of_next(parameter: &Parameter, stated: &mut std::slice::Iter<'_, Stated>) -> Stated {
    match parameter.contract.is_stated() {
        true => stated.next().copied().unwrap_or(Stated::No),
        false => Stated::No,
    }
}

impl Function {
    /// The arguments of a call; none where they were not written down.
    ///
    /// # Safety
    /// - One for each parameter lies there, where they are written down, and stays there unchanged.
    #[inline(always)]
    pub(crate) unsafe fn arguments_at<'a>(&self, place: *const Argument, are_written: bool) -> &'a [Argument] {
        if !are_written {
            return &[];
        }
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(place, self.declaration.parameters.len()) }
    }

    /// Keeps what the result's type is.
    #[cold]
    #[inline(never)]
    pub fn learn_result(&self, result: &Argument) {
        if let Some(kind) = self.kinds.get(self.declaration.parameters.len()) {
            kind.learn(result, self.declaration.result);
        }
    }

    /// What C returned. `place`: where it is; null where it returns nothing.
    ///
    /// # Safety
    /// - The result was learned, and lies there.
    #[inline(always)]
    pub(crate) unsafe fn result_at(&self, place: *const ()) -> Argument {
        let kind = self.kinds.get(self.declaration.parameters.len()).filter(|_| !place.is_null());
        // SAFETY: as promised by the caller.
        kind.and_then(|kind| unsafe { kind.at(place) }).unwrap_or_else(Argument::scalar)
    }
}
