//! Numbers that look like addresses: the type decides.

use c_fixtures::out_of_bounds::ok_sum_bytes;
use c_fixtures::shapes::{BareRecord, Record, bare, read_record};
use ffi_guard::{Rule, catch, expect_violation};

use super::to;

#[test]
fn a_number_equal_to_a_live_address_is_clean_where_the_type_is_derived() {
    let other = Box::new(1u64);
    let record = Box::new(Record { key: to(&*other).addr(), value: 41 });
    // SAFETY: alive.
    assert_eq!(catch(|| unsafe { read_record(to(&*record)) }).expect("clean"), 42);
}

#[test]
fn a_number_equal_to_a_live_address_is_found_where_nothing_is_known() {
    let other = Box::new(1u64);
    let record = Box::new(BareRecord { key: to(&*other).addr(), value: 41 });
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: alive.
        unsafe { bare::read_record(to(&*record)) };
    });
}

#[test]
fn repaired_by_deriving_plain() {
    // The advice of the report above: say what the type holds.
    let other = Box::new(1u64);
    let bare = BareRecord { key: to(&*other).addr(), value: 41 };
    let record = Box::new(Record { key: bare.key, value: bare.value });
    // SAFETY: alive.
    assert_eq!(catch(|| unsafe { read_record(to(&*record)) }).expect("clean"), 42);
}

#[test]
fn bytes_that_spell_an_address_are_clean() {
    let other = Box::new(1u64);
    let bytes = Box::new(to(&*other).addr().to_ne_bytes());
    // SAFETY: the count is the array's own.
    let sum = catch(|| unsafe { ok_sum_bytes(bytes.as_ptr(), bytes.len()) });
    assert_eq!(sum.expect("clean"), bytes.iter().map(|&byte| u32::from(byte)).sum());
}
