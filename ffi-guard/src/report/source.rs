//! The line of source that made the call, and the parts of it to underline.

use std::path::{Path, PathBuf};

/// The folders in which sources are looked for: the compiler notes paths relative to the workspace,
/// and a program runs anywhere in it.
fn roots() -> Vec<PathBuf> {
    let mut roots = Vec::new();
    let starts = [
        std::env::current_dir().ok(),
        // Cargo sets it for `cargo run` and `cargo test`.
        std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
        std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_path_buf)),
    ];
    for start in starts.into_iter().flatten() {
        for folder in start.ancestors() {
            if !roots.iter().any(|root| root == folder) {
                roots.push(folder.to_path_buf());
            }
        }
    }
    roots
}

/// A line of a source file, and the folder that its path is relative to.
pub(super) struct SourceLine {
    pub(super) text: String,
    pub(super) root: PathBuf,
}

/// Reads one line of a file. Of several files by this path (`src/main.rs` of the workspace and of a
/// member), the one whose line names `callee` at the column; else the first whose line has code
/// there. `None`: no source, or another one. With `root`, that folder alone is looked into.
pub(super) fn line(file: &str, line: u32, column: u32, callee: &str, root: Option<PathBuf>) -> Option<SourceLine> {
    let candidates: Vec<SourceLine> = root
        .map_or_else(roots, |root| vec![root])
        .into_iter()
        .filter_map(|root| {
            let text = std::fs::read_to_string(root.join(file)).ok()?;
            let text = text.lines().nth(line.checked_sub(1)? as usize)?.to_string();
            let code = from_column(&text, column)?;
            code.starts_with(|c: char| !c.is_whitespace()).then_some(SourceLine { text, root })
        })
        .collect();
    let calls =
        |line: &SourceLine| from_column(&line.text, column).is_some_and(|code| code[..path(code)].ends_with(callee));
    let best = candidates.iter().position(calls).unwrap_or(0);
    candidates.into_iter().nth(best)
}

/// The text from a column on, counted in characters from 1.
fn from_column(text: &str, column: u32) -> Option<&str> {
    let (at, _) = text.char_indices().nth(column.checked_sub(1)? as usize)?;
    Some(&text[at..])
}

/// Bytes of the path of a call at the start of `code`: `ffi::store` of `ffi::store(p)`.
fn path(code: &str) -> usize {
    // The text between `::<` and its `>` may have any form.
    let (mut depth, mut last) = (0_u32, ' ');
    for (at, c) in code.char_indices() {
        match c {
            '<' if depth > 0 || last == ':' => depth += 1,
            '>' if depth > 0 && last != '-' => depth -= 1,
            _ if depth > 0 || c.is_alphanumeric() || "_:#!".contains(c) => {}
            _ => return at,
        }
        last = c;
    }
    code.len()
}

/// The parts of a line to underline: the callee, and the argument if it can be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Underline {
    /// Characters before the callee, and its length.
    pub(super) callee: (usize, usize),
    /// Characters before the argument, and its length.
    pub(super) argument: Option<(usize, usize)>,
}

/// Finds the parts of a line to underline. `column` counts from 1, `argument` from 0.
pub(super) fn underline(text: &str, column: u32, argument: Option<usize>) -> Underline {
    let before = (column as usize).saturating_sub(1);
    let code = from_column(text, column).unwrap_or("");
    let callee = path(code).max(1);
    let span = argument.and_then(|nth| nth_argument(code.get(callee..)?, nth)).map(|(from, to)| {
        let from = from + callee;
        let to = to + callee;
        (before + code[..from].chars().count(), code[from..to].chars().count())
    });
    Underline { callee: (before, code.get(..callee).map_or(1, |path| path.chars().count())), argument: span }
}

/// The bytes of the n-th argument of `(a, f(b), c)`; `None` if the line does not hold all of it.
fn nth_argument(call: &str, nth: usize) -> Option<(usize, usize)> {
    let mut depth = 0_u32;
    let mut index = 0;
    let mut start = None;
    let mut chars = call.char_indices();
    if !call.starts_with('(') {
        return None;
    }
    while let Some((at, c)) = chars.next() {
        match c {
            '(' | '[' | '{' => {
                depth += 1;
                if depth == 1 {
                    start = Some(1);
                }
            }
            ')' | ']' | '}' => {
                depth -= 1;
                if depth == 0 {
                    return (index == nth).then(|| trimmed(call, start?, at)).flatten();
                }
            }
            ',' if depth == 1 => {
                if index == nth {
                    return trimmed(call, start?, at);
                }
                index += 1;
                start = Some(at + 1);
            }
            '"' => {
                while let Some((_, c)) = chars.next() {
                    match c {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            // A character literal; of a lifetime, no second quote follows so soon.
            '\'' => {
                let rest = &call[at + 1..];
                let length = rest.char_indices().nth(usize::from(rest.starts_with('\\')) + 1);
                if let Some((quote, '\'')) = length {
                    while chars.clone().next().is_some_and(|(next, _)| next <= at + 1 + quote) {
                        chars.next();
                    }
                }
            }
            _ => {}
        }
    }
    None
}

fn trimmed(call: &str, from: usize, to: usize) -> Option<(usize, usize)> {
    let text = &call[from..to];
    let start = from + (text.len() - text.trim_start().len());
    let end = to - (text.len() - text.trim_end().len());
    (start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argument(text: &str, column: u32, nth: usize) -> Option<String> {
        let (from, length) = underline(text, column, Some(nth)).argument?;
        Some(text.chars().skip(from).take(length).collect())
    }

    #[test]
    fn the_argument_is_found_in_the_line() {
        let text = r#"    unsafe { ffi::f(c"a,(".as_ptr(), ')', g(x, [y, z]), &mut s) };"#;
        assert_eq!(underline(text, 14, None).callee, (13, 6));
        assert_eq!(argument(text, 14, 0).as_deref(), Some(r#"c"a,(".as_ptr()"#));
        assert_eq!(argument(text, 14, 1).as_deref(), Some("')'"));
        assert_eq!(argument(text, 14, 2).as_deref(), Some("g(x, [y, z])"));
        assert_eq!(argument(text, 14, 3).as_deref(), Some("&mut s"));
        assert_eq!(argument(text, 14, 4), None);
        assert_eq!(argument("    f(a,", 5, 0).as_deref(), Some("a"));
        assert_eq!(argument("    f(a,", 5, 1), None);
        assert_eq!(argument(r"f('\'', '\n', b)", 1, 2).as_deref(), Some("b"));
        assert_eq!(argument("f::<'a>(b)", 1, 0).as_deref(), Some("b"));
        assert_eq!(argument("H::<Vec<fn() -> T>>::with(b)", 1, 0).as_deref(), Some("b"));
    }

    #[test]
    fn columns_past_the_line_are_no_reason_to_panic() {
        assert_eq!(underline("", 99, Some(0)).argument, None);
        assert!(line("no/such/file.rs", 1, 1, "f", None).is_none());
        assert!(from_column("ü = f(x)", 5).is_some_and(|code| code.starts_with('f')));
    }
}
