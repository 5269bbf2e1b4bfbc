//! Programs as they are shipped: optimised, with symbols, without debug information.

use std::time::Instant;

use super::*;
use crate::scan::owner;
use crate::scan::symbols::Symbols;
use crate::scan::testing::Folder;

/// (a), (d): C's. (b), (c) are Rust's; nothing in this file is `static`, so no symbol is local to it.
const C: &str = r"
void *c_own, *c_read_by_rust;
extern void *rust_read_by_c, *rust_written_by_c;
void keep_own(void *p) { c_own = p; }
void *see_own(void) { return c_own; }
void keep_read(void *p) { c_read_by_rust = p; }
void *see_rust(void) { return rust_read_by_c; }
void keep_in_rust(void *p) { rust_written_by_c = p; }
";

const RUST: &str = r#"
use std::ptr::null_mut;
type P = *mut u8;
#[unsafe(no_mangle)] pub static mut rust_own: P = null_mut();
#[unsafe(no_mangle)] pub static mut rust_read_by_c: P = null_mut();
#[unsafe(no_mangle)] pub static mut rust_written_by_c: P = null_mut();
unsafe extern "C" {
    static mut c_read_by_rust: P;
    fn keep_own(p: P); fn see_own() -> P; fn keep_read(p: P); fn see_rust() -> P; fn keep_in_rust(p: P);
}
#[unsafe(no_mangle)] pub extern "C" fn rust_short(p: P) { unsafe { rust_own = p } }
#[inline(never)] fn write(p: P) { unsafe { rust_read_by_c = p; println!("{:?} {:?}", rust_own, rust_written_by_c) } }
fn main() { unsafe {
    let p = std::env::args().count() as P;
    keep_own(p); keep_read(p); keep_in_rust(p); rust_short(p); write(p);
    println!("{:?} {:?} {:?}", see_own(), c_read_by_rust, see_rust());
} }
"#;

const RELEASE: [&str; 5] =
    ["-Copt-level=3", "-Cstrip=debuginfo", "-Anon_upper_case_globals", "-Astatic_mut_refs", "-Awarnings"];

fn variable<'table>(table: &'table Table, name: &str) -> &'table Variable {
    table.variables.iter().find(|variable| &*variable.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// The code's verdict alone.
fn by_code(symbols: &Symbols, name: &str) -> Option<Language> {
    symbols.referrers_language(variable(symbols.table().unwrap(), name))
}

#[test]
fn references_tell_in_programs_of_every_linker() {
    let folder = Folder::new();
    for (rust, c) in [
        (&[][..], &["-O2"][..]),
        (&["-Clink-arg=-fuse-ld=bfd"], &["-O2"]),
        (&["-Clink-arg=-fuse-ld=bfd"], &["-O0"]),
        (&["-Clink-arg=-fuse-ld=bfd", "-Clto=fat"], &["-O2", "-ffunction-sections"]),
        (&["-Clink-arg=-fuse-ld=bfd", "-Clink-arg=-Wl,--no-relax"], &["-O2"]),
        (&["-Clink-arg=-fuse-ld=bfd"], &["-O2", "-fno-pic", "-fpie"]),
        (&["-Clink-arg=-fuse-ld=bfd"], &["-O2", "-fno-plt", "-fcommon"]),
    ] {
        let file = folder.mixed("program", RUST, C, &[&RELEASE, rust].concat(), c);
        let symbols = Symbols::of_file(file);
        assert_eq!(by_code(&symbols, "c_own"), Some(Language::C), "{rust:?} {c:?}");
        for name in ["c_read_by_rust", "rust_own", "rust_read_by_c", "rust_written_by_c"] {
            assert_eq!(by_code(&symbols, name), None, "{rust:?} {c:?}: {name}");
        }
    }
}

/// LLD's order knows better: see `Exports`. (With `lto` its list is not the first, and the code decides.)
#[test]
fn the_order_of_exports_tells_where_lld_linked() {
    let folder = Folder::new();
    for (rust, c, ordered) in [
        (&[][..], &["-O2"][..], true),
        (&["-Ccodegen-units=16"], &["-O0"], true),
        (&["-Clink-dead-code"], &["-O2", "-fcommon"], true),
        (&["-Cpanic=abort"], &["-O2"], true),
        (&["-Clto=thin"], &["-O2"], false),
        (&["-Clto=fat"], &["-O2"], false),
    ] {
        let symbols = Symbols::of_file(folder.mixed("program", RUST, C, &[&RELEASE, rust].concat(), c));
        let table = symbols.table().unwrap();
        assert_eq!(table.ordered_exports, ordered, "{rust:?}");
        assert_eq!(variable(table, "c_own").after_exports, ordered, "{rust:?} {c:?}");
        for name in ["rust_own", "rust_read_by_c", "rust_written_by_c"] {
            assert!(!variable(table, name).after_exports, "{rust:?} {c:?}: {name}");
        }
        let verdict =
            |name| owner::decide(&symbols, table, Some(variable(table, name)), variable(table, name).range.start);
        assert_eq!(verdict("c_own"), Some(Language::C), "{rust:?} {c:?}");
        for name in ["rust_own", "rust_read_by_c", "rust_written_by_c"] {
            assert_ne!(verdict(name), Some(Language::C), "{rust:?} {c:?}: {name}");
        }
        assert_ne!(verdict("c_read_by_rust"), Some(Language::Rust), "{rust:?} {c:?}");
    }
}

/// The static that only a callback with a plain name touches. Its machine code is what C's would be.
#[test]
fn a_static_of_a_short_callback() {
    let rust = r#"
        #[unsafe(no_mangle)] pub static mut callbacks_own: usize = 0;
        #[unsafe(no_mangle)] pub extern "C" fn callback(p: usize) { unsafe { callbacks_own = p } }
        unsafe extern "C" { fn call(p: usize) -> usize; }
        fn main() { println!("{}", unsafe { call(std::env::args().count()) }) }"#;
    let c =
        "extern void *callbacks_own; void callback(void *); void *call(void *p) { callback(p); return callbacks_own; }";
    let folder = Folder::new();
    let symbols = Symbols::of_file(folder.mixed("program", rust, c, &RELEASE, &["-O2"]));
    let table = symbols.table().unwrap();
    let own = variable(table, "callbacks_own");
    assert_eq!(owner::decide(&symbols, table, Some(own), own.range.start), None, "the list of exports has it");
    let bfd = [&RELEASE[..], &["-Clink-arg=-fuse-ld=bfd"]].concat();
    let symbols = Symbols::of_file(folder.mixed("program", rust, c, &bfd, &["-O2"]));
    // The limit of this, stated so that whoever lifts it finds the test: wrong, with GNU ld and no debug information.
    assert_eq!(by_code(&symbols, "callbacks_own"), Some(Language::C));
}

/// A Rust library in a C program: rustc has not linked it, and there is no list of exports.
#[test]
fn a_c_program_with_rust_in_it() {
    let folder = Folder::new();
    let rust = folder.write("part.rs", &RUST.replace("fn main()", "#[unsafe(no_mangle)] extern \"C\" fn run()"));
    let c = folder.write("main.c", &format!("{C} void run(void); int main(void) {{ run(); return 0; }}"));
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let (rust, c) = (rust.to_str().unwrap(), c.to_str().unwrap());
    folder
        .run(&rustc, &[&RELEASE[..], &["--edition=2024", "--crate-type=staticlib", rust, "-o", "libpart.a"]].concat());
    folder.run("cc", &["-O2", "-o", "program", c, "libpart.a", "-lpthread", "-ldl", "-lm"]);
    let symbols = Symbols::of_file(folder.path("program"));
    assert!(!symbols.table().unwrap().ordered_exports);
    assert_eq!(by_code(&symbols, "c_own"), Some(Language::C));
    for name in ["c_read_by_rust", "rust_own", "rust_read_by_c", "rust_written_by_c"] {
        assert_eq!(by_code(&symbols, name), None, "{name}");
    }
}

/// Every position of random bytes, compared with a slow reading.
#[test]
fn distances_are_found_at_every_place() {
    let mut bytes: Vec<u8> = (0..4096u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let section = 0x5000usize;
    let wanted = 0x9008..0x9018usize;
    for at in [1, 6, 77, 4092] {
        bytes[at..at + 4].copy_from_slice(&((wanted.start - (section + at + 4)) as i32).to_ne_bytes());
    }
    let near = wanted.start - 8..wanted.end - 4;
    let mut found = Vec::new();
    let mut from = 1;
    while let Some(at) = next_distance(&bytes, from, section, &near) {
        found.push(at);
        from = at + 1;
    }
    let slow = (1..bytes.len() - 3).filter(|&at| {
        let distance = i32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
        near.contains(&(section + at).wrapping_add_signed(distance as isize))
    });
    assert_eq!(found, slow.collect::<Vec<_>>());
    assert!([1, 6, 77, 4092].iter().all(|at| found.contains(at)), "{found:?}");
    assert_eq!(next_distance(&bytes[..3], 1, section, &near), None);
    assert_eq!(next_distance(&[], 1, section, &near), None);
}

/// As the assembler writes them: the distance is at the given place, and so many bytes follow it.
#[test]
fn what_follows_a_distance_is_known() {
    for (code, at, expected) in [
        (&[0x48, 0x8d, 0x05, 0, 0, 0, 0][..], 3, 0),            // lea rax, [rip]
        (&[0x48, 0x89, 0x3d, 0, 0, 0, 0], 3, 0),                // mov [rip], rdi
        (&[0x48, 0xc7, 0x05, 0, 0, 0, 0, 9, 0, 0, 0], 3, 4),    // mov qword ptr [rip], 9
        (&[0xc6, 0x05, 0, 0, 0, 0, 9], 2, 1),                   // mov byte ptr [rip], 9
        (&[0x66, 0xc7, 0x05, 0, 0, 0, 0, 9, 0], 3, 2),          // mov word ptr [rip], 9
        (&[0x83, 0x3d, 0, 0, 0, 0, 9], 2, 1),                   // cmp dword ptr [rip], 9
        (&[0x48, 0x81, 0x3d, 0, 0, 0, 0, 9, 9, 0, 0], 3, 4),    // cmp qword ptr [rip], 0x909
        (&[0xf6, 0x05, 0, 0, 0, 0, 9], 2, 1),                   // test byte ptr [rip], 9
        (&[0x48, 0xf7, 0x1d, 0, 0, 0, 0], 3, 0),                // neg qword ptr [rip]
        (&[0xf0, 0x48, 0x0f, 0xc1, 0x05, 0, 0, 0, 0], 5, 0),    // lock xadd [rip], rax
        (&[0xf0, 0x48, 0x0f, 0xba, 0x2d, 0, 0, 0, 0, 9], 5, 1), // lock bts qword ptr [rip], 9
        (&[0x66, 0x0f, 0x70, 0x05, 0, 0, 0, 0, 9], 4, 1),       // pshufd xmm0, [rip], 9
        (&[0x66, 0x0f, 0x3a, 0x0f, 0x05, 0, 0, 0, 0, 9], 5, 1), // palignr xmm0, [rip], 9
        (&[0xc5, 0xfd, 0x6b, 0x05, 0, 0, 0, 0], 4, 0),          // vpackssdw ymm0, ymm0, [rip]
        (&[0xc4, 0xe3, 0x7d, 0x0f, 0x05, 0, 0, 0, 0, 9], 5, 1), // vpalignr ymm0, ymm0, [rip], 9
        (&[0xc4, 0xe2, 0x7d, 0x59, 0x05, 0, 0, 0, 0], 5, 0),    // vpbroadcastq ymm0, [rip]
    ] {
        assert_eq!(immediate(code, at), expected, "{code:x?}");
        assert_eq!(code.len(), at + 4 + expected, "the test's own bytes: {code:x?}");
        assert!(is_relative(code[at - 1]), "{code:x?}");
    }
}

/// `cargo test -p ffi-guard --lib -- --ignored --nocapture referrers_cost`
#[test]
#[ignore = "measures"]
fn referrers_cost() {
    let symbols = Symbols::of_file(std::env::current_exe().unwrap());
    let table = symbols.table().unwrap();
    for _ in 0..3 {
        let start = Instant::now();
        let verdict = symbols.referrers_language(variable(table, "FFI_GUARD_TEST_PLAIN_NAME"));
        println!("{:?}: {verdict:?}", start.elapsed());
    }
}
