//! The border itself: what a declaration says, what an argument is, and the crossing.

pub(crate) mod argument;
pub mod classify;
pub(crate) mod count;
pub(crate) mod crossing;
pub(crate) mod declaration;
pub(crate) mod shape;
