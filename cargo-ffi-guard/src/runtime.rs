//! ffi-guard itself, built once for each toolchain and target, with the allocator in a crate of
//! its own: to link that crate is to install it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::Message;

use crate::obstacle::cannot_write;
use crate::session::{Runtime, write_if_changed};

/// The variable that tells this executable that it is rustc's wrapper for ffi-guard itself.
pub(crate) const VARIABLE: &str = "CARGO_FFI_GUARD_RUNTIME";

/// The variable that names a folder in which ffi-guard is built once for many programs.
pub(crate) const SHARED: &str = "CARGO_FFI_GUARD_RUNTIME_DIR";

const MANIFEST: &str = r#"[package]
name = "ffi-guard-allocator"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
ffi-guard = { @SOURCE@, features = [@FEATURES@] }

# Read a million times a second, whatever the program is built with.
[profile.dev]
opt-level = 3
# Whose a frame is is told by the names of functions.
debug = 1
debug-assertions = false
overflow-checks = false
incremental = false

# The attribute is run for thousands of functions, and compiled once.
[profile.dev.build-override]
opt-level = 1
debug-assertions = false
overflow-checks = false
"#;

const SOURCE: &str = "//! The allocator of ffi-guard, installed in each program that links this crate.

#[global_allocator]
static ALLOCATOR: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// Runs before `main`: `cargo ffi-guard abi` asks so for the list of all declarations.
#[cfg(target_os = \"linux\")]
#[used]
#[unsafe(link_section = \".init_array\")]
static AT_START: extern \"C\" fn() = at_start;

#[cfg(target_os = \"linux\")]
extern \"C\" fn at_start() {
    ffi_guard::__private::compare_if_asked();
}
";

/// The folder of ffi-guard's source beside this crate's, if it is still there.
fn checkout() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("ffi-guard");
    folder.join("Cargo.toml").exists().then_some(folder)
}

/// A text that changes with the source of ffi-guard.
pub(crate) fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match checkout() {
        Some(folder) => format!("{version} {}", folder.display()),
        None => version.into(),
    }
}

/// Builds ffi-guard for a target, in a package of its own.
///
/// # Errors
///
/// The words for the user, if cargo cannot be run or fails; what it says itself has been printed.
pub(crate) fn build(package: &Path, target: &str, c_heap: bool, pass: &[String]) -> Result<Runtime, String> {
    let source = match checkout() {
        Some(folder) => format!("path = {:?}", folder.display().to_string()),
        None => format!("version = \"={}\"", env!("CARGO_PKG_VERSION")),
    };
    let manifest = MANIFEST.replace("@SOURCE@", &source).replace("@FEATURES@", if c_heap { "\"c-heap\"" } else { "" });
    let write = |path: PathBuf, text: &str| write_if_changed(&path, text).map_err(|error| cannot_write(&path, &error));
    write(package.join("Cargo.toml"), &manifest)?;
    write(package.join("src/lib.rs"), SOURCE)?;
    if let Some(lock) = checkout().and_then(|folder| std::fs::read_to_string(folder.join("../Cargo.lock")).ok())
        && !package.join("Cargo.lock").exists()
    {
        write(package.join("Cargo.lock"), &lock)?;
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(crate::driver::cargo());
    command
        .args(["build", "--quiet", "--message-format=json-render-diagnostics", "--target", target, "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(package.join("target"))
        .args(pass)
        .env("RUSTC_WRAPPER", own)
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove(crate::session::VARIABLE)
        .env(VARIABLE, "1")
        .stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cargo cannot be run: {error}"))?;
    let mut runtime = Runtime::default();
    let output = child.stdout.take().map(std::io::BufReader::new);
    for message in output.into_iter().flat_map(Message::parse_stream) {
        let Ok(Message::CompilerArtifact(artifact)) = message else { continue };
        let file = |extension: &str| artifact.filenames.iter().find(|file| file.extension() == Some(extension));
        match artifact.target.name.as_str() {
            "ffi_guard" | "ffi_guard_allocator" => {
                let Some(library) = file("rlib") else { continue };
                let library = library.clone().into_std_path_buf();
                if artifact.target.name == "ffi_guard" {
                    runtime.dependencies = in_deps(&library);
                    runtime.library = library;
                } else {
                    runtime.allocator = library;
                }
            }
            "ffi_guard_macros" => {
                let library = artifact.filenames.first().map(|file| file.clone().into_std_path_buf());
                runtime.host_dependencies = library.as_deref().map(in_deps).unwrap_or_default();
            }
            _ => {}
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if !status.success() || runtime.library.as_os_str().is_empty() || runtime.allocator.as_os_str().is_empty() {
        return Err("ffi-guard itself could not be built: see above".into());
    }
    Ok(runtime)
}

/// The folder of all dependencies, beside or around an artifact.
fn in_deps(library: &Path) -> PathBuf {
    let folder = library.parent().unwrap_or(Path::new("."));
    if folder.ends_with("deps") { folder.into() } else { folder.join("deps") }
}
