//! The arguments that follow the fixed ones, one by one: how each is passed, and what its contract
//! says.

use std::ffi::{c_char, c_void};

use super::super::argument::{Argument, Passing, Stated};
use super::super::count::Count;
use super::super::declaration::Contract;
use super::super::shape::{Role, Shape, TypeInfo};
use super::super::validity::Validity;
use super::MOST;
use super::saved::Saved;
use crate::heap;
use crate::platform::read;

/// How an argument is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// An integer, a function, a pointer that nothing is said of.
    General,
    /// A `double`.
    Vector,
    /// A pointer that C reads through.
    Const,
    /// A pointer that C may write through.
    Mut,
}

/// An argument that follows the fixed ones.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    /// How it is passed.
    pub word: Word,
    /// Its type, as reports write it.
    pub ty: &'static str,
    /// What its contract says.
    pub contract: Contract,
    /// The type that a pointer leads to.
    pub info: &'static TypeInfo,
}

impl Follower {
    /// An integer.
    pub(crate) const NUMBER: Follower =
        Follower { word: Word::General, ty: "c_long", contract: Contract::NONE, info: &WORD };
    /// A `double`.
    pub(crate) const FLOAT: Follower = Follower { word: Word::Vector, ty: "c_double", ..Follower::NUMBER };
    /// A text that C reads.
    pub(crate) const TEXT: Follower =
        Follower { word: Word::Const, ty: "*const c_char", contract: Contract::NONE.cstr(), info: &CHAR };

    /// True if it is the same parameter.
    pub(super) fn is(&self, other: &Follower) -> bool {
        (self.word, self.ty, self.contract) == (other.word, other.ty, other.contract)
    }
}

/// The arguments that follow some values.
#[derive(Clone, Copy, Debug)]
pub struct Followed {
    /// The first of these values.
    pub first: i128,
    /// The last of these values.
    pub last: i128,
    /// What follows them.
    pub arguments: &'static [Follower],
}

/// The arguments that were taken from a call's registers, after the fixed ones.
pub(super) struct Taken<'a> {
    saved: Saved<'a>,
    room: &'a mut [Argument; MOST],
    from: usize,
    followers: &'a mut [Follower; MOST],
    count: usize,
}

impl<'a> Taken<'a> {
    /// None yet. `from`: number of the fixed arguments, which are in `room`.
    pub(super) fn new(
        saved: &Saved<'a>,
        room: &'a mut [Argument; MOST],
        from: usize,
        followers: &'a mut [Follower; MOST],
    ) -> Taken<'a> {
        Taken { saved: saved.clone(), room, from, followers, count: 0 }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Takes the next argument, which the contract says is there, and returns its word. `None` if
    /// there is no room for more.
    ///
    /// # Safety
    /// - The call has passed such an argument.
    pub(super) unsafe fn take(&mut self, follower: Follower, stated: Stated) -> Option<u64> {
        let (argument, slot) = (self.room.get_mut(self.from + self.count)?, self.followers.get_mut(self.count)?);
        let place = match follower.word {
            Word::Vector => self.saved.vector(),
            Word::General | Word::Const | Word::Mut => self.saved.general(),
        };
        // SAFETY: the place is a saved register, or a word that the caller has passed on the stack.
        let word = unsafe { place.read() };
        *argument = match follower.word {
            Word::General | Word::Vector => Argument::new(place.addr(), Passing::Scalar, &WORD),
            Word::Const => Argument::new(word as usize, Passing::Const, follower.info).with(stated),
            Word::Mut => Argument::new(word as usize, Passing::Mut, follower.info).with(stated),
        };
        *slot = follower;
        self.count += 1;
        Some(word)
    }

    /// Takes the next argument, of which C touches `most` elements at most: of a text, up to its
    /// NUL.
    ///
    /// # Safety
    /// - The call has passed such an argument.
    pub(super) unsafe fn take_some(&mut self, follower: Follower, most: usize) -> Option<u64> {
        let most = most.checked_mul(follower.info.size)?;
        if !follower.contract.is_cstr() {
            let follower = Follower { contract: follower.contract.stated(), ..follower };
            // SAFETY: the caller promises such an argument.
            return unsafe { self.take(follower, Stated::Bytes(Count::Fits(most))) };
        }
        // SAFETY: the place of the next argument, as the caller says.
        let address = unsafe { self.saved.clone().general().read() } as usize;
        let sized = Follower { contract: Contract::NONE.stated(), ..follower };
        let (follower, bytes) = match heap::rest_of_live(address) {
            // SAFETY: the bytes up to the end of a live block, which is lent for this call.
            Some(rest) if rest < most && unsafe { read::has_nul(address, rest) } => (follower, None),
            Some(_) => (sized, Some(most)),
            // How long the memory is, is not known.
            None => (sized, Some(0)),
        };
        let stated = bytes.map_or(Stated::No, |bytes| Stated::Bytes(Count::Fits(bytes)));
        // SAFETY: the caller promises such an argument.
        unsafe { self.take(follower, stated) }
    }
}

/// Takes what follows this value.
///
/// # Safety
/// - `value` is an argument of the call, whose registers `taken` has.
pub(super) unsafe fn take(value: &Argument, by: &[Followed], taken: &mut Taken<'_>) {
    let mut bytes = [0_u8; 8];
    let size = value.info.size;
    let Some(bytes) = bytes.get_mut(..size) else { return };
    if !matches!(value.passing, Passing::Scalar | Passing::Value) || size == 0 {
        return;
    }
    let place = std::ptr::with_exposed_provenance::<u8>(value.address);
    // SAFETY: the bytes of an argument that is passed by value, which lives until the call.
    unsafe { std::ptr::copy_nonoverlapping(place, bytes.as_mut_ptr(), size) };
    let unsigned = bytes.iter().rev().fold(0_i128, |all, &byte| all << 8 | i128::from(byte));
    let bits = 8 * size;
    let signed = if unsigned >> (bits - 1) == 0 { unsigned } else { unsigned - (1_i128 << bits) };
    let fits = |it: &&Followed| [unsigned, signed].iter().any(|value| (it.first..=it.last).contains(value));
    for follower in by.iter().find(fits).map_or(&[][..], |it| it.arguments) {
        // SAFETY: the contract says that such an argument follows.
        if unsafe { taken.take(*follower, Stated::No) }.is_none() {
            return;
        }
    }
}

impl TypeInfo {
    /// A type of which only the layout is known.
    #[must_use]
    pub const fn of_layout<T>() -> TypeInfo {
        let shape = if size_of::<T>() == 0 { Shape::Untyped } else { Shape::Words.of_aligned(align_of::<T>()) };
        let (size, align) = (size_of::<T>(), align_of::<T>());
        TypeInfo {
            size,
            align,
            shape,
            frozen: false,
            dense: false,
            role: Role::Other,
            value: Validity::Any,
            name: std::any::type_name::<T>,
        }
    }

    /// The type of which nothing is known.
    #[must_use]
    pub const fn of_void() -> TypeInfo {
        TypeInfo { shape: Shape::Untyped, frozen: true, ..TypeInfo::of_layout::<c_void>() }
    }
}

/// A number.
static WORD: TypeInfo = TypeInfo { shape: Shape::Plain, ..TypeInfo::of_layout::<u64>() };
static CHAR: TypeInfo = TypeInfo { shape: Shape::Plain, frozen: true, dense: true, ..TypeInfo::of_layout::<c_char>() };
