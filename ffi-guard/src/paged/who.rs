//! The owner of the code at an address. A signal handler asks, so nothing is allocated.

use crate::facts::{By, Code};
use crate::platform::mapped::{self, Mapped};
use crate::scan;

/// A code address and the module mapped there.
pub(super) struct CodePlace {
    address: usize,
    mapped: Option<Mapped>,
}

impl CodePlace {
    pub(super) fn of(address: usize) -> CodePlace {
        CodePlace { address, mapped: mapped::at(address) }
    }

    pub(super) fn code(&self) -> Code<'_> {
        let CodePlace { address, mapped } = self;
        let module = mapped.as_ref().map(|mapped| (mapped.name(), address - mapped.base));
        let function = mapped.as_ref().and_then(|mapped| scan::function_at(mapped.bytes()?, mapped.base, *address));
        Code { module, function, address: *address }
    }
}

/// The owner of some code. `None` for the functions that copy and search memory for others, Rust's
/// and C's alike.
pub(super) fn whose(code: &Code<'_>) -> Option<By> {
    let name = code.function.map(|(name, _)| name);
    let is_libc = code.module.is_some_and(|(module, _)| mapped::is_c_library(module));
    let for_others = |name: &str| {
        let plain = name.trim_start_matches('_');
        // Rust's `compiler_builtins` too.
        plain.contains("compiler_builtins")
            || ["mem", "str", "stp", "wcs", "wmem", "bcmp", "bcopy", "bzero", "rawmemchr"]
                .iter()
                .any(|it| plain.starts_with(it) && !scan::is_rust(name))
    };
    match name {
        Some(name) if is_libc && !for_others(name) => Some(By::C),
        _ if is_libc => None,
        Some(name) if scan::is_rust(name) && !for_others(name) => Some(By::Rust),
        // A program may well have a function `memo`: only the C library's own names are passed
        // over.
        Some(name) if for_others(name) && is_of_the_library(name) => None,
        Some(name) if scan::is_rust(name) => None,
        Some(_) => Some(By::C),
        None => Some(By::Unknown),
    }
}

/// True for the C library's functions, when it is linked in.
fn is_of_the_library(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "memcpy", "memmove", "memset", "memcmp", "memchr", "strlen", "strnlen", "strcpy", "strncpy", "strcmp",
        "strncmp", "strchr",
    ];
    let plain = name.trim_start_matches('_');
    NAMES.iter().any(|it| {
        plain.strip_prefix(it).is_some_and(|rest| {
            rest.is_empty()
                || ["_avx", "_sse", "_evex", "_erms", "_generic", "_chk"].iter().any(|it| rest.starts_with(it))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_librarys_functions_are_passed_over() {
        let whose = |module: &str, name: Option<&str>| {
            whose(&Code { module: Some((module, 0)), function: name.map(|name| (name, 0)), address: 1 })
        };
        assert_eq!(whose("libc.so.6", Some("__memmove_avx_unaligned_erms")), None);
        assert_eq!(whose("libc.so.6", None), None, "stripped, and only C's helpers touch memory of others");
        assert_eq!(whose("libc.so.6", Some("qsort")), Some(By::C));
        assert_eq!(whose("app", Some("memcpy")), None);
        assert_eq!(whose("app", Some("__strlen_avx2")), None);
        assert_eq!(whose("app", Some("memo_table_add")), Some(By::C));
        assert_eq!(whose("app", Some("retrieveReference")), Some(By::C));
        assert_eq!(whose("app", Some("_ZN3app4main17h0123456789abcdefE")), Some(By::Rust));
        assert_eq!(whose("libx.so", None), Some(By::Unknown));
    }
}
