//! Words for what contracts say: what a callback lends, user data in a struct, texts that a
//! callback returns, alignments.

#![allow(clippy::undocumented_unsafe_blocks, clippy::useless_vec)]

use std::ffi::{CString, c_char, c_int, c_long, c_void};

use c_fixtures::contract_words::{
    Span, node_free, node_new, node_value, place_of, source_close, source_next, source_open, source_sum, span_sum,
    sum_floats,
};
use c_fixtures::returned_pointer::name_length;
use ffi_guard::{Rule, catch, expect_violation};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// What a source reads from: chunks, each as long as its number.
struct Chunks {
    next: usize,
    buffer: Vec<u8>,
}

impl Chunks {
    fn new() -> Box<Chunks> {
        Box::new(Chunks { next: 0, buffer: Vec::new() })
    }

    fn user(&mut self) -> *mut c_void {
        std::ptr::from_mut(self).cast()
    }
}

#[ffi_guard::guard]
unsafe extern "C" fn read_chunk(
    #[guard(opaque)] user: *mut c_void,
    #[guard(lends)] buffer: *mut *const c_void,
) -> c_long {
    let chunks = unsafe { &mut *user.cast::<Chunks>() };
    chunks.next += 1000;
    // The old buffer is freed while C still holds its address, which it no longer uses.
    chunks.buffer = vec![1; chunks.next];
    unsafe { *buffer = chunks.buffer.as_ptr().cast() };
    chunks.buffer.len() as c_long
}

#[test]
fn what_a_callback_lends_c_may_use_and_rust_may_replace() {
    let mut chunks = Chunks::new();
    let user = chunks.user();
    catch(|| unsafe {
        let source = source_open(read_chunk, user);
        for round in 1..=100 {
            assert_eq!(source_next(source), 1000 * round);
            assert_eq!(source_sum(source), 1000 * round);
        }
        source_close(source);
    })
    .expect("clean");
    assert_eq!(chunks.next, 100_000);
}

#[ffi_guard::guard(on_panic = 0)]
unsafe extern "C" fn read_dropped(
    #[guard(opaque)] _user: *mut c_void,
    #[guard(lends)] buffer: *mut *const c_void,
) -> c_long {
    let bytes = vec![1_u8; 40];
    unsafe { *buffer = bytes.as_ptr().cast() };
    bytes.len() as c_long
}

#[test]
fn what_is_lent_and_dropped_is_found() {
    let mut chunks = Chunks::new();
    let user = chunks.user();
    let source = unsafe { source_open(read_dropped, user) };
    let violation = expect_violation!(Rule::DanglingField, { unsafe { source_next(source) } });
    assert_eq!((violation.function(), violation.parameter()), (Some("read_dropped"), Some("buffer")));
    unsafe { source_close(source) };
}

#[ffi_guard::guard(on_panic = 0)]
unsafe extern "C" fn read_local(
    #[guard(opaque)] _user: *mut c_void,
    #[guard(lends)] buffer: *mut *const c_void,
) -> c_long {
    let bytes = std::hint::black_box([1_u8; 40]);
    unsafe { *buffer = bytes.as_ptr().cast() };
    bytes.len() as c_long
}

#[test]
fn what_is_lent_of_the_callbacks_own_frame_is_found() {
    let mut chunks = Chunks::new();
    let user = chunks.user();
    let source = unsafe { source_open(read_local, user) };
    let violation = expect_violation!(Rule::ReturnedPointer, { unsafe { source_next(source) } });
    assert_eq!((violation.function(), violation.parameter()), (Some("read_local"), Some("buffer")));
    let report = violation.to_string();
    assert!(report.contains("`read_local` lends C what its own frame held"), "{report}");
    unsafe { source_close(source) };
}

#[ffi_guard::guard(on_panic = 1)]
unsafe extern "C" fn span_of_user(#[guard(opaque)] user: *mut c_void, #[guard(lends, out)] span: *mut Span) -> c_int {
    let chunks = unsafe { &mut *user.cast::<Chunks>() };
    let bytes = vec![2_u8; 30];
    unsafe { span.write(Span { data: bytes.as_ptr(), size: bytes.len() }) };
    if chunks.next == 0 {
        chunks.buffer = bytes;
    }
    0
}

#[test]
fn a_struct_that_is_filled_in_lends_each_of_its_pointers() {
    let mut chunks = Chunks::new();
    let user = chunks.user();
    assert_eq!(catch(|| unsafe { span_sum(span_of_user, user) }).expect("clean"), 60);
    chunks.next = 1;
    let violation = expect_violation!(Rule::DanglingField, { unsafe { span_sum(span_of_user, user) } });
    assert!(violation.to_string().contains("`data`"), "{violation}");
}

/// A name with its NUL, and one without.
struct Named {
    text: String,
    with_nul: CString,
    which: u8,
}

impl Named {
    fn new(which: u8) -> Named {
        let text = "a name without NUL";
        Named { text: text.into(), with_nul: CString::new(text).expect("no NUL in it"), which }
    }

    fn name(&self) -> *const c_char {
        match self.which {
            0 => self.with_nul.as_ptr(),
            1 => self.text.as_ptr().cast(),
            _ => c"a literal".as_ptr(),
        }
    }
}

#[ffi_guard::guard(on_panic = c"".as_ptr())]
#[guard(returns(retained, cstr))]
unsafe extern "C" fn kept_name(#[guard(opaque)] user: *mut c_void) -> *const c_char {
    unsafe { &*user.cast::<Named>() }.name()
}

#[ffi_guard::guard(on_panic = c"".as_ptr(), lends, returns(cstr))]
unsafe extern "C" fn lent_name(#[guard(opaque)] user: *mut c_void) -> *const c_char {
    unsafe { &*user.cast::<Named>() }.name()
}

#[test]
fn a_text_that_a_callback_returns_ends_in_nul() {
    for callback in [kept_name, lent_name] {
        for which in [0, 2] {
            let mut named = Box::new(Named::new(which));
            let length = catch(|| unsafe { name_length(callback, (&raw mut *named).cast()) }).expect("clean");
            assert_eq!(length, named.name_length());
        }
        let mut named = Box::new(Named::new(1));
        named.text.shrink_to_fit();
        let violation = expect_violation!(Rule::UnterminatedString, {
            unsafe { name_length(callback, (&raw mut *named).cast()) };
        });
        let report = violation.to_string();
        assert!(report.contains("the result of `") && report.contains("has no NUL in 18 bytes"), "{report}");
        assert!(report.contains("found when the callback returned"), "{report}");
    }
}

impl Named {
    fn name_length(&self) -> usize {
        if self.which == 0 { self.text.len() } else { "a literal".len() }
    }
}

#[ffi_guard::guard(on_panic = c"".as_ptr(), lends)]
unsafe extern "C" fn local_name(#[guard(opaque)] _user: *mut c_void) -> *const c_char {
    let name = std::hint::black_box([b'a' as c_char, 0]);
    #[allow(dangling_pointers_from_locals)]
    name.as_ptr()
}

#[test]
fn a_result_that_lends_a_variable_of_its_own_is_found() {
    let violation =
        expect_violation!(Rule::ReturnedPointer, { unsafe { name_length(local_name, std::ptr::null_mut()) } });
    assert_eq!(violation.function(), Some("local_name"));
}

#[repr(C, align(64))]
struct Aligned([f32; 32]);

#[test]
fn an_address_that_c_asks_more_of_than_its_type_is_found() {
    let numbers = Box::new(Aligned([1.0; 32]));
    assert_eq!(catch(|| unsafe { sum_floats(numbers.0.as_ptr(), 32) }).expect("clean"), 32.0);
    assert_eq!(catch(|| unsafe { sum_floats(numbers.0[16..].as_ptr(), 16) }).expect("clean"), 16.0);
    assert_eq!(catch(|| unsafe { sum_floats(std::ptr::null(), 0) }).expect("clean"), 0.0);
    let violation = expect_violation!(Rule::MisalignedPointer, { unsafe { sum_floats(numbers.0[4..].as_ptr(), 16) } });
    let report = violation.to_string();
    assert!(report.contains("`numbers` of `sum_floats` is not aligned to 64 bytes"), "{report}");
    assert!(report.contains("align(64)"), "says what to write:\n{report}");
    let here = Aligned([1.0; 32]);
    expect_violation!(Rule::MisalignedPointer, { unsafe { sum_floats(here.0[1..].as_ptr(), 16) } });
    // Of no type, by a constant.
    assert_eq!(catch(|| unsafe { place_of(here.0[8..].as_ptr().cast()) }).expect("clean"), 32);
    expect_violation!(Rule::MisalignedPointer, { unsafe { place_of(here.0[4..].as_ptr().cast()) } });
}

#[test]
fn user_data_in_a_struct_is_not_looked_into() {
    let mut mine = Box::new(String::from("what I know of this node"));
    let mut here = 1_u64;
    catch(|| unsafe {
        let node = node_new(7);
        for user in [(&raw mut *mine).cast(), (&raw mut here).cast(), std::ptr::null_mut::<c_void>()] {
            (*node).user = user;
            assert_eq!(node_value(node), 7);
        }
        (*node).user = (&raw mut *mine).cast();
        drop(mine);
        assert_eq!(node_value(node), 7);
        node_free(node);
    })
    .expect("clean");
}
