//! `returned_pointer`: a guarded callback returns to C a pointer to Rust memory that is not pinned.
//!
//! C: `char *name = callbacks.name(user); ... puts(name);`. Rust: `extern "C" fn name(user: *mut
//! c_void) -> *mut c_char` that returns the address of a `String`'s bytes: nothing keeps them where
//! they are once the callback has returned.
//!
//! Checked by [`check`] for each word of the result: `answers/result.rs`.

use super::words::{ALL, Picture, Piece, Story, Words, function, in_it, label, word_members};
use crate::call::target::Target;
use crate::facts::{Facts, Finding, Holder, Memory, ReturnedPointer};

/// A word of the result, and where it leads: a block, or the calling thread's stack.
pub(crate) fn check(word: usize, target: &Target, holder: impl FnOnce() -> Holder) -> Option<Finding> {
    let lent = match target {
        Target::Heap(block) => block.live && word - block.start < block.size,
        Target::Stack(_) => true,
        Target::Null | Target::Foreign | Target::LeftStack | Target::FreedByC(_) => false,
    };
    lent.then(|| Finding::ReturnedPointer(ReturnedPointer { holder: holder(), pointer: word }))
}

pub(super) fn words<'a>(seen: &'a ReturnedPointer, facts: &'a Facts) -> Words<'a> {
    let ReturnedPointer { holder, pointer } = seen;
    let on_stack = matches!(facts.memory, Some(Memory::Stack { .. }));
    let to = format!(" points to {}", if on_stack { "a Rust stack" } else { "a block of Rust's heap" });
    Words {
        sentence: match holder {
            Holder::Pointee { .. } => (format!("{} lends C what its own frame held", function(facts)), in_it(holder)),
            _ => (format!("{} returned a pointer to Rust memory to C", function(facts)), in_it(holder)),
        },
        label: label(facts, &to, &to),
        story: Story::of_crossing(facts, ALL, None),
        picture: facts.memory.as_ref().map(|target| Picture {
            left: vec![Piece::of(target)],
            right: Piece::argument(facts),
            arrow: if matches!(holder, Holder::Pointee { .. }) { "stored" } else { "returned" },
            to_right: false,
            way: ("", String::new()),
        }),
        helps: if matches!(holder, Holder::Pointee { .. }) { of_lent() } else { helps(facts, on_stack) },
        notes: vec![
            match holder {
                Holder::Pointee { .. } => {
                    "found when the callback's body had run, from what it has stored there".into()
                }
                _ => "found when the callback returned, from where the result points".to_owned(),
            },
            "Rust frees or moves that memory by itself, without telling C".into(),
        ],
        json: word_members(*pointer, holder),
    }
}

/// The ways out where the body has stored the address of a variable of its own.
fn of_lent() -> Vec<String> {
    vec![
        "keep the buffer in the user data, which outlives the calls: `buffer: Vec<u8>` in the struct that `user` leads to"
            .into(),
        "or store the address of a static, as `c\"text\".as_ptr()`".into(),
    ]
}

fn helps(facts: &Facts, on_stack: bool) -> Vec<String> {
    let func = function(facts);
    if on_stack {
        return vec![
            "return what lives longer than the callback: a static (`c\"text\".as_ptr()`), or memory that C handed in"
                .into(),
            format!(
                "or leave it to C: return `Box::into_raw(Box::new(value))`, and declare {func} \
                 `#[guard(returns(owned))]`"
            ),
        ];
    }
    vec![
        format!(
            "if its owner lives until C is done with it, pin it (`ffi_guard::pin`), or declare {func} \
             `#[guard(returns(retained))]`"
        ),
        format!(
            "or leave it to C: return `Box::into_raw(b)`, take it back with `Box::from_raw` when C is done, and declare \
             {func} `#[guard(returns(owned))]`"
        ),
        "or give C a copy of its own, `libc::strdup` or `libc::calloc`, which C frees with `free`".into(),
    ]
}
