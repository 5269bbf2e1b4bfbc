//! Functions that keep what they are lent in other places than a plain global:
//! `c/retained_places.c`.
//!
//! Each place can be read back (`read_*`, which follows what is kept) and cleared (`forget_*`).

use std::ffi::{c_char, c_int, c_void};

/// A C struct with a pointer in it, whose offset the guard knows.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct List {
    /// How often something was stored.
    pub count: i64,
    /// The pointer that was stored last.
    pub first: *const i32,
}

/// A C struct with a pointer in it, about which the guard knows nothing.
#[derive(Debug)]
#[repr(C)]
pub struct PlainList {
    /// How often something was stored.
    pub count: i64,
    /// The pointer that was stored last.
    pub first: *const i32,
}

/// A part of a text.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct View {
    /// Its first byte.
    pub start: *const c_char,
    /// Its bytes.
    pub len: usize,
}

/// The callback of [`each`].
pub type Visit = unsafe extern "C" fn(value: *const i32, user: *mut c_void);

// One C function is declared with pointers of several types.
#[allow(clashing_extern_declarations)]
#[ffi_guard::guard]
unsafe extern "C" {
    /// Keeps `value` in the thread-local `ffg_kept_local`, which is local to its file.
    #[link_name = "ffg_bad_keep_local"]
    pub fn bad_keep_local(value: *const i32);
    /// Keeps `value` in the last of the 4 slots of the thread-local `ffg_local_slots`.
    #[link_name = "ffg_bad_keep_local_slot"]
    pub fn bad_keep_local_slot(value: *const i32);
    /// Keeps `value` in the thread-local `kept_local_inside` of a function.
    #[link_name = "ffg_bad_keep_local_inside"]
    pub fn bad_keep_local_inside(value: *const i32);
    /// The sum of what the calling thread's variables lead to.
    #[link_name = "ffg_read_local"]
    pub fn read_local() -> i32;
    /// Clears the calling thread's variables.
    #[link_name = "ffg_forget_local"]
    pub safe fn forget_local();
    /// Keeps `value` in a thread-local while it works, and clears that before it returns.
    #[link_name = "ffg_ok_keep_local_and_clear"]
    pub fn ok_keep_local_and_clear(value: *const i32) -> i32;

    /// Loads the library and has its `keep` keep `value`. 0 on success.
    #[link_name = "ffg_bad_keep_in_library"]
    pub fn bad_keep_in_library(#[guard(cstr)] path: *const c_char, value: *const i32) -> c_int;
    /// The number that the library's `see` points to.
    #[link_name = "ffg_read_library"]
    pub fn read_library() -> i32;
    /// Unloads it.
    #[link_name = "ffg_forget_library"]
    pub safe fn forget_library();

    /// Calls `visit` for each value.
    #[link_name = "ffg_each_value"]
    pub fn each(
        #[guard(counted_by = count)] values: *const i32,
        count: usize,
        visit: Visit,
        #[guard(opaque)] user: *mut c_void,
    );
    /// The number that the last visit of `ffg_visit_keep` kept.
    #[link_name = "ffg_read_visited"]
    pub fn read_visited() -> i32;
    /// Clears it.
    #[link_name = "ffg_forget_visited"]
    pub safe fn forget_visited();

    /// Has a thread store `value` in the static `ffg_kept_by_thread`, and waits for it.
    #[link_name = "ffg_bad_keep_by_thread"]
    pub fn bad_keep_by_thread(value: *const i32) -> c_int;
    /// Gives `value` to a thread, which stores it when it is told to.
    #[link_name = "ffg_bad_keep_by_thread_later"]
    pub fn bad_keep_by_thread_later(value: *const i32) -> c_int;
    /// Tells the thread to store its value, and waits for its end.
    #[link_name = "ffg_let_thread_store"]
    pub fn let_thread_store() -> c_int;
    /// The stored number.
    #[link_name = "ffg_read_by_thread"]
    pub fn read_by_thread() -> i32;
    /// Clears it.
    #[link_name = "ffg_forget_by_thread"]
    pub safe fn forget_by_thread();

    /// Keeps `value` in a local array alone.
    #[link_name = "ffg_ok_keep_on_stack"]
    pub fn ok_keep_on_stack(value: *const i32) -> i32;

    /// Stores `value` in `list`.
    #[link_name = "ffg_bad_store_in"]
    pub fn bad_store_in(list: *mut List, value: *const i32);
    /// Stores `value` in `list`, about whose type nothing is known.
    #[link_name = "ffg_bad_store_in"]
    pub fn bad_store_in_plain(list: *mut PlainList, value: *const i32);
    /// Stores `value` in `list`, of which not even the size is known.
    #[link_name = "ffg_bad_store_in_untyped"]
    pub fn bad_store_in_untyped(list: *mut c_void, value: *const i32);
    /// Stores `value` in `list`, and the declaration says so.
    #[link_name = "ffg_bad_store_in"]
    pub fn ok_store_in(list: *mut List, #[guard(retained)] value: *const i32);
    /// Stores `value` in `list`, for Rust to read.
    #[link_name = "ffg_bad_store_in"]
    pub fn ok_fill(#[guard(out)] list: *mut List, value: *const i32);
    /// Adds the value to `list`, and stores no address.
    #[link_name = "ffg_ok_store_copy"]
    pub fn ok_store_copy(list: *mut List, value: *const i32);
    /// Stores the address of `list` in `list`.
    #[link_name = "ffg_ok_store_self"]
    pub fn ok_store_self(list: *mut List);
    /// Moves the pointer in `list`, which leads into `values`, past the zeros.
    #[link_name = "ffg_ok_advance"]
    #[guard(allow(nested_pointer))]
    pub fn ok_advance(list: *mut List, #[guard(counted_by = count)] values: *const i32, count: usize);
    /// Sets `end` to the first character of `text` that is not a blank.
    #[link_name = "ffg_ok_skip_blanks"]
    pub fn ok_skip_blanks(#[guard(cstr)] text: *const c_char, end: *mut *const c_char) -> usize;
    /// Sets `word` to the first word of `text`.
    #[link_name = "ffg_ok_first_word"]
    pub fn ok_first_word(#[guard(cstr)] text: *const c_char, #[guard(out)] word: *mut View);
    /// Calls `visit` with both.
    #[link_name = "ffg_ok_call_with"]
    pub fn ok_call_with(list: *mut List, value: *const i32, visit: unsafe extern "C" fn(*mut List, *const i32));
    /// Calls `visit`, out of which a panic may unwind, with both.
    #[link_name = "ffg_ok_call_unwinding"]
    pub fn ok_call_unwinding(
        list: *mut List,
        value: *const i32,
        visit: Option<unsafe extern "C-unwind" fn(*mut List, *const i32)>,
    );
}

unsafe extern "C" {
    /// A function of C's that [`each`] can call: keeps the value.
    #[link_name = "ffg_visit_keep"]
    pub fn visit_keep(value: *const i32, user: *mut c_void);
}
