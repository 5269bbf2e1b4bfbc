//! Whose stack frame an address is in.

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
        let mangled = symbol.name().is_some_and(|name| is_rust_name(name.as_bytes()));
        rust = mangled || symbol.filename().is_some_and(|file| file.extension().is_some_and(|e| e == "rs"));
    });
    rust
}

/// Whether a symbol's raw name was mangled by rustc, in the old or the new scheme.
fn is_rust_name(name: &[u8]) -> bool {
    if name.starts_with(b"_R") {
        return true;
    }
    // `_ZN…17h<16 hex digits>E`: the hash is what C++ names do not have.
    let Some(hash) = name.strip_prefix(b"_ZN").and_then(|rest| rest.strip_suffix(b"E")) else { return false };
    hash.len() > 19
        && hash[hash.len() - 19..].starts_with(b"17h")
        && hash[hash.len() - 16..].iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_names_are_told_from_c_and_cpp_names() {
        assert!(is_rust_name(b"_RNvC6_123foo3bar"));
        assert!(is_rust_name(b"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE"));
        assert!(!is_rust_name(b"_ZN3foo3barEv"));
        assert!(!is_rust_name(b"main"));
    }

    #[test]
    fn a_local_of_this_test_is_in_a_rust_frame() {
        let local = std::hint::black_box(5_u32);
        assert!(in_rust_frame(&raw const local as usize));
        assert!(!in_rust_frame(crate::platform::stack::bounds().end - 8));
    }
}
