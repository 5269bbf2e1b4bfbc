//! A workspace in a folder of the target folder: the package `app`, which depends on `text-sys`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program on disk. Its target folder, which all of them share, is kept between runs.
pub(crate) struct Program {
    folder: PathBuf,
}

impl Program {
    /// The workspace, with empty sources.
    pub(crate) fn new(name: &str) -> Program {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs").join(name);
        let _ = std::fs::remove_dir_all(&folder);
        let program = Program { folder };
        program.write(
            "Cargo.toml",
            &format!(
                "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
                 [dependencies]\ntext-sys = {{ path = \"sys\" }}\n\n[profile.dev]\ndebug = 1\n# {name}\n"
            ),
        );
        program.write("sys/Cargo.toml", "[package]\nname = \"text-sys\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        program
    }

    /// Adds a file.
    pub(crate) fn file(self, path: &str, text: &str) -> Program {
        self.write(path, text);
        self
    }

    /// Sets the edition of the package in a folder.
    pub(crate) fn edition(self, package: &str, edition: &str) -> Program {
        let path = format!("{package}/Cargo.toml");
        let text = std::fs::read_to_string(self.folder.join(&path)).unwrap_or_default();
        self.write(&path, &text.replace("2024", edition));
        self
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The path of a file.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.join(path)).unwrap()
    }

    /// The files that are the user's, but for what cargo itself makes.
    pub(crate) fn sources(&self) -> BTreeMap<PathBuf, String> {
        let mut sources = BTreeMap::new();
        let mut waiting = vec![self.folder.clone()];
        while let Some(folder) = waiting.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    waiting.push(path);
                } else if !path.ends_with("Cargo.lock") {
                    sources.insert(path.clone(), std::fs::read_to_string(path).unwrap());
                }
            }
        }
        sources
    }

    /// Runs `cargo ffi-guard` in the workspace, level 2 if the arguments name none.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, &[])
    }

    /// Runs it with these variables.
    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &Path)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-ffi-guard"));
        command.arg("ffi-guard").args(arguments).current_dir(&self.folder);
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("GUARD") || name_text.starts_with("CARGO_PKG") || name_text.starts_with("RUSTC") {
                command.env_remove(&name);
            }
        }
        // One build of ffi-guard serves all programs; each has a folder of its own inside.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs-target");
        let output = command
            .env("CARGO_TARGET_DIR", target.join(self.folder.file_name().unwrap_or_default()))
            .env("CARGO_FFI_GUARD_RUNTIME_DIR", target)
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        Said {
            success: output.status.success(),
            code: output.status.code(),
            text: String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        }
    }
}

/// What a run printed.
pub(crate) struct Said {
    pub(crate) success: bool,
    /// The exit status.
    pub(crate) code: Option<i32>,
    text: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn succeeded(&self) -> &Said {
        assert!(self.success, "{self}");
        self
    }

    #[track_caller]
    pub(crate) fn has(&self, words: &str) -> &Said {
        assert!(self.text.contains(words), "no `{words}` in:\n{self}");
        self
    }

    /// The object that it printed.
    #[track_caller]
    pub(crate) fn object(&self) -> &str {
        let (start, end) = (self.text.find("{\n").unwrap(), self.text.find("\n}").unwrap());
        &self.text[start..end + 2]
    }

    /// The array that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> &str {
        let (start, end) = (self.text.find("[\n").unwrap(), self.text.find("\n]").unwrap());
        &self.text[start..end + 2]
    }

    #[track_caller]
    pub(crate) fn lacks(&self, words: &str) -> &Said {
        assert!(!self.text.contains(words), "`{words}` in:\n{self}");
        self
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
