//! What makes two violations the same finding, in any process and after lines have moved: the rule,
//! the foreign function and its crate, the parameter, and the file and the Rust function that call.

use super::enclosing::enclosing;
use super::frames::Frame;
use super::json::Symbols;
use super::paths::Paths;
use crate::call::caller;
use crate::facts::{Facts, Memory};
use crate::rules::words::{Source, Value, Words};

/// Name of the same finding everywhere.
pub(super) struct Identity {
    /// Sixteen hexadecimal digits.
    pub(super) id: String,
    /// The Rust function that calls, with its modules and type, as far as its source is at hand.
    pub(super) enclosing: Option<String>,
}

impl Identity {
    pub(super) fn of(facts: &Facts, words: &Words<'_>, symbols: &Symbols<'_>) -> Identity {
        let (file, enclosing) = match &facts.call {
            Some(call) => {
                let (file, line, column) = caller::place_of(call.site);
                let at = Source { file, line, column };
                let paths = Paths::new(facts, symbols.fault);
                (Some(file.to_owned()), paths.enclosing(at, call.function.declaration.name))
            }
            None => match outermost(facts, words, symbols) {
                Some(frame) => {
                    let file = frame.file().map(|file| file.to_string_lossy().into_owned());
                    (file.filter(|_| frame.line().is_some()), around(&frame))
                }
                None => (None, None),
            },
        };
        let declaration = facts.call.as_ref().map(|call| call.function.declaration);
        let krate = declaration.and_then(|it| it.module.split("::").next()).unwrap_or_default();
        let name = declaration.map_or("", |it| it.name);
        let parameter = facts.parameter().map_or("", |parameter| parameter.name);
        let parts = [
            facts.rule().name(),
            krate,
            name,
            parameter,
            file.as_deref().unwrap_or_default(),
            enclosing.as_deref().unwrap_or_default(),
        ];
        Identity { id: hash(&parts), enclosing }
    }
}

/// FNV-1a of 64 bits over the parts (Fowler, Noll, Vo: "FNV hash"), as hexadecimal digits.
pub(super) fn hash(parts: &[&str]) -> String {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

/// The frame of the program that a finding outside of a guarded call is told at: where the wrong
/// free was asked for, or the end or the beginning of the block.
fn outermost(facts: &Facts, words: &Words<'_>, symbols: &Symbols<'_>) -> Option<Frame> {
    let asked = words.json.iter().find_map(|(key, value)| match value {
        Value::Trace(trace, _) if *key == "asked_at" => Some(*trace),
        _ => None,
    });
    let block = facts.lent().and_then(Memory::block);
    let traces = [asked, block.map(|block| block.freed), block.map(|block| block.allocated)];
    let frames = traces.into_iter().flatten().flat_map(|trace| (symbols.of_trace)(trace));
    frames.into_iter().find(|frame| {
        let file = frame.file().map(|file| file.to_string_lossy().into_owned());
        file.is_some_and(|file| !file.starts_with("/rustc/") && !file.contains("/library/"))
    })
}

/// The function of a frame, by its source if that is at hand, else by its symbol.
fn around(frame: &Frame) -> Option<String> {
    let by_source = || {
        let text = std::fs::read_to_string(frame.file()?).ok()?;
        enclosing(&text, usize::try_from(frame.line()?).ok()?)
    };
    by_source().or_else(|| frame.function().map(str::to_owned))
}
