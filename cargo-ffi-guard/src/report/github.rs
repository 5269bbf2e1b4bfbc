//! Annotations for GitHub Actions, and a summary in Markdown.
//!
//! GitHub shows ten annotations of each kind in a step (its documentation, "Workflow commands"), so
//! nine are written, and a tenth that says how many are left.

use std::fmt::Write as _;

use super::Report;
use super::fold::{Finding, Standing};
use super::terminal::times;

/// Findings that are annotations of their own, of each kind.
const MOST: usize = 9;

/// The workflow commands, a line each.
#[must_use]
pub fn annotations(report: &Report) -> String {
    let new = || report.findings.iter().filter(|finding| finding.standing == Standing::New);
    let mut text = String::new();
    for (kind, denied) in [("error", true), ("warning", false)] {
        let of_kind = || new().filter(|finding| finding.denied == denied);
        of_kind().take(MOST).for_each(|finding| text += &annotation(kind, finding));
        let left = of_kind().count().saturating_sub(MOST);
        if left > 0 {
            let _ = writeln!(text, "::{kind} title=ffi-guard::and {left} more: see the job's summary");
        }
    }
    text
}

fn annotation(kind: &str, finding: &Finding) -> String {
    let title = property(&format!("ffi-guard {}", finding.first.rule));
    let place = finding.site().map_or_else(String::new, |site| {
        let column = if site.column > 0 { format!(",col={}", site.column) } else { String::new() };
        format!("file={},line={}{column},", property(&site.file), site.line)
    });
    let mut message = finding.first.message.clone();
    if let Some(help) = finding.first.help.first() {
        let _ = write!(message, "\nhelp: {help}");
    }
    format!("::{kind} {place}title={title}::{}\n", data(&message))
}

/// A message, with the escapes that a workflow command needs.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, in which a colon and a comma mean something too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The summary of a job.
#[must_use]
pub fn summary(report: &Report) -> String {
    let mut text = format!("### {}\n", super::terminal::summary(report).trim_end());
    if report.findings.is_empty() {
        return text;
    }
    text += "\n| | rule | function | parameter | seen | at |\n| --- | --- | --- | --- | ---: | --- |\n";
    for finding in &report.findings {
        let standing = match &finding.standing {
            Standing::New => finding.severity().to_owned(),
            Standing::Known => "known".to_owned(),
            Standing::Suppressed(reason) => format!("suppressed: {reason}"),
        };
        let site = finding.site().map_or_else(|| "-".into(), |site| format!("{}:{}", site.file, site.line));
        let cells = [
            standing,
            format!("[{0}]({1})", finding.first.rule, super::rules::page(&finding.first.rule)),
            code(finding.function()),
            code(finding.parameter()),
            times(finding.count),
            code(Some(&site)),
        ];
        let _ =
            writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|").replace(['\n', '\r'], " ")).join(" | "));
    }
    text
}

fn code(text: Option<&str>) -> String {
    text.map_or_else(|| "-".into(), |text| format!("`{}`", text.replace('`', "'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize, file: &str, message: &str) -> String {
        format!(
            r#"{{"version":1,"rule":"null_pointer","severity":"deny","message":{message:?},"function":{{"name":"f{number}","module":"a"}},"site":{{"file":{file:?},"line":{number},"column":2}}}}"#
        )
    }

    #[test]
    fn what_means_something_to_github_is_escaped() {
        let text = line(7, "src/a,b:c%.rs", "100 % of\nit: null, twice");
        let report = Report::of_lines([text.as_str()]).unwrap();
        assert_eq!(
            annotations(&report),
            "::error file=src/a%2Cb%3Ac%25.rs,line=7,col=2,title=ffi-guard null_pointer::100 %25 of%0Ait: null, twice\n"
        );
    }

    #[test]
    fn more_than_github_shows_are_counted() {
        let lines: Vec<String> = (1..=12).map(|number| line(number, "a.rs", "null")).collect();
        let report = Report::of_lines(lines.iter().map(String::as_str)).unwrap();
        let text = annotations(&report);
        assert_eq!(text.lines().count(), 10);
        assert!(text.ends_with("::error title=ffi-guard::and 3 more: see the job's summary\n"), "{text}");
        assert_eq!(summary(&report).lines().filter(|line| line.starts_with("| deny |")).count(), 12);
    }
}
