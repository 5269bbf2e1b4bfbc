//! C that casts `const` away, and C that does not: `c/write_through_const.c`.

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::AtomicI32;

/// A key that C keeps its hash in.
#[derive(Clone, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Key {
    /// The bytes to hash.
    pub number: c_int,
    /// The hash, which C fills in.
    pub cached: c_int,
}

/// A count that both sides change.
#[derive(Debug)]
#[repr(C)]
pub struct Shared {
    /// The number of users.
    pub users: AtomicI32,
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// Upper-cases in place a text that it promised only to read.
    #[link_name = "ffg_bad_shout"]
    pub fn bad_shout(#[guard(cstr)] text: *const c_char) -> usize;
    /// Upper-cases a text in place, and is declared so.
    #[link_name = "ffg_ok_shout"]
    pub fn ok_shout(#[guard(cstr)] text: *mut c_char) -> usize;
    /// Only reads.
    #[link_name = "ffg_ok_count_capitals"]
    pub fn ok_count_capitals(#[guard(cstr)] text: *const c_char) -> usize;

    /// Keeps its result in the key.
    #[link_name = "ffg_bad_hash"]
    pub fn bad_hash(key: &Key) -> c_int;
    /// Keeps its result in the key, and is declared so.
    #[link_name = "ffg_bad_hash"]
    pub fn hash_and_keep(#[guard(allow(write_through_const))] key: &Key) -> c_int;

    /// Flips a bit of the byte at `at`, if there is one.
    #[link_name = "ffg_poke_const"]
    pub fn poke_const(#[guard(counted_by = length)] data: *const u8, length: usize, at: usize);
    /// Flips a bit of the byte at `at`, of memory without a type.
    #[link_name = "ffg_poke_bytes"]
    pub fn poke_bytes(#[guard(sized_by = length)] data: *const c_void, length: usize, at: usize);
    /// Flips a bit of the byte at `at`, without a stated extent.
    #[link_name = "ffg_poke_anything"]
    pub fn poke_anything(data: *const c_void, length: usize, at: usize);

    /// Swaps two numbers, though it may only read one of them.
    #[link_name = "ffg_swap"]
    pub fn swap(from: *const c_int, to: *mut c_int);
    /// Adds one to a count that both sides change.
    #[link_name = "ffg_count_up"]
    pub fn count_up(shared: *const Shared);
    /// Calls back.
    #[link_name = "ffg_each"]
    pub fn each(
        value: *const c_int,
        call: Option<unsafe extern "C" fn(*mut c_void)>,
        #[guard(opaque)] user: *mut c_void,
    );
    /// Waits for [`ask_and_read`] on another thread, and writes then.
    #[link_name = "ffg_write_when_asked"]
    pub fn write_when_asked(value: *mut c_int);
    /// True if it waits.
    #[link_name = "ffg_waits"]
    pub safe fn waits() -> c_int;
    /// Waits until it has written.
    #[link_name = "ffg_ask_and_read"]
    pub fn ask_and_read(one: *const c_int, other: *const c_int);
    /// Copies a number, and changes the source if `wrong` is not 0. It has more parameters than the
    /// guard's bitsets have bits.
    #[link_name = "ffg_many_parameters"]
    pub fn many_parameters(
        n0: c_int,
        n1: c_int,
        n2: c_int,
        n3: c_int,
        n4: c_int,
        n5: c_int,
        n6: c_int,
        n7: c_int,
        n8: c_int,
        n9: c_int,
        n10: c_int,
        n11: c_int,
        n12: c_int,
        n13: c_int,
        n14: c_int,
        n15: c_int,
        n16: c_int,
        n17: c_int,
        n18: c_int,
        n19: c_int,
        n20: c_int,
        n21: c_int,
        n22: c_int,
        n23: c_int,
        n24: c_int,
        n25: c_int,
        n26: c_int,
        n27: c_int,
        n28: c_int,
        n29: c_int,
        n30: c_int,
        from: *const c_int,
        to: *const Shared,
        wrong: c_int,
    );
}
