//! The report as a terminal shows it: a table by rule and function, and each finding once.

use std::fmt::Write as _;

use super::fold::{Finding, Standing};
use super::{Report, rules};

const HEADS: [&str; 6] = ["", "rule", "function", "parameter", "seen", "first seen at"];

/// The whole text.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    if !report.findings.is_empty() {
        text += &table(&report.findings);
        for finding in report.findings.iter().filter(|finding| finding.standing == Standing::New) {
            text.push('\n');
            text += &once(finding);
        }
        text.push('\n');
    }
    text + &summary(report)
}

fn table(findings: &[Finding]) -> String {
    let mut lines = vec![HEADS.map(String::from)];
    lines.extend(findings.iter().map(|finding| {
        let standing = match &finding.standing {
            Standing::New => finding.severity(),
            Standing::Known => "known",
            Standing::Suppressed(_) => "suppressed",
        };
        let site = finding.site().map_or_else(|| "-".into(), |site| format!("{}:{}", site.file, site.line));
        [
            standing.to_owned(),
            finding.first.rule.clone(),
            finding.function().unwrap_or("-").to_owned(),
            finding.parameter().unwrap_or("-").to_owned(),
            finding.count.to_string(),
            site,
        ]
    }));
    let widths: Vec<usize> = (0..HEADS.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for [standing, rule, function, parameter, seen, site] in &lines {
        let _ = writeln!(
            text,
            "{standing:<0$}  {rule:<1$}  {function:<2$}  {parameter:<3$}  {seen:>4$}  {site}",
            widths[0], widths[1], widths[2], widths[3], widths[4]
        );
    }
    text
}

/// A finding's report, the one that its process printed, and what other processes add to it.
fn once(finding: &Finding) -> String {
    let mut text = match &finding.first.text {
        Some(text) => format!("{}\n", text.trim_end()),
        None => bare(finding),
    };
    let others = finding.sites.iter().skip(1).map(|site| format!("{}:{}", site.file, site.line));
    let others: Vec<String> = others.collect();
    if !others.is_empty() {
        let _ = writeln!(text, "also at: {}", others.join(", "));
    }
    let _ = writeln!(text, "   seen: {} ({})", times(finding.count), finding.id);
    text
}

/// What can be said if the line has no report: one that a signal handler wrote.
fn bare(finding: &Finding) -> String {
    let mut text = format!("ffi-guard[{}]: {}\n", finding.first.rule, finding.first.message);
    if let Some(site) = finding.site() {
        let _ = writeln!(text, "  --> {}:{}:{}", site.file, site.line, site.column);
    }
    for help in &finding.first.help {
        let _ = writeln!(text, "help: {help}");
    }
    let _ = writeln!(text, " see: {}", rules::page(&finding.first.rule));
    text
}

/// The last line: how many there are of each standing.
#[must_use]
pub fn summary(report: &Report) -> String {
    let number = |is: fn(&Finding) -> bool| report.findings.iter().filter(|finding| is(finding)).count();
    let denied = number(|it| it.denied && it.standing == Standing::New);
    let warned = number(|it| !it.denied && it.standing == Standing::New);
    let known = number(|it| it.standing == Standing::Known);
    let suppressed = number(|it| matches!(it.standing, Standing::Suppressed(_)));
    let mut text = match (denied, warned) {
        (0, 0) if known + suppressed == 0 => "ffi-guard: nothing found".to_owned(),
        (0, 0) => "ffi-guard: nothing new".to_owned(),
        (denied, 0) => format!("ffi-guard: {}", plural(denied, "finding")),
        (0, warned) => format!("ffi-guard: {}", plural(warned, "warning")),
        (denied, warned) => format!("ffi-guard: {} and {}", plural(denied, "finding"), plural(warned, "warning")),
    };
    for (number, words) in [(known, "in the baseline"), (suppressed, "suppressed")] {
        if number > 0 {
            let _ = write!(text, ", {number} {words}");
        }
    }
    if report.caught > 0 {
        let _ = write!(text, "; {} expected by tests", report.caught);
    }
    text.push('\n');
    text
}

pub(super) fn plural(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

pub(super) fn times(number: u64) -> String {
    match number {
        1 => "once".into(),
        2 => "twice".into(),
        number => format!("{number} times"),
    }
}
