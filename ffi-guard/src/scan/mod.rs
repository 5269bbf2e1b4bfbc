//! Where C could keep a pointer, and the search of it.
//!
//! [`words`] reads memory, [`globals`] reads all that loaded modules may write, [`ledger`] keeps what large areas hold, and
//! [`owner`] tells whose variable a word was found in: C's, or a Rust static, which is never reported.

mod dwarf;
mod elf;
mod frames;
mod globals;
pub(crate) mod ledger;
mod names;
mod owner;
mod referrers;
mod search;
mod symbols;
mod wanted;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(test)]
mod testing;

pub(crate) use frames::{Between, between, in_rust_frame};
pub(crate) use globals::globals;
pub(crate) use owner::{Global, Owner};
pub(crate) use search::words;
pub(crate) use wanted::Wanted;

use crate::gate;

/// Whose variable the address is in.
pub(crate) fn owner(address: usize) -> Owner {
    gate::behind(|| owner::owner(address))
}

/// A word found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Address of the word.
    pub(crate) location: usize,
    /// The word.
    pub(crate) word: usize,
}
