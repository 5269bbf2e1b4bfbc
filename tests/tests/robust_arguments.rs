//! Arguments of every sort, each beside its neighbour that must stay silent.
#![allow(clippy::box_collection, clashing_extern_declarations)]
// Each is a heap block on purpose.
#![allow(clippy::useless_vec)]

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CString, OsString, c_char, c_void};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use c_fixtures::robust::{self, Pair};
use ffi_guard::{Rule, catch, expect_violation};
use ffi_guard_tests::process::at_checked_levels;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Larger than two registers.
#[derive(Clone, Copy)]
#[repr(C)]
struct Large {
    words: [usize; 3],
    pointer: *const c_void,
}

#[derive(Clone, Copy, ffi_guard::Plain)]
#[repr(C)]
struct Numbers {
    words: [usize; 2],
}

#[derive(Clone, Copy)]
#[repr(C)]
union Either {
    number: u64,
    pointer: *const c_void,
}

#[repr(C)]
struct Node {
    next: *const Node,
    own: [u8; 8],
}

macro_rules! take {
    ($($name:ident($($ty:ty),*);)*) => {
        // Types that C has no name for cross as one word.
        #[allow(improper_ctypes)]
        #[ffi_guard::guard(allow(abi_mismatch))]
        unsafe extern "C" { $(#[link_name = "ffg_take"] fn $name($(_: $ty),*);)* }
    };
}
take! {
    by_ref(&i32); by_mut(&mut i32); by_option(Option<&i32>); by_non_null(NonNull<i32>); by_box(Box<i32>);
    by_option_box(Option<Box<i32>>); bytes(*const u8); u16s(*const u16); u64s(*const u64); u128s(*const u128);
    numbers(*const Numbers); node(*const Node); pair(*const Pair); nothing(*const [u64; 0]); by_word(u64); by_wide(u128);
    by_float(f64); by_bool(bool); by_char(char); large(Large); either(Either); by_unit(*const ());
}

#[ffi_guard::guard(allow(abi_mismatch))]
#[allow(improper_ctypes)]
unsafe extern "C" {
    #[link_name = "ffg_take"]
    fn counted_u8(#[guard(counted_by = n)] _: *const u32, n: u8);
    #[link_name = "ffg_take"]
    fn counted_i8(#[guard(counted_by = n)] _: *const u32, n: i8);
    #[link_name = "ffg_take"]
    fn counted_i16(#[guard(counted_by = n)] _: *const u32, n: i16);
    #[link_name = "ffg_take"]
    fn counted_i32(#[guard(counted_by = n)] _: *const u32, n: i32);
    #[link_name = "ffg_take"]
    fn counted_i64(#[guard(counted_by = n)] _: *const u32, n: i64);
    #[link_name = "ffg_take"]
    fn counted_isize(#[guard(counted_by = n)] _: *const u32, n: isize);
    #[link_name = "ffg_take"]
    fn counted_u128(#[guard(counted_by = n)] _: *const u32, n: u128);
    #[link_name = "ffg_take"]
    fn counted_usize(#[guard(counted_by = n)] _: *const u32, n: usize);
    #[link_name = "ffg_take"]
    fn strings(#[guard(counted_by = n)] argv: *const *const c_char, n: usize);
    #[link_name = "ffg_take"]
    #[guard(allow(nested_pointer))]
    fn strings_allowed(#[guard(counted_by = n)] argv: *const *const c_char, n: usize);
}

fn clean(what: &str, f: impl FnOnce()) {
    catch(f).unwrap_or_else(|violation| panic!("{what} is clean:\n{violation}"));
}

fn void<T>(value: &T) -> *const c_void {
    ptr::from_ref(value).cast()
}

#[test]
fn pointers_by_any_name() {
    at_checked_levels("pointers_by_any_name", || {
        let mut number = 5;
        let mut boxed = Box::new(5);
        // SAFETY: live values; C leaves them alone. A box that is handed over is leaked, as C has
        // no use for it.
        clean("a pointer to a live number", || unsafe {
            by_ref(&number);
            by_mut(&mut number);
            by_mut(&mut boxed);
            by_option(Some(&number));
            by_option(None);
            by_non_null(NonNull::from(&mut *boxed));
            by_non_null(NonNull::dangling());
            by_box(Box::new(1));
            by_option_box(None);
            by_option_box(Some(Box::new(1)));
            nothing(NonNull::dangling().as_ptr());
            by_unit(ptr::without_provenance(1));
            by_wide(u128::MAX);
            by_float(1.5);
            by_bool(true);
            by_char('x');
            by_word((&raw const *boxed).addr() as u64);
        });
        let dead = {
            let boxed = Box::new(1);
            NonNull::from(&*boxed)
        };
        // SAFETY: C does not follow it.
        expect_violation!(Rule::DanglingPointer, { unsafe { by_non_null(dead) } });
    });
}

#[test]
fn the_library_of_rust_behind_void() {
    at_checked_levels("the_library_of_rust_behind_void", || {
        let full = vec![String::from("some text"); 3];
        type Named = (&'static str, Box<dyn Fn() -> *const c_void>);
        let found: Vec<Named> = {
            let (a, b, c, d) = (Box::new(vec![1]), Box::new(String::from("x")), Box::new(OsString::from("x")), ());
            let e = Box::new(CString::new("x").expect("no NUL"));
            let f = Box::new(Arc::new(1));
            let g = Box::new(Rc::new(1));
            let h = Box::new(HashMap::from([(1, 2)]));
            let i = Box::new(BTreeMap::from([(1, 2)]));
            let j = Box::new(Mutex::new(Box::new(1)));
            let () = d;
            vec![
                ("Vec", Box::new(move || void(&*a))),
                ("String", Box::new(move || void(&*b))),
                ("OsString", Box::new(move || void(&*c))),
                ("CString", Box::new(move || void(&*e))),
                ("Arc", Box::new(move || void(&*f))),
                ("Rc", Box::new(move || void(&*g))),
                ("HashMap", Box::new(move || void(&*h))),
                ("BTreeMap", Box::new(move || void(&*i))),
                ("Mutex", Box::new(move || void(&*j))),
                ("a slice of String", Box::new(move || full.as_ptr().cast())),
            ]
        };
        for (name, address) in &found {
            match catch(|| robust::take(address())) {
                Err(violation) => assert_eq!(violation.rule(), Rule::NestedPointer, "{name}"),
                Ok(()) => panic!("{name} holds a pointer"),
            }
        }
        clean("an empty Vec, an empty HashMap, a full Vec of numbers", || {
            robust::take(void(&*Box::new(Vec::<u8>::new())));
            robust::take(void(&*Box::new(HashMap::<u8, u8>::new())));
            robust::take(vec![1_u64, 2].as_ptr().cast());
            robust::take(void(&*Box::new(Mutex::new(5))));
        });
    });
}

#[test]
fn counts_of_every_type() {
    at_checked_levels("counts_of_every_type", || {
        let values = vec![1_u32; 100];
        let at = values.as_ptr();
        let end = values.as_ptr_range().end;
        let empty = Vec::<u32>::new();
        // SAFETY: C does not follow any of them.
        clean("a count that fits", || unsafe {
            counted_u8(at, 100);
            counted_i8(at, 100);
            counted_u128(at, 100);
            counted_usize(at.add(60), 40);
            counted_usize(end, 0);
            counted_usize(empty.as_ptr(), 0);
            counted_usize(ptr::null(), 0);
            counted_i32(ptr::null(), -1);
        });
        macro_rules! bad {
            ($($call:expr;)*) => { $(
                // SAFETY: C does not follow it.
                let violation = expect_violation!(Rule::OutOfBounds, { unsafe { $call } });
                assert!(violation.to_string().starts_with("ffi-guard[out_of_bounds]: "), "{violation}");
            )* };
        }
        bad! {
            counted_u8(at, 101); counted_i8(at, -1); counted_i8(at, i8::MIN); counted_i16(at, -1); counted_i32(at, i32::MIN);
            counted_i64(at, i64::MIN); counted_isize(at, -1); counted_u128(at, u128::MAX); counted_usize(at, usize::MAX);
            counted_usize(at, usize::MAX / 4 + 2); counted_usize(end, 1); counted_usize(at.add(60), 41);
            counted_isize(at, isize::MAX);
        }
        let local = [1_u32; 4];
        // SAFETY: as above.
        expect_violation!(Rule::OutOfBounds, { unsafe { counted_usize(local.as_ptr(), 1 << 30) } });
    });
}

#[test]
fn addresses_that_lead_nowhere() {
    at_checked_levels("addresses_that_lead_nowhere", || {
        for address in [1_usize, 8, 4096, usize::MAX & !15, 1 << 63, 0x7fff_ffff_f000, 0xffff_8000_0000_0000] {
            let address = address & !15;
            // SAFETY: C does not follow it.
            clean("what is never followed", || unsafe {
                pair(ptr::without_provenance(address));
                u128s(ptr::without_provenance(address));
                by_option(None);
                robust::take(ptr::without_provenance(usize::MAX));
                if address < usize::MAX - 8000 {
                    strings(ptr::without_provenance(address), 1000);
                }
            });
        }
        // SAFETY: as above.
        unsafe {
            for address in [robust::page_without_access(), robust::page_before_the_end()] {
                clean("the edge of what is mapped", || {
                    pair(address.cast_const().cast());
                    u64s(address.cast_const().cast());
                    strings(address.cast_const().cast(), 2);
                    strings(address.cast_const().cast(), 100_000);
                    robust::take(address);
                });
            }
            for call in [
                (|p| u16s(p as *const u16)) as unsafe fn(usize),
                |p| u64s(p as *const u64),
                |p| u128s(p as *const u128),
                |p| pair(p as *const Pair),
            ] {
                let bytes = vec![0_u128; 4];
                expect_violation!(Rule::MisalignedPointer, { call(bytes.as_ptr().addr() + 1) });
                clean("an aligned one", || call(bytes.as_ptr().addr()));
            }
        }
    });
}

#[test]
fn structs_by_value_and_unions() {
    at_checked_levels("structs_by_value_and_unions", || {
        let plain = Box::new(1_u64);
        let holds = Box::new(void(&*plain));
        let dead = {
            let boxed = Box::new(1_u64);
            void(&*boxed)
        };
        let of = |pointer| Large { words: [1; 3], pointer };
        // SAFETY: C does not follow them.
        unsafe {
            clean("one step", || large(of(void(&*plain))));
            clean("a number in a union", || either(Either { number: 7 }));
            clean("one step from a union", || either(Either { pointer: void(&*plain) }));
            expect_violation!(Rule::NestedPointer, { large(of(void(&*holds))) });
            expect_violation!(Rule::NestedPointer, { either(Either { pointer: void(&*holds) }) });
            expect_violation!(Rule::DanglingPointer, { large(of(dead)) });
            expect_violation!(Rule::DanglingPointer, { either(Either { pointer: dead }) });
            let address = (&raw const *plain).addr();
            let derived = Box::new(Numbers { words: [address; 2] });
            clean("numbers that equal addresses", || numbers(&raw const *derived));
        }
    });
}

#[test]
fn arrays_of_strings() {
    at_checked_levels("arrays_of_strings", || {
        let owned: Vec<CString> = ["a", "b"].map(|text| CString::new(text).expect("no NUL")).into();
        let mut argv: Vec<*const c_char> = owned.iter().map(|text| text.as_ptr()).collect();
        argv.push(ptr::null());
        // SAFETY: live strings; C leaves them alone.
        unsafe {
            expect_violation!(Rule::NestedPointer, { strings(argv.as_ptr(), argv.len()) });
            clean("allowed", || strings_allowed(argv.as_ptr(), argv.len()));
            let literals: Vec<*const c_char> = vec![c"a".as_ptr(), c"b".as_ptr()];
            clean("literals", || strings(literals.as_ptr(), literals.len()));
            drop(owned);
            expect_violation!(Rule::DanglingField, { strings_allowed(argv.as_ptr(), argv.len()) });
        }
    });
}

#[test]
fn nodes_that_lead_to_themselves_and_to_one_another() {
    at_checked_levels("nodes_that_lead_to_themselves_and_to_one_another", || {
        let mut own = Box::new(Node { next: ptr::null(), own: [0; 8] });
        own.next = &raw const *own;
        let mut other = Box::new(Node { next: &raw const *own, own: [0; 8] });
        let mut local = Node { next: ptr::null(), own: [0; 8] };
        local.next = &raw const local;
        // SAFETY: live nodes.
        unsafe {
            clean("itself", || node(&raw const *own));
            clean("itself, on the stack", || node(&raw const local));
            own.next = &raw const *other;
            expect_violation!(Rule::NestedPointer, { node(&raw const *own) });
            other.own[0] = 1;
            let bytes = vec![0_u8; 3];
            clean("the last byte", || self::bytes(bytes.as_ptr().add(2)));
            expect_violation!(Rule::OutOfBounds, { self::bytes(bytes.as_ptr().add(3)) });
        }
    });
}
