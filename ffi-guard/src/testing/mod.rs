//! For tests: each test answers for what it has lent, and what ends a process is looked at from
//! outside.
//!
//! - [`test`](macro@crate::test): an attribute in place of `#[test]`, which ends the test with a
//!   checkpoint, and runs it at a level of its own.
//! - [`assert_clean!`]: runs a block, and fails with all that was found in it.
//! - [`Child`]: runs a closure in a process of its own, and tells how that ended and what was
//!   reported.
//!
//! # Whose a finding is
//!
//! A finding is the test's whose thread made the call that lent the memory, or, if no call is
//! known, whose thread allocated it. A test that looks at its end passes what it finds of others on
//! to those: to a test that is still open on the thread in question, else to the next guarded call
//! of a thread without one, or to the end of the process, which aborts.
//!
//! What a test's helper threads lend is therefore told at the end of the process, which names the
//! call, unless the process runs this test alone: under cargo-nextest, or with `process`.

mod child;
mod ended;
mod runner;
mod test;

pub use crate::assert_clean;
pub use child::Child;
pub use ended::{Ended, Reported};
#[doc(hidden)]
pub use runner::command_for;
#[doc(hidden)]
pub use test::{Passed, ShouldPanic, Test, run, run_here};

/// Runs a block and a [checkpoint](crate::checkpoint), and returns the block's value. If a rule was
/// broken meanwhile, by this thread or by C with what this thread had lent, it panics with all
/// reports.
///
/// Warnings count too; what is allowed, or accepted by `GUARD_SUPPRESS`, does not. The first
/// violation that is denied ends the block.
///
/// ```
/// let four = ffi_guard::testing::assert_clean!({ 2 + 2 });
/// assert_eq!(four, 4);
/// ```
#[macro_export]
macro_rules! assert_clean {
    ($body:block) => {
        $crate::__private::assert_clean(|| $body)
    };
    ($body:expr) => {
        $crate::__private::assert_clean(|| $body)
    };
}
