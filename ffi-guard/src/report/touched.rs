//! The long form of what a signal handler told in short: with names, lines of source, and the ways out. Put together in a copy
//! of the process, where it may allocate.

use std::path::{Path, PathBuf};

use super::frames::{self, Frame};
use super::json::Json;
use super::touch::Message;
use super::words::{WIDTH, clip_start, columns, fill};
use super::{beats, text};
use crate::config::{Backtrace, settings};
use crate::facts::{By, Touch};
use crate::heap::trace::TraceId;
use crate::platform::fault::Access;
use crate::platform::process::write_stderr;
use crate::rule::Severity;

/// Writes the long form to stderr in one go, and the object to the file of `GUARD_REPORT`.
pub(crate) fn tell(touch: &Touch<'_>) {
    let frames = of_fault(touch.frames);
    if settings().report_path().is_some() {
        super::deliver::append_line(object(touch, &frames), false);
    }
    let mut text = story(touch, &frames).join("\n");
    text.push('\n');
    write_stderr(text.as_bytes());
}

/// The first address is the instruction's own: what looks one byte before an address is told the one behind it.
fn of_fault(addresses: &[usize]) -> Vec<Frame> {
    let Some((&first, callers)) = addresses.split_first() else { return Vec::new() };
    let mut frames = frames::symbolise(&[first + 1]);
    frames.iter_mut().for_each(|frame| frame.address = first);
    frames.extend(frames::symbolise(callers));
    frames
}

/// Without the functions that stand for a guarded one: all are where it is declared, and its caller is what is asked for.
fn without_wrappers(frames: &[Frame]) -> Vec<Frame> {
    let mut kept: Vec<Frame> = Vec::new();
    let mut last: Option<&Frame> = None;
    for frame in frames {
        let outer = last
            .is_some_and(|last| last.is_inside_wrapper() && last.file() == frame.file() && last.line() == frame.line());
        if !frame.is_inside_wrapper() && !outer {
            kept.push(frame.clone());
        }
        last = Some(frame);
    }
    kept
}

fn story(touch: &Touch<'_>, frames: &[Frame]) -> Vec<String> {
    let whole = settings().backtrace == Backtrace::Full;
    let each = if whole { usize::MAX } else { 3 };
    let mut lines = Vec::new();
    let (users, mut hidden) = frames::users(without_wrappers(frames), each);
    let root = snippet(&mut lines, touch, &users);
    let path = |path: &Path| text::shorten(&path.to_string_lossy(), root.as_deref());
    let mut beats: Vec<[String; 4]> = Vec::new();
    let unseen = |key: &str, words: &str| [key.into(), words.into(), String::new(), String::new()];
    let places = |beats: &mut Vec<[String; 4]>, key: &str, frames: &[Frame], thread: u32| {
        let thread = if thread == 0 { String::new() } else { format!("thread {thread}") };
        for (i, frame) in frames.iter().enumerate() {
            let at = match (frame.file(), frame.line()) {
                (Some(file), Some(line)) => match frame.column().filter(|&column| column > 0) {
                    Some(column) => format!("{}:{line}:{column}", path(file)),
                    None => format!("{}:{line}", path(file)),
                },
                _ => frames::module(frame.address()).map_or_else(
                    || format!("{:#x}", frame.address()),
                    |(module, offset)| format!("{module}+{offset:#x}"),
                ),
            };
            let first = |text: &str| if i == 0 { text.to_string() } else { String::new() };
            let name = frame.function().map(frames::short_function).unwrap_or_default();
            beats.push([first(key), at, name, first(&thread)]);
        }
        if frames.is_empty() {
            beats.push(unseen(key, "not recorded"));
        }
    };
    let mut of = |trace: TraceId| {
        let (frames, left) = frames::users(frames::of_trace(trace), each);
        hidden += left;
        frames
    };
    let block = &touch.block;
    if touch.copy.is_none() {
        places(&mut beats, "allocated", &of(block.allocated), block.allocated_by);
    }
    let lent = touch.lent.map(|lent| Frame {
        address: 0,
        function: Some(lent.function.declaration.name.into()),
        file: Some(lent.location.file().into()),
        line: Some(lent.location.line()),
        column: Some(lent.location.column()),
    });
    match &lent {
        Some(frame) => {
            places(&mut beats, "lent", std::slice::from_ref(frame), touch.lent.map_or(0, |lent| lent.thread))
        }
        None => beats.push(unseen("lent", "to no guarded call that was seen")),
    }
    if touch.copy.is_some() {
        beats.push(unseen("returned", if block.live { "not yet" } else { "before this" }));
    } else if !block.live {
        places(&mut beats, "freed", &of(block.freed), block.freed_by);
    }
    places(&mut beats, "touched", &users, touch.thread);
    lines.extend(columns_of(&beats));
    lines.push(String::new());
    for help in helps(touch) {
        lines.extend(fill("help: ", help));
    }
    if hidden > 0 && !whole {
        let frames = if hidden == 1 { "1 frame".into() } else { format!("{hidden} frames") };
        lines.extend(fill("note: ", &format!("{frames} left out: GUARD_BACKTRACE=full shows all")));
    }
    let page = if touch.copy.is_some() { "copied" } else { "level-3" };
    lines.push(format!(" see: docs/src/rules/{}.md, docs/src/{page}.md", touch.rule()));
    lines.push(String::new());
    lines
}

/// The line of source that did it. Returns the folder that paths are relative to.
fn snippet(lines: &mut Vec<String>, touch: &Touch<'_>, users: &[Frame]) -> Option<PathBuf> {
    let frame = users.first()?;
    let (file, line) = (frame.file()?.to_str()?, frame.line()?);
    let column = frame.column().filter(|&column| column > 0)?;
    // The sites of guarded calls are relative to the workspace: of them the folder is learnt.
    let lent = touch.lent.and_then(|lent| {
        let at = lent.location;
        super::source::line(at.file(), at.line(), at.column(), lent.function.declaration.name)
    });
    let root = lent.map(|line| line.root);
    let Some(source) = super::source::line(file, line, column, "") else { return root };
    let gutter = " ".repeat(line.to_string().len());
    let marks = format!("{}^", " ".repeat(column as usize - 1));
    let (shown, marks) = text::window(&source.text.replace('\t', " "), &marks, WIDTH - gutter.len() - 3);
    lines.push(String::new());
    lines.push(format!("{gutter}--> {}:{line}:{column}", text::shorten(file, root.as_deref())));
    lines.push(format!("{gutter} |"));
    lines.push(format!("{line} | {}", shown.trim_end()));
    lines.push(format!("{gutter} | {marks} {} here", verb(touch.access)));
    lines.push(format!("{gutter} |"));
    root
}

fn verb(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::Write => "written",
        Access::Execute => "run",
        Access::Unknown => "touched",
    }
}

fn columns_of(beats: &[[String; 4]]) -> Vec<String> {
    let width = |column: usize| beats.iter().map(|beat| columns(&beat[column])).max().unwrap_or(0);
    let (names, threads) = (width(2).min(24), width(3));
    let places = width(1).min(WIDTH - beats::KEY - 6 - names - threads);
    let line = |[key, at, name, thread]: &[String; 4]| {
        let colon = if key.is_empty() { ' ' } else { ':' };
        let (at, name) = (clip_start(at, places), clip_start(name, names));
        format!("{key:>14}{colon} {at:places$}   {name:names$}   {thread}").trim_end().to_string()
    };
    beats.iter().map(line).collect()
}

fn helps(touch: &Touch<'_>) -> &'static [&'static str] {
    match (touch.block.live, touch.by) {
        (false, _) if touch.copy.is_some() => &[
            "have C forget the address before it returns, or copy the bytes that it wants to keep",
            "or say that C keeps it: declare the parameter `#[guard(retained)]` in place of `copied`. It is not copied then, and \
             must live for as long as C has it",
        ],
        (false, By::Rust) => {
            &["keep the block for as long as a pointer into it is used: what `as_ptr()` gives does not"]
        }
        (false, _) => &[
            "keep the block for as long as C holds its address: `ffi_guard::pin`, or a longer life in Rust with \
             `#[guard(retained)]`",
            "or have C forget the address before Rust frees the block",
            "or have C keep a copy, or memory of its own: `CBox`, `CArena`",
        ],
        (true, By::Rust) => &["check the index or the length against the block's size"],
        (true, _) => &[
            "tell C how much it may touch, and check it at the call: `#[guard(counted_by = n)]`, `sized_by`, `cstr`",
            "or make the block as large as C takes it to be",
        ],
    }
}

fn object(touch: &Touch<'_>, frames: &[Frame]) -> String {
    let mut json = Json::default();
    json.open();
    json.number("version", 1);
    json.text("guard", env!("CARGO_PKG_VERSION"));
    json.text("rule", touch.rule().name());
    json.text("severity", if touch.severity == Severity::Warn { "warn" } else { "deny" });
    json.text("message", &Message(touch).to_string());
    match &touch.lent {
        Some(lent) => {
            let declaration = lent.function.declaration;
            json.object("function", |json| {
                json.text("name", declaration.name);
                json.text("module", declaration.module);
                json.source(declaration.file, declaration.line, declaration.column);
            });
            json.null("parameter");
            json.object("site", |json| json.source(lent.location.file(), lent.location.line(), lent.location.column()));
            json.object("thread", |json| {
                json.number("id", lent.thread);
                json.null("name");
            });
        }
        None => ["function", "parameter", "site", "thread"].into_iter().for_each(|key| json.null(key)),
    }
    json.null("argument");
    json.null("memory");
    match touch.copy {
        None => json.object("block", |json| super::json::block(json, &touch.block, &frames::of_trace)),
        Some(_) => json.null("block"),
    }
    json.object("finding", |json| {
        json.text("found_by", "fault");
        json.text_or_null("copy_of", touch.copy);
        json.text(
            "access",
            match touch.access {
                Access::Read => "read",
                Access::Write => "write",
                Access::Execute => "execute",
                Access::Unknown => "unknown",
            },
        );
        json.text(
            "by",
            match touch.by {
                By::C => "c",
                By::Rust => "rust",
                By::Unknown => "unknown",
            },
        );
        json.address("address", touch.address);
        json.address("instruction", touch.place.address);
        json.text_or_null("module", touch.place.module.map(|(module, _)| module));
        match touch.place.module {
            Some((_, offset)) => json.address("module_offset", offset),
            None => json.null("module_offset"),
        }
        json.number("fault_thread", touch.thread);
        super::json::frames(json, "frames", frames);
    });
    json.null("place");
    json.close();
    json.out
}
