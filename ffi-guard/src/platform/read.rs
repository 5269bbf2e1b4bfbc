//! Reads of memory that the guard does not own.

pub(crate) use super::os::read::{len_with_nul, nul, read};

/// True if there is a NUL among `len` bytes.
///
/// Uses C's own `memchr`, which is fast in a debug build too, and may read bytes that Rust left
/// uninitialised.
///
/// # Safety
/// - `len` bytes from `address` on are mapped and stay so for the call.
pub(crate) unsafe fn has_nul(address: usize, len: usize) -> bool {
    // SAFETY: the caller says that the bytes are mapped and stay so.
    unsafe { nul(address, len) }.is_some()
}

#[cfg(all(test, reads))]
mod tests {
    #[test]
    fn a_bad_address_is_an_answer_and_not_a_fault() {
        let mut buffer = [0; 8];
        let word = 0x1122_3344_5566_7788_u64;
        assert_eq!(super::read(&raw const word as usize, &mut buffer), Some(()));
        assert_eq!(u64::from_ne_bytes(buffer), word);
        assert_eq!(super::read(8, &mut buffer), None);
        assert_eq!(super::read(usize::MAX - 7, &mut buffer), None);
    }
}
