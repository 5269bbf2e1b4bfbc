//! The report of a page fault, in two parts: the raw form, which a signal handler may write, with
//! fixed buffers and one `write` for each line; and the long form with names and lines of source,
//! which is put together in a copy of the process, where it may allocate.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{frames, json, lines, text};
use crate::config::settings;
use crate::facts::{Code, Touch};
use crate::heap::trace;
use crate::platform::process::{Line, append, write_stderr};
use crate::rule::Severity;
use crate::rules::touched::{Message, story};
use crate::rules::words::{Beat, Thread};

/// Addresses shown of a trace: the first ones are the allocator's.
const ADDRESSES: usize = 8;

fn line(text: fmt::Arguments<'_>) {
    let mut line = Line::new();
    let _ = line.write_fmt(text);
    // A line that is too long is cut, and ends all the same.
    line.end();
    write_stderr(line.as_bytes());
}

fn say(key: &str, text: fmt::Arguments<'_>) {
    line(format_args!("ffi-guard: {key:>11} {text}"));
}

/// `0x55d0c1a2 0x55d0c0f1`, or that there are none.
struct Addresses<'a>(&'a [usize]);

impl fmt::Display for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("addresses that were not recorded");
        }
        for (i, address) in self.0.iter().take(ADDRESSES).enumerate() {
            write!(f, "{}{address:#x}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// Writes everything but the last line, in the raw form.
pub(crate) fn write(touch: &Touch<'_>) {
    let warning = if touch.severity == Severity::Warn { "warning: " } else { "" };
    line(format_args!("{warning}ffi-guard[{}]: {}", touch.rule(), Message(touch)));
    story(touch, &mut |beat| write_beat(touch, &beat));
}

fn write_beat(touch: &Touch<'_>, beat: &Beat<'_>) {
    match beat {
        // The first line says which copy it was: that lasts as long as the call.
        Beat::Words("returned", _) | Beat::Defined(_) => {}
        Beat::Words(key, words) => say(key, format_args!("{words}")),
        Beat::Trace(key, trace, Thread { id, .. }) => {
            let addresses = Addresses(trace::frames(*trace));
            match id {
                0 => say(key, format_args!("on a thread that was not recorded, at {addresses}")),
                _ => say(key, format_args!("thread {id} at {addresses}")),
            }
        }
        Beat::At { key, at, what, thread, .. } => match thread {
            Some(Thread { id, .. }) => say(key, format_args!("thread {id} to {what} at {}:{}", at.file, at.line)),
            None => say(key, format_args!("a call of {what} at {}:{}", at.file, at.line)),
        },
        Beat::Fault(_, frames, Thread { id, .. }) => {
            say("fault", format_args!("thread {id} at {:#x}, {}", touch.place.address, touch.place));
            if let Some(caller) = &touch.caller {
                say("called by", format_args!("{caller}"));
            }
            if let Some(callers) = frames.get(1..).filter(|callers| !callers.is_empty()) {
                say("from", format_args!("{}", Addresses(callers)));
            }
        }
    }
}

/// The last line: all that grep and CI ask for.
pub(crate) fn summary(touch: &Touch<'_>) {
    let place = touch.caller.as_ref().unwrap_or(&touch.place);
    line(format_args!("ffi-guard: summary: {} in {place}", touch.rule()));
}

/// Says that the addresses are all there is, and appends the object without names.
pub(crate) fn without_names(touch: &Touch<'_>) {
    line(format_args!("ffi-guard: names and lines of source could not be looked up here; the addresses have to do"));
    append_object(touch);
}

/// Places of faults that the file of `GUARD_REPORT` takes; a program that goes on after them may
/// have any number of them.
const PLACES: usize = 256;

/// The places that the file has, as hashes; 0 for none. One fault is reported at a time.
static WRITTEN: [AtomicU64; PLACES] = [const { AtomicU64::new(0) }; PLACES];
/// Whether the file takes the fault that is being reported.
static IS_NEW: AtomicBool = AtomicBool::new(true);

/// Notes a fault before it is reported: the file gets each place once.
pub(crate) fn note(touch: &Touch<'_>) {
    let lent = touch.lent.map_or(0, |lent| std::ptr::from_ref(lent.location).addr());
    let about = [touch.rule() as usize, lent, touch.copy.map_or(0, |copy| copy.as_ptr().addr())];
    // FNV-1a, by words.
    let hash = touch
        .frames
        .iter()
        .chain(&about)
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, &word| (hash ^ word as u64).wrapping_mul(0x0100_0000_01b3));
    let hash = hash.max(1);
    let mut is_new = false;
    for place in &WRITTEN {
        match place.load(Ordering::Relaxed) {
            0 => {
                place.store(hash, Ordering::Relaxed);
                is_new = true;
                break;
            }
            there if there == hash => break,
            _ => {}
        }
    }
    IS_NEW.store(is_new, Ordering::Relaxed);
}

/// Appends the object of `docs/src/report-json.md` to the file of `GUARD_REPORT`, with addresses
/// alone: for the case that the copy of the process could not do it.
fn append_object(touch: &Touch<'_>) {
    let Some(path) = settings().report_path().filter(|_| IS_NEW.load(Ordering::Relaxed)) else { return };
    let mut text = Line::new();
    let (rule, block) = (touch.rule(), &touch.block);
    let severity = if touch.severity == Severity::Warn { "warn" } else { "deny" };
    let _ = write!(
        text,
        "{{\"version\":1,\"guard\":\"{}\",\"rule\":\"{rule}\",\"severity\":\"{severity}\",\"message\":\"{}\",\"function\":null,\
         \"parameter\":null,\"site\":null,\"thread\":{{\"id\":{},\"name\":null}},\"argument\":null,\"memory\":null,\
         \"block\":{{\"address\":\"{:#x}\",\"size\":{},\"align\":{},\"live\":{}}},\"finding\":{{\"address\":\"{:#x}\",\
         \"instruction\":\"{:#x}\",\"module\":",
        env!("CARGO_PKG_VERSION"),
        Message(touch),
        touch.thread,
        block.address,
        block.size,
        block.align,
        block.live,
        touch.address,
        touch.place.address,
    );
    let _ = match touch.place {
        Code { module: Some((module, offset)), .. } => {
            write!(text, "\"{module}\",\"module_offset\":\"{offset:#x}\"}}")
        }
        _ => text.write_str("null,\"module_offset\":null}"),
    };
    let _ = text.write_str(",\"place\":null}\n");
    // A failure cannot be told here without allocating, and the report itself is on standard error.
    let _ = append(path, text.as_bytes(), 0);
}

/// Writes the long form to stderr in one go, and the object to the file of `GUARD_REPORT`. For a
/// copy of the process.
pub(crate) fn tell(touch: &Touch<'_>) {
    let (facts, frames) = (touch.leak(), frames::of_fault(touch.frames));
    let mut text = text::report(&facts, &frames);
    if settings().report_path().is_some() && IS_NEW.load(Ordering::Relaxed) {
        let symbols = json::Symbols { of_trace: &frames::of_trace, fault: &frames };
        lines::append_object(json::object(&facts, &symbols, &text), false);
    }
    text.push('\n');
    write_stderr(text.as_bytes());
}
