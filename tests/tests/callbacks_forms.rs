//! `#[guard]` on every form of a Rust function that C calls: the function keeps its type and
//! meaning.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use c_fixtures::callbacks::{Two, call_two, call_with_text, each};
use ffi_guard::guard;
use ffi_guard_tests::process::{at_checked_levels, at_levels};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Documented, safe, and called by its symbol's name.
#[guard]
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn ffi_guard_tests_exported(number: c_int) -> c_int {
    number + 1
}

mod exported {
    unsafe extern "C" {
        pub(super) safe fn ffi_guard_tests_exported(number: i32) -> i32;
    }
}

#[test]
fn it_is_exported_and_a_function_pointer_and_called_from_rust() {
    at_levels("it_is_exported_and_a_function_pointer_and_called_from_rust", &["0", "1", "2"], || {
        let pointer: extern "C" fn(c_int) -> c_int = ffi_guard_tests_exported;
        assert_eq!(pointer(1), 2);
        assert_eq!(ffi_guard_tests_exported(2), 3);
        assert_eq!(exported::ffi_guard_tests_exported(3), 4);
    });
}

/// Patterns, attributes and conditions on the parameters; early returns, loops and questions in the
/// body.
#[ffi_guard::guard(on_panic = -1, allow(null_pointer))]
#[allow(clippy::needless_return)]
pub(crate) unsafe extern "C" fn many(
    #[cfg_attr(all(), guard(opaque, nonnull))] mut user: *mut c_void,
    #[cfg(any())] _gone: NotThere,
    #[allow(unused_variables)] number: i32,
) -> i32 {
    // One of the names that the attribute uses.
    let callback = number;
    user = user.wrapping_byte_add(0);
    let find = || -> Option<i32> {
        let numbers = user.cast::<[i32; 3]>();
        if numbers.is_null() {
            return None;
        }
        // SAFETY: `user` is null or three numbers.
        let at = unsafe { *numbers }.iter().position(|&it| it == callback)?;
        i32::try_from(at).ok()
    };
    for _ in 0..1 {
        if find().is_none() {
            return 0;
        }
    }
    return find().map_or(0, |at| at + 1);
}

#[guard]
extern "C" fn destructured(Two { first, second }: Two) -> Two {
    Two { first: second, second: first }
}

#[guard]
extern "C" fn nothing(_: *mut c_void, _: i32) -> i32 {
    0
}

#[guard]
extern "C" fn owned(value: Box<i32>, other: Option<&mut i32>) {
    if let Some(other) = other {
        *other = *value;
    }
}

#[guard(skip)]
extern "C" fn bare(Two { first, .. }: Two) -> i64 {
    first
}

#[guard]
#[rustfmt::skip] // which would say it
#[allow(missing_abi)]
extern fn the_abi_goes_without_saying() -> *const c_char {
    c"static".as_ptr()
}

#[test]
fn every_form_runs() {
    at_levels("every_form_runs", &["0", "1", "2"], || {
        let mut numbers = Box::new([7, 0, 1]);
        let user = ptr::from_mut(&mut *numbers).cast::<c_void>();
        // SAFETY: three numbers that outlive the call; C stops at the first that is found.
        unsafe {
            assert_eq!(each(many, user, 10), 1);
            assert_eq!(many(user, 7), 1);
            assert_eq!(many(user, 3), 0);
            assert_eq!(many(ptr::null_mut(), 3), 0);
            assert_eq!(call_two(destructured, 3, 10), 7);
            assert_eq!(each(nothing, ptr::null_mut(), 2), 2);
        }
        assert_eq!(bare(Two { first: 8, second: 0 }), 8);
        let mut other = 0;
        owned(Box::new(5), Some(&mut other));
        owned(Box::new(6), None);
        assert_eq!(other, 5);
        // SAFETY: a literal.
        assert_eq!(unsafe { CStr::from_ptr(the_abi_goes_without_saying()) }, c"static");
    });
}

/// The functions that wrappers of closures consist of.
struct Trampoline<F>(PhantomData<F>);

impl<F: FnMut(i32) -> i32> Trampoline<F> {
    const START: i32 = 100;

    #[guard]
    unsafe extern "C" fn run(this: *mut c_void, number: i32) -> i32 {
        // SAFETY: `this` is the closure.
        let closure: &mut F = unsafe { &mut *this.cast::<F>() };
        closure(Self::START + number)
    }
}

#[guard]
unsafe extern "C" fn trampoline<F>(this: *mut c_void, number: i32) -> i32
where
    F: FnMut(i32) -> i32,
{
    // SAFETY: `this` is the closure.
    unsafe { (*this.cast::<F>())(number) }
}

fn with_each<F: FnMut(i32) -> i32>(mut closure: F) {
    let this = ptr::from_mut(&mut closure).cast();
    // SAFETY: the closure outlives the calls.
    unsafe {
        each(Trampoline::<F>::run, this, 2);
        each(trampoline::<F>, this, 2);
    }
}

/// What a callback in a block says to.
trait Hears {
    fn hear(&mut self, number: i32, on: bool);
}

impl<F: FnMut(i32)> Hears for F {
    fn hear(&mut self, number: i32, on: bool) {
        self(if on { number } else { -number });
    }
}

/// A block whose parameter has a name like that of any type.
struct Told<Hearer>(PhantomData<Hearer>);

impl<Hearer: Hears> Told<Hearer> {
    #[guard]
    unsafe extern "C" fn tell(this: *mut c_void, number: i32, on: bool, _first: &i32) -> i32 {
        // SAFETY: `this` is the hearer.
        unsafe { (*this.cast::<Hearer>()).hear(number, on) };
        0
    }

    #[guard]
    unsafe extern "C" fn of(hearer: &mut Hearer, on: bool) {
        let heard: &mut Hearer = hearer;
        heard.hear(1, on);
    }
}

impl Told<()> {
    #[guard]
    unsafe extern "C" fn unit(this: &Self, on: bool) -> bool {
        let _: &Self = this;
        !on
    }
}

#[test]
fn a_block_may_have_parameters_of_any_name() {
    at_checked_levels("a_block_may_have_parameters_of_any_name", || {
        let mut heard = Vec::new();
        let mut hearer = |number| heard.push(number);
        fn of<Hearer: Hears>(hearer: &mut Hearer) {
            let this = ptr::from_mut(hearer).cast();
            // SAFETY: the hearer is alive.
            unsafe {
                Told::<Hearer>::tell(this, 7, true, &0);
                Told::<Hearer>::tell(this, 7, false, &0);
                Told::<Hearer>::of(hearer, false);
            }
        }
        of(&mut hearer);
        assert_eq!(heard, [7, -7, -1]);
        // SAFETY: a live value.
        assert!(unsafe { Told::<()>::unit(&Told(PhantomData), false) });
    });
}

#[test]
fn it_may_be_an_associated_function_and_generic() {
    at_checked_levels("it_may_be_an_associated_function_and_generic", || {
        let mut seen = Vec::new();
        with_each(|number| {
            seen.push(number);
            0
        });
        assert_eq!(seen, [100, 101, 0, 1]);
        let thrown = catch_unwind(AssertUnwindSafe(|| with_each(|number| panic!("{number}"))));
        assert_eq!(thrown.expect_err("panics").downcast_ref::<String>().map(String::as_str), Some("100"));
    });
}

#[guard]
unsafe extern "C" fn lends<'a>(_user: *mut c_void, text: *const c_char, _bytes: usize) -> c_int {
    // SAFETY: as C says.
    let text: &'a CStr = unsafe { CStr::from_ptr(text) };
    c_int::try_from(text.to_bytes().len()).unwrap_or(-1)
}

/// Hands out what it was given.
#[guard(on_panic = text)]
extern "C" fn same(text: &CStrByte) -> &CStrByte {
    text
}

/// A byte.
#[repr(transparent)]
struct CStrByte(u8);

#[test]
fn lifetimes_stay() {
    at_checked_levels("lifetimes_stay", || {
        // SAFETY: a literal.
        assert_eq!(unsafe { call_with_text(lends, ptr::null_mut(), c"four".as_ptr(), 5) }, 4);
        let byte = Box::new(CStrByte(3));
        assert!(ptr::eq(same(&byte), &*byte));
        assert_eq!(same(&byte).0, 3);
    });
}
