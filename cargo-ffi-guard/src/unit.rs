//! One call of rustc, as cargo writes it: which crate of which package, of what kind, from which
//! file.

use std::path::PathBuf;

/// What is read of rustc's arguments. The arguments themselves are handed on as they are, but for
/// the places named here.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    /// All arguments after the compiler's path.
    pub arguments: Vec<String>,
    pub crate_name: String,
    pub crate_types: Vec<String>,
    /// True for `--test`: a harness is built.
    pub is_test: bool,
    pub edition: String,
    /// Where the root file stands in `arguments`.
    pub root: Option<usize>,
    pub has_target: bool,
    /// `-C extra-filename=..`: tells one unit of a crate from another.
    pub extra_filename: String,
    pub out_dir: Option<PathBuf>,
    /// True if rustc writes a list of the files that it read.
    pub has_dep_info: bool,
    /// True if code is generated, and not only checked.
    pub links: bool,
    /// True if code is optimised.
    is_optimised: bool,
    /// Whether debug assertions are asked for, if it is said.
    debug_assertions: Option<bool>,
}

/// Options of rustc whose value is the next argument.
const WITH_VALUE: [&str; 22] = [
    "--cfg",
    "--check-cfg",
    "-L",
    "-l",
    "--crate-type",
    "--crate-name",
    "--edition",
    "--emit",
    "--print",
    "-o",
    "--out-dir",
    "--explain",
    "--target",
    "-C",
    "--codegen",
    "-Z",
    "--extern",
    "--sysroot",
    "--error-format",
    "--remap-path-prefix",
    "--cap-lints",
    "--env-set",
];

impl Unit {
    /// Reads rustc's arguments.
    pub(crate) fn read(arguments: &[String]) -> Unit {
        let mut unit = Unit { arguments: arguments.to_vec(), edition: "2015".into(), ..Unit::default() };
        let mut index = 0;
        while index < arguments.len() {
            let argument = arguments[index].as_str();
            let (name, value, used) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value), 1),
                _ if argument.starts_with("-C") && argument.len() > 2 => ("-C", argument.get(2..), 1),
                _ if WITH_VALUE.contains(&argument) => (argument, arguments.get(index + 1).map(String::as_str), 2),
                _ => (argument, None, 1),
            };
            unit.option(index, name, value.unwrap_or_default());
            index += used;
        }
        unit
    }

    fn option(&mut self, index: usize, name: &str, value: &str) {
        match name {
            "--crate-name" => self.crate_name = value.into(),
            "--crate-type" => self.crate_types.extend(value.split(',').map(String::from)),
            "--test" => self.is_test = true,
            "--edition" => self.edition = value.into(),
            "--target" => self.has_target = true,
            "--out-dir" => self.out_dir = Some(value.into()),
            "--emit" => {
                self.has_dep_info |= value.split(',').any(|kind| kind == "dep-info");
                self.links |= value.split(',').any(|kind| kind == "link");
            }
            "-C" | "--codegen" => match value.split_once('=').unwrap_or((value, "y")) {
                ("extra-filename", text) => self.extra_filename = text.into(),
                ("opt-level", level) => self.is_optimised = level != "0",
                ("debug-assertions", how) => {
                    self.debug_assertions = Some(matches!(how, "y" | "yes" | "on" | "true"));
                }
                _ => {}
            },
            "-O" => self.is_optimised = true,
            _ if !name.starts_with('-') && name.ends_with(".rs") => self.root = Some(index),
            _ => {}
        }
    }

    /// The file in which the crate begins.
    pub(crate) fn root_file(&self) -> Option<PathBuf> {
        self.root.map(|index| PathBuf::from(&self.arguments[index]))
    }

    /// True for a build script or a proc macro, which run in the compiler's process tree and not in
    /// the program's.
    pub(crate) fn is_of_the_build(&self) -> bool {
        let is_macro = self.crate_types.iter().any(|kind| kind == "proc-macro");
        is_macro || self.crate_name.starts_with("build_script_") || !self.has_target
    }

    /// True if what is built is loaded and run as it is: the allocator belongs into it.
    pub(crate) fn is_final(&self) -> bool {
        let whole = |kind: &String| matches!(kind.as_str(), "bin" | "cdylib" | "staticlib");
        self.links && (self.is_test || self.crate_types.iter().any(whole))
    }

    /// Whether the crate is compiled with debug assertions, as rustc tells by the same options.
    pub(crate) fn has_debug_assertions(&self) -> bool {
        self.debug_assertions.unwrap_or(!self.is_optimised)
    }

    /// A name that no other unit of the build has.
    pub(crate) fn key(&self) -> String {
        format!("{}{}", self.crate_name, self.extra_filename)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str) -> Unit {
        Unit::read(&text.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_library_is_read_as_cargo_writes_it() {
        let unit = unit(
            "--crate-name foo_sys --edition=2021 src/lib.rs --error-format=json --crate-type lib \
             --emit=dep-info,metadata,link -C metadata=abc -C extra-filename=-12ab --out-dir /t/deps --target x \
             -L dependency=/t/deps --extern libc=/t/deps/liblibc.rmeta --cap-lints allow",
        );
        assert_eq!(unit.crate_name, "foo_sys");
        assert_eq!(unit.edition, "2021");
        assert_eq!(unit.root_file(), Some("src/lib.rs".into()));
        assert_eq!(unit.key(), "foo_sys-12ab");
        assert!(unit.has_dep_info && unit.links && !unit.is_final() && !unit.is_of_the_build());
    }

    #[test]
    fn tests_and_binaries_are_final_and_build_scripts_are_not_ours() {
        assert!(unit("--crate-name a a.rs --test --emit=dep-info,link --target x").is_final());
        assert!(unit("--crate-name a a.rs --crate-type bin --emit=link --target x").is_final());
        assert!(!unit("--crate-name a a.rs --crate-type bin --emit=metadata --target x").is_final());
        assert!(unit("--crate-name build_script_build build.rs --crate-type bin --emit=link").is_of_the_build());
        assert!(unit("--crate-name a a.rs --crate-type proc-macro --emit=link --target x").is_of_the_build());
    }

    #[test]
    fn debug_assertions_are_told_as_rustc_tells_them() {
        let has = |text| unit(text).has_debug_assertions();
        assert!(has("a.rs") && has("a.rs -C opt-level=0") && !has("a.rs -C opt-level=3") && !has("a.rs -O"));
        assert!(has("a.rs -C opt-level=3 -C debug-assertions=on") && !has("a.rs -C debug-assertions=off"));
        assert!(has("a.rs -Copt-level=s -Cdebug-assertions") && !has("a.rs -Copt-level=s"));
    }
}
