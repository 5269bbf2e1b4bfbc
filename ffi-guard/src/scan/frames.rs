//! Whose stack frame an address is in.

use super::names;

/// Whether an address of the calling thread's stack lies in a frame of a Rust function.
///
/// A thread's stack holds C's frames too: those of a C thread that called back, of a C `main`, of the C function between
/// two Rust ones. The unwinder tells where each frame begins, and the symbol (or the source file, for `no_mangle`
/// functions) whose it is. This is dear, some tens of microseconds, and only asked when a rule has found something.
pub(crate) fn in_rust_frame(address: usize) -> bool {
    let mut owner: Option<*mut std::ffi::c_void> = None;
    backtrace::trace(|frame| {
        // The address that the unwinder gives for a frame is where it begins: its locals lie at and above it, up to
        // where its caller's frame begins.
        let begins = frame.sp().addr();
        if begins != 0 && begins > address {
            return false;
        }
        owner = Some(frame.ip());
        true
    });
    let Some(ip) = owner else { return false };
    let mut rust = false;
    backtrace::resolve(ip, |symbol| {
        // The last one is the function itself; those before it were inlined into it.
        let mangled =
            symbol.name().and_then(|name| std::str::from_utf8(name.as_bytes()).ok()).is_some_and(names::is_rust);
        rust = mangled || symbol.filename().is_some_and(|file| file.extension().is_some_and(|e| e == "rs"));
    });
    rust
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_of_this_test_is_in_a_rust_frame() {
        let local = std::hint::black_box(5_u32);
        assert!(in_rust_frame(&raw const local as usize));
        assert!(!in_rust_frame(crate::platform::stack::bounds().end - 8));
    }
}
