//! The report as JSON: one object on one line, under the names that `docs/src/report-json.md` promises.

use std::fmt::Write as _;
use std::panic::Location;

use super::frames::Frame;
use super::headline;
use crate::call::extent::StatedExtent;
use crate::facts::{
    Asked, BlockFacts, CSource, Call, Ending, Facts, Finding, Holder, Memory, Overwritten, Place, Staleness, Why,
    WrongFree,
};
use crate::heap::Damage;
use crate::heap::trace::TraceId;
use crate::rule::Severity;

/// Counts the formats: a name that is taken away or changes its meaning makes a new one, a new name does not.
const FORMAT: usize = 1;

type Frames<'a> = &'a dyn Fn(TraceId) -> Vec<Frame>;

/// The object, without a line break.
pub(super) fn object(facts: &Facts, frames: Frames<'_>) -> String {
    let mut json = Json::default();
    json.open();
    json.number("version", FORMAT);
    json.text("guard", env!("CARGO_PKG_VERSION"));
    json.text("rule", facts.rule().name());
    json.text("severity", severity(facts.severity));
    json.text("message", &headline::message(facts));
    match &facts.call {
        Some(call) => self::call(&mut json, call),
        None => ["function", "parameter", "site", "thread"].into_iter().for_each(|key| json.null(key)),
    }
    match facts.argument {
        Some(argument) => json.object("argument", |json| {
            json.address("address", argument.address);
            json.number("extent", argument.extent);
            json.text("pointee", argument.pointee);
        }),
        None => json.null("argument"),
    }
    memory(&mut json, "memory", facts.lent(), frames);
    // The block again under a name of its own: most readers ask for nothing else.
    match facts.lent().and_then(Memory::block) {
        Some(block) => json.object("block", |json| self::block(json, block, frames)),
        None => json.null("block"),
    }
    json.object("finding", |json| finding(json, facts, frames));
    match &facts.finding {
        Finding::RetainedPointer { place, .. } | Finding::FreedWhileRetained { held: Some((place, _)), .. } => {
            json.object("place", |json| self::place(json, place, frames))
        }
        _ => json.null("place"),
    }
    json.close();
    json.out
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Allow => "allow",
        Severity::Warn => "warn",
        Severity::Deny => "deny",
    }
}

fn call(json: &mut Json, call: &Call) {
    let declaration = call.function.declaration;
    json.object("function", |json| {
        json.text("name", declaration.name);
        json.text("module", declaration.module);
        json.source(declaration.file, declaration.line, declaration.column);
    });
    match call.parameter.and_then(|index| Some((index, declaration.parameters.get(index)?))) {
        Some((index, parameter)) => json.object("parameter", |json| {
            json.number("index", index);
            json.text("name", parameter.name);
            json.text("type", parameter.ty);
        }),
        None => json.null("parameter"),
    }
    json.object("site", |json| json.source(call.site.file(), call.site.line(), call.site.column()));
    json.object("thread", |json| {
        json.number("id", call.thread);
        json.text_or_null("name", call.thread_name.as_deref());
    });
}

pub(super) fn block(json: &mut Json, block: &BlockFacts, frames: Frames<'_>) {
    json.address("address", block.address);
    json.number("size", block.size);
    json.number("align", block.align);
    json.raw("live", if block.live { "true" } else { "false" });
    trace(json, "allocated", block.allocated, block.allocated_by, frames);
    trace(json, "freed", block.freed, block.freed_by, frames);
}

fn trace(json: &mut Json, key: &str, trace: TraceId, thread: u32, frames: Frames<'_>) {
    self::frames(json, key, &frames(trace));
    json.number_or_null(&format!("{key}_by"), (thread != 0).then_some(thread));
}

pub(super) fn frames(json: &mut Json, key: &str, frames: &[Frame]) {
    json.list(key, frames, |json, frame| {
        json.address("address", frame.address);
        json.text_or_null("function", frame.function());
        json.text_or_null("file", frame.file().map(|file| file.to_string_lossy()).as_deref());
        json.number_or_null("line", frame.line());
        json.number_or_null("column", frame.column());
    });
}

fn memory(json: &mut Json, key: &str, memory: Option<&Memory>, frames: Frames<'_>) {
    let Some(memory) = memory else { return json.null(key) };
    json.object(key, |json| match memory {
        Memory::Heap(facts) => {
            json.text("kind", "heap");
            block(json, facts, frames);
        }
        Memory::Stack { address, size, thread } => {
            json.text("kind", "stack");
            json.address("address", *address);
            json.number("size", *size);
            json.number("thread", *thread);
        }
        Memory::Foreign { address, size } => {
            json.text("kind", "foreign");
            json.address("address", *address);
            json.number("size", *size);
        }
    });
}

fn finding(json: &mut Json, facts: &Facts, frames: Frames<'_>) {
    match &facts.finding {
        Finding::NestedPointer { holder, pointer, .. } | Finding::DanglingPointer { holder, pointer } => {
            json.address("pointer", *pointer);
            self::holder(json, holder);
            memory(json, "target", facts.target(), frames);
        }
        Finding::OutOfBounds { stated, available } => {
            match stated {
                StatedExtent::Type(size) => {
                    json.text("stated", "type");
                    json.number("bytes", *size);
                }
                StatedExtent::Elements { count, size } => {
                    json.text("stated", "elements");
                    json.number("count", *count);
                    json.number("element_size", *size);
                    json.number_or_null("bytes", count.checked_mul(*size));
                }
                // As texts: most readers of JSON keep no more than 53 bits of a number.
                StatedExtent::Negative(count) => {
                    json.text("stated", "negative");
                    json.text("count", &count.to_string());
                }
                StatedExtent::TooLarge(count) => {
                    json.text("stated", "too_large");
                    json.text("count", &count.to_string());
                }
            }
            json.number("available", *available);
        }
        Finding::UnterminatedString { searched } => json.number("searched", *searched),
        Finding::NullPointer => {}
        Finding::MisalignedPointer { align } => json.number("alignment", *align),
        Finding::ReturnedPointer { holder, pointer } => {
            json.address("pointer", *pointer);
            self::holder(json, holder);
        }
        Finding::WrongThread { got } => {
            json.object("owner", |json| {
                json.number("id", got.thread);
                json.text_or_null("name", got.thread_name.as_deref());
            });
            json.text_or_null("got_by", got.function);
            json.object("got_at", |json| json.source(got.location.file(), got.location.line(), got.location.column()));
        }
        Finding::StaleHandle(stale) => self::stale(json, stale, frames),
        Finding::RetainedPointer { word, absent_before, .. } => {
            json.address("pointer", *word);
            json.raw("absent_before", if *absent_before { "true" } else { "false" });
        }
        Finding::AllocDeallocMismatch(wrong) | Finding::DoubleFree(wrong) => wrong_free(json, wrong, frames),
        Finding::BufferOverflow { damage, overwritten } => {
            self::damage(json, damage);
            json.text("side", if damage.before { "before" } else { "behind" });
            let when = match overwritten {
                Overwritten::ByTheCall => "call",
                Overwritten::BesideTheCopy { .. } => "copy",
                Overwritten::BeforeACall => "before_call",
                Overwritten::BeforeTheFree => "before_free",
                Overwritten::BeforeALook => "before_look",
            };
            json.text("overwritten", when);
        }
        Finding::UseAfterFree { damage, before_reuse } => {
            self::damage(json, damage);
            json.raw("before_reuse", if *before_reuse { "true" } else { "false" });
        }
        Finding::WriteThroughConst { change, field } => {
            json.number("offset", change.offset);
            json.number("length", change.len);
            json.text("was", &hex(&change.was, change.len));
            json.text("now", &hex(&change.now, change.len));
            json.text_or_null("field", field.as_deref());
            json.raw("sampled", if change.sampled { "true" } else { "false" });
        }
        Finding::LeakedOwnership { blocks, bytes } => {
            json.number("blocks", *blocks);
            json.number("bytes", *bytes);
        }
        Finding::FreedWhileRetained { promise, pinned, moved, at_once, .. } => {
            match facts.word() {
                Some(word) => json.address("pointer", word),
                None => json.null("pointer"),
            }
            json.text("promise", promise.name());
            json.raw("moved", if *moved { "true" } else { "false" });
            json.raw("at_once", if *at_once { "true" } else { "false" });
            match pinned {
                Some(at) => json.object("pinned", |json| json.source(at.file(), at.line(), at.column())),
                None => json.null("pinned"),
            }
        }
    }
}

fn damage(json: &mut Json, damage: &Damage) {
    json.number("offset", damage.offset);
    json.number("length", damage.len);
    json.text("now", &hex(&damage.first_bytes, damage.len));
}

/// The first bytes, two digits each.
fn hex(first: &[u8; 16], len: usize) -> String {
    first.iter().take(len).map(|byte| format!("{byte:02x}")).collect()
}

fn stale(json: &mut Json, stale: &Staleness, frames: Frames<'_>) {
    json.text("reason", stale.reason());
    json.text("wanted", stale.wanted);
    json.text_or_null("parked", stale.life().map(|life| (life.kind.name)()));
    let tombstone = stale.tombstone();
    let released = tombstone.map(|tombstone| (tombstone.released, tombstone.released_by));
    for (key, at) in [("made", stale.life().map(|life| (Some(life.made), life.made_by))), ("released", released)] {
        match at {
            Some((location, thread)) => json.object(key, |json| {
                json.text_or_null("file", location.map(Location::file));
                json.number_or_null("line", location.map(Location::line));
                json.number_or_null("column", location.map(Location::column));
                json.number_or_null("thread", (thread != 0).then_some(thread));
            }),
            None => json.null(key),
        }
    }
    let (dropped, dropped_by) = tombstone.map_or_else(Default::default, |it| (it.trace, it.released_by));
    trace(json, "dropped", dropped, dropped_by, frames);
    trace(json, "called", stale.called, stale.thread, frames);
}

fn wrong_free(json: &mut Json, wrong: &WrongFree, frames: Frames<'_>) {
    json.text("asked", wrong.asked.name());
    json.text("allocator", if wrong.asked.is_c() { "c" } else { "rust" });
    json.address("pointer", wrong.address);
    json.text("reason", wrong.why.name());
    match wrong.asked {
        Asked::Rust { size, align, .. } => json.object("given", |json| {
            json.number("size", size);
            json.number("align", align);
        }),
        Asked::C(_) => json.null("given"),
    }
    match &wrong.c_block {
        Some(block) => json.object("c_block", |json| self::block(json, block, frames)),
        None => json.null("c_block"),
    }
    json.text_or_null("module", if let Why::Outside(module) = &wrong.why { module.as_deref() } else { None });
    json.raw("under_way", if wrong.under_way { "true" } else { "false" });
    json.raw("aborting", if wrong.ending == Some(Ending::Refused) { "true" } else { "false" });
    json.raw("faulting", if wrong.ending == Some(Ending::Faulted) { "true" } else { "false" });
    trace(json, "asked_at", wrong.at, wrong.thread, frames);
}

fn holder(json: &mut Json, holder: &Holder) {
    let (kind, at) = match holder {
        Holder::Argument => ("argument", None),
        Holder::Result { offset, field } => ("result", offset.as_ref().map(|offset| (offset, field))),
        Holder::Value { offset, field } => ("value", Some((offset, field))),
        Holder::Pointee { memory: Memory::Heap(_), offset, field } => ("heap", Some((offset, field))),
        Holder::Pointee { memory: Memory::Stack { .. }, offset, field } => ("stack", Some((offset, field))),
        Holder::Pointee { memory: Memory::Foreign { .. }, offset, field } => ("foreign", Some((offset, field))),
    };
    json.text("holder", kind);
    json.number_or_null("offset", at.map(|(offset, _)| *offset));
    json.text_or_null("field", at.and_then(|(_, field)| field.as_deref()));
}

fn place(json: &mut Json, place: &Place, frames: Frames<'_>) {
    match place {
        Place::Global { module, symbol, offset, address, source } => {
            json.text("kind", "global");
            variable(json, (module, symbol.as_deref()), *offset, *address, source.as_ref());
        }
        Place::Tls { module, symbol, offset, address, thread, source } => {
            json.text("kind", "tls");
            variable(json, (module, symbol.as_deref()), *offset, *address, source.as_ref());
            json.number("thread", *thread);
        }
        Place::CHeap { address, size, allocated_at, offset } => {
            json.text("kind", "c_heap");
            json.address("address", *address);
            json.number("size", *size);
            json.number("offset", *offset);
            trace(json, "allocated", allocated_at.trace, allocated_at.thread, frames);
        }
        Place::RustBlock { address, size, allocated_at, offset, parameter, field } => {
            json.text("kind", "rust_block");
            json.address("address", *address);
            json.number("size", *size);
            json.number("offset", *offset);
            json.text("parameter", parameter);
            json.text_or_null("field", field.as_deref());
            trace(json, "allocated", allocated_at.trace, allocated_at.thread, frames);
        }
    }
}

fn variable(
    json: &mut Json,
    (module, symbol): (&str, Option<&str>),
    offset: usize,
    address: usize,
    source: Option<&CSource>,
) {
    json.text("module", module);
    json.text_or_null("symbol", symbol);
    json.number("offset", offset);
    json.address("address", address);
    match source {
        Some(source) => json.object("source", |json| {
            json.text("file", &source.file);
            json.number("line", source.line);
        }),
        None => json.null("source"),
    }
}

/// A writer of JSON: small, since writing is all we need, and a dependency would be every user's.
#[derive(Default)]
pub(super) struct Json {
    pub(super) out: String,
    /// A member was written since the last brace opened.
    member: bool,
}

impl Json {
    pub(super) fn open(&mut self) {
        self.out.push('{');
        self.member = false;
    }

    pub(super) fn close(&mut self) {
        self.out.push('}');
        self.member = true;
    }

    fn key(&mut self, key: &str) {
        if std::mem::replace(&mut self.member, true) {
            self.out.push(',');
        }
        self.string(key);
        self.out.push(':');
    }

    fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.push_str(value);
    }

    pub(super) fn null(&mut self, key: &str) {
        self.raw(key, "null");
    }

    pub(super) fn number(&mut self, key: &str, value: impl std::fmt::Display) {
        self.raw(key, &value.to_string());
    }

    fn number_or_null(&mut self, key: &str, value: Option<impl std::fmt::Display>) {
        match value {
            Some(value) => self.number(key, value),
            None => self.null(key),
        }
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.string(value);
    }

    pub(super) fn text_or_null(&mut self, key: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(key, value),
            None => self.null(key),
        }
    }

    /// As text, since the numbers of JSON lose the last bits of an address in most readers.
    pub(super) fn address(&mut self, key: &str, value: usize) {
        self.text(key, &format!("{value:#x}"));
    }

    pub(super) fn source(&mut self, file: &str, line: u32, column: u32) {
        self.text("file", file);
        self.number("line", line);
        self.number("column", column);
    }

    pub(super) fn object(&mut self, key: &str, write: impl FnOnce(&mut Json)) {
        self.key(key);
        self.open();
        write(self);
        self.close();
    }

    fn list<T>(&mut self, key: &str, items: &[T], write: impl Fn(&mut Json, &T)) {
        self.key(key);
        self.out.push('[');
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.out.push(',');
            }
            self.open();
            write(self, item);
            self.close();
        }
        self.out.push(']');
        self.member = true;
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                // The line separators too: some readers of line-wise JSON end a line at them.
                c if c < ' ' || matches!(c, '\u{7f}' | '\u{2028}' | '\u{2029}') => {
                    let _ = write!(self.out, "\\u{:04x}", u32::from(c));
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_comes_back() {
        let hard: String = (0..=0x2030).filter_map(char::from_u32).chain("\u{1f980}\"\\".chars()).collect();
        let mut json = Json::default();
        json.open();
        json.text(&hard, &hard);
        json.close();
        assert!(!json.out.contains('\n'));
        let read: serde_json::Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!(read[&hard], hard.as_str());
    }
}
