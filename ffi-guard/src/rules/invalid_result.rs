//! `invalid_result`: what C gives back is not what the declaration says of it.
//!
//! C: `const char *name(void)`, which returns NULL for what has no name. Rust:
//! `CStr::from_ptr(name())`. Or a buffer and its length, null and 0 for an empty one, which become
//! `slice::from_raw_parts(null, 0)`.
//!
//! `returns(nonnull)`, `cstr`, `utf8`, `aligned = n`, `counted_by = *n`, `sized_by = *n` and
//! `at_most = n` say what is given back.
//!
//! Checked by [`check_pointer`] and [`check_number`] when C has returned (`answers/promised.rs`),
//! and by [`check_over`], [`check_null`] and [`check_text`] on entry to a callback.

use super::words::{Beat, Story, Value, Words, bytes, found_when_called, function, label, name, parameter, whose};
use crate::call::argument::{Argument, Over, Stated};
use crate::call::count::Count;
use crate::call::declaration::Contract;
use crate::call::extent;
use crate::call::target::{PointerArg, Target, is_freed_by_c};
use crate::facts::{Facts, Finding, InvalidResult};
use crate::platform::read;

/// Addresses below this one are never of memory.
const FIRST_PAGE: usize = 4096;
/// Bytes of a text that are looked at.
const MOST: usize = 1 << 16;

/// Checks an address that C gives back. `stated`: how many elements of `size` bytes it leads to;
/// `left`: bytes from there to the end of the block, if that is known.
pub(crate) fn check_pointer(
    address: usize,
    contract: Contract,
    (stated, size): (Stated, usize),
    left: Option<usize>,
) -> Option<Finding> {
    let found = |seen| Some(Finding::InvalidResult(seen));
    let counted = match stated {
        Stated::Elements(Count::Fits(count)) => Some((count, count.checked_mul(size))),
        Stated::Bytes(Count::Fits(count)) => Some((count, Some(count))),
        Stated::Elements(Count::Negative(count)) | Stated::Bytes(Count::Negative(count)) => {
            return found(InvalidResult::NoCount { count: count.into() });
        }
        Stated::Elements(Count::TooLarge(count)) | Stated::Bytes(Count::TooLarge(count)) => {
            return found(InvalidResult::NoCount { count: count.into() });
        }
        Stated::No | Stated::Text(_) | Stated::Unread(_) | Stated::Over(_) => None,
    };
    if address == 0 {
        return match counted {
            Some((0, _)) if contract.may_be_null_when_empty() => None,
            Some((count, _)) => found(InvalidResult::NullWithCount { count }),
            None if contract.is_nonnull() => found(InvalidResult::Null),
            None => None,
        };
    }
    if address & (contract.alignment() - 1) != 0 {
        return found(InvalidResult::Misaligned { align: contract.alignment() });
    }
    let mut length = None;
    if let Some((count, bytes)) = counted {
        let Some(bytes) = bytes.filter(|bytes| isize::try_from(*bytes).is_ok()) else {
            return found(InvalidResult::NoCount { count: count as i128 });
        };
        if let Some(available) = left.filter(|left| *left < bytes) {
            return found(InvalidResult::PastTheBlock { bytes, available });
        }
        length = Some(bytes);
    } else if contract.is_cstr() || contract.is_utf8() {
        if address < FIRST_PAGE {
            return found(InvalidResult::Unterminated { searched: 0 });
        }
        if let Some(searched) = left {
            // SAFETY: the bytes are the rest of a live block.
            length = unsafe { read::nul(address, searched) };
            if length.is_none() {
                return found(InvalidResult::Unterminated { searched });
            }
        }
    }
    if !contract.is_utf8() {
        return None;
    }
    not_utf8(address, length).and_then(found)
}

/// Looks for what is no UTF-8 in a text, of this length or up to its NUL. What cannot be read is
/// not looked at.
fn not_utf8(address: usize, length: Option<usize>) -> Option<InvalidResult> {
    const CHUNK: usize = 4096;
    let mut text = Vec::new();
    let most = length.unwrap_or(MOST).min(MOST);
    while text.len() < most {
        let at = address + text.len();
        // Up to the end of its page: behind it there may be none.
        let chunk = (CHUNK - at % CHUNK).min(most - text.len());
        let mut bytes = vec![0; chunk];
        read::read(at, &mut bytes)?;
        if let (None, Some(nul)) = (length, bytes.iter().position(|byte| *byte == 0)) {
            text.extend_from_slice(bytes.get(..nul)?);
            break;
        }
        text.extend_from_slice(&bytes);
    }
    let error = std::str::from_utf8(&text).err()?;
    let offset = error.valid_up_to();
    // The bytes that were looked at may end within a character.
    let is_cut = error.error_len().is_none() && text.len() == MOST;
    (!is_cut).then(|| InvalidResult::NotUtf8 { offset, byte: text.get(offset).copied().unwrap_or(0) })
}

/// Checks a number that C gives back against the most that it may be.
pub(crate) fn check_number(number: Count, most: Count) -> Option<Finding> {
    let (number, most) = (value(number), value(most));
    let most = Some(most);
    (number < 0 || most < Some(number)).then_some(Finding::InvalidResult(InvalidResult::OutOfRange { number, most }))
}

fn value(count: Count) -> i128 {
    match count {
        Count::Fits(count) => count as i128,
        Count::Negative(count) => count.into(),
        Count::TooLarge(count) => count.into(),
    }
}

/// Checks a number that C hands to a callback.
pub(crate) fn check_over(argument: &Argument) -> Option<Finding> {
    let Stated::Over(Over { number }) = argument.stated else { return None };
    Some(Finding::InvalidResult(InvalidResult::OutOfRange { number: number.into(), most: None }))
}

/// Checks null that C hands to a callback with a count of more than none.
pub(crate) fn check_null(look: &PointerArg<'_>) -> Option<Finding> {
    if look.argument.address != 0 {
        return None;
    }
    match look.argument.stated {
        Stated::Elements(Count::Fits(count)) | Stated::Bytes(Count::Fits(count)) if count > 0 => {
            Some(Finding::InvalidResult(InvalidResult::NullWithCount { count }))
        }
        _ => None,
    }
}

/// Checks a text that C hands to a callback, declared `utf8`.
pub(crate) fn check_text(look: &PointerArg<'_>) -> Option<Finding> {
    let PointerArg { argument, contract, target, .. } = look;
    let size = if extent::untyped(argument) { 1 } else { argument.info.size };
    check_pointer(argument.address, *contract, (argument.stated, size), left(argument.address, target))
}

/// Bytes from an address to the end of its live block, if it is in one.
pub(crate) fn left(address: usize, target: &Target) -> Option<usize> {
    match target {
        Target::Heap(block) if block.live => (block.start + block.size).checked_sub(address),
        Target::Stack(stack) => stack.end.checked_sub(address),
        _ if is_freed_by_c(address) => None,
        #[cfg(feature = "c-heap")]
        _ => crate::heap::lookup_c(address).and_then(|block| (block.start + block.size).checked_sub(address)),
        #[cfg(not(feature = "c-heap"))]
        _ => None,
    }
}

pub(super) fn words(seen: InvalidResult, facts: &Facts) -> Words<'_> {
    let func = function(facts);
    let of_result = facts.is_about_result();
    // What C returned, or handed to a callback.
    let came = |what: String| match of_result {
        true => format!("{func} returned {what}"),
        false => format!("C passed {what} for {}", whose(facts)),
    };
    let declares = |words: &str| match of_result {
        true => format!(", declared `returns({words})`"),
        false => format!(", declared `{words}`"),
    };
    let (counted, most) = stated(facts);
    let (sentence, is, kind) = match seen {
        InvalidResult::Null => (came("null".into()), "null".into(), "null"),
        InvalidResult::NullWithCount { count } => {
            let is = format!("null with a count of {count}");
            (came(is.clone()), format!("{is}, `{counted}`"), "null_with_count")
        }
        InvalidResult::NoCount { count } => {
            let is = format!("a count of {count}");
            (came(is.clone()), format!("{is}, `{counted}`"), "no_count")
        }
        InvalidResult::PastTheBlock { bytes: stated, available } => (
            came(format!("{}, and the block has {available}", bytes(stated))),
            format!("{} by `{counted}`; {} are left of the block", bytes(stated), bytes(available)),
            "past_the_block",
        ),
        InvalidResult::Unterminated { searched } => (
            came(format!("a text without NUL in {}", bytes(searched))),
            format!("{} up to the end of the block, none of which is 0", bytes(searched)),
            "unterminated",
        ),
        InvalidResult::NotUtf8 { offset, byte } => (
            came("a text that is no UTF-8".into()),
            format!("byte {offset} of the text is {byte:#04x}, where no character begins or goes on"),
            "not_utf8",
        ),
        InvalidResult::Misaligned { align } => (
            came(format!("an address that is no multiple of {align}")),
            format!("{:#x}", facts.argument.map_or(0, |argument| argument.address)),
            "misaligned",
        ),
        InvalidResult::OutOfRange { number, most: allowed } => {
            let allowed = allowed.map_or_else(|| format!("`{most}`"), |allowed| allowed.to_string());
            let than = if number < 0 { "negative".into() } else { format!("more than {allowed}") };
            (
                came(format!("{number}, which is {than}")),
                format!("{number}; at most {allowed}, by `{most}`"),
                "out_of_range",
            )
        }
    };
    Words {
        sentence: (sentence, if seen == InvalidResult::Null { declares("nonnull") } else { String::new() }),
        label: match facts.parameter() {
            Some(_) => label(facts, &format!(": {is}"), ""),
            None => format!("this call returned {}", short(seen)),
        },
        story: story(facts, is),
        picture: None,
        helps: helps(seen, facts),
        notes: match facts.is_callback() {
            true => found_when_called(facts, "from what the declaration says of it"),
            false => vec!["found when C had returned, from what the declaration says of the result".into()],
        },
        json: vec![
            ("what", Value::text(kind)),
            ("value", number(seen)),
            ("limit", limit(seen)),
            ("stated_by", Value::text(if matches!(seen, InvalidResult::OutOfRange { .. }) { most } else { counted })),
        ],
    }
}

/// The texts of the count, and of the most, as they are declared.
fn stated(facts: &Facts) -> (&str, &str) {
    let Some(call) = &facts.call else { return ("", "") };
    if let Some(parameter) = facts.parameter() {
        return (parameter.extent, parameter.extent);
    }
    let counts = &call.function.counts;
    (counts.counted.map_or("", |counted| counted.1), counts.most.map_or("", |most| most.1))
}

/// What came, in a few words.
fn short(seen: InvalidResult) -> String {
    match seen {
        InvalidResult::Null | InvalidResult::NullWithCount { .. } => "null".into(),
        InvalidResult::NoCount { count } => format!("a count of {count}"),
        InvalidResult::PastTheBlock { bytes: stated, .. } => bytes(stated),
        InvalidResult::Unterminated { .. } => "a text without NUL".into(),
        InvalidResult::NotUtf8 { .. } => "a text that is no UTF-8".into(),
        InvalidResult::Misaligned { .. } => "a misaligned address".into(),
        InvalidResult::OutOfRange { number, .. } => number.to_string(),
    }
}

fn number(seen: InvalidResult) -> Value<'static> {
    let of = |number: i128| Value::text(number.to_string());
    match seen {
        InvalidResult::Null => Value::Null,
        InvalidResult::NullWithCount { count } => of(count as i128),
        InvalidResult::NoCount { count } => of(count),
        InvalidResult::PastTheBlock { bytes, .. } => of(bytes as i128),
        InvalidResult::Unterminated { searched } => of(searched as i128),
        InvalidResult::NotUtf8 { offset, .. } => of(offset as i128),
        InvalidResult::Misaligned { .. } => Value::Null,
        InvalidResult::OutOfRange { number, .. } => of(number),
    }
}

fn limit(seen: InvalidResult) -> Value<'static> {
    match seen {
        InvalidResult::PastTheBlock { available, .. } => Value::text(available.to_string()),
        InvalidResult::Misaligned { align } => Value::text(align.to_string()),
        InvalidResult::OutOfRange { most: Some(most), .. } => Value::text(most.to_string()),
        _ => Value::Null,
    }
}

fn story<'a>(facts: &'a Facts, is: String) -> Vec<Beat<'a>> {
    let mut story = Story::new(facts);
    story.declared();
    if facts.is_callback() {
        story.lent();
        story.say("it is", is);
        story.not_yet_returned();
    } else {
        story.not_yet_returned();
        story.say("it is", is);
    }
    story.done()
}

/// The ways out.
fn helps(seen: InvalidResult, facts: &Facts) -> Vec<String> {
    let func = function(facts);
    let (p, declaration) = match facts.is_about_result() {
        true => ("p", "`returns(..)`".to_owned()),
        false => (name(facts), format!("the declaration of {}", parameter(facts))),
    };
    match seen {
        InvalidResult::Null => vec![
            format!(
                "look for null before it is used: `if {p}.is_null() {{ return None; }}`, and take `nonnull` off {declaration}"
            ),
            format!("or ask what {func} needs to return something else: its documentation says when it is null"),
        ],
        InvalidResult::NullWithCount { count: 0 } => vec![
            format!(
                "look for null before it becomes a slice, `if {p}.is_null() {{ &[] }} else {{ .. }}`, and say so: \
                 `null_when_empty` beside the count in {declaration}"
            ),
            format!("or let {func} return an address for what is empty, too"),
        ],
        InvalidResult::NullWithCount { .. } => vec![
            format!("look for null before it becomes a slice: `if {p}.is_null() {{ return Err(..); }}`"),
            format!(
                "if the count is not one of what {func} returns then, correct it in {declaration}, or say when it holds: `ok = ..`"
            ),
        ],
        InvalidResult::NoCount { .. } => vec![
            format!("if such a count says that {func} has failed, say when it has not: `ok = ..`"),
            format!("if the count is another one, correct it in {declaration}"),
        ],
        InvalidResult::PastTheBlock { .. } => vec![
            "take a slice of what the block has: the smaller one of both lengths".into(),
            format!(
                "if the count is one of other units, say so in {declaration}: `sized_by` counts bytes, `counted_by` elements"
            ),
        ],
        InvalidResult::Unterminated { .. } => vec![
            "use the length that C tells beside it: `std::slice::from_raw_parts(p, n)` in place of `CStr::from_ptr(p)`"
                .into(),
            format!("if the length is known, say it in place of `cstr` in {declaration}: `counted_by = *n`"),
            format!("or give {func} room for the NUL"),
        ],
        InvalidResult::NotUtf8 { .. } => vec![
            format!(
                "take it as bytes: `CStr::from_ptr({p}).to_string_lossy()`, or `to_bytes()`, and take `utf8` off {declaration}"
            ),
            format!("or set the encoding that {func} uses to UTF-8"),
        ],
        InvalidResult::Misaligned { .. } => vec![
            format!("read it by `{p}.read_unaligned()`, and take `aligned` off {declaration}"),
            format!("or ask {func} for memory that is aligned so"),
        ],
        InvalidResult::OutOfRange { number, .. } => vec![
            match number < 0 {
                true => {
                    format!("look at it before it becomes a length: a negative result of {func} is no number of bytes")
                }
                false => format!(
                    "look at it before it becomes a length: {func} returns what it would have needed; take the smaller one"
                ),
            },
            format!("if such a result says that {func} has failed, say when it has not: `#[guard(ok = result >= 0)]`"),
            format!("if the most is another number, correct `at_most` in {declaration}"),
        ],
    }
}
