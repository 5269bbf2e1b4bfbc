//! Whole programs under `cargo ffi-guard`: packages of a few lines, whose `-sys` crates declare
//! functions of the C library and are not annotated.

// Shared with the other programs.
#[allow(dead_code)]
mod program;

use program::{Program, Said};

const SYS: &str = "use std::ffi::{c_char, c_void};
unsafe extern \"C\" {
    pub fn strlen(s: *const c_char) -> usize;
    pub fn malloc(n: usize) -> *mut c_void;
    pub fn free(p: *mut c_void);
    pub fn snprintf(to: *mut c_char, n: usize, format: *const c_char, ...) -> i32;
}
";

#[test]
fn a_dangling_temporary_is_found_in_a_program_that_nobody_edited() {
    let program = Program::new("dangling").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "fn main() {
    let text = std::ffi::CString::new(\"gone\").unwrap().as_ptr();
    println!(\"{}\", unsafe { text_sys::strlen(text) });
}
",
    );
    let before = program.sources();
    let said = program.run(&["run"]);
    assert!(!said.success, "{said}");
    said.has("ffi-guard[dangling_pointer]").has("--> src/main.rs:3:").has("guarded 4 of 4 functions in 1 crate");
    assert_eq!(program.sources(), before, "the user's files were touched");

    let again = program.run(&["run"]);
    again.has("ffi-guard[dangling_pointer]").lacks("Compiling");
}

#[test]
fn a_change_of_the_source_is_seen() {
    let program = Program::new("change")
        .file("sys/src/lib.rs", SYS)
        .file("src/main.rs", "fn main() { println!(\"{}\", unsafe { text_sys::strlen(c\"one\".as_ptr()) }); }\n");
    program.run(&["run", "-q"]).succeeded().has("3\n");
    program.write(
        "sys/src/lib.rs",
        &SYS.replace("pub fn strlen(s: *const c_char)", "#[link_name = \"strlen\"] pub fn strlen(s: *const c_char)"),
    );
    program.write("src/main.rs", "fn main() { println!(\"{}\", unsafe { text_sys::strlen(c\"three\".as_ptr()) }); }\n");
    program.run(&["run"]).succeeded().has("5\n").has("Compiling text-sys");
}

#[test]
fn a_function_whose_address_is_taken_keeps_its_type() {
    let program = Program::new("address").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "struct Destructor(unsafe extern \"C\" fn(*mut std::ffi::c_void));
fn main() {
    let destructor = Destructor(text_sys::free);
    unsafe { (destructor.0)(text_sys::malloc(8)) };
    println!(\"{}\", unsafe { text_sys::strlen(c\"four\".as_ptr()) });
}
",
    );
    let said = program.run(&["run", "--coverage"]);
    said.succeeded()
        .has("4\n")
        .has("keeps C's ABI, for its address is taken: free")
        .has("variadic, checked on entry alone: snprintf");
    said.has("guarded 4 of 4 functions in 1 crate");
    // It stands in the source as a whole argument: seen before the crate was built in vain.
    said.lacks("keeps the type of");
    program.run(&["run"]).succeeded().lacks("Compiling");
}

#[test]
fn a_variadic_function_is_checked_and_may_be_passed_on() {
    let main = |text: &str| {
        format!(
            "type Print = unsafe extern \"C\" fn(*mut std::ffi::c_char, usize, *const std::ffi::c_char, ...) -> i32;
fn main() {{
    let mut room = vec![0_u8; 16];
    let to = room.as_mut_ptr().cast();
    unsafe {{ text_sys::snprintf(to, 16, {text}, 1, 2.5_f64, c\"three\".as_ptr()) }};
    println!(\"{{}}\", String::from_utf8_lossy(&room));
}}
#[allow(dead_code)]
struct Table {{ print: Print }}
"
        )
    };
    let program = Program::new("variadic").file("sys/src/lib.rs", SYS);
    program.write("src/main.rs", &main("c\"%d %g %s\".as_ptr()"));
    program.run(&["run"]).succeeded().has("1 2.5 three").has("guarded 4 of 4 functions in 1 crate");
    let freed = main("{ let text = std::ffi::CString::new(\"%d %g %s\").unwrap(); text.as_ptr() }");
    program.write("src/main.rs", &freed);
    let said = program.run(&["run"]);
    assert!(!said.success, "{said}");
    said.has("ffi-guard[dangling_pointer]: `format` of `snprintf`").has("--> src/main.rs:5:");
    // Where its address is taken it keeps C's ABI.
    let table =
        main("c\"%d %g %s\".as_ptr()").replace("text_sys::snprintf(", "(Table { print: text_sys::snprintf }.print)(");
    program.write("src/main.rs", &table);
    let said = program.run(&["run", "--coverage"]);
    said.succeeded().has("1 2.5 three").has("variadic, checked on entry alone: snprintf");
}

#[test]
fn a_function_whose_address_is_taken_out_of_sight_is_learnt_from_the_error() {
    let program = Program::new("learnt").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "fn main() {
    let destructor: unsafe extern \"C\" fn(*mut std::ffi::c_void) = text_sys::free;
    unsafe { destructor(text_sys::malloc(8)) };
    println!(\"{}\", unsafe { text_sys::strlen(c\"four\".as_ptr()) });
}
",
    );
    let said = program.run(&["run", "--coverage"]);
    said.succeeded().has("4\n").has("text-sys keeps the type of free");
    said.has("keeps C's ABI, for its address is taken: free").has("guarded 4 of 4 functions in 1 crate");
    // It is remembered.
    program.run(&["run"]).succeeded().lacks("Compiling").lacks("keeps the type of");
}

#[test]
fn blocks_in_macros_and_in_generated_files_are_found() {
    let program = Program::new("hidden")
        .file(
            "sys/src/lib.rs",
            "macro_rules! foreign { ($($name:ident: $ty:ty),*) => { extern { $(pub fn $name(s: $ty) -> usize;)* } } }
foreign! { strlen: *const ::std::os::raw::c_char }
include!(concat!(env!(\"OUT_DIR\"), \"/bindings.rs\"));
",
        )
        .file(
            "sys/build.rs",
            "fn main() {
    let out = std::env::var(\"OUT_DIR\").unwrap();
    let text = \"extern \\\"C\\\" { pub fn puts(s: *const ::std::os::raw::c_char) -> i32; }\";
    std::fs::write(format!(\"{out}/bindings.rs\"), text).unwrap();
}
",
        )
        .edition("sys", "2015")
        .file(
            "src/main.rs",
            "fn main() {
    let text = c\"five.\".as_ptr();
    unsafe { text_sys::puts(text) };
    println!(\"{}\", unsafe { text_sys::strlen(text) });
}
",
        );
    program.run(&["run"]).succeeded().has("5\n").has("guarded 2 of 2 functions in 1 crate");
}

#[test]
fn a_program_with_an_allocator_of_its_own_keeps_it_and_runs() {
    let program = Program::new("allocator").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "#[global_allocator]
static OWN: std::alloc::System = std::alloc::System;
fn main() {
    let text = std::ffi::CString::new(\"gone\").unwrap().as_ptr();
    println!(\"{}\", unsafe { text_sys::strlen(text) });
}
",
    );
    let said = program.run(&["run"]);
    assert!(!said.success, "{said}");
    said.has("ffi-guard[dangling_pointer]");
}

#[test]
fn tests_are_run_and_a_violation_fails_its_own() {
    let program = Program::new("tests").file("sys/src/lib.rs", SYS).file(
        "src/lib.rs",
        "/// ```
/// assert_eq!(unsafe { text_sys::strlen(c\"doc\".as_ptr()) }, 3);
/// ```
pub fn f() {}
#[cfg(test)]
mod tests {
    #[test]
    fn wrong() {
        let text = std::ffi::CString::new(\"gone\").unwrap().as_ptr();
        unsafe { text_sys::strlen(text) };
    }
    #[test]
    fn right() {
        assert_eq!(unsafe { text_sys::strlen(c\"abc\".as_ptr()) }, 3);
    }
}
",
    );
    let said = program.run(&["test", "--no-fail-fast"]);
    assert!(!said.success, "{said}");
    said.has("tests::right ... ok").has("tests::wrong ... FAILED").has("ffi-guard[dangling_pointer]");
    said.has("Doc-tests app").has("src/lib.rs - f (line 1) ... ok");
}

#[test]
fn what_is_asked_wrongly_is_refused_before_anything_is_built() {
    let program = Program::new("asked").file("sys/src/lib.rs", SYS).file("src/main.rs", "fn main() {}\n");
    for (arguments, words) in [
        (&["run", "--only", "txt-sys"][..], "--only txt-sys: the program has no such crate"),
        (
            &["run", "--rules", "nested"],
            "--rules nested: it takes nested_pointer, retained_pointer, dangling_field or all",
        ),
        (&["run", "--level", "7"], "7 is not in 0..=3"),
        (&["run", "--manifest-path", "none/Cargo.toml"], "none/Cargo.toml"),
    ] {
        let said: Said = program.run(arguments);
        assert!(!said.success, "{said}");
        said.has(words).lacks("panicked");
    }
}

#[test]
fn crates_and_functions_can_be_left_out() {
    let program = Program::new("left")
        .file("sys/src/lib.rs", SYS)
        .file("src/main.rs", "fn main() { println!(\"{}\", unsafe { text_sys::strlen(c\"six...\".as_ptr()) }); }\n");
    let said = program.run(&["run", "--skip", "text-sys::strlen", "--coverage"]);
    said.succeeded().has("guarded 3 of 4 functions").has("bare, by --skip: strlen");
    program.run(&["run", "--skip", "text-sys"]).succeeded().has("guarded 0 of 0 functions");
}

#[test]
fn an_error_of_the_users_own_is_shown_as_cargo_shows_it() {
    let program =
        Program::new("error").file("sys/src/lib.rs", SYS).file("src/lib.rs", "pub fn f() -> u8 { \"text\" }\n");
    let said = program.run(&["test"]);
    assert!(!said.success, "{said}");
    said.has("error[E0308]: mismatched types").has("--> src/lib.rs:1:").lacks("mirror");
}

#[test]
fn a_block_in_a_call_of_a_macro_that_takes_no_attribute_is_found_in_the_macros_body() {
    let program = Program::new("strict")
        .file(
            "sys/src/lib.rs",
            "macro_rules! foreign {
    (extern \"C\" { fn $name:ident($argument:ident: $ty:ty) -> $result:ty; }) => {
        unsafe extern \"C\" { pub fn $name($argument: $ty) -> $result; }
    };
}
foreign! { extern \"C\" { fn strlen(s: *const std::ffi::c_char) -> usize; } }
",
        )
        .file("src/main.rs", "fn main() { println!(\"{}\", unsafe { text_sys::strlen(c\"seven..\".as_ptr()) }); }\n");
    program.run(&["run"]).succeeded().has("7\n").has("guarded 1 of 1 functions in 1 crate");
}

#[test]
fn a_crate_that_does_not_compile_with_wrappers_is_compiled_as_it_is() {
    let program = Program::new("as-it-is")
        .edition("sys", "2015")
        .file(
            "sys/src/lib.rs",
            "pub mod ffi_guard {}
extern \"C\" { pub fn strlen(s: *const ::std::os::raw::c_char) -> usize; }
",
        )
        .file("src/main.rs", "fn main() { println!(\"{}\", unsafe { text_sys::strlen(c\"eight...\".as_ptr()) }); }\n");
    let said = program.run(&["run", "--coverage"]);
    said.succeeded()
        .has("8\n")
        .has("guarded 0 of 0 functions")
        .has("compiled as it is: the name `ffi_guard` is defined multiple times");
}

#[test]
fn an_empty_text_that_c_takes_for_memory_is_found_by_the_fault() {
    let program = Program::new("nowhere").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "fn main() {
    let text = String::new();
    println!(\"{}\", unsafe { text_sys::strlen(text.as_ptr().cast()) });
}
",
    );
    let said = program.run(&["run"]);
    assert!(!said.success, "{said}");
    said.has("ffi-guard[dangling_pointer]: C read 0x1, where `s` of `strlen` leads");
    said.has("--> src/main.rs:3:").has("summary: ffi-guard: dangling_pointer in strlen at src/main.rs:3");

    // Not read, it is right.
    program.write(
        "src/main.rs",
        "fn main() {
    let (mut to, text) = ([1_i8; 4], String::new());
    unsafe { text_sys::memcpy(to.as_mut_ptr().cast(), text.as_ptr().cast(), text.len()) };
    // A fault of Rust's own is no business of the guard's.
    let wild = std::hint::black_box(1 as *const u8);
    if std::env::args().count() > 1 { unsafe { wild.read_volatile() }; }
    println!(\"{to:?}\");
}
",
    );
    program.write(
        "sys/src/lib.rs",
        &SYS.replace(
            "pub fn free",
            "pub fn memcpy(to: *mut c_void, from: *const c_void, n: usize) -> *mut c_void;\n    pub fn free",
        ),
    );
    program.run(&["run"]).succeeded().has("[1, 1, 1, 1]").lacks("ffi-guard[");
    let said = program.run(&["run", "--", "fault"]);
    assert!(!said.success, "{said}");
    said.lacks("ffi-guard[");
}

#[test]
fn a_text_that_nothing_leads_to_any_more_is_found_at_the_end() {
    let program = Program::new("lost").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "fn main() {
    let text = std::ffi::CString::new(\"a text\").unwrap().into_raw();
    println!(\"{}\", unsafe { text_sys::strlen(text) });
}
",
    );
    let said = program.run(&["run"]);
    // A warning: the program ends as it would.
    said.succeeded().has("ffi-guard[leaked_ownership]: `s` of `strlen` is lost: nothing leads to it");
    said.has("--> src/main.rs:3:");

    // What is taken back, what a static holds, what C's heap holds and what Rust's holds.
    program.write(
        "src/main.rs",
        "use std::{cell::Cell, ffi::{c_char, c_void, CString}, ptr::null_mut, sync::atomic::{AtomicPtr, Ordering}};
static KEPT: AtomicPtr<c_char> = AtomicPtr::new(null_mut());
static HOLDER: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static BOXED: AtomicPtr<Vec<*mut c_char>> = AtomicPtr::new(null_mut());
static MAPPED: AtomicPtr<*mut c_char> = AtomicPtr::new(null_mut());
unsafe extern \"C\" { fn mmap(at: *mut c_void, n: usize, access: i32, flags: i32, file: i32, from: i64) -> *mut c_void; }
thread_local! { static HERE: Cell<*mut c_char> = const { Cell::new(null_mut()) }; }
fn lend(text: &str) -> *mut c_char {
    let text = CString::new(text).unwrap().into_raw();
    assert!(unsafe { text_sys::strlen(text) } > 0);
    text
}
fn main() {
    drop(unsafe { CString::from_raw(lend(\"taken back\")) });
    KEPT.store(lend(\"static\"), Ordering::Relaxed);
    HERE.set(lend(\"of the thread\"));
    unsafe {
        let holder = text_sys::malloc(64).cast::<*mut c_char>();
        holder.write(lend(\"in C's heap\"));
        HOLDER.store(holder.cast(), Ordering::Relaxed);
        // As an arena of a library's own has it.
        let mapped = mmap(null_mut(), 4096, 3, 0x22, -1, 0).cast::<*mut c_char>();
        mapped.add(100).write(lend(\"in mapped memory\"));
        MAPPED.store(mapped, Ordering::Relaxed);
    }
    BOXED.store(Box::into_raw(Box::new(vec![lend(\"in Rust's heap\")])), Ordering::Relaxed);
    println!(\"done\");
}
",
    );
    program.run(&["run"]).succeeded().has("done").lacks("ffi-guard[");
}

#[test]
fn damage_is_told_before_the_process_dies_of_something_else() {
    let program = Program::new("dies").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "fn main() {
    let mut bytes: Vec<u8> = Vec::with_capacity(16);
    let wrong = std::env::args().any(|word| word == \"wrong\");
    if wrong { unsafe { bytes.as_mut_ptr().add(16).write(1) } }
    println!(\"{}\", unsafe { text_sys::strlen(c\"nine\".as_ptr()) });
    if std::env::args().any(|word| word == \"abort\") { std::process::abort() }
    let wild = std::hint::black_box(8 as *const u8);
    println!(\"{}\", unsafe { wild.read_volatile() });
}
",
    );
    for way in ["abort", "fault"] {
        let said = program.run(&["run", "--", "wrong", way]);
        assert!(!said.success, "{said}");
        said.has("4\n").has("ffi-guard[buffer_overflow]").has("src/main.rs:2:");
        let said = program.run(&["run", "--", "right", way]);
        assert!(!said.success, "{said}");
        said.has("4\n").lacks("ffi-guard[");
    }
}

#[test]
fn the_reports_of_a_release_build_have_lines() {
    let program = Program::new("release").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "#[inline(never)]
fn text() -> *const std::ffi::c_char { std::ffi::CString::new(std::env::args().next().unwrap()).unwrap().as_ptr() }
fn main() {
    println!(\"{}\", unsafe { text_sys::strlen(text()) });
}
",
    );
    let said = program.run(&["run", "--release"]);
    assert!(!said.success, "{said}");
    said.has("ffi-guard[dangling_pointer]").has("allocated: src/main.rs:2:").has("freed: src/main.rs:2:");
}

#[test]
fn the_border_of_each_crate_is_listed() {
    let program = Program::new("audit").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "#[unsafe(no_mangle)]
extern \"C\" fn app_hook() {}
fn main() {
    println!(\"{} {}\", unsafe { text_sys::strlen(c\"nine.....\".as_ptr()) }, unsafe { text_sys::strlen(c\"\".as_ptr()) });
}
",
    );
    let before = program.run(&["audit"]);
    before.succeeded().has("functions  with pointers  variadic  guarded  contracts  called  exports");
    before.has("known after `cargo ffi-guard test`").lacks("; 1 called");
    program.run(&["run"]).succeeded().has("9 0\n").has("guarded 4 of 4 functions in 1 crate; 1 called");
    let after = program.run(&["audit", "--json", "-"]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(after.succeeded().json()).unwrap();
    let of = |package: &str| rows.iter().find(|row| row["package"] == package).unwrap();
    let sys = of("text-sys");
    for (key, value) in
        [("functions", 4), ("with_pointers", 3), ("variadic", 1), ("guarded", 4), ("with_contracts", 2), ("called", 1)]
    {
        assert_eq!(sys[key], value, "{key}: {after}");
    }
    assert_eq!(sys["declares"].as_array().unwrap().len(), 4);
    assert_eq!((&of("app")["functions"], &of("app")["defines"]), (&0.into(), &serde_json::json!(["app_hook"])));
}

/// A file that is run in rustc's place: this piece of shell, and then rustc.
#[cfg(unix)]
fn in_place_of_rustc(name: &str, shell: &str) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{shell}\nexec rustc \"$@\"\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[cfg(unix)]
#[test]
fn a_full_disk_and_a_killed_compiler_teach_nothing_of_a_crate() {
    const MAIN: &str = "fn main() { println!(\"{}\", unsafe { text_sys::strlen(c\"six...\".as_ptr()) }); }\n";
    let full = r#"echo '{"$message_type":"diagnostic","level":"error","message":"failed to write file: No space left on device (os error 28)","code":null,"spans":[],"children":[],"rendered":"error: failed to write file: No space left on device (os error 28)\n"}' >&2; exit 1"#;
    for (name, end, words) in
        [("full", full, "the disk is full"), ("killed", "kill -9 $$", "rustc was ended from outside")]
    {
        let stopped = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.stop"));
        let shell =
            format!("case \"$*\" in *'--crate-name text_sys '*) [ -e '{}' ] && {{ {end}; }};; esac", stopped.display());
        let rustc = in_place_of_rustc(&format!("{name}-rustc"), &shell);
        let program = Program::new(name).file("sys/src/lib.rs", SYS).file("src/main.rs", MAIN);
        std::fs::write(&stopped, "").unwrap();
        let said = program.run_with(&["run"], &[("RUSTC", &rustc)]);
        assert!(!said.success, "{said}");
        said.has(words).has("text_sys");
        std::fs::remove_file(&stopped).unwrap();
        program.run_with(&["run"], &[("RUSTC", &rustc)]).succeeded().has("guarded 4 of 4 functions");
    }
}

#[cfg(unix)]
#[test]
fn a_compiler_that_is_too_old_is_named_with_the_way_out() {
    let shell =
        r#"[ "$1" = -vV ] && { printf 'rustc 1.70.0\nhost: x86_64-unknown-linux-gnu\nrelease: 1.70.0\n'; exit; }"#;
    let rustc = in_place_of_rustc("old-rustc", shell);
    let program = Program::new("old").file("sys/src/lib.rs", SYS).file("src/main.rs", "fn main() {}\n");
    let said = program.run_with(&["run"], &[("RUSTC", &rustc)]);
    assert!(!said.success, "{said}");
    said.has("rustc 1.70.0 is too old: ffi-guard needs").has("cargo +stable ffi-guard").lacks("Compiling");
}

#[test]
fn two_packages_that_link_the_same_library_are_told_in_cargos_words() {
    const LINKS: &str = "edition = \"2024\"\nlinks = \"the-same\"\n";
    let program = Program::new("links").file("sys/src/lib.rs", SYS).file("sys/build.rs", "fn main() {}\n");
    let program = program
        .file("sys/Cargo.toml", &format!("[package]\nname = \"text-sys\"\nversion = \"0.1.0\"\n{LINKS}\n[dependencies]\nother-sys = {{ path = \"other\" }}\n"))
        .file("sys/other/Cargo.toml", &format!("[package]\nname = \"other-sys\"\nversion = \"0.1.0\"\n{LINKS}"))
        .file("sys/other/src/lib.rs", "")
        .file("sys/other/build.rs", "fn main() {}\n")
        .file("src/main.rs", "fn main() {}\n");
    let said = program.run(&["run"]);
    assert!(!said.success, "{said}");
    said.has("error: Attempting to resolve").has("links=the-same").lacks("panicked");
}

#[test]
fn a_program_that_uses_ffi_guard_itself_is_checked_with_the_same_library() {
    let library = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../ffi-guard");
    let program = Program::new("uses-it").file("sys/src/lib.rs", SYS).file(
        "src/main.rs",
        "#[ffi_guard::guard]
unsafe extern \"C\" { fn strlen(#[guard(cstr)] s: *const std::ffi::c_char) -> usize; }
fn main() {
    assert_eq!(ffi_guard::level(), ffi_guard::Level::Full);
    let both = ffi_guard::catch(|| unsafe {
        let text = std::ffi::CString::new(\"gone\").unwrap().as_ptr();
        (text_sys::strlen(c\"six...\".as_ptr()), strlen(text))
    });
    println!(\"{}\", both.unwrap_err().rule());
}
",
    );
    let manifest = program.read("Cargo.toml");
    let depends = format!("[dependencies]\nffi-guard = {{ path = {library:?} }}\n");
    program.write("Cargo.toml", &manifest.replace("[dependencies]\n", &depends));
    program.run(&["run"]).succeeded().has("dangling_pointer\n");
}
