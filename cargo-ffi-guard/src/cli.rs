//! What the user writes: our own options, and cargo's, in any order.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

/// Runs a program, or its tests, with the extern blocks of all its crates under ffi-guard.
///
/// No source is changed. What is found, what is not, and how to annotate a block for more, is in
/// ffi-guard's book.
#[derive(Debug, Parser)]
#[command(name = "cargo ffi-guard", bin_name = "cargo ffi-guard", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of cargo that build what is run.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// `cargo test`, with every call into C checked
    Test(Options),
    /// `cargo run`, with every call into C checked
    Run(Options),
    /// `cargo build`: the checked program lies below `target/ffi-guard`
    Build(Options),
    /// `cargo bench`, with every call into C checked
    Bench(Options),
    /// `cargo nextest`: takes its commands, such as `run`
    Nextest(Options),
    /// Put together what runs reported, as a table and for other programs
    Report(ReportOptions),
    /// Make the edits that the reports propose: an attribute of a declaration, or a line of the contracts
    Fix(FixOptions),
    /// List the border of each crate: what it declares of C, what is guarded, called and exported
    Audit(Audit),
    /// Compare all declarations of C's functions with what C's debug information says, at once
    ///
    /// Nothing of the program is run. Exit status: 0 if no declaration differs, 1 if one does, 2 if the comparison could not be made.
    Abi(Abi),
}

/// Our own options. All others are cargo's, and so is what follows `--`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Options {
    /// How much is checked: 0 to 3 [default: 2, or the variable GUARD]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=3))]
    pub level: Option<u8>,
    /// Check C's heap too [default where the platform has it]
    #[arg(long, overrides_with = "no_c_heap")]
    pub c_heap: bool,
    /// Leave C's heap alone
    #[arg(long)]
    pub no_c_heap: bool,
    /// Rules to check beside those that need no contract: nested_pointer, dangling_field, retained_pointer; or `all`
    #[arg(long, value_name = "RULE,..", value_delimiter = ',')]
    pub rules: Vec<String>,
    /// Only the blocks of this crate; may be given more than once
    #[arg(long, value_name = "CRATE")]
    pub only: Vec<String>,
    /// Leave a function or a whole crate as it is; may be given more than once
    #[arg(long, value_name = "CRATE[::FN]")]
    pub skip: Vec<String>,
    /// A file of contracts, beside those that come with ffi-guard; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub contracts: Vec<PathBuf>,
    /// A folder for the reports, one JSON object a line
    #[arg(long, value_name = "DIR")]
    pub report: Option<PathBuf>,
    /// List at the end what is not under the guard, and why
    #[arg(long)]
    pub coverage: bool,
    /// What is cargo's.
    #[arg(last = true, value_name = "CARGO'S OPTIONS AND THE PROGRAM'S ARGUMENTS", hide = true)]
    pub cargo: Vec<String>,
}

/// The options of `report`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ReportOptions {
    /// Files that `GUARD_REPORT` or `--report` named, and folders of such files (`.jsonl`)
    #[arg(required = true, value_name = "DIR")]
    pub paths: Vec<PathBuf>,
    /// Write SARIF 2.1.0, for code scanning
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
    /// Write JUnit's XML, for the pages of CI systems
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write one HTML file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the findings as JSON: a later run takes it as its baseline
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Annotate the lines on GitHub, and append to the job's summary
    #[arg(long)]
    pub github: bool,
    /// Fail only for what this file, an earlier `--json`, does not have
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Findings that are accepted [default: ffi-guard.toml here or in a folder above]
    #[arg(long, value_name = "FILE", env = "GUARD_SUPPRESS")]
    pub suppressions: Option<PathBuf>,
    /// Print an entry for ffi-guard.toml for each finding, or for the one with this id
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "all")]
    pub suppress: Option<String>,
    /// Folder that relative paths of sources count from [default: the current folder]
    #[arg(long, value_name = "DIR")]
    pub checkout: Option<PathBuf>,
}

/// The options of `fix`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct FixOptions {
    /// Files that `GUARD_REPORT` or `--report` named, and folders of such files (`.jsonl`)
    #[arg(required = true, value_name = "DIR")]
    pub paths: Vec<PathBuf>,
    /// Make the edits without asking
    #[arg(long, short)]
    pub yes: bool,
    /// Only for the finding with this id, which `report` and `fix` show
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The file for functions that a dependency declares [default: ffi-guard-contracts.toml in the checkout]
    #[arg(long, value_name = "FILE")]
    pub contracts: Option<PathBuf>,
    /// Folder that relative paths of sources count from [default: the current folder]
    #[arg(long, value_name = "DIR")]
    pub checkout: Option<PathBuf>,
}

/// The options of `audit`: those of a run decide what is compiled, and so what is listed.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub options: Options,
    /// Write the list as JSON, too; `-` writes it on standard output in place of the table
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// The options of `abi`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Abi {
    #[command(flatten)]
    pub options: Options,
    /// Write the list as JSON, too; `-` writes it on standard output in place of the table
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// A library with debug information, or the file of its debug information, for functions that the
    /// program's own libraries do not tell of; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub library: Vec<PathBuf>,
    /// A C header, for functions that no debug information tells of, and for those that Rust
    /// exports; may be given more than once. CC and CFLAGS are used
    #[arg(long, value_name = "FILE")]
    pub header: Vec<PathBuf>,
    /// Write what the attributes in the headers say of the program's functions (`nonnull`, `access`,
    /// ..) as a file of contracts; `-` writes it on standard output in place of the table
    #[arg(long, value_name = "FILE", requires = "header")]
    pub attributes: Option<PathBuf>,
}

/// What a command asks for.
pub(crate) enum Task {
    /// To compile, and mostly to run.
    Cargo(Box<Order>),
    /// To read reports.
    Report(ReportOptions),
    /// To edit sources by reports.
    Fix(FixOptions),
}

/// A command as the driver takes it.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Cargo's name for it.
    pub command: &'static str,
    pub options: Options,
    /// What is listed in place of the last lines of a run.
    pub audit: Option<Audit>,
    /// What is asked of the programs that were built, in place of running them.
    pub abi: Option<Abi>,
}

impl Command {
    pub(crate) fn task(self) -> Task {
        let run = |command, options| Task::Cargo(Box::new(Order { command, options, audit: None, abi: None }));
        match self {
            Command::Test(options) => run("test", options),
            Command::Run(options) => run("run", options),
            Command::Build(options) => run("build", options),
            Command::Bench(options) => run("bench", options),
            Command::Nextest(options) => run("nextest", options),
            Command::Audit(audit) => {
                let options = audit.options.clone();
                Task::Cargo(Box::new(Order { command: "check", options, audit: Some(audit), abi: None }))
            }
            Command::Abi(abi) => Task::Cargo(Box::new(Order {
                command: "test",
                options: abi.options.clone(),
                audit: None,
                abi: Some(abi),
            })),
            Command::Report(options) => Task::Report(options),
            Command::Fix(options) => Task::Fix(options),
        }
    }
}

/// Reads the arguments after the program's name.
///
/// # Errors
///
/// Clap's, which has the words for the user.
pub(crate) fn read(arguments: &[String]) -> Result<Cli, clap::Error> {
    // Cargo repeats the subcommand's name.
    let arguments = match arguments.first() {
        Some(first) if first == "ffi-guard" => &arguments[1..],
        _ => arguments,
    };
    let mut own = vec!["cargo ffi-guard".to_string()];
    let mut cargo = Vec::new();
    if let Some((command, rest)) = arguments.split_first() {
        own.push(command.clone());
        match command.as_str() {
            "report" | "fix" => own.extend(rest.iter().cloned()),
            command => split(command, rest, &mut own, &mut cargo),
        }
    }
    if !cargo.is_empty() {
        own.push("--".into());
        own.extend(cargo);
    }
    Cli::try_parse_from(own)
}

/// Parts our options from cargo's, up to `--` or the first word that is neither.
fn split(command: &str, arguments: &[String], own: &mut Vec<String>, cargo: &mut Vec<String>) {
    let clap = Cli::command();
    let Some(ours) = clap.find_subcommand(command) else {
        own.extend(arguments.iter().cloned());
        return;
    };
    let mut index = 0;
    while let Some(argument) = arguments.get(index) {
        if argument == "--" {
            break;
        }
        let (name, has_value) = match argument.split_once('=') {
            Some((name, _)) => (name, true),
            None => (argument.as_str(), false),
        };
        let known = name
            .strip_prefix("--")
            .and_then(|name| ours.get_arguments().find(|argument| argument.get_long() == Some(name)));
        if let Some(known) = known {
            own.push(argument.clone());
            if known.get_action().takes_values() && !has_value {
                index += 1;
                own.extend(arguments.get(index).cloned());
            }
        } else if matches!(name, "--help" | "-h") {
            own.push(argument.clone());
        } else {
            cargo.push(argument.clone());
        }
        index += 1;
    }
    cargo.extend(arguments[index.min(arguments.len())..].iter().cloned());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (&'static str, Options) {
        let arguments: Vec<String> = text.split_whitespace().map(String::from).collect();
        match read(&arguments).unwrap_or_else(|error| panic!("{error}")).command.task() {
            Task::Cargo(order) => (order.command, order.options),
            Task::Report(_) | Task::Fix(_) => panic!("{text}: not cargo's"),
        }
    }

    #[test]
    fn ours_and_cargos_come_in_any_order() {
        let (command, options) =
            parts("ffi-guard test -p a --level 1 --features x,y --only zlib-sys -- --level 9 name");
        assert_eq!(command, "test");
        assert_eq!(options.level, Some(1));
        assert_eq!(options.only, ["zlib-sys"]);
        assert_eq!(options.cargo, ["-p", "a", "--features", "x,y", "--", "--level", "9", "name"]);
        let (command, options) = parts("run --no-c-heap --release --skip=a::b");
        assert_eq!((command, options.no_c_heap, options.skip), ("run", true, vec!["a::b".to_string()]));
        assert_eq!(options.cargo, ["--release"]);
        let (_, options) = parts("test --contracts a.toml --contracts=b.toml --lib");
        assert_eq!(options.contracts, ["a.toml", "b.toml"].map(PathBuf::from));
        assert_eq!(options.cargo, ["--lib"]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, said) in [
            ("test --level 4", "4 is not in 0..=3"),
            ("tset", "unrecognized subcommand"),
            ("test --only", "a value is required"),
        ] {
            let arguments: Vec<String> = text.split_whitespace().map(String::from).collect();
            let error = read(&arguments).map(drop).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
