//! Makes one `cfg` of each capability of the target's platform: see `platform/capabilities.rs`. And
//! the guide for the documentation: see `build/guide.rs`. And cargo's variable for a runner of
//! this target's programs: see `testing/runner.rs`.

#[path = "src/platform/capabilities.rs"]
mod capabilities;
#[path = "build/guide.rs"]
mod guide;

fn main() {
    guide::write();
    let target = capabilities::Target::new();
    println!("cargo::rerun-if-env-changed=FFI_GUARD_PLATFORM");
    let triple = std::env::var("TARGET").unwrap_or_default().to_uppercase().replace(['-', '.'], "_");
    println!("cargo::rustc-env=FFI_GUARD_RUNNER=CARGO_TARGET_{triple}_RUNNER");
    println!("cargo::rerun-if-changed=src/platform/capabilities.rs");
    println!("cargo::rustc-check-cfg=cfg(platform, values(\"{}\"))", capabilities::FOLDERS.join("\", \""));
    println!("cargo::rustc-cfg=platform=\"{}\"", target.folder);
    for capability in capabilities::ALL {
        let is_on = (capability.is_on)(&target);
        println!("{}: {}: {}", capability.name, capability.what, if is_on { "yes" } else { "no" });
        println!("cargo::rustc-check-cfg=cfg({})", capability.name);
        if is_on {
            println!("cargo::rustc-cfg={}", capability.name);
        }
    }
}
