//! buffer_overflow: C wrote before the start or past the end of a Rust block.

use c_fixtures::buffer_overflow as c;
use ffi_guard::{Rule, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::{at_level, is_child, run_self, stderr};

#[test]
fn one_byte_too_many_is_found_at_the_call() {
    at_level("buffer_overflow::one_byte_too_many_is_found_at_the_call", "2", || {
        let mut out = vec![0_u8; 24];
        let violation = expect_violation!(Rule::BufferOverflow, {
            // SAFETY: not sound, and that is the point: C writes one byte behind the block, into
            // the guard's canary.
            unsafe { c::bad_label(out.as_mut_ptr().cast(), out.len()) };
        });
        let report = violation.to_string();
        assert!(
            report.starts_with("ffi-guard[buffer_overflow]: C wrote 1 byte past the end of `out` in `bad_label`\n"),
            "{report}"
        );
        assert!(report.contains("1 byte: byte 24 of a 24-byte block, 1 past the end"), "{report}");
        assert!(report.contains("there now: 00 |.|"), "{report}");
        // One overrun is one report.
        catch(checkpoint).expect("told and renewed");
        // SAFETY: as many bytes as there are.
        catch(|| unsafe { c::ok_label(out.as_mut_ptr().cast(), out.len()) }).expect("clean");
    });
}

#[test]
fn the_last_byte_is_the_blocks_own() {
    at_level("buffer_overflow::the_last_byte_is_the_blocks_own", "2", || {
        for size in 1..200 {
            let mut out = vec![0_u8; size];
            // SAFETY: within the block.
            catch(|| unsafe {
                c::poke(out.as_mut_ptr(), 0, size, 0xEE);
                c::ok_label(out.as_mut_ptr().cast(), size);
            })
            .expect("clean");
        }
        catch(checkpoint).expect("clean");
    });
}

#[test]
fn repaired_by_room_for_the_nul() {
    at_level("buffer_overflow::repaired_by_room_for_the_nul", "2", || {
        let mut out = vec![0_u8; 25];
        // SAFETY: there is room for one more than is said.
        catch(|| unsafe { c::bad_label(out.as_mut_ptr().cast(), 24) }).expect("clean");
        assert_eq!(out[24], 0);
    });
}

#[test]
fn both_sides_of_blocks_of_any_size_at_any_distance() {
    at_level("buffer_overflow::both_sides_of_blocks_of_any_size_at_any_distance", "2", || {
        // Sizes around every border: of a canary, a slot, a page, and the large blocks, which have
        // no canary before them.
        for size in [1_usize, 7, 15, 16, 17, 31, 32, 100, 239, 240, 241, 1000, 4096, 5000, 100_000] {
            let mut out = vec![0_u8; size];
            for distance in 0..16 {
                let violation = expect_violation!(Rule::BufferOverflow, {
                    // SAFETY: not sound, and that is the point: the guard's canary takes it.
                    unsafe { c::poke(out.as_mut_ptr(), size as isize + distance, 1, 0) };
                });
                assert!(violation.to_string().contains("there now: 00 |.|"), "{size} {distance}: {violation}");
                if size < 100_000 {
                    let violation = expect_violation!(Rule::BufferOverflow, {
                        // SAFETY: as above, before the start.
                        unsafe { c::poke(out.as_mut_ptr(), -1 - distance, 1, 0) };
                    });
                    let report = violation.to_string();
                    assert!(report.contains("C wrote 1 byte before the start of `at`"), "{size} {distance}: {report}");
                }
            }
            // SAFETY: within the block.
            catch(|| unsafe { c::poke(out.as_mut_ptr(), 0, size, 1) }).expect("clean");
        }
    });
}

#[test]
fn a_block_of_many_times_its_alignment_as_well() {
    at_level("buffer_overflow::a_block_of_many_times_its_alignment_as_well", "2", || {
        #[repr(align(256))]
        struct Aligned([u8; 300]);
        let mut block = Box::new(Aligned([0; 300]));
        let at = block.0.as_mut_ptr();
        let size = size_of::<Aligned>() as isize;
        // SAFETY: not sound, and that is the point: the guard's canary takes it.
        expect_violation!(Rule::BufferOverflow, { unsafe { c::poke(at, size, 3, 9) } });
        // SAFETY: within the block.
        catch(|| unsafe { c::poke(at, 0, 300, 9) }).expect("clean");
    });
}

#[test]
fn what_was_written_between_calls_is_told_by_the_last_that_was_lent_the_block() {
    at_level(
        "buffer_overflow::what_was_written_between_calls_is_told_by_the_last_that_was_lent_the_block",
        "2",
        || {
            let mut out = vec![0_u8; 24];
            // SAFETY: C keeps it, as it is allowed to, and it lives to the end.
            unsafe { c::remember(out.as_mut_ptr()) };
            // An unguarded call, by the pointer that C kept.
            c::poke_remembered(26, 0x5A);
            let violation = expect_violation!(Rule::BufferOverflow, {
                // SAFETY: within the block.
                unsafe { c::poke(out.as_mut_ptr(), 0, 24, 0) };
            });
            let report = violation.to_string();
            assert_eq!(violation.function(), Some("remember"), "{report}");
            assert!(report.contains("1 byte past the end of `at` was overwritten"), "{report}");
            assert!(report.contains("found when the block was to be lent once more"), "{report}");
            // Also found at a checkpoint.
            c::poke_remembered(-2, 0x5A);
            let violation = expect_violation!(Rule::BufferOverflow, { checkpoint() });
            assert_eq!(violation.function(), Some("remember"), "{violation}");
            assert!(violation.to_string().contains("before the start"), "{violation}");
            catch(checkpoint).expect("told once");
        },
    );
}

#[test]
fn found_when_it_is_freed_or_resized() {
    at_level("buffer_overflow::found_when_it_is_freed_or_resized", "2", || {
        let violation = expect_violation!(Rule::BufferOverflow, {
            let mut out = vec![0_u8; 24];
            // SAFETY: C keeps it, as it is allowed to.
            unsafe { c::remember(out.as_mut_ptr()) };
            c::poke_remembered(24, 0x5A);
        });
        let report = violation.to_string();
        assert_eq!(violation.function(), Some("remember"), "{report}");
        assert!(report.contains("found when Rust freed or resized the block"), "{report}");
        assert!(report.contains("  freed: "), "where it was freed: {report}");
        let violation = expect_violation!(Rule::BufferOverflow, {
            let mut out = vec![0_u8; 24];
            // SAFETY: as above.
            unsafe { c::remember(out.as_mut_ptr()) };
            c::poke_remembered(24, 0x5A);
            out.reserve_exact(1000);
        });
        assert!(violation.to_string().contains("found when Rust freed or resized the block"), "{violation}");
    });
}

#[test]
fn without_a_guarded_call_the_allocator_alone_tells_at_the_free() {
    const TEST: &str = "buffer_overflow::without_a_guarded_call_the_allocator_alone_tells_at_the_free";
    if is_child() {
        let mut out = vec![0_u8; 24];
        // SAFETY: not sound, and that is the point.
        unsafe { out.as_mut_ptr().add(24).write(7) };
        drop(out);
        println!("went on");
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2")]);
    let said = stderr(&output);
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains("ffi-guard[buffer_overflow]: 1 byte past the end of a 24-byte block was overwritten"),
        "{said}"
    );
    assert!(said.contains("found inside the allocator"), "{said}");
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_ON_VIOLATION", "report")]);
    let said = stderr(&output);
    assert!(output.status.success() && said.matches("ffi-guard[buffer_overflow]: ").count() == 1, "{said}");
    let output = run_self(TEST, &[("GUARD", "2"), ("GUARD_ALLOW", "buffer_overflow")]);
    assert!(output.status.success() && !stderr(&output).contains("ffi-guard["), "{}", stderr(&output));
    let output = run_self(TEST, &[("GUARD", "1")]);
    assert!(output.status.success() && !stderr(&output).contains("ffi-guard["), "{}", stderr(&output));
}

#[test]
fn without_a_free_the_end_of_the_process_tells() {
    const TEST: &str = "buffer_overflow::without_a_free_the_end_of_the_process_tells";
    if is_child() {
        let out = Box::leak(Box::new([0_u8; 24]));
        // SAFETY: not sound, and that is the point.
        unsafe { out.as_mut_ptr().add(24).write(7) };
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2")]);
    let said = stderr(&output);
    assert!(!output.status.success() && said.contains("found at exit"), "{said}");
    assert_eq!(said.matches("ffi-guard[buffer_overflow]: 1 byte past the end").count(), 1, "{said}");
}

#[test]
fn neighbours_are_told_apart() {
    at_level("buffer_overflow::neighbours_are_told_apart", "2", || {
        // A whole batch of a thread's cache, so that some lie side by side.
        let mut blocks: Vec<Box<[u8; 16]>> = (0..64).map(|_| Box::new([0; 16])).collect();
        blocks.sort_by_key(|block| block.as_ptr().addr());
        let at = (1..blocks.len()).find(|&i| blocks[i].as_ptr().addr() - blocks[i - 1].as_ptr().addr() == 32);
        let at = at.expect("two side by side");
        let first = blocks[at - 1].as_mut_ptr();
        let violation = expect_violation!(Rule::BufferOverflow, {
            // SAFETY: not sound, and that is the point: the whole canary between the two.
            unsafe { c::poke(first, 16, 16, 3) };
        });
        assert!(violation.to_string().contains("16 bytes past the end of `at`"), "{violation}");
        let second = blocks[at].as_mut_ptr();
        let violation = expect_violation!(Rule::BufferOverflow, {
            // SAFETY: as above, from the other side.
            unsafe { c::poke(second, -16, 16, 3) };
        });
        assert!(violation.to_string().contains("16 bytes before the start of `at`"), "{violation}");
        catch(checkpoint).expect("each told once");
    });
}
