//! The subcommand: builds ffi-guard for the program, starts cargo with this executable in rustc's
//! place, and says at the end what was under the guard.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::time::SystemTime;

use cargo_ffi_guard::progress::Progress;
use cargo_metadata::{Metadata, MetadataCommand};

use crate::cargo_options::value_of;
use crate::cli::{self, Abi, Options, Order, Task};
use crate::config::Config;
use crate::coverage::Called;
use crate::obstacle::{self, cannot_write};
use crate::session::Session;
use crate::{abi, audit, coverage, fix, mirror, reporting, runtime, rustdoc, session, taken};

/// Rules that need a contract to be right: without one they report what a library may well do.
const NEED_CONTRACTS: [&str; 2] = ["nested_pointer", "retained_pointer"];

/// The rule that, without a contract, only warns, and only where a type tells what a word is.
const DANGLING_FIELD: &str = "dangling_field";

/// How often a build that taught something is tried again.
const MOST_ATTEMPTS: usize = 12;

/// The cargo that started this, or the one on the path.
pub(crate) fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Cargo's folder of the user.
fn cargo_home() -> Option<PathBuf> {
    let of_user = || std::env::home_dir().map(|home| home.join(".cargo"));
    std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(of_user)
}

/// Runs the subcommand with the arguments after the program's name.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let order = match cli::read(arguments).map(|cli| cli.command.task()) {
        Ok(Task::Cargo(order)) => *order,
        Ok(Task::Report(options)) => return reporting::run(&options),
        Ok(Task::Fix(options)) => return fix::run(&options),
        Err(error) => {
            // The words go where clap sends them: help is no error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let wrong = if order.abi.is_some() { abi::WRONG } else { 101 };
    match Run::prepare(order) {
        Ok(run) => run.go(),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(wrong)
        }
    }
}

/// A run, with all that is settled before cargo starts.
struct Run {
    order: Order,
    session: Session,
    metadata: Metadata,
}

impl Run {
    fn prepare(order: Order) -> Result<Run, String> {
        let options = &order.options;
        let rustc = Rustc::ask()?;
        let folder = std::env::current_dir().map_err(|error| error.to_string())?;
        let config = Config::read(&folder, cargo_home().as_deref());
        let asked = value_of(&options.cargo, "--target").or_else(|| std::env::var("CARGO_BUILD_TARGET").ok());
        let target = match asked {
            Some(target) => target,
            None => config.target()?.unwrap_or_else(|| rustc.host.clone()),
        };
        if order.abi.is_some() {
            abi::can_compare(&target, &rustc.host)?;
        }
        let metadata = metadata(&options.cargo, &target)?;
        let c_heap = !options.no_c_heap && (options.c_heap || has_c_heap(&target));
        let allow = allowed(&options.rules)?;
        let fields_by_type = !is_asked_for(&options.rules, DANGLING_FIELD);
        let contracts = contracts(&contract_files(options, metadata.workspace_root.as_std_path()))?;
        let flags = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].map(|name| std::env::var(name).unwrap_or_default());
        let base = metadata.target_directory.as_std_path().join("ffi-guard");
        std::fs::create_dir_all(&base).map_err(|error| cannot_write(&base, &error))?;
        let pass: Vec<String> =
            options.cargo.iter().filter(|word| matches!(word.as_str(), "--offline" | "--frozen")).cloned().collect();
        let of_runtime = key((runtime::version(), &rustc.version, &target, c_heap, flags));
        let shared = std::env::var_os(runtime::SHARED).map(PathBuf::from);
        let of_all = shared.as_deref().unwrap_or(&base);
        let mut progress = Progress::new();
        progress.show(|| "building ffi-guard for this program, once".into());
        let runtime = runtime::build(&of_all.join(format!("runtime-{of_runtime}")), &target, c_heap, &pass)?;
        drop(progress);
        let Sources { declare_allocator, taken } = Sources::read(&metadata);
        let allocator_in_libraries = !declare_allocator;
        // Cargo does not know of either: what they compiled before is of no use once they changed.
        let stamps = [std::env::current_exe().ok(), Some(runtime.library.clone())].map(|path| stamp(path?.as_path()));
        let folder = base.join(key((
            of_runtime,
            stamps,
            &allow,
            &options.only,
            &options.skip,
            &contracts,
            allocator_in_libraries,
        )));
        std::fs::create_dir_all(&folder).map_err(|error| cannot_write(&folder, &error))?;
        let session = Session {
            workspace: metadata.workspace_root.clone().into_std_path_buf(),
            chained: config.wrapper(),
            only: options.only.clone(),
            skip: options.skip.clone(),
            allocator_in_libraries,
            taken,
            runtime,
            folder,
            target,
            allow,
            fields_by_type,
            contracts: contracts.into_iter().map(|(path, _)| path).collect(),
        };
        known_crates(options, &metadata)?;
        session.write().map_err(|error| cannot_write(&session.folder, &error))?;
        Ok(Run { order, session, metadata })
    }

    fn go(&self) -> ExitCode {
        let folder = &self.session.folder;
        if self.calls_c() {
            // Missing from the first run on, which is no error.
            let _ = std::fs::remove_file(Called::path(folder));
        }
        let mut built = abi::Built::default();
        let mut status = self.build(&mut built);
        for _ in 1..MOST_ATTEMPTS {
            if std::fs::remove_file(self.session.again()).is_err()
                || status.as_ref().is_ok_and(|status| status.success())
            {
                break;
            }
            // Cargo has just called it an error.
            eprintln!("note: ffi-guard: the build above has shown what it was to show, and is begun again");
            status = self.build(&mut built);
        }
        if let Some(abi) = &self.order.abi {
            return self.compare(abi, status, &built);
        }
        let is_part = |name: &str, version: &str| {
            self.metadata
                .packages
                .iter()
                .any(|package| package.name.as_str() == name && package.version.to_string() == version)
        };
        let records = coverage::records(folder, is_part);
        let called = Called::read(folder);
        match &self.order.audit {
            Some(audit) if status.as_ref().is_ok_and(|status| status.success()) => {
                if let Err(error) = audit::write(audit, &records, called.as_ref()) {
                    eprintln!("error: {error}");
                    return ExitCode::from(101);
                }
            }
            _ => eprintln!("ffi-guard: {}", coverage::summary(&records, called.filter(|_| self.calls_c()).as_ref())),
        }
        if self.order.options.coverage {
            eprint!("{}", coverage::table(&records));
        }
        crate::outcome::finish(status, "cargo")
    }

    /// Starts cargo. If the programs are to be asked, what it builds is noted.
    fn build(&self, built: &mut abi::Built) -> std::io::Result<ExitStatus> {
        match self.order.abi {
            None => self.cargo_command().status(),
            Some(_) => {
                let (status, all) = abi::Built::by(&mut self.cargo_command(), &self.metadata)?;
                *built = all;
                Ok(status)
            }
        }
    }

    /// Asks what was built for its declarations.
    fn compare(&self, options: &Abi, status: std::io::Result<ExitStatus>, built: &abi::Built) -> ExitCode {
        if !status.as_ref().is_ok_and(|status| status.success()) {
            let _ = crate::outcome::finish(status, "cargo");
            return ExitCode::from(abi::WRONG);
        }
        match abi::run(options, built, &self.session.folder) {
            Ok(differs) => ExitCode::from(if differs { abi::FOUND } else { 0 }),
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::from(abi::WRONG)
            }
        }
    }

    /// True if the command runs the program.
    fn calls_c(&self) -> bool {
        !matches!(self.order.command, "build" | "check") && self.order.abi.is_none()
    }

    /// Cargo, with our options before those of the user: it stops reading its own at the first
    /// word that is none.
    fn cargo_command(&self) -> Command {
        let own = std::env::current_exe().unwrap_or_else(|_| "cargo-ffi-guard".into());
        let mut command = Command::new(cargo());
        command.arg(self.order.command);
        let mut rest = self.order.options.cargo.as_slice();
        if self.order.command == "nextest"
            && let Some((first, others)) = rest.split_first()
        {
            command.arg(first);
            rest = others;
        }
        command.arg("--config").arg(format!("build.rustc-wrapper={:?}", own.display().to_string()));
        // Empty, it is none. It would stand between cargo and ours.
        command.args(["--config", "build.rustc-workspace-wrapper=''"]);
        if value_of(rest, "--target").is_none() {
            command.args(["--target", &self.session.target]);
        }
        command.arg("--target-dir").arg(self.session.folder.join("target"));
        if self.order.abi.is_some() {
            command.args(abi::of_the_build(rest)).args(abi::of_the_targets(rest, &self.metadata));
        }
        command.args(rest);
        command
            .env_remove("RUSTC_WRAPPER")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .env_remove("CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER")
            .env(session::VARIABLE, self.session.path())
            .env("GUARD_CALLED", Called::path(&self.session.folder));
        if let Some(link) = self.rustdoc_link(&own) {
            let real = std::env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
            command.env("RUSTDOC", link).env(rustdoc::VARIABLE, real);
        }
        match self.order.options.level {
            Some(level) => command.env("GUARD", level.to_string()),
            None if std::env::var_os("GUARD").is_none() => command.env("GUARD", "2"),
            None => &mut command,
        };
        let accepted = self.session.workspace.join(cargo_ffi_guard::report::suppress::FILE);
        if accepted.is_file() && std::env::var_os("GUARD_SUPPRESS").is_none() {
            command.env("GUARD_SUPPRESS", accepted);
        }
        if let Some(folder) = &self.order.options.report {
            // Missing, the checker says that it cannot write there.
            let _ = std::fs::create_dir_all(folder);
            let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            command.env("GUARD_REPORT", folder.join("ffi-guard.jsonl"));
        }
        command
    }

    /// This executable under the name by which it takes rustdoc's place.
    fn rustdoc_link(&self, own: &Path) -> Option<PathBuf> {
        let link = self.session.folder.join(rustdoc::NAME).with_extension(std::env::consts::EXE_EXTENSION);
        let is_there = std::fs::read_link(&link).is_ok_and(|to| to == own);
        if !is_there {
            let _ = std::fs::remove_file(&link);
            #[cfg(unix)]
            std::os::unix::fs::symlink(own, &link).ok()?;
            #[cfg(not(unix))]
            std::fs::copy(own, &link).ok()?;
        }
        Some(link)
    }
}

/// The compiler's name for itself.
struct Rustc {
    host: String,
    version: String,
}

impl Rustc {
    fn ask() -> Result<Rustc, String> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(&rustc).arg("-vV").output();
        let output = output.map_err(|error| format!("{} cannot be run: {error}", rustc.display()))?;
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        if let Some(words) = obstacle::of_version(&version) {
            return Err(words);
        }
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_string();
        match host.is_empty() {
            true => Err(format!("{} -vV names no host", rustc.display())),
            false => Ok(Rustc { host, version }),
        }
    }
}

/// Options of cargo that decide which packages are part of the program.
const OF_THE_GRAPH: [&str; 5] = ["--locked", "--offline", "--frozen", "--all-features", "--no-default-features"];

/// The packages that are part of the program on this target.
fn metadata(arguments: &[String], target: &str) -> Result<Metadata, String> {
    let mut command = MetadataCommand::new();
    command.cargo_path(cargo());
    let of_cargo: Vec<String> = arguments.iter().take_while(|word| *word != "--").cloned().collect();
    if let Some(manifest) = value_of(&of_cargo, "--manifest-path") {
        command.manifest_path(manifest);
    }
    let mut other: Vec<String> =
        of_cargo.iter().filter(|word| OF_THE_GRAPH.contains(&word.as_str())).cloned().collect();
    for name in ["--features", "-F"] {
        other.extend(value_of(&of_cargo, name).map(|value| format!("--features={value}")));
    }
    other.extend(["--filter-platform".to_string(), target.to_string()]);
    command.other_options(other);
    command.exec().map_err(|error| match error {
        // In cargo's own words, as if it had been asked for the build.
        cargo_metadata::Error::CargoMetadata { stderr } => stderr.trim().trim_start_matches("error: ").to_string(),
        other => other.to_string(),
    })
}

/// The rules that are left out.
fn allowed(rules: &[String]) -> Result<Vec<String>, String> {
    let known = [NEED_CONTRACTS.as_slice(), &[DANGLING_FIELD]].concat();
    if let Some(unknown) = rules.iter().find(|rule| *rule != "all" && !known.contains(&rule.as_str())) {
        return Err(format!("--rules {unknown}: it takes {} or all; every other rule is checked", known.join(", ")));
    }
    Ok(NEED_CONTRACTS.iter().filter(|rule| !is_asked_for(rules, rule)).map(|rule| rule.to_string()).collect())
}

/// True if `--rules` names the rule.
fn is_asked_for(rules: &[String], rule: &str) -> bool {
    rules.iter().any(|wanted| wanted == "all" || wanted == rule)
}

/// The files of contracts that are named, and the project's own.
fn contract_files(options: &Options, workspace: &Path) -> Vec<PathBuf> {
    let own = Some(workspace.join(fix::CONTRACTS)).filter(|path| path.is_file());
    options.contracts.iter().cloned().chain(own).collect()
}

/// The user's files of contracts with what is in them: if it changes, so does what is compiled.
fn contracts(files: &[PathBuf]) -> Result<Vec<(PathBuf, String)>, String> {
    let read = |file: &PathBuf| {
        let path = std::path::absolute(file).map_err(|error| format!("--contracts {}: {error}", file.display()))?;
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|error| format!("--contracts {}: {error}", file.display()))?;
        match path.extension().is_some_and(|extension| extension == "toml") {
            true => Ok((path, text)),
            false => Err(format!("--contracts {}: the name of a file of contracts ends in .toml", file.display())),
        }
    };
    files.iter().map(read).collect()
}

/// Refuses a crate that the program does not have: a typo would check all, or nothing.
fn known_crates(options: &Options, metadata: &Metadata) -> Result<(), String> {
    let is_known =
        |name: &str| metadata.packages.iter().any(|package| package.name.replace('-', "_") == name.replace('-', "_"));
    let named = options.only.iter().map(|name| ("--only", name.as_str()));
    let left = options.skip.iter().map(|name| ("--skip", name.split("::").next().unwrap_or(name)));
    match named.chain(left).find(|(_, name)| !is_known(name)) {
        Some((option, name)) => Err(format!("{option} {name}: the program has no such crate")),
        None => Ok(()),
    }
}

/// What the sources of the program's crates say.
struct Sources {
    /// True if a crate has an allocator of its own, under whatever condition.
    declare_allocator: bool,
    /// Names of what is passed on as a value.
    taken: BTreeSet<String>,
}

impl Sources {
    fn read(metadata: &Metadata) -> Sources {
        let mut sources = Sources { declare_allocator: false, taken: BTreeSet::new() };
        let mut progress = Progress::new();
        for (index, package) in metadata.packages.iter().enumerate() {
            let Some(folder) = package.manifest_path.parent().filter(|folder| !folder.ends_with("ffi-guard")) else {
                continue;
            };
            progress.show(|| {
                format!("reading the sources of {} ({} of {})", package.name, index + 1, metadata.packages.len())
            });
            for text in mirror::sources(folder.as_std_path()).iter().flat_map(std::fs::read_to_string) {
                sources.declare_allocator |= text.contains("#[global_allocator]");
                taken::find(&text, &mut sources.taken);
            }
        }
        sources
    }
}

/// True for a target on which ffi-guard can take the place of C's heap.
fn has_c_heap(target: &str) -> bool {
    target.contains("-linux-gnu")
        && !target.contains("gnux32")
        && ["x86_64", "aarch64"].iter().any(|arch| target.starts_with(arch))
}

/// Eight letters that change with the value.
fn key(value: impl std::hash::Hash) -> String {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    format!("{:016x}", hasher.finish())[..8].to_string()
}

/// When a file was written, and its length.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
