//! Nothing: with `c-heap` C's allocator is the guard's, which asks before it acts and does not
//! fault.

use std::ffi::c_void;

use crate::facts::GivenTo;
use crate::heap::Block;
use crate::platform::fault::{Answer, Fault};

pub(super) fn given_to(_fault: &Fault, _block: &Block) -> Option<GivenTo> {
    None
}

pub(super) fn answer(_fault: &Fault, _block: &Block, _to: GivenTo, opened: impl FnOnce() -> Answer) -> Answer {
    opened()
}

pub(super) fn answer_elsewhere(_fault: &Fault) -> Answer {
    Answer::NotMine
}

pub(super) fn in_the_copy(_touch: *mut c_void) -> bool {
    false
}
