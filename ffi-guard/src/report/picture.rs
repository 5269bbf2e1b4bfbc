//! The picture: Rust memory on the left, C memory on the right, and who points where.

use super::words::{WIDTH, bytes, clip, columns, state, word};
use super::{kept, written};
use crate::facts::{BlockFacts, Facts, Finding, Holder, Memory, Place, Why, WrongFree};
use crate::rule::Rule;

/// Columns inside a box on the left, between the columns, and inside a box on the right.
const LEFT: usize = 31;
const BETWEEN: usize = 12;
const RIGHT: usize = 29;

/// A box with a few short lines in it. Its second line is where the arrow between the columns starts or ends.
struct Area {
    rows: Vec<String>,
    /// Drawn dashed: memory that is gone, or was never the block's.
    gone: bool,
    /// Its last line points down to the next box.
    leads_down: bool,
    /// Stuck to the box above it.
    joined: bool,
}

impl Area {
    fn new(rows: Vec<String>) -> Area {
        Area { rows, gone: false, leads_down: false, joined: false }
    }
}

/// Draws it; no lines where there is nothing to point at. In Unicode: [`ascii`] turns it into the plain form.
pub(super) fn picture(facts: &Facts) -> Vec<String> {
    let (mut left, right, arrow) = match &facts.finding {
        Finding::NullPointer | Finding::WrongThread { .. } | Finding::StaleHandle(_) => return Vec::new(),
        Finding::ReturnedPointer { .. } => match &facts.memory {
            Some(target) => (vec![area(facts, target)], vec![argument(facts)], "◀─returned──"),
            None => return Vec::new(),
        },
        Finding::NestedPointer { holder, target, pointer } => nested(facts, holder, target, *pointer),
        Finding::DanglingPointer { holder, pointer } => match &facts.memory {
            Some(target) => dangling(facts, holder, target, *pointer),
            None => return Vec::new(),
        },
        Finding::RetainedPointer { place: place @ Place::RustBlock { .. }, word, .. } => left_in(facts, place, *word),
        Finding::RetainedPointer { place, word, .. } => (lent_area(facts), vec![global(place, *word)], "◀───kept────"),
        Finding::FreedWhileRetained { held: Some((place, word)), .. } => {
            (lent_area(facts), vec![global(place, *word)], "◀─dangling──")
        }
        Finding::FreedWhileRetained { held: None, .. } => return Vec::new(),
        Finding::AllocDeallocMismatch(wrong) | Finding::DoubleFree(wrong) => match freed(facts, wrong) {
            Some(picture) => picture,
            None => return Vec::new(),
        },
        Finding::LeakedOwnership { .. } => (lent_area(facts), vec![argument(facts)], "◀───owned───"),
        Finding::BufferOverflow { .. } | Finding::UseAfterFree { .. } if facts.call.is_none() => return Vec::new(),
        Finding::BufferOverflow { .. } | Finding::WriteThroughConst { .. } => {
            (lent_area(facts), vec![argument(facts)], "◀───lent────")
        }
        Finding::UseAfterFree { .. } => (lent_area(facts), vec![argument(facts)], "◀─dangling──"),
        Finding::OutOfBounds { .. } | Finding::UnterminatedString { .. } | Finding::MisalignedPointer { .. } => {
            (lent_area(facts), vec![argument(facts)], "◀───lent────")
        }
    };
    if left.is_empty() {
        return Vec::new();
    }
    if let Some(beyond) = beyond(facts) {
        left.push(beyond);
    }
    // Beside the second box, the way to it in words: its second line, as with the arrow above.
    let second = left.first().filter(|area| area.leads_down).map(|area| area.rows.len() + 4);
    let (left, right) = (column(&left, LEFT), column(&right, RIGHT));
    let mut lines = vec![format!("     {:<w$}C memory", "Rust memory", w = LEFT + 2 + BETWEEN)];
    for row in 0..left.len().max(right.len()) {
        let blank = " ".repeat(LEFT + 2);
        let between = match row {
            2 => arrow.to_string(),
            _ if second == Some(row) => way(facts),
            _ => " ".repeat(BETWEEN),
        };
        let line =
            format!("   {}{between}{}", left.get(row).unwrap_or(&blank), right.get(row).map_or("", String::as_str));
        lines.push(line.trim_end().to_string());
    }
    lines
}

/// `◀──nested─── C reaches it through `x``.
fn way(facts: &Facts) -> String {
    if let Finding::RetainedPointer { .. } = facts.finding {
        return "◀───kept──── C stored it there".into();
    }
    let arrow = if facts.rule() == Rule::DanglingPointer { "◀─dangling──" } else { "◀──nested───" };
    let through = facts.holder().and_then(word).unwrap_or_else(|| "the argument".into());
    clip(&format!("{arrow} C can reach it through {through}"), WIDTH - LEFT - 5)
}

/// In another Rust block: that one above, and below it what it leads to now.
fn left_in(facts: &Facts, place: &Place, word: usize) -> Picture {
    let Place::RustBlock { address, size, offset, parameter, field, .. } = place else {
        return (lent_area(facts), Vec::new(), "");
    };
    let label = field.clone().unwrap_or_else(|| format!("+{offset}"));
    let rows = vec![format!("{address:#x}"), format!("{}, live", bytes(*size)), row(&label, word, LEFT - 6)];
    let mut left = vec![Area { leads_down: true, ..Area::new(rows) }];
    left.extend(lent_area(facts));
    // Nothing known of what was lent: no line leads there.
    if left.len() == 1 {
        left[0].leads_down = false;
    }
    let function = facts.call.as_ref().map_or("C", |call| call.function.declaration.name);
    let right = Area::new(vec![clip(function, RIGHT - 2), row(parameter, *address, RIGHT - 2)]);
    (left, vec![right], "◀───lent────")
}

type Picture = (Vec<Area>, Vec<Area>, &'static str);

fn nested(facts: &Facts, holder: &Holder, target: &Memory, pointer: usize) -> Picture {
    match holder {
        Holder::Pointee { memory: memory @ (Memory::Heap(_) | Memory::Stack { .. }), .. } => {
            let mut outer = area(facts, memory);
            outer.rows.push(word_row(holder, pointer));
            outer.leads_down = true;
            (vec![outer, area(facts, target)], vec![argument(facts)], "◀───lent────")
        }
        _ => (vec![area(facts, target)], vec![outside(facts, holder, pointer)], "◀──nested───"),
    }
}

fn dangling(facts: &Facts, holder: &Holder, target: &Memory, pointer: usize) -> Picture {
    match holder {
        Holder::Pointee { memory: memory @ (Memory::Heap(_) | Memory::Stack { .. }), .. } => {
            let mut outer = area(facts, memory);
            outer.rows.push(word_row(holder, pointer));
            outer.leads_down = true;
            (vec![outer, area(facts, target)], vec![argument(facts)], "◀───lent────")
        }
        Holder::Argument | Holder::Result { .. } => (vec![area(facts, target)], vec![argument(facts)], "◀─dangling──"),
        _ => (vec![area(facts, target)], vec![outside(facts, holder, pointer)], "◀─dangling──"),
    }
}

/// A block that the other side's allocator got. What stays on Rust's side needs no picture.
fn freed(facts: &Facts, wrong: &WrongFree) -> Option<Picture> {
    let who = |width| Area::new(vec![wrong.asked.name().into(), row("ptr", wrong.address, width)]);
    if wrong.asked.is_c() {
        let left = lent_area(facts);
        return (!left.is_empty()).then(|| (left, vec![who(RIGHT - 2)], "◀───given───"));
    }
    let what = match (&wrong.c_block, &wrong.why) {
        (Some(block), _) => {
            let rows = vec![format!("{:#x}", block.address), format!("{}, {}", bytes(block.size), state(block))];
            Area { gone: !block.live, ..Area::new(rows) }
        }
        (None, Why::Outside(module)) => {
            let whose = module.as_deref().unwrap_or("not Rust's");
            Area::new(vec![format!("{:#x}", wrong.address), clip(whose, RIGHT - 2)])
        }
        _ => return None,
    };
    Some((vec![who(LEFT - 2)], vec![what], "────given──▶"))
}

fn lent_area(facts: &Facts) -> Vec<Area> {
    // What is not Rust's has no place in the left column.
    facts
        .lent()
        .filter(|memory| !matches!(memory, Memory::Foreign { .. }))
        .map(|memory| area(facts, memory))
        .into_iter()
        .collect()
}

/// The part behind the end that the call claims, or runs into.
fn beyond(facts: &Facts) -> Option<Area> {
    let text = match &facts.finding {
        Finding::OutOfBounds { stated, available } => match stated.bytes() {
            Some(all) => format!("{} past the end", bytes(all.saturating_sub(*available))),
            None => return None,
        },
        Finding::UnterminatedString { .. } => "no NUL up to here: C reads on".into(),
        _ => written::beyond(facts)?,
    };
    Some(Area { gone: true, joined: true, ..Area::new(vec![clip(&text, LEFT - 2)]) })
}

/// A piece of Rust memory.
fn area(facts: &Facts, memory: &Memory) -> Area {
    match memory {
        Memory::Heap(block) => {
            let rows = vec![format!("{:#x}", block.address), format!("{}, {}", bytes(block.size), fate(facts, block))];
            Area { gone: !block.live, ..Area::new(rows) }
        }
        Memory::Stack { address, size, thread: id } => {
            let what = match facts.finding {
                Finding::OutOfBounds { available, .. } => format!("{} to the stack's end", bytes(available)),
                _ if *size == 0 => format!("stack of thread {id}"),
                _ => format!("{}, stack of thread {id}", bytes(*size)),
            };
            Area::new(vec![format!("{address:#x}"), clip(&what, LEFT - 2)])
        }
        Memory::Foreign { address, size } => Area::new(vec![format!("{address:#x}"), bytes(*size)]),
    }
}

fn fate(facts: &Facts, block: &BlockFacts) -> String {
    match facts.finding {
        Finding::RetainedPointer { .. } if block.live => "live, loan over".into(),
        _ => state(block).into(),
    }
}

/// The argument on C's side: the function, and the pointer under its parameter's name.
fn argument(facts: &Facts) -> Area {
    let function = facts.call.as_ref().map_or("C", |call| call.function.declaration.name);
    let stand_in = if matches!(facts.holder(), Some(Holder::Result { .. })) { "result" } else { "argument" };
    let name = facts.parameter().map_or(stand_in, |parameter| parameter.name);
    let address = facts.argument.map_or(0, |argument| argument.address);
    Area::new(vec![clip(function, RIGHT - 2), row(name, address, RIGHT - 2)])
}

/// What holds the word when it is not in Rust memory: a struct by value, or C's own memory.
fn outside(facts: &Facts, holder: &Holder, pointer: usize) -> Area {
    let function = facts.call.as_ref().map_or("C", |call| call.function.declaration.name);
    let name = facts.parameter().map_or("argument", |parameter| parameter.name);
    let (title, word) = match holder {
        Holder::Argument | Holder::Result { .. } => return argument(facts),
        Holder::Value { field: Some(field), .. } => (clip(function, RIGHT - 2), format!("{name}.{field}")),
        Holder::Value { offset, .. } => (clip(function, RIGHT - 2), format!("{name}+{offset}")),
        Holder::Pointee { memory, .. } => {
            let (Memory::Foreign { address, size } | Memory::Stack { address, size, .. }) = memory else {
                return argument(facts);
            };
            (clip(&format!("{address:#x}, {}", bytes(*size)), RIGHT - 2), label(holder))
        }
    };
    Area::new(vec![title, row(&word, pointer, RIGHT - 2)])
}

fn global(place: &Place, word: usize) -> Area {
    let (title, offset) = kept::thing(place);
    Area::new(vec![clip(&title, RIGHT - 2), row(&format!("+{offset}"), word, RIGHT - 2)])
}

fn label(holder: &Holder) -> String {
    match holder {
        Holder::Argument | Holder::Result { .. } => String::new(),
        Holder::Value { field: Some(field), .. } | Holder::Pointee { field: Some(field), .. } => field.clone(),
        Holder::Value { offset, .. } | Holder::Pointee { offset, .. } => format!("+{offset}"),
    }
}

fn word_row(holder: &Holder, pointer: usize) -> String {
    row(&label(holder), pointer, LEFT - 6)
}

/// A name and the pointer it holds: the name gives way where both do not fit.
fn row(name: &str, pointer: usize, width: usize) -> String {
    let pointer = format!("{pointer:#x}");
    format!(" {}  {pointer}", clip(name, width.saturating_sub(3 + columns(&pointer))))
}

/// Draws the boxes of one column, one under the other.
fn column(areas: &[Area], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // Where a line comes down from the box above.
    let down = width - 3;
    let border = |ends: (char, char), dash: char, mark: Option<char>| {
        let middle = (0..width).map(|at| mark.filter(|_| at == down).unwrap_or(dash));
        [ends.0].into_iter().chain(middle).chain([ends.1]).collect::<String>()
    };
    for (number, area) in areas.iter().enumerate() {
        let (dash, side) = if area.gone { ('╌', '╎') } else { ('─', '│') };
        let comes_down = number > 0 && areas[number - 1].leads_down;
        if area.joined {
            lines.pop();
            lines.push(border(('├', '┤'), '─', None));
        } else {
            lines.push(border(('┌', '┐'), dash, comes_down.then_some('▼')));
        }
        for (row, text) in area.rows.iter().enumerate() {
            let mut text = format!(" {text:<w$}", w = width - 1);
            if area.leads_down && row + 1 == area.rows.len() {
                let used = columns(text.trim_end()) + 1;
                text = text.chars().take(used).collect::<String>() + &"─".repeat(down - used) + "┐  ";
            }
            lines.push(format!("{side}{text}{side}"));
        }
        lines.push(border(('└', '┘'), dash, area.leads_down.then_some('┼')));
    }
    lines
}

/// The plain form of a picture, for terminals and logs that are not UTF-8.
pub(super) fn ascii(line: &str) -> String {
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
