//! The crate `libc`: its functions that take text or memory are guarded, and what signal handlers
//! and half-started children call is not.

#![cfg(target_os = "linux")]

// Shared with the other programs.
#[allow(dead_code)]
mod program;

use program::Program;

const MAIN: &str = r#"use std::ffi::{CString, c_char, c_int, c_void};

extern "C" fn compare(a: *const c_void, b: *const c_void) -> c_int {
    unsafe { *a.cast::<c_int>() - *b.cast::<c_int>() }
}

fn right() {
    unsafe {
        assert_eq!(libc::getenv(c"NOT_THERE_AT_ALL".as_ptr()), std::ptr::null_mut());
        let mut numbers = [3, 1, 2];
        libc::qsort(numbers.as_mut_ptr().cast(), 3, 4, Some(compare));
        assert_eq!(numbers, [1, 2, 3]);
        let mut text = vec![0_u8; 8];
        let written = libc::snprintf(text.as_mut_ptr().cast(), text.len(), c"%s %d".as_ptr(), c"n".as_ptr(), 5 as c_int);
        assert_eq!((written, &text[..4]), (3, b"n 5\0".as_slice()));
        // What is found lies in `buffer`, and `user` points there.
        let mut user: libc::passwd = std::mem::zeroed();
        let mut found = std::ptr::null_mut();
        let mut buffer = vec![0 as c_char; 4096];
        libc::getpwuid_r(0, &mut user, buffer.as_mut_ptr(), buffer.len(), &mut found);
        drop(buffer);
        let mut groups = vec![0; 64];
        let mut count = groups.len() as c_int;
        libc::getgrouplist(c"root".as_ptr(), 0, groups.as_mut_ptr(), &mut count);
        let file = libc::fopen(c"/dev/null".as_ptr(), c"w".as_ptr());
        let mut room = vec![0 as c_char; 4096];
        libc::setvbuf(file, room.as_mut_ptr(), libc::_IOFBF, room.len());
        libc::fputs(c"text".as_ptr(), file);
        libc::fclose(file);
        drop(room);
        let child = libc::fork();
        if child == 0 {
            libc::close(0);
            libc::_exit(7);
        }
        let mut status = 0;
        libc::waitpid(child, &mut status, 0);
        assert_eq!(libc::WEXITSTATUS(status), 7);
        let function: unsafe extern "C" fn(*const c_char) -> *mut c_char = libc::strdup;
        let copy = function(c"copy".as_ptr());
        libc::free(copy.cast());
    }
    println!("all is as it was");
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("dangling") => {
            let name = CString::new("HOME").unwrap().as_ptr();
            unsafe { libc::getenv(name) };
        }
        Some("unterminated") => {
            let name = b"puts".to_vec().into_boxed_slice();
            unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr().cast()) };
        }
        Some("groups") => {
            let mut groups = vec![0; 4];
            let mut count = 64;
            unsafe { libc::getgrouplist(c"root".as_ptr(), 0, groups.as_mut_ptr(), &mut count) };
        }
        Some("kept") => {
            let setting = CString::new("FFI_GUARD_TEST=1").unwrap();
            unsafe { libc::putenv(setting.as_ptr().cast_mut()) };
            drop(setting);
        }
        _ => right(),
    }
}
"#;

/// A program in a folder of this name, which needs the crate from the registry: this workspace has
/// it.
fn program(name: &str, main: &str) -> Program {
    let program = Program::new(name).file("sys/src/lib.rs", "").file("src/main.rs", main);
    let manifest = program.read("Cargo.toml").replace("text-sys = { path = \"sys\" }", "libc = \"0.2\"");
    program.write("Cargo.toml", &manifest);
    program
}

#[test]
fn calls_of_cs_own_library_are_checked() {
    let program = program("c-library", MAIN);
    for (mistake, rule, function, line) in [
        ("dangling", "dangling_pointer", "getenv", 50),
        ("unterminated", "unterminated_string", "dlsym", 54),
        ("groups", "out_of_bounds", "getgrouplist", 59),
        ("kept", "freed_while_retained", "putenv", 63),
    ] {
        let said = program.run(&["run", "--offline", "--quiet", "--", mistake]);
        said.has(&format!("ffi-guard[{rule}]")).has(function).has(&format!("src/main.rs:{line}"));
        assert!(!said.success, "{said}");
    }
    let said = program.run(&["run", "--offline", "--coverage"]);
    assert!(said.success, "{said}");
    said.has("all is as it was")
        .lacks("ffi-guard[")
        .has("libc 0.2")
        .has("keeps C's ABI, for its address is taken: strdup");
}

#[test]
fn a_contract_of_the_users_is_applied_to_a_function_that_is_bare_without_it() {
    let main = "fn main() {
    let text = b\"text\".to_vec().into_boxed_slice();
    let asked = std::env::args().nth(1).map_or(4, |word| word.parse().unwrap());
    // No byte is written to a descriptor that is closed.
    let written = unsafe { libc::write(-1, text.as_ptr().cast(), asked) };
    println!(\"{written}\");
}
";
    let program = program("c-library-contract", main);
    program.run(&["run", "--offline", "--quiet", "--", "12"]).succeeded();
    program.write("my.toml", "[\"man 2 write\"]\nwrite = [\"fd\", \"text: sized_by = count\", \"count\"]\n");
    let contracts = ["run", "--offline", "--quiet", "--contracts", "my.toml", "--"];
    program.run(&contracts).succeeded().has("-1").lacks("ffi-guard[");
    let said = program.run(&[&contracts[..], &["12"]].concat());
    assert!(!said.success, "{said}");
    said.has("ffi-guard[out_of_bounds]: `buf` of `write` has 4 of 12 stated bytes").has("src/main.rs:5:");
}
