//! The words for where C keeps a pointer.

use super::phrases::{SizedBlock, Thread, bytes, position};
use crate::facts::{CSource, Call, Place};

/// Follows `kept by C`: `` `g_active` + 8 bytes, writable data of libsession.so ``.
pub(crate) fn kept(place: &Place, call: Option<&Call>) -> String {
    match place {
        Place::Global { module, symbol, offset, .. } => {
            variable(symbol.as_deref(), *offset, &format!("writable data of {module}"))
        }
        Place::Tls { module, symbol, offset, thread: id, .. } => {
            let data = format!("thread-local data of {module}");
            format!("{}, {}", variable(symbol.as_deref(), *offset, &data), Thread::of(*id, call))
        }
        Place::CHeap { size, offset, .. } => format!("{} of C's heap", position(*offset, *size)),
        Place::RustBlock { size, offset, parameter, field, .. } => {
            let word = field.as_ref().map(|field| format!("`{field}`, ")).unwrap_or_default();
            format!("{word}{}, which was lent as `{parameter}`", position(*offset, *size))
        }
    }
}

fn variable(symbol: Option<&str>, offset: usize, data: &str) -> String {
    match (symbol, offset) {
        (Some(symbol), 0) => format!("`{symbol}`, {data}"),
        (Some(symbol), offset) => format!("`{symbol}` + {}, {data}", bytes(offset)),
        (None, offset) => format!("{data}, {offset:#x} from its start (no symbol there)"),
    }
}

/// Where the variable is defined, if that is known.
pub(crate) fn source(place: &Place) -> Option<&CSource> {
    match place {
        Place::Global { source, .. } | Place::Tls { source, .. } => source.as_ref(),
        Place::CHeap { .. } | Place::RustBlock { .. } => None,
    }
}

/// What was searched: `the data of libsession.so`.
pub(crate) fn searched(place: &Place) -> String {
    match place {
        Place::Global { module, .. } => format!("the data of {module}"),
        Place::Tls { module, .. } => format!("the thread-local data of {module}"),
        Place::CHeap { .. } => "the live blocks of C's heap".into(),
        Place::RustBlock { parameter, .. } => format!("what was lent as `{parameter}`"),
    }
}

/// In the picture: the thing on C's side, and bytes from its start to the word.
pub(crate) fn thing(place: &Place) -> (String, usize) {
    match place {
        Place::Global { symbol: Some(symbol), offset, .. } => (symbol.clone(), *offset),
        Place::Tls { symbol: Some(symbol), offset, thread, .. } => (format!("{symbol} (thread {thread})"), *offset),
        Place::Global { module, address, .. } => (format!("{module} {address:#x}"), 0),
        Place::Tls { address, thread, .. } => (format!("{address:#x} (thread {thread})"), 0),
        Place::CHeap { size, offset, .. } => (format!("{} of C's heap", SizedBlock(*size)), *offset),
        Place::RustBlock { parameter, .. } => (parameter.clone(), 0),
    }
}
