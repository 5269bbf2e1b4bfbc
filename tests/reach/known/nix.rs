//! nix 0.20.1 tells the C library that the buffer has room for as many groups as there are,
//! whatever room it has (RUSTSEC-2021-0119); 0.20.2 repaired that.

use std::ffi::CString;

use nix::unistd::{Gid, getgrouplist};

fn main() {
    let root = CString::new("root").expect("no NUL in it");
    let groups = getgrouplist(&root, Gid::from_raw(0)).expect("they can be read");
    println!("{} groups", groups.len());
}
