//! `cargo ffi-guard report`: reads what runs left behind, and writes what is asked for.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cargo_ffi_guard::progress::Progress;
use cargo_ffi_guard::report::suppress::{self, Suppressions};
use cargo_ffi_guard::report::{Report, Standing, baseline, github, html, junit, sarif, terminal};

use crate::cli::ReportOptions;

/// Status of a run that found something.
const FOUND: u8 = 1;
/// Status of a run that could not be made.
const WRONG: u8 = 2;

/// Runs the command.
pub(crate) fn run(options: &ReportOptions) -> ExitCode {
    match write(options) {
        Ok(fails) => ExitCode::from(if fails { FOUND } else { 0 }),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(WRONG)
        }
    }
}

/// Writes all forms. True if the run fails.
fn write(options: &ReportOptions) -> Result<bool, String> {
    let here = std::env::current_dir().map_err(|error| error.to_string())?;
    let checkout = options.checkout.as_ref().map_or_else(|| here.clone(), |folder| here.join(folder));
    let mut report = Report::read(&options.paths, &checkout)?;
    for line in &report.unread {
        eprintln!("warning: not read: {line}");
    }
    let suppressions = match &options.suppressions {
        Some(path) => Some(Suppressions::read(path)?),
        None => Suppressions::nearest(&checkout)?,
    };
    for told in suppressions.iter().flat_map(|file| file.apply(&mut report, &suppress::today())) {
        eprintln!("warning: {told}");
    }
    if let Some(path) = &options.baseline {
        let gone = baseline::apply(&mut report, path)?;
        if gone > 0 {
            eprintln!(
                "note: {gone} of the baseline were not met: if that is so in every shard, --json writes it without them"
            );
        }
    }
    if let Some(wanted) = &options.suppress {
        return print_entries(&report, wanted).map(|()| false);
    }
    let mut progress = Progress::new();
    let mut save = |path: Option<&Path>, text: &dyn Fn() -> String| {
        let Some(path) = path else { return Ok(()) };
        progress.show(|| format!("writing {}", path.display()));
        std::fs::write(path, text()).map_err(|error| format!("{}: {error}", path.display()))
    };
    save(options.sarif.as_deref(), &|| sarif::text(&report, &checkout))?;
    save(options.junit.as_deref(), &|| junit::text(&report))?;
    save(options.html.as_deref(), &|| html::text(&report))?;
    save(options.json.as_deref(), &|| baseline::json(&report))?;
    drop(progress);
    print!("{}", terminal::text(&report));
    if options.github {
        print!("{}", github::annotations(&report));
        append_summary(&report)?;
    }
    Ok(report.fails())
}

/// Appends to the file that GitHub shows as the job's summary.
fn append_summary(report: &Report) -> Result<(), String> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").map(PathBuf::from) else { return Ok(()) };
    let file = std::fs::File::options().create(true).append(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(github::summary(report).as_bytes()));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn print_entries(report: &Report, wanted: &str) -> Result<(), String> {
    let is_wanted = |id: &str| wanted == "all" || id == wanted;
    let new = report.findings.iter().filter(|finding| finding.standing == Standing::New);
    let entries: Vec<String> = new.filter(|finding| is_wanted(&finding.id)).map(suppress::entry).collect();
    if entries.is_empty() {
        return Err(format!("--suppress {wanted}: there is no such finding"));
    }
    println!("{}", entries.join("\n").trim_end());
    Ok(())
}
