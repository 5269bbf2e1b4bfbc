//! Faults, which are not caught here.

use std::ffi::c_void;

use crate::platform::fault::{Answer, Fault};

pub(crate) fn add_owner(_owner: fn(&Fault) -> Answer) {}

pub(crate) fn install_after_rust(_is_rusts: bool) {}

pub(crate) fn install() {}

pub(crate) fn give_stack() {}

pub(crate) fn in_a_copy(_work: fn(*mut c_void) -> bool, _with: *mut c_void, _seconds: u32) -> bool {
    false
}

pub(crate) fn pause() {}
