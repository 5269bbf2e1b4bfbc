//! The story as text: the places in columns, the sentences filled.

use super::frames::{self, Frame};
use super::text::Context;
use super::width::{WIDTH, clip, clip_start, columns, fill};
use crate::config::Backtrace;
use crate::heap::trace::TraceId;
use crate::rules::words::{Beat, Thread};

/// Columns of the key, its colon and the blank that follows.
const KEY: usize = 16;

/// One beat as text: a sentence, or a place with what happened there and on which thread.
enum StoryLine {
    Words(&'static str, String),
    Place {
        key: &'static str,
        at: String,
        what: String,
        thread: String,
        /// `what` stands elsewhere too, and is left out first.
        known: bool,
    },
}

/// The lines of a story, and how many frames they leave out.
pub(super) fn lines(beats: Vec<Beat<'_>>, context: &Context<'_>, frames_each: usize) -> (Vec<String>, usize) {
    let full = context.backtrace == Backtrace::Full;
    let frames_each = if full { usize::MAX } else { frames_each };
    let mut told = Told { context, frames_each, full, lines: Vec::new(), hidden: 0 };
    beats.into_iter().for_each(|beat| told.beat(beat));
    (layout(&told.lines, full), told.hidden)
}

struct Told<'a> {
    context: &'a Context<'a>,
    frames_each: usize,
    /// Nothing is left out.
    full: bool,
    lines: Vec<StoryLine>,
    hidden: usize,
}

impl Told<'_> {
    fn beat(&mut self, beat: Beat<'_>) {
        match beat {
            Beat::Words(key, words) => self.lines.push(StoryLine::Words(key, words.into_owned())),
            Beat::At { key, at, what, thread, known } => {
                let (at, what) = (self.context.place(at), what.into_owned());
                let thread = thread.map_or_else(String::new, |thread| thread.to_string());
                self.lines.push(StoryLine::Place { key, at, what, thread, known });
            }
            Beat::Trace(key, trace, by) => self.trace(key, trace, by),
            Beat::Fault(key, _, by) => self.frames(key, frames::without_wrappers(self.context.fault), by),
            Beat::Defined(source) => {
                let at = format!("defined at {}:{}", (self.context.path)(&source.file), source.line);
                self.lines.push(StoryLine::Words("", at));
            }
        }
    }

    /// A place that a backtrace leads to: the user's first frames.
    fn trace(&mut self, key: &'static str, id: TraceId, by: Thread<'_>) {
        let mut words = |words: &str| self.lines.push(StoryLine::Words(key, words.into()));
        if self.context.backtrace == Backtrace::Off {
            return words("not recorded (GUARD_BACKTRACE=0)");
        }
        let all = (self.context.frames)(id);
        if all.is_empty() {
            return words("not recorded below GUARD=2");
        }
        self.frames(key, all, by);
    }

    fn frames(&mut self, key: &'static str, all: Vec<Frame>, by: Thread<'_>) {
        let (frames, hidden) = if self.full { (all, 0) } else { frames::users(all, self.frames_each) };
        self.hidden += hidden;
        for (number, frame) in frames.iter().enumerate() {
            let (key, thread) = if number == 0 { (key, by.to_string()) } else { ("", String::new()) };
            let (at, what) = (self.at(frame), name(frame, self.full));
            self.lines.push(StoryLine::Place { key, at, what, thread, known: false });
        }
    }

    fn at(&self, frame: &Frame) -> String {
        match (&frame.file, frame.line, frame.column.filter(|&column| column > 0)) {
            (Some(file), Some(line), Some(column)) => {
                format!("{}:{line}:{column}", (self.context.path)(&file.to_string_lossy()))
            }
            (Some(file), Some(line), None) => format!("{}:{line}", (self.context.path)(&file.to_string_lossy())),
            _ => match frames::module(frame.address) {
                Some((module, offset)) => format!("{module}+{offset:#x}"),
                None => format!("{:#x}", frame.address),
            },
        }
    }
}

/// The name of a frame, as the report shows it.
fn name(frame: &Frame, full: bool) -> String {
    match &frame.function {
        Some(name) if full => name.clone(),
        Some(name) => frames::short_function(name),
        None => "name not known".into(),
    }
}

/// Sets the places in columns, and fills the sentences. With `whole`, nothing is cut, however wide
/// it gets.
fn layout(lines: &[StoryLine], whole: bool) -> Vec<String> {
    const GAP: usize = 3;
    let columns_of = |of: &dyn Fn(&StoryLine) -> usize| lines.iter().map(of).max().unwrap_or(0);
    let at_width = columns_of(&|line| if let StoryLine::Place { at, .. } = line { columns(at) } else { 0 });
    let thread_width = columns_of(&|line| if let StoryLine::Place { thread, .. } = line { columns(thread) } else { 0 });
    let what_width = |even_known: bool| {
        columns_of(&|line| match line {
            StoryLine::Place { what, known, .. } if even_known || !known => columns(what),
            _ => 0,
        })
    };
    let room = WIDTH - KEY - 2 * GAP;
    let fits = |what: usize| whole || at_width + what + thread_width <= room;
    let all = fits(what_width(true));
    // The place is what leads there: the function's name gives way to it.
    let what_width = if all {
        what_width(true)
    } else {
        what_width(false).min(room.saturating_sub(at_width + thread_width).clamp(14, 24))
    };
    let at_width = if whole { at_width } else { at_width.min(room.saturating_sub(what_width + thread_width)) };
    let mut out = Vec::new();
    for line in lines {
        match line {
            StoryLine::Words("", words) => out.extend(fill(&" ".repeat(KEY), words)),
            StoryLine::Words(key, words) => out.extend(fill(&format!("{key:>14}: "), words)),
            StoryLine::Place { key, at, what, thread, known } => {
                let what = if *known && !all { "" } else { what };
                let colon = if key.is_empty() { ' ' } else { ':' };
                let at = clip_start(at, at_width);
                // A function is known by how its name begins, a file by how its path ends.
                let what = clip(what, what_width);
                let line = format!("{key:>14}{colon} {at:at_width$}   {what:what_width$}   {thread}");
                out.push(line.trim_end().to_string());
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_beginning_and_a_path_its_end() {
        let place = |at: &str, what: &str| StoryLine::Place {
            key: "touched",
            at: at.into(),
            what: what.into(),
            thread: "thread 1".into(),
            known: false,
        };
        let path = format!("{}/src/list.c:17:5", "a-long-folder/".repeat(8));
        let lines = layout(&[place(&path, "_IO_default_xsputn_of_a_very_long_name")], false);
        assert!(lines[0].contains("src/list.c:17:5   _IO_default_x…"), "{lines:?}");
        assert!(lines[0].starts_with("       touched: …"), "{lines:?}");
        let whole = layout(&[place(&path, "_IO_default_xsputn_of_a_very_long_name")], true);
        assert!(whole[0].contains(&path) && whole[0].contains("of_a_very_long_name"), "{whole:?}");
    }
}
