//! A subscriber that C calls after its end.

use c_fixtures::stale_handle::{subscribe, tick};
use ffi_guard::Callback;

pub(crate) fn run() {
    let on_tick = Callback::new(|| println!("tick"));
    // SAFETY: wrong: C keeps the pair, and calls it after the callback is dropped.
    unsafe { subscribe(on_tick.function(), on_tick.data()) };
    drop(on_tick);
    tick();
}
