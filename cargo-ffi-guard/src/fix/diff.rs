//! An edit as a unified diff, with three lines around it.

use std::fmt::Write as _;

use super::declaration::Edit;

/// Lines that are shown on each side.
const AROUND: usize = 3;

/// The edit of this text as a diff. `path` is shown as it is given.
pub(crate) fn diff(path: &str, text: &str, edit: &Edit) -> String {
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |end| end + 1);
    let start = line_start(edit.range.start);
    // An insertion at the beginning of a line leaves that line as it is, if it brings whole lines.
    let is_whole = edit.range.is_empty() && start == edit.range.start && edit.text.ends_with('\n');
    let end = match is_whole {
        true => start,
        false => text[edit.range.end..].find('\n').map_or(text.len(), |length| edit.range.end + length + 1),
    };
    let old = &text[start..end];
    let new =
        format!("{}{}{}", &text[start..edit.range.start], edit.text, &text[edit.range.end..end.max(edit.range.end)]);
    let before: Vec<&str> = text[..start].lines().collect();
    let shown = &before[before.len().saturating_sub(AROUND)..];
    let after: Vec<&str> = text[end..].lines().take(AROUND).collect();
    let first = before.len() - shown.len() + 1;
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let around = shown.len() + after.len();
    let mut out = format!("--- {path}\n+++ {path}\n");
    let _ = writeln!(out, "@@ -{first},{} +{first},{} @@", around + old.len(), around + new.len());
    let parts = [(' ', shown), ('-', &old), ('+', &new), (' ', &after)];
    for (mark, line) in parts.iter().flat_map(|(mark, lines)| lines.iter().map(move |line| (mark, line))) {
        let _ = writeln!(out, "{mark}{line}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changed_line_is_shown_with_what_is_around_it() {
        let text = "1\n2\n3\n4\nf(p)\n6\n7\n8\n9\n";
        let at = text.find("p)").unwrap();
        let edit = Edit { range: at..at, text: "#[guard(out)] ".into() };
        let expected = "--- a\n+++ a\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-f(p)\n+f(#[guard(out)] p)\n 6\n 7\n 8\n";
        assert_eq!(diff("a", text, &edit), expected);
        let edit = Edit { range: 2..2, text: "new\n".into() };
        assert_eq!(diff("a", "1\n2\n", &edit), "--- a\n+++ a\n@@ -1,2 +1,3 @@\n 1\n+new\n 2\n");
        let edit = Edit { range: 0..0, text: "new\nnewer\n".into() };
        assert_eq!(diff("a", "", &edit), "--- a\n+++ a\n@@ -1,0 +1,2 @@\n+new\n+newer\n");
    }
}
