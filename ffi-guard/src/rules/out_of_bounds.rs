//! `out_of_bounds`: the pointee, or the extent that the call states, is larger than what is left of
//! the Rust block.
//!
//! C: `void fill(uint8_t *p, size_t n)`. Rust: `fill(v.as_mut_ptr(), v.capacity() + 1)`, or a
//! struct cast from a buffer that is shorter than the struct.
//!
//! Checked by [`check`], on entry to a call and to a callback.

use super::words::{
    Picture, Story, Value, Words, bytes, found_when_called, function, label, name, parameter, pointee, read_only,
    string, whose,
};
use crate::call::extent;
use crate::call::extent::StatedExtent;
use crate::call::target::{PointerArg, Target};
use crate::facts::{Facts, Finding, Memory, OutOfBounds};

#[inline]
pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    let end = match &look.target {
        Target::Heap(block) => block.start.wrapping_add(block.size),
        Target::Stack(stack) => stack.end,
        // The end of C memory is not known; a count that no memory can have is wrong wherever it
        // points.
        Target::Null | Target::Foreign | Target::LeftStack | Target::FreedByC(_) => usize::MAX,
    };
    let available = end.saturating_sub(look.argument.address);
    let stated = match extent::stated(look.argument) {
        Ok(bytes) if bytes <= available => return None,
        // All-ones and its neighbours, by which C says "none": the type alone states nothing of
        // memory that is not Rust's.
        Ok(_) if matches!(look.target, Target::Foreign) && look.argument.stated.is_unknown() => return None,
        Ok(_) => extent::described(look.argument),
        // Null with a nonsense count is how C spells "no buffer, no count".
        Err(_) if matches!(look.target, Target::Null) => return None,
        Err(stated @ (StatedExtent::Negative(_) | StatedExtent::TooLarge(_))) => stated,
        Err(_) => return None,
    };
    Some(Finding::OutOfBounds(OutOfBounds { stated, available }))
}

pub(super) fn words<'a>(&OutOfBounds { stated, available }: &OutOfBounds, facts: &'a Facts) -> Words<'a> {
    Words {
        sentence: (format!("{} {}", whose(facts), claimed(stated, available)), String::new()),
        label: label(
            facts,
            &format!(", of which {} are there", bytes(available)),
            &format!(", {}", claim(facts, stated, available)),
        ),
        // What does not exist did not cross.
        story: Story::of_crossing(facts, available, None),
        picture: picture(facts, stated, available),
        helps: helps(facts, stated, available),
        notes: notes(facts, stated),
        json: json(stated, available),
    }
}

/// How much of the stated extent is there.
fn claimed(stated: StatedExtent, available: usize) -> String {
    let there = if available == 0 { "none".to_string() } else { available.to_string() };
    match stated {
        StatedExtent::Type(size) => format!("has {there} of the {} of its type", bytes(size)),
        StatedExtent::Elements { count, size } => match count.checked_mul(size) {
            Some(all) => format!("has {there} of {all} stated bytes"),
            None => "states more bytes than memory has".into(),
        },
        StatedExtent::Negative(count) => format!("states a negative count, {count}"),
        StatedExtent::TooLarge(_) => "states more bytes than memory has".into(),
    }
}

/// `` `len` = 8 elements of 4 bytes, 24 bytes are left ``.
fn claim(facts: &Facts, stated: StatedExtent, available: usize) -> String {
    let by = match facts.parameter() {
        Some(parameter) if !parameter.extent.is_empty() => format!("`{}`", parameter.extent),
        _ => "the call".into(),
    };
    let left = format!("{} {} left", bytes(available), if available == 1 { "is" } else { "are" });
    match stated {
        StatedExtent::Type(size) => format!("{} for one, {left}", bytes(size)),
        StatedExtent::Elements { count, size: 1 } => format!("{by} = {}, {left}", bytes(count)),
        StatedExtent::Elements { count, size } => format!("{by} = {count} times {}, {left}", bytes(size)),
        StatedExtent::Negative(count) => format!("{by} = {count}"),
        // How much is left is known of Rust memory alone.
        StatedExtent::TooLarge(count) => match facts.lent() {
            Some(Memory::Heap(_) | Memory::Stack { .. }) => format!("{by} = {count}, {left}"),
            _ => format!("{by} = {count}"),
        },
    }
}

fn picture(facts: &Facts, stated: StatedExtent, available: usize) -> Option<Picture> {
    let mut picture = Picture::of_argument(facts, "lent")?;
    if let Some(Memory::Stack { .. }) = facts.lent() {
        picture = picture.described(format!("{} to the stack's end", bytes(available)));
    }
    Some(match stated.bytes() {
        Some(all) => picture.beyond(format!("{} past the end", bytes(all.saturating_sub(available)))),
        None => picture,
    })
}

fn helps(facts: &Facts, stated: StatedExtent, available: usize) -> Vec<String> {
    let (param, func) = (parameter(facts), function(facts));
    let count = facts.parameter().map(|p| p.extent).filter(|extent| !extent.is_empty()).unwrap_or("n");
    let bytes_of = if read_only(facts) { "*const u8" } else { "*mut u8" };
    let checked =
        format!("compute `{count}` with a check: `a.checked_sub(b)` and `a.checked_mul(b)` tell when it wraps");
    match stated {
        StatedExtent::Type(size) => vec![
            format!("pass at least {}: one whole `{}`", bytes(size), pointee(facts)),
            format!(
                "if {func} takes bytes and is told how many, declare {param} as `{bytes_of}` with \
                 `#[guard(counted_by = len)]`, `len` being the parameter that says it"
            ),
            format!("if C only hands {param} back and never looks inside, declare it `#[guard(opaque)]`"),
        ],
        StatedExtent::Elements { count: n, size } => {
            let mut helps = Vec::new();
            if size > 1 && n <= available {
                helps.push(format!(
                    "if `{count}` counts bytes, not elements of {}, declare {param} `#[guard(sized_by = {count})]`",
                    bytes(size)
                ));
            }
            helps.push(match available / size.max(1) {
                0 => format!("pass an address before the end of the memory, or a `{count}` of 0"),
                most => format!("pass the length that is there: a `{count}` of at most {most}"),
            });
            if matches!(facts.memory, Some(Memory::Heap(_))) {
                helps.push("or make the memory larger before the call: `vec.resize(new_len, value)`".into());
            }
            helps
        }
        StatedExtent::Negative(_) => vec![
            format!(
                "convert with a check, not with `as`: `c_int::try_from({}.len())?` never yields a negative count",
                name(facts)
            ),
            if string(facts) {
                format!(
                    "if a negative `{count}` means \"up to the NUL\", declare {param} `#[guard(text_by = {count})]` in its place"
                )
            } else {
                format!(
                    "if a negative `{count}` means something to {func}, take the count off the declaration of {param}"
                )
            },
        ],
        StatedExtent::TooLarge(_) if matches!(facts.lent(), None | Some(Memory::Foreign { .. })) => vec![checked],
        StatedExtent::TooLarge(_) => {
            vec![checked, format!("pass the length that is there: {} to the end of the memory", bytes(available))]
        }
    }
}

fn notes(facts: &Facts, stated: StatedExtent) -> Vec<String> {
    let by_count = matches!(stated, StatedExtent::Negative(_) | StatedExtent::TooLarge(_));
    if facts.is_callback() {
        return found_when_called(
            facts,
            if by_count { "from the count alone" } else { "in the table of Rust's blocks" },
        );
    }
    let how = match facts.memory {
        _ if by_count => "found before the call, from the count alone",
        Some(Memory::Stack { .. }) => "found before the call, from where the thread's stack ends",
        _ => "found before the call, in the table of Rust's blocks; the size is the one that Rust asked for",
    };
    vec![how.into()]
}

fn json(stated: StatedExtent, available: usize) -> Vec<(&'static str, Value<'static>)> {
    let mut members = match stated {
        StatedExtent::Type(size) => vec![("stated", Value::text("type")), ("bytes", Value::Number(size))],
        StatedExtent::Elements { count, size } => vec![
            ("stated", Value::text("elements")),
            ("count", Value::Number(count)),
            ("element_size", Value::Number(size)),
            ("bytes", Value::or_null(count.checked_mul(size), Value::Number)),
        ],
        // As texts: most readers of JSON keep no more than 53 bits of a number.
        StatedExtent::Negative(count) => {
            vec![("stated", Value::text("negative")), ("count", Value::text(count.to_string()))]
        }
        StatedExtent::TooLarge(count) => {
            vec![("stated", Value::text("too_large")), ("count", Value::text(count.to_string()))]
        }
    };
    members.push(("available", Value::Number(available)));
    members
}
