//! Stands in rustc's place: compiles the mirror of a package that has foreign blocks, and puts the
//! allocator into what is run. What does not compile so is compiled as it is.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::c_library;
use crate::callbacks::{Given, Types};
use crate::coverage::{self, Record};
use crate::diagnostics::{self, Lesson};
use crate::exports;
use crate::learned::Learned;
use crate::mirror::{self, Changes};
use crate::obstacle;
use crate::outcome::{Outcome, finish, listen, pass_on};
use crate::rewrite::{Form, Wishes, rewrite};
use crate::session::Session;
use crate::taken;
use crate::unit::Unit;

/// How the attribute's message begins if it cannot read a file of contracts.
const FAULT: &str = "the contracts in `";

/// Runs rustc with these arguments, of which the first is its path.
pub(crate) fn run(session: &Session, arguments: &[String]) -> ExitCode {
    let unit = Unit::read(&arguments[1..]);
    // Cargo sets the variable for what it compiles, and not for the probes of a build script.
    let is_of_cargo = std::env::var_os("CARGO_CRATE_NAME").is_some() && !unit.crate_name.is_empty();
    let package = Package::of_the_environment();
    match package {
        Some(package) if is_of_cargo && unit.root.is_some() && !unit.is_of_the_build() && !package.is_ours() => {
            Compilation { session, rustc: &arguments[0], unit, package }.run()
        }
        // What it depends on has been compiled with the runtime's, where that declares C.
        Some(package) if package.is_ours() && !unit.is_of_the_build() => {
            let runtime = &session.runtime;
            let folders = [&runtime.dependencies, &runtime.host_dependencies];
            let found = folders.map(|folder| format!("-Ldependency={}", folder.display()));
            as_it_is(session, &[arguments, found.as_slice()].concat())
        }
        _ => as_it_is(session, arguments),
    }
}

/// Runs rustc, or the wrapper that the user had set, with the arguments as they are.
fn as_it_is(session: &Session, arguments: &[String]) -> ExitCode {
    let mut command = match &session.chained {
        Some(chained) => Command::new(chained),
        None => Command::new(&arguments[0]),
    };
    command.args(if session.chained.is_some() { arguments } else { &arguments[1..] });
    finish(command.status(), &arguments[0])
}

/// The package that is compiled, as cargo names it in the environment.
struct Package {
    name: String,
    version: String,
    folder: PathBuf,
    out_dir: Option<PathBuf>,
}

impl Package {
    fn of_the_environment() -> Option<Package> {
        Some(Package {
            name: std::env::var("CARGO_PKG_NAME").ok()?,
            version: std::env::var("CARGO_PKG_VERSION").ok()?,
            folder: std::env::var_os("CARGO_MANIFEST_DIR")?.into(),
            out_dir: std::env::var_os("OUT_DIR").map(PathBuf::from),
        })
    }

    /// True for ffi-guard itself, which checks and is not checked.
    fn is_ours(&self) -> bool {
        matches!(self.name.as_str(), "ffi-guard" | "ffi-guard-macros")
    }

    /// The forms that are tried, one after the other.
    fn forms(&self) -> &'static [Form] {
        if self.name == c_library::PACKAGE { &[Form::Plain] } else { &Form::ALL }
    }

    /// The name of the file of what was learnt.
    fn key(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// One crate to be compiled.
struct Compilation<'a> {
    session: &'a Session,
    rustc: &'a str,
    unit: Unit,
    package: Package,
}

/// How a crate is compiled in one attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Attempt {
    /// `None`: the blocks are left as they are.
    form: Option<Form>,
    has_allocator: bool,
}

impl Compilation<'_> {
    fn run(&self) -> ExitCode {
        let is_covered = self.session.covers(&self.package.name) && !is_left_alone(&self.package.name);
        let key = self.package.key();
        let mut learned = Learned::read(&self.session.folder, &key);
        let mut failed_forms = learned.failed_forms;
        let mut has_allocator = self.unit.is_final();
        let mut why = learned.why.clone();
        loop {
            let form = if is_covered { self.package.forms().get(failed_forms).copied() } else { None };
            let attempt = Attempt { form, has_allocator };
            let wishes = Wishes {
                keep_abi: learned.keep_abi.clone(),
                skip: self.session.skipped_in(&self.package.name),
                allow: self.session.allow.clone(),
                fields_by_type: self.session.fields_by_type,
                contracts: self.session.contracts.clone(),
                named: match self.package.name.as_str() {
                    c_library::PACKAGE => c_library::named_in(&self.session.contracts),
                    _ => BTreeSet::new(),
                },
                given: Given::new(),
            };
            let (changes, blocks) = self.changes(attempt, &wishes);
            let outcome = match self.compile(&changes) {
                Ok(outcome) => outcome,
                Err(error) => {
                    eprintln!("error: ffi-guard: {}: {error}", self.unit.crate_name);
                    return ExitCode::from(101);
                }
            };
            if outcome.status.success() {
                pass_on(&outcome.held);
                if failed_forms > learned.failed_forms && !self.is_local() {
                    (learned.failed_forms, learned.why) = (failed_forms, why.clone());
                    learned.write_as_old(&self.session.folder, &key);
                }
                let bare = (is_covered && failed_forms >= self.package.forms().len()).then(|| why.clone());
                let record = self.record(bare);
                if !record.is_empty() {
                    record.write(&self.session.folder, &self.unit.key());
                }
                return ExitCode::SUCCESS;
            }
            // The user's own contracts: to go on without them would not be what was asked for.
            if outcome.held.iter().any(|line| line.contains(FAULT)) {
                pass_on(&outcome.held);
                return finish(Ok(outcome.status), self.rustc);
            }
            // It would fail in any other form too, and must teach nothing.
            if let Some(words) = obstacle::of_rustc(outcome.status, &outcome.held) {
                pass_on(&outcome.held);
                eprintln!("error: ffi-guard: {}: {words}", self.unit.crate_name);
                return finish(Ok(outcome.status), self.rustc);
            }
            let lesson = diagnostics::learn(&outcome.held);
            let record = self.record(None);
            let own: Vec<String> = lesson.keep_abi.iter().filter(|name| record.declares(name)).cloned().collect();
            if !own.is_empty() && learned.add(&own) {
                learned.write_as_old(&self.session.folder, &key);
                continue;
            }
            if has_allocator && lesson.has_two_allocators {
                has_allocator = false;
                continue;
            }
            if self.teach_others(&lesson) {
                return ExitCode::from(101);
            }
            if attempt.form.is_some() && blocks > 0 {
                failed_forms += 1;
                why = lesson.first.unwrap_or_default();
                continue;
            }
            if has_allocator {
                has_allocator = false;
                continue;
            }
            // The crate's own errors: nothing of ours is left in it but the libraries.
            pass_on(&outcome.held);
            return finish(Ok(outcome.status), self.rustc);
        }
    }

    /// True for a package of the user's own, whose source may change.
    fn is_local(&self) -> bool {
        !self.unit.arguments.iter().any(|argument| argument == "--cap-lints")
            && !self.unit.arguments.iter().any(|argument| argument.starts_with("--cap-lints="))
    }

    /// True for a library whose doc tests are linked with nothing else of the user's.
    fn is_for_doc_tests(&self) -> bool {
        let is_library = self.unit.crate_types.iter().any(|kind| kind == "lib" || kind == "rlib");
        self.session.allocator_in_libraries && self.is_local() && is_library && self.unit.links
    }

    /// The files that the attempt compiles in place of others, and how many blocks they have.
    fn changes(&self, attempt: Attempt, wishes: &Wishes) -> (Changes, usize) {
        let mut changes = Changes::new();
        let mut blocks = 0;
        let mut has_allocator = false;
        if let Some(form) = attempt.form {
            let mut files = mirror::sources(&self.package.folder);
            files.extend(self.package.out_dir.iter().flat_map(|folder| mirror::sources(folder)));
            let read = |file: PathBuf| std::fs::read_to_string(&file).ok().map(|text| (file, text));
            let files: Vec<_> = files.into_iter().filter_map(read).collect();
            let mut wishes = wishes.clone();
            wishes.keep_abi.extend(taken::declared_in(files.iter().map(|(_, text)| text), &self.session.taken));
            if form == Form::Whole {
                let own = self.session.contracts.iter().filter_map(|file| std::fs::read_to_string(file).ok());
                let own: Vec<String> = own.collect();
                let types = Types::of(own.iter().map(String::as_str));
                files.iter().for_each(|(_, text)| types.find(text, &mut wishes.given));
            }
            for (file, text) in &files {
                let rewritten = match self.package.name.as_str() {
                    c_library::PACKAGE => c_library::rewrite(text, &wishes),
                    _ => rewrite(text, form, &wishes),
                };
                if let Some(rewritten) = rewritten {
                    blocks += rewritten.blocks;
                    has_allocator |= rewritten.has_allocator;
                    changes.insert(file.clone(), rewritten.text);
                }
            }
            // The fields of structs matter where a block lends them.
            if blocks == 0 && !has_allocator {
                changes.clear();
            }
        }
        let mut appended = String::new();
        if self.unit.edition == "2015" && !changes.is_empty() {
            appended += "\n#[allow(unused_extern_crates)] extern crate ffi_guard;";
        }
        if attempt.has_allocator || self.is_for_doc_tests() {
            appended += "\n#[allow(unused_extern_crates)] extern crate ffi_guard_allocator as _;";
        }
        if let (Some(root), false) = (self.root(), appended.is_empty() && changes.is_empty()) {
            let text = changes.remove(&root).or_else(|| std::fs::read_to_string(&root).ok());
            changes.extend(text.map(|text| (root, text + &appended + "\n")));
        }
        (changes, blocks)
    }

    /// The absolute path of the crate's first file.
    fn root(&self) -> Option<PathBuf> {
        let root = self.unit.root_file()?;
        std::path::absolute(root).ok()
    }

    /// Runs rustc over the changed files. All that it says but what cargo waits for is held back.
    fn compile(&self, changes: &Changes) -> std::io::Result<Outcome> {
        let folder = self.session.mirrors().join(self.unit.key());
        let mut command = Command::new(self.rustc);
        let mut arguments = self.unit.arguments.clone();
        keep_lines(&mut arguments);
        self.swap_library(&mut arguments);
        if !changes.is_empty() {
            self.lay_out(&folder, changes)?;
            if let (Some(index), Some(root)) = (self.unit.root, self.root()) {
                arguments[index] = mirror::place(&folder, &root).to_string_lossy().into_owned();
            }
            for (from, to) in self.prefixes(&folder)? {
                arguments.push(format!("--remap-path-prefix={}={}", from.display(), to.display()));
            }
            self.link_library(&mut arguments);
            if self.is_local() {
                arguments.push("--cap-lints=warn".into());
            }
            let out_dir = self.package.out_dir.as_ref().filter(|out| changes.keys().any(|file| file.starts_with(out)));
            if let Some(out_dir) = out_dir {
                command.env("OUT_DIR", mirror::place(&folder, out_dir));
            }
        }
        let runtime = &self.session.runtime;
        for dependencies in [&runtime.dependencies, &runtime.host_dependencies] {
            arguments.push(format!("-Ldependency={}", dependencies.display()));
        }
        let record = self.record_file();
        std::fs::create_dir_all(Record::folder(&self.session.folder))?;
        match std::fs::remove_file(&record) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => command.env("CARGO_FFI_GUARD_RECORD", record),
        };
        command.env("CARGO_FFI_GUARD_DEBUG_ASSERTIONS", u8::from(self.unit.has_debug_assertions()).to_string());
        command.args(&arguments);
        let outcome = listen(&mut command)?;
        if outcome.status.success() && self.unit.has_dep_info {
            self.mend_list_of_files(&folder)?;
        }
        Ok(outcome)
    }

    fn lay_out(&self, folder: &Path, changes: &Changes) -> std::io::Result<()> {
        mirror::clear(folder)?;
        let out_dir = self.package.out_dir.as_deref();
        let is_generated = |file: &Path| out_dir.is_some_and(|out| file.starts_with(out));
        let (generated, written): (Changes, Changes) =
            changes.iter().map(|(file, text)| (file.clone(), text.clone())).partition(|(file, _)| is_generated(file));
        let workspace = &self.session.workspace;
        let base = if self.package.folder.starts_with(workspace) { workspace } else { &self.package.folder };
        mirror::add(folder, base, &written)?;
        match out_dir {
            Some(out_dir) => mirror::add(folder, out_dir, &generated),
            None => Ok(()),
        }
    }

    /// What stands for the mirror's paths in messages, in `file!()` and in debug information: the
    /// paths that cargo gave.
    fn prefixes(&self, folder: &Path) -> std::io::Result<Vec<(PathBuf, PathBuf)>> {
        let mut prefixes = vec![(folder.to_path_buf(), PathBuf::from("/"))];
        if self.unit.root_file().is_some_and(|root| root.is_relative()) {
            // The last one that fits counts.
            prefixes.push((mirror::place(folder, &std::env::current_dir()?), PathBuf::new()));
        }
        Ok(prefixes)
    }

    /// A program that uses ffi-guard itself gets the same library as the mirrored crates.
    fn swap_library(&self, arguments: &mut [String]) {
        for argument in arguments.iter_mut() {
            let Some((before, _)) = argument.split_once("ffi_guard=") else { continue };
            if before.is_empty() || before == "--extern=" || before.ends_with(':') {
                *argument = format!("{before}ffi_guard={}", self.session.runtime.library.display());
            }
        }
    }

    fn link_library(&self, arguments: &mut Vec<String>) {
        let runtime = &self.session.runtime;
        if !arguments.iter().any(|argument| argument.contains("ffi_guard=")) {
            arguments.push(format!("--extern=ffi_guard={}", runtime.library.display()));
        }
        arguments.push(format!("--extern=ffi_guard_allocator={}", runtime.allocator.display()));
    }

    /// The list of files that rustc read, from which cargo tells whether to build again: it names
    /// the originals, and what was learnt of the package.
    fn mend_list_of_files(&self, folder: &Path) -> std::io::Result<()> {
        let Some(path) = self.list_of_files() else { return Ok(()) };
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(()) };
        let escape = |path: &Path| path.to_string_lossy().replace(' ', "\\ ");
        let mut text = text.replace(&escape(folder), "");
        let learned = Learned::path(&self.session.folder, &self.package.key());
        if let Some(end) = text.find('\n') {
            text.insert_str(end, &format!(" {}", escape(&learned)));
        }
        std::fs::write(path, text)
    }

    /// The symbols that the crate's files define. The files are those of rustc's list.
    fn exports(&self) -> BTreeSet<String> {
        let list = self.list_of_files().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        // `output: file file`, and after it a line for each file.
        let files = list.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, files)| files);
        // A blank in a path is written with a backslash.
        let marked = files.replace("\\ ", "\0");
        let paths = marked.split(' ').map(|path| path.replace('\0', " ")).filter(|path| path.ends_with(".rs"));
        paths.filter_map(|path| std::fs::read_to_string(path).ok()).flat_map(|text| exports::of(&text)).collect()
    }

    fn list_of_files(&self) -> Option<PathBuf> {
        Some(self.unit.out_dir.as_ref()?.join(format!("{}.d", self.unit.key())))
    }

    /// Learns for other packages what only their users show. True if the build is worth another
    /// attempt.
    fn teach_others(&self, lesson: &Lesson) -> bool {
        let mut is_new = false;
        for record in crate::coverage::records(&self.session.folder, |_, _| true) {
            let names: Vec<String> = lesson.keep_abi.iter().filter(|name| record.declares(name)).cloned().collect();
            let key = format!("{}-{}", record.package, record.version);
            let mut learned = Learned::read(&self.session.folder, &key);
            if !names.is_empty() && learned.add(&names) {
                is_new |= learned.write(&self.session.folder, &key);
                eprintln!("note: ffi-guard: {} keeps the type of {}", record.package, names.join(", "));
            }
        }
        if is_new {
            // Left unwritten, the build ends here, as it would have without a second attempt.
            let _ = std::fs::write(self.session.again(), "");
        }
        is_new
    }

    /// Where the attribute writes what it saw.
    fn record_file(&self) -> PathBuf {
        Record::folder(&self.session.folder).join(format!("{}.txt", self.unit.key()))
    }

    /// What the last attempt saw.
    fn record(&self, bare: Option<String>) -> Record {
        let items = if bare.is_some() { Default::default() } else { coverage::items(&self.record_file()) };
        Record {
            package: self.package.name.clone(),
            version: self.package.version.clone(),
            crates: [self.unit.crate_name.clone()].into(),
            items,
            exports: self.exports(),
            bare,
        }
    }
}

/// Has rustc write which line code is of, if the profile asks for no debug information: a release
/// build's reports would have addresses alone.
fn keep_lines(arguments: &mut Vec<String>) {
    let text = |argument: &String| argument.trim_start_matches("-C").to_string();
    if arguments.iter().any(|it| text(it).starts_with("debuginfo=") && !text(it).ends_with("=0")) {
        return;
    }
    // Cargo strips what it has not asked for.
    if let Some(place) = arguments.iter().position(|it| text(it) == "strip=debuginfo") {
        arguments[place] = arguments[place].replace("strip=debuginfo", "strip=none");
    }
    arguments.push("-Cdebuginfo=line-tables-only".into());
}

/// Packages that declare the system for all others: a wrapper of theirs would be entered by signal
/// handlers, between `fork` and `exec`, and for every byte that is read. Of `libc` see [`c_library`].
fn is_left_alone(package: &str) -> bool {
    matches!(package, "linux-raw-sys" | "windows-sys" | "windows-targets" | "compiler_builtins")
}

/// Compiles ffi-guard itself. Another `metadata` than cargo's tells its crates from those of the
/// user's graph, which may have the same versions.
pub(crate) fn run_for_runtime(arguments: &[String]) -> ExitCode {
    let mut all: Vec<OsString> = arguments[1..].iter().map(OsString::from).collect();
    if std::env::var_os("CARGO_CRATE_NAME").is_some() {
        all.push("-Cmetadata=ffi-guard-runtime".into());
    }
    finish(Command::new(&arguments[0]).args(all).status(), &arguments[0])
}
