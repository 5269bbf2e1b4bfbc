//! out_of_bounds: the pointee, or the extent that the call states, is larger than what is left of
//! the Rust block.

use std::sync::atomic::Ordering;

use c_fixtures::out_of_bounds::{
    ASKED, asked, bad_sum_digest, ok_sum_bytes, ok_sum_bytes_asked, ok_sum_ints, ok_sum_table,
};
use ffi_guard::{Rule, catch, expect_violation};

#[test]
fn a_count_beyond_the_block_is_found() {
    let data = vec![1u8; 24];
    let violation = expect_violation!(Rule::OutOfBounds, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { ok_sum_bytes(data.as_ptr(), data.len() + 1) };
    });
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[out_of_bounds]: "), "{report}");
    assert!(report.contains("25") && report.contains("24"), "says how much there is, and how much not:\n{report}");
}

#[test]
fn a_pointee_larger_than_the_block_is_found() {
    // The type says 16 bytes, and the caller has 8: a cast that looks harmless.
    let short = vec![1u8; 8];
    expect_violation!(Rule::OutOfBounds, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { bad_sum_digest(short.as_ptr().cast()) };
    });
}

#[test]
fn a_count_from_an_interior_pointer_is_measured_from_there() {
    let data = vec![1u8; 64];
    // SAFETY: from byte 16 there are 48.
    let sum = catch(|| unsafe { ok_sum_bytes(data[16..].as_ptr(), 48) });
    assert_eq!(sum.expect("clean"), 48);
    expect_violation!(Rule::OutOfBounds, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { ok_sum_bytes(data[16..].as_ptr(), 49) };
    });
}

#[test]
fn a_negative_count_is_found_and_said() {
    let values = vec![1i32; 4];
    let violation = expect_violation!(Rule::OutOfBounds, {
        // SAFETY: C would loop from 0 to -1, which is not at all; the guard does not wait to see
        // that.
        unsafe { ok_sum_ints(values.as_ptr(), -1) };
    });
    assert!(violation.to_string().contains("-1"), "{violation}");
}

/// The fixture's function, declared here with debug assertions, which make another wrapper.
#[ffi_guard::guard]
unsafe extern "C" {
    #[link_name = "ffg_ok_sum_bytes"]
    fn sum_bytes_asked(#[guard(counted_by = asked(count))] data: *const u8, count: usize) -> u32;
}

#[test]
fn the_count_is_asked_for_once_a_call() {
    for sum in [ok_sum_bytes_asked, sum_bytes_asked] as [unsafe fn(*const u8, usize) -> u32; 2] {
        let data = vec![1u8; 24];
        let asked = || ASKED.swap(0, Ordering::Relaxed);
        let _ = asked();
        // The first call of a function and the one that breaks a rule go another way than those in
        // between.
        for _ in 0..3 {
            // SAFETY: that many bytes there are.
            assert_eq!(unsafe { sum(data.as_ptr(), data.len()) }, 24);
            assert_eq!(asked(), 1);
        }
        expect_violation!(Rule::OutOfBounds, {
            // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
            unsafe { sum(data.as_ptr(), data.len() + 1) };
        });
        assert_eq!(asked(), 1);
    }
}

#[test]
fn a_count_that_overflows_in_bytes_is_found() {
    let values = vec![1u16; 4];
    expect_violation!(Rule::OutOfBounds, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { ok_sum_table(values.as_ptr(), usize::MAX / 2, 1) };
    });
}

#[test]
fn the_whole_block_is_clean() {
    let data = vec![1u8; 24];
    let table = vec![1u16; 12];
    let digest = Box::new([1u8; 16]);
    let sums = catch(|| {
        // SAFETY: each count is the slice's own.
        unsafe {
            let bytes = ok_sum_bytes(data.as_ptr(), data.len());
            let cells = ok_sum_table(table.as_ptr(), 3, 4);
            (bytes, cells, bad_sum_digest(&raw const *digest))
        }
    });
    assert_eq!(sums.expect("clean"), (24, 12, 16));
}

#[test]
fn spare_capacity_is_part_of_the_block() {
    // C may write into a `Vec`'s spare capacity: the block is what was allocated, not what is
    // initialised.
    let mut data = Vec::with_capacity(32);
    data.resize(32, 1u8);
    data.truncate(4);
    // SAFETY: all 32 were written above.
    let sum = catch(|| unsafe { ok_sum_bytes(data.as_ptr(), 32) });
    assert_eq!(sum.expect("clean"), 32);
}

#[test]
fn repaired_by_stating_what_there_is() {
    let data = vec![1u8; 24];
    // SAFETY: the count is the slice's own.
    let sum = catch(|| unsafe { ok_sum_bytes(data.as_ptr(), data.len()) });
    assert_eq!(sum.expect("clean"), 24);
}

#[test]
fn repaired_by_an_array_of_the_size_that_the_type_says() {
    let short = [1u8; 8];
    let mut digest = Box::new([0u8; 16]);
    digest[..8].copy_from_slice(&short);
    // SAFETY: 16 bytes, as the type says.
    let sum = catch(|| unsafe { bad_sum_digest(&raw const *digest) });
    assert_eq!(sum.expect("clean"), 8);
}
