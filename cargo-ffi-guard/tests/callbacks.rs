//! Functions that C calls, in code that nobody annotated: a contract of the type that they are
//! handed over as says what they take and give.

#![cfg(target_os = "linux")]

// Shared with the other programs.
#[allow(dead_code)]
mod program;

use std::path::Path;

use program::Program;

/// The types of SQLite's, and functions of C's own library by which a program may look at memory.
const SYS: &str = "use std::ffi::{c_char, c_int, c_void};
unsafe extern \"C\" {
    pub fn calloc(count: usize, size: usize) -> *mut c_void;
    pub fn free(p: *mut c_void);
    pub fn memchr(p: *const c_void, c: c_int, n: usize) -> *mut c_void;
}
#[repr(C)]
pub struct sqlite3_vtab_cursor {
    pub vtab: *mut c_void,
}
pub type Open = unsafe extern \"C\" fn(*mut c_void, *mut *mut sqlite3_vtab_cursor) -> c_int;
pub type Close = unsafe extern \"C\" fn(*mut sqlite3_vtab_cursor) -> c_int;
pub struct sqlite3_module {
    pub name: *const c_char,
    pub xOpen: Option<Open>,
    pub xClose: Option<Close>,
}
";

/// A module of virtual tables. `main` does what SQLite does with it: the cursor that `xOpen` stores
/// stays in a block of C's until `xClose` gets it.
const MAIN: &str = "use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use text_sys::*;

unsafe extern \"C\" fn open(table: *mut c_void, cursor: *mut *mut sqlite3_vtab_cursor) -> c_int {
    let mut own = sqlite3_vtab_cursor { vtab: table };
    let gone = Box::new(sqlite3_vtab_cursor { vtab: table });
    unsafe {
        *cursor = match std::env::args().nth(1).as_deref() {
            Some(\"frame\") => &mut own,
            Some(\"freed\") => &*gone as *const _ as *mut _,
            Some(\"panics\") => panic!(\"of the program\"),
            _ => Box::into_raw(gone),
        };
    }
    0
}

unsafe extern \"C\" fn close<T>(cursor: *mut sqlite3_vtab_cursor) -> c_int {
    drop(unsafe { Box::from_raw(cursor) });
    0
}

fn main() {
    let module = sqlite3_module { name: c\"m\".as_ptr(), xOpen: Some(open), xClose: Some(close::<u8>) };
    unsafe {
        let place = calloc(1, 64).cast::<*mut sqlite3_vtab_cursor>();
        let mut table = 0_u64;
        module.xOpen.unwrap()((&raw mut table).cast(), place);
        memchr(place.cast(), 300, 64);
        match std::env::args().nth(1).as_deref() {
            Some(\"twice\") => {
                drop(Box::from_raw(*place));
                module.xClose.unwrap()(*place);
            }
            Some(\"null\") => drop(module.xClose.unwrap()(null_mut())),
            _ => drop(module.xClose.unwrap()(*place)),
        }
        free(place.cast());
    }
    println!(\"went well\");
}
";

#[test]
fn what_a_callback_stores_and_gets_is_held_against_the_contract_of_its_type() {
    let program = Program::new("callback").file("sys/src/lib.rs", SYS).file("src/main.rs", MAIN);
    for (mistake, said_first) in [
        ("frame", "ffi-guard[returned_pointer]: "),
        ("freed", "ffi-guard[dangling_field]: "),
        ("twice", "ffi-guard[dangling_pointer]: "),
        ("null", "ffi-guard[null_pointer]: "),
    ] {
        let said = program.run(&["run", "--quiet", "--", mistake]);
        said.has(said_first).has("--> src/main.rs:").lacks("went well");
        assert!(!said.success, "{said}");
    }
    let said = program.run(&["run", "--coverage"]);
    said.succeeded().has("went well").lacks("ffi-guard[").has("callbacks by contract: close, open");
}

#[test]
fn a_panic_of_the_program_goes_its_own_way() {
    let program = Program::new("callback_panics").file("sys/src/lib.rs", SYS).file("src/main.rs", MAIN);
    let said = program.run(&["run", "--quiet", "--", "panics"]);
    assert!(!said.success, "{said}");
    said.has("of the program").has("panic in a function that cannot unwind").lacks("ffi-guard[");
}

#[test]
fn what_a_callback_stores_is_cs_to_hold() {
    let program = Program::new("callback_lends").file("sys/src/lib.rs", SYS).file("src/main.rs", MAIN);
    let asked = ["run", "--quiet", "--rules", "nested_pointer"];
    let denied = [("GUARD_DENY", Path::new("nested_pointer"))];
    program.run_with(&asked, &denied).succeeded().has("went well").lacks("ffi-guard[");
    // The same function, which is not seen to be handed over as `xOpen`: no contract speaks of it.
    let unseen = MAIN.replace("Some(open)", "{ let f: Open = open; Some(f) }");
    program.write("src/main.rs", &unseen);
    let said = program.run_with(&asked, &denied);
    said.has("ffi-guard[nested_pointer]: `p` of `memchr` leads to a Rust pointer");
}

#[test]
fn a_file_of_the_users_may_speak_of_types_too() {
    let main = "use std::ffi::{c_int, c_void};
unsafe extern \"C\" fn compare(a: *const c_void, b: *const c_void) -> c_int {
    unsafe { *a.cast::<c_int>() - *b.cast::<c_int>() }
}
fn main() {
    let numbers = vec![1, 3].into_boxed_slice();
    let found = unsafe { text_sys::bsearch((&raw const numbers[0]).cast(), numbers.as_ptr().cast(), 2, 4, Some(compare)) };
    assert!(!found.is_null());
    println!(\"went well\");
}
";
    let sys = "use std::ffi::{c_int, c_void};
pub type Compare = Option<unsafe extern \"C\" fn(*const c_void, *const c_void) -> c_int>;
unsafe extern \"C\" {
    pub fn bsearch(key: *const c_void, base: *const c_void, n: usize, size: usize, compare: Compare) -> *mut c_void;
}
";
    let program = Program::new("callback_own").file("sys/src/lib.rs", sys).file("src/main.rs", main);
    let contracts = |bytes| {
        format!(
            "[\"man bsearch\"]\nbsearch = [\"key\", \"base\", \"n\", \"size\", \"compare\"]\n\
             \"bsearch.compare\" = [\"key: sized_by = {bytes}\", \"element: nonnull\"]\n"
        )
    };
    program.write("my.toml", &contracts(8));
    program.run(&["run", "--quiet", "--contracts", "my.toml"]).succeeded().has("went well").lacks("ffi-guard[");
    program.write("my.toml", &contracts(12));
    let said = program.run(&["run", "--quiet", "--contracts", "my.toml"]);
    assert!(!said.success, "{said}");
    said.has("ffi-guard[out_of_bounds]: `a` of `compare` has 8 of 12 stated bytes");
    program.write("my.toml", &contracts(8).replace("nonnull", "at_most = 3"));
    let said = program.run(&["run", "--quiet", "--contracts", "my.toml"]);
    assert!(!said.success, "{said}");
    said.has("my.toml:3: `bsearch.compare`: `at_most` goes on a function");
}
