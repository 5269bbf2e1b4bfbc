//! What a picture shows: Rust memory on the left, C memory on the right, and who points where.

use super::kept;
use super::phrases::{bytes, state, word};
use crate::facts::{Facts, Holder, Memory, Place};

/// A picture. `report/picture.rs` draws it.
pub(crate) struct Picture {
    /// The boxes on Rust's side, one under the other.
    pub(crate) left: Vec<Piece>,
    /// The box on C's side.
    pub(crate) right: Piece,
    /// The word in the arrow between the first boxes.
    pub(crate) arrow: &'static str,
    /// Whether the arrow leads from Rust's side to C's.
    pub(crate) to_right: bool,
    /// The word in the arrow beside the second box on the left, if the first leads to it, and what
    /// follows the arrow.
    pub(crate) way: (&'static str, String),
}

/// A box with a few short lines in it. The arrow starts or ends at its second line.
pub(crate) struct Piece {
    pub(crate) rows: Vec<Row>,
    /// Drawn dashed: memory that is gone, or was never the block's.
    pub(crate) gone: bool,
    /// Its last line points down to the next box.
    pub(crate) leads_down: bool,
    /// Stuck to the box above it.
    pub(crate) joined: bool,
}

/// A line in a box.
pub(crate) enum Row {
    Text(String),
    /// A name, and the pointer that it holds.
    Holds(String, usize),
}

impl Picture {
    /// What was lent, with an arrow to it from C's side; `None` if nothing is known of it.
    pub(crate) fn new(facts: &Facts, right: Piece, arrow: &'static str) -> Option<Picture> {
        // What is not Rust's has no place in the left column.
        let is_rusts = |memory: &&Memory| !matches!(memory, Memory::Foreign { .. }) && memory.of_c().is_none();
        let lent = facts.lent().filter(is_rusts)?;
        Some(Picture { left: vec![Piece::of(lent)], right, arrow, to_right: false, way: ("", String::new()) })
    }

    /// What was lent, and on C's side the argument that leads to it.
    pub(crate) fn of_argument(facts: &Facts, arrow: &'static str) -> Option<Picture> {
        Picture::new(facts, Piece::argument(facts), arrow)
    }

    /// What was lent, and on C's side the place that holds this word.
    pub(crate) fn of_place(facts: &Facts, place: &Place, word: usize, arrow: &'static str) -> Option<Picture> {
        let (title, offset) = kept::thing(place);
        Picture::new(facts, Piece::new([Row::Text(title), Row::Holds(format!("+{offset}"), word)]), arrow)
    }

    /// A pointer that was found in what crossed, and its target.
    pub(crate) fn of_word(
        facts: &Facts,
        holder: &Holder,
        pointer: usize,
        target: &Memory,
        arrow: &'static str,
    ) -> Picture {
        let through = facts.holder().and_then(word).unwrap_or_else(|| "the argument".into());
        let way = (arrow, format!("C can reach it through {through}"));
        let target = Piece::of(target);
        let Holder::Pointee { memory: memory @ (Memory::Heap(_) | Memory::Stack { .. }), .. } = holder else {
            let right = Piece::outside(facts, holder, pointer);
            return Picture { left: vec![target], right, arrow, to_right: false, way };
        };
        let mut outer = Piece { leads_down: true, ..Piece::of(memory) };
        outer.rows.push(Row::Holds(name_of(holder), pointer));
        Picture { left: vec![outer, target], right: Piece::argument(facts), arrow: "lent", to_right: false, way }
    }

    /// This picture, with another second line in its first box.
    pub(crate) fn described(mut self, what: String) -> Picture {
        if let Some(row) = self.left.first_mut().and_then(|piece| piece.rows.get_mut(1)) {
            *row = Row::Text(what);
        }
        self
    }

    /// This picture, with a part beyond the end of what was lent.
    pub(crate) fn beyond(mut self, what: String) -> Picture {
        self.left.push(Piece { gone: true, joined: true, ..Piece::new([Row::Text(what)]) });
        self
    }
}

impl Piece {
    pub(crate) fn new(rows: impl Into<Vec<Row>>) -> Piece {
        Piece { rows: rows.into(), gone: false, leads_down: false, joined: false }
    }

    /// A piece of memory.
    pub(crate) fn of(memory: &Memory) -> Piece {
        let (address, what, gone) = match memory {
            Memory::Heap(block) => (block.address, format!("{}, {}", bytes(block.size), state(block)), !block.live),
            Memory::Stack { address, size: 0, thread } => (*address, format!("stack of thread {thread}"), false),
            Memory::Stack { address, size, thread } => {
                (*address, format!("{}, stack of thread {thread}", bytes(*size)), false)
            }
            Memory::Foreign { address, size } => (*address, bytes(*size), false),
        };
        Piece { gone, ..Piece::new([Row::Text(format!("{address:#x}")), Row::Text(what)]) }
    }

    /// The argument on C's side: the function, and the pointer under its parameter's name.
    pub(crate) fn argument(facts: &Facts) -> Piece {
        let stand_in = if facts.is_about_result() { "result" } else { "argument" };
        let name = facts.parameter().map_or(stand_in, |parameter| parameter.name);
        let address = facts.argument.map_or(0, |argument| argument.address);
        Piece::new([function_row(facts), Row::Holds(name.into(), address)])
    }

    /// What holds the word if that is not Rust memory: a struct by value, or C's own memory.
    fn outside(facts: &Facts, holder: &Holder, pointer: usize) -> Piece {
        let name = facts.parameter().map_or("argument", |parameter| parameter.name);
        let (title, word) = match holder {
            Holder::Value { field: Some(field), .. } => (function_row(facts), format!("{name}.{field}")),
            Holder::Value { offset, .. } => (function_row(facts), format!("{name}+{offset}")),
            Holder::Pointee {
                memory: Memory::Foreign { address, size } | Memory::Stack { address, size, .. }, ..
            } => (Row::Text(format!("{address:#x}, {}", bytes(*size))), name_of(holder)),
            Holder::CBlock { memory: Memory::Foreign { size, .. }, .. } => {
                (Row::Text(format!("{} of C's heap", bytes(*size))), name_of(holder))
            }
            Holder::Argument
            | Holder::Result { .. }
            | Holder::Pointee { memory: Memory::Heap(_), .. }
            | Holder::CBlock { .. } => {
                return Piece::argument(facts);
            }
        };
        Piece::new([title, Row::Holds(word, pointer)])
    }
}

/// The line with the function's name.
pub(crate) fn function_row(facts: &Facts) -> Row {
    Row::Text(facts.call.as_ref().map_or("C", |call| call.function.declaration.name).into())
}

fn name_of(holder: &Holder) -> String {
    match holder {
        Holder::Argument | Holder::Result { .. } => String::new(),
        Holder::Value { field: Some(field), .. } | Holder::Pointee { field: Some(field), .. } => field.clone(),
        Holder::Value { offset, .. } | Holder::Pointee { offset, .. } | Holder::CBlock { offset, .. } => {
            format!("+{offset}")
        }
    }
}
