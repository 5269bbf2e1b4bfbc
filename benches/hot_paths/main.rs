//! Instructions of the hot paths, counted by callgrind and compared with `figures.csv`:
//! `.ci/optional/hot_paths.sh`.
//!
//! `hot_paths <this program without optimisation>` measures and compares; `--bless` at the end
//! writes the figures instead. `hot_paths measure <path>` is what it runs under valgrind, once for
//! each level and path, so that no figure depends on what else is measured.
#![cfg_attr(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")), allow(dead_code))]

#[cfg(target_arch = "x86_64")]
mod callgrind;
mod figures;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod paths;

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
fn main() -> std::process::ExitCode {
    use std::path::{Path, PathBuf};
    use std::process::ExitCode;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (unoptimised, bless) = match arguments[..] {
        ["measure", path] => {
            paths::measure(path);
            return ExitCode::SUCCESS;
        }
        [unoptimised] => (Path::new(unoptimised), false),
        [unoptimised, "--bless"] => (Path::new(unoptimised), true),
        _ => panic!("usage: hot_paths <this program without optimisation> [--bless]"),
    };

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("hot_paths/figures.csv");
    let tools = tools();
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    if !bless && let Some(other) = figures::other_tools(&committed, &tools) {
        println!("skipped: {other}");
        return ExitCode::SUCCESS;
    }

    let optimised: PathBuf = std::env::current_exe().expect("the path of this program");
    let callers = [("optimised", &*optimised, &paths::PATHS[..]), ("unoptimised", unoptimised, &paths::CALLS[..])];
    let mut measured = Vec::new();
    for (caller, program, paths) in callers {
        for path in paths {
            for level in ["0", "1", "2"] {
                let name = format!("{caller},{path},{level}");
                measured.push((name, paths::instructions(program, path, level)));
            }
        }
    }
    if bless {
        std::fs::write(&file, figures::write(&tools, &measured)).expect("the figures are written");
        println!("ok: {} figures are written", measured.len());
        return ExitCode::SUCCESS;
    }
    let compared = figures::compare(&figures::read(&committed), &measured);
    print!("{compared}");
    if compared.fails() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")))]
fn main() {
    println!("skipped: the figures are of x86_64-unknown-linux-gnu");
}

/// What the counts depend on besides the source, as lines. Whether the processor has AVX2 chooses
/// the loops of the search and of glibc's `memset`.
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
fn tools() -> Vec<String> {
    let first_line = |command: &str, argument: &str| {
        let output = std::process::Command::new(command).arg(argument).output();
        let output = output.unwrap_or_else(|error| panic!("{command}: {error}"));
        String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
    };
    vec![
        format!("{}, {}", first_line("rustc", "--version"), "x86_64-unknown-linux-gnu"),
        first_line("ldd", "--version"),
        first_line("valgrind", "--version"),
        format!("avx2: {}", std::is_x86_feature_detected!("avx2")),
    ]
}
