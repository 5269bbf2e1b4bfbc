//! C that gives back texts, buffers and numbers that are not what is declared of them:
//! `c/invalid_result.c`.

use std::ffi::{c_char, c_int};

/// What C calls with a text, and with bytes.
pub type Deliver = unsafe extern "C" fn(text: *const c_char, bytes: *const u8, length: c_int);

#[ffi_guard::guard]
unsafe extern "C" {
    /// A name; null for a number below 0, one in Latin-1 for 2.
    #[guard(returns(nonnull, cstr))]
    #[link_name = "ffg_bad_name"]
    pub safe fn bad_name(which: c_int) -> *const c_char;

    /// A name in UTF-8, or null; one in Latin-1 for 2.
    #[guard(returns(utf8))]
    #[link_name = "ffg_bad_name"]
    pub safe fn bad_text(which: c_int) -> *const c_char;

    /// Always a name.
    #[guard(returns(nonnull, cstr, utf8))]
    #[link_name = "ffg_ok_name"]
    pub safe fn ok_name(which: c_int) -> *const c_char;

    /// A blob of `*length` bytes; null and 0 for 0, null and a length for a negative one.
    #[guard(returns(counted_by = *length))]
    #[link_name = "ffg_bad_blob"]
    pub fn bad_blob(which: c_int, #[guard(out)] length: *mut c_int) -> *const u8;

    /// A blob of `*length` bytes, which is null if it is empty.
    #[guard(returns(counted_by = *length, null_when_empty))]
    #[link_name = "ffg_bad_blob"]
    pub fn bad_blob_or_null(which: c_int, #[guard(out)] length: *mut c_int) -> *const u8;

    /// A blob, never null.
    #[guard(returns(counted_by = *length))]
    #[link_name = "ffg_ok_blob"]
    pub fn ok_blob(which: c_int, #[guard(out)] length: *mut c_int) -> *const u8;

    /// Its argument, of as many bytes as it is told.
    #[guard(returns(counted_by = *out))]
    #[link_name = "ffg_bad_echo"]
    pub fn bad_echo(bytes: *mut u8, length: c_int, #[guard(out)] out: *mut c_int) -> *mut u8;

    /// Its argument; null says that it has failed.
    #[guard(ok = !result.is_null(), returns(sized_by = *out))]
    #[link_name = "ffg_bad_echo"]
    pub fn bad_echo_or_null(bytes: *mut u8, length: c_int, #[guard(out)] out: *mut c_int) -> *mut u8;

    /// Its argument, a text.
    #[guard(returns(cstr))]
    #[link_name = "ffg_bad_same"]
    pub fn bad_same(text: *mut c_char) -> *mut c_char;

    /// The length of the text, of which `room - 1` bytes are written at most.
    #[guard(returns(at_most = room - 1))]
    #[link_name = "ffg_bad_print"]
    pub fn bad_print(
        #[guard(out, sized_by = room)] out: *mut c_char,
        room: usize,
        #[guard(cstr)] text: *const c_char,
    ) -> c_int;

    /// The length of the text; a negative number says that it has failed.
    #[guard(ok = result >= 0, returns(at_most = room - 1))]
    #[link_name = "ffg_bad_print"]
    pub fn bad_print_or_fail(
        #[guard(sized_by = room)] out: *mut c_char,
        room: usize,
        #[guard(cstr)] text: *const c_char,
    ) -> c_int;

    /// How much is written.
    #[guard(returns(at_most = room - 1))]
    #[link_name = "ffg_ok_print"]
    pub fn ok_print(
        #[guard(out, sized_by = room)] out: *mut c_char,
        room: usize,
        #[guard(cstr)] text: *const c_char,
    ) -> c_int;

    /// A table for vectors.
    #[guard(returns(nonnull, aligned = 16))]
    #[link_name = "ffg_bad_table"]
    pub safe fn bad_table(offset: c_int) -> *const u8;

    /// Calls back.
    #[link_name = "ffg_bad_deliver"]
    pub fn bad_deliver(deliver: Deliver, text: *const c_char, bytes: *const u8, length: c_int);
}
