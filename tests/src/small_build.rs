//! A program with its own C in a package of its own, small enough to be built in a second. The tour
//! and the tests try their statements about builds on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages and their files. The C is in the package of its declarations, as on slide 72.
const FILES: [(&str, &str); 6] = [
    (
        "Cargo.toml",
        // With debug information, because it is full of folder names.
        "[workspace]\nresolver = \"3\"\nmembers = [\"answer\", \"answer-sys\"]\n\n[profile.release]\ndebug = true\n",
    ),
    (
        "answer/Cargo.toml",
        "[package]\nname = \"answer\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nanswer-sys = { path = \"../answer-sys\" }\n",
    ),
    ("answer/src/main.rs", "fn main() {\n    println!(\"{}\", answer_sys::answer());\n}\n"),
    (
        "answer-sys/Cargo.toml",
        "[package]\nname = \"answer-sys\"\nversion = \"0.0.0\"\nedition = \"2024\"\nlinks = \"answer\"\n",
    ),
    ("answer-sys/src/lib.rs", "use std::ffi::c_int;\n\nunsafe extern \"C\" {\n    pub safe fn answer() -> c_int;\n}\n"),
    ("answer-sys/answer.c", "int answer(void) { return 42; }\n"),
];

/// Does the work of the crate `cc` for one file, so that no package has to be fetched. Each run
/// adds a line to `compiled.log`.
const BUILD: &str = r#"use std::{env, fs::OpenOptions, io::Write, path::Path, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs\ncargo::rerun-if-changed=answer.c");
    println!("cargo::rerun-if-env-changed=CFLAGS");
    let (here, out) = (env::var("CARGO_MANIFEST_DIR").unwrap(), env::var("OUT_DIR").unwrap());
    let source = Path::new(&here).join("answer.c");
    let flags = env::var("CFLAGS").unwrap_or_default();
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let run = |command: &mut Command| assert!(command.status().unwrap().success(), "{command:?}");
    run(Command::new(compiler).args(flags.split_whitespace()).args(["-g", "-c", "-o"]).arg(format!("{out}/answer.o")).arg(source));
    run(Command::new("ar").arg("crs").arg(format!("{out}/libanswer.a")).arg(format!("{out}/answer.o")));
    let mut log = OpenOptions::new().create(true).append(true).open(Path::new(&here).join("compiled.log")).unwrap();
    writeln!(log, "answer.c").unwrap();
    println!("cargo::rustc-link-search=native={out}\ncargo::rustc-link-lib=static=answer");
}
"#;

/// The folder of the packages, which is made again.
#[derive(Debug)]
pub struct SmallBuild {
    folder: PathBuf,
}

impl SmallBuild {
    /// Writes the packages into this folder, in place of what is there.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub fn write(folder: &Path) -> Result<SmallBuild, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(failed)?;
        }
        for (name, text) in FILES.into_iter().chain([("answer-sys/build.rs", BUILD)]) {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("below the folder")).map_err(failed)?;
            fs::write(path, text).map_err(failed)?;
        }
        Ok(SmallBuild { folder: folder.to_path_buf() })
    }

    /// Builds the program without the network, and reads it. `remapped`: the folder's own name is
    /// left out of it, in Rust and in C.
    ///
    /// # Errors
    ///
    /// If cargo fails; with what it says.
    pub fn build(&self, remapped: bool) -> Result<Vec<u8>, String> {
        let folder = self.folder.display();
        let (rust, c) = match remapped {
            true => (format!("--remap-path-prefix={folder}=."), format!("-ffile-prefix-map={folder}=.")),
            false => (String::new(), String::new()),
        };
        let output = Command::new(cargo())
            .args(["build", "--release", "--offline", "--target-dir", "target"])
            .current_dir(&self.folder)
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", rust)
            .env("CFLAGS", c)
            .output()
            .map_err(|error| format!("cargo does not run: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let program = self.folder.join("target/release").join(format!("answer{}", std::env::consts::EXE_SUFFIX));
        fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))
    }

    /// Changes the Rust of the program.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn change_the_rust(&self) -> Result<(), String> {
        let path = self.folder.join("answer/src/main.rs");
        fs::write(path, "fn main() {\n    println!(\"the answer is {}\", answer_sys::answer());\n}\n")
            .map_err(|error| error.to_string())
    }

    /// How often C was compiled.
    #[must_use]
    pub fn compiled(&self) -> usize {
        fs::read_to_string(self.folder.join("answer-sys/compiled.log")).map_or(0, |log| log.lines().count())
    }
}

/// The cargo that runs this program, or that of the shell.
#[must_use]
pub fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
