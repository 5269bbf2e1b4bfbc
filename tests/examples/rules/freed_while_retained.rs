//! A listener, unset after its state is gone.

use c_fixtures::freed_while_retained::{bad_set_listener, ok_unset_listener};

pub(crate) fn run() {
    let state = Box::new(7);
    // SAFETY: `state` lives longer than the call, though not as long as C keeps it.
    unsafe { bad_set_listener(0, &*state) };
    drop(state);
    ok_unset_listener(0);
}
