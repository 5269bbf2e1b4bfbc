//! Paths as a report shows them: relative to the workspace, wherever the program runs.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::enclosing;
use super::frames::{self, Frame};
use super::source::{self, SourceLine};
use crate::facts::{Facts, Memory};
use crate::rules::words::{Source, own_path};

/// The paths of one report.
pub(super) struct Paths<'a> {
    facts: &'a Facts,
    fault: &'a [Frame],
    /// The folder that the compiler's relative paths start from, known once a source was found.
    root: RefCell<Option<PathBuf>>,
}

impl<'a> Paths<'a> {
    pub(super) fn new(facts: &'a Facts, fault: &'a [Frame]) -> Paths<'a> {
        Paths { facts, fault, root: RefCell::default() }
    }

    /// The line of source of a place, for the callee of this name.
    pub(super) fn line(&self, at: Source<'_>, callee: &str) -> Option<String> {
        self.find(at, callee).map(|found| found.text)
    }

    /// The Rust function around a place, for the callee of this name.
    pub(super) fn enclosing(&self, at: Source<'_>, callee: &str) -> Option<String> {
        let found = self.find(at, callee)?;
        let text = std::fs::read_to_string(found.root.join(at.file)).ok()?;
        enclosing::enclosing(&text, usize::try_from(at.line).ok()?)
    }

    fn find(&self, at: Source<'_>, callee: &str) -> Option<SourceLine> {
        let Source { file, line, column } = at;
        let found = source::line(file, line, column, callee, None).or_else(|| {
            // Outside of the workspace, as where a target folder elsewhere has the program: the
            // debug information has the whole path of the files that it names.
            let root = self.root_by_frames(file)?;
            source::line(file, line, column, callee, Some(root))
        })?;
        // A whole path is found from any folder, so that it says nothing of the root.
        if Path::new(file).is_relative() {
            self.root.borrow_mut().get_or_insert_with(|| found.root.clone());
        }
        Some(found)
    }

    /// A path without what goes without saying.
    pub(super) fn short(&self, path: &str) -> String {
        shorten(path, self.root.borrow().as_deref())
    }

    /// The folder that this relative path starts from, if a frame of the report is in that file.
    fn root_by_frames(&self, file: &str) -> Option<PathBuf> {
        let blocks = [self.facts.memory.as_ref(), self.facts.target()];
        let traces = blocks.into_iter().flatten().filter_map(Memory::block).flat_map(|it| [it.allocated, it.freed]);
        let frames = traces.flat_map(frames::of_trace).chain(self.fault.iter().cloned());
        frames.filter_map(|frame| root_of(frame.file()?, file)).next()
    }
}

/// The folder of a path that ends with this relative one.
fn root_of(path: &Path, relative: &str) -> Option<PathBuf> {
    let relative = Path::new(relative);
    let names = relative.components().count();
    (relative.is_relative() && path.ends_with(relative)).then(|| path.ancestors().nth(names).map(Path::to_path_buf))?
}

/// A path without the folder of the workspace, or of the registry.
fn shorten(path: &str, root: Option<&Path>) -> String {
    if let Some(own) = own_path(path) {
        return own.into();
    }
    let path = Path::new(path);
    let here = std::env::current_dir().ok();
    // Cargo compiles a workspace from the folder of its lock file.
    let workspace = || path.ancestors().skip(1).find(|folder| folder.join("Cargo.lock").is_file());
    let folder = root.filter(|root| path.starts_with(root)).or_else(workspace).or(here.as_deref());
    let short = folder.and_then(|folder| path.strip_prefix(folder).ok()).unwrap_or(path);
    short.strip_prefix(".").unwrap_or(short).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_what_goes_without_saying() {
        assert_eq!(shorten("/ws/app/src/a.rs", Some(Path::new("/ws"))), "app/src/a.rs");
        assert_eq!(shorten("/u/.cargo/registry/src/index-1949/libz-1.0.0/src/lib.rs", None), "libz-1.0.0/src/lib.rs");
        assert_eq!(shorten("/u/.cargo/git/checkouts/z-0f1e/a1b2c3/src/lib.rs", None), "z-0f1e/a1b2c3/src/lib.rs");
        assert_eq!(shorten("/rustc/59807616e1fa/library/std/src/rt.rs", None), "library/std/src/rt.rs");
        assert_eq!(shorten("/elsewhere/x.c", None), "/elsewhere/x.c");
        assert_eq!(shorten("src/a.rs", Some(Path::new("/ws"))), "src/a.rs");
        assert_eq!(shorten("./src/a.rs", None), "src/a.rs");
    }

    #[test]
    fn the_workspace_is_found_by_its_lock_file() {
        let folder = std::env::temp_dir().join(format!("ffi-guard-paths-{}", std::process::id()));
        let file = folder.join("app/src/a.rs");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(folder.join("Cargo.lock"), "").unwrap();
        assert_eq!(shorten(file.to_str().unwrap(), None), "app/src/a.rs");
        assert_eq!(shorten(file.to_str().unwrap(), Some(Path::new("/ws"))), "app/src/a.rs");
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(shorten(file.to_str().unwrap(), None), file.to_str().unwrap());
    }

    #[test]
    fn a_frame_tells_where_a_relative_path_starts() {
        let root = |path: &str, relative| root_of(Path::new(path), relative);
        assert_eq!(root("/ws/app/src/a.rs", "app/src/a.rs"), Some("/ws".into()));
        assert_eq!(root("/ws/app/src/a.rs", "pp/src/a.rs"), None);
        assert_eq!(root("/ws/app/src/a.rs", "/ws/app/src/a.rs"), None);
    }
}
