//! A fault in Rust memory, as facts. Filled in by a signal handler: nothing in here is allocated.

use crate::facts::{By, Code, GivenTo, Touch};
use std::fmt;

use crate::platform::fault::Access;

/// `C read byte 3 of a 24-byte block freed by Rust`.
pub(super) struct Message<'a>(pub(super) &'a Touch<'a>);

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Touch { by, access, place, address, block, copy, given_to, .. } = self.0;
        if let Some(GivenTo { call, .. }) = given_to {
            let freed = if block.live { "" } else { " that is freed already" };
            return write!(f, "`{call}` got {} of Rust's heap{freed}", Sized(block.size, None));
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
                write!(f, "{n} {} before the start of {}", bytes(n), Sized(block.size, *copy))?;
            }
            Some(at) if at < block.size => write!(f, "byte {at} of {}", Sized(block.size, *copy))?,
            Some(at) => {
                let n = at - block.size + 1;
                write!(f, "{n} {} past the end of {}", bytes(n), Sized(block.size, *copy))?;
            }
        }
        f.write_str(match copy {
            _ if block.live => "",
            None => " freed by Rust",
            Some(_) => ", after the call that it was for",
        })
    }
}

/// `a 24-byte block`, `an 8-byte block`; `the 24-byte copy of `buf``.
struct Sized(usize, Option<&'static str>);

impl fmt::Display for Sized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0;
        if let Some(parameter) = self.1 {
            return write!(f, "the {size}-byte copy of `{parameter}`");
        }
        let digits = size.checked_ilog10().unwrap_or(0) + 1;
        let first = size / 10_usize.pow(digits - 1);
        let first_two = if digits > 1 { size / 10_usize.pow(digits - 2) } else { 0 };
        let with_vowel = first == 8 || digits % 3 == 2 && matches!(first_two, 11 | 18);
        write!(f, "{} {size}-byte block", if with_vowel { "an" } else { "a" })
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

#[cfg(test)]
mod tests {
    use super::{By, Code, GivenTo, Message, Sized, Touch};
    use crate::facts::BlockFacts;
    use crate::heap::trace::TraceId;
    use crate::platform::fault::Access;
    use crate::report::words::sized_block;
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

    #[test]
    fn a_block_is_called_the_same_everywhere() {
        for size in (0..2000).chain([8_000, 11_000, 18_000, 80_000, 110_000, 1 << 20, 8 << 30]) {
            assert_eq!(Sized(size, None).to_string(), sized_block(size));
        }
    }
}
