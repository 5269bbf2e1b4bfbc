//! Binds `c/shapes.h`, and puts the guard on what bindgen writes.

use std::path::PathBuf;
use std::{env, fs};

use bindgen::RustEdition;
use bindgen::callbacks::{DeriveInfo, ParseCallbacks, TypeKind};

/// What the header cannot say, and its documentation does: function, parameter, attributes.
const CONTRACTS: &[(&str, &str, &str)] = &[
    ("shape_sum", "points", "counted_by = count"),
    ("shape_length", "path", "allow(nested_pointer)"),
    ("shape_name", "name", "out, counted_by = length"),
    ("shape_each", "points", "counted_by = count"),
    ("shape_each", "user", "opaque"),
    ("shape_canvas_title", "title", "cstr, retained"),
];

/// The structs that hold no pointer. A mistake here does not compile.
const PLAIN: &[&str] = &["shape_point"];

#[derive(Debug)]
struct Derives;

impl ParseCallbacks for Derives {
    fn add_derives(&self, info: &DeriveInfo<'_>) -> Vec<String> {
        let is_plain = matches!(info.kind, TypeKind::Enum) || PLAIN.contains(&info.name);
        vec![if is_plain { "ffi_guard::Plain" } else { "ffi_guard::Pointee" }.into()]
    }
}

fn main() {
    println!("cargo::rerun-if-changed=c");
    cc::Build::new().file("c/shapes.c").compile("shapes");

    let bindings = bindgen::Builder::default()
        .header("c/shapes.h")
        .allowlist_item("shape_.*")
        .rust_edition(RustEdition::Edition2024)
        .merge_extern_blocks(true)
        .parse_callbacks(Box::new(Derives))
        .generate()
        .expect("bindgen reads the header");

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("shapes.rs");
    fs::write(out, guarded(bindings.to_string())).expect("a file in OUT_DIR");
}

/// The attribute on each block, and each contract on its parameter.
fn guarded(code: String) -> String {
    let mut code = code.replace("unsafe extern \"C\" {", "#[ffi_guard::guard]\nunsafe extern \"C\" {");
    assert!(code.contains("#[ffi_guard::guard]"), "bindgen opens its blocks otherwise");
    for (function, parameter, contract) in CONTRACTS {
        // A header that has changed fails here, and no contract is lost without a word.
        let from = code.find(&format!("fn {function}(")).unwrap_or_else(|| panic!("no function {function}"));
        let to = from + code[from..].find(';').expect("the end of a declaration");
        let is_part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
        let name = format!("{parameter}: ");
        let at = code[from..to]
            .match_indices(&name)
            .map(|(at, _)| from + at)
            .find(|&at| !code[..at].ends_with(is_part_of_a_name));
        let at = at.unwrap_or_else(|| panic!("{function} has no {parameter}"));
        code.insert_str(at, &format!("#[guard({contract})] "));
    }
    code
}
