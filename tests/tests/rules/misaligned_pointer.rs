//! misaligned_pointer: an argument is not aligned for its pointee.

use c_fixtures::misaligned_pointer::{bad_sum_words, ok_sum_words};
use ffi_guard::{Rule, catch, expect_violation};

/// A message as it comes off the wire: a byte of a kind, then words.
fn message() -> Vec<u64> {
    // Words, so that the message itself lies aligned on every heap, and what follows its first byte
    // on none.
    vec![0; 3]
}

#[test]
fn words_behind_an_odd_byte_are_found() {
    let message = message();
    let words = message.as_ptr().cast::<u8>().wrapping_add(1).cast::<u64>();
    let violation = expect_violation!(Rule::MisalignedPointer, {
        // SAFETY: not sound, and that is the point: the guard stops the call before C reads.
        unsafe { bad_sum_words(words, 2) };
    });
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[misaligned_pointer]: "), "{report}");
    assert!(report.contains('8'), "says which alignment:\n{report}");
}

#[test]
fn aligned_words_are_clean() {
    let words = vec![1u64, 2, 3];
    // SAFETY: the count is the slice's own.
    let sum = catch(|| unsafe { bad_sum_words(words.as_ptr(), words.len()) });
    assert_eq!(sum.expect("clean"), 6);
}

#[test]
fn an_opaque_pointer_has_no_alignment() {
    let message = message();
    let words = message.as_ptr().cast::<u8>().wrapping_add(1);
    // SAFETY: 16 of the 23 bytes that follow; the function takes any alignment.
    let sum = catch(|| unsafe { ok_sum_words(words.cast(), 2) });
    assert_eq!(sum.expect("clean"), 0);
}

#[test]
fn repaired_by_copying_into_words() {
    let message = message();
    let bytes = message.as_ptr().cast::<u8>().wrapping_add(1);
    // SAFETY: 16 of the 23 bytes that follow, read at any alignment.
    let words: Vec<u64> = (0..2).map(|i| unsafe { bytes.add(i * 8).cast::<u64>().read_unaligned() }).collect();
    // SAFETY: the count is the slice's own.
    let sum = catch(|| unsafe { bad_sum_words(words.as_ptr(), words.len()) });
    assert_eq!(sum.expect("clean"), 0);
}

mod at_any_alignment {
    #[ffi_guard::guard]
    unsafe extern "C" {
        /// The function, declared by a caller who knows that this C compiler reads words anywhere.
        #[link_name = "ffg_bad_sum_words"]
        #[guard(allow(misaligned_pointer))]
        pub fn sum_words(#[guard(counted_by = count)] words: *const u64, count: usize) -> u64;
    }
}

#[test]
fn what_is_allowed_hides_nothing_else() {
    let message = message();
    let words = message.as_ptr().cast::<u8>().wrapping_add(1).cast::<u64>();
    // SAFETY: not sound: 24 of 23 bytes. The guard stops the call.
    let beyond = expect_violation!(Rule::OutOfBounds, { unsafe { at_any_alignment::sum_words(words, 3) } });
    assert_eq!(beyond.parameter(), Some("words"));
    drop(message);
    // SAFETY: not sound: freed. The guard stops the call.
    let freed = expect_violation!(Rule::DanglingPointer, { unsafe { at_any_alignment::sum_words(words, 2) } });
    assert_eq!(freed.function(), Some("sum_words"));
}
