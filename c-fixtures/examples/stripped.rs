//! What is wrong, and what is right, with pointers to the stack: `tests/tests/release.rs` builds it
//! as it is shipped, without symbols, and runs each case by its name.

use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;

use c_fixtures::nested_pointer::{Node, bad_sum_list};
use c_fixtures::robust::{Pair, call_with_lent, call_with_local, pair_is_full};
use c_fixtures::write_through_const::bad_shout;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// A list on this function's stack.
#[inline(never)]
fn nested() {
    let mut end = Node { value: 2, next: ptr::null_mut() };
    let first = Node { value: 1, next: &raw mut end };
    // SAFETY: a live list.
    println!("{}", unsafe { bad_sum_list(black_box(&raw const first)) });
}

/// Lends what it was given.
#[inline(never)]
fn lend(first: *const Node) -> i64 {
    // SAFETY: the caller passes a live list.
    black_box(unsafe { bad_sum_list(black_box(first)) })
}

/// A list on the stack of a function further up, which has something to drop.
#[inline(never)]
fn nested_further_up() {
    let owner = black_box(vec![1_u8; 3]);
    let mut end = Node { value: 2, next: ptr::null_mut() };
    let first = Node { value: 1, next: &raw mut end };
    println!("{} {}", lend(black_box(&raw const first)), owner.len());
}

/// C writes to a text on this function's stack that it may only read.
#[inline(never)]
fn written() {
    let mut text = *b"a text\0";
    // SAFETY: ends with NUL.
    unsafe { bad_shout(black_box(text.as_mut_ptr()).cast()) };
    println!("{}", text[0]);
}

unsafe extern "C" fn hand_back(pair: *mut Pair, _: *mut c_void) {
    // SAFETY: C passes a live pair of its own.
    unsafe { pair_is_full(pair) };
}

/// C's variables on C's stack, and Rust's that C was lent: all is right.
#[inline(never)]
fn right() {
    let lent = black_box(Box::new(5));
    // SAFETY: the callback only hands the pair back.
    unsafe {
        call_with_local(hand_back, ptr::null_mut());
        call_with_lent(hand_back, (&raw const *lent).cast());
    }
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("nested") => nested(),
        Some("further-up") => nested_further_up(),
        Some("written") => written(),
        _ => right(),
    }
    println!("the end");
}
