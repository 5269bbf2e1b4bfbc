//! invalid_value: what C returns, writes or hands to a callback is no value of the Rust type.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

use c_fixtures::invalid_value::{
    Mode, OpaqueMode, Settings, SmallMode, bad_call, bad_first, bad_first_nonnull, bad_get_flag, bad_get_flag_bare,
    bad_get_flag_by_reference, bad_get_flag_into, bad_get_flags, bad_get_mode, bad_get_settings, bad_get_settings_into,
    bad_handle, bad_handler, bad_is_open, bad_letter, bad_mode, bad_pair, bad_settings, bad_small_mode,
    is_open_as_number, mode_as_number, ok_first, ok_handler, ok_is_open, ok_pair, ok_take_flag,
};
use ffi_guard::{Rule, Violation, catch, expect_violation, guard, guard_fn};
use ffi_guard_tests::process::{is_child, run_self, stderr};

fn found(call: impl FnOnce()) -> Violation {
    expect_violation!(Rule::InvalidValue, { call() })
}

fn says(violation: &Violation, words: &str) {
    let report = violation.to_string();
    let first = report.lines().next().unwrap_or_default();
    let whole = format!("ffi-guard[invalid_value]: {words}");
    // What makes the first line too long is left out of it.
    let short = if whole.len() > 84 { whole.split(", ").next().unwrap_or_default() } else { &whole };
    assert_eq!(first, short, "{report}");
}

#[test]
fn a_number_for_a_bool_is_found() {
    for _ in 0..3 {
        let violation = found(|| _ = bad_is_open(2));
        says(&violation, "`bad_is_open` returned 2, which is no `bool`");
        assert_eq!((violation.function(), violation.parameter()), (Some("bad_is_open"), None));
    }
    for _ in 0..3 {
        assert!(!catch(|| bad_is_open(1)).expect("0 is a value"));
    }
}

#[test]
fn the_nearest_is_clean() {
    for _ in 0..3 {
        assert!(catch(|| ok_is_open(2)).expect("clean") && !catch(|| ok_is_open(0)).expect("clean"));
    }
}

#[test]
fn repaired_by_the_number_that_c_has() {
    for _ in 0..3 {
        assert!(catch(|| is_open_as_number(2) != 0).expect("clean"));
    }
}

#[test]
fn a_discriminant_that_is_none_is_found() {
    for mode in [2, 6, -2, i32::MAX, i32::MIN] {
        let violation = found(|| _ = bad_mode(mode));
        says(&violation, &format!("`bad_mode` returned {mode}, which is no `Mode`"));
        assert!(violation.to_string().contains("`Mode` has -1, 0, 1, 5"), "{violation}");
    }
    for (number, mode) in [(-1, Mode::Unknown), (0, Mode::Off), (1, Mode::On), (5, Mode::Auto)] {
        assert_eq!(catch(|| bad_mode(number)).expect("a value"), mode);
    }
    says(&found(|| _ = bad_small_mode(2)), "`bad_small_mode` returned 2, which is no `SmallMode`");
    assert_eq!(catch(|| bad_small_mode(255)).expect("a value"), SmallMode::Last);
    assert_eq!(catch(|| bad_small_mode(0)).expect("a value"), SmallMode::Off);
    // A type that tells nothing is not judged.
    assert_eq!(catch(|| mode_as_number(7)).expect("a number"), OpaqueMode(7));
}

#[test]
fn half_a_letter_is_found() {
    says(&found(|| _ = bad_letter(0xD800)), "`bad_letter` returned 0xd800, which is no `char`");
    says(&found(|| _ = bad_letter(0x11_0000)), "`bad_letter` returned 0x110000, which is no `char`");
    assert_eq!(catch(|| bad_letter(0x10_FFFF)).expect("a value"), '\u{10FFFF}');
}

#[test]
fn null_for_what_is_never_null_is_found() {
    for _ in 0..3 {
        says(&found(|| _ = bad_first(0)), "`bad_first` returned null, which is no reference");
        says(&found(|| _ = bad_first_nonnull(0)), "`bad_first_nonnull` returned null, which is no `NonNull`");
        says(&found(|| _ = bad_handler(0)), "`bad_handler` returned null, which is no function pointer");
        says(&found(|| _ = bad_handle(0)), "`bad_handle` returned 0, which is no `NonZero` number");
        let violation = found(|| _ = bad_first(-1));
        assert!(violation.to_string().contains("its address is a multiple of 4"), "{violation}");
    }
    for _ in 0..3 {
        assert_eq!(catch(|| *bad_first(1)).expect("a value"), 7);
        assert!(catch(|| bad_first_nonnull(-1)).is_ok(), "it need not be aligned");
        assert_eq!(catch(|| bad_handler(1)(4)).expect("a value"), 8);
        assert_eq!(catch(|| bad_handle(4).get()).expect("a value"), 4);
    }
}

#[test]
fn null_is_none_of_an_option() {
    for _ in 0..3 {
        assert_eq!(catch(|| ok_first(0)).expect("clean"), None);
        assert_eq!(catch(|| ok_first(1)).expect("clean"), Some(&7));
        assert!(catch(|| ok_handler(0)).expect("clean").is_none());
        assert!(catch(|| ok_pair(0)).expect("clean").first.is_none());
    }
}

#[test]
fn the_fields_of_a_struct_by_value_are_looked_at() {
    says(&found(|| _ = bad_pair(0)), "`bad_pair` returned null in `first`, which is no `NonNull`");
    let pair = catch(|| bad_pair(1)).expect("a value");
    assert_eq!((pair.x, pair.y), (1.5, 2.5));
    says(&found(|| _ = bad_settings(2, 0)), "`bad_settings` returned 2 in `verbose`, which is no `bool`");
    says(&found(|| _ = bad_settings(1, 4)), "`bad_settings` returned 4 in `mode`, which is no `Mode`");
    let settings = catch(|| bad_settings(1, -1)).expect("a value");
    assert_eq!(settings, Settings { id: 3, verbose: true, mode: Mode::Unknown, flags: [false, true, false, true] });
}

#[test]
fn what_c_writes_is_looked_at() {
    let mut flag = Box::new(false);
    for _ in 0..3 {
        *flag = false;
        // SAFETY: not sound: 2 is no `bool`.
        let violation = found(|| _ = unsafe { bad_get_flag(2, &raw mut *flag) });
        says(&violation, "`bad_get_flag` wrote 2 to `out`, which is no `bool`");
        assert_eq!(violation.parameter(), Some("out"));
        *flag = true;
        // SAFETY: 0 and 1 are values.
        assert_eq!(catch(|| unsafe { bad_get_flag(0, &raw mut *flag) }).expect("clean"), 0);
        assert!(!*flag);
    }
    // On the stack as well, and without any attribute.
    let mut flag = MaybeUninit::new(false);
    // SAFETY: not sound: 2 is no `bool`.
    let violation = found(|| _ = unsafe { bad_get_flag_bare(2, flag.as_mut_ptr()) });
    says(&violation, "`bad_get_flag_bare` wrote 2 to `out`, which is no `bool`");
    flag.write(true);
    // SAFETY: initialised.
    let violation = found(|| _ = bad_get_flag_by_reference(3, unsafe { flag.assume_init_mut() }));
    says(&violation, "`bad_get_flag_by_reference` wrote 3 to `out`, which is no `bool`");
    flag = MaybeUninit::new(false);
    let violation = found(|| _ = bad_get_flag_into(4, &mut flag));
    says(&violation, "`bad_get_flag_into` wrote 4 to `out`, which is no `bool`");
    let mut mode = MaybeUninit::new(Mode::Off);
    // SAFETY: not sound: 9 is no mode.
    let violation = found(|| _ = unsafe { bad_get_mode(9, mode.as_mut_ptr()) });
    says(&violation, "`bad_get_mode` wrote 9 to `out`, which is no `Mode`");
}

#[test]
fn what_c_writes_to_fields_and_elements_is_looked_at() {
    let whole = Settings { id: 0, verbose: false, mode: Mode::Off, flags: [false; 4] };
    let mut settings = MaybeUninit::new(whole);
    // SAFETY: not sound: 2 is no `bool`.
    let violation = found(|| _ = unsafe { bad_get_settings(2, 0, settings.as_mut_ptr()) });
    says(&violation, "`bad_get_settings` wrote 2 to `verbose` of `out`, which is no `bool`");
    settings.write(whole);
    let violation = found(|| _ = bad_get_settings_into(1, 3, &mut settings));
    says(&violation, "`bad_get_settings_into` wrote 3 to `mode` of `out`, which is no `Mode`");
    settings.write(whole);
    assert_eq!(catch(|| bad_get_settings_into(1, 5, &mut settings)).expect("clean"), 0);
    let mut flags = vec![0_u8; 5];
    // SAFETY: not sound: 7 is no `bool`.
    let violation = found(|| unsafe { bad_get_flags(flags.as_mut_ptr().cast(), 5, 7) });
    says(&violation, "`bad_get_flags` wrote 7 to `[4]` of `flags`, which is no `bool`");
    flags.fill(0);
    // SAFETY: values.
    catch(|| unsafe { bad_get_flags(flags.as_mut_ptr().cast(), 5, 1) }).expect("clean");
}

#[test]
fn what_c_does_not_write_is_not_told() {
    // Of any bytes that may be there, as of memory that was never written.
    for byte in [0_u8, 1, 2, 0x55, 0xFF] {
        let mut flag = Box::new(byte);
        let out: *mut bool = (&raw mut *flag).cast();
        // SAFETY: C writes nothing there.
        assert_eq!(catch(|| unsafe { bad_get_flag(-1, out) }).expect("clean"), -1);
        // SAFETY: as above.
        assert_eq!(catch(|| unsafe { bad_get_flag_bare(-1, out) }).expect("clean"), -1);
        let mut settings = MaybeUninit::<Settings>::uninit();
        // SAFETY: C writes nothing there.
        unsafe { settings.as_mut_ptr().cast::<u8>().write_bytes(byte, size_of::<Settings>()) };
        // SAFETY: as above.
        assert_eq!(catch(|| unsafe { bad_get_settings(-1, 0, settings.as_mut_ptr()) }).expect("clean"), -1);
        assert_eq!(catch(|| bad_get_settings_into(-1, 0, &mut settings)).expect("clean"), -1);
        // What it fills is a value.
        assert_eq!(catch(|| bad_get_settings_into(1, 0, &mut settings)).expect("clean"), 0);
    }
}

unsafe extern "C" fn release(flag: *mut bool) {
    // SAFETY: made by `Box::into_raw`.
    drop(unsafe { Box::from_raw(flag) });
}

#[test]
fn what_c_frees_is_not_looked_at() {
    for _ in 0..3 {
        let flag = Box::into_raw(Box::new(true));
        // SAFETY: the flag is C's, which has it released.
        catch(|| unsafe { ok_take_flag(flag, release) }).expect("clean");
    }
}

#[guard]
unsafe extern "C" fn called(#[guard(opaque)] user: *mut c_void, flag: bool, mode: Mode, first: &i32) -> c_int {
    // SAFETY: a counter of the test's.
    unsafe { *user.cast::<u32>() += 1 };
    if flag { *first + mode as c_int } else { 0 }
}

#[test]
fn what_a_callback_gets_is_looked_at() {
    let mut calls = 0_u32;
    let user: *mut c_void = (&raw mut calls).cast();
    // SAFETY: not sound where a number is none of a type's values.
    let call = |flag, mode, count| catch(|| unsafe { bad_call(called, user, flag, mode, count) });
    for _ in 0..3 {
        assert_eq!(call(1, 5, 1).expect("clean"), 12);
        assert_eq!(call(0, -1, 1).expect("clean"), 0);
        for (flag, mode, count, words) in [
            (2, 0, 1, "C passed 2 for `flag` of `called`, which is no `bool`"),
            (1, 4, 1, "C passed 4 for `mode` of `called`, which is no `Mode`"),
            (1, 0, 0, "C passed null for `first` of `called`, which is no reference"),
        ] {
            let violation = call(flag, mode, count).expect_err("no value");
            assert_eq!(violation.rule(), Rule::InvalidValue);
            says(&violation, words);
        }
    }
    assert_eq!(calls, 6, "the body ran for values alone");
    // A call by Rust comes the same way.
    // SAFETY: values.
    assert_eq!(unsafe { called(user, true, Mode::On, &1) }, 2);
}

#[test]
fn a_function_behind_a_pointer_is_looked_at() {
    extern "C" fn two(_: c_int) -> c_int {
        2
    }
    let pointer: unsafe extern "C" fn(c_int) -> c_int = {
        let two: extern "C" fn(c_int) -> c_int = two;
        // SAFETY: the same but for `unsafe`.
        unsafe { std::mem::transmute::<extern "C" fn(c_int) -> c_int, unsafe extern "C" fn(c_int) -> c_int>(two) }
    };
    // SAFETY: not sound: the result is no `bool`.
    let pointer = unsafe {
        std::mem::transmute::<unsafe extern "C" fn(c_int) -> c_int, unsafe extern "C" fn(c_int) -> bool>(pointer)
    };
    let is_two = guard_fn!(unsafe extern "C" fn is_two(n: c_int) -> bool = pointer);
    // SAFETY: as above.
    says(&found(|| _ = unsafe { is_two.call(1) }), "`is_two` returned 2, which is no `bool`");
}

/// The declarations that a user might write, all of which have to compile.
#[guard(allow(abi_mismatch))]
#[allow(dead_code, clashing_extern_declarations, improper_ctypes)]
unsafe extern "C" {
    #[guard(allow(invalid_value))]
    #[link_name = "ffg_bad_is_open"]
    safe fn allowed(flags: c_int) -> bool;
    #[link_name = "ffg_bad_item"]
    fn borrowed<'a>(count: &'a c_int) -> &'a i32;
    #[link_name = "ffg_bad_item"]
    fn elided(count: &c_int) -> &i32;
    #[link_name = "ffg_bad_item"]
    fn boxed(count: c_int) -> Box<i32>;
    #[link_name = "ffg_bad_item"]
    fn pinned(count: c_int) -> std::pin::Pin<&'static i32>;
    #[link_name = "ffg_bad_item"]
    fn unit_pointer(count: c_int) -> *const ();
    #[link_name = "ffg_bad_is_open"]
    fn array_behind(flags: c_int) -> Option<Box<[u8; 4]>>;
    #[link_name = "ffg_bad_settings"]
    fn tuple(verbose: c_int, mode: c_int) -> (u32, u8);
    #[link_name = "abort"]
    fn never() -> !;
}

#[test]
fn what_is_allowed_goes_on() {
    const TEST: &str = "invalid_value::what_is_allowed_goes_on";
    if is_child() {
        std::hint::black_box(allowed(2));
        return;
    }
    let output = run_self(TEST, &[("GUARD", "1")]);
    assert!(output.status.success() && !stderr(&output).contains("invalid_value"), "{}", stderr(&output));
}
