//! The one list of what a platform can do. The build script makes one `cfg` of each line, and of
//! the platform's folder.

use std::env;

/// What the capabilities of a target depend on.
pub(crate) struct Target {
    /// The folder of `platform/`.
    pub(crate) folder: &'static str,
    x86_64: bool,
    wide: bool,
    gnu: bool,
    c_heap: bool,
    elf: bool,
}

/// The folders. `FFI_GUARD_PLATFORM` selects a more general one than the target's, so that one
/// machine can build all of them.
pub(crate) const FOLDERS: [&str; 4] = ["linux", "unix", "windows", "other"];

impl Target {
    /// A target of 64 bits, with the feature `c-heap`: its operating system, whether that is a
    /// Unix, its processor and its C library, by cargo's names.
    pub(crate) fn of(system: &str, is_unix: bool, processor: &str, library: &str) -> Target {
        let folder = match system {
            "linux" => "linux",
            "windows" => "windows",
            _ if is_unix => "unix",
            _ => "other",
        };
        // As `#[guard]` has them.
        let elf = ["linux", "android", "freebsd", "netbsd", "openbsd", "dragonfly"].contains(&system);
        Target { folder, x86_64: processor == "x86_64", wide: true, gnu: library == "gnu", c_heap: true, elf }
    }

    /// The target of this build, from cargo's variables for a build script.
    pub(crate) fn new() -> Target {
        let of = |name: &str| env::var(name).unwrap_or_default();
        let mut target = Target::of(
            &of("CARGO_CFG_TARGET_OS"),
            env::var_os("CARGO_CFG_UNIX").is_some(),
            &of("CARGO_CFG_TARGET_ARCH"),
            &of("CARGO_CFG_TARGET_ENV"),
        );
        let asked = of("FFI_GUARD_PLATFORM");
        target.folder = FOLDERS.into_iter().find(|folder| *folder == asked).unwrap_or(target.folder);
        target.wide = of("CARGO_CFG_TARGET_POINTER_WIDTH") == "64";
        target.c_heap = env::var_os("CARGO_FEATURE_C_HEAP").is_some();
        target
    }

    fn linux64(&self) -> bool {
        self.folder == "linux" && self.wide
    }
}

/// An ability that a platform has or lacks.
pub(crate) struct Capability {
    /// Its `cfg`.
    pub(crate) name: &'static str,
    /// Its meaning, in words.
    pub(crate) what: &'static str,
    /// True if the target has it.
    pub(crate) is_on: fn(&Target) -> bool,
}

/// All capabilities, which code asks for by name. `docs/src/limits.md` has them as a table.
pub(crate) const ALL: [Capability; 8] = [
    Capability {
        name: "address_space",
        what: "Rust's memory is tracked, and arguments are checked: levels 1 and 2",
        is_on: |target| target.folder != "other" && target.wide,
    },
    Capability {
        name: "reads",
        what: "memory that may not be mapped is read: pointers inside C's memory",
        is_on: |target| matches!(target.folder, "linux" | "windows"),
    },
    Capability {
        name: "globals",
        what: "the variables of all modules are searched for what C kept",
        is_on: Target::linux64,
    },
    Capability {
        name: "faults",
        what: "level 3 and the sampling: a touch of memory that is closed is caught",
        is_on: Target::linux64,
    },
    Capability {
        name: "aborts",
        what: "a block that C's allocator refuses is recognised before the process ends",
        is_on: |target| target.linux64() && target.x86_64,
    },
    Capability {
        name: "fast_trace",
        what: "backtraces by unwinding rules that were read before",
        is_on: |target| target.linux64() && target.x86_64,
    },
    Capability {
        name: "sections",
        what: "the linker makes the list of guarded functions; elsewhere it has those that were called",
        is_on: |target| target.elf,
    },
    Capability {
        name: "c_heap",
        what: "C's heap over the guard's, with the feature `c-heap`",
        is_on: |target| target.linux64() && target.gnu && target.c_heap,
    },
];
