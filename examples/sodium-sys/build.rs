//! Builds libsodium from its source with only a C compiler: no `configure`, no `make`,
//! no package of the system.
//!
//! The source comes through cargo, as a package that `Cargo.toml` names and that is never compiled:
//! Cargo.lock holds its checksum, `cargo fetch` and `cargo vendor` download it, and a build without
//! a network finds it in cargo's folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package with the source, and its version.
const PACKAGE: &str = "libsodium-sys-0.2.7";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The version of the source stands there.
    println!("cargo::rerun-if-changed=Cargo.toml");
    let library = source().join("libsodium/src/libsodium");
    let generated = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("include/sodium");
    write_version(&library, &generated);

    let mut build = cc::Build::new();
    build
        .files(c_files(&library))
        .include(library.join("include"))
        .include(library.join("include/sodium"))
        .include(generated.parent().expect("two names were joined"))
        .include(&generated)
        // Optimised in a debug build too: the function is slow on purpose and hashes 64 MiB.
        .opt_level(2)
        // Warnings of code that is not ours.
        .warnings(false)
        // As libsodium's own `configure` sets it: the code breaks C's rules of aliasing.
        .flag_if_supported("-fno-strict-aliasing")
        .flag_if_supported("-fno-strict-overflow");
    for (name, value) in definitions() {
        build.define(name, value);
    }
    build.compile("sodium");
    println!("cargo::metadata=INCLUDE={}", library.join("include").display());
}

/// The folder of the package with the source. Only cargo knows where that is: in its cache, or in a
/// folder that `cargo vendor` made.
fn source() -> PathBuf {
    let cargo = env::var_os("CARGO").expect("cargo sets it for build scripts");
    // Without the network first. The network is needed once, if the build did not fetch packages of
    // other platforms.
    let mut said = String::new();
    for network in [&["--offline"][..], &[]] {
        let output = Command::new(&cargo)
            .args(["metadata", "--format-version=1", "--locked"])
            .args(network)
            .output()
            .unwrap_or_else(|error| panic!("{} does not run: {error}", cargo.display()));
        if output.status.success() {
            let metadata = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
            return folder_in(&metadata).unwrap_or_else(|| panic!("cargo metadata names no folder of {PACKAGE}"));
        }
        said = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    panic!("cargo does not find libsodium's source, {PACKAGE}; `cargo fetch` brings it:\n{said}");
}

/// The path of the package's manifest, from `cargo metadata`. Only one string of its JSON is
/// needed.
fn folder_in(metadata: &str) -> Option<PathBuf> {
    let manifests = metadata.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    // JSON doubles the backslashes of Windows paths.
    let mut folders = manifests.filter_map(|path| Some(Path::new(&path.replace("\\\\", "\\")).parent()?.to_path_buf()));
    // `cargo vendor` leaves the version out.
    folders.find(|folder| {
        let name = folder.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name == PACKAGE || Some(name) == PACKAGE.rsplit_once('-').map(|(name, _)| name))
    })
}

/// Every C file below the folder, sorted, so that the order is the same everywhere.
fn c_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "c") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The one header that `configure` makes.
fn write_version(library: &Path, generated: &Path) {
    let template = library.join("include/sodium/version.h.in");
    let text = fs::read_to_string(&template).unwrap_or_else(|error| panic!("{}: {error}", template.display()));
    let text = text
        .replace("@VERSION@", "1.0.18")
        .replace("@SODIUM_LIBRARY_VERSION_MAJOR@", "10")
        .replace("@SODIUM_LIBRARY_VERSION_MINOR@", "3")
        .replace("@SODIUM_LIBRARY_MINIMAL_DEF@", "");
    fs::create_dir_all(generated).expect("OUT_DIR can be written");
    fs::write(generated.join("version.h"), text).expect("OUT_DIR can be written");
}

/// The settings that `configure` would find out by trying, for the platforms that Rust builds for.
fn definitions() -> Vec<(&'static str, Option<&'static str>)> {
    const EVERYWHERE: &[&str] = &["CONFIGURED", "SODIUM_STATIC", "HAVE_STDINT_H", "HAVE_INTTYPES_H"];
    const UNIX: &[&str] = &[
        "_GNU_SOURCE",
        "HAVE_TI_MODE",
        "HAVE_WEAK_SYMBOLS",
        "HAVE_ATOMIC_OPS",
        "HAVE_PTHREAD",
        "HAVE_SYS_MMAN_H",
        "HAVE_MMAP",
        "HAVE_MPROTECT",
        "HAVE_MLOCK",
        "HAVE_MADVISE",
        "HAVE_POSIX_MEMALIGN",
        "HAVE_NANOSLEEP",
        "HAVE_GETPID",
    ];
    // libsodium asks the processor which instructions it has before it uses one.
    const X86_64: &[&str] = &[
        "HAVE_CPUID",
        "HAVE_EMMINTRIN_H",
        "HAVE_PMMINTRIN_H",
        "HAVE_TMMINTRIN_H",
        "HAVE_SMMINTRIN_H",
        "HAVE_AVXINTRIN_H",
        "HAVE_AVX2INTRIN_H",
        "HAVE_AVX512FINTRIN_H",
        "HAVE_WMMINTRIN_H",
    ];
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let unix = env::var_os("CARGO_CFG_UNIX").is_some();
    let mut names = EVERYWHERE.to_vec();
    if unix {
        names.extend(UNIX);
    }
    if unix && target("ARCH") == "x86_64" {
        names.extend(X86_64);
    }
    if unix && target("OS") == "linux" {
        names.push("HAVE_EXPLICIT_BZERO");
    }
    if unix && target("VENDOR") == "apple" {
        names.extend(["HAVE_MEMSET_S", "HAVE_SAFE_ARC4RANDOM"]);
    }
    names.push(if target("ENDIAN") == "big" { "NATIVE_BIG_ENDIAN" } else { "NATIVE_LITTLE_ENDIAN" });
    names.into_iter().map(|name| (name, Some("1"))).collect()
}
