//! Colour, in rustc's manner, put on a finished plain report: the words never depend on it.

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const BLUE: &str = "\x1b[1;34m";
const CYAN: &str = "\x1b[1;36m";
const GREEN: &str = "\x1b[1;32m";
const OFF: &str = "\x1b[0m";

/// Puts colour on a report; a warning's headline is yellow.
pub(super) fn paint(report: &str, warning: bool) -> String {
    let strong = if warning { YELLOW } else { RED };
    let mut painted = String::with_capacity(report.len() + 256);
    for (number, line) in report.lines().enumerate() {
        let start = line.trim_start();
        match start.split_once(": ") {
            Some((head, rest)) if number == 0 => {
                paint_parts(&mut painted, &[(strong, head), (BOLD, ": "), (BOLD, rest)])
            }
            _ if line.starts_with("help: ") => paint_parts(&mut painted, &[(CYAN, "help"), ("", &line[4..])]),
            _ if line.starts_with("note: ") => paint_parts(&mut painted, &[(GREEN, "note"), ("", &line[4..])]),
            _ if line.starts_with(" see: ") => paint_parts(&mut painted, &[(CYAN, " see"), ("", &line[4..])]),
            _ if start.starts_with("--> ") => {
                let arrow = line.len() - start.len() + 3;
                paint_parts(&mut painted, &[(BLUE, &line[..arrow]), ("", &line[arrow..])]);
            }
            _ => gutter(&mut painted, line, strong),
        }
        painted.push('\n');
    }
    painted
}

/// The lines of the snippet: `41 | code`, ` | ---- ^^^^ label`; all others stay plain.
fn gutter(painted: &mut String, line: &str, strong: &str) {
    let Some(bar) = line.find('|').filter(|&bar| line[..bar].chars().all(|c| c == ' ' || c.is_ascii_digit())) else {
        return painted.push_str(line);
    };
    let (gutter, rest) = line.split_at(bar + 1);
    paint_parts(painted, &[(BLUE, gutter)]);
    let marks = rest.trim_start();
    if marks.starts_with(['^', '-']) && gutter.trim() == "|" {
        paint_parts(painted, &[(strong, rest)]);
    } else {
        painted.push_str(rest);
    }
}

fn paint_parts(painted: &mut String, parts: &[(&str, &str)]) {
    for (colour, text) in parts {
        painted.push_str(colour);
        painted.push_str(text);
        if !colour.is_empty() {
            painted.push_str(OFF);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_adds_nothing_but_colour() {
        let plain = "ffi-guard[null_pointer]: `s` of `f` is null\n  --> src/a.rs:1:2\n   |\n 1 | f(s);\n   | - ^\n\n\
                     help: check\nnote: found\n see: docs\n\nsummary: ffi-guard: x\n";
        let painted = paint(plain, false);
        assert!(painted.starts_with("\x1b[1;31mffi-guard[null_pointer]\x1b[0m"), "{painted:?}");
        assert!(paint(plain, true).starts_with(YELLOW));
        let mut bare = painted;
        for code in [BOLD, RED, YELLOW, BLUE, CYAN, GREEN, OFF] {
            bare = bare.replace(code, "");
        }
        assert_eq!(bare, plain);
    }
}
