//! The process: its environment, its standard error, its end. Nothing here allocates, so the
//! allocator may call it.

use std::fmt::{self, Write};

pub(crate) use super::os::process::{
    Errno, append, at_exit, close_stderr, env, exit_now, has_no_reader, signal_of, thread_count, write_stderr,
};

/// A line put together without allocating; text that does not fit is cut off.
pub(crate) struct Line {
    bytes: [u8; Line::ROOM],
    len: usize,
}

impl Line {
    /// Bytes that fit.
    pub(crate) const ROOM: usize = 1024;

    /// An empty line.
    pub(crate) const fn new() -> Line {
        Line { bytes: [0; Line::ROOM], len: 0 }
    }

    /// Ends the line, and cuts it if it is full.
    pub(crate) fn end(&mut self) {
        self.len = self.len.min(Line::ROOM - 1);
        let _ = self.write_str("\n");
    }

    /// The bytes written so far.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let n = text.len().min(room.len());
        if let (Some(to), Some(from)) = (room.get_mut(..n), text.as_bytes().get(..n)) {
            to.copy_from_slice(from);
        }
        self.len += n;
        Ok(())
    }
}

/// Says one line on standard error, without allocating.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    let mut line = Line::new();
    let _ = writeln!(line, "ffi-guard: {text}");
    write_stderr(line.as_bytes());
}

/// Says one line on standard error and ends the process with status 2, because something that the
/// user asked for cannot be had.
pub(crate) fn refuse(text: fmt::Arguments<'_>) -> ! {
    say(text);
    exit_now(2)
}
