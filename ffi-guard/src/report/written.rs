//! The words of what C wrote where it had no business: `buffer_overflow`, `write_through_const`, `use_after_free`.

use super::words::{bytes, function, parameter, position, sized_block};
use crate::facts::{Change, Facts, Finding, Memory, Overwritten};
use crate::heap::Damage;

/// `4 bytes past the end`, `1 byte before the start`.
fn beside(damage: &Damage) -> String {
    let side = if damage.before { "before the start" } else { "past the end" };
    format!("{} {side}", bytes(damage.len))
}

fn block(facts: &Facts) -> String {
    match facts.memory.as_ref().and_then(Memory::block) {
        Some(block) => sized_block(block.size),
        None => "a block".into(),
    }
}

/// The finding in one sentence, and where exactly.
pub(super) fn sentence(facts: &Facts) -> (String, String) {
    let (param, func) = (parameter(facts), function(facts));
    let sentence = match &facts.finding {
        Finding::BufferOverflow { damage, overwritten: Overwritten::ByTheCall | Overwritten::BesideTheCopy { .. } } => {
            return (format!("C wrote {} of {param}", beside(damage)), format!(" in {func}"));
        }
        Finding::BufferOverflow { damage, .. } if facts.call.is_some() => {
            let sentence = format!("{} of {param} were overwritten", beside(damage));
            return (agree(sentence), format!(", lent to {func}"));
        }
        Finding::BufferOverflow { damage, .. } => format!("{} of {} were overwritten", beside(damage), block(facts)),
        Finding::WriteThroughConst { change, field } => {
            let place = match field {
                Some(field) => format!(", in `{field}`"),
                None => format!(", at byte {}", change.offset),
            };
            return (format!("C changed const {param} in {func}"), place);
        }
        Finding::UseAfterFree { damage, .. } if facts.call.is_some() => {
            let sentence = format!("{} of {param} were written after Rust freed it", bytes(damage.len));
            return (agree(sentence), format!(", lent to {func}"));
        }
        Finding::UseAfterFree { damage, .. } => {
            let size = facts.memory.as_ref().and_then(Memory::block).map_or(0, |block| block.size);
            format!("{} of a freed block of {} were written", bytes(damage.len), bytes(size))
        }
        _ => String::new(),
    };
    (agree(sentence), String::new())
}

/// One byte was, two were.
fn agree(sentence: String) -> String {
    if sentence.starts_with("1 byte ") { sentence.replacen(" were ", " was ", 1) } else { sentence }
}

/// The label under the call.
pub(super) fn label(facts: &Facts, who: &str) -> String {
    match &facts.finding {
        Finding::BufferOverflow { overwritten: Overwritten::ByTheCall, .. } => format!("{who}, in {}", block(facts)),
        Finding::BufferOverflow { overwritten: Overwritten::BesideTheCopy { size }, .. } => {
            format!("{who}, of which C got a copy of {}", bytes(*size))
        }
        Finding::WriteThroughConst { .. } => format!("{who}, lent for reading"),
        _ => format!("{who}, in that block: the last guarded call that was lent it"),
    }
}

/// Up to 16 bytes as a hex dump has them: `41 42 00 |AB.|`.
fn dump(shown: &[u8]) -> String {
    let hex: Vec<_> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String = shown.iter().map(|&byte| if (32..127).contains(&byte) { byte as char } else { '.' }).collect();
    format!("{} |{text}|", hex.join(" "))
}

fn shown(first: &[u8; 16], len: usize) -> &[u8] {
    first.get(..len.min(16)).unwrap_or(first)
}

/// `1 byte: byte 3 of a 24-byte block`, `4 bytes, from the start of a 24-byte block`.
fn from(len: usize, position: &str) -> String {
    if len == 1 { format!("1 byte: {position}") } else { format!("{}, from {position}", bytes(len)) }
}

/// The beats of what went wrong: their keys and words.
pub(super) fn story(facts: &Facts) -> Vec<(&'static str, String)> {
    let size = facts.memory.as_ref().and_then(Memory::block).map_or(0, |block| block.size);
    match &facts.finding {
        Finding::BufferOverflow { damage, overwritten } => {
            let size = if let Overwritten::BesideTheCopy { size } = overwritten { *size } else { size };
            let where_ = match damage.before {
                true => format!("{}, the first one {} before the start", bytes(damage.len), damage.offset),
                false => from(damage.len, &position(size + damage.offset, size)),
            };
            let of_the_copy = matches!(overwritten, Overwritten::BesideTheCopy { .. });
            let where_ = if of_the_copy { where_.replace("-byte block", "-byte copy") } else { where_ };
            let when = match overwritten {
                Overwritten::ByTheCall | Overwritten::BesideTheCopy { .. } => "they were whole before the call",
                Overwritten::BeforeACall => "found when the block was to be lent once more",
                Overwritten::BeforeTheFree => "found when Rust freed or resized the block",
                Overwritten::BeforeALook => "found by looking at every block",
            };
            let there = dump(shown(&damage.first_bytes, damage.len));
            vec![("overwritten", where_), ("there now", there), ("", when.into())]
        }
        Finding::WriteThroughConst { change, .. } => {
            let len = change.len;
            vec![
                ("changed", from(len, &format!("byte {} of what was lent", change.offset))),
                ("there before", dump(shown(&change.was, len))),
                ("there now", dump(shown(&change.now, len))),
            ]
        }
        Finding::UseAfterFree { damage, before_reuse } => {
            let when = match before_reuse {
                true => "found when its memory was to be used again",
                false => "found by looking at every block",
            };
            let there = dump(shown(&damage.first_bytes, damage.len));
            let where_ = from(damage.len, &position(damage.offset, size));
            vec![("written", where_), ("there now", there), ("", when.into())]
        }
        _ => Vec::new(),
    }
}

/// The part beside the block in the picture; `None` where nothing lies beside it.
pub(super) fn beyond(facts: &Facts) -> Option<String> {
    match &facts.finding {
        Finding::BufferOverflow { damage, .. } if !damage.before => Some(format!("overwritten: {}", bytes(damage.len))),
        _ => None,
    }
}

/// The ways out.
pub(super) fn helps(facts: &Facts) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    if facts.call.is_none() {
        return without_a_call(facts);
    }
    match &facts.finding {
        Finding::BufferOverflow { damage: Damage { before: true, .. }, .. } => vec![
            format!(
                "if C keeps a header before what it is lent, hand {func} an address with room before it: \
                 `buf[HEADER..].as_mut_ptr()` of a larger block"
            ),
            "else an index that goes below 0 in C: look where it counts down from".into(),
        ],
        Finding::BufferOverflow { damage, overwritten } => {
            let more = match facts.parameter().filter(|parameter| !parameter.extent.is_empty()) {
                Some(parameter) => {
                    format!("make the block as long as C writes: {} more than `{}` says", bytes(damage.len), parameter.extent)
                }
                None => format!(
                    "make the block as long as C writes: at least {} more (a NUL behind a text is one)",
                    bytes(damage.offset + damage.len)
                ),
            };
            let stated = facts.parameter().is_some_and(|parameter| !parameter.extent.is_empty());
            let second = if stated {
                format!("or have {func} write less: hand it a length that leaves room for what it adds")
            } else {
                format!(
                    "if {func} is told how much to write, declare {param} `#[guard(counted_by = ..)]`: then it is checked before C runs"
                )
            };
            let mut helps = vec![more, second];
            if !matches!(overwritten, Overwritten::BesideTheCopy { .. }) {
                helps.push("to have C stopped at the very write, run with GUARD=3".into());
            }
            helps
        }
        Finding::WriteThroughConst { .. } => vec![
            format!("if {func} writes there by design, declare {param} as `*mut`, and pass `&mut` or `as_mut_ptr()`"),
            "or hand it a copy of its own: `let mut copy = value.clone();`".into(),
            format!(
                "if C only keeps something of its own there (a cache, a count), declare {param} \
                 `#[guard(allow(write_through_const))]`"
            ),
        ],
        Finding::UseAfterFree { .. } => vec![
            "free the block after C has let go of it: the call that unsets it, or ends what holds it, goes before the drop"
                .into(),
            format!("or say that C keeps it: declare {param} `#[guard(retained)]`, and the free itself is checked"),
            "to have C stopped at the very write, run with GUARD=3".into(),
        ],
        _ => Vec::new(),
    }
}

/// The ways out where nobody knows who was lent the block.
fn without_a_call(facts: &Facts) -> Vec<String> {
    let who =
        "put `#[ffi_guard::guard]` on the extern blocks whose functions are lent it: then the call is named".into();
    let first = match &facts.finding {
        Finding::UseAfterFree { .. } => "free the block after everybody has let go of it".into(),
        Finding::BufferOverflow { damage: Damage { before: true, .. }, .. } => {
            "look for an index that goes below 0 where this block is written".into()
        }
        Finding::BufferOverflow { damage, .. } => format!(
            "make the block as long as what is written: at least {} more (a NUL behind a text is one)",
            bytes(damage.offset + damage.len)
        ),
        _ => return Vec::new(),
    };
    vec![first, who, "to have the program stopped at the very write, run with GUARD=3".into()]
}

/// What there is to know beside the finding.
pub(super) fn notes(facts: &Facts) -> Vec<String> {
    let who_is_not_known = match (&facts.call, facts.also.first()) {
        (None, _) => Some("no guarded call was lent this block, as far as it is remembered".to_owned()),
        (Some(_), Some(first)) => Some(format!(
            "which call did it is not known; the block was lent at {}:{}{} as well",
            first.file(),
            first.line(),
            if facts.also.len() > 1 { format!(" and {} more", facts.also.len() - 1) } else { String::new() }
        )),
        (Some(_), None) => {
            Some("whether that call did it is not known: it is the last that was lent the block".to_owned())
        }
    };
    let mut notes = match &facts.finding {
        Finding::BufferOverflow { damage, overwritten: Overwritten::BesideTheCopy { .. } } => vec![format!(
            "found by the canary that lies {} the copy that C worked on; no byte of Rust's was overwritten",
            if damage.before { "before" } else { "behind" }
        )],
        Finding::BufferOverflow { damage, overwritten } => {
            let mut notes = vec![format!(
                "found by the canary that lies {} each block of Rust's heap",
                if damage.before { "before" } else { "behind" }
            )];
            match overwritten {
                Overwritten::ByTheCall => {
                    notes.push("the canary is whole again: what is written there later is news".into())
                }
                _ => notes.extend(who_is_not_known),
            }
            notes
        }
        Finding::WriteThroughConst { change: Change { sampled, .. }, .. } => {
            let mut notes = vec!["found by comparing the bytes from before the call with those after it".to_owned()];
            if *sampled {
                notes.push(
                    "of what was lent, 64 KiB were compared, spread evenly; what lies between was not looked at".into(),
                );
            }
            notes.push(
                "Rust takes it that what is behind a `&` or a `*const` of its own does not change meanwhile".into(),
            );
            notes
        }
        Finding::UseAfterFree { .. } => {
            let mut notes =
                vec!["found by the pattern that freed memory is filled with: a part of it is gone".to_owned()];
            notes.extend(who_is_not_known);
            notes
        }
        _ => Vec::new(),
    };
    notes.dedup();
    notes
}
