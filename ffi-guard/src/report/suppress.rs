//! Findings that the project has looked at and accepts: the file of `GUARD_SUPPRESS`, which is
//! `ffi-guard.toml` under `cargo ffi-guard`.
//!
//! ```toml
//! [[suppress]]
//! rule = "retained_pointer"
//! function = "onig_new"
//! reason = "kept, and read only by functions that this program does not call"
//! until = "2027-06-30"
//! ```
//!
//! The file is written in this part of TOML: `[[suppress]]`, and texts in quotes. It is read when
//! something is found, and not before: a program without findings pays nothing for it.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use super::frames;
use crate::config::settings;
use crate::facts::{Facts, Memory};
use crate::platform::process::write_stderr;
use crate::rule::Rule;

/// One entry: a finding is suppressed if it has everything that is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    rule: Option<String>,
    function: Option<String>,
    parameter: Option<String>,
    krate: Option<String>,
    frame: Option<String>,
    reason: Option<String>,
    /// The last day, as `2027-06-30`.
    until: Option<String>,
}

/// The reason for which the finding is accepted, if it is.
pub(super) fn reason(facts: &Facts) -> Option<&'static str> {
    static ENTRIES: OnceLock<Vec<Entry>> = OnceLock::new();
    let path = settings().suppress_path()?;
    let entries = ENTRIES.get_or_init(|| {
        let text = std::fs::read_to_string(path).map_err(|error| format!(" {error}"));
        text.and_then(|text| parse(&text)).unwrap_or_else(|why| {
            write_stderr(
                format!("ffi-guard: GUARD_SUPPRESS={}:{why}; nothing is suppressed\n", path.display()).as_bytes(),
            );
            Vec::new()
        })
    });
    let today = today();
    entries.iter().find(|entry| entry.is_of(facts, &today))?.reason.as_deref()
}

impl Entry {
    fn is_of(&self, facts: &Facts, today: &str) -> bool {
        let is = |wanted: &Option<String>, it: Option<&str>| wanted.as_deref().is_none_or(|wanted| it == Some(wanted));
        let function = facts.call.as_ref().map(|call| call.function);
        let krate = self.krate.as_ref().map(|krate| krate.replace('-', "_"));
        self.until.as_deref().is_none_or(|until| until >= today)
            && is(&self.rule, Some(facts.rule().name()))
            && is(&self.function, function.map(|function| function.declaration.name))
            && is(&self.parameter, facts.parameter().map(|parameter| parameter.name))
            && is(&krate, function.map(|function| function.krate()))
            && self.frame.as_deref().is_none_or(|frame| has_frame(facts, frame))
    }

    /// What is wrong with the entry.
    fn wrong(&self) -> Option<&'static str> {
        let names = [&self.rule, &self.function, &self.parameter, &self.krate, &self.frame];
        match (&self.reason, &self.rule) {
            (None, _) => Some("the entry has no `reason`"),
            (Some(reason), _) if reason.trim().is_empty() => Some("the entry's `reason` is empty"),
            _ if names.iter().all(|name| name.is_none()) => Some("the entry would suppress everything"),
            (_, Some(rule)) if rule.parse::<Rule>().is_err() => Some("the entry's `rule` is none"),
            _ => None,
        }
    }
}

/// True if a function of this name is on the stack, or allocated or freed the memory.
fn has_frame(facts: &Facts, wanted: &str) -> bool {
    let block = facts.lent().and_then(Memory::block);
    let traces = block.into_iter().flat_map(|block| [block.allocated, block.freed]);
    let mut frames = traces.flat_map(frames::of_trace).chain(frames::here());
    frames.any(|frame| frame.function().is_some_and(|name| name.contains(wanted)))
}

/// Reads the entries.
///
/// # Errors
/// The number of the line, and what is wrong there.
fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let mut entries: Vec<(usize, Entry)> = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        let wrong = |why: &str| format!("{number}: {why}");
        let bare = line.split('#').next().unwrap_or_default().trim();
        if bare.is_empty() {
            continue;
        }
        if bare.replace(' ', "") == "[[suppress]]" {
            entries.push((number, Entry::default()));
            continue;
        }
        let Some((_, entry)) = entries.last_mut() else { return Err(wrong("`[[suppress]]` comes first")) };
        let Some((key, value)) = line.split_once('=') else { return Err(wrong("no `key = \"text\"`")) };
        let Some(value) = quoted(value.trim()) else { return Err(wrong("the value is no text in quotes")) };
        let place = match key.trim() {
            "rule" => &mut entry.rule,
            "function" => &mut entry.function,
            "parameter" => &mut entry.parameter,
            "crate" => &mut entry.krate,
            "frame" => &mut entry.frame,
            "reason" => &mut entry.reason,
            "until" => &mut entry.until,
            other => return Err(wrong(&format!("there is no key `{other}`"))),
        };
        if place.replace(value).is_some() {
            return Err(wrong("the key is given twice"));
        }
    }
    for (number, entry) in &entries {
        entry.wrong().map_or(Ok(()), |why| Err(format!("{number}: {why}")))?;
    }
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

/// The text of a value: in double quotes with escapes, or in single ones without. A comment may
/// follow.
fn quoted(value: &str) -> Option<String> {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut text = String::new();
    let mut rest = value[1..].chars();
    loop {
        match rest.next()? {
            c if c == quote => break,
            '\\' if quote == '"' => text.push(match rest.next()? {
                'n' => '\n',
                't' => '\t',
                c @ ('"' | '\\') => c,
                _ => return None,
            }),
            c => text.push(c),
        }
    }
    let after = rest.as_str().trim();
    (after.is_empty() || after.starts_with('#')).then_some(text)
}

/// Today in UTC, as `2027-06-30`. Howard Hinnant's `civil_from_days` ("chrono-Compatible Low-Level
/// Date Algorithms"): days since March 1 of the year 0, in cycles of 400 years.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date(since.as_secs() / 86_400)
}

/// The date so many days after 1970-01-01.
fn date(days: u64) -> String {
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // March is month 0, so that a leap day is the last of its year.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", cycle * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;
    use super::*;

    fn one(text: &str) -> Entry {
        parse(text).unwrap().remove(0)
    }

    #[test]
    fn an_entry_has_what_it_names() {
        let facts = facts::null();
        let function = facts.call.as_ref().unwrap().function;
        let krate = function.krate().replace('_', "-");
        let name = function.declaration.name;
        let text = format!(
            "# accepted\n[[suppress]]\nrule = 'null_pointer' # a rule\ncrate = \"{krate}\"\nfunction = \"{name}\"\n\
             reason = \"a \\\"good\\\" one\"\nuntil = \"2027-01-01\"\n"
        );
        let entry = one(&text);
        assert_eq!(entry.reason.as_deref(), Some("a \"good\" one"));
        assert!(entry.is_of(&facts, "2027-01-01"));
        assert!(!entry.is_of(&facts, "2027-01-02"), "its last day has passed");
        assert!(!one("[[suppress]]\nrule = 'double_free'\nreason = 'a'").is_of(&facts, "2026-01-01"));
        assert!(!one("[[suppress]]\nparameter = 'other'\nreason = 'a'").is_of(&facts, "2026-01-01"));
    }

    #[test]
    fn days_are_dates() {
        assert_eq!([0, 59, 11_016, 20_787].map(date), ["1970-01-01", "1970-03-01", "2000-02-29", "2026-11-30"]);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_line() {
        for (text, why) in [
            ("rule = 'double_free'", "1: `[[suppress]]` comes first"),
            ("[[suppress]]\n\nrule = double_free", "3: the value is no text in quotes"),
            ("[[suppress]]\nrul = 'double_free'", "2: there is no key `rul`"),
            ("[[suppress]]\nrule = 'a'\nrule = 'b'", "3: the key is given twice"),
            ("[[suppress]]\nrule = 'double_free'", "1: the entry has no `reason`"),
            ("[[suppress]]\nreason = 'all'", "1: the entry would suppress everything"),
            ("[[suppress]]\nrule = 'double'\nreason = 'a'", "1: the entry's `rule` is none"),
        ] {
            assert_eq!(parse(text).unwrap_err(), why);
        }
    }
}
