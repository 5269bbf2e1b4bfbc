// Mistakes in the body are the user's own, where they are.

#[ffi_guard::guard]
#[deny(unused_variables, unused_mut)]
extern "C" fn unused(number: i32, mut other: i32) -> i32 {
    other
}

#[ffi_guard::guard]
extern "C" fn wrong(number: i32) -> i32 {
    number == 1
}

#[ffi_guard::guard]
extern "C" fn moved(value: Box<i32>) {
    drop(value);
    drop(value);
}

#[ffi_guard::guard]
unsafe extern "C" fn needs_unsafe(value: *mut i32) -> i32 {
    *value
}

fn main() {
    unused(1, 2);
    wrong(1);
    moved(Box::new(1));
    needs_unsafe(std::ptr::null_mut());
}
