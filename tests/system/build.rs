//! Asks `pkg-config` which of the libraries are installed. The others are left out, and their tests
//! say so.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PKG_CONFIG_PATH");
    for (package, cfg) in [("libuv", "has_libuv"), ("libsodium", "has_libsodium")] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        let Ok(output) = Command::new("pkg-config").args(["--libs", package]).output() else { continue };
        if !output.status.success() {
            continue;
        }
        println!("cargo::rustc-cfg={cfg}");
        for flag in String::from_utf8_lossy(&output.stdout).split_whitespace() {
            if let Some(library) = flag.strip_prefix("-l") {
                println!("cargo::rustc-link-lib={library}");
            } else if let Some(folder) = flag.strip_prefix("-L") {
                println!("cargo::rustc-link-search=native={folder}");
            }
        }
    }
}
