//! Vocabulary of a call: its declaration, its arguments, its place in the program and on the stack.
//! Data without checks.

pub(crate) mod argument;
pub(crate) mod call_stack;
pub(crate) mod caller;
pub mod classify;
pub(crate) mod count;
pub(crate) mod counts;
pub(crate) mod declaration;
pub(crate) mod extent;
pub(crate) mod kinds;
pub(crate) mod loan;
pub(crate) mod needs;
pub(crate) mod nowhere;
pub(crate) mod of_type;
pub(crate) mod registry;
pub(crate) mod scopes;
pub(crate) mod shape;
pub(crate) mod site;
pub(crate) mod tally;
pub(crate) mod target;
pub(crate) mod thread;
pub(crate) mod through;
pub(crate) mod typed;
pub(crate) mod under_way;
pub(crate) mod validity;
pub(crate) mod variadic;
pub(crate) mod version;
