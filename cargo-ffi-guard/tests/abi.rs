//! `cargo ffi-guard abi`: a program whose C is built with debug information, in part, and whose
//! declarations are right, in part.
#![cfg(target_os = "linux")]

// Shared with the other programs.
#[allow(dead_code)]
mod program;

use program::Program;

/// C that the program calls.
const CALLED: &str = "long text_scale(long value, int by) { return value * by; }
int text_first(const char *text) { return text[0]; }
";

/// An object that the linker leaves out, for nothing calls what is in it.
const NOT_CALLED: &str = "struct text_point { int x; double y; };
double text_sum(const struct text_point *point, int more) { return point->x + point->y + more; }
int text_zero(void) { return 0; }
";

/// C without debug information.
const PLAIN: &str = "int text_plain(int value) { return value; }\n";

const HEADER: &str = "/* A macro of its name is not what Rust is linked with. */
#define text_plain text_plain_of_c
#undef text_plain
int text_plain(int value);
#define text_plain(value) (value)
";

const BUILD: &str = r#"use std::process::Command;

fn main() {
    let out = std::env::var("OUT_DIR").unwrap();
    let run = |words: &[&str]| assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success());
    for (name, debug) in [("called", "-g"), ("not_called", "-g"), ("plain", "-g0")] {
        run(&["cc", debug, "-c", "-fPIC", &format!("{name}.c"), "-o", &format!("{out}/{name}.o")]);
    }
    let of = |name: &str| format!("{out}/{name}.o");
    run(&["ar", "crs", &format!("{out}/libtext.a"), &of("called"), &of("not_called"), &of("plain")]);
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rustc-link-lib=static=text");
    println!("cargo:rerun-if-changed=build.rs");
}
"#;

const SYS: &str = "use std::ffi::{c_char, c_int, c_long};

/// The fields in another order.
#[repr(C)]
pub struct Point {
    pub y: f64,
    pub x: c_int,
}

unsafe extern \"C\" {
    pub fn text_scale(value: c_int, by: c_int) -> c_long;
    pub fn text_first(text: *const c_char) -> c_int;
    pub fn text_sum(point: *const Point, more: c_int) -> f64;
    pub fn text_zero() -> c_int;
    pub fn text_plain(value: i64) -> c_int;
    pub fn text_absent(value: c_int) -> c_int;
}
";

fn program(name: &str, sys: &str, main: &str) -> Program {
    Program::new(name)
        .file("sys/src/lib.rs", sys)
        .file("sys/build.rs", BUILD)
        .file("sys/called.c", CALLED)
        .file("sys/not_called.c", NOT_CALLED)
        .file("sys/plain.c", PLAIN)
        .file("sys/text.h", HEADER)
        .file("src/main.rs", main)
}

const MAIN: &str = "fn main() {
    let first = unsafe { text_sys::text_first(c\"a\".as_ptr()) };
    unsafe { text_sys::text_scale(first.into(), 2) };
    unsafe { text_sys::text_plain(1) };
    panic!(\"it was run\");
}
";

#[test]
fn all_declarations_are_compared_at_once_and_nothing_is_run() {
    let program = program("abi", SYS, MAIN);
    let before = program.sources();
    let said = program.run(&["abi"]);
    assert_eq!(said.code, Some(1), "{said}");
    said.lacks("it was run");
    assert_eq!(program.sources(), before, "the user's files were touched");
    said.has("ffi-guard[abi_mismatch]: `text_scale`: `value` has 4 bytes, in C 8");
    said.has("in C: long int text_scale(long int value, int by)").has("called.c:1").has("libtext.a");
    // Nothing calls it, and so the linker left it out.
    said.has("ffi-guard[abi_mismatch]: `text_sum`: ").has("not_called.c:2");
    said.has("1 not compared: it is not linked in").has("1 not compared: no debug information says that C defines it");

    let with_header = program.run(&["abi", "--header", "sys/text.h", "--json", "-"]);
    assert_eq!(with_header.code, Some(1), "{with_header}");
    let json: serde_json::Value = serde_json::from_str(with_header.object()).unwrap();
    let of = |name: &str| json["functions"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(of("text_plain")["result"], "differs", "{with_header}");
    let finding = &of("text_plain")["report"]["finding"];
    assert_eq!((&finding["in_c"], &finding["c_line"]), (&"int text_plain(int)".into(), &4.into()));
    assert_eq!((&of("text_zero")["result"], &of("text_first")["result"]), (&"same".into(), &"same".into()));
    assert_eq!(of("text_absent")["reason"], "not_linked");
    let row = &json["crates"][0];
    assert_eq!((&row["functions"], &row["compared"], &row["mismatches"]), (&6.into(), &5.into(), &3.into()));
}

#[test]
fn a_right_program_is_clean_and_a_wrong_question_is_an_error() {
    let sys = SYS
        .replace("pub y: f64,\n    pub x: c_int,", "pub x: c_int,\n    pub y: f64,")
        .replace("value: c_int, by", "value: c_long, by")
        .replace("value: i64", "value: i32");
    let program = program("abi_right", &sys, MAIN);
    let said = program.run(&["abi", "--header", "sys/text.h"]);
    assert_eq!(said.code, Some(0), "{said}");
    said.has("1 not compared: it is not linked in").lacks("ffi-guard[abi_mismatch]");

    program.write("sys/broken.h", "int broken(;\n");
    for (words, told) in [
        (["--header", "sys/broken.h"], "broken.h:1:"),
        (["--header", "sys/absent.h"], "sys/absent.h"),
        (["--library", "sys/text.h"], "it is no library of this system"),
    ] {
        let said = program.run(&["abi", words[0], words[1]]);
        assert_eq!(said.code, Some(2), "{said}");
        said.has(told);
    }
    program.write("src/main.rs", "fn main() { no_such(); }\n");
    let said = program.run(&["abi"]);
    assert_eq!(said.code, Some(2), "{said}");
    said.has("no_such");
}

/// Structs of which the program makes no value and reads no field.
const STRUCTS: &str = "struct text_pair { int key; int value; };
struct text_row { int first; int second; };
struct text_inner { long weight; };
struct text_outer { int count; struct text_inner *inner; };
struct text_style { int nextIn; int availIn; int type; };
struct text_stat { long st_ino; long st_dev; };
struct text_nested { int before; struct { int x; int y; } at; };
int text_of_pair(struct text_pair **out) { return (*out)->key; }
int text_of_row(int (*each)(const struct text_row *row, void *user), void *user) { return each(0, user); }
int text_of_outer(const struct text_outer *outer) { return (int)outer->inner->weight; }
int text_of_style(const struct text_style *style) { return style->nextIn; }
int text_of_stat(struct text_stat *stat) { return (int)stat->st_dev; }
int text_of_nested(struct text_nested *nested) { return nested->at.x; }
int text_of_other(const struct text_row *other) { return other->first; }
";

const OF_STRUCTS: &str = "use std::ffi::{c_int, c_long, c_void};

macro_rules! in_c {
    ($(struct $name:ident { $($field:ident: $ty:ty,)* })*) => {
        $(#[repr(C)] pub struct $name { $(pub $field: $ty,)* })*
    };
}
in_c! {
    struct Pair { key: c_int, value: c_int, }
    struct Row { first: c_int, second: c_int, }
}
#[repr(C)]
pub struct Inner {
    weight: c_long,
}
#[repr(C)]
pub struct Outer {
    count: c_int,
    inner: *mut Inner,
}
#[repr(C)]
pub struct Style {
    next_in: c_int,
    avail_in: c_int,
    r#type: c_int,
}
#[repr(C)]
pub struct Stat {
    ino: c_long,
    dev: c_long,
}
#[repr(C)]
pub struct Place {
    x: c_int,
    y: c_int,
}
#[repr(C)]
pub struct Nested {
    before: c_int,
    at: Place,
}
/// As C has it, under names of its own.
#[repr(C)]
pub struct Other {
    key: c_int,
    value: c_int,
}
/// Nothing says that it is C's.
pub struct OfRust<T> {
    pub it: T,
}

unsafe extern \"C\" {
    pub fn text_of_pair(out: *mut *mut Pair) -> c_int;
    pub fn text_of_row(
        each: Option<unsafe extern \"C\" fn(row: *const Row, user: *mut c_void) -> c_int>,
        user: *mut c_void,
    ) -> c_int;
    pub fn text_of_outer(outer: *const Outer) -> c_int;
    pub fn text_of_style(style: &Style) -> c_int;
    pub fn text_of_stat(stat: *mut Stat) -> c_int;
    pub fn text_of_nested(nested: *mut Nested) -> c_int;
    pub fn text_of_other(other: *const Other) -> c_int;
}
";

#[test]
fn structs_that_nothing_uses_are_compared_wherever_a_declaration_leads_to_them() {
    let program = Program::new("abi_structs")
        .file("sys/src/lib.rs", OF_STRUCTS)
        .file("sys/build.rs", BUILD)
        .file("sys/called.c", STRUCTS)
        .file("sys/not_called.c", "")
        .file("sys/plain.c", "")
        .file("src/main.rs", "#[allow(unused_imports)] use text_sys::*;\nfn main() {}\n");
    let said = program.run(&["abi"]);
    assert_eq!(said.code, Some(0), "{said}");
    said.has("7         7       0");

    let (mut wrong, mut told) = (OF_STRUCTS.to_owned(), Vec::new());
    for (right, mistake, words) in [
        ("key: c_int, value: c_int, }", "key: c_int, value: c_int, more: u64, }", "`Pair` of 16 bytes, in C of 8"),
        ("first: c_int, second: c_int,", "second: c_int, first: c_int,", "of `Row` is at byte 0, in C at 4"),
        ("    weight: c_long,", "    more: c_long,\n    weight: c_long,", "`Inner` of 16 bytes, in C of 8"),
        (
            "next_in: c_int,\n    avail_in: c_int,",
            "avail_in: c_int,\n    next_in: c_int,",
            "of `Style` is at byte 0, in C at 4",
        ),
        ("ino: c_long,\n    dev: c_long,", "dev: c_long,\n    ino: c_long,", "of `Stat` is at byte 0, in C at 8"),
        ("x: c_int,\n    y: c_int,", "y: c_int,\n    x: c_int,", "`at.y` of `Nested` is at byte 4, in C at 8"),
    ] {
        assert!(wrong.contains(right), "{right}");
        wrong = wrong.replacen(right, mistake, 1);
        told.push(words);
    }
    program.write("sys/src/lib.rs", &wrong);
    let said = program.run(&["abi"]);
    assert_eq!(said.code, Some(1), "{said}");
    for words in told {
        said.has(words);
    }
    said.has("7         7       6");
}

/// A header with attributes, as a system's has them: behind names of its own.
const OF_ATTRIBUTES: &str = "#include <stddef.h>
#define NONNULL(...) __attribute__((__nonnull__(__VA_ARGS__)))
#define READS(at, size) __attribute__((__access__(__read_only__, at, size)))
void text_scale(const char *__text, size_t size) NONNULL(1) READS(1, 2);
extern int text_first(const char *text);
";

#[test]
fn what_a_headers_attributes_say_is_written_as_contracts() {
    let sys = "use std::ffi::{c_char, c_int};
unsafe extern \"C\" {
    pub fn text_scale(text: *const c_char, size: usize);
    pub fn text_first(text: *const c_char) -> c_int;
}
";
    let program = program(
        "abi_attributes",
        sys,
        "fn main() { let _ = unsafe { text_sys::text_first(c\"a\".as_ptr()) }; }\n",
    )
    .file(
        "sys/called.c",
        "void text_scale(const char *text, unsigned long size) {} int text_first(const char *text) { return text[0]; }",
    )
    .file("sys/text.h", OF_ATTRIBUTES);
    let said = program.run(&["abi", "--attributes", "-"]);
    assert_eq!(said.code, Some(2), "{said}");
    said.has("--header");
    let said = program.run(&["abi", "--header", "sys/text.h", "--attributes", "contracts.toml"]);
    assert_eq!(said.code, Some(0), "{said}");
    said.has("2         2       0");
    let contracts = program.read("contracts.toml");
    let line = "\n[\"sys/text.h\"]\ntext_scale = [\"text: nonnull, counted_by = size\", \"size\"]\n";
    assert!(contracts.ends_with(line), "{contracts}");
    // What is written is taken.
    program.write(
        "src/main.rs",
        "fn main() { unsafe { text_sys::text_scale(std::hint::black_box(std::ptr::null()), 3) } }\n",
    );
    let said = program.run(&["run", "--contracts", "contracts.toml"]);
    assert!(!said.success, "{said}");
    said.has("ffi-guard[null_pointer]");
    program.run(&["run"]).lacks("ffi-guard[");
}

/// The header that C's programs include, to call what is in Rust.
const OF_EXPORTS: &str = "struct text_pair { int key; int value; };
long text_add(long value, int by);
int text_status(void);
void text_forget(int value);
int text_pair_key(const struct text_pair *pair);
int text_each(int (*each)(void *user, long value), void *user);
";

const EXPORTS: &str = "use std::ffi::{c_int, c_long, c_void};

#[repr(C)]
pub struct Pair {
    key: c_int,
    value: c_int,
}

#[ffi_guard::guard]
#[unsafe(no_mangle)]
pub extern \"C\" fn text_add(value: c_long, by: c_int) -> c_long {
    value + c_long::from(by)
}

#[ffi_guard::guard]
#[unsafe(export_name = \"text_status\")]
pub extern \"C\" fn status() -> c_int {
    0
}

/// C does not look at what it returns.
#[ffi_guard::guard]
#[unsafe(no_mangle)]
pub extern \"C\" fn text_forget(value: c_int) -> c_int {
    value
}

#[ffi_guard::guard]
#[unsafe(no_mangle)]
pub unsafe extern \"C\" fn text_pair_key(pair: *const Pair) -> c_int {
    unsafe { (*pair).key + (*pair).value }
}

#[ffi_guard::guard]
#[unsafe(no_mangle)]
pub unsafe extern \"C\" fn text_each(
    each: Option<unsafe extern \"C\" fn(*mut c_void, c_long) -> c_int>,
    user: *mut c_void,
) -> c_int {
    each.map_or(0, |each| unsafe { each(user, 1) })
}

/// C has no declaration of it.
#[ffi_guard::guard]
#[unsafe(no_mangle)]
pub extern \"C\" fn text_of_rust(value: c_int) -> c_int {
    value
}

/// It has no symbol.
#[ffi_guard::guard]
pub extern \"C\" fn called_back(value: c_int) -> c_int {
    value
}
";

#[test]
fn what_rust_exports_is_compared_with_the_header_that_c_includes() {
    let library = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../ffi-guard");
    let program = Program::new("abi_exports").file("src/lib.rs", EXPORTS).file("text.h", OF_EXPORTS);
    let manifest = program.read("Cargo.toml");
    let depends = format!("[dependencies]\nffi-guard = {{ path = {library:?} }}\n");
    program.write("Cargo.toml", &manifest.replace("[dependencies]\n", &depends));
    program.write("sys/src/lib.rs", "");
    let said = program.run(&["abi"]);
    assert_eq!(said.code, Some(0), "{said}");
    said.has("note: 6 functions that Rust exports: no header that is given (--header) declares");
    let said = program.run(&["abi", "--header", "text.h"]);
    assert_eq!(said.code, Some(0), "{said}");
    said.has("5         5       0").has("note: 1 function that Rust exports").has("declares text_of_rust");

    let mut wrong = OF_EXPORTS.to_owned();
    let mut told = Vec::new();
    for (right, mistake, words) in [
        ("long text_add(long value", "long text_add(int value", "`text_add`: `value` has 8 bytes, in C 4"),
        ("int text_status(void)", "int text_status(int of)", "`status`: it has 0 parameters, in C 1"),
        ("int key; int value;", "int value; int key;", "`text_pair_key`: `key` of `Pair` is at byte 0, in C at 4"),
        ("void *user, long value", "void *user", "`text_each`: `each` has 2 parameters, in C 1"),
    ] {
        assert!(wrong.contains(right), "{right}");
        wrong = wrong.replacen(right, mistake, 1);
        told.push(words);
    }
    program.write("text.h", &wrong);
    program.write(
        "src/lib.rs",
        &EXPORTS.replace(
            "text_status\")]\npub extern \"C\" fn status() -> c_int {\n    0\n}",
            "text_status\")]\npub extern \"C\" fn status() {}",
        ),
    );
    let said = program.run(&["abi", "--header", "text.h", "--json", "-"]);
    assert_eq!(said.code, Some(1), "{said}");
    let json: serde_json::Value = serde_json::from_str(said.object()).unwrap();
    let all = json["functions"].as_array().unwrap();
    let report = |name: &str| &all.iter().find(|it| it["name"] == name).unwrap()["report"];
    for words in told {
        let name = words.split('`').nth(1).unwrap();
        assert!(report(name)["message"].as_str().unwrap().starts_with(words), "{name}: {}", report(name)["message"]);
    }
    let notes = report("status")["notes"].to_string();
    assert!(notes.contains("the result is nothing, and C uses it"), "{notes}");
    let finding = &report("text_add")["finding"];
    assert_eq!(finding["in_c"], "long int text_add(int, int)");
    assert!(finding["in_rust"].as_str().unwrap().contains("text_add(value: c_long, by: c_int)"), "{finding}");
    assert_eq!(all.iter().filter(|it| it["export"] == true && it["result"] == "same").count(), 1);
}
