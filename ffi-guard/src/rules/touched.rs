//! The words of a page fault: memory without access was touched, which breaks the rule that
//! [`Touch::rule`] names.
//!
//! [`Message`] and [`story`] allocate nothing: the signal handler writes them in the raw form,
//! before a copy of the process renders the whole of [`words`] as text and as JSON.

use super::words::{Beat, SizedBlock, Thread, Value, Words};
use std::fmt;
use std::panic::Location;

use crate::call::declaration::Function;
use crate::facts::{By, Code, GivenTo, Touch};
use crate::platform::fault::Access;

pub(super) fn words<'a>(touch: &'a Touch<'_>) -> Words<'a> {
    let mut beats = Vec::new();
    story(touch, &mut |beat| beats.push(beat));
    let verb = match touch.access {
        Access::Read => "read",
        Access::Write => "written",
        Access::Execute => "run",
        Access::Unknown => "touched",
    };
    Words {
        sentence: (Message(touch).to_string(), String::new()),
        label: format!("{verb} here"),
        story: beats,
        picture: None,
        helps: helps(touch).iter().map(|&help| help.into()).collect(),
        notes: Vec::new(),
        json: json(touch),
    }
}

/// `C read byte 3 of a 24-byte block freed by Rust`.
pub(crate) struct Message<'a>(pub(crate) &'a Touch<'a>);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Touch { by, access, place, address, block, copy, given_to, .. } = self.0;
        if let Some(GivenTo { call, .. }) = given_to {
            let freed = if block.live { "" } else { " that is freed already" };
            return write!(f, "`{call}` got {} of Rust's heap{freed}", SizedBlock(block.size));
        }
        match (by, place.module) {
            (By::C, _) => f.write_str("C")?,
            (By::Rust, _) => f.write_str("Rust")?,
            (By::Unknown, Some((module, _))) => write!(f, "code in {module}")?,
            (By::Unknown, None) => f.write_str("code of no file")?,
        }
        f.write_str(match access {
            Access::Read => " read ",
            Access::Write => " wrote ",
            Access::Execute => " ran ",
            Access::Unknown => " touched ",
        })?;
        let bytes = |n: usize| if n == 1 { "byte" } else { "bytes" };
        match address.checked_sub(block.address) {
            None => {
                let n = block.address - address;
                write!(f, "{n} {} before the start of ", bytes(n))?;
            }
            Some(at) if at < block.size => write!(f, "byte {at} of ")?,
            Some(at) => {
                let n = at - block.size + 1;
                write!(f, "{n} {} past the end of ", bytes(n))?;
            }
        }
        match copy {
            Some(parameter) => write!(f, "the {}-byte copy of `{parameter}`", block.size)?,
            None => SizedBlock(block.size).fmt(f)?,
        }
        if block.of_c {
            f.write_str(" of C's heap")?;
        }
        f.write_str(match copy {
            _ if block.live => "",
            None if block.of_c => " after it was freed",
            None => " freed by Rust",
            Some(_) => ", after the call that it was for",
        })
    }
}

/// `retrieveReference (libsession.so+0x12b4)`, or as much of it as is known.
impl fmt::Display for Code<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = self.function {
            // Without Rust's mangling and hash.
            write!(f, "{:#} ", backtrace::SymbolName::new(name.as_bytes()))?;
        }
        match self.module {
            Some((module, offset)) if self.function.is_some() => write!(f, "({module}+{offset:#x})"),
            Some((module, offset)) => write!(f, "{module}+{offset:#x}"),
            None => write!(f, "{:#x}", self.address),
        }
    }
}

/// What happened, in the order of time, beat by beat.
pub(crate) fn story<'a>(touch: &'a Touch<'_>, tell: &mut dyn FnMut(Beat<'a>)) {
    let block = &touch.block;
    let trace = |key, trace, by| Beat::Trace(key, trace, Thread::unnamed(by));
    let at = |key, at: &'static Location<'static>, function: &'static Function, thread: Option<u32>| Beat::At {
        key,
        at: at.into(),
        what: function.declaration.name.into(),
        thread: thread.map(Thread::unnamed),
        known: false,
    };
    if touch.copy.is_none() {
        tell(trace(if block.of_c { "C allocated" } else { "allocated" }, block.allocated, block.allocated_by));
    }
    match &touch.lent {
        // A block of C's own is lent to it by no call.
        _ if block.of_c => {}
        Some(lent) => tell(at("lent", lent.location, lent.function, Some(lent.thread))),
        None => tell(Beat::Words("lent", "to no guarded call that was seen".into())),
    }
    match (touch.copy, block.live) {
        (Some(_), live) => tell(Beat::Words("returned", if live { "not yet" } else { "before this" }.into())),
        (None, false) => tell(trace("freed", block.freed, block.freed_by)),
        (None, true) => {}
    }
    if let Some(under) = block.freed_under {
        tell(at("freed under", under.location, under.function, None));
    }
    tell(Beat::Fault("touched", touch.frames, Thread::unnamed(touch.thread)));
}

fn helps(touch: &Touch<'_>) -> &'static [&'static str] {
    match (touch.block.live, touch.by) {
        (false, By::Rust) if touch.block.of_c => {
            &["let go of what C returned before the call that frees it: C's documentation says how long it lives"]
        }
        (false, _) if touch.block.of_c => &[
            "C uses what it has freed: it has to let go of it first, or to free it later",
            "or, if Rust had C free it (a `close`, a `destroy`), make that call after the last one that uses it",
        ],
        (true, By::Rust) if touch.block.of_c => {
            &["check the index or the length against what C's documentation says is there"]
        }
        (true, _) if touch.block.of_c => &[
            "have C allocate as much as it uses, or use no more than it allocated",
            "or, if Rust told C the length or the index, check it at the call",
        ],
        (false, _) if touch.copy.is_some() => &[
            "have C forget the address before it returns, or copy the bytes that it wants to keep",
            "or say that C keeps it: declare the parameter `#[guard(retained)]` in place of `copied`. It is not copied then, and \
             must live for as long as C has it",
        ],
        (false, By::Rust) => {
            &["keep the block for as long as a pointer into it is used: what `as_ptr()` gives does not"]
        }
        (false, By::C | By::Unknown) => &[
            "keep the block for as long as C holds its address: `ffi_guard::pin`, or a longer life in Rust with \
             `#[guard(retained)]`",
            "or have C forget the address before Rust frees the block",
            "or have C keep a copy, or memory of its own: `CBox`, `CArena`",
        ],
        (true, By::Rust) => &["check the index or the length against the block's size"],
        (true, By::C | By::Unknown) => &[
            "tell C how much it may touch, and check it at the call: `#[guard(counted_by = n)]`, `sized_by`, `cstr`",
            "or make the block as large as C takes it to be",
        ],
    }
}

fn json<'a>(touch: &'a Touch<'_>) -> Vec<(&'static str, Value<'a>)> {
    let access = match touch.access {
        Access::Read => "read",
        Access::Write => "write",
        Access::Execute => "execute",
        Access::Unknown => "unknown",
    };
    let by = match touch.by {
        By::C => "c",
        By::Rust => "rust",
        By::Unknown => "unknown",
    };
    let module = touch.place.module;
    vec![
        ("found_by", Value::text("fault")),
        ("copy_of", Value::text_or_null(touch.copy)),
        ("access", Value::text(access)),
        ("by", Value::text(by)),
        ("address", Value::Address(touch.address)),
        ("instruction", Value::Address(touch.place.address)),
        ("module", Value::text_or_null(module.map(|(module, _)| module))),
        ("module_offset", Value::or_null(module, |(_, offset)| Value::Address(offset))),
        ("fault_thread", Value::Number(touch.thread as usize)),
        ("frames", Value::Fault),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::BlockFacts;
    use crate::heap::trace::TraceId;
    use crate::rule::{Rule, Severity};

    #[test]
    fn a_block_that_cs_allocator_was_given_is_told_as_a_wrong_free() {
        let none = TraceId(0);
        for (live, rule, message) in [
            (true, Rule::AllocDeallocMismatch, "`free` got a 24-byte block of Rust's heap"),
            (false, Rule::DoubleFree, "`free` got a 24-byte block of Rust's heap that is freed already"),
        ] {
            let touch = Touch {
                severity: Severity::Deny,
                address: 0x1000 - 8,
                access: Access::Read,
                block: BlockFacts {
                    address: 0x1000,
                    size: 24,
                    align: 8,
                    live,
                    allocated: none,
                    allocated_by: 1,
                    freed: none,
                    freed_by: 0,
                    of_c: false,
                    freed_under: None,
                },
                by: By::C,
                thread: 1,
                frames: &[],
                place: Code { module: None, function: None, address: 1 },
                caller: None,
                lent: None,
                copy: None,
                given_to: Some(GivenTo { call: "free", frame: 0 }),
            };
            assert_eq!((touch.rule(), Message(&touch).to_string().as_str()), (rule, message));
        }
    }
}
