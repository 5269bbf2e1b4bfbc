//! What contracts can say, by attributes: `c/contracts.c`.

use std::ffi::{c_char, c_int, c_void};

/// What C may be told to call when it needs a text no more; -1 if it takes what it needs at once.
pub type Destroy = Option<unsafe extern "C" fn(*mut c_void)>;

/// A handle of C's.
#[derive(Debug)]
#[repr(C)]
pub struct Holder {
    _private: [u8; 0],
}

/// Input that is set before each call, and a dictionary that stays.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Stream {
    /// The input.
    pub next_in: *const u8,
    /// Bytes of it.
    pub avail_in: usize,
    /// The dictionary.
    pub dictionary: *const u8,
    /// Bytes of it.
    pub dictionary_len: usize,
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// The length of a text: `n`, or up to its NUL if `n` is negative.
    pub fn ffg_contract_text_length(#[guard(text_by = n)] text: *const c_char, n: c_int) -> usize;
    /// The length of a text that ends at its NUL, or after `n` bytes.
    pub fn ffg_contract_text_at_most(#[guard(text_within = n)] text: *const c_char, n: c_int) -> usize;
    /// One of the handles.
    pub fn ffg_contract_holder_at(slot: usize) -> *mut Holder;
    /// Keeps `text`, unless `destroy` is -1.
    pub fn ffg_contract_hold(
        holder: *mut Holder,
        #[guard(cstr, retained_unless = (destroy == -1), held_by = holder)] text: *const c_char,
        destroy: Destroy,
    );
    /// Keeps `text`, whatever `destroy` is.
    pub fn ffg_contract_bad_hold(
        holder: *mut Holder,
        #[guard(cstr, retained_unless = (destroy == -1), held_by = holder)] text: *const c_char,
        destroy: Destroy,
    );
    /// Lets go of what it holds. The address stays where it was.
    pub fn ffg_contract_release(#[guard(lets_go)] holder: *mut Holder);
    /// The first byte of the text; -1 if there is none.
    pub fn ffg_contract_held(holder: *const Holder) -> c_int;
    /// Remembers where the output ended, and never reads there.
    pub fn ffg_contract_goes_on(#[guard(sized_by = len, remembered)] data: *mut u8, len: usize) -> c_int;
    /// The sum of the input and the dictionary.
    pub fn ffg_contract_pump(#[guard(stale(next_in), allow(nested_pointer))] stream: *const Stream) -> u32;
}
