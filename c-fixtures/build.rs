//! Builds the C of `c/` into one static library, with every warning an error.

use std::fs;
use std::path::PathBuf;

/// Of this nothing but the declarations in Rust tells what its functions take.
const UNTOLD: &str = "clashing_declaration.c";

fn main() {
    let mut sources: Vec<PathBuf> = fs::read_dir("c")
        .expect("the C sources lie beside this script, in c/")
        .map(|entry| entry.expect("c/ can be listed").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "c"))
        .filter(|path| !path.ends_with(UNTOLD))
        .collect();
    // Sorted, because a directory has no fixed order and the archive must be the same everywhere.
    sources.sort();

    cc::Build::new()
        .files(&sources)
        .include("include")
        .std("c11")
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .compile("ffg_fixtures");

    // C built without debug information.
    cc::Build::new()
        .file(PathBuf::from("c").join(UNTOLD))
        .include("include")
        .std("c11")
        .warnings(true)
        .extra_warnings(true)
        .warnings_into_errors(true)
        .debug(false)
        .compile("ffg_untold");

    // C built for size, without unwind tables: the unwinder stops here.
    cc::Build::new()
        .file("c/blind/robust.c")
        .include("include")
        .std("c11")
        .warnings_into_errors(true)
        .flag("-fno-asynchronous-unwind-tables")
        .flag("-fno-unwind-tables")
        .compile("ffg_blind");

    // The folders, not their files, so that an added or removed source counts as well.
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rerun-if-changed=include");
    if std::env::var_os("CARGO_CFG_UNIX").is_some() {
        // `libm` has `pow`, of slides 58 to 64.
        println!("cargo::rustc-link-lib=m");
    }
}
