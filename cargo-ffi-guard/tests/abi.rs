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
