//! Slides 21 to 24: C keeps a pointer, and the two rules.

use c_fixtures::freed_while_retained::{Request, bad_send, ok_cancel, resend};
use c_fixtures::nested_pointer::{Node, bad_sum_list, ok_sum_array};
use c_fixtures::retained_pointer::{bad_keep_global, forget_global};
use c_fixtures::slides::{SomeStruct, forget_reference, retrieve_reference, store_reference, trusting};
use ffi_guard::Rule;
use ffi_guard_tests::calloc::Calloc;

use crate::row::{Expected, Plan, Row};

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[21..=22],
        what: "storeReference keeps a Box",
        plan: Plan::Here(kept, Expected::Violates(Rule::RetainedPointer, "someReference")),
    },
    Row {
        slides: &[21..=22],
        what: "the same with GUARD=0, read after the Box died",
        plan: Plan::At("0", garbage, Expected::Clean),
    },
    Row {
        slides: &[21..=22],
        what: "the same with GUARD=3, caught in retrieveReference",
        plan: Plan::At("3", read_after_free, Expected::Violates(Rule::UseAfterFree, "retrieveReference")),
    },
    Row {
        slides: &[23..=24],
        what: "rule 1: what is lent points to no Rust memory",
        plan: Plan::Here(rule_one, Expected::Violates(Rule::NestedPointer, "`next`")),
    },
    Row {
        slides: &[23..=24],
        what: "rule 1 kept: the list laid flat",
        plan: Plan::Here(rule_one_kept, Expected::Clean),
    },
    Row {
        slides: &[23..=24],
        what: "rule 2: C keeps nothing that it is lent",
        plan: Plan::Here(rule_two, Expected::Violates(Rule::RetainedPointer, "ffg_kept_global")),
    },
    Row {
        slides: &[23..=24],
        what: "rule 2 kept: what C keeps is C memory",
        plan: Plan::Here(rule_two_kept, Expected::Clean),
    },
    Row {
        slides: &[23..=24],
        what: "both rules, pinned: C follows a Rust pointer and keeps it",
        plan: Plan::Here(pinned, Expected::Clean),
    },
    Row {
        slides: &[23..=24],
        what: "the pin ends and C still holds it when it is freed",
        plan: Plan::Here(unpinned_too_early, Expected::Violates(Rule::FreedWhileRetained, "ffg_sent")),
    },
];

const ONE_TWO_THREE: SomeStruct = SomeStruct { a: 1, b: 2, c: 3 };

/// Calls C to forget when the row is over, however it ends: the next row begins with nothing kept.
struct Forget(fn());

impl Drop for Forget {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn kept() -> String {
    let _forget = Forget(|| forget_reference());
    let mut some = Box::new(ONE_TWO_THREE);
    // SAFETY: alive until C forgets it.
    unsafe { store_reference(&raw mut *some) };
    "C keeps it and nobody noticed".into()
}

/// Slide 22, where the talk runs the garbage collector and hopes that it reuses the memory. Rust
/// needs no luck: the memory is free at the brace, and the allocator hands it out again.
fn garbage() -> String {
    fn pass_some_memory() {
        let mut some = Box::new(ONE_TWO_THREE);
        // SAFETY: alive during the call; what C does with it later is what this is about.
        unsafe { store_reference(&raw mut *some) };
    }
    pass_some_memory();
    let others: Vec<Box<[u8; 12]>> = (0..64).map(|_| Box::new([0x20; 12])).collect();
    std::hint::black_box(&others);
    // SAFETY: not sound, and that is the point: the memory is mapped, and belongs to another value.
    let a = unsafe { retrieve_reference() };
    assert_ne!(a, 1, "the memory was not handed out again");
    format!("retrieveReference reads {a}; the Box held 1")
}

/// Slide 22 with pages of its own for each block and a declaration that lets C keep the pointer:
/// the read itself is caught, inside C.
fn read_after_free() -> String {
    fn pass_some_memory() {
        let mut some = Box::new(ONE_TWO_THREE);
        // SAFETY: alive during the call; what C does with it later is what this is about.
        unsafe { trusting::store_reference(&raw mut *some) };
    }
    pass_some_memory();
    // SAFETY: not sound, and that is the point.
    let a = unsafe { retrieve_reference() };
    format!("retrieveReference read {a} from memory that is gone, and nobody noticed")
}

fn rule_one() -> String {
    let mut second = Box::new(Node { value: 2, next: std::ptr::null_mut() });
    let first = Box::new(Node { value: 1, next: &raw mut *second });
    // SAFETY: both are alive, and the second ends the list.
    let sum = unsafe { bad_sum_list(&raw const *first) };
    format!("C followed the list to {sum} and nobody noticed")
}

fn rule_one_kept() -> String {
    let values = vec![1, 2];
    // SAFETY: the count is the slice's own.
    let sum = unsafe { ok_sum_array(values.as_ptr(), values.len()) };
    format!("C summed {} values to {sum}", values.len())
}

fn rule_two() -> String {
    let _forget = Forget(|| forget_global());
    let value = Box::new(7);
    // SAFETY: alive until C forgets it.
    unsafe { bad_keep_global(&raw const *value) };
    "C keeps it and nobody noticed".into()
}

fn rule_two_kept() -> String {
    let some = Calloc::new(ONE_TWO_THREE);
    // Declared after `some`, so that C forgets before the memory is freed.
    let _forget = Forget(|| forget_reference());
    // SAFETY: alive until C forgets it.
    let a = unsafe {
        store_reference(some.as_ptr());
        retrieve_reference()
    };
    format!("retrieveReference reads {a}, from C memory that is still there")
}

/// The use of Go's `runtime.Pinner`.
fn pinned() -> String {
    let values = vec![1, 2, 3];
    let pin = ffi_guard::pin(&values[..]);
    let request = Request { values: pin.as_ptr(), count: pin.len() };
    // SAFETY: pinned until C has let go.
    let (sum, again) = unsafe { (bad_send(&raw const request), resend()) };
    ok_cancel();
    drop(pin);
    format!("C summed what it was sent to {sum}, and what it kept to {again}, and let go")
}

fn unpinned_too_early() -> String {
    let _forget = Forget(|| ok_cancel());
    let values = vec![1, 2, 3];
    let pin = ffi_guard::pin(&values[..]);
    let request = Request { values: pin.as_ptr(), count: pin.len() };
    // SAFETY: pinned for the call; that C still holds it later is what this is about.
    unsafe { bad_send(&raw const request) };
    drop(pin);
    drop(values);
    "C holds it and nobody noticed".into()
}
