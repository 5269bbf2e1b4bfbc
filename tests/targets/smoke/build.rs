//! Builds the C.

fn main() {
    println!("cargo::rerun-if-changed=c");
    cc::Build::new().file("c/smoke.c").std("c11").warnings_into_errors(true).compile("ffg_smoke");
}
