//! What cargo's own configuration says of the target and of rustc's wrapper: `cargo ffi-guard`
//! settles both on the command line, over the configuration.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One `config.toml`, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    build: Build,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Build {
    target: Option<Target>,
    rustc_wrapper: Option<String>,
    rustc_workspace_wrapper: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Target {
    One(String),
    Several(Vec<String>),
}

/// The variables that name a wrapper.
const VARIABLES: [&str; 4] =
    ["RUSTC_WRAPPER", "CARGO_BUILD_RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER"];

/// What is configured, the nearest file first.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Each file, and the folder that its relative programs count from.
    files: Vec<(PathBuf, Build)>,
}

impl Config {
    /// Reads the files that cargo reads in this folder.
    pub(crate) fn read(folder: &Path, cargo_home: Option<&Path>) -> Config {
        let above = folder.ancestors().map(|folder| folder.join(".cargo"));
        let mut config = Config::default();
        for folder in above.chain(cargo_home.map(Path::to_path_buf)) {
            let names = [folder.join("config"), folder.join("config.toml")];
            // A file that cannot be read, or is no TOML, is cargo's to report.
            let Some(text) = names.iter().find_map(|name| std::fs::read_to_string(name).ok()) else { continue };
            let base = folder.parent().unwrap_or(&folder).to_path_buf();
            config.files.extend(toml::from_str::<File>(&text).ok().map(|file| (base, file.build)));
        }
        config
    }

    /// `build.target`.
    ///
    /// # Errors
    ///
    /// It names several: one run checks one program.
    pub(crate) fn target(&self) -> Result<Option<String>, String> {
        match self.files.iter().find_map(|(_, build)| build.target.as_ref()) {
            None => Ok(None),
            Some(Target::One(target)) => Ok(Some(target.clone())),
            Some(Target::Several(targets)) => match targets.as_slice() {
                [target] => Ok(Some(target.clone())),
                _ => Err(format!("`build.target` names {}: choose one by --target", targets.join(", "))),
            },
        }
    }

    /// The wrapper of rustc: that of the environment, else the configured one.
    pub(crate) fn wrapper(&self) -> Option<PathBuf> {
        let in_environment = VARIABLES.iter().find_map(std::env::var_os).map(PathBuf::from);
        in_environment.or_else(|| self.configured_wrapper()).filter(|wrapper| !wrapper.as_os_str().is_empty())
    }

    fn configured_wrapper(&self) -> Option<PathBuf> {
        self.files.iter().find_map(|(base, build)| {
            let name = build.rustc_wrapper.as_ref().or(build.rustc_workspace_wrapper.as_ref())?;
            // A name alone is looked for on the path.
            Some(if name.contains('/') { base.join(name) } else { PathBuf::from(name) })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Config {
        Config { files: vec![("/base".into(), toml::from_str::<File>(text).unwrap().build)] }
    }

    #[test]
    fn a_target_is_one_or_has_to_be_chosen() {
        assert_eq!(of("[build]\ntarget = 'a'").target(), Ok(Some("a".into())));
        assert_eq!(of("build.target = ['a']").target(), Ok(Some("a".into())));
        assert_eq!(of("[target.x]\nlinker = 'l'").target(), Ok(None));
        assert!(of("build.target = ['a', 'b']").target().unwrap_err().contains("a, b: choose one by --target"));
    }

    #[test]
    fn a_wrapper_with_a_folder_counts_from_the_files() {
        assert_eq!(of("build.rustc-wrapper = 'sccache'").configured_wrapper(), Some("sccache".into()));
        assert_eq!(of("build.rustc-wrapper = 'tools/w'").configured_wrapper(), Some("/base/tools/w".into()));
        assert_eq!(of("build.rustc-workspace-wrapper = 'w'").configured_wrapper(), Some("w".into()));
        assert_eq!(of("").configured_wrapper(), None);
    }
}
