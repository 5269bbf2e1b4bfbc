//! `use_after_free`: C touches Rust memory after Rust freed it.
//!
//! C: `static char *log; void set_log(char *buffer) { log = buffer; }`, and a later call that writes to `log`. Rust has dropped the buffer
//! by then. What is told here is a write, by the poison that it damaged.

use crate::facts::Finding;
use crate::heap::{Block, Damage};

/// The poison of a freed block is damaged.
pub(crate) fn check(block: &Block, damage: &Damage, before_reuse: bool) -> Finding {
    debug_assert!(!block.live, "what is live has no poison");
    Finding::UseAfterFree { damage: *damage, before_reuse }
}
