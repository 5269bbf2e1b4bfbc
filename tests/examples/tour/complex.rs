//! Slides 45 to 49: a pointer to a pointer, in every mix of heap and stack, and the variable that
//! decides.

use std::ptr;

use c_fixtures::slides::{ComplexStruct, SomeStruct, SomeStructData, process_complex_struct, process_struct_data};
use ffi_guard::Rule;
use ffi_guard_tests::calloc::Calloc;

use crate::row::{Expected, Plan, Row};

const NESTED: Expected = Expected::Violates(Rule::NestedPointer, "process_complex_struct");

pub(crate) const ROWS: &[Row] = &[
    Row {
        slides: &[45..=48],
        what: "complexStruct points to someStruct, on the heap",
        plan: Plan::Here(on_the_heap, NESTED),
    },
    Row {
        slides: &[45..=48],
        what: "complexStruct points to someStruct, on the stack",
        plan: Plan::Here(on_the_stack, NESTED),
    },
    Row {
        slides: &[45..=48],
        what: "a complexStruct on the heap, a someStruct on the stack",
        plan: Plan::Here(heap_to_stack, NESTED),
    },
    Row {
        slides: &[45..=48],
        what: "a complexStruct on the stack, a someStruct on the heap",
        plan: Plan::Here(stack_to_heap, NESTED),
    },
    Row {
        slides: &[45..=48],
        what: "complexStruct points to a someStruct in C memory",
        plan: Plan::Here(to_c_memory, Expected::Clean),
    },
    Row {
        slides: &[49..=49],
        what: "slide 45 with GUARD=0: not looked for",
        plan: Plan::At("0", on_the_heap, Expected::Clean),
    },
    Row { slides: &[49..=49], what: "slide 45 with GUARD=1", plan: Plan::At("1", on_the_heap, NESTED) },
    Row { slides: &[49..=49], what: "slide 45 with GUARD=2", plan: Plan::At("2", on_the_heap, NESTED) },
    Row { slides: &[49..=49], what: "slide 45 with GUARD=3", plan: Plan::At("3", on_the_heap, NESTED) },
    Row {
        slides: &[49..=49],
        what: "a Rust pointer in C memory with GUARD=1: not looked for",
        plan: Plan::At("1", in_c_memory, Expected::Clean),
    },
    Row {
        slides: &[49..=49],
        what: "a Rust pointer in C memory with GUARD=2",
        plan: Plan::At("2", in_c_memory, Expected::Violates(Rule::NestedPointer, "process_struct_data")),
    },
];

const ONE_TWO_THREE: SomeStruct = SomeStruct { a: 1, b: 2, c: 3 };

/// A `complexStruct` with one of its two.
fn with(x: *mut SomeStruct) -> ComplexStruct {
    ComplexStruct { x, y: ptr::null_mut() }
}

/// Slide 45's last line.
fn process(complex: &ComplexStruct) -> String {
    // SAFETY: `complex` is alive, and so is what it points to: each caller's own.
    let sum = unsafe { process_complex_struct(complex) };
    format!("C summed what it points to: {sum}")
}

fn on_the_heap() -> String {
    let mut some = Box::new(ONE_TWO_THREE);
    let complex = Box::new(with(&raw mut *some));
    process(&complex)
}

fn on_the_stack() -> String {
    let mut some = ONE_TWO_THREE;
    let complex = with(&raw mut some);
    process(&complex)
}

fn heap_to_stack() -> String {
    let mut some = ONE_TWO_THREE;
    let complex = Box::new(with(&raw mut some));
    process(&complex)
}

fn stack_to_heap() -> String {
    let mut some = Box::new(ONE_TWO_THREE);
    let complex = with(&raw mut *some);
    process(&complex)
}

fn to_c_memory() -> String {
    let some = Calloc::new(ONE_TWO_THREE);
    let complex = Box::new(with(some.as_ptr()));
    process(&complex)
}

fn in_c_memory() -> String {
    let mut data = vec![1u8, 2, 3, 4];
    let some = Calloc::new(SomeStructData { data: data.as_mut_ptr(), data_len: data.len() });
    // SAFETY: alive until the drop, as is its buffer.
    let sum = unsafe { process_struct_data(some.as_ptr()) };
    format!("C summed a Rust buffer through its own struct: {sum}")
}
