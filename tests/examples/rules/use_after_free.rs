//! A log buffer that is dropped while C still writes to it.

use c_fixtures::use_after_free::{bad_set_log, log_letter};

pub(crate) fn run() {
    let mut log = vec![0_u8; 40];
    // SAFETY: wrong: C keeps it for longer than it lives.
    unsafe { bad_set_log(log.as_mut_ptr().cast(), 40) };
    drop(log);
    log_letter(b'A' as _, 3);
    ffi_guard::checkpoint();
}
