//! A report of level 3 names the module, and the place in it, of code without debug information:
//! the same in the part that the signal handler writes and in the one with names, wherever the file
//! is and however often it is mapped.

use std::env;
use std::ffi::{CString, OsStr, c_char, c_int, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use ffi_guard::{GuardAlloc, guard};
use ffi_guard_tests::process::{end_if_stuck, is_child, run_self, run_self_behind, say, stderr};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

/// The path of the library, and what the child does with it.
const FILE: &str = "FFI_GUARD_TESTS_MODULE";
const MAPPED_AGAIN: &str = "FFI_GUARD_TESTS_MAPPED_AGAIN";
const REMOVED: &str = "FFI_GUARD_TESTS_REMOVED";

const C: &str = "static unsigned char *kept;\n\
                 void so_keep(unsigned char *p) { kept = p; }\n\
                 int so_write(int v) { kept[0] = (unsigned char)v; return kept[0] + 1; }\n";

/// Compiles the library, without symbols but for those that it exports. `None` if this linker is
/// not there.
fn library(file: &Path, linker: Option<&str>) -> Option<()> {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    // The compiler need not take such a path.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("modules");
    fs::create_dir_all(&folder).unwrap();
    let name = format!("{}-{:x}", std::process::id(), file.as_os_str().len());
    let (source, made) = (folder.join(format!("{name}.c")), folder.join(format!("{name}.so")));
    fs::write(&source, C).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-s", "-o"]).arg(&made).arg(&source);
    compiler.args(linker.map(|linker| format!("-fuse-ld={linker}")));
    let output = compiler.output().expect("a C compiler");
    if !output.status.success() {
        assert!(linker.is_some(), "{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    fs::copy(&made, file).unwrap();
    Some(())
}

/// A folder of this test alone.
fn folder(test: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("modules").join(test)
}

/// Maps the file as whoever reads its symbols does.
fn map(path: &CString) {
    // SAFETY: C's own calls, on a file that the test has made. The mapping stays.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_RDONLY);
        let len = libc::lseek(file, 0, libc::SEEK_END);
        let flags = libc::MAP_PRIVATE;
        let at = libc::mmap(std::ptr::null_mut(), len as usize, libc::PROT_READ, flags, file, 0);
        assert_ne!(at, libc::MAP_FAILED);
        libc::close(file);
    }
}

/// Loads the library, and has it write through a pointer to a freed block.
fn body() {
    end_if_stuck();
    let file = env::var_os(FILE).unwrap();
    let path = CString::new(file.as_bytes()).unwrap();
    let again = env::var_os(MAPPED_AGAIN).is_some();
    if again {
        map(&path);
    }
    // SAFETY: the library is the one above, and its functions have these types.
    unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW);
        assert!(!library.is_null());
        if again {
            (0..5).for_each(|_| map(&path));
        }
        if env::var_os(REMOVED).is_some() {
            fs::remove_file(&file).unwrap();
        }
        let (keep, write) = (libc::dlsym(library, c"so_keep".as_ptr()), libc::dlsym(library, c"so_write".as_ptr()));
        let mut facts = std::mem::zeroed::<libc::Dl_info>();
        assert_ne!(libc::dladdr(write, &raw mut facts), 0);
        say(&format!("so_write is at {:#x}", write.addr() - facts.dli_fbase.addr()));
        let keep = std::mem::transmute::<*mut c_void, unsafe extern "C" fn(*mut u8)>(keep);
        let write = std::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int) -> c_int>(write);
        let mut block = vec![1_u8; 40];
        keep(block.as_mut_ptr());
        drop(block);
        write(3);
    }
}

/// The number after each of these words.
fn numbers(said: &str, word: &str) -> Vec<usize> {
    let digits = |rest: &str| rest.split(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or_default().to_owned();
    said.split(word).skip(1).map(|rest| usize::from_str_radix(&digits(rest), 16).unwrap()).collect()
}

/// Runs the calling test's body on this library, with addresses that differ from run to run and
/// with such that do not, and looks at both parts of the report.
fn is_told(test: &str, file: &Path, more: &[(&str, &str)]) {
    let mut variables = vec![("GUARD", "3"), (FILE, file.to_str().unwrap())];
    variables.extend(more);
    let fixed = Command::new("setarch").args(["-R", "true"]).status().is_ok_and(|status| status.success());
    if !fixed {
        println!("skipped: fixed addresses: `setarch -R` cannot be had here");
    }
    let kept = fs::read(file).unwrap();
    for fixed in [false, true].into_iter().take(1 + usize::from(fixed)) {
        fs::write(file, &kept).unwrap();
        let output = match fixed {
            true => run_self_behind("exec setarch -R sh -c 'shift; exec \"$@\"' sh", test, &variables),
            false => run_self(test, &variables),
        };
        let said = stderr(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{:?}\n{said}", output.status);
        assert!(said.contains("wrote byte 0 of a 40-byte block freed by Rust"), "{said}");
        let start = numbers(&said, "so_write is at 0x")[0];
        let name = file.file_name().and_then(OsStr::to_str).unwrap();
        let offsets = numbers(&said, &format!("{name}+0x"));
        assert!(offsets.len() >= 2, "{name} in both parts:\n{said}");
        let expected = start..start + 64;
        assert!(offsets.iter().all(|it| *it == offsets[0] && expected.contains(it)), "{expected:x?}:\n{said}");
        if !more.contains(&(REMOVED, "1")) {
            assert!(said.contains("ffi-guard[use_after_free]: C wrote"), "{said}");
            assert!(said.contains(&format!("so_write ({name}+0x")), "{said}");
        }
    }
    let _ = fs::remove_file(file);
}

#[test]
fn a_library_by_a_short_path() {
    let test = "a_library_by_a_short_path";
    if is_child() {
        return body();
    }
    // Shorter than the path of the test's own program, which comes first in the kernel's list.
    let file = env::temp_dir().join(format!("m{}", std::process::id())).join("m.so");
    library(&file, None).unwrap();
    is_told(test, &file, &[]);
    let _ = fs::remove_dir(file.parent().unwrap());
}

#[test]
fn a_library_by_a_path_with_blanks() {
    let test = "a_library_by_a_path_with_blanks";
    if is_child() {
        return body();
    }
    let file = folder(test).join("my  app").join("a lib (deleted).d").join("a lib.so");
    library(&file, None).unwrap();
    is_told(test, &file, &[]);
}

#[test]
fn a_library_by_a_long_path() {
    let test = "a_library_by_a_long_path";
    if is_child() {
        return body();
    }
    let mut file = folder(test);
    while file.as_os_str().len() < 3600 {
        file.push("very-long-".repeat(20));
    }
    file.push("lib.so");
    library(&file, None).unwrap();
    is_told(test, &file, &[]);
    is_told_again(test, &file);
}

/// The same file once more, mapped by others as well.
fn is_told_again(test: &str, file: &Path) {
    library(file, None).unwrap();
    is_told(test, file, &[(MAPPED_AGAIN, "1")]);
}

#[test]
fn a_library_that_others_map_as_well() {
    let test = "a_library_that_others_map_as_well";
    if is_child() {
        return body();
    }
    let file = folder(test).join("lib.so");
    library(&file, None).unwrap();
    is_told(test, &file, &[]);
    is_told_again(test, &file);
}

#[test]
fn a_library_that_was_deleted() {
    let test = "a_library_that_was_deleted";
    if is_child() {
        return body();
    }
    let file = folder(test).join("lib.so");
    for more in [&[(REMOVED, "1")][..], &[(REMOVED, "1"), (MAPPED_AGAIN, "1")]] {
        library(&file, None).unwrap();
        is_told(test, &file, more);
    }
}

#[test]
fn a_library_that_lld_has_linked() {
    let test = "a_library_that_lld_has_linked";
    if is_child() {
        return body();
    }
    let file = folder(test).join("lib.so");
    if library(&file, Some("lld")).is_none() {
        println!("skipped: no lld");
        return;
    }
    is_told(test, &file, &[(MAPPED_AGAIN, "1")]);
}

#[guard]
unsafe extern "C" {
    fn snprintf(to: *mut c_char, size: usize, format: *const c_char, ...) -> c_int;
}

/// The C library's own functions that are not exported have no symbol; the one that was called has.
#[test]
fn a_write_of_the_c_library_is_cs() {
    let test = "a_write_of_the_c_library_is_cs";
    if is_child() {
        end_if_stuck();
        // Of two blocks in turn, one lies before a page without access, and one after.
        let mut both = [vec![0_u8; 24], vec![0; 24]];
        for text in &mut both {
            // SAFETY: it is not: that is the test.
            unsafe { snprintf(text.as_mut_ptr().cast(), 1024, c"%0100d".as_ptr(), 7) };
        }
        return;
    }
    let output = run_self(test, &[("GUARD", "3")]);
    let said = stderr(&output);
    assert!(said.contains("ffi-guard[buffer_overflow]: C wrote 1 byte past the end of a 24-byte block"), "{said}");
    // With its debug information installed, the C library's source is not where the user looks.
    for glibc in ["genops.c", "vfprintf"] {
        assert!(!said.contains(glibc), "{said}");
    }
}
