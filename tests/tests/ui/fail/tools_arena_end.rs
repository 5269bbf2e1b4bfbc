//! A value in an arena cannot outlive it.

use ffi_guard::CArena;

fn leaves() -> &'static mut i32 {
    let arena = CArena::new();
    arena.alloc::<i32>()
}

fn main() {
    let arena = CArena::new();
    let text = arena.c_str("text").unwrap();
    drop(arena);
    println!("{text:?} {}", leaves());
}
