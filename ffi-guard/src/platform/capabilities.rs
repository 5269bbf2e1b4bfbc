//! The one list of what a platform can do. The build script makes one `cfg` of each line, and of
//! the platform's folder.

use std::env;

/// The target of a build, from cargo's variables for a build script.
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
pub(crate) const FOLDERS: [&str; 3] = ["linux", "unix", "other"];

impl Target {
    /// The target of this build.
    pub(crate) fn new() -> Target {
        let of = |name: &str| env::var(name).unwrap_or_default();
        let asked = of("FFI_GUARD_PLATFORM");
        let folder = match (of("CARGO_CFG_TARGET_OS").as_str(), env::var_os("CARGO_CFG_UNIX")) {
            ("linux", _) => "linux",
            (_, Some(_)) => "unix",
            _ => "other",
        };
        Target {
            folder: FOLDERS.into_iter().find(|folder| *folder == asked).unwrap_or(folder),
            x86_64: of("CARGO_CFG_TARGET_ARCH") == "x86_64",
            wide: of("CARGO_CFG_TARGET_POINTER_WIDTH") == "64",
            gnu: of("CARGO_CFG_TARGET_ENV") == "gnu",
            c_heap: env::var_os("CARGO_FEATURE_C_HEAP").is_some(),
            // As `#[guard]` has them.
            elf: ["linux", "android", "freebsd", "netbsd", "openbsd", "dragonfly"]
                .contains(&&*of("CARGO_CFG_TARGET_OS")),
        }
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

/// All capabilities that code asks for by name.
pub(crate) const ALL: [Capability; 6] = [
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
