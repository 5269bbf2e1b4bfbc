//! What an arena cannot hold: what needs a drop, and what is not zeroed memory's to be.

use ffi_guard::CArena;

struct Named<'a> {
    name: &'a str,
}

fn main() {
    let arena = CArena::new();
    let named = arena.alloc::<Named>();
    println!("{}", named.name);
}
