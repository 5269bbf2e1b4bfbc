//! `unterminated_string`: a `cstr` argument has no NUL before the end of its Rust block.
//!
//! Rust: `puts(text.as_ptr().cast())` for a `&str`, which is not NUL-terminated; C reads on into whatever lies behind.

use crate::call::target::{PointerArg, Target};
use crate::facts::Finding;
use crate::platform::read;

pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    let Target::Heap(block) = &look.target else { return None };
    if !look.contract.is_cstr() {
        return None;
    }
    let searched = block.start.wrapping_add(block.size).saturating_sub(look.argument.address);
    // SAFETY: the bytes from the argument to the block's end belong to a live block, which the caller keeps alive for
    // the call it is being lent to.
    let terminated = unsafe { read::has_nul(look.argument.address, searched) };
    (!terminated).then_some(Finding::UnterminatedString { searched })
}
