//! The section in which every crate of a module puts the addresses of its guarded functions. The
//! linker lays them side by side and says where the first and the last are.

use std::slice;

/// There is at least this, of no size: without any entry the linker would know no such section.
#[used]
#[unsafe(link_section = "ffi_guard_functions")]
static NONE: [usize; 0] = [];

unsafe extern "C" {
    /// The first byte of the section, by the linker.
    #[link_name = "__start_ffi_guard_functions"]
    static FIRST: [usize; 0];
    /// The byte after the last one.
    #[link_name = "__stop_ffi_guard_functions"]
    static END: [usize; 0];
}

/// What lies in the section of the module that this code is in.
///
/// # Safety
/// - Nothing but statics of the type `&'static T` is in the section.
pub(crate) unsafe fn entries<T: Sync>() -> &'static [&'static T] {
    // Both addresses are the linker's; what is there is not read here.
    let (first, end) = ((&raw const FIRST).addr(), (&raw const END).addr());
    let count = end.saturating_sub(first) / size_of::<&T>();
    let first = (&raw const FIRST).cast::<&'static T>();
    // SAFETY: the caller promises that the section is made of such references. Each is as large as
    // its alignment, so the linker leaves no room between them, and they never change.
    unsafe { slice::from_raw_parts(first, count) }
}
