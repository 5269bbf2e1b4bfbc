//! C that hands over numbers and nulls that are no value of the Rust type: `c/invalid_value.c`.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::num::NonZeroU32;
use std::ptr::NonNull;

/// A mode, one of which is negative, with a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ffi_guard::Plain)]
#[repr(i32)]
pub enum Mode {
    /// Not known.
    Unknown = -1,
    /// Off.
    Off = 0,
    /// On.
    On = 1,
    /// As it likes.
    Auto = 5,
}

/// A mode in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ffi_guard::Plain)]
#[repr(u8)]
pub enum SmallMode {
    /// Off.
    Off,
    /// On.
    On,
    /// The last of all.
    Last = 255,
}

/// A mode that derives nothing: which values it has, the guard does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct OpaqueMode(pub c_int);

/// What a tool is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ffi_guard::Plain)]
#[repr(C)]
pub struct Settings {
    /// Any number.
    pub id: u32,
    /// A flag.
    pub verbose: bool,
    /// A mode.
    pub mode: Mode,
    /// Flags.
    pub flags: [bool; 4],
}

/// A pointer that is there, and two numbers.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Pair {
    /// The first number.
    pub first: NonNull<i32>,
    /// A number.
    pub x: f32,
    /// A number.
    pub y: f32,
}

/// A pointer that can be missing, and two numbers.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct OptionalPair {
    /// The first number.
    pub first: Option<NonNull<i32>>,
    /// A number.
    pub x: f32,
    /// A number.
    pub y: f32,
}

/// What C calls with a flag, a mode and a number.
pub type Call = unsafe extern "C" fn(user: *mut c_void, flag: bool, mode: Mode, first: &i32) -> c_int;

/// What C calls, by the types that C has.
pub type PlainCall = unsafe extern "C" fn(user: *mut c_void, flag: u8, mode: c_int, first: *const i32) -> c_int;

#[allow(clashing_extern_declarations, improper_ctypes)]
#[ffi_guard::guard]
unsafe extern "C" {
    /// 2 if bit 1 is set, declared as a `bool`.
    #[link_name = "ffg_bad_is_open"]
    pub safe fn bad_is_open(flags: c_int) -> bool;

    /// 2 if bit 1 is set, as the number that it is.
    #[link_name = "ffg_bad_is_open"]
    pub safe fn is_open_as_number(flags: c_int) -> u8;

    /// 0 or 1.
    #[link_name = "ffg_ok_is_open"]
    pub safe fn ok_is_open(flags: c_int) -> bool;

    /// The mode, or a number that is none.
    #[link_name = "ffg_bad_mode"]
    pub safe fn bad_mode(mode: c_int) -> Mode;

    /// The mode as a number with a name.
    #[link_name = "ffg_bad_mode"]
    pub safe fn mode_as_number(mode: c_int) -> OpaqueMode;

    /// The mode in one byte.
    #[link_name = "ffg_bad_small_mode"]
    pub safe fn bad_small_mode(mode: c_int) -> SmallMode;

    /// A letter, or half of one.
    #[link_name = "ffg_bad_letter"]
    pub safe fn bad_letter(unit: c_int) -> char;

    /// The first number; null for a `count` of 0, misaligned for a negative one.
    #[link_name = "ffg_bad_item"]
    pub safe fn bad_first(count: c_int) -> &'static i32;

    /// The first number, by a pointer that need not be aligned.
    #[link_name = "ffg_bad_item"]
    pub safe fn bad_first_nonnull(count: c_int) -> NonNull<i32>;

    /// The first number, if there is one.
    #[link_name = "ffg_ok_item"]
    pub safe fn ok_first(count: c_int) -> Option<&'static i32>;

    /// A handle, which is never 0.
    #[link_name = "ffg_bad_handle"]
    pub safe fn bad_handle(n: c_int) -> NonZeroU32;

    /// A function; null for a number that is not positive.
    #[link_name = "ffg_bad_handler"]
    pub safe fn bad_handler(n: c_int) -> extern "C" fn(c_int) -> c_int;

    /// A function, if there is one.
    #[link_name = "ffg_ok_handler"]
    pub safe fn ok_handler(n: c_int) -> Option<extern "C" fn(c_int) -> c_int>;

    /// A pair by value; without a pointer for a `count` of 0.
    #[link_name = "ffg_bad_pair"]
    pub safe fn bad_pair(count: c_int) -> Pair;

    /// A pair by value, whose pointer can be missing.
    #[link_name = "ffg_bad_pair"]
    pub safe fn ok_pair(count: c_int) -> OptionalPair;

    /// Settings by value.
    #[link_name = "ffg_bad_settings"]
    pub safe fn bad_settings(verbose: c_int, mode: c_int) -> Settings;

    /// Writes the flag; nothing if it is negative, and returns -1.
    #[guard(ok = result == 0)]
    #[link_name = "ffg_bad_get_flag"]
    pub fn bad_get_flag(flag: c_int, #[guard(out)] out: *mut bool) -> c_int;

    /// Writes the flag; without a condition that says when.
    #[link_name = "ffg_bad_get_flag"]
    pub fn bad_get_flag_bare(flag: c_int, out: *mut bool) -> c_int;

    /// Writes the flag behind a reference.
    #[link_name = "ffg_bad_get_flag"]
    pub safe fn bad_get_flag_by_reference(flag: c_int, out: &mut bool) -> c_int;

    /// Writes the flag into what need not be initialised.
    #[link_name = "ffg_bad_get_flag"]
    pub safe fn bad_get_flag_into(flag: c_int, out: &mut MaybeUninit<bool>) -> c_int;

    /// Writes the mode.
    #[link_name = "ffg_bad_get_mode"]
    pub fn bad_get_mode(mode: c_int, #[guard(out)] out: *mut Mode) -> c_int;

    /// Writes settings; nothing if `verbose` is negative, and returns -1.
    #[guard(ok = result == 0)]
    #[link_name = "ffg_bad_get_settings"]
    pub fn bad_get_settings(verbose: c_int, mode: c_int, #[guard(out)] out: *mut Settings) -> c_int;

    /// Writes settings into what need not be initialised.
    #[link_name = "ffg_bad_get_settings"]
    pub safe fn bad_get_settings_into(verbose: c_int, mode: c_int, out: &mut MaybeUninit<Settings>) -> c_int;

    /// Writes flags.
    #[link_name = "ffg_bad_get_flags"]
    pub fn bad_get_flags(#[guard(out, counted_by = count)] flags: *mut bool, count: usize, last: c_int);

    /// Has the flag's memory released.
    #[link_name = "ffg_ok_take_flag"]
    pub fn ok_take_flag(#[guard(owned)] flag: *mut bool, release: unsafe extern "C" fn(*mut bool));

    /// Calls back.
    #[link_name = "ffg_bad_call"]
    pub fn bad_call(call: Call, #[guard(opaque)] user: *mut c_void, flag: c_int, mode: c_int, count: c_int) -> c_int;

    /// Calls back what takes the types that C has.
    #[link_name = "ffg_bad_call"]
    pub fn plain_call(
        call: PlainCall,
        #[guard(opaque)] user: *mut c_void,
        flag: c_int,
        mode: c_int,
        count: c_int,
    ) -> c_int;
}
