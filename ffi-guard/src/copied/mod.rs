//! Copies of what is lent, each at the end of pages of its own between pages without access.
//!
//! ```text
//!   no access │ canary … canary │ the copy │ up to 15 bytes of canary │ no access
//!             └──────────────── pages of this copy alone ─────────────┘
//! ```
//! C works on the copy while the call lasts. Reading or writing behind it faults at once; what it writes into the canary is
//! seen when it returns; and from then on the pages have no access any more, so that a pointer that C kept faults where it is
//! used. Java's `-Xcheck:jni` has done so for decades.
//!
//! | file | |
//! |---|---|
//! | `pages` | the range of addresses that all copies lie in, given out in a ring |
//! | `records` | whose copy an address was: readable in a signal handler |
//! | `copy` | one copy: made, compared, brought home |
//!
//! Which arguments are copied is the boundary's to decide: `boundary/copies`.

mod copy;
mod pages;
mod records;

pub(crate) use copy::{Copy, Run};
pub(crate) use pages::{contains, most, open};
pub(crate) use records::{Record, of};
