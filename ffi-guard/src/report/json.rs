//! The report as JSON: one object on one line, under the names that `docs/src/report-json.md`
//! promises.

use std::fmt::Write as _;

use super::frames::Frame;
use super::identity::Identity;
use super::ledger::ReportKey;
use crate::call::caller;
use crate::call::site::Site;
use crate::facts::{BlockFacts, CSource, Call, Facts, Memory, Place};
use crate::heap::trace::TraceId;
use crate::rule::Severity;
use crate::rules;
use crate::rules::words::Value;
use crate::stats::Stats;

/// Counts the formats: a name that is taken away or changes its meaning makes a new one, a new name
/// does not.
const FORMAT: usize = 1;

/// The frames that an object has.
pub(super) struct Symbols<'a> {
    /// Those of a trace.
    pub(super) of_trace: &'a dyn Fn(TraceId) -> Vec<Frame>,
    /// Those of the fault, for a report of one.
    pub(super) fault: &'a [Frame],
}

/// The object, without a line break. `text` is the report as a terminal shows it.
pub(super) fn object(facts: &Facts, symbols: &Symbols<'_>, text: &str) -> String {
    let words = rules::words(facts);
    let mut json = Json::default();
    json.open();
    json.number("version", FORMAT);
    json.text("guard", env!("CARGO_PKG_VERSION"));
    json.text("rule", facts.rule().name());
    json.text("severity", severity(facts.severity));
    json.text("message", &words.message());
    match &facts.call {
        Some(call) => self::call(&mut json, call),
        None => ["function", "parameter", "site", "thread"].into_iter().for_each(|key| json.null(key)),
    }
    match &facts.lent_by {
        Some(call) => json.object("lent_by", |json| self::call(json, call)),
        None => json.null("lent_by"),
    }
    match facts.argument {
        Some(argument) => json.object("argument", |json| {
            json.address("address", argument.address);
            json.number("extent", argument.extent);
            json.text("pointee", argument.pointee);
        }),
        None => json.null("argument"),
    }
    memory(&mut json, "memory", facts.lent(), symbols);
    // The block again under a name of its own: most readers ask for nothing else.
    match facts.lent().and_then(Memory::block) {
        Some(block) => json.object("block", |json| self::block(json, block, symbols)),
        None => json.null("block"),
    }
    json.object("finding", |json| members(json, &words.json, symbols));
    match facts.finding.parts().place {
        Some(place) => json.object("place", |json| self::place(json, place, symbols)),
        None => json.null("place"),
    }
    json.texts("help", words.helps.iter().take(super::text::HELPS));
    json.texts("notes", words.notes.iter());
    let identity = Identity::of(facts, &words, symbols);
    json.text_or_null("enclosing", identity.enclosing.as_deref());
    json.text("id", &identity.id);
    json.text("text", text);
    json.close();
    json.out
}

/// The object at exit: the places that were seen more than once, without a line break.
pub(super) fn counts(repeated: &[(ReportKey, u64)]) -> String {
    let mut json = Json::default();
    json.open();
    json.number("version", FORMAT);
    json.text("guard", env!("CARGO_PKG_VERSION"));
    json.list("repeated", repeated, |json, (place, seen)| {
        json.text("rule", place.rule.name());
        json.text("function", place.function);
        json.number_or_null("parameter", place.parameter);
        json.object("site", |json| json.source(place.file, place.line, place.column));
        json.raw("caught", if place.caught { "true" } else { "false" });
        json.number("seen", seen);
    });
    json.close();
    json.out
}

/// The object at the end of a process that counts (`GUARD_STATS=1`), without a line break.
pub(super) fn statistics(stats: &Stats) -> String {
    let mut json = Json::default();
    json.open();
    json.number("version", FORMAT);
    json.text("guard", env!("CARGO_PKG_VERSION"));
    json.list("statistics", stats.functions(), |json, function| {
        let callee = if function.is_callback() { function.time_in_rust() } else { function.time_in_c() };
        json.text("name", function.name());
        json.text("module", function.module());
        json.raw("callback", if function.is_callback() { "true" } else { "false" });
        json.number("calls", function.calls());
        json.number("callee_ns", callee.as_nanos());
        json.number("checks_ns", function.time_in_checks().as_nanos());
        json.number("lent_bytes", function.bytes_lent());
    });
    json.close();
    json.out
}

/// The object with one more text.
pub(super) fn with(mut object: String, key: &str, value: &str) -> String {
    object.truncate(object.len().saturating_sub("}".len()));
    let mut json = Json { out: object, member: true };
    json.text(key, value);
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
    let (file, line, column) = caller::place_of(call.site);
    json.object("site", |json| json.source(file, line, column));
    json.object("thread", |json| {
        json.number("id", call.thread);
        json.text_or_null("name", call.thread_name.as_deref());
    });
}

fn block(json: &mut Json, block: &BlockFacts, symbols: &Symbols<'_>) {
    json.address("address", block.address);
    json.number("size", block.size);
    json.number("align", block.align);
    json.raw("live", if block.live { "true" } else { "false" });
    trace(json, "allocated", block.allocated, block.allocated_by, symbols);
    trace(json, "freed", block.freed, block.freed_by, symbols);
    if let Some(Site { function, location }) = block.freed_under {
        json.object("freed_under", |json| {
            json.text("name", function.declaration.name);
            json.text("module", function.declaration.module);
            let (file, line, column) = caller::place_of(location);
            json.object("site", |json| json.source(file, line, column));
        });
    }
}

fn trace(json: &mut Json, key: &str, trace: TraceId, thread: u32, symbols: &Symbols<'_>) {
    frames(json, key, &(symbols.of_trace)(trace));
    json.number_or_null(&format!("{key}_by"), (thread != 0).then_some(thread));
}

fn frames(json: &mut Json, key: &str, frames: &[Frame]) {
    json.list(key, frames, |json, frame| {
        json.address("address", frame.address);
        json.text_or_null("function", frame.function());
        json.text_or_null("file", frame.file().map(|file| file.to_string_lossy()).as_deref());
        json.number_or_null("line", frame.line());
        json.number_or_null("column", frame.column());
    });
}

fn memory(json: &mut Json, key: &str, memory: Option<&Memory>, symbols: &Symbols<'_>) {
    let Some(memory) = memory else { return json.null(key) };
    json.object(key, |json| match memory {
        Memory::Heap(facts) => {
            json.text("kind", if facts.of_c { "c_heap" } else { "heap" });
            block(json, facts, symbols);
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

/// The members that a rule has for its finding.
fn members(json: &mut Json, members: &[(&str, Value<'_>)], symbols: &Symbols<'_>) {
    for (key, value) in members {
        match value {
            Value::Null => json.null(key),
            Value::Flag(flag) => json.raw(key, if *flag { "true" } else { "false" }),
            Value::Number(number) => json.number(key, number),
            Value::Text(text) => json.text(key, text),
            Value::Address(address) => json.address(key, *address),
            Value::Object(inner) => json.object(key, |json| self::members(json, inner, symbols)),
            Value::Location(at) => json.object(key, |json| json.source(at.file(), at.line(), at.column())),
            Value::Block(facts) => json.object(key, |json| block(json, facts, symbols)),
            Value::Memory(facts) => memory(json, key, Some(facts), symbols),
            Value::Trace(id, thread) => trace(json, key, *id, *thread, symbols),
            Value::Fault => frames(json, key, symbols.fault),
        }
    }
}

fn place(json: &mut Json, place: &Place, symbols: &Symbols<'_>) {
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
            trace(json, "allocated", allocated_at.trace, allocated_at.thread, symbols);
        }
        Place::RustBlock { address, size, allocated_at, offset, parameter, field } => {
            json.text("kind", "rust_block");
            json.address("address", *address);
            json.number("size", *size);
            json.number("offset", *offset);
            json.text("parameter", parameter);
            json.text_or_null("field", field.as_deref());
            trace(json, "allocated", allocated_at.trace, allocated_at.thread, symbols);
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

/// A writer of JSON: small, since only writing is needed, and a dependency would be every user's.
#[derive(Default)]
pub(super) struct Json {
    pub(super) out: String,
    /// Whether a member was written since the last brace opened.
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

    pub(super) fn raw(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.push_str(value);
    }

    fn null(&mut self, key: &str) {
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
    fn address(&mut self, key: &str, value: usize) {
        self.text(key, &format!("{value:#x}"));
    }

    fn source(&mut self, file: &str, line: u32, column: u32) {
        self.text("file", file);
        self.number("line", line);
        self.number("column", column);
    }

    fn object(&mut self, key: &str, write: impl FnOnce(&mut Json)) {
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

    fn texts<'a>(&mut self, key: &str, texts: impl Iterator<Item = &'a String>) {
        self.key(key);
        self.out.push('[');
        for (number, text) in texts.enumerate() {
            if number > 0 {
                self.out.push(',');
            }
            self.string(text);
        }
        self.out.push(']');
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
