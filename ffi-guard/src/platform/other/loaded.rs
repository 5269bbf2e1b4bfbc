//! Nothing is known of modules.

pub(crate) fn stay() {}
