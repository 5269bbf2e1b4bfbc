//! The report as text.

use super::frames::Frame;
use super::paths::Paths;
use super::width::{WIDTH, clip, columns, fill};
use super::{frames, picture, source, story};
use crate::config::Backtrace;
use crate::facts::{Call, Facts, Touch};
use crate::heap::trace::TraceId;
use crate::rules;
use crate::rules::words::{Source, Words};

/// Lines of a report, unless `GUARD_BACKTRACE=full` shows all frames.
const LINES: usize = 40;

/// Helps of a report.
pub(super) const HELPS: usize = 3;

/// What a report needs beside the facts. Tests fill it in by hand.
pub(super) struct Context<'a> {
    /// Draw the picture with box characters.
    pub(super) unicode: bool,
    /// `GUARD_BACKTRACE`.
    pub(super) backtrace: Backtrace,
    /// The frames of a trace.
    pub(super) frames: &'a dyn Fn(TraceId) -> Vec<Frame>,
    /// The frames of the fault, for a report of one.
    pub(super) fault: &'a [Frame],
    /// The line of source of a place, for the callee of this name.
    pub(super) line: &'a dyn Fn(Source<'_>, &str) -> Option<String>,
    /// A path as the report shows it.
    pub(super) path: &'a dyn Fn(&str) -> String,
}

impl Context<'_> {
    /// A place as the report shows it.
    pub(super) fn place(&self, at: Source<'_>) -> String {
        format!("{}:{}:{}", (self.path)(at.file), at.line, at.column)
    }
}

/// The report of these facts, in this process. `fault` has the frames of the fault, if it is about
/// one.
pub(super) fn report(facts: &Facts, fault: &[Frame]) -> String {
    let paths = Paths::new(facts, fault);
    let context = Context {
        unicode: locale_is_utf8(|name| std::env::var(name).ok()),
        backtrace: crate::config::settings().backtrace,
        frames: &frames::of_trace,
        fault,
        line: &|at, callee| paths.line(at, callee),
        path: &|path| paths.short(path),
    };
    render(facts, &context)
}

/// Puts the parts together. If it gets too long, frames give way first, then all notes but the
/// first.
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

/// The first line: the finding in one sentence. It is one line whatever its length, so that
/// `#[should_panic(expected = ..)]` and grep can rely on it.
fn headline(facts: &Facts, words: &Words<'_>) -> String {
    let start = format!("ffi-guard[{}]: ", facts.rule());
    let (sentence, place) = &words.sentence;
    // Where exactly it is stands once more under the call: it may go for the width's sake.
    let fits = columns(&start) + columns(sentence) + columns(place) <= WIDTH;
    format!("{start}{sentence}{}", if fits { place } else { "" })
}

/// The lines of a report. A page fault's has no first and no last line: the raw form has those.
fn lines(facts: &Facts, context: &Context<'_>, frames_each: usize, notes: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let words = rules::words(facts);
    let touch = facts.finding.parts().touch;
    if touch.is_none() {
        lines.push(headline(facts, &words));
    }
    match (touch, &facts.call) {
        (Some(_), call) => lines.extend(fault_snippet(call.as_ref(), &words.label, context)),
        (None, Some(call)) => lines.extend(snippet(call, &words.label, context)),
        (None, None) => {}
    }
    let (story, hidden) = story::lines(words.story, context, frames_each);
    lines.extend(story);
    if let Some(picture) = &words.picture {
        lines.push(String::new());
        lines.extend(picture::draw(picture, context.unicode));
    }
    lines.push(String::new());
    for help in words.helps.iter().take(HELPS) {
        lines.extend(fill("help: ", help));
    }
    for note in words.notes.iter().take(notes) {
        lines.extend(fill("note: ", note));
    }
    if hidden > 0 {
        let frames = if hidden == 1 { "1 frame".into() } else { format!("{hidden} frames") };
        lines.extend(fill("note: ", &format!("{frames} left out: GUARD_BACKTRACE=full shows all")));
    }
    let more = match touch {
        Some(Touch { copy: Some(_), .. }) => Some("copied"),
        Some(_) => Some("level_3"),
        None => None,
    };
    lines.push(format!(" see: {}", page(facts.rule().name())));
    lines.extend(more.map(|more| format!("      {}", page(more))));
    lines.push(String::new());
    if touch.is_none() {
        lines.push(summary(facts, context));
    }
    lines
}

/// The address of a page of the guide in the crate's documentation, which `cargo doc` builds as
/// well.
fn page(name: &str) -> String {
    format!("https://docs.rs/ffi-guard/latest/ffi_guard/guide/{name}/")
}

/// The last line: all that grep and CI ask for.
fn summary(facts: &Facts, context: &Context<'_>) -> String {
    let rule = facts.rule();
    if let Some(wrong) = facts.finding.parts().wrong_free {
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
            let (name, site) = (call.function.declaration.name, Source::from(call.site));
            format!("summary: ffi-guard: {rule} in {name} at {}:{}", (context.path)(site.file), site.line)
        }
        None => format!("summary: ffi-guard: {rule} outside of a guarded call"),
    }
}

/// The place of the call and its line, underlined.
fn snippet(call: &Call, label: &str, context: &Context<'_>) -> Vec<String> {
    // First of all: it finds the folder that paths are relative to.
    let site = Source::from(call.site);
    let text = (context.line)(site, call.function.declaration.name);
    let number = site.line.to_string();
    let gutter = " ".repeat(number.len());
    let mut lines = vec![format!("{gutter}--> {}", context.place(site))];
    let Some(text) = text else {
        lines.push(format!("{gutter} |"));
        lines.extend(fill(&format!("{gutter} = "), label));
        lines.push(format!("{gutter} |"));
        return lines;
    };
    let underline = source::underline(&text, site.column, call.parameter);
    let (callee, argument) = (underline.callee, underline.argument.unwrap_or(underline.callee));
    let mut marks = vec![' '; argument.0.max(callee.0) + argument.1.max(callee.1)];
    marks[callee.0..callee.0 + callee.1].fill('-');
    marks[argument.0..argument.0 + argument.1].fill('^');
    let room = WIDTH - number.len() - 3;
    let (text, marks) = window(&text.replace('\t', " "), &marks.iter().collect::<String>(), room);
    let marks = marks.trim_end();
    lines.extend([format!("{gutter} |"), format!("{number} | {text}")]);
    if columns(marks) + 1 + columns(label) <= room {
        lines.push(format!("{gutter} | {marks} {label}"));
    } else {
        lines.push(format!("{gutter} | {marks}"));
        let at = |mark: &str| marks.find(mark).filter(|at| at + columns(label) <= room);
        let indent = at("^").or_else(|| at("-")).unwrap_or(room.saturating_sub(columns(label)).min(4));
        let bar = format!("{gutter} | ");
        for line in fill(&format!("{bar}{}", " ".repeat(indent)), label) {
            lines.push(format!("{bar}{}", &line[bar.len()..]));
        }
    }
    lines.push(format!("{gutter} |"));
    lines
}

/// The line of source that faulted.
fn fault_snippet(call: Option<&Call>, label: &str, context: &Context<'_>) -> Vec<String> {
    // The sites of guarded calls are relative to the workspace: they show the folder.
    let _ = call.and_then(|call| (context.line)(call.site.into(), call.function.declaration.name));
    let (users, _) = frames::users(frames::without_wrappers(context.fault), 1);
    let place = users.first().and_then(|frame| {
        let column = frame.column().filter(|&column| column > 0)?;
        Some(Source { file: frame.file()?.to_str()?, line: frame.line()?, column })
    });
    let Some((at, text)) = place.and_then(|at| Some((at, (context.line)(at, "")?))) else { return Vec::new() };
    let number = at.line.to_string();
    let gutter = " ".repeat(number.len());
    let marks = format!("{}^", " ".repeat(at.column as usize - 1));
    let (text, marks) = window(&text.replace('\t', " "), &marks, WIDTH - number.len() - 3);
    vec![
        String::new(),
        format!("{gutter}--> {}", context.place(at)),
        format!("{gutter} |"),
        format!("{number} | {}", text.trim_end()),
        format!("{gutter} | {marks} {label}"),
        format!("{gutter} |"),
    ]
}

/// The part of a long line that holds the marks: indentation goes first, then the start, then the
/// end.
fn window(text: &str, marks: &str, room: usize) -> (String, String) {
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

/// Whether the locale's characters are UTF-8: the first variable that is set decides, as in C's
/// `setlocale`.
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

    /// The pages that the crate's documentation has, as the build wrote them.
    #[test]
    fn reports_lead_to_pages_that_are_there() {
        let pages = include_str!(concat!(env!("OUT_DIR"), "/guide.rs"));
        for name in crate::rule::Rule::ALL.iter().map(|rule| rule.name()).chain(["copied", "level_3"]) {
            assert!(pages.contains(&format!("pub mod {name} {{}}")), "{name}");
        }
        // Links from page to page are links to those modules.
        let page = include_str!(concat!(env!("OUT_DIR"), "/double_free.md"));
        assert!(page.contains("](../alloc_dealloc_mismatch/index.html)"), "{page}");
        assert!(columns(&format!(" see: {}", page_of_the_longest_name())) <= WIDTH);
    }

    fn page_of_the_longest_name() -> String {
        let names = crate::rule::Rule::ALL.iter().map(|rule| rule.name());
        page(names.max_by_key(|name| name.len()).unwrap_or_default())
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
