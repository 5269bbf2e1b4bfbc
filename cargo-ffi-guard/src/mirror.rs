//! A package's files once more, in a folder of our own: those that are rewritten as files, all
//! others as links to where they are. Nothing of the user's is touched.
//!
//! The folder repeats the absolute path, so that a path out of the package (`include!("../../x")`)
//! leads to the same file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The files that are put in place of others, by absolute path.
pub(crate) type Changes = BTreeMap<PathBuf, String>;

/// Empties the mirror below `folder`.
pub(crate) fn clear(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir_all(folder),
    }
}

/// Adds files to the mirror below `folder`. `base` is the folder above which no path leads.
pub(crate) fn add(folder: &Path, base: &Path, changes: &Changes) -> io::Result<()> {
    let mut made = std::collections::BTreeSet::new();
    for (path, text) in changes {
        let parent = path.parent().unwrap_or(Path::new("/"));
        let above: Vec<&Path> = parent.ancestors().take_while(|above| above.starts_with(base)).collect();
        for above in above.into_iter().rev() {
            if made.insert(above.to_path_buf()) {
                folder_of_links(above, &place(folder, above))?;
            }
        }
        let new = place(folder, path);
        // The link to the original.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(place(folder, parent))?;
        std::fs::write(new, text)?;
    }
    Ok(())
}

/// Where a path lies in the mirror.
pub(crate) fn place(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path.components().filter(|part| matches!(part, Component::Normal(_))).collect::<PathBuf>())
}

/// A folder in which each entry of `original` is a link.
fn folder_of_links(original: &Path, copy: &Path) -> io::Result<()> {
    if copy.is_symlink() {
        std::fs::remove_file(copy)?;
    }
    std::fs::create_dir_all(copy)?;
    for entry in std::fs::read_dir(original)? {
        let entry = entry?;
        let link = copy.join(entry.file_name());
        if !link.is_symlink() && !link.exists() {
            make_link(&entry.path(), &link)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn make_link(original: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(original, link)
}

/// Links need a right that not every user has there: files are copied.
#[cfg(not(unix))]
fn make_link(original: &Path, link: &Path) -> io::Result<()> {
    if original.is_dir() { folder_of_links(original, link) } else { std::fs::copy(original, link).map(drop) }
}

/// The `.rs` files of a package: its folder without other packages, build output and hidden
/// folders.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                let is_other =
                    name.starts_with('.') || path.join("Cargo.toml").exists() || path.join("CACHEDIR.TAG").exists();
                if !is_other {
                    waiting.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
