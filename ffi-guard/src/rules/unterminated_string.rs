//! `unterminated_string`: a `cstr` argument has no NUL before the end of its Rust block.
//!
//! Rust: `puts(text.as_ptr().cast())` for a `&str`, which is not NUL-terminated; C reads on into whatever lies behind.

use super::{Located, Look};
use crate::platform::read;
use crate::report::violation::Finding;

pub(crate) fn check(look: &Look<'_>) -> Option<Finding> {
    let Located::Heap(block) = &look.located else { return None };
    if !look.contract.is_cstr() {
        return None;
    }
    let searched = block.start.wrapping_add(block.size).saturating_sub(look.argument.address);
    // SAFETY: the bytes from the argument to the block's end belong to a live block, which the caller keeps alive for
    // the call it is being lent to.
    let terminated = unsafe { read::has_nul(look.argument.address, searched) };
    (!terminated).then_some(Finding::UnterminatedString { searched })
}
