//! Variables of C and of Rust, in libraries of every make.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::platform::library::Library;
use crate::scan::elf::Storage;
use crate::scan::owner;
use crate::scan::testing::{Folder, holders, unlikely};

mod shipped;

/// One variable of each kind; `keep_x` stores into `x`.
const C: &str = r"
#include <stddef.h>
struct session { int id; void *user; };
void *plain;
static void *file_static;
void *initialised = (void *)1;
struct session sessions[4];
__attribute__((visibility(`hidden`))) void *hidden;
static struct { long pad; void *p; } nested[3] = {{1, NULL}};
void keep_plain(void *p) { plain = p; }
void keep_static(void *p) { file_static = p; }
void keep_inner(void *p) { static void *inner; static void **volatile self = &inner; *self = p; }
void keep_initialised(void *p) { initialised = p; }
void keep_slot(void *p) { sessions[2].user = p; }
void keep_hidden(void *p) { hidden = p; }
void keep_nested(void *p) { nested[1].p = p; }
void *see_static(void) { return file_static; }
void *see_hidden(void) { return hidden; }
void *see_nested(int i) { return nested[i].p; }
";

/// The variable that `keep_x` stores into, and the offset in it.
const KEPT: [(&str, &str, usize, &str); 7] = [
    ("keep_plain", "plain", 0, ".bss"),
    ("keep_static", "file_static", 0, ".bss"),
    ("keep_inner", "inner", 0, ".bss"),
    ("keep_initialised", "initialised", 0, ".data"),
    ("keep_slot", "sessions", 2 * 16 + 8, ".bss"),
    ("keep_hidden", "hidden", 0, ".bss"),
    ("keep_nested", "nested", 16 + 8, ".data"),
];

fn c() -> String {
    C.replace('`', "\"")
}

/// The owner of the variable that `function` stores into.
fn owner_after(library: &Library, function: &str) -> Owner {
    let word = unlikely();
    library.call(function, word);
    let hits = holders(word);
    assert_eq!(hits.len(), 1, "{function}");
    owner(hits[0].location)
}

fn c_global(owner: Owner, context: &str) -> Global {
    match owner {
        Owner::C(global) => global,
        other => panic!("{context}: {other:?}"),
    }
}

#[test]
fn a_c_library_names_its_variables() {
    let folder = Folder::new();
    for flags in [
        &[][..],
        &["-g"],
        &["-O2"],
        &["-fcommon"],
        &["-fdata-sections", "-Wl,--gc-sections"],
        &["-O2", "-flto"],
        &["-Wl,--build-id=none"],
        &["-Wl,-z,now,-z,relro"],
    ] {
        let library = Library::open(&folder.library("libplain.so", &c(), flags));
        for (function, symbol, offset, section) in KEPT {
            let global = c_global(owner_after(&library, function), &format!("{flags:?} {function}"));
            let expected = Global {
                module: "libplain.so".to_owned(),
                symbol: Some(symbol.to_owned()),
                offset,
                thread: None,
                source: global.source.clone(),
                section: section.to_owned(),
                stripped: false,
            };
            assert_eq!(global, expected, "{flags:?}");
        }
    }
}

/// LLD's output for a `static NOTHING: [u8; 0]` of Rust's before the variables of a C file.
const BESIDE_NOTHING: &str = r#"
__asm__(".pushsection .bss; .balign 8;"
        ".globl _ZN3app7NOTHING17h0123456789abcdefE; .type _ZN3app7NOTHING17h0123456789abcdefE, @object;"
        ".size _ZN3app7NOTHING17h0123456789abcdefE, 0; _ZN3app7NOTHING17h0123456789abcdefE:"
        ".type beside, @object; .size beside, 8; beside: .skip 8; .popsection");
extern void *beside;
void keep_beside(void *p) { beside = p; }
"#;

#[test]
fn a_rust_static_of_no_size_does_not_hide_the_variable_behind_it() {
    let folder = Folder::new();
    let library = Library::open(&folder.library("libbeside.so", BESIDE_NOTHING, &[]));
    let global = c_global(owner_after(&library, "keep_beside"), "beside");
    assert_eq!((global.symbol.as_deref(), global.offset), (Some("beside"), 0));
}

#[test]
fn a_stripped_c_library_is_still_c() {
    let folder = Folder::new();
    for strip in [&["--strip-all"][..], &["--strip-all", "-R", ".comment"]] {
        let path = folder.library("libstripped.so", &c(), &[]);
        folder.run("strip", &[strip, &["libstripped.so"]].concat());
        let library = Library::open(&path);
        let exported = c_global(owner_after(&library, "keep_slot"), "exported");
        assert_eq!((exported.symbol.as_deref(), exported.offset), (Some("sessions"), 40));
        let global = c_global(owner_after(&library, "keep_static"), "static");
        assert_eq!((global.symbol, global.section.as_str(), global.stripped), (None, ".bss", true));
        let base = library.address("plain") - c_global(owner_after(&library, "keep_plain"), "plain").offset;
        let word = unlikely();
        library.call("keep_static", word);
        let location = holders(word)[0].location;
        assert!(global.offset < 1 << 20 && location.abs_diff(base) < 1 << 20);
        assert_eq!((location - global.offset) % 4096, 0);
    }
}

#[test]
fn a_library_whose_file_is_gone_or_replaced_is_not_named_wrongly() {
    let folder = Folder::new();
    let path = folder.library("libgone.so", &c(), &[]);
    let library = Library::open(&path);
    std::fs::remove_file(&path).unwrap();
    folder.library("libgone.so", "void *other[4]; void *plain;", &[]);
    match owner_after(&library, "keep_plain") {
        Owner::Unknown(global) => {
            assert_eq!((global.module.as_str(), global.symbol, global.stripped), ("libgone.so", None, true));
            assert_eq!(global.section, ".bss");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_library_built_anew_between_two_loads_is_read_anew() {
    let folder = Folder::new();
    let path = folder.library("libanew.so", &c(), &[]);
    let library = Library::open(&path);
    assert_eq!(c_global(owner_after(&library, "keep_plain"), "first").symbol.as_deref(), Some("plain"));
    drop(library);
    std::fs::remove_file(&path).unwrap();
    let c = "void *unlike[9], *renamed; void keep_plain(void *p) { renamed = p; }";
    let library = Library::open(&folder.library("libanew.so", c, &[]));
    assert_eq!(c_global(owner_after(&library, "keep_plain"), "second").symbol.as_deref(), Some("renamed"));
}

#[test]
fn the_c_librarys_own_variables_are_c() {
    unsafe extern "C" {
        static environ: *const *const u8;
    }
    let location = (&raw const environ).addr();
    let global = c_global(owner(location), "environ");
    assert!(global.symbol.unwrap().ends_with("environ"));
}

static PRIVATE: AtomicUsize = AtomicUsize::new(0);
static PRIVATE_DATA: AtomicUsize = AtomicUsize::new(1);

#[unsafe(no_mangle)]
static FFI_GUARD_TEST_PLAIN_NAME: AtomicUsize = AtomicUsize::new(0);

#[test]
fn rust_statics_are_not_c() {
    for place in [&PRIVATE, &PRIVATE_DATA] {
        let word = unlikely();
        std::hint::black_box(place).store(word, Ordering::Relaxed);
        let hits = holders(word);
        assert_eq!(hits.len(), 1);
        assert_eq!(owner(hits[0].location), Owner::Rust);
    }
    let word = unlikely();
    FFI_GUARD_TEST_PLAIN_NAME.store(word, Ordering::Relaxed);
    let owner = owner(holders(word)[0].location);
    assert!(!matches!(owner, Owner::C(_) | Owner::Nowhere), "{owner:?}");
}

#[test]
fn the_heap_the_stack_and_sealed_data_are_nowhere() {
    static SEALED: &[&str] = &["a", "b"];
    let local = 0;
    assert_eq!(owner((&raw const local).addr()), Owner::Nowhere);
    assert_eq!(owner((&raw const *Box::new(0)).addr()), Owner::Nowhere);
    assert_eq!(owner(SEALED.as_ptr().addr()), Owner::Nowhere);
    assert_eq!(owner((owner as fn(usize) -> Owner) as usize), Owner::Nowhere);
}

/// Rust's variables of each kind, and functions that store into them; it calls C's functions, so
/// that the linker keeps them.
const RUST: &str = r#"
use std::sync::atomic::{AtomicUsize, Ordering};
static MANGLED: AtomicUsize = AtomicUsize::new(0);
#[unsafe(no_mangle)] pub static PLAIN_RUST: AtomicUsize = AtomicUsize::new(0);
#[unsafe(no_mangle)] pub static PLAIN_RUST_DATA: AtomicUsize = AtomicUsize::new(7);
#[unsafe(no_mangle)] pub extern "C" fn rust_mangled(p: usize) { MANGLED.store(p, Ordering::Relaxed); std::hint::black_box(&MANGLED); }
#[unsafe(no_mangle)] pub extern "C" fn rust_plain(p: usize) { PLAIN_RUST.store(p, Ordering::Relaxed); }
#[unsafe(no_mangle)] pub extern "C" fn rust_plain_data(p: usize) { PLAIN_RUST_DATA.store(p, Ordering::Relaxed); }
macro_rules! pass { ($($own:ident $c:ident)*) => { $(
    #[unsafe(no_mangle)] pub extern "C" fn $own(p: usize) { unsafe extern "C" { fn $c(p: usize); } unsafe { $c(p) } }
)* } }
pass! { c_plain keep_plain c_static keep_static c_inner keep_inner c_initialised keep_initialised
        c_slot keep_slot c_hidden keep_hidden c_nested keep_nested }
unsafe extern "C" { fn see_static() -> usize; fn see_nested(i: i32) -> usize; }
#[unsafe(no_mangle)] pub extern "C" fn see() -> usize { unsafe { see_static() + see_nested(1) } }
"#;

#[test]
fn c_in_a_rust_library() {
    let folder = Folder::new();
    for (rust, c_flags) in [("-g", "-g"), ("-O", "-O2"), ("-Clink-arg=-fuse-ld=bfd", "-g")] {
        let context = format!("rust {rust}, C {c_flags}");
        let flags = ["--crate-type=cdylib", rust];
        let library = Library::open(&folder.mixed("libmixed.so", RUST, &c(), &flags, &[c_flags]));
        assert_eq!(owner_after(&library, "rust_mangled"), Owner::Rust, "{context}");
        for function in ["rust_plain", "rust_plain_data"] {
            let owner = owner_after(&library, function);
            assert!(!matches!(owner, Owner::C(_)), "{context}, {function}: {owner:?}");
        }
        for (function, symbol, offset, section) in KEPT {
            let global = c_global(owner_after(&library, &function.replace("keep", "c")), &context);
            assert_eq!((global.symbol.as_deref(), global.offset, &*global.section), (Some(symbol), offset, section));
        }
    }
}

/// The verdict on each variable of an executable.
fn verdicts(file: std::path::PathBuf) -> impl Fn(&str) -> Option<Language> {
    let symbols = Symbols::of_file(file);
    move |name| {
        let table = symbols.table().unwrap();
        let variable = table.variables.iter().find(|variable| names::display(&variable.name) == name);
        let variable = variable.unwrap_or_else(|| panic!("no {name}"));
        decide(&symbols, table, Some(variable), variable.range.start)
    }
}

/// The position-dependent code of C refers to a library's variable by a copy in the executable.
#[test]
fn a_copy_of_a_librarys_variable_is_c() {
    let folder = Folder::new();
    let rust = "unsafe extern \"C\" { fn end() -> i32; } fn main() { assert_eq!(unsafe { end() }, 0) }";
    let c = "extern char **environ; int end(void) { return environ == (char **)1; }";
    for linker in ["lld", "bfd"] {
        let linker = format!("-Clink-arg=-fuse-ld={linker}");
        let file = folder.mixed("program", rust, c, &["-Crelocation-model=static", &linker], &["-fno-pic"]);
        assert_eq!(verdicts(file)("environ"), Some(Language::C), "{linker}");
    }
}

/// `cargo test -p ffi-guard --lib -- --ignored --nocapture owner_cost`
#[test]
#[ignore = "measures"]
fn owner_cost() {
    let folder = Folder::new();
    let library = Library::open(&folder.library("libcost.so", &c(), &[]));
    let plain = (&raw const FFI_GUARD_TEST_PLAIN_NAME).addr();
    for (name, location) in [
        ("a Rust static", (&raw const PRIVATE).addr()),
        ("a plain name, by debug information", plain),
        ("a variable of a C library", library.address("sessions")),
    ] {
        let first = std::time::Instant::now();
        let owner_first = owner(location);
        let first = first.elapsed();
        let later = std::time::Instant::now();
        (0..1000).for_each(|_| drop(owner(location)));
        println!("{name}: first {first:?}, later {:?}; {owner_first:?}", later.elapsed() / 1000);
    }
}

const C_NAMES: [&str; 7] = ["plain", "file_static", "inner", "initialised", "sessions", "hidden", "nested"];

/// In an executable no symbol is made local: plain names of both languages stand together at the
/// end.
#[test]
fn c_in_an_executable_with_debug_information() {
    let folder = Folder::new();
    let main = format!(
        "{RUST} fn main() {{ rust_mangled(see()); rust_plain(1); rust_plain_data(1); c_plain(1); c_static(1); \
        c_inner(1); c_initialised(1); c_slot(1); c_hidden(1); c_nested(1); }}"
    );
    let makes = [
        (vec!["-g"], vec!["-g"]),
        (vec!["-g"], vec!["-gdwarf-4", "-fcommon"]),
        (vec!["-O"], vec!["-g", "-O2", "-fdata-sections", "-ffunction-sections"]),
        (vec!["-g", "-Clink-arg=-fuse-ld=bfd"], vec!["-gdwarf-5"]),
        (vec!["-g", "-Cincremental=incremental"], vec!["-g"]),
        (vec!["-g", "-Crelocation-model=static"], vec!["-g"]),
        (vec!["-g", "-Clto=fat"], vec!["-g"]),
    ];
    for (rust_flags, c_flags) in makes {
        let context = format!("rust {rust_flags:?}, C {c_flags:?}");
        let verdict = verdicts(folder.mixed("program", &main, &c(), &rust_flags, &c_flags));
        for name in C_NAMES {
            assert_eq!(verdict(name), Some(Language::C), "{context}, {name}");
        }
        // Only debug information shows that these plain names are Rust's.
        for name in ["PLAIN_RUST", "PLAIN_RUST_DATA"] {
            let expected = if rust_flags.contains(&"-g") { Some(Language::Rust) } else { None };
            assert_eq!(verdict(name), expected, "{context}, {name}");
        }
    }
}

/// Bytes between two statics of one C file are known everywhere; at its ends they may be a
/// neighbour's.
#[test]
fn c_in_an_executable_without_debug_information() {
    let folder = Folder::new();
    let main = format!(
        "{RUST} fn main() {{ rust_mangled(see()); rust_plain(1); rust_plain_data(1); c_plain(1); c_static(1); \
        c_inner(1); c_initialised(1); c_slot(1); c_hidden(1); c_nested(1); }}"
    );
    for (rust_flags, c_flags) in [
        (vec!["-O"], vec!["-O2"]),
        (vec!["-g"], vec!["-O2"]),
        (vec!["-g", "-Cincremental=incremental"], vec!["-O0"]),
        (vec!["-g"], vec!["-fcommon"]),
        (vec!["-Cdebuginfo=1", "-Cincremental=incremental"], vec!["-O0"]),
        (vec!["-O", "-Clink-arg=-fuse-ld=bfd"], vec!["-O2"]),
        (vec!["-O"], vec!["-fcommon"]),
        (vec!["-O", "-Clto=fat"], vec!["-O2"]),
        (vec!["-O", "-Ccodegen-units=16", "-Cincremental=incremental"], vec!["-O2"]),
    ] {
        let context = format!("rust {rust_flags:?}, C {c_flags:?}");
        let verdict = verdicts(folder.mixed("program", &main, &c(), &rust_flags, &c_flags));
        for name in ["file_static", "inner", "nested"] {
            assert_eq!(verdict(name), Some(Language::C), "{context}, {name}");
        }
        for name in C_NAMES {
            assert_ne!(verdict(name), Some(Language::Rust), "{context}, {name}");
            // Rust's debug information has all of Rust's variables.
            if rust_flags.contains(&"-g") {
                assert_eq!(verdict(name), Some(Language::C), "{context}, {name}");
            }
        }
        for name in ["PLAIN_RUST", "PLAIN_RUST_DATA"] {
            assert_ne!(verdict(name), Some(Language::C), "{context}, {name}");
        }
    }
}

#[test]
fn a_stripped_rust_library_is_unknown() {
    let folder = Folder::new();
    for strip in [&["--strip-all"][..], &["--strip-all", "-R", ".comment"]] {
        let path = folder.mixed("libmixed.so", RUST, &c(), &["--crate-type=cdylib", "-O"], &["-O2"]);
        folder.run("strip", &[strip, &["libmixed.so"]].concat());
        let library = Library::open(&path);
        for function in ["rust_mangled", "c_static"] {
            match owner_after(&library, function) {
                Owner::Unknown(global) => assert!(global.stripped && global.symbol.is_none(), "{global:?}"),
                other => panic!("{function}: {other:?}"),
            }
        }
    }
}

/// Thread-local variables of both languages, in an executable.
const LOCAL_C: &str = r"
__thread void *local_plain;
static __thread void *local_static;
__thread void *local_data = (void *)1;
void keep_locals(void *p) { static __thread void *volatile local_inner; local_plain = local_static = local_inner = local_data = p; }
void *see_locals(void) { return local_static; }
";

const LOCAL_RUST: &str = r#"
use std::cell::Cell;
thread_local! {
    static RUST_LOCAL: Cell<usize> = const { Cell::new(0) };
    static RUST_LOCAL_DATA: Cell<usize> = const { Cell::new(9) };
}
unsafe extern "C" { fn keep_locals(p: usize); fn see_locals() -> usize; }
fn main() { unsafe { keep_locals(1); RUST_LOCAL.set(see_locals()); RUST_LOCAL_DATA.set(see_locals()); } }
"#;

#[test]
fn thread_locals_of_an_executable() {
    let folder = Folder::new();
    for (rust_flags, c_flags) in [
        (vec!["-g"], vec!["-g"]),
        (vec!["-g"], vec!["-gdwarf-4"]),
        (vec!["-O"], vec!["-O2", "-ftls-model=global-dynamic"]),
        (vec!["-O", "-Clink-arg=-fuse-ld=bfd"], vec!["-g"]),
        (vec!["-O", "-Clink-arg=-fuse-ld=bfd"], vec!["-O2"]),
        (vec!["-O", "-Clto=fat"], vec!["-O2"]),
    ] {
        let context = format!("rust {rust_flags:?}, C {c_flags:?}");
        let symbols = Symbols::of_file(folder.mixed("program", LOCAL_RUST, LOCAL_C, &rust_flags, &c_flags));
        let table = symbols.table_of(Storage::Thread).unwrap();
        let (mut rust, mut c) = (0, Vec::new());
        for variable in &table.variables {
            let verdict = decide(&symbols, table, Some(variable), variable.range.start);
            let name = names::display(&variable.name);
            if name.starts_with("local_") {
                assert_ne!(verdict, Some(Language::Rust), "{context}, {name}");
                c.extend(verdict.map(|_| name));
            } else {
                assert_ne!(verdict, Some(Language::C), "{context}, {name}");
                rust += usize::from(verdict == Some(Language::Rust));
            }
        }
        c.sort_unstable();
        assert!(rust >= 2, "{context}");
        // Without debug information and without LLD's order, a plain name that is not local to a
        // file has no known owner.
        let unknown =
            rust_flags.contains(&"-Clink-arg=-fuse-ld=bfd") && c_flags == ["-O2"] || rust_flags.contains(&"-Clto=fat");
        for name in ["local_data", "local_inner", "local_plain", "local_static"] {
            let local_to_its_file = ["local_inner", "local_static"].contains(&name);
            assert!(c.contains(&name) || unknown && !local_to_its_file, "{context}, {name}: {c:?}");
        }
    }
}

#[test]
fn debug_information_tells_where_a_variable_is_defined() {
    let folder = Folder::new();
    let c = "extern void *declared;\nstatic __thread void *local;\nvoid *declared;\n\
             void keep(void *p) {\n    static void *inner;\n    static void **volatile self = &inner;\n    *self = p;\n}\n\
             void keep_declared(void *p) { declared = p; }\n\
             void keep_local(void *p) { local = p; }\nvoid *see(void) { return local; }\n";
    for flags in [&["-g"][..], &["-gdwarf-4"], &["-g", "-O2"], &["-gdwarf-5", "-gstrict-dwarf"]] {
        let library = Library::open(&folder.library("libdefined.so", c, flags));
        for (function, line) in [("keep", 5), ("keep_declared", 3), ("keep_local", 2)] {
            let global = c_global(owner_after(&library, function), function);
            let (file, found) = global.source.unwrap_or_else(|| panic!("{flags:?} {function}"));
            assert_eq!(found, line, "{flags:?} {function}");
            assert_eq!(std::path::Path::new(&file), folder.path("source.c"), "{flags:?} {function}");
        }
    }
    let library = Library::open(&folder.library("libbare.so", c, &[]));
    assert_eq!(c_global(owner_after(&library, "keep"), "bare").source, None);
}
