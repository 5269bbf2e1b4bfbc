//! abi_mismatch: a declaration is not what C defines.

use std::ffi::{c_char, c_int, c_long, c_ulong, c_void};

use ffi_guard::{Rule, Violation, catch, expect_violation};

/// Structs as the declarations below have them.
#[repr(C)]
#[derive(Clone, Copy)]
struct Point {
    x: i32,
    y: i32,
    weight: f64,
}

/// Two fields in another order.
#[repr(C)]
#[derive(Clone, Copy)]
struct Swapped {
    y: i32,
    x: i32,
    weight: f64,
}

/// Of another sort, with the size of C's.
#[repr(C)]
struct Whole {
    x: i32,
    y: i32,
    weight: i64,
}

/// A field too few.
#[repr(C)]
struct Short {
    x: i32,
    y: i32,
}

type Each = unsafe extern "C" fn(*mut c_void, i64) -> c_int;
type ShortEach = unsafe extern "C" fn(*mut c_void, i32) -> c_int;
type LoneEach = unsafe extern "C" fn(*mut c_void) -> c_int;
type SilentEach = unsafe extern "C" fn(*mut c_void, i64);

/// Each with one mistake.
mod bad {
    use super::*;

    #[ffi_guard::guard(allow(clashing_declaration))]
    #[allow(clashing_extern_declarations)]
    unsafe extern "C" {
        #[link_name = "ffg_bad_scale"]
        pub(super) fn short_value(value: i32, by: c_int) -> i64;
        #[link_name = "ffg_bad_scale"]
        pub(super) fn short_result(value: i64, by: c_int) -> i32;
        #[link_name = "ffg_bad_scale"]
        pub(super) fn one_too_few(value: i64) -> i64;
        #[link_name = "ffg_bad_scale"]
        pub(super) fn one_too_many(value: i64, by: c_int, more: c_int) -> i64;
        #[link_name = "ffg_bad_scale"]
        pub(super) fn a_fraction(value: f64, by: c_int) -> i64;
        #[link_name = "ffg_bad_mean"]
        pub(super) fn whole_mean(values: *const f64, count: usize) -> i64;
        #[link_name = "ffg_bad_mean"]
        pub(super) fn of_singles(values: *const f32, count: usize) -> f64;
        #[link_name = "ffg_bad_mean"]
        pub(super) fn of_wholes(values: *const i64, count: usize) -> f64;
        #[link_name = "ffg_bad_mean"]
        pub(super) fn an_address(values: u32, count: usize) -> f64;
        #[link_name = "ffg_bad_log"]
        pub(super) fn without_dots(level: c_int, #[guard(cstr)] format: *const c_char) -> c_int;
        #[link_name = "ffg_bad_reset"]
        pub(super) fn a_result() -> c_int;
        #[link_name = "ffg_bad_weight"]
        pub(super) fn of_swapped(point: *const Swapped) -> f64;
        #[link_name = "ffg_bad_weight"]
        pub(super) fn of_whole(point: *const Whole) -> f64;
        #[link_name = "ffg_bad_weight"]
        pub(super) fn of_short(point: *const Short) -> f64;
        #[link_name = "ffg_bad_weight3"]
        pub(super) fn of_the_last_version(point: *const Point) -> f64;
        #[link_name = "ffg_bad_by_value"]
        pub(super) fn swapped_by_value(point: Swapped) -> i32;
        #[link_name = "ffg_bad_each"]
        pub(super) fn short_each(each: Option<ShortEach>, user: *mut c_void) -> c_int;
        #[link_name = "ffg_bad_each"]
        pub(super) fn lone_each(each: LoneEach, user: *mut c_void) -> c_int;
        #[link_name = "ffg_bad_each"]
        pub(super) fn silent_each(each: SilentEach, user: *mut c_void) -> c_int;
    }
}

/// The same functions as C has them, and what only looks different.
mod ok {
    use super::*;

    #[repr(C)]
    pub(super) struct Opaque {
        _private: [u8; 0],
    }
    #[repr(C)]
    pub(super) struct Flags {
        pub(super) bits: u8,
        pub(super) rest: [u8; 7],
    }
    #[repr(C)]
    pub(super) union Number {
        pub(super) whole: i64,
        pub(super) fraction: f64,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    #[allow(dead_code)]
    pub(super) enum Colour {
        Red,
        Blue,
    }

    #[ffi_guard::guard]
    #[allow(clashing_extern_declarations)]
    unsafe extern "C" {
        #[link_name = "ffg_ok_any_function"]
        pub(super) fn any_function(entry: unsafe extern "C" fn(c_int, f64, *mut c_char) -> c_int) -> c_int;
        #[link_name = "ffg_bad_scale"]
        pub(super) fn scale(value: c_long, by: c_int) -> i64;
        #[link_name = "ffg_bad_mean"]
        pub(super) fn mean(values: *const f64, count: usize) -> f64;
        #[link_name = "ffg_bad_log"]
        pub(super) fn log(level: c_int, #[guard(cstr)] format: *const c_char, ...) -> c_int;
        #[link_name = "ffg_bad_reset"]
        pub(super) fn reset();
        #[link_name = "ffg_bad_weight"]
        pub(super) fn weight(point: &Point) -> f64;
        #[link_name = "ffg_bad_weight"]
        pub(super) fn weight_of_bytes(point: *const c_void) -> f64;
        #[link_name = "ffg_bad_by_value"]
        pub(super) fn by_value(point: Point) -> i32;
        #[link_name = "ffg_bad_each"]
        pub(super) fn each(each: Option<Each>, user: *mut c_void) -> c_int;
        // Ignored: what C returns in a register harms nothing.
        #[link_name = "ffg_bad_scale"]
        pub(super) fn scale_for_nothing(value: i64, by: c_int);
        #[link_name = "ffg_ok_enum"]
        pub(super) fn of_enum(colour: Colour) -> c_int;
        #[link_name = "ffg_ok_enum"]
        pub(super) fn of_enum_as_number(colour: u32) -> c_int;
        #[link_name = "ffg_ok_open"]
        pub(super) fn open(#[guard(cstr)] name: *const c_char) -> *mut Opaque;
        #[link_name = "ffg_ok_bytes"]
        pub(super) fn bytes(#[guard(counted_by = count)] bytes: *const u8, count: usize) -> c_int;
        #[link_name = "ffg_ok_bytes"]
        pub(super) fn bytes_of_a_point(bytes: *const Point, count: c_ulong) -> c_int;
        #[link_name = "ffg_ok_array"]
        pub(super) fn array(values: *const c_int) -> c_int;
        #[link_name = "ffg_ok_array"]
        pub(super) fn array_of_four(values: &[c_int; 4]) -> c_int;
        #[link_name = "ffg_ok_char"]
        pub(super) fn letters(letter: u8, byte: i8) -> c_int;
        #[link_name = "ffg_ok_flags"]
        pub(super) fn flags(flags: *const Flags) -> c_int;
        #[link_name = "ffg_ok_union"]
        pub(super) fn of_union(number: *const Number) -> i64;
        #[link_name = "ffg_ok_bool"]
        pub(super) fn of_bool(flag: bool) -> bool;
        #[link_name = "ffg_ok_bool"]
        pub(super) fn of_bool_as_byte(flag: u8) -> u8;
        #[link_name = "ffg_ok_old_style"]
        pub(super) fn old_style() -> c_int;
        #[link_name = "ffg_ok_handle"]
        pub(super) fn handle(out: *mut *mut Opaque, user: *mut c_void, flag: *const c_int) -> c_int;
    }
}

static POINT: Point = Point { x: 1, y: 2, weight: 3.0 };

/// The report of a call, which says that the declaration is wrong, with these words in it.
#[track_caller]
fn told<R>(words: &[&str], call: impl FnOnce() -> R) -> Violation {
    let violation = expect_violation!(Rule::AbiMismatch, { call() });
    let report = format!("{}\n{violation}", violation.message());
    for word in words {
        assert!(report.contains(word), "no {word:?} in:\n{report}");
    }
    violation
}

unsafe extern "C" fn add(_: *mut c_void, value: i64) -> c_int {
    value as c_int
}

unsafe extern "C" fn add_short(_: *mut c_void, value: i32) -> c_int {
    value
}

unsafe extern "C" fn add_none(_: *mut c_void) -> c_int {
    0
}

unsafe extern "C" fn add_silently(_: *mut c_void, _: i64) {}

#[test]
fn what_is_passed_is_of_another_size() {
    // SAFETY: not sound: C takes 8 bytes. The guard stops each of these calls.
    let violation =
        told(&["`value` has 4 bytes, in C 8", "in Rust: fn short_value(value: i32, by: c_int) -> i64"], || {
            // SAFETY: not sound, as above.
            unsafe { bad::short_value(3, 2) };
        });
    assert_eq!(violation.parameter(), Some("value"));
    let report = violation.to_string();
    assert!(report.contains("in C: int64_t ffg_bad_scale(int64_t value, int by)"), "{report}");
    assert!(report.contains("abi_mismatch.c:6"), "{report}");
    // SAFETY: as above.
    told(&["the result has 4 bytes, in C 8"], || unsafe { bad::short_result(3, 2) });
    // SAFETY: as above.
    told(&["it has 1 parameter, in C 2"], || unsafe { bad::one_too_few(3) });
    // SAFETY: as above.
    told(&["it has 3 parameters, in C 2"], || unsafe { bad::one_too_many(3, 2, 1) });
}

#[test]
fn what_is_passed_goes_another_way() {
    // SAFETY: not sound: C looks in another register. The guard stops each of these calls.
    told(&["`value` is a floating-point number, in C an integer"], || unsafe { bad::a_fraction(3.0, 2) });
    let values = [1.0, 2.0];
    // SAFETY: as above.
    told(&["the result is an integer, in C a floating"], || unsafe { bad::whole_mean(values.as_ptr(), 2) });
    // SAFETY: as above.
    told(&["`values` has 4 bytes, in C 8"], || unsafe { bad::an_address(7, 2) });
    // SAFETY: as above.
    told(&["it ends without `...`, in C with it"], || unsafe { bad::without_dots(1, c"x".as_ptr()) });
    // SAFETY: as above.
    told(&["the result is declared, and C returns nothing"], || unsafe { bad::a_result() });
}

#[test]
fn a_pointer_leads_to_something_else() {
    let (singles, wholes) = ([1.0_f32; 4], [1_i64; 2]);
    // SAFETY: not sound: C reads `double`s. The guard stops each of these calls.
    told(&["`values` leads to 4 bytes, in C to 8"], || unsafe { bad::of_singles(singles.as_ptr(), 2) });
    // SAFETY: as above.
    told(&["`values` leads to an integer, in C to"], || unsafe { bad::of_wholes(wholes.as_ptr(), 2) });
}

#[test]
fn a_struct_is_another_one() {
    let swapped = Swapped { y: 2, x: 1, weight: 3.0 };
    // SAFETY: not sound: C reads another struct. The guard stops each of these calls.
    told(&["`y` of `Swapped` is at byte 0, in C at 4"], || unsafe { bad::of_swapped(&swapped) });
    // SAFETY: as above.
    told(&["of `Swapped` is at byte 0, in C at 4"], || unsafe { bad::swapped_by_value(swapped) });
    let whole = Whole { x: 1, y: 2, weight: 3 };
    // SAFETY: as above.
    told(&["of `Whole` is an integer of 8 bytes"], || unsafe { bad::of_whole(&whole) });
    let short = Short { x: 1, y: 2 };
    // SAFETY: as above.
    told(&["`point` leads to `Short` of 8 bytes, in C of 16"], || unsafe { bad::of_short(&short) });
    assert_eq!((whole.x + whole.y, short.x + short.y), (3, 3));
}

#[test]
fn a_struct_that_has_got_a_field_since() {
    // SAFETY: not sound: C reads 24 bytes. The guard stops the call.
    told(&["`point` leads to `Point` of 16 bytes, in C of 24"], || unsafe { bad::of_the_last_version(&POINT) });
}

#[test]
fn a_callback_is_called_as_something_else() {
    let user = std::ptr::null_mut();
    // SAFETY: not sound: C calls it with 8 bytes. The guard stops each of these calls.
    told(&["argument 2 of `each` has 4 bytes, in C 8"], || unsafe { bad::short_each(Some(add_short), user) });
    // SAFETY: as above.
    told(&["`each` has 1 parameter, in C 2"], || unsafe { bad::lone_each(add_none, user) });
    // SAFETY: as above.
    told(&["the result of `each` is nothing"], || unsafe { bad::silent_each(add_silently, user) });
}

#[test]
fn each_call_is_refused_and_not_only_the_first() {
    for _ in 0..2 {
        // SAFETY: not sound: C takes 8 bytes. The guard stops the call.
        told(&["`value` has 4 bytes"], || unsafe { bad::short_value(3, 2) });
    }
}

#[test]
fn what_is_passed_alike_is_clean() {
    let numbers = [1, 2, 3, 4];
    let values = [1.0, 3.0];
    let flags = ok::Flags { bits: 0b1010, rest: [0; 7] };
    let number = ok::Number { whole: 5 };
    let (mut out, flag) = (std::ptr::null_mut(), 1);
    // SAFETY: each function as C has it, with what it reads.
    let outcome = catch(|| unsafe {
        assert_eq!(ok::scale(3, 2), 6);
        assert_eq!(ok::mean(values.as_ptr(), 2), 2.0);
        assert_eq!(ok::log(1, c"%d".as_ptr(), 9 as c_int), 9);
        ok::reset();
        assert_eq!(ok::weight(&POINT), 3.0);
        assert_eq!(ok::weight_of_bytes((&raw const POINT).cast()), 3.0);
        assert_eq!(ok::by_value(POINT), 3);
        assert_eq!(ok::each(Some(add), std::ptr::null_mut()), 3);
        ok::scale_for_nothing(3, 2);
        assert_eq!(ok::of_enum(ok::Colour::Blue), 1);
        assert_eq!(ok::of_enum_as_number(1), 1);
        assert!(!ok::open(c"x".as_ptr()).is_null());
        assert_eq!(ok::bytes(b"x".as_ptr(), 1), 1);
        assert_eq!(ok::bytes_of_a_point(&POINT, 1), 1);
        assert_eq!(ok::array(numbers.as_ptr()), 5);
        assert_eq!(ok::array_of_four(&numbers), 5);
        assert_eq!(ok::letters(1, 2), 3);
        assert_eq!(ok::flags(&flags), 2 + 1);
        assert_eq!(ok::of_union(&number), 5);
        assert!(ok::of_bool(false));
        assert_eq!(ok::of_bool_as_byte(1), 0);
        assert_eq!(ok::old_style(), 7);
        assert_eq!(ok::handle(&mut out, std::ptr::null_mut(), &flag), 1);
    });
    outcome.expect("clean");
}

#[test]
fn repaired_by_declaring_it_as_c_has_it() {
    // SAFETY: not sound: C takes 8 bytes. The guard stops the call.
    let violation = told(&["help: declare it as C has it"], || unsafe { bad::short_value(3, 2) });
    assert_eq!(violation.function(), Some("short_value"));
    // SAFETY: as C has it.
    assert_eq!(catch(|| unsafe { ok::scale(3, 2) }).expect("clean"), 6);
}

#[test]
fn all_at_once_without_a_call() {
    let declarations = ffi_guard::check_declarations();
    let of_rule = || declarations.violations().iter().filter(|violation| violation.rule() == Rule::AbiMismatch);
    let told: Vec<_> = of_rule().filter_map(Violation::function).collect();
    for wrong in ["short_value", "of_short", "lone_each", "a_result", "without_dots"] {
        assert!(told.contains(&wrong), "{wrong} is not in:\n{declarations}");
    }
    let all = ffi_guard::functions();
    let of_ok = all.iter().filter(|function| function.module().ends_with("abi_mismatch::ok"));
    let false_alarms: Vec<_> = of_ok.map(|function| function.name()).filter(|name| told.contains(name)).collect();
    assert!(false_alarms.is_empty(), "{false_alarms:?} in:\n{declarations}");
    // Every other declaration of the fixtures is right.
    let elsewhere = |violation: &&Violation| {
        violation
            .declared_at()
            .is_none_or(|(file, ..)| !file.ends_with("/abi_mismatch.rs") && !file.ends_with("/clashing_declaration.rs"))
    };
    let elsewhere: Vec<_> = of_rule().filter(elsewhere).map(ToString::to_string).collect();
    assert!(elsewhere.is_empty(), "{}", elsewhere.join("\n"));
    assert!(declarations.compared() > 100, "{declarations}");
}

#[test]
fn a_pointer_to_any_function_is_cast_by_c() {
    unsafe extern "C" fn entry(number: c_int, _: f64, _: *mut c_char) -> c_int {
        number
    }
    // SAFETY: C casts it to what it is, and calls it.
    assert_eq!(catch(|| unsafe { ok::any_function(entry) }).expect("clean"), 3);
}
