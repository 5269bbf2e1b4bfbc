//! The environment, read once: every variable, its default and its error.
//!
//! The first reader is the allocator, before `main`, so nothing here allocates: lists and paths are
//! kept in fixed buffers.

mod level;

use std::cell::UnsafeCell;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

pub use level::Level;

use crate::platform::process;
use crate::rule::{LISTS_OF_RULES, Rule, Severities, Severity};

/// The settings that the environment asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// `GUARD`; `None` if unset.
    pub(crate) level: Option<Level>,
    /// Severities that `GUARD_ALLOW`, `GUARD_WARN` and `GUARD_DENY` set by a rule's name.
    severities: Severities,
    /// Severity that one of them sets by `all`.
    every_rule: Option<Severity>,
    /// `GUARD_ON_VIOLATION`.
    pub(crate) on_violation: OnViolation,
    /// `GUARD_REPORT`: the file that JSON lines are appended to; empty for none.
    report: Text,
    /// `GUARD_STATS`.
    pub(crate) stats: bool,
    /// `GUARD_SAMPLE`: one block in n is put on guarded pages; 0 for none.
    pub(crate) sample: usize,
    /// `GUARD_COPY`.
    pub(crate) copy: bool,
    /// True if `GUARD_LOOK=each` asks that every call is looked after at once.
    pub(crate) look_each: bool,
    /// `GUARD_TRACE`: functions whose crossings are logged.
    trace: Text,
    /// `GUARD_CALLED`: the file that gets a line for each function that is called; empty for none.
    called: Text,
    /// `GUARD_SUPPRESS`: the file of findings that are accepted; empty for none.
    suppress: Text,
    /// `GUARD_CRATES`: the only crates whose blocks are checked; empty for all.
    crates: Text,
    /// `GUARD_BACKTRACE`.
    pub(crate) backtrace: Backtrace,
    /// `GUARD_QUARANTINE`, in bytes; `None` if unset.
    pub(crate) quarantine: Option<usize>,
    /// False if `NO_COLOR` forbids colour. Reports use colour only if stderr is a terminal as well.
    pub(crate) color: bool,
}

/// The consequence of a denied violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnViolation {
    /// A panic in the caller of the guarded function.
    Panic,
    /// The report, then `abort`.
    Abort,
    /// The report, and the program goes on.
    Report,
}

/// How much of a backtrace is recorded and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backtrace {
    /// None is recorded.
    Off,
    /// Recorded; the first frames of the user's code are shown.
    Short,
    /// Recorded and shown whole.
    Full,
}

/// A value of the environment, kept without allocating.
#[derive(Clone, Copy)]
struct Text {
    bytes: [u8; Text::ROOM],
    len: usize,
}

impl Text {
    /// Longest value that is accepted; a longer one is an error.
    const ROOM: usize = 2048;
    const EMPTY: Text = Text { bytes: [0; Text::ROOM], len: 0 };

    fn new(value: &str) -> Option<Text> {
        let mut text = Text::EMPTY;
        text.bytes.get_mut(..value.len())?.copy_from_slice(value.as_bytes());
        text.len = value.len();
        Some(text)
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn as_path(&self) -> Option<&Path> {
        let path = self.as_str();
        (!path.is_empty()).then(|| Path::new(path))
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

impl Settings {
    const DEFAULT: Settings = Settings {
        level: None,
        severities: Severities::NONE,
        every_rule: None,
        on_violation: OnViolation::Panic,
        report: Text::EMPTY,
        stats: false,
        sample: 0,
        copy: false,
        look_each: false,
        trace: Text::EMPTY,
        called: Text::EMPTY,
        suppress: Text::EMPTY,
        crates: Text::EMPTY,
        backtrace: Backtrace::Short,
        quarantine: None,
        color: true,
    };

    /// Severity of a finding. `nearer`: what attributes set; `default`: what holds if nothing is
    /// set.
    ///
    /// What is let pass by default is asked for by its name: `all` does not change it.
    pub(crate) fn severity(&self, nearer: Severities, rule: Rule, default: Severity) -> Severity {
        match (nearer.over(self.severities).get(rule), default) {
            (Some(set), _) => set,
            (None, Severity::Allow) => default,
            (None, _) => self.every_rule.unwrap_or(default),
        }
    }

    /// Severity of a rule where no attribute is in reach.
    pub(crate) fn severity_of(&self, rule: Rule) -> Severity {
        self.severity(Severities::NONE, rule, rule.severity())
    }

    /// The file of `GUARD_REPORT`.
    pub(crate) fn report_path(&self) -> Option<&Path> {
        self.report.as_path()
    }

    /// The file of `GUARD_SUPPRESS`.
    pub(crate) fn suppress_path(&self) -> Option<&Path> {
        self.suppress.as_path()
    }

    /// The file of `GUARD_CALLED`.
    pub(crate) fn called_path(&self) -> Option<&Path> {
        self.called.as_path()
    }

    /// True if `GUARD_TRACE` names this function.
    pub(crate) fn traces(&self, function: &str) -> bool {
        items(self.trace.as_str()).any(|name| name == function)
    }

    /// True if `GUARD_CRATES` leaves this crate in. Cargo's `-` and Rust's `_` are the same.
    pub(crate) fn checks_crate(&self, krate: &str) -> bool {
        let crates = self.crates.as_str();
        let same = |a: &str, b: &str| a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| dash(a) == dash(b));
        crates.is_empty() || items(crates).any(|name| same(name, krate))
    }
}

fn dash(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte }
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// An invalid value of a variable.
#[derive(Debug, PartialEq, Eq)]
struct Refusal<'a> {
    variable: &'static str,
    /// The value, or the item of a list.
    value: &'a str,
    /// Values that the variable accepts.
    takes: &'static str,
}

const LEVELS: &str = "0 (off), 1 (arguments), 2 (full) or 3 (paged)";

/// Reads all variables; the first invalid value is the error.
fn read<'a>(get: impl Fn(&'static CStr) -> Option<&'a [u8]>) -> Result<Settings, Refusal<'a>> {
    let text = |variable: &'static CStr| -> Result<Option<&'a str>, Refusal<'a>> {
        let name = variable.to_str().unwrap_or_default();
        let Some(value) = get(variable) else { return Ok(None) };
        match std::str::from_utf8(value) {
            Ok(value) if value.len() <= Text::ROOM => Ok(Some(value.trim())),
            Ok(_) => Err(Refusal { variable: name, value: "(too long)", takes: "at most 2048 bytes" }),
            Err(_) => Err(Refusal { variable: name, value: "(not UTF-8)", takes: "text in UTF-8" }),
        }
    };
    let keep = |value: Option<&str>| value.and_then(Text::new).unwrap_or(Text::EMPTY);

    let mut settings = Settings::DEFAULT;
    if let Some(value) = text(c"GUARD")? {
        let refusal = Refusal { variable: "GUARD", value, takes: LEVELS };
        settings.level = Some(Level::parse(value).ok_or(refusal)?);
    }
    (settings.severities, settings.every_rule) =
        severities([text(c"GUARD_ALLOW")?, text(c"GUARD_WARN")?, text(c"GUARD_DENY")?])?;
    if let Some(value) = text(c"GUARD_ON_VIOLATION")? {
        settings.on_violation = match value {
            "panic" => OnViolation::Panic,
            "abort" => OnViolation::Abort,
            "report" => OnViolation::Report,
            _ => {
                return Err(Refusal { variable: "GUARD_ON_VIOLATION", value, takes: "panic, abort or report" });
            }
        };
    }
    let file = |variable: &'static CStr| match text(variable)? {
        Some("") => {
            let name = variable.to_str().unwrap_or_default();
            Err(Refusal { variable: name, value: "", takes: "the path of a file" })
        }
        value => Ok(keep(value)),
    };
    settings.report = file(c"GUARD_REPORT")?;
    settings.called = file(c"GUARD_CALLED")?;
    settings.suppress = file(c"GUARD_SUPPRESS")?;
    if let Some(value) = text(c"GUARD_STATS")? {
        settings.stats = switch("GUARD_STATS", value)?;
    }
    if let Some(value) = text(c"GUARD_COPY")? {
        settings.copy = switch("GUARD_COPY", value)?;
    }
    if let Some(value) = text(c"GUARD_LOOK")? {
        settings.look_each = match value {
            "budget" => false,
            "each" => true,
            _ => return Err(Refusal { variable: "GUARD_LOOK", value, takes: "budget or each" }),
        };
    }
    if let Some(value) = text(c"GUARD_SAMPLE")? {
        let refusal =
            Refusal { variable: "GUARD_SAMPLE", value, takes: "a whole number: one block in so many; 0 for none" };
        settings.sample = value.parse().map_err(|_| refusal)?;
    }
    settings.trace = keep(text(c"GUARD_TRACE")?);
    settings.crates = keep(text(c"GUARD_CRATES")?);
    if let Some(value) = text(c"GUARD_BACKTRACE")? {
        settings.backtrace = match value {
            "0" => Backtrace::Off,
            "1" => Backtrace::Short,
            "full" => Backtrace::Full,
            _ => return Err(Refusal { variable: "GUARD_BACKTRACE", value, takes: "0, 1 or full" }),
        };
    }
    if let Some(value) = text(c"GUARD_QUARANTINE")? {
        let takes = "a number of bytes, with K, M or G for powers of 1024";
        settings.quarantine = Some(bytes(value).ok_or(Refusal { variable: "GUARD_QUARANTINE", value, takes })?);
    }
    // The convention of no-color.org: present and not empty.
    settings.color = text(c"NO_COLOR").ok().flatten().is_none_or(str::is_empty);
    Ok(settings)
}

fn switch<'a>(variable: &'static str, value: &'a str) -> Result<bool, Refusal<'a>> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(Refusal { variable, value, takes: "0 or 1" }),
    }
}

fn bytes(value: &str) -> Option<usize> {
    let (digits, shift) = match value.as_bytes().last()? {
        b'K' | b'k' => (value.get(..value.len() - 1)?, 10),
        b'M' | b'm' => (value.get(..value.len() - 1)?, 20),
        b'G' | b'g' => (value.get(..value.len() - 1)?, 30),
        _ => (value, 0),
    };
    digits.trim().parse::<usize>().ok()?.checked_mul(1 << shift)
}

/// Merges the three lists into what is set by name, and what `all` sets. The same name in two
/// variables is an error.
fn severities(lists: [Option<&str>; 3]) -> Result<(Severities, Option<Severity>), Refusal<'_>> {
    const PLACES: [(&str, Severity); 3] =
        [("GUARD_ALLOW", Severity::Allow), ("GUARD_WARN", Severity::Warn), ("GUARD_DENY", Severity::Deny)];
    let (mut all, mut named) = (None, Severities::NONE);
    for ((variable, severity), list) in PLACES.into_iter().zip(lists) {
        for value in items(list.unwrap_or_default()) {
            let refusal = Refusal { variable, value, takes: LISTS_OF_RULES };
            if value == "all" {
                if all.replace(severity).is_some_and(|before| before != severity) {
                    return Err(refusal);
                }
                continue;
            }
            let Ok(rule) = value.parse::<Rule>() else { return Err(refusal) };
            if named.get(rule).is_some_and(|before| before != severity) {
                return Err(refusal);
            }
            named = named.with(rule, severity);
        }
    }
    Ok((named, all))
}

/// State of a one-time read: `UNREAD` -> `READING` -> `READ`. The thread that makes the first step
/// reads; the others wait for the second.
struct Once {
    state: AtomicU8,
    settings: UnsafeCell<MaybeUninit<Settings>>,
}

const UNREAD: u8 = 0;
const READING: u8 = 1;
const READ: u8 = 2;

// SAFETY: the cell is written by the one thread that moved the state from UNREAD to READING, before
// the release store of READ, and read only after an acquire load of READ.
unsafe impl Sync for Once {}

static ONCE: Once = Once { state: AtomicU8::new(UNREAD), settings: UnsafeCell::new(MaybeUninit::uninit()) };

/// The settings. The first call reads the environment; an invalid value ends the process with
/// status 2.
///
/// A `OnceLock` is not used: it may allocate on some platforms, and this runs inside the allocator.
#[inline]
pub(crate) fn settings() -> &'static Settings {
    if ONCE.state.load(Ordering::Acquire) == READ {
        // SAFETY: READ was loaded with acquire, so the write of the settings is visible and nothing
        // writes again.
        return unsafe { (*ONCE.settings.get()).assume_init_ref() };
    }
    read_once()
}

#[cold]
fn read_once() -> &'static Settings {
    loop {
        match ONCE.state.compare_exchange(UNREAD, READING, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => {
                let settings = match read(process::env) {
                    Ok(settings) => settings,
                    Err(Refusal { variable, value, takes }) => process::refuse(format_args!(
                        "{variable}={value} is not understood; it takes {takes}. The program was not started"
                    )),
                };
                // SAFETY: this thread alone made it READING; no thread reads before READ.
                unsafe { (*ONCE.settings.get()).write(settings) };
                ONCE.state.store(READ, Ordering::Release);
            }
            Err(READ) => {
                // SAFETY: READ was loaded with acquire, so the write above is visible and nothing
                // writes again.
                return unsafe { (*ONCE.settings.get()).assume_init_ref() };
            }
            Err(_) => std::hint::spin_loop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&'static str, &'static str)]) -> Result<Settings, Refusal<'static>> {
        read(|name| pairs.iter().find(|(n, _)| name.to_str() == Ok(*n)).map(|(_, value)| value.as_bytes()))
    }

    #[test]
    fn nothing_set_is_the_defaults() {
        let settings = with(&[]).expect("nothing to refuse");
        assert_eq!(settings.level, None);
        assert_eq!(settings.on_violation, OnViolation::Panic);
        assert_eq!(settings.backtrace, Backtrace::Short);
        assert!(settings.color && settings.report_path().is_none() && settings.checks_crate("any"));
    }

    #[test]
    fn what_is_no_value_is_refused_by_name() {
        for (name, value) in [
            ("GUARD", "7"),
            ("GUARD", "on"),
            ("GUARD", ""),
            ("GUARD", "-1"),
            ("GUARD_ON_VIOLATION", "die"),
            ("GUARD_BACKTRACE", "2"),
            ("GUARD_QUARANTINE", "64MB"),
            ("GUARD_QUARANTINE", "99999999999G"),
            ("GUARD_STATS", "yes"),
            ("GUARD_COPY", "2"),
            ("GUARD_LOOK", "all"),
            ("GUARD_LOOK", ""),
            ("GUARD_SAMPLE", "-1"),
            ("GUARD_REPORT", ""),
            ("GUARD_ALLOW", "nested"),
        ] {
            let refusal = with(&[(name, value)]).expect_err(name);
            assert_eq!((refusal.variable, refusal.value), (name, value));
        }
    }

    #[test]
    fn sizes_take_binary_suffixes() {
        assert_eq!(with(&[("GUARD_QUARANTINE", "64M")]).unwrap().quarantine, Some(64 << 20));
        assert_eq!(with(&[("GUARD_QUARANTINE", "0")]).unwrap().quarantine, Some(0));
        assert_eq!(with(&[("GUARD_QUARANTINE", "2k")]).unwrap().quarantine, Some(2048));
    }

    #[test]
    fn a_rule_by_name_beats_all_and_contradictions_are_refused() {
        let settings = with(&[("GUARD_ALLOW", "all"), ("GUARD_DENY", "double_free, out_of_bounds")]).unwrap();
        assert_eq!(settings.severity_of(Rule::NestedPointer), Severity::Allow);
        assert_eq!(settings.severity_of(Rule::DoubleFree), Severity::Deny);
        assert_eq!(settings.severity_of(Rule::OutOfBounds), Severity::Deny);
        assert!(with(&[("GUARD_ALLOW", "double_free"), ("GUARD_DENY", "double_free")]).is_err());
        assert!(with(&[("GUARD_ALLOW", "all"), ("GUARD_WARN", "all")]).is_err());
    }

    #[test]
    fn what_is_let_pass_by_default_is_asked_for_by_its_name_alone() {
        let of = |pairs: &[(&'static str, &'static str)], near: Severities| {
            with(pairs).unwrap().severity(near, Rule::DanglingField, Severity::Allow)
        };
        assert_eq!(of(&[], Severities::NONE), Severity::Allow);
        assert_eq!(of(&[("GUARD_WARN", "all")], Severities::NONE), Severity::Allow);
        assert_eq!(of(&[("GUARD_DENY", "all")], Severities::NONE), Severity::Allow);
        assert_eq!(of(&[("GUARD_DENY", "dangling_field")], Severities::NONE), Severity::Deny);
        let near = Severities::NONE.with(Rule::DanglingField, Severity::Warn);
        assert_eq!(of(&[("GUARD_DENY", "dangling_field")], near), Severity::Warn);
        let settings = with(&[("GUARD_WARN", "all")]).unwrap();
        assert_eq!(settings.severity(Severities::NONE, Rule::DanglingField, Severity::Deny), Severity::Warn);
        assert_eq!(settings.severity_of(Rule::LeakedOwnership), Severity::Warn);
    }

    #[test]
    fn the_list_of_rules_in_the_error_is_complete() {
        for rule in Rule::ALL {
            assert!(LISTS_OF_RULES.contains(rule.name()), "{rule}");
        }
    }

    #[test]
    fn crates_match_with_dash_or_underscore() {
        let settings = with(&[("GUARD_CRATES", "my-app, libz_sys"), ("GUARD_TRACE", "deflate")]).unwrap();
        assert!(settings.checks_crate("my_app") && settings.checks_crate("libz_sys"));
        assert!(!settings.checks_crate("my_ap"));
        assert!(settings.traces("deflate") && !settings.traces("deflat"));
    }
}
