//! What earlier builds showed: functions whose type must stay as it is, packages that do not
//! compile in one form. A file for each package, which the crate's list of files names, so that
//! cargo builds it again if something was learnt.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::session;

/// What is known of one package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Learned {
    /// Functions whose address is taken.
    #[serde(default)]
    pub keep_abi: Vec<String>,
    /// How many forms of the package were tried and do not compile.
    #[serde(default)]
    pub failed_forms: usize,
    /// The first error of the last that failed.
    #[serde(default)]
    pub why: String,
}

impl Learned {
    /// The file for a package.
    pub(crate) fn path(folder: &Path, package: &str) -> PathBuf {
        folder.join("learned").join(format!("{package}.json"))
    }

    /// What is known. The file is made if there is none: the crate's list of files names it.
    pub(crate) fn read(folder: &Path, package: &str) -> Learned {
        let path = Self::path(folder, package);
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).unwrap_or_default(),
            Err(_) => {
                let learned = Learned::default();
                learned.write_as_old(folder, package);
                learned
            }
        }
    }

    /// Remembers it for later builds. True if it is new.
    pub(crate) fn write(&self, folder: &Path, package: &str) -> bool {
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        session::write_if_changed(&Self::path(folder, package), &text).unwrap_or(false)
    }

    /// Remembers what the build that is under way has already taken into account: it is no reason
    /// to build again.
    pub(crate) fn write_as_old(&self, folder: &Path, package: &str) {
        self.write(folder, package);
        if let Ok(file) = std::fs::File::options().append(true).open(Self::path(folder, package)) {
            // A stamp that stays new costs one more build.
            let _ = file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1));
        }
    }

    /// Adds functions that keep C's ABI. True if one of them is new.
    pub(crate) fn add(&mut self, names: &[String]) -> bool {
        let before = self.keep_abi.len();
        self.keep_abi.extend(names.iter().cloned());
        self.keep_abi.sort();
        self.keep_abi.dedup();
        self.keep_abi.len() > before
    }
}
