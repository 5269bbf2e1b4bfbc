//! Types that an arena cannot hold: those that need a drop, and those that may not be all zeros.

use ffi_guard::CArena;

struct Named<'a> {
    name: &'a str,
}

fn main() {
    let arena = CArena::new();
    let named = arena.alloc::<Named>();
    println!("{}", named.name);
}
