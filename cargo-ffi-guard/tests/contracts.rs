//! Contracts under `cargo ffi-guard`: those that come with it, the user's own, and what holds where
//! there are none.

// Shared with the other programs.
#[allow(dead_code)]
mod program;

use program::Program;

/// A `-sys` crate that nobody annotated, with functions of the C library under the names that
/// bindgen gives to parameters.
const SYS: &str = "use std::ffi::{c_char, c_int, c_long, c_void};
unsafe extern \"C\" {
    pub fn strlen(arg1: *const c_char) -> usize;
    pub fn strnlen(arg1: *const c_char, arg2: usize) -> usize;
    pub fn a64l(arg1: *const c_char) -> c_long;
    pub fn memchr(arg1: *const Part, arg2: c_int, arg3: usize) -> *mut c_void;
    pub fn memcmp(arg1: *const c_void, arg2: *const c_void) -> c_int;
}
#[repr(C)]
pub struct Part {
    pub data: *const u8,
    pub len: usize,
}
";

#[test]
fn a_text_without_nul_is_found_by_the_librarys_contract() {
    let program = Program::new("contract").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "fn main() {
    let text = vec![b'a'; 24];
    assert_eq!(unsafe { text_sys::strnlen(text.as_ptr().cast(), 24) }, 24);
    println!(\"{}\", unsafe { text_sys::strlen(text.as_ptr().cast()) });
}
",
    );
    let said = program.run(&["run", "--coverage"]);
    assert!(!said.success, "{said}");
    said.has("ffi-guard[unterminated_string]: `arg1` of `strlen` has no NUL in 24 bytes").has("--> src/main.rs:4:");
    said.has("by contract: 2").has("contract not applied, for it is of another function: memcmp");
    said.has("guarded 5 of 5 functions in 1 crate");
}

#[test]
fn the_users_own_contracts_are_applied_and_read_again() {
    let program = Program::new("own_contract").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "fn main() {
    let text = vec![b'a'; 24];
    println!(\"{}\", unsafe { text_sys::a64l(text.as_ptr().cast()) });
}
",
    );
    program.run(&["run"]).succeeded();
    program.write("my.toml", "[\"man a64l\"]\na64l = [\"s: text_within = 6\"]\n");
    program.run(&["run", "--contracts", "my.toml"]).succeeded();
    program.write("my.toml", "[\"man a64l\"]\na64l = [\"s: cstr\"]\n");
    let said = program.run(&["run", "--contracts", "my.toml"]);
    said.has("ffi-guard[unterminated_string]: `arg1` of `a64l` has no NUL in 24 bytes");

    program.write("my.toml", "[\"man a64l\"]\na64l = [\"s: cstring\"]\n");
    let said = program.run(&["run", "--contracts", "my.toml"]);
    assert!(!said.success, "{said}");
    said.has("my.toml:2: `a64l`: unknown attribute `cstring`").lacks("unterminated_string");
    let said = program.run(&["run", "--contracts", "not_there.toml"]);
    assert!(!said.success, "{said}");
    said.has("error: --contracts not_there.toml: ");
}

#[test]
fn a_stale_field_is_warned_of_where_its_type_is_known() {
    let program = Program::new("stale_field").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "fn main() {
    let gone = { let data = vec![1_u8; 64]; data.as_ptr() };
    let part = Box::new(text_sys::Part { data: gone, len: 0 });
    unsafe { text_sys::memchr(&*part, 300, 8) };
    println!(\"went on\");
}
",
    );
    let said = program.run(&["run"]);
    said.succeeded().has("ffi-guard[dangling_field]").has("data").has("went on");
}
