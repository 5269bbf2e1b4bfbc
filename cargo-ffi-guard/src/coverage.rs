//! What is under the guard and what is not: a record for each package, and the lines at the end of
//! a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::session;

/// One unit of a package as it was compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub package: String,
    pub version: String,
    /// The names of its crates.
    #[serde(default)]
    pub crates: BTreeSet<String>,
    /// What its foreign blocks declare.
    pub items: BTreeSet<Item>,
    /// Symbols that it defines for C to call.
    #[serde(default)]
    pub exports: BTreeSet<String>,
    /// Why the package is compiled as it is, if it is.
    pub bare: Option<String>,
}

/// An item of a foreign block, as the attribute saw it: conditions and macros are resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Item {
    pub kind: Kind,
    pub name: String,
    /// True if an address goes to C, as far as the words of the types show it.
    #[serde(default)]
    pub pointer: bool,
}

/// How an item is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Wrapped,
    /// Wrapped by a function of C's ABI.
    KeepAbi,
    /// A variadic function, of which the entry alone is checked.
    Entry,
    /// A variadic function that is bare.
    Variadic,
    Skipped,
    Static,
    Type,
    Macro,
    /// It has a contract. Said beside what else is said of the function.
    Contract,
    /// There is a contract for a function of this name, and the declaration is of another one.
    Misfit,
    /// A Rust function that C calls, which is checked by the contract of its type. No item of a block.
    Callback,
}

impl Kind {
    /// True for what is said beside another line of the same function, or of none that is declared.
    pub(crate) fn is_about_contracts(self) -> bool {
        matches!(self, Kind::Contract | Kind::Misfit | Kind::Callback)
    }

    fn is_function(self) -> bool {
        matches!(self, Kind::Wrapped | Kind::KeepAbi | Kind::Entry | Kind::Variadic | Kind::Skipped)
    }
}

/// Reads the lines that the attribute wrote while a crate was compiled.
pub(crate) fn items(path: &Path) -> BTreeSet<Item> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(item).collect()
}

fn item(line: &str) -> Option<Item> {
    let mut words = line.split(' ');
    let kind = serde_json::from_value(words.next()?.into()).ok()?;
    Some(Item { kind, name: words.next()?.to_string(), pointer: words.next().is_some() })
}

impl Record {
    /// The folder of the records.
    pub(crate) fn folder(session: &Path) -> PathBuf {
        session.join("coverage")
    }

    /// Writes the record of a unit.
    pub(crate) fn write(&self, session: &Path, unit: &str) {
        let path = Self::folder(session).join(format!("{unit}.json"));
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        // What cannot be written is missing from the table, and no more.
        let _ = session::write_if_changed(&path, &text);
    }

    /// True if there is nothing to say of the package.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.exports.is_empty() && self.bare.is_none()
    }

    /// True if a block of the package declares the function.
    pub(crate) fn declares(&self, name: &str) -> bool {
        self.items.iter().any(|item| item.kind.is_function() && item.name == name)
    }

    fn names(&self, is_wanted: impl Fn(Kind) -> bool) -> Vec<&str> {
        self.items.iter().filter(|item| is_wanted(item.kind)).map(|item| item.name.as_str()).collect()
    }

    /// The number of functions that have a wrapper.
    pub(crate) fn guarded(&self) -> usize {
        self.names(|kind| matches!(kind, Kind::Wrapped | Kind::KeepAbi | Kind::Entry)).len()
    }

    /// The number of functions.
    pub(crate) fn declared(&self) -> usize {
        self.names(Kind::is_function).len()
    }
}

/// The records of the packages that are part of this build, one for each package.
pub(crate) fn records(session: &Path, is_part: impl Fn(&str, &str) -> bool) -> Vec<Record> {
    let files = std::fs::read_dir(Record::folder(session)).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    let mut packages: BTreeMap<(String, String), Record> = BTreeMap::new();
    for record in texts.filter_map(|text| serde_json::from_str::<Record>(&text).ok()) {
        if is_part(&record.package, &record.version) {
            let known = packages
                .entry((record.package.clone(), record.version.clone()))
                .or_insert_with(|| Record { items: BTreeSet::new(), ..record.clone() });
            known.items.extend(record.items);
            known.exports.extend(record.exports);
            known.crates.extend(record.crates);
            known.bare = known.bare.take().or(record.bare);
        }
    }
    packages.into_values().filter(|record| !record.is_empty()).collect()
}

/// The line at the end of a run. `called`: the functions that were called in it, if that is known.
pub(crate) fn summary(records: &[Record], called: Option<&Called>) -> String {
    let guarded: usize = records.iter().map(Record::guarded).sum();
    let declared: usize = records.iter().map(Record::declared).sum();
    let crates = records.iter().filter(|record| record.guarded() > 0).count();
    let crates = if crates == 1 { "1 crate".to_string() } else { format!("{crates} crates") };
    let called = called.map(|called| format!("; {} called", called.count())).unwrap_or_default();
    format!("guarded {guarded} of {declared} functions in {crates}{called}")
}

/// The functions that the program's processes called, as the checker listed them (`GUARD_CALLED`).
pub(crate) struct Called {
    /// Crate and name.
    functions: BTreeSet<(String, String)>,
}

impl Called {
    /// The list, below a session's folder.
    pub(crate) fn path(session: &Path) -> PathBuf {
        session.join("called.txt")
    }

    /// The list that the last run left. `None` if there is none.
    pub(crate) fn read(session: &Path) -> Option<Called> {
        let text = std::fs::read_to_string(Self::path(session)).ok()?;
        let function = |line: &str| line.split_once(' ').map(|(krate, name)| (krate.to_owned(), name.to_owned()));
        Some(Called { functions: text.lines().filter_map(function).collect() })
    }

    fn count(&self) -> usize {
        self.functions.len()
    }

    /// The functions of a record that were called.
    pub(crate) fn of(&self, record: &Record) -> usize {
        let is_of = |krate: &str| record.crates.contains(krate);
        self.functions.iter().filter(|(krate, name)| is_of(krate) && record.declares(name)).count()
    }
}

/// The table of `--coverage`: each package, and what is bare in it and why.
pub(crate) fn table(records: &[Record]) -> String {
    let mut text = String::new();
    for record in records.iter().filter(|record| !record.items.is_empty() || record.bare.is_some()) {
        text += &format!("{} {}: {} of {}\n", record.package, record.version, record.guarded(), record.declared());
        if let Some(why) = &record.bare {
            text += &format!("  compiled as it is: {why}\n");
        }
        let list = |why: &str, kind: Kind| match record.names(|it| it == kind) {
            names if names.is_empty() => String::new(),
            names => format!("  {why}: {}\n", names.join(", ")),
        };
        text += &list("keeps C's ABI, for its address is taken", Kind::KeepAbi);
        let contracts = record.names(|kind| kind == Kind::Contract).len();
        if contracts > 0 {
            text += &format!("  by contract: {contracts}\n");
        }
        text += &list("contract not applied, for it is of another function", Kind::Misfit);
        text += &list("callbacks by contract", Kind::Callback);
        text += &list("variadic, checked on entry alone", Kind::Entry);
        text += &list("bare, variadic", Kind::Variadic);
        text += &list("bare, by --skip", Kind::Skipped);
        text += &list("statics", Kind::Static);
        let macros = record.names(|kind| kind == Kind::Macro).len();
        if macros > 0 {
            text += &format!("  macro calls inside a block, not seen through: {macros}\n");
        }
    }
    text
}
