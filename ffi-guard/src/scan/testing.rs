//! Small C and Rust libraries for the tests of this folder, built when a test runs.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Wanted;
use super::globals::globals;
use super::hit::Hit;

/// A folder for one test, removed when dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("ffi-guard-scan-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// Runs a tool in the folder.
    pub(super) fn run(&self, tool: &str, arguments: &[&str]) {
        let output = Command::new(tool).args(arguments).current_dir(&self.0).output();
        let output = output.unwrap_or_else(|error| panic!("{tool}: {error}"));
        assert!(output.status.success(), "{tool} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Builds a shared object from C.
    pub(super) fn library(&self, name: &str, c: &str, flags: &[&str]) -> PathBuf {
        self.write("source.c", c);
        self.run("cc", &[&["-shared", "-fPIC", "-o", name, "source.c"], flags].concat());
        self.path(name)
    }

    /// Builds a file (`--crate-type` is among the flags) from Rust, with C linked in.
    pub(super) fn mixed(&self, name: &str, rust: &str, c: &str, rust_flags: &[&str], c_flags: &[&str]) -> PathBuf {
        self.write("source.rs", rust);
        self.write("source.c", c);
        self.run("cc", &[&["-c", "-fPIC", "-o", "c.o", "source.c"], c_flags].concat());
        let _ = std::fs::remove_file(self.path("libc_part.a"));
        self.run("ar", &["rcs", "libc_part.a", "c.o"]);
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        self.run(
            &rustc,
            &[&["--edition=2024", "-L.", "-lstatic=c_part", "-o", name, "source.rs"], rust_flags].concat(),
        );
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The words equal to this address in the globals of the module of this file.
pub(super) fn holders(address: usize) -> Vec<Hit> {
    let mut hits = Vec::new();
    globals(&Wanted::new(std::iter::once(address..address + 1)), &mut hits);
    hits
}

/// A number that no other test searches for and that is no pointer.
pub(super) fn unlikely() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0x5eed_0000_0000_0000);
    NEXT.fetch_add(0x1000, Ordering::Relaxed)
}
