//! Which words of a type can be a pointer, of types that derive nothing: as the debug information
//! of the program's own Rust code has them.
//!
//! Padding keeps what was in memory before: half an old pointer, or all of it. Without a derive the
//! type does not tell where padding is, but a build with full debug information (`cargo test`)
//! does. Where there is none, each word counts.

use std::sync::{Mutex, PoisonError};

use super::thread_locals::Threads;
use super::{symbols, thread_locals};
use crate::call::shape::{Role, Shape, TypeInfo};
use crate::platform::fork_gate;
use crate::reentry::Reentry;

const WORD: usize = size_of::<usize>();

/// True for each aligned word of a type that can be a pointer; `None` if that is not known.
type Words = Option<&'static [bool]>;

/// The types that were asked for, by the address of what is known of them.
static KNOWN: Mutex<Vec<(usize, Words)>> = Mutex::new(Vec::new());

/// False if the word at an offset of one or more values of a type is padding, or made of fields
/// that are smaller than a pointer. The first question about a type reads the module's file.
pub(crate) fn can_be_pointer(info: &'static TypeInfo, offset: usize) -> bool {
    if !matches!(info.shape, Shape::Words) || info.role != Role::Other || info.size <= WORD {
        return true;
    }
    let _inside = Reentry::enter();
    let at = std::ptr::from_ref(info).addr();
    let words = match fork_gate::run(|| known(at)) {
        Some(words) => words,
        None => {
            // Its lock must not be taken inside the gate: see `fork_gate`.
            let threads = thread_locals::threads();
            fork_gate::run(|| find(info, at, &threads))
        }
    };
    let within = offset % info.size;
    // An unaligned word is not one of those that were asked about.
    !within.is_multiple_of(WORD) || words.is_none_or(|words| words.get(within / WORD).copied().unwrap_or(true))
}

fn known(at: usize) -> Option<Words> {
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.iter().find(|known| known.0 == at).map(|known| known.1)
}

fn find(info: &'static TypeInfo, at: usize, threads: &Threads) -> Words {
    // The module whose code has the type: what is known of it is a constant there.
    let words = symbols::module_of(at, threads).and_then(|module| module.words_of((info.name)(), info.size));
    let words: Words = words.map(|words| &*words.leak());
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner).push((at, words));
    words
}

#[cfg(all(test, globals))]
mod tests {
    use super::can_be_pointer;

    #[allow(dead_code)]
    enum Either {
        Number(u64),
        Leads(*const u8),
    }

    #[allow(dead_code)]
    struct Mixed {
        leads: *const u8,
        number: usize,
    }

    fn of(argument: &crate::call::argument::Argument) -> String {
        let info = argument.info;
        let words = (0..info.size).step_by(size_of::<usize>());
        words.map(|offset| if can_be_pointer(info, offset) { 'p' } else { '-' }).collect()
    }

    #[test]
    fn what_is_not_known_can_be_a_pointer() {
        // Which variant is there is not known; a name with parameters is not searched for.
        assert!(!of(&crate::__argument!(std::ptr::null::<(Either, u64)>())).contains('-'));
        assert!(!of(&crate::__argument!(std::ptr::null::<Either>())).contains('-'));
        assert!(!of(&crate::__argument!(std::ptr::null::<Option<Mixed>>())).contains('-'));
    }
}
