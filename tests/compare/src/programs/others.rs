//! Mistakes that ffi-guard has no rule for, or sees only at some levels. Their C is `c/others.c`,
//! which is guarded like any other.

use std::hint::black_box;
use std::mem::MaybeUninit;

#[ffi_guard::guard]
unsafe extern "C" {
    fn cmp_sum(#[guard(counted_by = count)] values: *const i32, count: i32, more: i32) -> i32;
    fn cmp_fill(#[guard(counted_by = count)] at: *mut u8, count: i32, more: i32);
    safe fn cmp_own_stack(at: i32) -> i32;
    safe fn cmp_own_global(at: i32) -> i32;
    safe fn cmp_own_heap(length: i32) -> i32;
    safe fn cmp_own_freed(early: i32) -> i32;
    safe fn cmp_own_leak(release: i32) -> i32;
    safe fn cmp_own_uninitialised(clear: i32) -> i32;
    fn cmp_answer(#[guard(out)] number: *mut i32, known: i32);
    safe fn cmp_count(times: i64, atomic: i32) -> i64;
}

fn sum_of_a_vec(more: i32) {
    let values = black_box(vec![1, 2, 3, 4]);
    // SAFETY: four there are; wrong where C reads more.
    black_box(unsafe { cmp_sum(values.as_ptr(), 4, more) });
}

pub(super) fn past_a_vec() {
    sum_of_a_vec(1);
}

pub(super) fn within_a_vec() {
    sum_of_a_vec(0);
}

fn sum_of_an_array(more: i32) {
    let values = black_box([1, 2, 3, 4]);
    // SAFETY: four there are; wrong where C reads more.
    black_box(unsafe { cmp_sum(values.as_ptr(), 4, more) });
}

pub(super) fn past_a_stack_array() {
    sum_of_an_array(1);
}

pub(super) fn within_a_stack_array() {
    sum_of_an_array(0);
}

fn fill_an_array(more: i32) {
    let mut bytes = black_box([0_u8; 20]);
    // SAFETY: twenty there are; wrong where C writes more.
    unsafe { cmp_fill(bytes.as_mut_ptr(), 20, more) };
    black_box(&mut bytes);
}

pub(super) fn onto_the_stack() {
    fill_an_array(1);
}

pub(super) fn within_the_stack() {
    fill_an_array(0);
}

pub(super) fn own_stack() {
    black_box(cmp_own_stack(8));
}

pub(super) fn own_stack_right() {
    black_box(cmp_own_stack(7));
}

pub(super) fn own_global() {
    black_box(cmp_own_global(8));
}

pub(super) fn own_global_right() {
    black_box(cmp_own_global(7));
}

pub(super) fn own_heap() {
    black_box(cmp_own_heap(24));
}

pub(super) fn own_heap_right() {
    black_box(cmp_own_heap(23));
}

pub(super) fn own_freed() {
    black_box(cmp_own_freed(1));
}

pub(super) fn own_freed_right() {
    black_box(cmp_own_freed(0));
}

pub(super) fn own_leak() {
    black_box(cmp_own_leak(0));
}

pub(super) fn own_leak_right() {
    black_box(cmp_own_leak(1));
}

pub(super) fn own_uninitialised() {
    black_box(cmp_own_uninitialised(0));
}

pub(super) fn own_uninitialised_right() {
    black_box(cmp_own_uninitialised(1));
}

fn answer(known: i32) {
    let mut number = Box::new(MaybeUninit::<i32>::uninit());
    // SAFETY: wrong if the answer is not known: then C has not written the number.
    let number = unsafe {
        cmp_answer(number.as_mut_ptr(), known);
        number.assume_init_read()
    };
    if black_box(number) == 42 {
        println!("the answer");
    }
}

pub(super) fn uninitialised_out() {
    answer(0);
}

pub(super) fn uninitialised_out_right() {
    answer(1);
}

pub(super) fn rust_alone() {
    let value = Box::new(7);
    let address = black_box(&raw const *value);
    drop(value);
    // SAFETY: wrong: it is gone.
    black_box(unsafe { address.read_volatile() });
}

pub(super) fn rust_alone_right() {
    let value = Box::new(7);
    let address = black_box(&raw const *value);
    // SAFETY: it lives.
    black_box(unsafe { address.read_volatile() });
}

fn count_on_two_threads(atomic: i32) {
    let counting = [(); 2].map(|()| std::thread::spawn(move || cmp_count(10_000, atomic)));
    for thread in counting {
        black_box(thread.join().expect("it counts"));
    }
}

pub(super) fn data_race() {
    count_on_two_threads(0);
}

pub(super) fn data_race_right() {
    count_on_two_threads(1);
}
