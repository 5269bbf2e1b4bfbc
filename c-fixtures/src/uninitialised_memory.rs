//! C that reads what it is lent, and C that fills what it is lent: `c/uninitialised_memory.c`.

use std::ffi::{c_char, c_int, c_long, c_void};

/// What an instrument measured.
#[derive(Clone, Copy, ffi_guard::Pointee)]
#[repr(C)]
pub struct Reading {
    /// Seconds since 1970.
    pub when: u64,
    /// What was measured.
    pub value: f64,
    /// A text of C's.
    pub unit: *const c_char,
}

/// A title, which C fills in part.
#[derive(ffi_guard::Plain)]
#[repr(C)]
pub struct Title {
    /// A text.
    pub text: [u8; 64],
    /// Bytes of the text.
    pub length: u64,
    /// For later versions.
    pub reserved: [u64; 2],
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// A number made of `size` bytes.
    #[link_name = "ffg_ok_checksum"]
    pub fn checksum(#[guard(sized_by = size)] data: *const u8, size: usize) -> u64;

    /// The sum of `count` words.
    #[link_name = "ffg_ok_sum_up"]
    pub fn sum(#[guard(counted_by = count)] words: *const u64, count: usize) -> u64;

    /// The sum of `count` words, of which the declaration does not say how many there are.
    #[link_name = "ffg_ok_sum_up"]
    pub fn sum_bare(words: *const u64, count: usize) -> u64;

    /// The sum of two words.
    #[link_name = "ffg_ok_pair"]
    pub fn pair(words: &[u64; 2]) -> u64;

    /// The bytes of a text.
    #[link_name = "ffg_ok_length"]
    pub fn length(#[guard(cstr)] text: *const c_char) -> usize;

    /// What was measured.
    #[link_name = "ffg_ok_value"]
    pub fn value(reading: *const Reading) -> f64;

    /// Fills the text up to its NUL, and the length.
    #[link_name = "ffg_ok_title"]
    pub fn title(title: *mut Title);

    /// The bytes of the text.
    #[link_name = "ffg_ok_title_length"]
    pub fn title_length(title: *const Title) -> usize;

    /// Fills a text of less than `size` bytes.
    #[link_name = "ffg_ok_fill_name"]
    pub fn name(#[guard(out, sized_by = size)] name: *mut c_char, size: usize);

    /// The bytes of a text in so many bytes.
    #[link_name = "ffg_ok_length_within"]
    pub fn name_length(#[guard(sized_by = size)] name: *const c_char, size: usize) -> usize;

    /// Has C keep words that it reads later.
    #[link_name = "ffg_ok_queue"]
    pub fn queue(#[guard(retained, counted_by = count)] words: *const u64, count: usize);

    /// The sum of the words that C has kept.
    #[link_name = "ffg_ok_flush"]
    pub fn flush() -> u64;

    /// Reads a channel; returns 0 without filling the reading if there is no such channel.
    #[link_name = "ffg_bad_read"]
    #[guard(ok = result == 0)]
    pub fn bad_read(channel: c_int, #[guard(out)] reading: *mut Reading) -> c_int;

    /// Reads a channel; -1 if there is no such channel.
    #[link_name = "ffg_ok_read"]
    #[guard(ok = result == 0)]
    pub fn ok_read(channel: c_int, #[guard(out)] reading: *mut Reading) -> c_int;

    /// Receives up to `size` bytes; -1 if there is no such channel.
    #[link_name = "ffg_ok_receive"]
    #[guard(ok = ret > 0)]
    pub fn receive(channel: c_int, #[guard(out, sized_by = size)] bytes: *mut u8, size: usize) -> c_long;
}

/// The same functions, by declarations that say less.
#[allow(clashing_extern_declarations)]
pub mod untyped {
    use super::{c_int, c_void};

    /// A reading whose type says nothing of what is in it.
    #[repr(C)]
    pub struct Unknown {
        /// Seconds since 1970.
        pub when: u64,
        /// What was measured, if anything.
        pub value: Value,
    }

    /// A number or another.
    #[repr(C)]
    #[allow(missing_docs)]
    pub union Value {
        pub count: u64,
        pub measure: f64,
    }

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// A number made of `size` bytes.
        #[link_name = "ffg_ok_checksum"]
        pub fn checksum(#[guard(sized_by = size)] data: *const c_void, size: usize) -> u64;

        /// The sum of the words up to the end of the block, or of none.
        #[link_name = "ffg_ok_checksum"]
        pub fn checksum_bare(data: *const c_void, size: usize) -> u64;

        /// The sum of two words.
        #[link_name = "ffg_ok_pair"]
        pub fn pair(reading: *const Unknown) -> u64;

        /// The sum of the words of these readings.
        #[link_name = "ffg_ok_checksum"]
        pub fn each(#[guard(sized_by = size)] readings: *const Unknown, size: usize) -> u64;

        /// Reads a channel, without a word about the reading.
        #[link_name = "ffg_bad_read"]
        pub fn read(channel: c_int, reading: *mut super::Reading) -> c_int;
    }
}
