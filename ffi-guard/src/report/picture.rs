//! The picture, drawn: Rust memory on the left, C memory on the right.

use super::width::{WIDTH, clip, columns};
use crate::rules::words::{Picture, Piece, Row};

/// Columns inside a box on the left, between the columns, and inside a box on the right.
const LEFT: usize = 31;
const BETWEEN: usize = 12;
const RIGHT: usize = 29;

/// Draws it, with box characters or without.
pub(super) fn draw(picture: &Picture, unicode: bool) -> Vec<String> {
    let lines = lines(picture);
    if unicode { lines } else { lines.iter().map(|line| ascii(line)).collect() }
}

fn lines(picture: &Picture) -> Vec<String> {
    let Picture { left, right, arrow, to_right, way } = picture;
    // Beside the second box, the way to it in words: its second line, as with the arrow above.
    let second = left.first().filter(|piece| piece.leads_down).map(|piece| piece.rows.len() + 4);
    let (left, right) = (column(left, LEFT), column(std::slice::from_ref(right), RIGHT));
    let mut lines = vec![format!("     {:<w$}C memory", "Rust memory", w = LEFT + 2 + BETWEEN)];
    let blank = " ".repeat(LEFT + 2);
    for row in 0..left.len().max(right.len()) {
        let between = match row {
            2 if *to_right => format!("{arrow:─>9}──▶"),
            2 => to_left(arrow),
            _ if second == Some(row) => clip(&format!("{} {}", to_left(way.0), way.1), WIDTH - LEFT - 5),
            _ => " ".repeat(BETWEEN),
        };
        let line =
            format!("   {}{between}{}", left.get(row).unwrap_or(&blank), right.get(row).map_or("", String::as_str));
        lines.push(line.trim_end().to_string());
    }
    lines
}

fn to_left(word: &str) -> String {
    format!("◀{word:─^w$}", w = BETWEEN - 1)
}

/// A name and the pointer it holds: the name gives way if there is no room for both.
fn holds(name: &str, pointer: usize, width: usize) -> String {
    let pointer = format!("{pointer:#x}");
    format!(" {}  {pointer}", clip(name, width.saturating_sub(3 + columns(&pointer))))
}

/// Draws the boxes of one column, one under the other.
fn column(pieces: &[Piece], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // The column of a line that comes down from the box above.
    let down = width - 3;
    let border = |ends: (char, char), dash: char, mark: Option<char>| {
        let middle = (0..width).map(|at| mark.filter(|_| at == down).unwrap_or(dash));
        [ends.0].into_iter().chain(middle).chain([ends.1]).collect::<String>()
    };
    for (number, piece) in pieces.iter().enumerate() {
        let (dash, side) = if piece.gone { ('╌', '╎') } else { ('─', '│') };
        let comes_down = number > 0 && pieces[number - 1].leads_down;
        if piece.joined {
            lines.pop();
            lines.push(border(('├', '┤'), '─', None));
        } else {
            lines.push(border(('┌', '┐'), dash, comes_down.then_some('▼')));
        }
        for (number, row) in piece.rows.iter().enumerate() {
            let points_down = piece.leads_down && number + 1 == piece.rows.len();
            let text = match row {
                Row::Text(text) => clip(text, width - 2),
                Row::Holds(name, pointer) => holds(name, *pointer, if points_down { width - 6 } else { width - 2 }),
            };
            let mut text = format!(" {text:<w$}", w = width - 1);
            if points_down {
                let used = columns(text.trim_end()) + 1;
                text = text.chars().take(used).collect::<String>() + &"─".repeat(down - used) + "┐  ";
            }
            lines.push(format!("{side}{text}{side}"));
        }
        lines.push(border(('└', '┘'), dash, piece.leads_down.then_some('┼')));
    }
    lines
}

/// The plain form of a picture, for terminals and logs that are not UTF-8.
fn ascii(line: &str) -> String {
    line.chars()
        .map(|c| match c {
            '─' | '╌' => '-',
            '│' => '|',
            '╎' => ':',
            '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┼' => '+',
            '◀' => '<',
            '▶' => '>',
            '▼' => 'v',
            '…' => '~',
            other => other,
        })
        .collect()
}
