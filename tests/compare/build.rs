//! Builds the C that no rule of ffi-guard is about.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=c");
    cc::Build::new().file("c/others.c").std("c11").warnings(true).warnings_into_errors(true).compile("ffg_others");
}
