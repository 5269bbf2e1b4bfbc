//! Calls variadic functions, in each build that is tried, and then one that is not right.

use std::ffi::{c_int, c_long};

use c_fixtures::variadic as c;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

fn main() {
    // SAFETY: as many numbers as the first argument says, of these types.
    unsafe {
        assert_eq!(c::sum_ints(9, 1, 2, 3, 4, 5, 6, 7, 8, 9), 45);
        assert_eq!(c::sum_doubles(10, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0), 27.5);
        let two: c_int = 2;
        assert_eq!(c::sum_mixed(c"idlp".as_ptr(), 1, 2.5, 3 as c_long, &raw const two), 8.5);
    }
    let mut room = vec![0_u8; 16];
    // SAFETY: the room is as long as it is said to be, and the text is a `double`'s.
    let written = unsafe { c::print(room.as_mut_ptr().cast(), 16, c"%g".as_ptr(), 2.5) };
    assert_eq!((written, &room[..4]), (3, &b"2.5\0"[..]));
    if ffi_guard::level() == ffi_guard::Level::Off {
        return;
    }
    let text = String::from("no NUL");
    // SAFETY: not sound, and that is the point: the text has no end, and the guard stops the call.
    unsafe { c::print(room.as_mut_ptr().cast(), 16, c"%d %s".as_ptr(), 1, text.as_ptr()) };
}
