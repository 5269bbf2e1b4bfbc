//! Compares handles with a table in a `Mutex<HashMap>`, and closures with a bare callback:
//! `cargo bench -p ffi-guard-benches --bench tools`.
//!
//! `GUARD` in the environment measures another level; a lookup is the same at all of them.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::hint::black_box;
use std::sync::Mutex;

use ffi_guard::{CArena, CBox, Callback, Handle};
use ffi_guard_benches::{alone, beside, with_environment};

#[global_allocator]
static GUARD: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const N: u32 = 100_000;

/// The table one writes without a library: numbers for boxed values, under one lock.
struct Table {
    next: usize,
    values: HashMap<usize, Box<u64>>,
}

static TABLE: Mutex<Option<Table>> = Mutex::new(None);

fn table<R>(f: impl FnOnce(&mut Table) -> R) -> R {
    let mut table = TABLE.lock().expect("no panic in it");
    f(table.get_or_insert_with(|| Table { next: 0, values: HashMap::new() }))
}

fn table_new(value: u64) -> usize {
    table(|table| {
        table.next += 1;
        table.values.insert(table.next, Box::new(value));
        table.next
    })
}

fn table_with(raw: usize) -> u64 {
    table(|table| **table.values.get(&raw).expect("it was put there"))
}

fn table_take(raw: usize) -> u64 {
    *table(|table| table.values.remove(&raw)).expect("it was put there")
}

fn handle_with(raw: *mut c_void) -> u64 {
    Handle::<u64>::with(raw, |value| *value).expect("parked")
}

fn round_trip(value: u64) -> u64 {
    let raw = Handle::new(value).into_raw();
    black_box(handle_with(black_box(raw))) + Handle::<u64>::take(raw).expect("parked")
}

fn table_round_trip(value: u64) -> u64 {
    let raw = table_new(value);
    black_box(table_with(black_box(raw))) + table_take(raw)
}

/// Runs `f` on two threads at once, half of the `N` times on each.
fn on_two(f: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..N / 2).for_each(|_| f()));
        }
    });
}

/// A callback written by hand for C, which does the work of the closure.
unsafe extern "C" fn bare(user: *mut c_void, n: c_int) -> c_int {
    // SAFETY: the benchmark passes a live counter.
    let count = unsafe { &mut *user.cast::<c_int>() };
    *count = count.wrapping_add(n);
    *count
}

type Event = Option<unsafe extern "C" fn(*mut c_void, c_int) -> c_int>;

fn call(event: Event, user: *mut c_void) {
    let event = black_box(event).expect("a function");
    // SAFETY: each function gets its own user data.
    (0..N).for_each(|n| _ = black_box(unsafe { event(black_box(user), n as c_int) }));
}

fn main() {
    let level = std::env::var("GUARD").unwrap_or_else(|_| "0".into());
    with_environment(&[("GUARD", &level)]);
    println!("level {level:<38} {:>11} {:>11}", "handle", "HashMap");
    // A table that is not empty, as in a program.
    let handles: Vec<_> = (0..1000_u64).map(|n| Handle::new(n).into_raw()).collect();
    let numbers: Vec<_> = (0..1000).map(table_new).collect();
    let (raw, number) = (handles[500], numbers[500]);
    beside(
        "with",
        N,
        || (0..N).for_each(|_| _ = black_box(handle_with(black_box(raw)))),
        || (0..N).for_each(|_| _ = black_box(table_with(black_box(number)))),
    );
    beside(
        "new + with + take",
        N,
        || (0..N).for_each(|n| _ = black_box(round_trip(n.into()))),
        || (0..N).for_each(|n| _ = black_box(table_round_trip(n.into()))),
    );
    let (raw, two) = (raw.addr(), std::ptr::without_provenance_mut::<c_void>);
    beside(
        "2 threads: with, one value",
        N,
        || on_two(|| _ = black_box(handle_with(two(black_box(raw))))),
        || on_two(|| _ = black_box(table_with(black_box(number)))),
    );
    beside(
        "2 threads: new + with + take",
        N,
        || on_two(|| _ = black_box(round_trip(1))),
        || on_two(|| _ = black_box(table_round_trip(1))),
    );

    println!("{:<44} {:>11} {:>11}", "", "Callback", "by hand");
    let mut count: c_int = 0;
    let user = (&raw mut count).cast::<c_void>();
    let mut sum: c_int = 0;
    Callback::scoped(
        |n: c_int| -> c_int {
            sum = sum.wrapping_add(n);
            sum
        },
        |closure| {
            beside("called by C", N, || call(closure.function(), closure.data()), || call(Some(bare), user));
        },
    );

    println!("{:<44} {:>11}", "", "C memory");
    alone("CBox::new + drop, 8 bytes", N, || (0..N).for_each(|n| drop(black_box(CBox::new(u64::from(n))))));
    alone("CArena: a piece of 8 bytes, of 1000", 1000, || {
        let arena = CArena::new();
        (0..1000_u64).for_each(|n| _ = black_box(arena.put(n)));
    });
}
