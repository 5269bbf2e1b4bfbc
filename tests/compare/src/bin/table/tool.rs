//! The tools: how each runs a program, and which are installed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::judge::Judge;
use crate::options::Options;

/// One column.
pub(crate) struct Tool {
    /// The name on the command line.
    pub(crate) key: &'static str,
    /// The name in the table.
    pub(crate) heading: &'static str,
    /// The way the program is built.
    variant: &'static str,
    environment: &'static [(&'static str, &'static str)],
    /// The command that runs the program.
    wrapper: &'static [&'static str],
    /// The form of its reports.
    pub(crate) judge: Judge,
    /// The reason why it does not run.
    pub(crate) skipped: Option<String>,
}

const fn tool(key: &'static str, heading: &'static str, variant: &'static str, judge: Judge) -> Tool {
    Tool { key, heading, variant, environment: &[], wrapper: &[], judge, skipped: None }
}

const ASAN: &[(&str, &str)] = &[("ASAN_OPTIONS", "exitcode=99:detect_leaks=1")];
const MEMCHECK: &[&str] = &["valgrind", "--tool=memcheck", "--leak-check=full", "--errors-for-leak-kinds=definite"];

fn all() -> Vec<Tool> {
    vec![
        tool("plain", "plain", "plain", Judge::Nobody),
        // Installed and switched off: of interest for its time alone.
        Tool { environment: &[("GUARD", "0")], ..tool("0", "level 0", "guard", Judge::Guard) },
        Tool { environment: &[("GUARD", "1")], ..tool("1", "level 1", "guard", Judge::Guard) },
        Tool { environment: &[("GUARD", "2")], ..tool("2", "level 2", "guard", Judge::Guard) },
        Tool { environment: &[("GUARD", "3")], ..tool("3", "level 3", "guard", Judge::Guard) },
        Tool {
            environment: &[("GUARD", "2"), ("GUARD_COPY", "1")],
            ..tool("copy", "level 2, `GUARD_COPY=1`", "guard", Judge::Guard)
        },
        Tool { environment: &[("GUARD", "2")], ..tool("heap", "level 2, `c-heap`", "heap", Judge::Guard) },
        Tool { environment: ASAN, ..tool("asan", "ASan, C as it is", "asan", Judge::Asan) },
        Tool { environment: ASAN, ..tool("asan-c", "ASan, C rebuilt", "asan-c", Judge::Asan) },
        Tool { wrapper: MEMCHECK, ..tool("memcheck", "memcheck", "plain", Judge::Memcheck) },
    ]
}

impl Tool {
    /// True if it has a column among those of who finds what.
    pub(crate) fn finds(&self) -> bool {
        self.key != "0"
    }

    /// Runs the program with these arguments, and with none of this process's settings of any of
    /// the tools.
    pub(crate) fn run(&self, programs: &Path, arguments: &[&str]) -> Result<Output, String> {
        let program = programs.join(self.variant);
        let mut command = match self.wrapper {
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(&program);
                command
            }
            [] => Command::new(&program),
        };
        for (name, _) in std::env::vars_os() {
            let of_a_tool = |name: &str| ["GUARD", "ASAN_", "LSAN_", "VALGRIND_"].iter().any(|of| name.starts_with(of));
            if name.to_str().is_some_and(of_a_tool) {
                command.env_remove(name);
            }
        }
        command.args(arguments).env("RUST_BACKTRACE", "0").env("LC_ALL", "C.UTF-8");
        command.envs(self.environment.iter().copied());
        command.output().map_err(|error| format!("{}: {error}", program.display()))
    }
}

/// The tools that are asked for, and the reasons why some do not run.
pub(crate) fn present(options: &Options) -> Vec<Tool> {
    let mut tools = all();
    tools.retain(|tool| Options::wants(options.only.as_ref(), tool.key));
    for tool in &mut tools {
        let why = options.programs.join(format!("{}.skipped", tool.variant));
        let why = if tool.wrapper.is_empty() { why } else { options.programs.join(format!("{}.skipped", tool.key)) };
        tool.skipped = fs::read_to_string(why).ok().map(|why| why.trim().to_owned());
    }
    tools
}
