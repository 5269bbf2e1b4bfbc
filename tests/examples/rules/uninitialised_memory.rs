//! A buffer that is as long as its capacity, and was never written.

use c_fixtures::uninitialised_memory::checksum;

#[allow(clippy::uninit_vec)]
pub(crate) fn run() {
    let mut data: Vec<u8> = Vec::with_capacity(64);
    // SAFETY: wrong: none of the 64 bytes is written.
    unsafe { data.set_len(64) };
    // SAFETY: wrong: C reads all of them.
    unsafe { checksum(data.as_ptr(), data.len()) };
}
