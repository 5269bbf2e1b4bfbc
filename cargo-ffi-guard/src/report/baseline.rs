//! The report as this tool writes it for itself: what a team knows already, so that only what is
//! new fails a run.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::fold::{Finding, Standing, sort};
use super::line::{Crossing, Place};
use super::{Report, rules};

/// The format of the file.
const FORMAT: u32 = 1;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    version: u32,
    findings: Vec<SavedFinding>,
    #[serde(default)]
    crossings: Vec<Crossing>,
}

/// A finding. All but `id` is for people.
#[derive(Debug, Serialize, Deserialize)]
struct SavedFinding {
    id: String,
    rule: String,
    #[serde(default)]
    about: String,
    severity: String,
    message: String,
    function: Option<String>,
    krate: Option<String>,
    parameter: Option<String>,
    enclosing: Option<String>,
    sites: Vec<Place>,
    count: u64,
    standing: String,
    reason: Option<String>,
    help: Vec<String>,
}

impl SavedFinding {
    fn of(finding: &Finding) -> SavedFinding {
        let owned = |text: Option<&str>| text.map(String::from);
        let (standing, reason) = match &finding.standing {
            Standing::New => ("new", None),
            Standing::Known => ("known", None),
            Standing::Suppressed(reason) => ("suppressed", Some(reason.clone())),
        };
        SavedFinding {
            id: finding.id.clone(),
            rule: finding.first.rule.clone(),
            about: rules::about(&finding.first.rule).to_owned(),
            severity: finding.severity().to_owned(),
            message: finding.first.message.clone(),
            function: owned(finding.function()),
            krate: owned(finding.krate()),
            parameter: owned(finding.parameter()),
            enclosing: finding.enclosing.clone(),
            sites: finding.sites.iter().cloned().collect(),
            count: finding.count,
            standing: standing.to_owned(),
            reason,
            help: finding.first.help.clone(),
        }
    }
}

/// The report as JSON.
#[must_use]
pub fn json(report: &Report) -> String {
    let findings = report.findings.iter().map(SavedFinding::of).collect();
    let saved = Saved { version: FORMAT, findings, crossings: report.crossings.clone() };
    // Texts and numbers: nothing in it cannot be written.
    serde_json::to_string_pretty(&saved).unwrap_or_default() + "\n"
}

/// Marks what the file has as known. Returns how many of its findings are gone.
///
/// # Errors
///
/// The file cannot be read, or is no report of [`json`].
pub fn apply(report: &mut Report, path: &Path) -> Result<usize, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{shown}: {error}; `cargo ffi-guard report DIR --json {shown}` makes a baseline"))?;
    let saved: Saved = serde_json::from_str(&text).map_err(|error| format!("{shown}: no baseline: {error}"))?;
    if saved.version != FORMAT {
        return Err(format!("{shown}: format {}, where this reads {FORMAT}: make it anew with --json", saved.version));
    }
    let known: BTreeSet<&str> = saved.findings.iter().map(|finding| finding.id.as_str()).collect();
    let mut met = 0;
    for finding in report.findings.iter_mut().filter(|finding| known.contains(finding.id.as_str())) {
        met += 1;
        if finding.standing == Standing::New {
            finding.standing = Standing::Known;
        }
    }
    sort(&mut report.findings);
    Ok(known.len() - met)
}
