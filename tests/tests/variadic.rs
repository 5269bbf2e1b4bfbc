//! Variadic functions: each argument gets to C as it was passed, at every level, and what the
//! contract tells of the arguments is checked on entry.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, CString, c_char, c_int, c_long};

use c_fixtures::variadic as c;
use c_fixtures::variadic::Pair;
use ffi_guard::{Rule, catch, expect_violation};
use ffi_guard_tests::process::{at_level, is_child, run_self, stderr};
use serial_test::serial;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// All kinds of arguments, in registers and on the stack.
fn all_arguments_pass() {
    unsafe {
        assert_eq!(c::sum_ints(0), 0);
        assert_eq!(c::sum_ints(3, 1 as c_int, -2 as c_int, 30 as c_int), 29);
        assert_eq!(c::sum_ints(12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 78);
        assert_eq!(c::sum_doubles(2, 1.5, 2.25), 3.75);
        let halves = c::sum_doubles(12, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0);
        assert_eq!(halves, 39.0);
        let (one, two) = (Box::new(100 as c_int), 1000 as c_int);
        let kinds = c"idlpdip";
        let sum = c::sum_mixed(kinds.as_ptr(), 1, 2.5, 3 as c_long, &raw const *one, 4.5, 5, &raw const two);
        assert_eq!(sum, 1116.0);
        let kinds = CString::new("idididididididididid").unwrap();
        let sum = c::sum_mixed(
            kinds.as_ptr(),
            1,
            0.5,
            2,
            0.5,
            3,
            0.5,
            4,
            0.5,
            5,
            0.5,
            6,
            0.5,
            7,
            0.5,
            8,
            0.5,
            9,
            0.5,
            10,
            0.5,
        );
        assert_eq!(sum, 60.0);
        assert_eq!(c::sum_many(1, 2, 3, 4, 5, 6, 7, 8.5, 3, 10, 20, 30), 268);
        assert_eq!(c::sum_pair(Pair { x: 1.0, y: 2.0 }, 2, 3.0, 4.5), 10.5);
    }
}

#[test]
fn all_arguments_pass_at_level_0() {
    at_level("all_arguments_pass_at_level_0", "0", all_arguments_pass);
}

#[test]
fn all_arguments_pass_at_level_1() {
    at_level("all_arguments_pass_at_level_1", "1", all_arguments_pass);
}

#[test]
fn all_arguments_pass_at_level_2() {
    at_level("all_arguments_pass_at_level_2", "2", all_arguments_pass);
}

#[test]
fn all_arguments_pass_at_level_3() {
    at_level("all_arguments_pass_at_level_3", "3", all_arguments_pass);
}

#[test]
fn all_arguments_pass_where_calls_are_counted_and_traced() {
    const TEST: &str = "all_arguments_pass_where_calls_are_counted_and_traced";
    if is_child() {
        all_arguments_pass();
        let stats = ffi_guard::stats();
        assert_eq!(stats.function("sum_ints").expect("called").calls(), 3);
        return;
    }
    for level in ["0", "2"] {
        let output = run_self(TEST, &[("GUARD", level), ("GUARD_STATS", "1"), ("GUARD_TRACE", "sum_ints")]);
        let said = stderr(&output);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.contains("trace sum_ints(n: 0xc)"), level == "2", "{said}");
    }
}

#[test]
fn a_struct_by_value_ends_the_look_and_it_is_said() {
    const TEST: &str = "a_struct_by_value_ends_the_look_and_it_is_said";
    if is_child() {
        for _ in 0..3 {
            assert_eq!(unsafe { c::sum_pair(Pair { x: 1.0, y: 2.0 }, 1, 3.5) }, 6.5);
        }
        return;
    }
    for (level, times) in [("0", 0), ("1", 1), ("2", 1)] {
        let output = run_self(TEST, &[("GUARD", level)]);
        let said = stderr(&output);
        assert!(output.status.success(), "{said}");
        let line = "ffi-guard: `sum_pair` is variadic and takes a value that does not fit a register";
        assert_eq!(said.matches(line).count(), times, "at level {level}:\n{said}");
    }
}

#[test]
fn cs_errno_stays() {
    unsafe {
        *libc::__errno_location() = 77;
        assert_eq!(c::sum_ints(1, 5), 5);
        assert_eq!(*libc::__errno_location(), 77);
    }
}

// --- a violation unwinds ---

#[test]
fn a_fixed_argument_is_checked_and_the_panic_runs_destructors() {
    struct Told<'a>(&'a std::cell::Cell<bool>);
    impl Drop for Told<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = std::cell::Cell::new(false);
    let violation = expect_violation!(Rule::NullPointer, {
        let _told = Told(&dropped);
        unsafe { c::sum_mixed(std::ptr::null(), 1) };
    });
    assert!(dropped.get());
    assert_eq!((violation.function(), violation.parameter()), (Some("sum_mixed"), Some("kinds")));
    let text = String::from("ii");
    expect_violation!(Rule::UnterminatedString, {
        unsafe { c::sum_mixed(text.as_ptr().cast(), 1, 2) };
    });
}

#[test]
fn an_extent_over_the_fixed_arguments_is_checked() {
    let mut room = vec![0_u8; 8];
    let violation = expect_violation!(Rule::OutOfBounds, {
        unsafe { c::print(room.as_mut_ptr().cast(), 9, c"%d".as_ptr(), 5) };
    });
    assert_eq!(violation.parameter(), Some("into"));
    let written = catch(|| unsafe { c::print(room.as_mut_ptr().cast(), 8, c"%d".as_ptr(), 512) });
    assert_eq!((written.unwrap(), &room[..4]), (3, &b"512\0"[..]));
}

#[test]
fn the_report_and_the_backtrace_have_the_callers_line() {
    const TEST: &str = "the_report_and_the_backtrace_have_the_callers_line";
    let line = line!() + 2;
    let call = || {
        unsafe { c::sum_mixed(std::ptr::null(), 1) };
    };
    if is_child() {
        return call();
    }
    let output = run_self(TEST, &[("GUARD", "2"), ("RUST_BACKTRACE", "1")]);
    let said = stderr(&output);
    assert!(!output.status.success(), "{said}");
    let place = format!("variadic.rs:{line}");
    let summary = said.lines().find(|line| line.starts_with("summary: ")).expect("a summary");
    assert!(summary.contains(&place), "{summary}");
    let backtrace = said.split("stack backtrace:").nth(1).expect("a backtrace");
    assert!(backtrace.contains(&place), "{said}");
    assert!(backtrace.contains(TEST), "{said}");
}

#[test]
fn a_callback_of_cs_may_call_guarded_functions() {
    extern "C" fn twice(n: c_long) -> c_long {
        unsafe { c::sum_ints(2, n as c_int, n as c_int) }
    }
    assert_eq!(unsafe { c::each(twice, 3, 1 as c_long, 2 as c_long, 3 as c_long) }, 12);
}

// --- formats ---

/// The text that `print` writes.
macro_rules! printed {
    ($($argument:expr),*) => {{
        let mut room = vec![0_u8; 256];
        unsafe { c::print(room.as_mut_ptr().cast(), 256, $($argument),*) };
        text_in(&room)
    }};
}

fn text_in(room: &[u8]) -> String {
    CStr::from_bytes_until_nul(room).expect("a text").to_str().expect("of ASCII").to_owned()
}

#[test]
fn right_formats_are_clean() {
    let text = CString::new("owned").unwrap();
    let bare = String::from("xxxx");
    let mut written: c_int = 0;
    let all = catch(|| {
        [
            printed!(c"plain".as_ptr()),
            printed!(c"%s %s".as_ptr(), text.as_ptr(), c"literal".as_ptr()),
            printed!(c"%d|%5.1f|%c|%%|%lx".as_ptr(), -1, 2.55, 'x' as c_int, 255 as c_long),
            // A text without a NUL, of which C reads as much as it is told.
            printed!(c"%.4s %.*s".as_ptr(), bare.as_ptr(), 2 as c_int, bare.as_ptr()),
            // A longer one, which ends before that.
            printed!(c"%.100s".as_ptr(), text.as_ptr()),
            printed!(c"%2$s %1$d".as_ptr(), 7, text.as_ptr()),
            printed!(c"abc%n".as_ptr(), &raw mut written),
            printed!(
                c"%g %g %g %g %g %g %g %g %g %s %d %d %d %s".as_ptr(),
                1.0,
                2.0,
                3.0,
                4.0,
                5.0,
                6.0,
                7.0,
                8.0,
                9.0,
                text.as_ptr(),
                1,
                2,
                3,
                c"end".as_ptr()
            ),
        ]
    });
    let expected = [
        "plain",
        "owned literal",
        "-1|  2.5|x|%|ff",
        "xxxx xx",
        "owned",
        "owned 7",
        "abc",
        "1 2 3 4 5 6 7 8 9 owned 1 2 3 end",
    ];
    assert_eq!(all.expect("clean"), expected);
    assert_eq!(written, 3);
}

#[test]
fn a_word_that_no_format_names_is_not_looked_at() {
    let stale = {
        let text = CString::new("freed").unwrap();
        text.as_ptr()
    };
    // More arguments than the format has conversions: in the registers of this call, and of no
    // meaning. The same for a pointer that C only prints.
    let clean = catch(|| (printed!(c"%d".as_ptr(), 1, stale, stale), printed!(c"%p".as_ptr(), stale).len() > 2));
    assert_eq!(clean.expect("clean"), ("1".to_owned(), true));
    // What follows a conversion that is not understood is not known.
    catch(|| unsafe { c::sum_ints(1, 5, stale) }).expect("clean");
}

#[test]
fn a_freed_text_is_found() {
    let stale = {
        let text = CString::new("freed before the call").unwrap();
        text.as_ptr()
    };
    let violation = expect_violation!(Rule::DanglingPointer, {
        printed!(c"%d %f %s".as_ptr(), 1, 2.0, stale);
    });
    assert_eq!((violation.function(), violation.parameter()), (Some("print"), Some("arg6")));
    // On the stack, after all registers.
    expect_violation!(Rule::DanglingPointer, {
        printed!(c"%d %d %d %d %d %d %s".as_ptr(), 1, 2, 3, 4, 5, 6, stale);
    });
    // By position, and beside a width.
    expect_violation!(Rule::DanglingPointer, {
        printed!(c"%2$*1$s".as_ptr(), 9 as c_int, stale);
    });
    expect_violation!(Rule::DanglingPointer, {
        printed!(c"%.*s".as_ptr(), 3 as c_int, stale);
    });
    // Repaired by its owner.
    let text = CString::new("kept until the call ends").unwrap();
    let clean = catch(|| printed!(c"%d %f %s".as_ptr(), 1, 2.0, text.as_ptr()));
    assert_eq!(clean.expect("clean"), "1 2.000000 kept until the call ends");
}

#[test]
fn a_text_without_an_end_is_found() {
    let text = String::from("of Rust");
    let violation = expect_violation!(Rule::UnterminatedString, {
        printed!(c"%s".as_ptr(), text.as_ptr());
    });
    assert_eq!(violation.parameter(), Some("arg4"));
    // Told to read more than there is.
    expect_violation!(Rule::OutOfBounds, {
        printed!(c"%.8s".as_ptr(), text.as_ptr());
    });
    // Repaired by the length.
    let clean = catch(|| printed!(c"%.*s".as_ptr(), text.len() as c_int, text.as_ptr()));
    assert_eq!(clean.expect("clean"), "of Rust");
}

#[test]
fn what_is_read_in_must_have_room() {
    let (mut number, mut name) = (Box::new(0 as c_int), vec![0_u8; 8]);
    let clean =
        catch(|| unsafe { c::read(c"7 seven".as_ptr(), c"%d %7s".as_ptr(), &raw mut *number, name.as_mut_ptr()) });
    assert_eq!((clean.expect("clean"), *number, &name[..6]), (2, 7, &b"seven\0"[..]));
    let violation = expect_violation!(Rule::OutOfBounds, {
        unsafe { c::read(c"7 seven".as_ptr(), c"%d %8s".as_ptr(), &raw mut *number, name.as_mut_ptr()) };
    });
    assert_eq!(violation.parameter(), Some("arg4"));
    expect_violation!(Rule::OutOfBounds, {
        unsafe { c::read(c"7".as_ptr(), c"%ld".as_ptr(), &raw mut *number) };
    });
    expect_violation!(Rule::NullPointer, {
        unsafe { c::read(c"7".as_ptr(), c"%d".as_ptr(), std::ptr::null_mut::<c_int>()) };
    });
}

// --- by the value of an option ---

#[test]
#[serial(session)]
fn options_are_set_and_read() {
    let text = CString::new("copied").unwrap();
    let kept = CString::new("kept by C").unwrap();
    let mut number: c_long = 0;
    catch(|| unsafe {
        assert_eq!(c::set(c::NUMBER, 42 as c_long), 0);
        assert_eq!(c::set(c::RATIO, 0.25), 0);
        assert_eq!(c::set(c::COPIED, text.as_ptr()), 0);
        assert_eq!(c::set(c::KEPT, kept.as_ptr()), 0);
        assert_eq!(c::set(c::GET_NUMBER, &raw mut number), 0);
        assert_eq!(c::set(4711, text.as_ptr()), -1);
    })
    .expect("clean");
    assert_eq!((number, c::number(), c::ratio(), c::copied_length(), c::kept_length()), (42, 42, 0.25, 6, 9));
    catch(|| unsafe { c::set(c::TWO, 0.5, c"both".as_ptr()) }).expect("clean");
    assert_eq!((c::ratio(), c::copied_length()), (0.5, 4));
    // C lets go of it before it is freed.
    catch(|| unsafe { c::set(c::KEPT, std::ptr::null::<c_char>()) }).expect("clean");
    catch(|| drop(kept)).expect("clean");
}

#[test]
#[serial(session)]
fn what_c_keeps_by_an_option_is_told_of_when_it_is_freed() {
    let kept = CString::new("kept by C").unwrap();
    let violation = expect_violation!(Rule::FreedWhileRetained, {
        unsafe { c::set(c::KEPT, kept.as_ptr()) };
        drop(kept);
    });
    unsafe { c::set(c::KEPT, std::ptr::null::<c_char>()) };
    assert_eq!((violation.function(), violation.parameter()), (Some("set"), Some("arg2")));
    let report = violation.to_string();
    assert!(report.contains("kept by C: `ffg_kept_text`"), "{report}");
    assert!(report.contains("tests/variadic.rs"), "{report}");
}

#[test]
#[serial(session)]
fn what_c_copies_by_an_option_may_be_freed() {
    let copied = CString::new("copied by C").unwrap();
    catch(|| {
        unsafe { c::set(c::COPIED, copied.as_ptr()) };
        drop(copied);
        ffi_guard::checkpoint();
    })
    .expect("clean");
}

#[test]
#[serial(session)]
fn an_argument_is_checked_by_what_its_option_says() {
    let stale = {
        let text = CString::new("freed").unwrap();
        text.as_ptr()
    };
    expect_violation!(Rule::DanglingPointer, {
        unsafe { c::set(c::COPIED, stale) };
    });
    expect_violation!(Rule::DanglingPointer, {
        unsafe { c::set(c::TWO, 1.5, stale) };
    });
    expect_violation!(Rule::NullPointer, {
        unsafe { c::set(c::COPIED, std::ptr::null::<c_char>()) };
    });
    let short = Box::new(0_i32);
    expect_violation!(Rule::OutOfBounds, {
        unsafe { c::set(c::GET_NUMBER, &raw const *short) };
    });
    // The same word where the option says that it is a number.
    catch(|| unsafe { c::set(c::NUMBER, stale) }).expect("clean");
}

// --- forms of the declaration ---

mod again {
    use super::*;

    /// Declares the same functions, in each module that it is called in.
    macro_rules! declare {
        () => {
            #[ffi_guard::guard]
            unsafe extern "C" {
                #[link_name = "ffg_sum_ints"]
                pub(super) fn sum_ints(n: c_int, ...) -> c_long;
                #[guard(keep_abi)]
                pub(super) fn ffg_sum_doubles(n: c_int, ...) -> f64;
            }
        };
    }

    mod with_a_plain_symbol {
        use super::*;
        #[ffi_guard::guard]
        unsafe extern "C" {
            // As bindgen writes it.
            #[link_name = "\u{1}ffg_sum_ints"]
            pub(super) fn plain(n: c_int, ...) -> c_long;
        }
    }

    mod one {
        use super::*;
        declare!();
    }

    mod other {
        use super::*;
        declare!();
    }

    #[test]
    fn the_same_function_may_be_declared_in_many_blocks() {
        #[ffi_guard::guard]
        #[allow(clashing_extern_declarations)]
        unsafe extern "C-unwind" {
            fn ffg_sum_ints(n: c_int, _: ...) -> c_long;
            // Not in any library: that is an error where it is called, and not before.
            #[allow(dead_code)]
            fn ffg_is_nowhere(n: c_int, ...) -> c_long;
        }
        let plain = with_a_plain_symbol::plain;
        assert_eq!(unsafe { one::sum_ints(1, 2) + other::sum_ints(1, 3) + ffg_sum_ints(1, 4) + plain(1, 5) }, 14);
    }

    #[test]
    fn its_address_is_a_value_of_its_type() {
        let f: unsafe extern "C-unwind" fn(c_int, ...) -> c_long = one::sum_ints;
        let g: unsafe extern "C" fn(c_int, ...) -> f64 = one::ffg_sum_doubles;
        assert_eq!(unsafe { f(2, 3, 4) }, 7);
        assert_eq!(unsafe { g(2, 3.0, 4.5) }, 7.5);
        let table = [Some(g), None, Some(other::ffg_sum_doubles as unsafe extern "C" fn(c_int, ...) -> f64)];
        assert_eq!(table.iter().flatten().map(|g| unsafe { g(1, 2.0) }).sum::<f64>(), 4.0);
        assert!(one::sum_ints as *const () as usize != 0);
    }
}

#[test]
fn with_cs_abi_a_violation_ends_the_process() {
    const TEST: &str = "with_cs_abi_a_violation_ends_the_process";
    #[ffi_guard::guard]
    unsafe extern "C" {
        #[guard(keep_abi)]
        fn ffg_sum_mixed(#[guard(nonnull)] kinds: *const c_char, ...) -> f64;
    }
    if is_child() {
        unsafe { ffg_sum_mixed(std::ptr::null(), 1) };
        return;
    }
    let output = run_self(TEST, &[("GUARD", "2")]);
    let said = stderr(&output);
    assert!(!output.status.success() && said.contains("unwinding is not possible here"), "{said}");
    assert!(said.contains("ffi-guard[null_pointer]: `kinds` of `ffg_sum_mixed`"), "{said}");
}

// --- real libraries ---

mod libraries {
    use super::*;
    use libsqlite3_sys as ffi;
    use std::ffi::c_void;

    #[ffi_guard::guard]
    unsafe extern "C" {
        fn snprintf(
            #[guard(sized_by = n)] to: *mut c_char,
            n: usize,
            #[guard(printf)] format: *const c_char,
            ...
        ) -> c_int;
        fn sscanf(#[guard(cstr)] from: *const c_char, #[guard(scanf)] format: *const c_char, ...) -> c_int;
        fn sqlite3_mprintf(#[guard(printf(sqlite))] format: *const c_char, ...) -> *mut c_char;
        fn sqlite3_db_config(
            db: *mut ffi::sqlite3,
            #[guard(followed_by(
                ffi::SQLITE_DBCONFIG_MAINDBNAME => [cstr retained],
                ffi::SQLITE_DBCONFIG_LOOKASIDE => [retained, number, number],
                _ => [number, out(c_int)],
            ))]
            op: c_int,
            ...
        ) -> c_int;
    }

    fn database() -> *mut ffi::sqlite3 {
        let mut db = std::ptr::null_mut();
        assert_eq!(unsafe { ffi::sqlite3_open(c":memory:".as_ptr(), &raw mut db) }, 0);
        db
    }

    #[test]
    fn libcs_print_and_read() {
        let mut room = vec![0_u8; 32];
        let to = room.as_mut_ptr().cast();
        catch(|| unsafe { snprintf(to, 32, c"%s=%05.2f;%c".as_ptr(), c"x".as_ptr(), 1.5, b'!' as c_int) })
            .expect("clean");
        assert_eq!(text_in(&room), "x=01.50;!");
        let mut number = Box::new(0.0_f64);
        catch(|| unsafe { sscanf(c"2.5".as_ptr(), c"%lf".as_ptr(), &raw mut *number) }).expect("clean");
        assert_eq!(*number, 2.5);
        let mut short_lived = vec![0_u8; 32];
        let freed = short_lived.as_mut_ptr();
        drop(short_lived);
        expect_violation!(Rule::DanglingPointer, {
            unsafe { sscanf(c"2.5".as_ptr(), c"%31s".as_ptr(), freed) };
        });
    }

    #[test]
    fn sqlites_printf_quotes() {
        let text = CString::new("it's").unwrap();
        let made = catch(|| unsafe { sqlite3_mprintf(c"%Q %d %q".as_ptr(), text.as_ptr(), 5, text.as_ptr()) });
        let made = made.expect("clean");
        assert_eq!(unsafe { CStr::from_ptr(made) }, c"'it''s' 5 it''s");
        unsafe { ffi::sqlite3_free(made.cast::<c_void>()) };
        let stale = text.as_ptr();
        drop(text);
        let violation = expect_violation!(Rule::DanglingPointer, {
            unsafe { sqlite3_mprintf(c"%d %Q".as_ptr(), 5, stale) };
        });
        assert_eq!(violation.parameter(), Some("arg3"));
    }

    #[test]
    fn sqlites_options_are_followed_by_what_they_say() {
        let db = database();
        let mut on: c_int = 7;
        let code = catch(|| unsafe { sqlite3_db_config(db, ffi::SQLITE_DBCONFIG_ENABLE_FKEY, 1, &raw mut on) });
        assert_eq!((code.expect("clean"), on), (0, 1));
        let short = Box::new(0_u8);
        expect_violation!(Rule::OutOfBounds, {
            unsafe { sqlite3_db_config(db, ffi::SQLITE_DBCONFIG_ENABLE_FKEY, 1, &raw const *short) };
        });
        // SQLite keeps the name, and does not copy it.
        let name = CString::new("first of all").unwrap();
        let code = catch(|| unsafe { sqlite3_db_config(db, ffi::SQLITE_DBCONFIG_MAINDBNAME, name.as_ptr()) });
        assert_eq!(code.expect("clean"), 0);
        unsafe { ffi::sqlite3_close(db) };
        catch(|| drop(name)).expect("the database is gone");
    }
}
