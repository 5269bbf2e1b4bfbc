//! Whether another thread may write what lies in a frame of the calling thread's stack.
//!
//! ```text
//!  fn of the crate `app`, whose frame has the variable
//!  std::thread::scope, rayon::join, ..       a function of another crate's
//!  app::fn::{{closure}}                      that runs a closure of `app`: others may run meanwhile
//!  the guarded call
//! ```
//! Safe Rust hands a variable of a live frame to another thread only by a function that runs a
//! closure and waits for the threads. Which functions do is not known, but those of the standard
//! library are: `std::thread::scope` alone.

use super::frames::{each_frame, resolve};
use crate::platform;
use crate::reentry::Reentry;

/// True if functions between here and the frame that an address is in may have handed variables of
/// that frame to other threads. It names all frames in between: for what is about to be told.
#[cold]
pub(crate) fn may_be_shared(address: usize) -> bool {
    if !platform::thread::are_several() {
        return false;
    }
    let _inside = Reentry::enter();
    let mut frames = Vec::new();
    each_frame(&mut |begins, ip| {
        let is_inside = begins <= address;
        if is_inside {
            frames.push(ip);
        }
        is_inside || frames.is_empty()
    });
    let names: Vec<String> = frames.into_iter().flat_map(names).collect();
    let owner = names.last().map_or("", |name| krate(name)).to_owned();
    let closure = names.iter().position(|name| krate(name) == owner && name.contains("{{closure}}"));
    closure.is_some_and(|closure| names.iter().skip(closure).any(|name| runs_threads(name, &owner)))
}

/// The functions that go on at an address, the inlined ones first.
fn names(ip: usize) -> Vec<String> {
    let mut names = Vec::new();
    resolve(ip, &mut |symbol| names.extend(symbol.name().map(|name| format!("{name:#}"))));
    names
}

/// True if a function that runs a closure of the crate `owner` may run other threads meanwhile.
fn runs_threads(name: &str, owner: &str) -> bool {
    match krate(name) {
        "core" | "alloc" | "ffi_guard" | "" => false,
        "std" => name.contains("std::thread::scoped::"),
        // C's functions, and the compiler's.
        krate if !name.contains("::") || krate.starts_with("__") => false,
        krate => krate != owner,
    }
}

/// The crate in the name of a function: `std` of `<std::thread::Scope as T>::f`.
fn krate(name: &str) -> &str {
    let name = name.trim_start_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
    let name = ["mut ", "dyn ", "const "].iter().find_map(|word| name.strip_prefix(word)).unwrap_or(name);
    name.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_of_a_name() {
        for (name, expected) in [
            ("app::f::{{closure}}", "app"),
            ("<std::thread::Scope as app::T>::f", "std"),
            ("<&mut app::S as core::fmt::Debug>::fmt", "app"),
            ("<dyn app::T>::f", "app"),
            ("main", "main"),
            ("", ""),
        ] {
            assert_eq!(krate(name), expected, "{name}");
        }
    }

    #[test]
    fn functions_that_run_threads_beside_a_closure() {
        for (name, runs) in [
            ("std::thread::scoped::scope", true),
            ("rayon_core::join::join_context", true),
            ("crossbeam_utils::thread::scope", true),
            ("std::panicking::catch_unwind::do_call", false),
            ("<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once", false),
            ("ffi_guard::delivery::raise::catch", false),
            ("app::f", false),
            ("__rust_try", false),
            ("qsort", false),
        ] {
            assert_eq!(runs_threads(name, "app"), runs, "{name}");
        }
    }
}
