//! The raw form of a report: what a signal handler may write. Fixed buffers, one `write` for each line.

use std::fmt::{self, Write as _};

use super::touch::Message;
use crate::config::settings;
use crate::facts::{Code, Touch};
use crate::heap::trace::{self, TraceId};
use crate::platform::process::{Line, append, write_stderr};
use crate::rule::Severity;

/// Addresses shown of a trace: the first ones are the allocator's.
const ADDRESSES: usize = 8;

fn line(text: fmt::Arguments<'_>) {
    let mut line = Line::new();
    let _ = line.write_fmt(text);
    // A line that is too long is cut, and ends all the same.
    line.end();
    write_stderr(line.as_bytes());
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

fn event(key: &str, trace: TraceId, thread: u32) {
    let addresses = Addresses(trace::frames(trace));
    match thread {
        0 => line(format_args!("ffi-guard: {key:>11} on a thread that was not recorded, at {addresses}")),
        _ => line(format_args!("ffi-guard: {key:>11} thread {thread} at {addresses}")),
    }
}

/// Everything but the last line.
pub(crate) fn write(touch: &Touch<'_>) {
    let (rule, block) = (touch.rule(), &touch.block);
    let warning = if touch.severity == Severity::Warn { "warning: " } else { "" };
    line(format_args!("{warning}ffi-guard[{rule}]: {}", Message(touch)));
    if touch.copy.is_none() {
        event("allocated", block.allocated, block.allocated_by);
    }
    match &touch.lent {
        Some(lent) => line(format_args!(
            "ffi-guard: {:>11} thread {} to {} at {}:{}",
            "lent",
            lent.thread,
            lent.function.declaration.name,
            lent.location.file(),
            lent.location.line()
        )),
        None => line(format_args!("ffi-guard: {:>11} to no guarded call that was seen", "lent")),
    }
    if !block.live && touch.copy.is_none() {
        event("freed", block.freed, block.freed_by);
    }
    line(format_args!(
        "ffi-guard: {:>11} thread {} at {:#x}, {}",
        "fault", touch.thread, touch.place.address, touch.place
    ));
    if let Some(caller) = &touch.caller {
        line(format_args!("ffi-guard: {:>11} {caller}", "called by"));
    }
    if let Some(callers) = touch.frames.get(1..).filter(|callers| !callers.is_empty()) {
        line(format_args!("ffi-guard: {:>11} {}", "from", Addresses(callers)));
    }
}

/// The last line: all that grep and CI ask for.
pub(crate) fn summary(touch: &Touch<'_>) {
    let place = touch.caller.as_ref().unwrap_or(&touch.place);
    line(format_args!("ffi-guard: summary: {} in {place}", touch.rule()));
}

/// Appends the object of `docs/src/report-json.md` to the file of `GUARD_REPORT`, with addresses alone: where a process that may
/// do more could not.
pub(crate) fn append_object(touch: &Touch<'_>) {
    let Some(path) = settings().report_path().and_then(|path| path.to_str()) else { return };
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
    append(path, text.as_bytes());
}
