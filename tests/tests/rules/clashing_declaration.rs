//! clashing_declaration: two declarations of one symbol pass different things.

use std::ffi::{c_char, c_double, c_int, c_long, c_void};

use c_fixtures::clashing_declaration::{bad_deposit, ok_deposit, ok_peek};
use ffi_guard::{Rule, Severity, Violation, catch, expect_violation};

#[repr(C)]
#[derive(Clone, Copy)]
struct Point {
    x: i32,
    y: i32,
    weight: f64,
}

/// Another crate's struct of the same bytes.
#[repr(C)]
#[derive(Clone, Copy)]
struct Place {
    x: i32,
    y: i32,
    weight: f64,
}

/// [`Point`] with its fields in another order.
#[repr(C)]
#[derive(Clone, Copy)]
struct Swapped {
    y: i32,
    x: i32,
    weight: f64,
}

/// [`Point`] with a field more.
#[repr(C)]
#[derive(Clone, Copy)]
struct Longer {
    x: i32,
    y: i32,
    weight: f64,
    colour: u64,
}

#[repr(C)]
struct Opaque {
    _private: [u8; 0],
}

/// As some bindings have what they do not look into.
#[repr(C)]
struct Blob {
    _bytes: [u64; 9],
}

#[repr(transparent)]
#[derive(Clone, Copy)]
struct Fd(#[allow(dead_code)] c_int);

#[repr(C)]
#[derive(Clone, Copy)]
#[allow(dead_code)]
enum Colour {
    Red,
    Blue,
}

type Each = unsafe extern "C" fn(*mut c_void, i64) -> c_int;
type ShortEach = unsafe extern "C" fn(*mut c_void, i32) -> c_int;
type LoneEach = unsafe extern "C" fn(*mut c_void) -> c_int;

/// The first of each pair. Nothing defines these symbols, and nothing calls them.
mod first {
    use super::*;

    #[ffi_guard::guard]
    #[allow(dead_code)]
    unsafe extern "C" {
        pub(super) fn ffg_clash_size(value: i64);
        pub(super) fn ffg_clash_result() -> i64;
        pub(super) fn ffg_clash_count(a: c_int, b: c_int);
        pub(super) fn ffg_clash_dots(format: *const c_char);
        pub(super) fn ffg_clash_fraction(value: f64);
        pub(super) fn ffg_clash_pointee(values: *const f64, count: usize);
        pub(super) fn ffg_clash_integers(values: *mut u16);
        pub(super) fn ffg_clash_struct(point: *const Point);
        pub(super) fn ffg_clash_fields(point: *const Point);
        pub(super) fn ffg_clash_by_value(point: Point) -> c_int;
        pub(super) fn ffg_clash_value_size(point: Point) -> c_int;
        pub(super) fn ffg_clash_callback(each: Each);
        pub(super) fn ffg_clash_callback_count(each: Option<Each>);
        pub(super) fn ffg_clash_exported(value: u64) -> u64;
        pub(super) fn ffg_clash_room() -> Longer;
        #[link_name = "\u{1}ffg_clash_mangled"]
        pub(super) fn ffg_clash_mangled(value: u64);

        pub(super) fn ffg_alike_names(a: c_int, b: c_long, c: c_double, d: usize) -> c_int;
        pub(super) fn ffg_alike_pointers(a: *const c_void, b: *mut c_void, c: *const c_char, d: *mut *mut c_void);
        pub(super) fn ffg_alike_structs(a: *const Point, b: Point, c: *mut Opaque, d: *mut Blob, e: Fd);
        pub(super) fn ffg_alike_functions(a: Each, b: Option<Each>, c: unsafe extern "C" fn()) -> Colour;
        pub(super) fn ffg_alike_results(a: c_int) -> c_int;
        pub(super) fn ffg_alike_numbers(a: usize, b: *const [f64; 4], c: bool, d: c_char, e: u32);
        pub(super) fn ffg_alike_exported(value: u64) -> u64;
        pub(super) fn ffg_alike_user(#[guard(opaque)] user: *mut Point);
        #[guard(allow(clashing_declaration))]
        pub(super) fn ffg_alike_meant(request: c_int, value: c_int);
        pub(super) fn ffg_alike_lives<'a>(point: &'a Point) -> &'a Point;
    }
}

/// The second of each.
mod second {
    use super::*;

    #[ffi_guard::guard]
    #[allow(dead_code, clashing_extern_declarations)]
    unsafe extern "C" {
        pub(super) fn ffg_clash_size(value: i32);
        pub(super) fn ffg_clash_result() -> i32;
        pub(super) fn ffg_clash_count(a: c_int);
        pub(super) fn ffg_clash_dots(format: *const c_char, ...);
        pub(super) fn ffg_clash_fraction(value: i64);
        pub(super) fn ffg_clash_pointee(values: *const f32, count: usize);
        pub(super) fn ffg_clash_integers(values: *mut u32);
        pub(super) fn ffg_clash_struct(point: *const Longer);
        pub(super) fn ffg_clash_fields(point: *const Swapped);
        pub(super) fn ffg_clash_by_value(point: Swapped) -> c_int;
        pub(super) fn ffg_clash_value_size(point: Longer) -> c_int;
        pub(super) fn ffg_clash_callback(each: ShortEach);
        pub(super) fn ffg_clash_callback_count(each: LoneEach);
        pub(super) fn ffg_clash_room();
        pub(super) fn ffg_clash_mangled(value: u32);

        pub(super) fn ffg_alike_names(a: i32, b: i64, c: f64, d: isize) -> i32;
        pub(super) fn ffg_alike_pointers(a: *const Point, b: &mut Point, c: *const u8, d: *mut *mut Point);
        pub(super) fn ffg_alike_structs(a: *const Place, b: Place, c: *mut Point, d: *mut Point, e: c_int);
        pub(super) fn ffg_alike_functions(a: Option<Each>, b: Each, c: Each) -> u32;
        pub(super) fn ffg_alike_results(a: c_int);
        pub(super) fn ffg_alike_numbers(a: *mut c_void, b: *const f64, c: u8, d: i8, e: i32);
        pub(super) fn ffg_alike_user(user: *mut Longer);
        pub(super) fn ffg_alike_meant(request: c_int, value: *mut Point);
        pub(super) fn ffg_alike_lives(point: *const Point) -> *const Point;
    }
}

/// What is exported is a declaration too.
mod exported {
    #[ffi_guard::guard]
    #[unsafe(no_mangle)]
    extern "C" fn ffg_clash_exported(value: u32) -> u32 {
        value
    }

    #[ffi_guard::guard]
    #[unsafe(no_mangle)]
    extern "C" fn ffg_alike_exported(value: u64) -> u64 {
        value
    }
}

/// What another crate declares too.
mod again {
    use super::*;

    #[ffi_guard::guard]
    unsafe extern "C" {
        #[link_name = "ffg_bad_deposit"]
        pub(super) fn deposit(balance: i64, cents: i32) -> i64;
        #[link_name = "ffg_ok_deposit"]
        pub(super) fn the_same(balance: i64, cents: i64) -> i64;
        #[link_name = "ffg_ok_peek"]
        pub(super) fn first(bytes: *const Point) -> i32;
    }
}

/// Of this function C's debug information tells who is right.
mod known {
    use super::*;

    #[ffi_guard::guard]
    #[allow(clashing_extern_declarations)]
    unsafe extern "C" {
        #[link_name = "ffg_ok_bytes"]
        pub(super) fn right_one(bytes: *const u8, size: usize) -> c_int;
        #[link_name = "ffg_ok_bytes"]
        pub(super) fn wrong_one(bytes: *const u8, size: u32) -> c_int;
        #[link_name = "ffg_ok_any_function"]
        pub(super) fn any_of(entry: unsafe extern "C" fn(c_int, f64) -> c_int) -> c_int;
        #[link_name = "ffg_ok_any_function"]
        pub(super) fn any_else(entry: unsafe extern "C" fn(f64) -> c_int) -> c_int;
    }
}

#[test]
fn violating_two_crates_declare_it_in_two_ways() {
    // SAFETY: not sound: C takes 8 bytes. The guard stops the call.
    let violation = expect_violation!(Rule::ClashingDeclaration, unsafe { again::deposit(3, 2) });
    let text = violation.to_string();
    for words in [
        "`deposit`: `cents` has 4 bytes, in `c_fixtures` 8",
        "tests/tests/rules/clashing_declaration.rs:",
        "fn deposit(balance: i64, cents: i32) -> i64 in crate rules",
        "c-fixtures/src/clashing_declaration.rs:9:12",
        "fn bad_deposit(balance: i64, cents: i64) -> i64 in crate c_fixtures",
        "both are linked to the one symbol `ffg_bad_deposit`",
    ] {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
    // Whichever is called, and each time.
    for _ in 0..2 {
        // SAFETY: as C has it.
        let violation = expect_violation!(Rule::ClashingDeclaration, unsafe { bad_deposit(3, 2) });
        assert!(violation.to_string().contains("`cents` has 8 bytes, in `rules` 4"), "{violation}");
    }
}

#[test]
fn nearest_correct_what_passes_the_same_bytes() {
    let point = Point { x: 7, y: 0, weight: 0.0 };
    // SAFETY: as C has them, with bytes that can be read.
    let outcome = catch(|| unsafe {
        assert_eq!(ok_deposit(3, 2), 5);
        assert_eq!(again::the_same(3, 2), 5);
        assert_eq!(ok_peek((&raw const point).cast()), point.x);
        assert_eq!(again::first(&raw const point), point.x);
    });
    outcome.expect("clean");
}

#[test]
fn repaired_by_declaring_it_alike() {
    // SAFETY: not sound: C takes 8 bytes. The guard stops the call.
    let violation = expect_violation!(Rule::ClashingDeclaration, unsafe { again::deposit(3, 2) });
    assert!(violation.to_string().contains("help: declare it in both places as C's header has it"), "{violation}");
    // SAFETY: as C has it.
    catch(|| assert_eq!(unsafe { again::the_same(3, 2) }, 5)).expect("clean");
}

#[test]
fn each_kind_is_told_once_for_a_pair_and_what_passes_alike_is_not() {
    let declarations = ffi_guard::check_declarations();
    let of_rule = declarations.violations().iter().filter(|it| it.rule() == Rule::ClashingDeclaration);
    let all: Vec<(&str, String)> =
        of_rule.map(|violation| (violation.function().unwrap_or_default(), violation.to_string())).collect();
    for (name, words) in [
        ("ffg_clash_size", "`value` has 8 bytes, in `rules::clashing_declaration::second` 4"),
        ("ffg_clash_result", "the result has 8 bytes"),
        ("ffg_clash_count", "it has 2 parameters"),
        ("ffg_clash_dots", "it ends without `...`"),
        ("ffg_clash_fraction", "`value` is a floating-point number"),
        ("ffg_clash_pointee", "`values` leads to 8 bytes"),
        ("ffg_clash_integers", "`values` leads to 2 bytes"),
        ("ffg_clash_struct", "`point` leads to `Point` of 16 bytes"),
        ("ffg_clash_fields", "`x` of `Point` is at byte 0"),
        ("ffg_clash_by_value", "`x` of `Point` is at byte 0"),
        ("ffg_clash_value_size", "`point` has 16 bytes"),
        ("ffg_clash_callback", "argument 2 of `each` has 8 bytes"),
        ("ffg_clash_callback_count", "`each` has 2 parameters"),
        ("ffg_clash_exported", "`value` has 8 bytes"),
        ("ffg_clash_mangled", "`value` has 8 bytes"),
    ] {
        let mut of_name = all.iter().filter(|(function, _)| *function == name);
        let (_, text) = of_name.next().unwrap_or_else(|| panic!("{name} is not told:\n{declarations}"));
        assert!(text.contains(words), "{words} is not in:\n{text}");
        assert!(of_name.next().is_none(), "{name} is told twice");
    }
    assert!(all.iter().any(|(_, text)| text.contains("writes a struct of 24 bytes")), "{declarations}");
    let false_alarms: Vec<_> =
        all.iter().filter(|(name, _)| name.starts_with("ffg_alike") || name.starts_with("ok_")).collect();
    assert!(false_alarms.is_empty(), "{false_alarms:#?}");
}

#[test]
#[cfg(debug_assertions)]
fn of_what_c_defines_the_debug_information_decides() {
    let declarations = ffi_guard::check_declarations();
    let told = |name: &str| -> Vec<&Violation> {
        declarations.violations().iter().filter(|it| it.function() == Some(name)).collect()
    };
    // C takes `void (*)(void)`, which either is cast to.
    assert!(told("any_of").is_empty() && told("any_else").is_empty(), "{declarations}");
    assert_eq!(told("wrong_one").iter().map(|it| it.rule()).collect::<Vec<_>>(), [Rule::AbiMismatch]);
    let right = told("right_one");
    assert_eq!(
        right.iter().map(|it| (it.rule(), it.severity())).collect::<Vec<_>>(),
        [(Rule::ClashingDeclaration, Severity::Warn)]
    );
    assert!(right[0].to_string().contains("C's debug information agrees with this one"), "{}", right[0]);
    let bytes = [1_u8, 2];
    // SAFETY: as C has it.
    ffi_guard::assert_clean!({ assert_eq!(unsafe { known::right_one(bytes.as_ptr(), bytes.len()) }, 1) });
    // SAFETY: not sound: C takes 8 bytes. The guard stops the call.
    expect_violation!(Rule::AbiMismatch, unsafe { known::wrong_one(bytes.as_ptr(), 2) });
}
