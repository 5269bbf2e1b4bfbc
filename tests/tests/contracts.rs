//! What a contract can say: each word broken, nearly broken, and kept; by attributes on the
//! parameters, and by a file that says the same of a block without any.

// A `Vec` lies on the heap, where its end is known, and an array does not.
#![allow(clippy::useless_vec)]

use std::ffi::{CString, c_void};

use c_fixtures::contracts::{Destroy, Stream};
use ffi_guard::{Place, Rule, catch, expect_violation};
use serial_test::serial;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// The same functions, of which a file tells.
mod by_file {
    use std::ffi::{c_char, c_int};

    use c_fixtures::contracts::{Destroy, Holder, Stream};

    // The names are those that a generator gives where C has none.
    #[ffi_guard::guard(contracts = "contracts/fixtures.toml")]
    unsafe extern "C" {
        pub(super) fn ffg_contract_text_length(arg1: *const c_char, arg2: c_int) -> usize;
        pub(super) fn ffg_contract_text_at_most(arg1: *const c_char, arg2: c_int) -> usize;
        pub(super) fn ffg_contract_holder_at(arg1: usize) -> *mut Holder;
        pub(super) fn ffg_contract_hold(arg1: *mut Holder, arg2: *const c_char, arg3: Destroy);
        pub(super) fn ffg_contract_bad_hold(arg1: *mut Holder, arg2: *const c_char, arg3: Destroy);
        pub(super) fn ffg_contract_release(arg1: *mut Holder);
        pub(super) fn ffg_contract_held(arg1: *const Holder) -> c_int;
        pub(super) fn ffg_contract_goes_on(arg1: *mut u8, arg2: usize) -> c_int;
        pub(super) fn ffg_contract_pump(_: *const Stream) -> u32;
    }
}

/// By which C says that it takes what it needs at once.
fn transient() -> Destroy {
    // SAFETY: the value is compared and never called; not null, so that it is `Some`.
    unsafe { std::mem::transmute::<isize, Destroy>(-1) }
}

/// The address of a block that is freed.
fn freed() -> *const u8 {
    let block = vec![1_u8; 32];
    block.as_ptr()
}

unsafe extern "C" fn destroy(_: *mut c_void) {}

macro_rules! tests {
    ($name:ident, $c:path, $slot:literal) => {
        mod $name {
            use super::*;
            use $c as c;

            #[test]
            fn a_text_without_nul_is_found_if_its_length_is_left_to_the_nul() {
                let text = vec![b'a'; 16];
                let violation = expect_violation!(Rule::UnterminatedString, {
                    // SAFETY: found before C runs.
                    unsafe { c::ffg_contract_text_length(text.as_ptr().cast(), -1) }
                });
                let report = violation.to_string();
                assert!(report.contains("declared a text of `"), "{report}");
            }

            #[test]
            fn a_text_of_no_memory_is_found_too() {
                let text = String::new();
                let violation = expect_violation!(Rule::UnterminatedString, {
                    // SAFETY: found before C runs.
                    unsafe { c::ffg_contract_text_length(text.as_ptr().cast(), -1) }
                });
                assert!(violation.to_string().contains("has no NUL in 0 bytes"), "{violation}");
            }

            #[test]
            fn a_text_that_is_shorter_than_stated_is_found() {
                let text = vec![b'a'; 16];
                let _ = expect_violation!(Rule::OutOfBounds, {
                    // SAFETY: found before C runs.
                    unsafe { c::ffg_contract_text_length(text.as_ptr().cast(), 17) }
                });
            }

            #[test]
            fn a_text_of_its_length_needs_no_nul() {
                let text = vec![b'a'; 16];
                let ended = CString::new("ended").expect("no NUL inside");
                catch(|| {
                    // SAFETY: as long as stated; with a NUL; no text at all.
                    unsafe {
                        assert_eq!(c::ffg_contract_text_length(text.as_ptr().cast(), 16), 16);
                        assert_eq!(c::ffg_contract_text_length(String::new().as_ptr().cast(), 0), 0);
                        assert_eq!(c::ffg_contract_text_length(ended.as_ptr(), -1), 5);
                        assert_eq!(c::ffg_contract_text_length(std::ptr::null(), 9), 0);
                    }
                })
                .expect("nothing is wrong");
            }

            #[test]
            fn a_limit_beyond_the_text_asks_for_its_nul() {
                let text = vec![b'a'; 16];
                let _ = expect_violation!(Rule::UnterminatedString, {
                    // SAFETY: found before C runs.
                    unsafe { c::ffg_contract_text_at_most(text.as_ptr().cast(), 17) }
                });
            }

            #[test]
            fn a_limit_may_be_beyond_the_nul_or_within_the_text() {
                let (text, ended) = (vec![b'a'; 16], CString::new("ended").expect("no NUL inside"));
                catch(|| {
                    // SAFETY: the text ends at its NUL, or after the limit.
                    unsafe {
                        assert_eq!(c::ffg_contract_text_at_most(ended.as_ptr(), 1000), 5);
                        assert_eq!(c::ffg_contract_text_at_most(text.as_ptr().cast(), 16), 16);
                        assert_eq!(c::ffg_contract_text_at_most(text.as_ptr().cast(), 0), 0);
                    }
                })
                .expect("nothing is wrong");
            }

            #[test]
            #[serial(holders)]
            fn what_is_held_by_a_handle_is_missed_before_c_lets_go() {
                for free in [None, Some(destroy as unsafe extern "C" fn(*mut c_void))] {
                    let text = CString::new("held").expect("no NUL inside");
                    let violation = expect_violation!(Rule::FreedWhileRetained, {
                        // SAFETY: C does not read it before it lets go.
                        unsafe { c::ffg_contract_hold(c::ffg_contract_holder_at($slot), text.as_ptr(), free) };
                        drop(text);
                    });
                    let place = violation.place();
                    assert!(matches!(place, Some(Place::Global { symbol: Some(symbol), .. }) if symbol == "ffg_contract_holders"));
                    // SAFETY: a handle.
                    unsafe { c::ffg_contract_release(c::ffg_contract_holder_at($slot)) };
                }
            }

            #[test]
            #[serial(holders)]
            fn what_c_has_let_go_of_may_be_freed_though_its_address_is_left() {
                catch(|| {
                    let text = CString::new("held").expect("no NUL inside");
                    // SAFETY: alive until C lets go of it.
                    unsafe {
                        let holder = c::ffg_contract_holder_at($slot);
                        c::ffg_contract_hold(holder, text.as_ptr(), None);
                        assert_eq!(c::ffg_contract_held(holder), b'h'.into());
                        c::ffg_contract_release(holder);
                        assert_eq!(c::ffg_contract_held(holder), -1);
                    }
                    drop(text);
                    ffi_guard::checkpoint();
                })
                .expect("C has let go");
            }

            #[test]
            #[serial(holders)]
            fn another_handle_lets_go_of_its_own_only_and_a_later_loan_counts() {
                for slots in [[$slot, $slot + 1, $slot], [$slot, $slot, $slot]] {
                    let text = CString::new("held").expect("no NUL inside");
                    let _ = expect_violation!(Rule::FreedWhileRetained, {
                        // SAFETY: C does not read it before it lets go.
                        unsafe {
                            let [first, other, last] = slots.map(|slot| c::ffg_contract_holder_at(slot));
                            c::ffg_contract_hold(first, text.as_ptr(), None);
                            c::ffg_contract_release(other);
                            c::ffg_contract_hold(last, text.as_ptr(), None);
                        }
                        drop(text);
                    });
                    // SAFETY: a handle.
                    unsafe { c::ffg_contract_release(c::ffg_contract_holder_at($slot)) };
                }
            }

            #[test]
            #[serial(holders)]
            fn what_c_takes_at_once_may_be_freed() {
                catch(|| {
                    let text = CString::new("taken").expect("no NUL inside");
                    // SAFETY: C does not keep it.
                    unsafe { c::ffg_contract_hold(c::ffg_contract_holder_at($slot), text.as_ptr(), transient()) };
                    drop(text);
                    ffi_guard::checkpoint();
                })
                .expect("C does not keep it");
            }

            #[test]
            #[serial(holders)]
            fn what_c_keeps_though_it_was_to_take_it_at_once_is_found() {
                let text = CString::new("kept").expect("no NUL inside");
                let violation = expect_violation!(Rule::RetainedPointer, {
                    // SAFETY: C does not read it.
                    unsafe { c::ffg_contract_bad_hold(c::ffg_contract_holder_at($slot), text.as_ptr(), transient()) };
                });
                assert_eq!(violation.function(), Some("ffg_contract_bad_hold"));
            }

            #[test]
            #[serial(goes_on)]
            fn what_c_only_remembers_is_neither_kept_nor_missed() {
                catch(|| {
                    let mut data = vec![0_u8; 64];
                    // SAFETY: as long as stated.
                    unsafe { c::ffg_contract_goes_on(data.as_mut_ptr(), data.len()) };
                    ffi_guard::checkpoint();
                    drop(data);
                    ffi_guard::checkpoint();
                })
                .expect("C never reads there");
            }

            #[test]
            fn a_field_that_may_be_stale_is_not_looked_at() {
                let gone = freed();
                let dictionary = vec![2_u8; 3];
                let stream =
                    Box::new(Stream { next_in: gone, avail_in: 0, dictionary: dictionary.as_ptr(), dictionary_len: 3 });
                // SAFETY: no input, and the dictionary is alive.
                let sum = catch(|| unsafe { c::ffg_contract_pump(&raw const *stream) });
                assert_eq!(sum.expect("the input may be stale"), 6);
            }

            #[test]
            fn another_field_of_it_is() {
                let gone = freed();
                let stream =
                    Box::new(Stream { next_in: std::ptr::null(), avail_in: 0, dictionary: gone, dictionary_len: 0 });
                let violation = expect_violation!(Rule::DanglingField, {
                    // SAFETY: found before C runs.
                    unsafe { c::ffg_contract_pump(&raw const *stream) }
                });
                assert!(violation.to_string().contains("dictionary"), "{violation}");
            }
        }
    };
}

tests!(attributes, c_fixtures::contracts, 0);
tests!(file, super::by_file, 4);
