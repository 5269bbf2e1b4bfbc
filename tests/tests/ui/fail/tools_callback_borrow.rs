//! A callback that outlives what its closure borrows.

use ffi_guard::Callback;

fn listener() -> Callback<fn(i32) -> i32> {
    let mut sum = 0;
    Callback::new(|n: i32| {
        sum += n;
        sum
    })
}

fn main() {
    drop(listener());
}
