//! `cargo ffi-guard fix`: from the lines of a real run to files with which the program is clean when
//! it runs again; and what is not edited, with the reason.

// Shared with the other programs.
#[allow(dead_code)]
mod program;

use std::path::Path;
use std::process::{Command, Stdio};

use program::{Program, Said};

/// `strtok` keeps the text between its calls, in a variable of C's library.
const KEEPS: &str = "use std::ffi::{CString, c_char};

/// Of C.
#[ffi_guard::guard]
unsafe extern \"C\" {
    // The rest of the text is kept.
    fn strtok( #[guard(cstr)] text: *mut c_char,
        separators: *const c_char ) -> *mut c_char; // odd, and kept so
}

fn main() {
    let text = std::mem::ManuallyDrop::new(CString::new(\"a b c\").unwrap());
    let first = unsafe { strtok(text.as_ptr().cast_mut(), c\" \".as_ptr()) };
    assert!(!first.is_null());
}
";

/// Runs the program, and leaves its lines in `guard`.
fn run(program: &Program, arguments: &[&str]) -> Said {
    let _ = std::fs::remove_dir_all(program.path("guard"));
    program.run(&[&["run", "--report", "guard"], arguments].concat())
}

#[test]
fn an_attribute_is_added_to_the_projects_own_declaration() {
    let program = Program::new("fix-own").file("sys/src/lib.rs", "").file("src/main.rs", KEEPS);
    let said = run(&program, &[]);
    assert!(!said.success, "{said}");
    said.has("ffi-guard[retained_pointer]");

    // Without a terminal, nothing is changed unasked.
    let shown = program.run(&["fix", "guard"]);
    shown.succeeded().has("--- src/main.rs").has("+    fn strtok( #[guard(cstr, retained)] text: *mut c_char,");
    shown.has("1 finding, 0 edits made, 1 not made").has("--yes makes the edits");
    assert_eq!(program.read("src/main.rs"), KEEPS);

    let fixed = program.run(&["fix", "guard", "--yes"]);
    fixed.succeeded().has("1 finding, 1 edit made");
    assert_eq!(program.read("src/main.rs"), KEEPS.replace("guard(cstr)", "guard(cstr, retained)"));
    program.run(&["fix", "guard", "--yes"]).succeeded().has("src/main.rs:7 says so already").has("0 edits made");
    run(&program, &[]).succeeded().lacks("ffi-guard[");
}

#[test]
fn a_dependencys_function_gets_a_line_of_the_contracts() {
    // It clears no byte, and so follows no pointer.
    let sys =
        "unsafe extern \"C\" { #[link_name = \"explicit_bzero\"] pub fn clear(at: *const *const u8, n: usize); }\n";
    let main = "fn main() {
    let inner = Box::new(7_u8);
    let outer: Box<*const u8> = Box::new(&raw const *inner);
    unsafe { text_sys::clear(&raw const *outer, 0) };
}
";
    let program = Program::new("fix-dependency").file("sys/src/lib.rs", sys).file("src/main.rs", main);
    // As cargo marks what it has downloaded.
    program.write("sys/.cargo-ok", "");
    program.write("ffi-guard-contracts.toml", "# Ours.\n[\"docs/text.md\"]\nclear = [\"at: sized_by = n\", \"n\"]\n");
    let said = run(&program, &["--rules", "nested_pointer"]);
    assert!(!said.success, "{said}");
    said.has("ffi-guard[nested_pointer]");

    let before = program.sources();
    let fixed = program.run(&["fix", "guard", "--yes"]);
    fixed.succeeded().has("+explicit_bzero = [\"at: allow(nested_pointer)\", \"n\"]").has("1 edit made");
    fixed.has("takes ffi-guard-contracts.toml at the workspace's root by itself");
    let mut after = program.sources();
    let name = program.path("ffi-guard-contracts.toml");
    assert_ne!(before[&name], after[&name]);
    after.insert(name.clone(), before[&name].clone());
    assert_eq!(before, after, "a source was touched");
    run(&program, &["--rules", "nested_pointer"]).succeeded().lacks("ffi-guard[");

    // A file of another name is named to each run.
    let _ = std::fs::remove_file(name);
    assert!(!run(&program, &["--rules", "nested_pointer"]).success);
    let fixed = program.run(&["fix", "guard", "--yes", "--contracts", "mine.toml"]);
    fixed.succeeded().has("--contracts").has("1 edit made");
    run(&program, &["--rules", "nested_pointer", "--contracts", "mine.toml"]).succeeded().lacks("ffi-guard[");
}

/// Runs `fix` over the golden lines of all rules, in a folder with one source.
fn fix_golden(folder: &Path, arguments: &[&str]) -> String {
    let lines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ffi-guard/tests/lines.jsonl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-ffi-guard"));
    command.args(["ffi-guard", "fix"]).arg(lines).args(arguments).current_dir(folder).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_is_not_edited_has_a_reason() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fix-golden");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let said = fix_golden(&folder, &["--yes"]);
    for why in [
        "no guarded call is known",
        "is right with a change of the code only",
        "its helps change code, and no declaration",
        "takes an attribute off",
        "No such file or directory",
    ] {
        assert!(said.contains(why), "no `{why}`:\n{said}");
    }
    assert!(said.contains(" 0 edits made"), "{said}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "something was written");

    let mut wrong = Command::new(env!("CARGO_BIN_EXE_cargo-ffi-guard"));
    wrong.args(["ffi-guard", "fix", "nowhere.jsonl"]).current_dir(&folder);
    let output = wrong.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere.jsonl: "));
}
