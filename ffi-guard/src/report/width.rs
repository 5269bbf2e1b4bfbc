//! The width of a report: counting columns, cutting texts, filling lines.

/// Columns of a report.
pub(super) const WIDTH: usize = 84;

/// Characters of a text. A wide character counts as one: terminals disagree on them, and most names
/// have none.
pub(super) fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Cuts a text down to `width` columns, at its end.
pub(super) fn clip(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.into();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Cuts a text down to `width` columns, at its start: the end of a path tells most.
pub(super) fn clip_start(text: &str, width: usize) -> String {
    let all = columns(text);
    if all <= width {
        return text.into();
    }
    ['…'].into_iter().chain(text.chars().skip(all - width.saturating_sub(1))).collect()
}

/// Fills lines: the first begins with `first`, the others with as many blanks. Code in backticks is
/// not broken.
pub(super) fn fill(first: &str, text: &str) -> Vec<String> {
    let indent = " ".repeat(columns(first));
    let mut lines = Vec::new();
    let mut line = first.to_string();
    let mut empty = true;
    for piece in pieces(text) {
        if !empty && columns(&line) + 1 + columns(piece) > WIDTH {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(piece);
        empty = false;
    }
    lines.push(line);
    lines
}

/// The unbreakable pieces of a text: words, and code in backticks with what clings to it.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut in_code) = (0, false);
    for (at, c) in text.char_indices() {
        match c {
            '`' => in_code = !in_code,
            ' ' if !in_code => {
                pieces.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&text[start..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_not_broken_across_lines() {
        let text = "word ".repeat(14) + "`let c = CString::new(s)?;` end";
        let lines = fill("help: ", &text);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], "      `let c = CString::new(s)?;` end");
    }

    #[test]
    fn names_are_cut_where_they_tell_least() {
        assert_eq!(clip("some_long_name", 5), "some…");
        assert_eq!(clip_start("a/very/long/path.rs", 8), "…path.rs");
    }
}
