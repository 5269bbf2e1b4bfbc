//! Programs as they are shipped: optimised, with symbols, without debug information.

use super::*;

/// C's variables are (a) and (d), Rust's (b) and (c); nothing in this file is `static`, so no
/// symbol is local to it.
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

/// See `Exports`. (With `lto` rustc's list is not the first: then nothing decides a plain name.)
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
        assert_eq!(variable(table, "c_own").after_exports, ordered, "{rust:?} {c:?}");
        for name in ["rust_own", "rust_read_by_c", "rust_written_by_c"] {
            assert!(!variable(table, name).after_exports, "{rust:?} {c:?}: {name}");
        }
        let verdict = |name| decide(&symbols, table, Some(variable(table, name)), variable(table, name).range.start);
        let known = verdict("c_own");
        assert!(known == Some(Language::C) || known.is_none() && !ordered, "{rust:?} {c:?}: {known:?}");
        for name in ["rust_own", "rust_read_by_c", "rust_written_by_c"] {
            assert_ne!(verdict(name), Some(Language::C), "{rust:?} {c:?}: {name}");
        }
        assert_ne!(verdict("c_read_by_rust"), Some(Language::Rust), "{rust:?} {c:?}");
    }
}

/// A Rust static that only a callback with a plain name touches. C's machine code would be the
/// same.
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
    for linker in [&[][..], &["-Clink-arg=-fuse-ld=bfd"]] {
        let symbols = Symbols::of_file(folder.mixed("program", rust, c, &[&RELEASE, linker].concat(), &["-O2"]));
        let table = symbols.table().unwrap();
        let own = variable(table, "callbacks_own");
        assert_eq!(decide(&symbols, table, Some(own), own.range.start), None, "{linker:?}");
    }
}
