//! The subcommand: builds ffi-guard for the program, starts cargo with this executable in rustc's
//! place, and says at the end what was under the guard.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use cargo_metadata::{Metadata, MetadataCommand};

use crate::cli::{self, Options};
use crate::session::Session;
use crate::{coverage, mirror, runtime, rustdoc, session, taken};

/// Rules that need a contract to be right: without one they report what a library may well do.
const NEED_CONTRACTS: [&str; 3] = ["nested_pointer", "dangling_field", "retained_pointer"];

/// How often a build that taught something is tried again.
const MOST_ATTEMPTS: usize = 12;

/// The cargo that started this, or the one on the path.
pub(crate) fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Runs the subcommand with the arguments after the program's name.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let (command, options) = match cli::read(arguments) {
        Ok(cli) => cli.command.parts(),
        Err(error) => {
            // The words go where clap sends them: help is no error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match Run::prepare(command, options) {
        Ok(run) => run.go(),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(101)
        }
    }
}

/// A run, with all that is settled before cargo starts.
struct Run {
    command: &'static str,
    options: Options,
    session: Session,
    metadata: Metadata,
}

impl Run {
    fn prepare(command: &'static str, options: Options) -> Result<Run, String> {
        let rustc = Rustc::ask()?;
        let target = value_of(&options.cargo, "--target").or_else(|| std::env::var("CARGO_BUILD_TARGET").ok());
        let target = target.unwrap_or_else(|| rustc.host.clone());
        let metadata = metadata(&options.cargo, &target)?;
        let c_heap = !options.no_c_heap && (options.c_heap || has_c_heap(&target));
        let allow = allowed(&options.rules)?;
        let chained = ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"].iter().find_map(std::env::var_os);
        let flags = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"].map(|name| std::env::var(name).unwrap_or_default());
        let base = metadata.target_directory.as_std_path().join("ffi-guard");
        std::fs::create_dir_all(&base).map_err(|error| cannot_write(&base, &error))?;
        let pass: Vec<String> =
            options.cargo.iter().filter(|word| matches!(word.as_str(), "--offline" | "--frozen")).cloned().collect();
        let of_runtime = key((runtime::version(), &rustc.version, &target, c_heap, flags));
        let shared = std::env::var_os(runtime::SHARED).map(PathBuf::from);
        let of_all = shared.as_deref().unwrap_or(&base);
        let runtime = runtime::build(&of_all.join(format!("runtime-{of_runtime}")), &target, c_heap, &pass)?;
        let Sources { declare_allocator, taken } = Sources::read(&metadata);
        let allocator_in_libraries = !declare_allocator;
        // Cargo does not know of either: what they compiled before is of no use once they changed.
        let stamps = [std::env::current_exe().ok(), Some(runtime.library.clone())].map(|path| stamp(path?.as_path()));
        let folder = base.join(key((of_runtime, stamps, &allow, &options.only, &options.skip, allocator_in_libraries)));
        std::fs::create_dir_all(&folder).map_err(|error| cannot_write(&folder, &error))?;
        let session = Session {
            workspace: metadata.workspace_root.clone().into_std_path_buf(),
            chained: chained.filter(|wrapper| !wrapper.is_empty()).map(PathBuf::from),
            only: options.only.clone(),
            skip: options.skip.clone(),
            allocator_in_libraries,
            taken,
            runtime,
            folder,
            target,
            allow,
        };
        known_crates(&options, &metadata)?;
        session.write().map_err(|error| cannot_write(&session.folder, &error))?;
        Ok(Run { command, options, session, metadata })
    }

    fn go(&self) -> ExitCode {
        let mut status = self.cargo_command().status();
        for _ in 1..MOST_ATTEMPTS {
            if std::fs::remove_file(self.session.again()).is_err()
                || status.as_ref().is_ok_and(|status| status.success())
            {
                break;
            }
            status = self.cargo_command().status();
        }
        let is_part = |name: &str, version: &str| {
            self.metadata
                .packages
                .iter()
                .any(|package| package.name.as_str() == name && package.version.to_string() == version)
        };
        let records = coverage::records(&self.session.folder, is_part);
        eprintln!("ffi-guard: {}", coverage::summary(&records));
        if self.options.coverage {
            eprint!("{}", coverage::table(&records));
        }
        crate::wrapper::finish(status, "cargo")
    }

    /// Cargo, with our options before those of the user: it stops reading its own at the first
    /// word that is none.
    fn cargo_command(&self) -> Command {
        let own = std::env::current_exe().unwrap_or_else(|_| "cargo-ffi-guard".into());
        let mut command = Command::new(cargo());
        command.arg(self.command);
        let mut rest = self.options.cargo.as_slice();
        if self.command == "nextest"
            && let Some((first, others)) = rest.split_first()
        {
            command.arg(first);
            rest = others;
        }
        command.arg("--config").arg(format!("build.rustc-wrapper={:?}", own.display().to_string()));
        if value_of(rest, "--target").is_none() {
            command.args(["--target", &self.session.target]);
        }
        command.arg("--target-dir").arg(self.session.folder.join("target")).args(rest);
        command
            .env_remove("RUSTC_WRAPPER")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .env(session::VARIABLE, self.session.path());
        if let Some(link) = self.rustdoc_link(&own) {
            let real = std::env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into());
            command.env("RUSTDOC", link).env(rustdoc::VARIABLE, real);
        }
        match self.options.level {
            Some(level) => command.env("GUARD", level.to_string()),
            None if std::env::var_os("GUARD").is_none() => command.env("GUARD", "2"),
            None => &mut command,
        };
        if let Some(folder) = &self.options.report {
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
    command.exec().map_err(|error| error.to_string())
}

/// The value of an option among cargo's, in either form.
fn value_of(arguments: &[String], name: &str) -> Option<String> {
    let of_cargo = arguments.iter().take_while(|word| *word != "--");
    let mut words = of_cargo.clone().skip_while(|word| *word != name);
    let apart = words.next().and_then(|_| words.next()).cloned();
    let prefix = format!("{name}=");
    apart.or_else(|| of_cargo.clone().find_map(|word| word.strip_prefix(&prefix)).map(String::from))
}

/// The rules that are left out.
fn allowed(rules: &[String]) -> Result<Vec<String>, String> {
    if let Some(unknown) = rules.iter().find(|rule| *rule != "all" && !NEED_CONTRACTS.contains(&rule.as_str())) {
        return Err(format!(
            "--rules {unknown}: it takes {} or all; every other rule is checked",
            NEED_CONTRACTS.join(", ")
        ));
    }
    let is_wanted = |rule: &str| rules.iter().any(|wanted| wanted == "all" || wanted == rule);
    Ok(NEED_CONTRACTS.iter().filter(|rule| !is_wanted(rule)).map(|rule| rule.to_string()).collect())
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
        let folders = metadata.packages.iter().filter_map(|package| package.manifest_path.parent());
        for folder in folders.filter(|folder| !folder.ends_with("ffi-guard")) {
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

fn cannot_write(folder: &Path, error: &std::io::Error) -> String {
    format!("{} cannot be written: {error}", folder.display())
}
