//! Runs the programs under each tool and writes the tables: `tests/compare/run.sh` builds them and
//! calls this.

mod judge;
mod measure;
mod options;
mod page;
mod tables;
mod tool;

use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(said) => {
            eprintln!("compare: {said}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let options = Options::parse(std::env::args().skip(1))?;
    let tools = tool::present(&options);
    let rows = measure::rows(&options, &tools)?;
    if options.check {
        return page::check(&tables::found(&tools, &rows), &tools);
    }
    let sqlite = if options.sqlite { Some(measure::sqlite(&options, &tools)?) } else { None };
    let parts = [
        ("found", tables::found(&tools, &rows)),
        ("times", tables::times(&tools, &rows, options.runs)),
        ("sqlite", sqlite.map_or_else(String::new, |times| tables::sqlite(&times, options.runs))),
        ("with", tables::measured_with(&tools)),
    ];
    for (part, text) in &parts {
        if !text.is_empty() {
            println!("{text}");
            if options.write {
                page::write(part, text)?;
            }
        }
    }
    Ok(())
}
