//! `cargo ffi-guard fix`: what the help of a report says, as an edit of the declaration, or of the
//! project's file of contracts if the declaration is not the project's.
//!
//! ```text
//!  report lines ── findings ── proposal: what the help proposes
//!                                 └── declaration: where it is declared ── own, under the guard ── attribute
//!                                                                       └─ else ── contract_file: a line
//! ```

mod contract_file;
mod declaration;
mod diff;
mod proposal;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cargo_ffi_guard::report::Place;
use cargo_ffi_guard::report::suppress::{self, Suppressions};
use cargo_ffi_guard::report::{Finding, Report, Standing};

use crate::cli::FixOptions;
pub(crate) use contract_file::FILE as CONTRACTS;
use declaration::{Added, Declared, Edit, Guard};
use proposal::Proposal;

/// Runs the command.
pub(crate) fn run(options: &FixOptions) -> ExitCode {
    match fix(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// An edit of one file, and what it is for.
struct Fix {
    path: PathBuf,
    /// As it is told.
    shown: String,
    text: String,
    edit: Edit,
    help: String,
    is_contract: bool,
}

/// What came of a finding.
enum Outcome {
    Fix(Fix),
    /// The declaration says so already: the lines are older than the edit.
    There(String),
    None(String),
}

fn fix(options: &FixOptions) -> Result<(), String> {
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let checkout = options.checkout.as_ref().map_or_else(|| here.clone(), |folder| here.join(folder));
    let contracts = options.contracts.clone().map_or_else(|| checkout.join(CONTRACTS), |path| here.join(path));
    let mut report = Report::read(&options.paths, &checkout)?;
    for line in &report.unread {
        eprintln!("warning: not read: {line}");
    }
    if let Some(file) = Suppressions::nearest(&checkout)? {
        let _ = file.apply(&mut report, &suppress::today());
    }
    let is_wanted = |finding: &&Finding| {
        !matches!(finding.standing, Standing::Suppressed(_)) && options.id.as_ref().is_none_or(|id| *id == finding.id)
    };
    let findings: Vec<&Finding> = report.findings.iter().filter(is_wanted).collect();
    if findings.is_empty() && options.id.is_some() {
        return Err(format!("--id {}: there is no such finding", options.id.as_deref().unwrap_or_default()));
    }
    let (mut made, mut left, mut wrote_contract) = (0, 0, false);
    for finding in &findings {
        println!("{}", title(finding));
        match outcome(finding, &checkout, &contracts)? {
            Outcome::None(why) => println!("  nothing to edit: {why}\n"),
            Outcome::There(place) => println!("  {place} says so already: run the program again\n"),
            Outcome::Fix(fix) => {
                println!("  help: {}\n{}", fix.help, diff::diff(&fix.shown, &fix.text, &fix.edit));
                if options.yes || asked_and_said_yes()? {
                    fix.write()?;
                    wrote_contract |= fix.is_contract;
                    made += 1;
                } else {
                    left += 1;
                }
            }
        }
    }
    println!("ffi-guard: {}", summary(findings.len(), made, left));
    if left > 0 && !std::io::stdin().is_terminal() {
        println!("ffi-guard: nothing asks here: --yes makes the edits");
    }
    if wrote_contract && contracts != checkout.join(CONTRACTS) {
        println!("ffi-guard: the contracts count with `cargo ffi-guard test --contracts {}`", contracts.display());
    } else if wrote_contract {
        println!("ffi-guard: `cargo ffi-guard` takes {CONTRACTS} at the workspace's root by itself");
    }
    Ok(())
}

fn title(finding: &Finding) -> String {
    let place = finding.site().map(|site| format!(" at {}:{}", site.file, site.line)).unwrap_or_default();
    let function = finding.function().map(|name| format!(" in {name}")).unwrap_or_default();
    format!("{} {}{function}{place}", finding.id, finding.first.rule)
}

fn summary(findings: usize, made: usize, left: usize) -> String {
    let number = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let left = if left > 0 { format!(", {left} not made") } else { String::new() };
    format!("{}, {} made{left}", number(findings, "finding"), number(made, "edit"))
}

/// Asks on a terminal; elsewhere the answer is no.
fn asked_and_said_yes() -> Result<bool, String> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    print!("make this edit? [y/N] ");
    let mut answer = String::new();
    let said = std::io::stdout().flush().and_then(|()| std::io::stdin().read_line(&mut answer));
    said.map_err(|error| error.to_string())?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

impl Fix {
    fn write(&self) -> Result<(), String> {
        let (text, Edit { range, text: new }) = (&self.text, &self.edit);
        let edited = format!("{}{new}{}", &text[..range.start], &text[range.end..]);
        std::fs::write(&self.path, edited).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

fn outcome(finding: &Finding, checkout: &Path, contracts: &Path) -> Result<Outcome, String> {
    let proposals = match proposal::of(&finding.first) {
        Ok(proposals) => proposals,
        Err(why) => return Ok(Outcome::None(why.into())),
    };
    let Some(function) = &finding.first.function else { return Ok(Outcome::None("no declaration is known".into())) };
    let Some(place) = &function.declared else { return Ok(Outcome::None("no declaration is known".into())) };
    let path = checkout.join(&place.file);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Ok(Outcome::None(format!("{}: {error}", place.file))),
    };
    let Some(declared) = declaration::find(&text, &function.name, place.line) else {
        return Ok(Outcome::None(format!(
            "{}:{} has no declaration of `{}` that is written there: a macro or a generator makes it",
            place.file, place.line, function.name
        )));
    };
    let is_own = is_own(&path, checkout);
    if is_own && declared.guard != Guard::None {
        return Ok(attribute(&proposals, &declared, place, &path, &text));
    }
    if declared.guard != Guard::None {
        return Ok(Outcome::None(format!(
            "{} is a dependency's, and has attributes of its own, which are stronger than a contract",
            place.file
        )));
    }
    contract(&proposals, &declared, contracts, checkout)
}

/// The first proposal that the declaration can have.
fn attribute(proposals: &[Proposal], declared: &Declared, place: &Place, path: &Path, text: &str) -> Outcome {
    let mut why = String::new();
    for proposal in proposals {
        match declared.add(text, proposal) {
            Added::There => return Outcome::There(format!("{}:{}", place.file, place.line)),
            Added::Misfit(misfit) => why = misfit,
            Added::Edit(edit) => {
                return Outcome::Fix(Fix {
                    path: path.to_path_buf(),
                    shown: place.file.clone(),
                    text: text.to_owned(),
                    edit,
                    help: proposal.help.clone(),
                    is_contract: false,
                });
            }
        }
    }
    Outcome::None(why)
}

/// A line in the file of contracts, for the first proposal that the declaration can have.
fn contract(proposals: &[Proposal], declared: &Declared, path: &Path, checkout: &Path) -> Result<Outcome, String> {
    let shown = path.strip_prefix(checkout).unwrap_or(path).display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("{shown}: {error}")),
    };
    let mut why = String::new();
    for proposal in proposals {
        if let Some(misfit) = declared.misfit(proposal) {
            why = misfit;
            continue;
        }
        return Ok(match contract_file::edit(&text, declared, proposal) {
            Err(why) => Outcome::None(format!("{shown}: {why}")),
            Ok(None) => Outcome::There(shown),
            Ok(Some(edit)) => Outcome::Fix(Fix {
                path: path.to_path_buf(),
                shown,
                text,
                edit,
                help: proposal.help.clone(),
                is_contract: true,
            }),
        });
    }
    Ok(Outcome::None(why))
}

/// True for a source that is the project's to edit: in the checkout, and neither built nor vendored
/// there.
fn is_own(path: &Path, checkout: &Path) -> bool {
    let (Ok(path), Ok(checkout)) = (path.canonicalize(), checkout.canonicalize()) else { return false };
    let Ok(below) = path.strip_prefix(&checkout) else { return false };
    let mut folders = below.ancestors().skip(1).map(|folder| checkout.join(folder));
    // Cargo marks target folders with the one, and vendored and downloaded packages with the others.
    !folders.any(|folder| {
        ["CACHEDIR.TAG", ".cargo-checksum.json", ".cargo-ok"].iter().any(|mark| folder.join(mark).exists())
    })
}
