//! The machine code of a guarded call: that of the bare call under `--cfg ffi_guard_off`, and one
//! load and one branch more at level 0.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles the probe in release mode and returns its assembly.
fn assembly(name: &str, flags: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let target: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["rustc", "--release", "--locked", "--package", "ffi-guard-probe", "--lib", "--target-dir"])
        .arg(&target)
        .args(["--", "--emit=asm", "-Ccodegen-units=1"])
        .env("RUSTFLAGS", flags)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let deps = target.join("release/deps");
    // The name has a hash, and builds of other days stay beside it: the newest is the one just
    // made.
    let file = std::fs::read_dir(&deps)
        .expect("the build's output")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with("ffi_guard_probe") && path.extension().is_some_and(|e| e == "s")
        })
        .max_by_key(|path| path.metadata().and_then(|data| data.modified()).expect("a file"))
        .expect("an assembly file");
    std::fs::read_to_string(file).expect("readable")
}

/// The instructions of one function, its own name and local labels taken out; through an alias
/// where there is one.
fn instructions(assembly: &str, function: &str) -> Vec<String> {
    // Two functions of the same instructions are made one, which is as equal as they can be.
    if let Some(alias) = assembly.lines().find_map(|line| line.strip_prefix(&format!("{function} = "))) {
        return instructions(assembly, alias);
    }
    let start = format!("{function}:");
    let mut labels: Vec<String> = Vec::new();
    assembly
        .lines()
        .skip_while(|line| !line.starts_with(&start))
        .skip(1)
        .take_while(|line| !line.contains(".size") && !line.contains(".cfi_endproc"))
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty() && (!line.starts_with('.') || line.ends_with(':')))
        .map(|line| {
            // Local labels by order of appearance.
            let mut text = String::new();
            for (i, word) in line.split_inclusive([' ', '\t', ',', ':']).enumerate() {
                let bare = word.trim_end_matches([' ', '\t', ',', ':']);
                if bare.starts_with(".L") {
                    let n = labels.iter().position(|l| l == bare).unwrap_or_else(|| {
                        labels.push(bare.to_string());
                        labels.len() - 1
                    });
                    text += &word.replace(bare, &format!("L{n}"));
                } else {
                    text += if i == 0 { word.trim_start() } else { word };
                }
            }
            text
        })
        .collect()
}

#[test]
#[cfg(target_arch = "x86_64")]
fn off_is_the_bare_call_and_level_0_is_one_load_and_one_branch_more() {
    let off = assembly("machine-code-off", "--cfg ffi_guard_off");
    for call in ["strlen", "memcmp", "callback"] {
        let guarded = instructions(&off, &format!("probe_{call}_guarded"));
        let bare = instructions(&off, &format!("probe_{call}_bare"));
        assert!(!bare.is_empty());
        assert_eq!(guarded, bare, "with --cfg ffi_guard_off a guarded {call} is the bare one");
    }

    let on = assembly("machine-code-on", "");
    let guarded = instructions(&on, "probe_strlen_guarded");
    let bare = instructions(&on, "probe_strlen_bare");
    let level0 = level_0_path(&guarded);
    let added: Vec<_> = level0.iter().filter(|line| !bare.contains(line)).collect();
    let loads = added.iter().filter(|line| line.starts_with("mov") || line.starts_with("cmp")).count();
    let branches = added.iter().filter(|line| line.starts_with('j') && !line.starts_with("jmp")).count();
    println!("the bare call:\n{}\nat level 0:\n{}", bare.join("\n"), level0.join("\n"));
    assert_eq!(branches, 1, "one branch: {added:?}");
    // The level's address comes from the GOT if ffi-guard is another crate: that loads its address,
    // not its value.
    assert!(loads <= 2, "one load of the level: {added:?}");
    assert!(added.len() <= 4, "nothing else on the way: {added:?}");
}

/// With the checks compiled out, nothing is left that could count.
#[test]
#[cfg(target_arch = "x86_64")]
fn off_nothing_is_counted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("machine-code-off");
    let build = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "--release", "--locked", "--package", "c-fixtures", "--example", "keep", "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", "--cfg ffi_guard_off")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let mut keep = Command::new(target.join("release/examples/keep"));
    let output = keep.env("GUARD", "2").env("GUARD_STATS", "1").output().expect("the program runs");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "the end\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// The instructions that run where the level's test finds 0.
fn level_0_path(function: &[String]) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = 0;
    while let Some(line) = function.get(at) {
        at += 1;
        if line.ends_with(':') {
            continue;
        }
        path.push(line.clone());
        let mut words = line.split_whitespace();
        let (op, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if op == "je" {
            // Taken at level 0.
            at = function.iter().position(|l| *l == format!("{target}:")).unwrap_or(function.len());
        } else if op == "ret" || op == "retq" || op == "jmp" || op == "jmpq" {
            break;
        }
    }
    path
}
