// A mistake under a condition counts where the condition holds; four conditions are too many.

#[ffi_guard::guard]
unsafe extern "C" {
    fn here(#[cfg_attr(all(), guard(banana))] p: *const u8);
    fn not_here(#[cfg_attr(any(), guard(banana))] p: *const u8);
    fn many(
        #[cfg_attr(target_os = "linux", guard(cstr))] a: *const u8,
        #[cfg_attr(target_os = "macos", guard(cstr))] b: *const u8,
        #[cfg_attr(target_os = "windows", guard(cstr))] c: *const u8,
        #[cfg(target_os = "wasi")] d: *const u8,
    );
}

fn main() {
    unsafe {
        here(std::ptr::null());
        not_here(std::ptr::null());
    }
}
