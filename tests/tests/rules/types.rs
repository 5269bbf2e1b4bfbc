//! One argument in every type that can express it: a violation is found at the first call of a
//! function, and at later ones, which use what the first one found.

use std::ptr::NonNull;

use c_fixtures::shapes::Bytes;
use ffi_guard::{Rule, catch, expect_violation};

/// The sum of 16 bytes, one declaration for each way to hand them over; they are in this crate,
/// with its debug assertions.
mod declared {
    use super::{Bytes, NonNull};

    #[ffi_guard::guard]
    #[allow(clashing_extern_declarations)]
    unsafe extern "C" {
        #[link_name = "ffg_bad_sum_digest"]
        pub(super) fn by_pointer(digest: *const [u8; 16]) -> u32;
        #[link_name = "ffg_bad_sum_digest"]
        pub(super) fn by_mut_pointer(digest: *mut [u8; 16]) -> u32;
        #[link_name = "ffg_bad_sum_digest"]
        pub(super) fn by_reference(digest: &[u8; 16]) -> u32;
        #[link_name = "ffg_bad_sum_digest"]
        pub(super) fn by_option(digest: Option<&[u8; 16]>) -> u32;
        #[link_name = "ffg_bad_sum_digest"]
        pub(super) fn by_non_null(digest: NonNull<[u8; 16]>) -> u32;
        #[link_name = "ffg_sum_bytes_by_value"]
        pub(super) fn by_value(bytes: Bytes) -> i64;
        #[link_name = "ffg_ok_sum_bytes"]
        #[guard(allow(abi_mismatch))]
        pub(super) fn two_counts(
            #[guard(counted_by = count)] data: *const u8,
            count: usize,
            #[guard(sized_by = count + 1, nonnull)] more: *const u8,
        ) -> u32;
    }
}

/// Calls it in order, out of order, and in order again, each more than once.
fn is_told_at_each_call(call: impl Fn(*const [u8; 16]) -> u32) {
    let (whole, short) = (Box::new([1_u8; 16]), vec![1_u8; 8]);
    for _ in 0..3 {
        assert_eq!(catch(|| call(&raw const *whole)).expect("16 bytes are there"), 16);
        expect_violation!(Rule::OutOfBounds, {
            call(short.as_ptr().cast());
        });
    }
}

#[test]
fn a_pointer() {
    // SAFETY: if they are too few, that is the point: the guard stops the call before C reads. This
    // holds for the other tests here too.
    is_told_at_each_call(|digest| unsafe { declared::by_pointer(digest) });
    // SAFETY: as above.
    is_told_at_each_call(|digest| unsafe { declared::by_mut_pointer(digest.cast_mut()) });
}

#[test]
fn a_reference() {
    // SAFETY: as above.
    is_told_at_each_call(|digest| unsafe { declared::by_reference(&*digest) });
    // SAFETY: as above.
    is_told_at_each_call(|digest| unsafe { declared::by_option(Some(&*digest)) });
    // SAFETY: as above.
    is_told_at_each_call(|digest| unsafe { declared::by_non_null(NonNull::new_unchecked(digest.cast_mut())) });
}

#[test]
fn a_value_that_holds_a_pointer() {
    for _ in 0..3 {
        let live = vec![1_u8, 2, 3];
        // SAFETY: the bytes are there.
        let sum = catch(|| unsafe { declared::by_value(Bytes { data: live.as_ptr(), length: 3 }) });
        assert_eq!(sum.expect("clean"), 6);
        let start = live.as_ptr();
        drop(live);
        expect_violation!(Rule::DanglingPointer, {
            // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
            unsafe { declared::by_value(Bytes { data: start, length: 3 }) };
        });
    }
}

#[test]
fn each_count_goes_with_its_parameter() {
    for _ in 0..3 {
        let (data, more) = (vec![1_u8; 8], vec![1_u8; 9]);
        // SAFETY: C reads the first 8 bytes, and the guard asks for 9 more of the others.
        let call =
            |data: &[u8], count, more: &[u8]| unsafe { declared::two_counts(data.as_ptr(), count, more.as_ptr()) };
        assert_eq!(catch(|| call(&data, 8, &more)).expect("clean"), 8);
        let first = expect_violation!(Rule::OutOfBounds, {
            call(&more, 10, &data);
        });
        assert!(first.to_string().contains("`data: *const u8`"), "{first}");
        let second = expect_violation!(Rule::OutOfBounds, {
            call(&data, 8, &data);
        });
        assert!(second.to_string().contains("`more: *const u8`"), "{second}");
    }
}
