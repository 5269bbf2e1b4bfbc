//! `ffi_guard::functions()` in modules of their own: a shared object that Rust or C loads and
//! closes.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::ffi::{CString, c_char, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[ffi_guard::guard]
unsafe extern "C" {
    fn strlen(#[guard(cstr)] text: *const c_char) -> usize;
    #[allow(dead_code)]
    fn ffg_never_defined(text: *const c_char) -> usize;
}

/// The plugin, which cargo builds as a dependency of these tests.
fn plugin() -> PathBuf {
    let path = std::env::current_exe().unwrap().with_file_name("libffi_guard_plugin.so");
    assert!(path.exists(), "no {}", path.display());
    path
}

fn open(path: &Path) -> *mut c_void {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a C string; the plugin has no constructors.
    let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null(), "cannot load {}", path.display());
    handle
}

/// The functions on the plugin's list: its own, and others.
fn listed(handle: *mut c_void) -> (usize, usize) {
    // SAFETY: a live handle and a C string.
    let found = unsafe { libc::dlsym(handle, c"ffi_guard_plugin_listed".as_ptr()) };
    assert!(!found.is_null(), "no such function");
    // SAFETY: the plugin's function of this name has this type.
    let listed = unsafe { std::mem::transmute::<*mut c_void, extern "C" fn(bool) -> usize>(found) };
    (listed(true), listed(false))
}

/// Everything that the list of this program says.
fn all() -> String {
    let all = ffi_guard::functions();
    let each = all.iter().map(|function| {
        let types: Vec<_> = function.parameters().map(|parameter| parameter.ty()).collect();
        format!("{function:?} {} {:?} {types:?} {:?}\n", function.file(), function.symbol(), function.result())
    });
    each.collect()
}

#[test]
fn each_module_has_a_list_of_its_own_and_a_closed_one_leaves_nothing_behind() {
    let before = all();
    assert!(before.contains("listed_modules::strlen") && before.contains("listed_modules::ffg_never_defined"));
    for _ in 0..20 {
        let handle = open(&plugin());
        assert_eq!(listed(handle), (1, 0), "its own function, and none of the program's");
        assert_eq!(all(), before, "none of the plugin's");
        let declarations = ffi_guard::check_declarations();
        // SAFETY: a live handle, closed once.
        unsafe { libc::dlclose(handle) };
        assert_eq!(all(), before);
        // What was found while it was there can be read.
        assert!(declarations.violations().is_empty(), "{declarations}");
    }
    // SAFETY: a C string.
    assert_eq!(unsafe { strlen(c"four".as_ptr()) }, 4);
}

/// A program in C, which knows nothing of Rust.
const LOADER: &str = r#"
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
int main(int count, char **names) {
    if (count < 2) return 2;
    for (int round = 0; round < 3; round++) {
        void *plugin = dlopen(names[1], RTLD_NOW | RTLD_LOCAL);
        if (!plugin) return 3;
        size_t (*listed)(bool) = (size_t (*)(bool))dlsym(plugin, "ffi_guard_plugin_listed");
        size_t (*work)(size_t) = (size_t (*)(size_t))dlsym(plugin, "ffi_guard_plugin_work");
        if (!listed || !work) return 4;
        if (listed(true) != 1 || listed(false) != 0) return 5;
        if (work(7) != 7) return 6;
        dlclose(plugin);
    }
    return 0;
}
"#;

#[test]
fn a_program_in_c_loads_one() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, program) = (folder.join("listed_loader.c"), folder.join("listed_loader"));
    std::fs::write(&source, LOADER).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let built = Command::new(compiler).arg("-o").args([&program, &source]).arg("-ldl").status().expect("a C compiler");
    assert!(built.success());
    for level in ["0", "1", "2"] {
        let output = Command::new(&program).arg(plugin()).env("GUARD", level).output().unwrap();
        assert!(output.status.success(), "level {level}: {output:?}");
    }
}
