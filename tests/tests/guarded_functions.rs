//! `ffi_guard::functions()`: the list that the linker makes, of what is called and of what is not.

use std::ffi::{c_char, c_int, c_long, c_void};

// Linked, and nothing of it called.
use c_fixtures as _;
use ffi_guard::{GuardedFunction, TypeClass, functions};

#[repr(C)]
struct Pair {
    first: u16,
    second: u64,
}

/// As crates write the names of a library that is built in two ways.
macro_rules! prefixed {
    ($name:ident) => {
        concat!("ffg_", stringify!($name))
    };
}

#[ffi_guard::guard(deny(null_pointer))]
unsafe extern "C" {
    /// Nothing calls it, and nothing defines it.
    fn ffg_never_defined(
        #[guard(counted_by = count)] items: *const Pair,
        count: usize,
        #[guard(nonnull, out)] into: *mut *mut c_char,
        each: Option<unsafe extern "C" fn(*mut c_void, c_int) -> c_int>,
        text: *const c_char,
        flag: bool,
    ) -> c_long;
    #[link_name = "ffg_other_name"]
    fn named_otherwise(_: f64);
    #[cfg_attr(test, link_name = "ffg_one")]
    fn under_conditions();
    #[cfg_attr(not(test), link_name = "ffg_one")]
    fn under_others();
    #[cfg_attr(not(test), link_name = "ffg_one")]
    #[cfg_attr(test, link_name = prefixed!(two))]
    fn under_both();
    #[link_name = prefixed!(by_macro)]
    fn by_macro();
    fn with_lifetimes<'a>(pair: &'a Pair, also: Option<&'a mut Pair>) -> &'a Pair;
    fn variadic(#[guard(cstr)] format: *const c_char, ...) -> c_int;
}

#[ffi_guard::guard]
extern "C" fn called_by_c(_user: *mut c_void) -> c_int {
    0
}

#[ffi_guard::guard]
#[unsafe(export_name = "ffg_exported")]
extern "C" fn exported(value: u8) -> u8 {
    value
}

#[track_caller]
fn named(name: &str) -> GuardedFunction {
    let all = functions();
    let mut found = all.iter().filter(|function| function.name() == name && function.module() == module_path!());
    let first = found.next().unwrap_or_else(|| panic!("{name} is not among the {} of the list", all.len()));
    assert!(found.next().is_none(), "{name} is there once");
    *first
}

#[test]
fn what_nothing_calls_is_on_the_list() {
    let function = named("ffg_never_defined");
    assert_eq!(function.crate_name(), "guarded_functions");
    assert!(function.file().ends_with("guarded_functions.rs") && function.line() == 25, "{}", function.line());
    assert_eq!(function.symbol(), Some("ffg_never_defined"));
    assert!(!function.is_callback() && !function.is_variadic());
    let parameters: Vec<_> = function.parameters().collect();
    let names: Vec<_> = parameters.iter().map(|parameter| parameter.name()).collect();
    assert_eq!(names, ["items", "count", "into", "each", "text", "flag"]);
    assert_eq!(parameters[0].attributes(), ["stated"]);
    assert_eq!(parameters[0].extent(), Some("count"));
    assert_eq!(parameters[2].attributes(), ["nonnull", "out"]);
    assert_eq!(parameters[0].written(), "*const Pair");
    let types: Vec<_> = parameters.iter().map(|parameter| parameter.ty().expect("a type")).collect();
    assert_eq!(types[0].class(), TypeClass::Pointer);
    let pair = types[0].pointee().expect("it leads to one");
    assert_eq!((pair.class(), pair.size(), pair.align()), (TypeClass::Named, Some(16), Some(8)));
    assert_eq!((types[1].class(), types[1].size()), (TypeClass::Integer { signed: false }, Some(size_of::<usize>())));
    assert_eq!(types[2].pointee().expect("a pointer").class(), TypeClass::Pointer);
    assert_eq!(types[3].class(), TypeClass::Function);
    assert_eq!(types[4].pointee().and_then(|letter| letter.size()), Some(1));
    assert_eq!((types[5].class(), types[5].size()), (TypeClass::Bool, Some(1)));
    let result = function.result().expect("a result");
    assert_eq!((result.class(), result.size()), (TypeClass::Integer { signed: true }, Some(size_of::<c_long>())));
}

#[test]
fn each_has_its_symbol() {
    assert_eq!(named("named_otherwise").symbol(), Some("ffg_other_name"));
    assert_eq!(named("named_otherwise").parameters().next().expect("one").name(), "arg1");
    assert_eq!(named("under_conditions").symbol(), Some("ffg_one"));
    assert_eq!(named("under_others").symbol(), Some("under_others"));
    assert_eq!(named("under_both").symbol(), Some("ffg_two"));
    assert_eq!(named("by_macro").symbol(), Some("ffg_by_macro"));
    assert_eq!(named("exported").symbol(), Some("ffg_exported"));
    assert_eq!(named("called_by_c").symbol(), None);
    assert!(named("called_by_c").is_callback() && named("exported").is_callback());
    assert_eq!(called_by_c(std::ptr::null_mut()) + c_int::from(exported(1)), 1);
}

#[test]
fn lifetimes_and_dots_are_no_hindrance() {
    let function = named("with_lifetimes");
    let sizes: Vec<_> = function.parameters().map(|parameter| parameter.ty()?.pointee()?.size()).collect();
    assert_eq!(sizes, [Some(16), Some(16)]);
    let variadic = named("variadic");
    assert!(variadic.is_variadic() && variadic.parameters().len() == 1);
}

#[test]
fn the_functions_of_other_crates_are_there() {
    let all = functions();
    let of = |name: &str| all.iter().filter(|function| function.crate_name() == name).count();
    assert!(of("c_fixtures") > 50, "{}", of("c_fixtures"));
    // By crate and place.
    assert!(all.is_sorted_by_key(|function| (function.module(), function.file(), function.line())));
}

#[test]
fn a_field_is_where_c_has_it() {
    let pair = Pair { first: 1, second: 2 };
    assert_eq!(u64::from(pair.first) + pair.second, 3);
}
