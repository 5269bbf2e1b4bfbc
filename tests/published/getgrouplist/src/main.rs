//! The groups of root by `nix`. In 0.20.1 the C library is told that the buffer has room for as
//! many groups as there are, whatever room it has; 0.20.2 repaired that.

use std::ffi::CString;

use nix::unistd::{Gid, getgrouplist};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

fn main() {
    let root = CString::new("root").expect("no NUL in it");
    let groups = getgrouplist(&root, Gid::from_raw(0)).expect("they can be read");
    println!("{} groups", groups.len());
}
