//! libsodium with careless declarations. The system's library is a stripped `.so`, built by others;
//! its bad writes are still found, named and attributed.

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[cfg(not(has_libsodium))]
#[test]
fn skipped() {
    assert!(!ffi_guard_tests_system::has_libsodium());
}

#[cfg(has_libsodium)]
mod found {
    use ffi_guard::{Rule, catch, checkpoint, expect_violation};
    use ffi_guard_tests::process::{is_child, run_self, stderr};
    use ffi_guard_tests_system::sodium::careless as c;

    #[test]
    fn a_byte_too_many_is_found() {
        let mut buffer = vec![1_u8; 24];
        let violation = expect_violation!(Rule::BufferOverflow, {
            // SAFETY: not sound, and that is the point: one byte goes into the guard's canary.
            unsafe { c::clear(buffer.as_mut_ptr(), 25) };
        });
        let report = violation.to_string();
        assert_eq!((violation.function(), violation.parameter()), (Some("clear"), Some("buffer")), "{report}");
        assert!(report.contains("1 byte: byte 24 of a 24-byte block, 1 past the end"), "{report}");
        // SAFETY: all of it.
        catch(|| unsafe { c::clear(buffer.as_mut_ptr(), 24) }).expect("clean");
    }

    #[test]
    fn a_write_through_const_is_found() {
        let number = Box::into_raw(Box::new([0xFF_u8, 0, 0, 0]));
        let violation = expect_violation!(Rule::WriteThroughConst, {
            // SAFETY: the number may be written to; it is the declaration that says otherwise.
            unsafe { c::increment(number.cast(), 4) };
        });
        assert!(violation.to_string().contains("there before: ff 00"), "{violation}");
        // SAFETY: from `into_raw`.
        assert_eq!(*unsafe { Box::from_raw(number) }, [0, 1, 0, 0]);
    }

    #[test]
    fn a_write_into_what_is_freed_is_found() {
        const TEST: &str = "found::a_write_into_what_is_freed_is_found";
        if !is_child() {
            let output = run_self(TEST, &[("GUARD", "2")]);
            assert!(output.status.success(), "{}", stderr(&output));
            return;
        }
        let mut freed = vec![1_u8; 40];
        let buffer = freed.as_mut_ptr();
        drop(freed);
        // SAFETY: not sound, and that is the point: the block waits in the guard's quarantine.
        unsafe { c::clear_freed(buffer.wrapping_add(8), 2) };
        let violation = expect_violation!(Rule::UseAfterFree, { checkpoint() });
        assert!(violation.to_string().contains("2 bytes, from byte 8 of a 40-byte block"), "{violation}");
    }

    #[test]
    fn at_level_3_the_read_itself_is_found_and_the_library_named() {
        const TEST: &str = "found::at_level_3_the_read_itself_is_found_and_the_library_named";
        if is_child() {
            // One of two lies right before a page without access.
            let (one, other) = (vec![1_u8; 24], vec![1_u8; 24]);
            // SAFETY: not sound, and that is the point.
            unsafe { c::compare(one.as_ptr(), other.as_ptr(), 25) };
            return;
        }
        let output = run_self(TEST, &[("GUARD", "3")]);
        let said = stderr(&output);
        assert!(!output.status.success(), "{said}");
        assert!(said.contains("ffi-guard[buffer_overflow]: ") && said.contains("1 byte past the end"), "{said}");
        assert!(said.contains("libsodium") && said.contains("compare"), "{said}");
    }
}
