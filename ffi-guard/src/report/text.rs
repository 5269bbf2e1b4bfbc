//! The report as text.

use std::cell::RefCell;
use std::panic::Location;
use std::path::{Path, PathBuf};

use super::frames::Frame;
use super::words::{WIDTH, clip, columns, fill};
use super::{beats, frames, headline, help, notes, picture, source};
use crate::config::Backtrace;
use crate::facts::{Call, Facts};
use crate::heap::trace::TraceId;

/// Lines of a report, `GUARD_BACKTRACE=full` aside.
const LINES: usize = 40;

/// What a report needs beside the facts. Tests fill it in by hand.
pub(super) struct Context<'a> {
    /// Draw the picture with box characters.
    pub(super) unicode: bool,
    /// `GUARD_BACKTRACE`.
    pub(super) backtrace: Backtrace,
    /// The frames of a trace.
    pub(super) frames: &'a dyn Fn(TraceId) -> Vec<Frame>,
    /// The line of source of a place, for the callee of this name.
    pub(super) line: &'a dyn Fn(&Location<'_>, &str) -> Option<String>,
    /// A path as the report shows it.
    pub(super) path: &'a dyn Fn(&str) -> String,
}

impl Context<'_> {
    /// A place as the report shows it.
    pub(super) fn site(&self, site: &Location<'_>) -> String {
        format!("{}:{}:{}", (self.path)(site.file()), site.line(), site.column())
    }
}

/// The report of these facts, in this process.
pub(super) fn report(facts: &Facts) -> String {
    // The folder that the compiler's relative paths start from, known once a source was found.
    let root: RefCell<Option<PathBuf>> = RefCell::default();
    let line = |site: &Location<'_>, callee: &str| {
        let line = source::line(site.file(), site.line(), site.column(), callee)?;
        *root.borrow_mut() = Some(line.root);
        Some(line.text)
    };
    let path = |path: &str| shorten(path, root.borrow().as_deref());
    render(
        facts,
        &Context {
            unicode: locale_is_utf8(|name| std::env::var(name).ok()),
            backtrace: crate::config::settings().backtrace,
            frames: &frames::of_trace,
            line: &line,
            path: &path,
        },
    )
}

/// Puts the parts together. Where it gets too long, frames give way first, then the notes behind the first.
pub(super) fn render(facts: &Facts, context: &Context<'_>) -> String {
    let mut text = String::new();
    for (frames_each, notes) in [(3, usize::MAX), (2, usize::MAX), (1, usize::MAX), (1, 1)] {
        let lines = lines(facts, context, frames_each, notes);
        let enough = lines.len() <= LINES;
        text = lines.join("\n");
        if enough || context.backtrace == Backtrace::Full {
            break;
        }
    }
    text
}

fn lines(facts: &Facts, context: &Context<'_>, frames_each: usize, notes: usize) -> Vec<String> {
    let mut lines = vec![headline::headline(facts)];
    if let Some(call) = &facts.call {
        lines.extend(snippet(facts, call, context));
    }
    let (beats, hidden) = beats::beats(facts, context, frames_each);
    lines.extend(beats);
    let mut picture = picture::picture(facts);
    if !context.unicode {
        picture.iter_mut().for_each(|line| *line = picture::ascii(line));
    }
    if !picture.is_empty() {
        lines.push(String::new());
        lines.extend(picture);
    }
    lines.push(String::new());
    for help in help::helps(facts) {
        lines.extend(fill("help: ", &help));
    }
    for note in notes::notes(facts).into_iter().take(notes) {
        lines.extend(fill("note: ", &note));
    }
    if hidden > 0 {
        let frames = if hidden == 1 { "1 frame".into() } else { format!("{hidden} frames") };
        lines.extend(fill("note: ", &format!("{frames} left out: GUARD_BACKTRACE=full shows all")));
    }
    lines.push(format!(" see: docs/src/rules/{}.md", facts.rule()));
    lines.push(String::new());
    lines.push(summary(facts, context));
    lines
}

/// The last line: all that grep and CI ask for.
fn summary(facts: &Facts, context: &Context<'_>) -> String {
    let rule = facts.rule();
    if let Some(wrong) = facts.wrong_free() {
        // The call is only the last that is known to have had the block.
        let name = wrong.asked.name();
        let (users, _) = frames::users((context.frames)(wrong.at), 1);
        if let Some((file, line)) = users.first().and_then(|frame| Some((frame.file()?, frame.line()?))) {
            let file = (context.path)(&file.to_string_lossy());
            return format!("summary: ffi-guard: {rule} in {name} at {file}:{line}");
        }
        return format!("summary: ffi-guard: {rule} in {name}");
    }
    match &facts.call {
        Some(call) => {
            let (name, site) = (call.function.declaration.name, call.site);
            format!("summary: ffi-guard: {rule} in {name} at {}:{}", (context.path)(site.file()), site.line())
        }
        None => format!("summary: ffi-guard: {rule} outside of a guarded call"),
    }
}

/// The place of the call and its line, underlined.
fn snippet(facts: &Facts, call: &Call, context: &Context<'_>) -> Vec<String> {
    // First of all: it finds the folder that paths are relative to.
    let text = (context.line)(call.site, call.function.declaration.name);
    let number = call.site.line().to_string();
    let gutter = " ".repeat(number.len());
    let mut lines = vec![format!("{gutter}--> {}", context.site(call.site))];
    let Some(text) = text else {
        lines.push(format!("{gutter} |"));
        lines.extend(fill(&format!("{gutter} = "), &headline::label(facts)));
        lines.push(format!("{gutter} |"));
        return lines;
    };
    let underline = source::underline(&text, call.site.column(), call.parameter);
    let (callee, argument) = (underline.callee, underline.argument.unwrap_or(underline.callee));
    let mut marks = vec![' '; argument.0.max(callee.0) + argument.1.max(callee.1)];
    marks[callee.0..callee.0 + callee.1].fill('-');
    marks[argument.0..argument.0 + argument.1].fill('^');
    let room = WIDTH - number.len() - 3;
    let (text, marks) = window(&text.replace('\t', " "), &marks.iter().collect::<String>(), room);
    let marks = marks.trim_end();
    lines.extend([format!("{gutter} |"), format!("{number} | {text}")]);
    let label = headline::label(facts);
    if columns(marks) + 1 + columns(&label) <= room {
        lines.push(format!("{gutter} | {marks} {label}"));
    } else {
        lines.push(format!("{gutter} | {marks}"));
        let at = |mark: &str| marks.find(mark).filter(|at| at + columns(&label) <= room);
        let indent = at("^").or_else(|| at("-")).unwrap_or(room.saturating_sub(columns(&label)).min(4));
        let bar = format!("{gutter} | ");
        for line in fill(&format!("{bar}{}", " ".repeat(indent)), &label) {
            lines.push(format!("{bar}{}", &line[bar.len()..]));
        }
    }
    lines.push(format!("{gutter} |"));
    lines
}

/// The part of a long line that holds the marks: indentation goes first, then the start, then the end.
pub(super) fn window(text: &str, marks: &str, room: usize) -> (String, String) {
    if columns(text) <= room {
        return (text.into(), marks.into());
    }
    let indent = text.chars().take_while(|c| *c == ' ').count().saturating_sub(4);
    let marked = columns(marks.trim_end());
    let start = if marked - indent.min(marked) <= room {
        indent
    } else {
        // As much of the marked part as fits, from the callee on.
        marks.chars().take_while(|c| *c == ' ').count()
    };
    let cut = |line: &str| line.chars().skip(start).collect::<String>();
    let marks = cut(marks).chars().take(room).collect();
    (clip(&cut(text), room), marks)
}

/// A path without what goes without saying: the folder of the workspace, or of the registry.
pub(super) fn shorten(path: &str, root: Option<&Path>) -> String {
    let here = std::env::current_dir().ok();
    for folder in [root, here.as_deref()].into_iter().flatten() {
        if let Ok(rest) = Path::new(path).strip_prefix(folder) {
            return rest.to_string_lossy().into_owned();
        }
    }
    // `~/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/name-1.2.3/src/lib.rs`
    match path.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/')) {
        Some((_, crates_own)) => crates_own.into(),
        None => path.into(),
    }
}

/// Whether the locale's characters are UTF-8: the first variable that is set decides, as in C's `setlocale`.
fn locale_is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.to_string())
        };
        assert!(locale_is_utf8(env(&[("LANG", "en_US.UTF-8")])));
        assert!(!locale_is_utf8(env(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")])));
        assert!(locale_is_utf8(env(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")])));
        assert!(!locale_is_utf8(env(&[])));
    }

    #[test]
    fn paths_lose_what_goes_without_saying() {
        assert_eq!(shorten("/ws/app/src/a.rs", Some(Path::new("/ws"))), "app/src/a.rs");
        assert_eq!(
            shorten("/home/u/.cargo/registry/src/index.crates.io-1949/libz-1.0.0/src/lib.rs", None),
            "libz-1.0.0/src/lib.rs"
        );
        assert_eq!(shorten("/elsewhere/x.c", None), "/elsewhere/x.c");
    }

    #[test]
    fn long_lines_are_cut_around_the_call() {
        let text = format!("{}let x = f({});", " ".repeat(40), "a".repeat(60));
        let marks = format!("{}-", " ".repeat(48));
        let (shown, marks) = window(&text, &marks, 70);
        assert!(shown.starts_with("    let x = f(aaa") && shown.ends_with('…') && columns(&shown) == 70);
        assert_eq!(marks.find('-'), Some(12));
        let far = format!("{}f(x)", "a + ".repeat(30));
        let (shown, marks) = window(&far, &format!("{}-", " ".repeat(120)), 70);
        assert_eq!((shown.as_str(), marks.as_str()), ("f(x)", "-"));
    }
}
