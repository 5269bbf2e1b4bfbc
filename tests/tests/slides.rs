//! The talk, slides 7 to 49: each program and its expected result.

// A `Vec` lies on the heap and an array does not, and where a block lies is what this is about.
#![allow(clippy::useless_vec)]

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use c_fixtures::slides::{
    ComplexStruct, SomeStruct, SomeStructData, SomeStructStr, forget_reference, honest, process_big_data,
    process_complex_struct, process_struct, process_struct_data, process_struct_str, retrieve_reference, some_func,
    store_reference,
};
use ffi_guard::{Pinned, Place, Rule, catch, expect_violation};
use ffi_guard_tests::calloc::Calloc;
use ffi_guard_tests::process::{at_level, is_child, run_self};
use serial_test::serial;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const ONE_TWO_THREE: SomeStruct = SomeStruct { a: 1, b: 2, c: 3 };

/// `someReference` is one variable for the whole process: a test that uses it is `serial`, and
/// leaves it null.
struct Forget;

impl Drop for Forget {
    fn drop(&mut self) {
        forget_reference();
    }
}

#[test]
fn slides_7_to_18_bytes_are_lent_and_come_back() {
    let mut bytes = b"lent to C, and returned".to_vec();
    // SAFETY: the length is the slice's own.
    let checksum = catch(|| unsafe { some_func(bytes.as_mut_ptr(), bytes.len()) });
    assert_ne!(checksum.expect("clean"), 0);
    assert_eq!(bytes, b"LENT TO C, AND RETURNED");
}

#[test]
#[serial(some_reference)]
fn slides_21_and_22_a_kept_box_is_found_and_the_variable_named() {
    let _forget = Forget;
    let mut some = Box::new(ONE_TWO_THREE);
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: alive until the reference is forgotten.
        unsafe { store_reference(&raw mut *some) };
    });
    // SAFETY: what C kept is still alive.
    assert_eq!(unsafe { retrieve_reference() }, 1, "the first half of the talk: it seems to work");
    assert!(violation.to_string().contains("someReference"), "{violation}");
    match violation.place() {
        Some(Place::Global { symbol: Some(symbol), offset: 0, .. }) => assert_eq!(symbol, "someReference"),
        other => panic!("{other:?}"),
    }
}

#[test]
#[serial(some_reference)]
fn slides_21_and_22_a_kept_local_is_found() {
    let _forget = Forget;
    let mut some = ONE_TWO_THREE;
    expect_violation!(Rule::RetainedPointer, {
        // SAFETY: alive until the reference is forgotten.
        unsafe { store_reference(&raw mut some) };
    });
}

#[test]
fn slides_21_and_22_unguarded_the_same_program_reads_garbage() {
    at_level("slides_21_and_22_unguarded_the_same_program_reads_garbage", "0", || {
        let mut some = Box::new(ONE_TWO_THREE);
        // SAFETY: alive during the call; what C does with it later is what this is about.
        unsafe { store_reference(&raw mut *some) };
        drop(some);
        // The allocator's next block is the same memory.
        let others: Vec<Box<[u8; 12]>> = (0..64).map(|_| Box::new([0xaa; 12])).collect();
        std::hint::black_box(&others);
        // SAFETY: not sound, and that is the point: the memory is mapped, and belongs to another
        // value.
        assert_ne!(unsafe { retrieve_reference() }, 1);
    });
}

#[test]
#[serial(some_reference)]
fn slides_23_and_24_repaired_by_saying_what_c_does() {
    let _forget = Forget;
    let mut some = Box::new(ONE_TWO_THREE);
    // SAFETY: alive until the reference is forgotten.
    let a = catch(|| unsafe {
        honest::store_reference(&raw mut *some);
        let a = retrieve_reference();
        // C lets go before the box is dropped: it was allowed to keep it until then.
        forget_reference();
        a
    });
    assert_eq!(a.expect("clean"), 1);
}

#[test]
#[serial(some_reference)]
fn slides_23_and_24_repaired_by_c_memory() {
    let _forget = Forget;
    let some = Calloc::new(ONE_TWO_THREE);
    // SAFETY: alive until the reference is forgotten, which is before it is freed.
    let a = catch(|| unsafe {
        store_reference(some.as_ptr());
        retrieve_reference()
    });
    assert_eq!(a.expect("clean"), 1);
    forget_reference();
}

#[test]
#[serial(some_reference)]
fn slides_23_and_24_what_is_pinned_c_may_follow_and_keep() {
    let _forget = Forget;
    let some = Pinned::new(ONE_TWO_THREE);
    let sum = catch(|| {
        let complex = Box::new(ComplexStruct { x: some.as_mut_ptr(), y: ptr::null_mut() });
        // SAFETY: alive until the reference is forgotten.
        unsafe {
            store_reference(some.as_mut_ptr());
            process_complex_struct(&raw const *complex)
        }
    });
    assert_eq!(sum.expect("clean"), 6);
    // C still holds it: taking the value out frees its memory.
    let violation = expect_violation!(Rule::FreedWhileRetained, { some.into_inner() });
    assert!(violation.to_string().contains("someReference"), "{violation}");
}

#[test]
fn slides_27_and_28_c_memory_is_passed_and_freed() {
    let sum = catch(|| {
        let some = Calloc::new(ONE_TWO_THREE);
        // SAFETY: alive until the drop.
        unsafe { process_struct(some.as_ptr()) }
    });
    assert_eq!(sum.expect("clean"), 6);
}

#[test]
fn slide_30_a_string_copied_into_c_memory_is_clean() {
    let sum = catch(|| {
        let text = c"Gopher".to_owned();
        // SAFETY: a C string that lives through the call.
        let copy = unsafe { libc::strdup(text.as_ptr()) };
        let some = Calloc::new(SomeStructStr { a: 1, b: 2, c: 3, str: copy });
        // SAFETY: alive until the drop, as is its string until it is freed, once.
        unsafe {
            let sum = process_struct_str(some.as_ptr());
            libc::free(copy.cast());
            sum
        }
    });
    assert_eq!(sum.expect("clean"), 12);
}

#[test]
fn slide_30_a_rust_string_in_c_memory_is_found() {
    let text = CString::new("Gopher").expect("no NUL in it");
    let some = Calloc::new(SomeStructStr { a: 1, b: 2, c: 3, str: text.as_ptr().cast_mut() });
    let violation = expect_violation!(Rule::NestedPointer, {
        // SAFETY: alive until the drop, as is its string.
        unsafe { process_struct_str(some.as_ptr()) };
    });
    assert!(violation.to_string().contains("`str`"), "names the field:\n{violation}");
}

#[test]
fn slide_31_a_buffer_copied_into_c_memory_is_clean() {
    let data = vec![1u8, 2, 3, 4];
    let sum = catch(|| {
        let copy = Calloc::new([0u8; 4]);
        // SAFETY: both have four bytes, and C's are not Rust's.
        unsafe { ptr::copy_nonoverlapping(data.as_ptr(), copy.as_ptr().cast(), 4) };
        let some = Calloc::new(SomeStructData { data: copy.as_ptr().cast(), data_len: 4 });
        // SAFETY: both are alive until the drop.
        unsafe { process_struct_data(some.as_ptr()) }
    });
    assert_eq!(sum.expect("clean"), 10);
}

#[test]
fn slide_31_a_rust_buffer_in_c_memory_is_found() {
    let mut data = vec![1u8, 2, 3, 4];
    let some = Calloc::new(SomeStructData { data: data.as_mut_ptr(), data_len: data.len() });
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: alive until the drop, as is its buffer.
        unsafe { process_struct_data(some.as_ptr()) };
    });
}

#[test]
fn slides_40_to_43_big_data_is_lent_without_a_copy() {
    let mut big = vec![1u8; 64 << 20];
    let address = big.as_ptr().addr();
    // SAFETY: the length is the slice's own.
    let seen = catch(|| unsafe { process_big_data(big.as_mut_ptr(), big.len()) });
    assert_eq!(seen.expect("clean"), address);
    assert_eq!((big[0], big[1], big[big.len() - 1]), (0xfe, 1, 0xfe), "C wrote into the very memory");
}

/// Slide 45 as the table of the tour has it: on the heap, on the stack, mixed.
fn complex(outer_on_heap: bool, inner_on_heap: bool) -> String {
    let mut boxed = Box::new(ONE_TWO_THREE);
    let mut local = ONE_TWO_THREE;
    let x = if inner_on_heap { &raw mut *boxed } else { &raw mut local };
    let violation = if outer_on_heap {
        let complex = Box::new(ComplexStruct { x, y: ptr::null_mut() });
        expect_violation!(Rule::NestedPointer, {
            // SAFETY: both are alive.
            unsafe { process_complex_struct(&raw const *complex) };
        })
    } else {
        let complex = ComplexStruct { x, y: ptr::null_mut() };
        expect_violation!(Rule::NestedPointer, {
            // SAFETY: both are alive.
            unsafe { process_complex_struct(&raw const complex) };
        })
    };
    violation.to_string()
}

#[test]
fn slides_45_to_48_a_rust_pointer_to_a_rust_pointer_on_the_heap() {
    let report = complex(true, true);
    assert!(report.starts_with("ffi-guard[nested_pointer]: "), "{report}");
    assert!(report.contains("process_complex_struct"), "{report}");
}

#[test]
fn slides_45_to_48_a_rust_pointer_to_a_rust_pointer_on_the_stack() {
    complex(false, false);
}

#[test]
fn slides_45_to_48_a_rust_pointer_to_a_rust_pointer_mixed() {
    complex(true, false);
    complex(false, true);
}

#[test]
fn slides_45_to_48_with_nulls_or_c_memory_are_clean() {
    let sum = catch(|| {
        let some = Calloc::new(ONE_TWO_THREE);
        let nothing = ComplexStruct { x: ptr::null_mut(), y: ptr::null_mut() };
        let theirs = Box::new(ComplexStruct { x: ptr::null_mut(), y: some.as_ptr() });
        // SAFETY: all are alive.
        unsafe { process_complex_struct(&raw const nothing) + process_complex_struct(&raw const *theirs) }
    });
    assert_eq!(sum.expect("clean"), 6);
}

#[test]
fn slide_49_the_variable_decides() {
    const NAME: &str = "slide_49_the_variable_decides";
    if is_child() {
        // As in a user's program, without a `catch` for what the guard throws.
        let mut some = Box::new(ONE_TWO_THREE);
        let complex = Box::new(ComplexStruct { x: &raw mut *some, y: ptr::null_mut() });
        // SAFETY: both are alive.
        assert_eq!(unsafe { process_complex_struct(&raw const *complex) }, 6);
        return;
    }
    for (guard, found) in [("0", false), ("1", true), ("2", true), ("3", true)] {
        let output = run_self(NAME, &[("GUARD", guard)]);
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.success(), !found, "GUARD={guard}: {said}");
        assert_eq!(said.contains("ffi-guard[nested_pointer]: "), found, "GUARD={guard}: {said}");
    }
}

#[test]
fn slide_49_a_rust_pointer_in_c_memory_is_level_2s_business() {
    const NAME: &str = "slide_49_a_rust_pointer_in_c_memory_is_level_2s_business";
    at_level(NAME, "1", || {
        let text = CString::new("Gopher").expect("no NUL in it");
        let letters: *const c_char = text.as_ptr();
        let some = Calloc::new(SomeStructStr { a: 1, b: 2, c: 3, str: letters.cast_mut() });
        // SAFETY: alive until the drop, as is its string.
        let sum = catch(|| unsafe { process_struct_str(some.as_ptr()) });
        assert_eq!(sum.expect("clean at level 1"), 12);
        // SAFETY: the string is alive.
        assert_eq!(unsafe { CStr::from_ptr(letters) }, c"Gopher");
    });
}
