//! `unterminated_string`: a `cstr` argument has no NUL before the end of its Rust block.
//!
//! Rust: `puts(text.as_ptr().cast())` for a `&str`, which is not NUL-terminated: C reads on into
//! whatever follows.
//!
//! Checked by [`check`], on entry to a call and to a callback.

use super::words::{
    ALL, Picture, Story, Value, Words, bytes, call_with, found_when_called, function, label, name, parameter, whose,
};
use crate::call::argument::Stated;
use crate::call::target::{PointerArg, Target};
use crate::facts::{Facts, Finding};
use crate::platform::read;

pub(crate) fn check(look: &PointerArg<'_>) -> Option<Finding> {
    let Target::Heap(block) = &look.target else { return of_no_memory(look) };
    let searched = block.start.wrapping_add(block.size).saturating_sub(look.argument.address);
    let most = match look.argument.stated {
        Stated::Text(most) => most,
        _ if look.contract.is_cstr() => usize::MAX,
        _ => return None,
    };
    if most <= searched {
        return None;
    }
    // SAFETY: the bytes from the argument to the block's end belong to a live block, which the
    // caller keeps alive for the call it is being lent to.
    let terminated = unsafe { read::has_nul(look.argument.address, searched) };
    (!terminated).then_some(Finding::UnterminatedString { searched })
}

/// Addresses below this one are never of memory: what Rust gives an empty slice or string that has
/// none is its alignment.
const FIRST_PAGE: usize = 4096;

/// Checks a text that ends at its NUL, by an address that leads nowhere.
fn of_no_memory(look: &PointerArg<'_>) -> Option<Finding> {
    let reads = matches!(look.argument.stated, Stated::Text(most) if most > 0);
    let is_nowhere = look.argument.address != 0 && look.argument.address < FIRST_PAGE;
    (reads && is_nowhere).then_some(Finding::UnterminatedString { searched: 0 })
}

pub(super) fn words(searched: usize, facts: &Facts) -> Words<'_> {
    let param = parameter(facts);
    let declared = match facts.parameter() {
        Some(stated) if stated.contract.is_text() => format!("a text of `{}` bytes", stated.extent),
        _ => "`cstr`".into(),
    };
    let read = if searched == 1 { "1 byte was read".into() } else { format!("{searched} bytes were read") };
    Words {
        sentence: (format!("{} has no NUL in {}", whose(facts), bytes(searched)), String::new()),
        label: label(facts, ", which runs past its block", &format!(", declared {declared}, runs past its block")),
        story: Story::of_crossing(facts, ALL, None),
        picture: Picture::of_argument(facts, "lent")
            .map(|picture| picture.beyond("no NUL up to here: C reads on".into())),
        helps: if facts.is_about_result() {
            of_result(facts)
        } else {
            vec![
                format!(
                    "pass a `CString`, which ends in NUL: `let c = CString::new({})?;`, then `{}`",
                    name(facts),
                    call_with(facts, "c.as_ptr()")
                ),
                "for a fixed text write a C literal: `c\"text\".as_ptr()`".into(),
                match facts.parameter() {
                    Some(stated) if stated.contract.is_text() => {
                        format!("or tell C the length that is there by `{}`", stated.extent)
                    }
                    _ => format!(
                        "if C is told the length and needs no NUL, declare {param} `#[guard(counted_by = len)]` in place of `cstr`"
                    ),
                },
            ]
        },
        notes: match facts.is_callback() {
            true if facts.is_about_result() => {
                vec![format!("found when the callback returned: {read} from there to the end of its block, none is 0")]
            }
            true => found_when_called(facts, "in the table of Rust's blocks"),
            false => vec![
                format!("found before the call: {read} from {param} to the end of its block, none is 0"),
                "Rust's `str` and `String` carry their length and no NUL; C reads on until it meets one".into(),
            ],
        },
        json: vec![("searched", Value::Number(searched))],
    }
}

/// The ways out for what a callback returns.
fn of_result(facts: &Facts) -> Vec<String> {
    vec![
        "keep a `CString`, which ends in NUL, where the text is kept now, and return its `as_ptr()`".into(),
        "for a fixed text return a C literal: `c\"text\".as_ptr()`".into(),
        format!("if C is told the length and needs no NUL, take `cstr` off the `returns(..)` of {}", function(facts)),
    ]
}
