//! Fields of a wrapper type: callbacks for one thread and for all, a handle, an arena; and where
//! they may go.

use std::ffi::{c_char, c_int, c_void};

use ffi_guard::callback::AnyThread;
use ffi_guard::{CArena, CBox, CSlice, CText, Callback, Handle};

/// As bindgen writes it.
type RowCallback = Option<unsafe extern "C" fn(*mut c_void, c_int, *mut *mut c_char, *mut *mut c_char) -> c_int>;

struct Wrapper {
    own: Callback<fn(c_int)>,
    all: Callback<fn(c_int) -> *mut c_void, AnyThread>,
    handle: Handle<Vec<String>>,
    arena: CArena,
}

fn send<T: Send>(_: &T) {}
fn share<T: Sync>(_: &T) {}

fn main() {
    let wrapper = Wrapper {
        own: Callback::new(|_: c_int| ()),
        all: Callback::shared(|_: c_int| std::ptr::null_mut()),
        handle: Handle::new(Vec::new()),
        arena: CArena::new(),
    };
    send(&wrapper.all);
    share(&wrapper.all);
    send(&wrapper.handle);
    share(&wrapper.handle);
    send(&wrapper.arena);
    send(&CBox::new(1));
    send(&CSlice::copy_of(&[1]));
    send(&CText::new("text"));
    let _: Option<unsafe extern "C" fn(c_int, *mut c_void)> = wrapper.own.function_last();
    Callback::scoped(
        |_columns: c_int, _values: *mut *mut c_char, _names: *mut *mut c_char| -> c_int { 0 },
        |row| {
            let _: RowCallback = row.function();
        },
    );
}
