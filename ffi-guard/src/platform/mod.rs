//! Every call into the operating system. A platform that lacks something says so here and nowhere else.

pub(crate) mod memory;
pub(crate) mod thread;
