//! Shared objects with the allocator in them that a program loads and closes: plugins.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::ffi::{CString, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use ffi_guard_tests::process::{at_checked_levels, at_level, end_if_stuck};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// The plugin, which cargo builds as a dependency of these tests.
fn plugin() -> PathBuf {
    let path = std::env::current_exe().unwrap().with_file_name("libffi_guard_plugin.so");
    assert!(path.exists(), "no {}", path.display());
    path
}

/// A handle of the loader, not closed by itself.
#[derive(Clone, Copy)]
struct Loaded(usize);

impl Loaded {
    fn open(path: &Path) -> Loaded {
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: a C string; the plugin has no constructors.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        assert!(!handle.is_null(), "cannot load {}", path.display());
        Loaded(handle.expose_provenance())
    }

    fn function(self, name: &str) -> *mut c_void {
        let name = CString::new(format!("ffi_guard_plugin_{name}")).unwrap();
        // SAFETY: a live handle and a C string.
        let found = unsafe { libc::dlsym(std::ptr::with_exposed_provenance_mut(self.0), name.as_ptr()) };
        assert!(!found.is_null(), "no {name:?}");
        found
    }

    fn work(self, n: usize) {
        // SAFETY: the plugin's function of this name has this type.
        let work = unsafe { std::mem::transmute::<*mut c_void, extern "C" fn(usize) -> usize>(self.function("work")) };
        assert_eq!(work(n), n);
    }

    fn give(self, n: usize) -> *mut usize {
        // SAFETY: the plugin's function of this name has this type.
        let give =
            unsafe { std::mem::transmute::<*mut c_void, extern "C" fn(usize) -> *mut usize>(self.function("give")) };
        give(n)
    }

    fn take(self, block: *mut usize) -> usize {
        type Take = unsafe extern "C" fn(*mut usize) -> usize;
        // SAFETY: the plugin's function of this name has this type; the tests pass what `give`
        // gave.
        unsafe { std::mem::transmute::<*mut c_void, Take>(self.function("take"))(block) }
    }

    fn close(self) {
        // SAFETY: a live handle, closed once.
        unsafe { libc::dlclose(std::ptr::with_exposed_provenance_mut(self.0)) };
    }
}

/// Bytes of address space that this process has taken.
fn taken() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').next().unwrap().parse::<usize>().unwrap() * 4096
}

const TIB: usize = 1 << 40;

#[test]
fn a_thread_that_used_a_closed_module_ends_well() {
    at_checked_levels("a_thread_that_used_a_closed_module_ends_well", || {
        end_if_stuck();
        for round in 1..20 {
            let plugin = Loaded::open(&plugin());
            let (used, wait) = channel();
            let (closed, until) = channel();
            let thread = std::thread::spawn(move || {
                plugin.work(round);
                used.send(()).unwrap();
                until.recv().unwrap();
            });
            wait.recv().unwrap();
            plugin.close();
            closed.send(()).unwrap();
            thread.join().unwrap();
        }
    });
}

#[test]
fn a_module_that_is_loaded_again_and_again_reserves_once() {
    at_checked_levels("a_module_that_is_loaded_again_and_again_reserves_once", || {
        let mut after_first = 0;
        for round in 1..=100 {
            let plugin = Loaded::open(&plugin());
            plugin.work(round);
            plugin.close();
            if round == 1 {
                after_first = taken();
            }
        }
        assert!(taken() < after_first + TIB / 8, "{} bytes became {}", after_first, taken());
    });
}

#[test]
fn a_block_outlives_the_closing_of_its_module() {
    at_checked_levels("a_block_outlives_the_closing_of_its_module", || {
        let first = Loaded::open(&plugin());
        let blocks: Vec<_> = (0..100).map(|n| first.give(n)).collect();
        first.close();
        // SAFETY: blocks that the plugin gave, each with a number in it.
        assert!(blocks.iter().enumerate().all(|(n, block)| unsafe { **block } == n));
        let again = Loaded::open(&plugin());
        assert!(blocks.into_iter().enumerate().all(|(n, block)| again.take(block) == n));
        again.close();
    });
}

#[test]
fn many_modules_leave_room_for_each_other_and_for_the_program() {
    at_level("many_modules_leave_room_for_each_other_and_for_the_program", "2", || {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        // More than regions of 8 TiB fit into the addresses of a process.
        let modules: Vec<_> = (0..20)
            .map(|n| {
                let copy = folder.join(format!("libplugin-{n}-of-{}.so", std::process::id()));
                std::fs::copy(plugin(), &copy).unwrap();
                let module = Loaded::open(&copy);
                std::fs::remove_file(&copy).unwrap();
                module.work(n);
                module
            })
            .collect();
        modules.iter().for_each(|module| module.work(60));
        assert!(taken() < 40 * TIB, "{} bytes are taken", taken());
        modules.into_iter().for_each(Loaded::close);
    });
}
