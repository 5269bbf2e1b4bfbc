//! The same defect, met again by other processes and on lines that have moved, as one finding.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Report;
use super::enclosing::Sources;
use super::line::{Crossing, Frame, Line, Place, Repeated, Violation};

/// One defect.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Sixteen hexadecimal digits that stay the same while lines move, in other processes and on
    /// other machines.
    pub id: String,
    /// True if some process denied it; else it was a warning.
    pub denied: bool,
    /// How often it was met, by all processes.
    pub count: u64,
    /// Where the foreign function was called.
    pub sites: BTreeSet<Place>,
    /// The Rust function that called, as far as its source is at hand: `mod::Type::function`.
    pub enclosing: Option<String>,
    /// The violation at the first of the sites.
    pub first: Violation,
    /// What a run makes of it.
    pub standing: Standing,
}

/// What a run makes of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    New,
    /// The baseline has it: known before, and no reason to fail.
    Known,
    /// It is accepted, for this reason.
    Suppressed(String),
}

impl Finding {
    /// True if a run fails for it.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.denied && self.standing == Standing::New
    }

    /// `deny` or `warn`.
    #[must_use]
    pub fn severity(&self) -> &'static str {
        if self.denied { "deny" } else { "warn" }
    }

    /// The foreign function's name.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        self.first.function.as_ref().map(|function| function.name.as_str())
    }

    /// The crate that declares the function, with `_` for `-`.
    #[must_use]
    pub fn krate(&self) -> Option<&str> {
        let module = &self.first.function.as_ref()?.module;
        module.split("::").next().filter(|krate| !krate.is_empty())
    }

    /// The parameter's name.
    #[must_use]
    pub fn parameter(&self) -> Option<&str> {
        self.first.parameter.as_ref().map(|parameter| parameter.name.as_str())
    }

    /// The first of the calls.
    #[must_use]
    pub fn site(&self) -> Option<&Place> {
        self.sites.first()
    }
}

/// What makes two violations the same finding: not the line, and no address. The library computes
/// the same in `report/identity.rs`, where it has the source at hand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    rule: String,
    krate: String,
    function: String,
    parameter: String,
    file: String,
    enclosing: String,
}

impl Key {
    /// FNV-1a of 64 bits over the parts (Fowler, Noll, Vo: "FNV hash"), as hexadecimal digits.
    fn id(&self) -> String {
        let parts = [&self.rule, &self.krate, &self.function, &self.parameter, &self.file, &self.enclosing];
        let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        format!("{hash:016x}")
    }
}

/// Of what was found outside of a guarded call, the frame of the program that it is told at: where
/// the wrong free was asked for, or the end or the beginning of the block.
fn outermost(violation: &Violation) -> Option<Frame> {
    let asked = serde_json::from_value::<Vec<Frame>>(violation.finding["asked_at"].clone()).unwrap_or_default();
    let (freed, allocated) = violation.block.as_ref().map_or((&[][..], &[][..]), |it| (&it.freed, &it.allocated));
    let is_of_rust_itself = |file: &str| file.starts_with("/rustc/") || file.contains("/library/");
    let is_of_the_program = |frame: &&Frame| frame.file.as_deref().is_some_and(|file| !is_of_rust_itself(file));
    asked.iter().chain(freed).chain(allocated).find(is_of_the_program).cloned()
}

/// Findings while lines are read.
pub(super) struct Folding {
    sources: Option<Sources>,
    findings: BTreeMap<Key, Finding>,
    counts: Vec<Repeated>,
    crossings: BTreeMap<(String, String, bool), Crossing>,
    caught: u64,
}

impl Folding {
    /// `checkout`: where relative paths of sources lead; `None` if none is looked up.
    pub(super) fn new(checkout: Option<&Path>) -> Folding {
        Folding {
            sources: checkout.map(Sources::new),
            findings: BTreeMap::new(),
            counts: Vec::new(),
            crossings: BTreeMap::new(),
            caught: 0,
        }
    }

    pub(super) fn add(&mut self, line: Line) -> Result<(), String> {
        match line {
            Line::Violation(violation) if violation.caught => self.caught += 1,
            Line::Violation(violation) => self.violation(*violation),
            Line::Counts(counts) => self.counts.extend(counts),
            Line::Statistics(crossings) => crossings.into_iter().for_each(|crossing| self.crossing(crossing)),
        }
        Ok(())
    }

    fn violation(&mut self, violation: Violation) {
        let outside = violation.site.is_none().then(|| outermost(&violation)).flatten();
        let site = violation.site.clone().or_else(|| outside.as_ref()?.place());
        let enclosing = match (&violation.enclosing, &mut self.sources, &site) {
            (Some(known), ..) => Some(known.clone()),
            (None, Some(sources), Some(site)) => sources.enclosing(site),
            _ => None,
        };
        let enclosing = enclosing.or_else(|| outside.and_then(|frame| frame.function));
        let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
        let function = violation.function.as_ref();
        let key = Key {
            rule: violation.rule.clone(),
            krate: text(function.and_then(|function| function.module.split("::").next())),
            function: text(function.map(|function| function.name.as_str())),
            parameter: text(violation.parameter.as_ref().map(|parameter| parameter.name.as_str())),
            file: text(site.as_ref().map(|site| site.file.as_str())),
            enclosing: text(enclosing.as_deref()),
        };
        let denied = violation.severity == "deny";
        let standing = match &violation.suppressed {
            Some(reason) => Standing::Suppressed(reason.clone()),
            None => Standing::New,
        };
        match self.findings.get_mut(&key) {
            Some(known) => {
                known.count += 1;
                known.denied |= denied;
                if standing == Standing::New {
                    known.standing = standing;
                }
                // The choice does not depend on the order in which files are read.
                let order = |it: &Violation| (it.site.clone(), it.message.clone(), it.text.clone());
                if order(&violation) < order(&known.first) {
                    known.first = violation;
                }
                known.sites.extend(site);
            }
            None => {
                let finding = Finding {
                    id: key.id(),
                    denied,
                    count: 1,
                    sites: site.into_iter().collect(),
                    enclosing,
                    first: violation,
                    standing,
                };
                self.findings.insert(key, finding);
            }
        }
    }

    fn crossing(&mut self, crossing: Crossing) {
        let key = (crossing.module.clone(), crossing.name.clone(), crossing.callback);
        match self.crossings.get_mut(&key) {
            Some(known) => {
                known.calls += crossing.calls;
                known.callee_ns += crossing.callee_ns;
                known.checks_ns += crossing.checks_ns;
                known.lent_bytes += crossing.lent_bytes;
            }
            None => drop(self.crossings.insert(key, crossing)),
        }
    }

    /// The report: what failed first, then what was met most often.
    pub(super) fn finish(mut self) -> Report {
        for again in self.counts {
            let seen = again.seen.saturating_sub(1);
            if again.caught {
                self.caught += seen;
                continue;
            }
            let is_it = |finding: &Finding| {
                let index = finding.first.parameter.as_ref().map(|parameter| parameter.index);
                finding.first.rule == again.rule
                    && finding.function().unwrap_or_default() == again.function
                    && index == again.parameter
                    && again.site.as_ref().is_none_or(|site| finding.sites.is_empty() || finding.sites.contains(site))
            };
            if let Some(finding) = self.findings.values_mut().find(|finding| is_it(finding)) {
                finding.count += seen;
            }
        }
        let mut findings: Vec<Finding> = self.findings.into_values().collect();
        sort(&mut findings);
        let mut crossings: Vec<Crossing> = self.crossings.into_values().collect();
        crossings.sort_by_key(|crossing| std::cmp::Reverse(crossing.callee_ns + crossing.checks_ns));
        Report { findings, crossings, caught: self.caught, unread: Vec::new() }
    }
}

/// Puts the worst first. Findings that are equally bad stay in the order of their names.
pub(super) fn sort(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| {
        let standing = match finding.standing {
            Standing::New => 0,
            Standing::Known => 1,
            Standing::Suppressed(_) => 2,
        };
        (standing, !finding.denied, std::cmp::Reverse(finding.count))
    });
}
