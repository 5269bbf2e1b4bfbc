//! The options of `run.sh`.

use std::path::PathBuf;

/// The command line.
pub(crate) struct Options {
    /// The folders of the programs, one for each way of building them.
    pub(crate) programs: PathBuf,
    /// These tools alone.
    pub(crate) only: Option<Vec<String>>,
    /// These programs alone.
    pub(crate) rows: Option<Vec<String>>,
    /// The number of runs of each program.
    pub(crate) runs: usize,
    /// Into the page.
    pub(crate) write: bool,
    /// Compare with the page.
    pub(crate) check: bool,
    /// The heavier program as well.
    pub(crate) sqlite: bool,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let programs =
            arguments.next().ok_or("the folder of the programs is missing: run tests/compare/run.sh")?.into();
        let mut options = Self { programs, only: None, rows: None, runs: 0, write: false, check: false, sqlite: true };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} takes a value"));
            let list = |value: String| Some(value.split(',').map(str::to_owned).collect());
            match argument.as_str() {
                "--only" => options.only = list(value()?),
                "--rows" => options.rows = list(value()?),
                "--runs" => options.runs = value()?.parse().map_err(|error| format!("--runs: {error}"))?,
                "--write" => options.write = true,
                "--check" => options.check = true,
                "--no-sqlite" => options.sqlite = false,
                // The programs that `run.sh` builds.
                "--debug" => options.sqlite = false,
                _ => return Err(format!("{argument} is not understood; tests/compare/run.sh begins with what is")),
            }
        }
        if options.write && (options.only.is_some() || options.rows.is_some()) {
            return Err("--write takes all tools and all programs".into());
        }
        if options.runs == 0 {
            options.runs = if options.check { 1 } else { 5 };
        }
        Ok(options)
    }

    /// True if `key` is to be run.
    pub(crate) fn wants(list: Option<&Vec<String>>, key: &str) -> bool {
        list.is_none_or(|list| list.iter().any(|wanted| wanted == key))
    }
}
