//! `ffi-guard.toml`: findings that a team has looked at and accepts, each with its reason.
//!
//! ```toml
//! [[suppress]]
//! rule = "retained_pointer"
//! crate = "onig_sys"
//! function = "onig_new"
//! parameter = "syntax"
//! reason = "kept, and read only by functions that this program does not call"
//! until = "2027-06-30"
//! ```

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Report;
use super::fold::{Finding, Standing, sort};

/// The name of the file.
pub const FILE: &str = "ffi-guard.toml";

/// The entries of a file.
#[derive(Debug, Default)]
pub struct Suppressions {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    suppress: Vec<Entry>,
}

/// One entry: a finding is suppressed if it has everything that is named.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rule: Option<String>,
    function: Option<String>,
    parameter: Option<String>,
    #[serde(rename = "crate")]
    krate: Option<String>,
    /// Part of the name of a function in one of the backtraces, or of the function that calls.
    frame: Option<String>,
    reason: String,
    /// The last day, as `2027-06-30`.
    until: Option<String>,
}

impl Suppressions {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no TOML, has an unknown key, or an entry names nothing, has no reason
    /// or a date that is none.
    pub fn read(path: &Path) -> Result<Suppressions, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Suppressions::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Suppressions, String> {
        let file: File = toml::from_str(text).map_err(|error| format!("{}: {error}", path.display()))?;
        for (number, entry) in file.suppress.iter().enumerate() {
            let wrong = entry.wrong().map(|why| format!("{}: entry {}: {why}", path.display(), number + 1));
            wrong.map_or(Ok(()), Err)?;
        }
        Ok(Suppressions { path: path.to_path_buf(), entries: file.suppress })
    }

    /// The file in this folder, or in the nearest one above it that has one.
    ///
    /// # Errors
    ///
    /// As for [`Suppressions::read`].
    pub fn nearest(folder: &Path) -> Result<Option<Suppressions>, String> {
        let path = folder.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file());
        path.map(|path| Suppressions::read(&path)).transpose()
    }

    /// Marks what an entry accepts. Returns what is to be told of the file: entries that suppress
    /// nothing, and those whose last day has passed. `today` is written as `2027-06-30`.
    #[must_use]
    pub fn apply(&self, report: &mut Report, today: &str) -> Vec<String> {
        let mut told = Vec::new();
        for (number, entry) in self.entries.iter().enumerate() {
            let matching = || report.findings.iter().filter(|finding| entry.is_of(finding)).count();
            let place = format!("{}: entry {} ({})", self.path.display(), number + 1, entry.reason);
            match &entry.until {
                Some(until) if until.as_str() < today => {
                    told.push(format!("{place}: its last day was {until}; it suppresses nothing any more"));
                    continue;
                }
                _ if matching() == 0 => told.push(format!("{place}: nothing was found that it would suppress")),
                _ => {}
            }
            for finding in report.findings.iter_mut().filter(|finding| entry.is_of(finding)) {
                finding.standing = Standing::Suppressed(entry.reason.clone());
            }
        }
        sort(&mut report.findings);
        told
    }
}

impl Entry {
    /// What is wrong with the entry.
    fn wrong(&self) -> Option<String> {
        let names = [&self.rule, &self.function, &self.parameter, &self.krate, &self.frame];
        if names.iter().all(|name| name.is_none()) {
            return Some("it names no rule, function, parameter, crate or frame, and would suppress everything".into());
        }
        if self.reason.trim().is_empty() {
            return Some("its reason is empty: say why the finding is accepted".into());
        }
        let rule = self.rule.as_ref().filter(|rule| !super::rules::RULES.iter().any(|(name, _)| name == rule));
        if let Some(rule) = rule {
            return Some(format!("there is no rule `{rule}`"));
        }
        let until = self.until.as_ref().filter(|until| !is_date(until));
        until.map(|until| format!("until = \"{until}\" is no date such as \"2027-06-30\""))
    }

    fn is_of(&self, finding: &Finding) -> bool {
        let is = |wanted: &Option<String>, it: Option<&str>| wanted.as_deref().is_none_or(|wanted| it == Some(wanted));
        let dashless = self.krate.as_ref().map(|krate| krate.replace('-', "_"));
        is(&self.rule, Some(&finding.first.rule))
            && is(&self.function, finding.function())
            && is(&self.parameter, finding.parameter())
            && is(&dashless, finding.krate())
            && self.frame.as_deref().is_none_or(|frame| has_frame(finding, frame))
    }
}

/// True if a function of this name called, allocated or freed.
fn has_frame(finding: &Finding, frame: &str) -> bool {
    let blocks = finding.first.block.iter();
    let frames = blocks.flat_map(|block| block.allocated.iter().chain(&block.freed));
    let mut names = frames.filter_map(|frame| frame.function.as_deref()).chain(finding.enclosing.as_deref());
    names.any(|name| name.contains(frame))
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_in_form = bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() });
    let number =
        |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0);
    is_in_form && (1..=12).contains(&number(5..7)) && (1..=31).contains(&number(8..10))
}

/// Today in UTC, as `2027-06-30`: days since 1970 counted in years of 400-year cycles (Howard
/// Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
#[must_use]
pub fn today() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    date(since.as_secs() / 86_400)
}

fn date(days: u64) -> String {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// An entry that suppresses this finding, to be completed with a reason.
#[must_use]
pub fn entry(finding: &Finding) -> String {
    let mut text = String::from("[[suppress]]\n");
    let names = [
        ("rule", Some(finding.first.rule.as_str())),
        ("crate", finding.krate()),
        ("function", finding.function()),
        ("parameter", finding.parameter()),
        ("frame", finding.enclosing.as_deref().and_then(|name| name.rsplit("::").next())),
    ];
    for (key, value) in names {
        // A name has no character that TOML or JSON would write in different ways.
        text += &value.map(|value| format!("{key} = {value:?}\n")).unwrap_or_default();
    }
    text + "reason = \"\"\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Suppressions, String> {
        Suppressions::parse(text, Path::new(FILE))
    }

    #[test]
    fn an_entry_that_is_none_is_refused() {
        for (text, why) in [
            ("[[suppress]]\nreason = 'all'", "names no rule"),
            ("[[suppress]]\nrule = 'double_free'", "missing field `reason`"),
            ("[[suppress]]\nrule = 'double_free'\nreason = ' '", "reason is empty"),
            ("[[suppress]]\nrule = 'double_fre'\nreason = 'a'", "no rule `double_fre`"),
            ("[[suppress]]\nrul = 'double_free'\nreason = 'a'", "unknown field `rul`"),
            ("[[suppress]]\nfunction = 'f'\nreason = 'a'\nuntil = 'soon'", "is no date"),
            ("[[suppress", "ffi-guard.toml: "),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_accepted_does_not_fail_and_what_is_stale_is_told() {
        let line = |function: &str| {
            format!(
                r#"{{"version":1,"rule":"null_pointer","severity":"deny","function":{{"name":"{function}","module":"a_sys"}}}}"#
            )
        };
        let lines = [line("one"), line("two")];
        let mut report = Report::of_lines(lines.iter().map(String::as_str)).unwrap();
        let file = parse(
            "[[suppress]]\nfunction = 'one'\ncrate = 'a-sys'\nreason = 'known'\nuntil = '2027-01-01'\n\
             [[suppress]]\nfunction = 'two'\nreason = 'old'\nuntil = '2026-01-01'\n\
             [[suppress]]\nfunction = 'three'\nreason = 'unused'",
        )
        .unwrap();
        let told = file.apply(&mut report, "2026-11-30");
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("entry 2 (old): its last day was 2026-01-01"));
        assert!(told[1].contains("entry 3 (unused): nothing was found"));
        let failing: Vec<_> = report.findings.iter().filter(|it| it.fails()).filter_map(Finding::function).collect();
        assert_eq!(failing, ["two"]);
        let written = entry(&report.findings[0]).replace("reason = \"\"", "reason = \"seen\"");
        assert!(parse(&written).unwrap().entries[0].is_of(&report.findings[0]));
    }

    #[test]
    fn days_are_dates() {
        assert_eq!([0, 59, 11_016, 20_787].map(date), ["1970-01-01", "1970-03-01", "2000-02-29", "2026-11-30"]);
    }
}
