//! Builds the libraries, and links each program to some of them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=c");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let built = |name: &str, arguments: &[&str]| run(&out, name, arguments);
    built("old.o", &["-c", "-DOLD", "c/counter.c"]);
    built("whole.o", &["-c", "c/counter.c"]);
    built("libffgcounter.so", &["-shared", "c/counter.c", "-Wl,-soname,libffgcounter.so"]);
    built("libffgtwin.so", &["-shared", "c/counter.c", "-Wl,-soname,libffgtwin.so"]);
    built("libffgtracer.so", &["-shared", "c/interposed.c", "-Wl,-soname,libffgtracer.so"]);
    let user = |name: &str, more: &[&str]| {
        let soname = format!("-Wl,-soname,{name}");
        built(name, &[&["-shared", "c/user.c", "c/counter.c", &soname], more].concat());
    };
    user("libffgshown.so", &[]);
    user("libffghidden.so", &["-Wl,--version-script=c/hidden.map"]);
    // SQLite once more, from the archive that libsqlite3-sys made.
    let sqlite = env::var("DEP_SQLITE3_LIB_DIR").expect("libsqlite3-sys says it") + "/libsqlite3.a";
    let store = |name: &str, more: &[&str]| {
        let soname = format!("-Wl,-soname,{name}");
        built(name, &[&["-shared", "c/store.c", &sqlite, "-lm", "-pthread", "-ldl", &soname], more].concat());
    };
    store("libffgstore.so", &[]);
    store("libffgowner.so", &["-Wl,--exclude-libs,ALL"]);
    println!("cargo::rustc-env=FFG_SPLIT_LIBRARIES={}", out.display());
    let folder = out.display();
    for (program, arguments) in [
        // The object has all but one function, which comes from the shared library.
        ("split", "{}/old.o -lffgcounter"),
        ("twice", "-lffgcounter -lffgtwin"),
        ("one", "-lffgcounter"),
        ("traced", "-lffgtracer -lffgcounter"),
        ("hidden", "{}/whole.o -lffghidden"),
        ("shown", "{}/whole.o -lffgshown"),
        ("sqlite_shown", "-lffgstore"),
        ("sqlite_hidden", "-lffgowner"),
    ] {
        for argument in ["-L{}", "-Wl,-rpath,{}", "-Wl,--no-as-needed"].into_iter().chain(arguments.split(' ')) {
            println!("cargo::rustc-link-arg-bin={program}={}", argument.replace("{}", &folder.to_string()));
        }
    }
}

fn run(out: &Path, name: &str, arguments: &[&str]) {
    let mut compiler: Command = cc::Build::new().get_compiler().to_command();
    let status = compiler.args(["-fPIC", "-o"]).arg(out.join(name)).args(arguments).status().expect("a C compiler");
    assert!(status.success(), "{name} is not built");
}
