//! The language of a symbol, by its name and by that of its object file.
//!
//! The object file is the `STT_FILE` symbol that local symbols stand under. A Rust codegen unit
//! gives its own name (`std.e28293b1aa0f68bd-cgu.0`, or 25 characters in an incremental build), C
//! compilers that of the source.

/// The language of a symbol, as far as its name shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Everything that is not Rust: C, C++, assembly, Fortran.
    C,
    Rust,
}

/// The origin of an object file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    C,
    Rust,
    /// Rust's standard library, which has no variable with a plain name.
    Std,
    /// Link-time optimisation of both together, or a name that says nothing.
    Unknown,
}

/// Endings of the source files that compilers of other languages than Rust name.
const C_SUFFIXES: [&str; 22] = [
    ".c", ".cc", ".cpp", ".cxx", ".c++", ".C", ".S", ".s", ".asm", ".m", ".mm", ".i", ".ii", ".f", ".F", ".for",
    ".f90", ".F90", ".cu", ".sx", ".inc", ".ada",
];

/// Beginnings of the codegen units' names of Rust's standard library and its dependencies. A
/// program may have other versions of some; no version has a variable with a plain name.
const STD: [&str; 18] = [
    "std.",
    "core.",
    "alloc.",
    "compiler_builtins.",
    "panic_unwind.",
    "panic_abort.",
    "unwind.",
    "hashbrown.",
    "std_detect.",
    "rustc_std_workspace",
    "addr2line.",
    "gimli.",
    "object.",
    "memchr.",
    "rustc_demangle.",
    "miniz_oxide.",
    "adler2.",
    "cfg_if.",
];

/// The origin of an object file, by its name.
pub(super) fn source(file: &str) -> Source {
    if let Some((unit, _)) = file.split_once("-cgu.") {
        let hash = unit.rsplit('.').next().unwrap_or_default();
        if !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return if STD.iter().any(|name| file.starts_with(name)) { Source::Std } else { Source::Rust };
        }
    }
    if file.ends_with(".rs") || is_short(file) {
        return Source::Rust;
    }
    // gcc's link-time optimisation sees no Rust; LLVM's (`ld-temp.o`) may have taken both in.
    if file == "<artificial>" || C_SUFFIXES.iter().any(|suffix| file.ends_with(suffix)) {
        return Source::C;
    }
    Source::Unknown
}

/// True if this is the name of a codegen unit in an incremental build, or of the object file that
/// binds the allocator, which every executable has.
pub(super) fn is_short(file: &str) -> bool {
    file.len() == 25 && file.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

/// The language of a symbol; `None` for a plain name, which C gives and Rust's `#[no_mangle]`.
pub(super) fn language(symbol: &str) -> Option<Language> {
    if is_rust(symbol) {
        return Some(Language::Rust);
    }
    // Itanium names that are not Rust's are C++. Only C libraries give symbol versions
    // (`stdout@GLIBC_2.2.5`: C's variable that the executable has a copy of).
    let c = symbol.starts_with("_Z") || symbol.starts_with("DW.ref.") || symbol.contains('@');
    c.then_some(Language::C)
}

/// True if only rustc can have made this name.
pub(crate) fn is_rust(symbol: &str) -> bool {
    const PRIVATE: [&str; 5] =
        ["__rust_", "__rustc", "rust_eh_personality", "_rust_extern_with_linkage", "DW.ref.rust"];
    is_legacy(symbol)
        || symbol.strip_prefix("_R").is_some_and(|path| is_path(path.as_bytes()))
        || PRIVATE.iter().any(|prefix| symbol.starts_with(prefix))
        || is_anonymous(symbol)
}

/// True if this is a name of the standard library's own that only its definition and rustc's list
/// of what Rust exports refer to. `std` comes last, so an early place in a symbol table is due to
/// that list alone.
pub(super) fn is_listed(symbol: &str) -> bool {
    is_rust(symbol) && (symbol.ends_with("_7___rustc10rust_panic") || symbol.contains("3imp15ARGV_INIT_ARRAY"))
}

/// True if this is a mangled name that rustc's list of a program's exports lacks, if it is a
/// function's: the list has plain names, and those of the standard library that stand for plain
/// ones.
pub(super) fn is_unlisted(symbol: &str) -> bool {
    symbol.starts_with('_') && is_rust(symbol) && !symbol.contains("___rustc") && !symbol.starts_with("__rust")
}

/// True for `_ZN1m7MANGLED17h58e9938f8e7f039fE`, perhaps with a suffix that LLVM added. C++ has no
/// such hash at its end.
fn is_legacy(symbol: &str) -> bool {
    let Some(at) = symbol.rfind("17h").filter(|_| symbol.starts_with("_ZN")) else { return false };
    let hash = &symbol.as_bytes()[at + 3..];
    hash.len() > 16
        && hash[..16].iter().all(u8::is_ascii_hexdigit)
        && hash[16] == b'E'
        && hash.get(17).is_none_or(|&byte| byte == b'.')
}

/// True if a v0 path begins here. (`_RNG_state` is a C variable.)
fn is_path(path: &[u8]) -> bool {
    match path {
        [b'N', space, rest @ ..] => space.is_ascii_alphabetic() && is_path(rest),
        [b'C', rest @ ..] => matches!(undisambiguated(rest), [b'u', b'0'..=b'9', ..] | [b'0'..=b'9', ..]),
        [b'M' | b'X', rest @ ..] => is_path(undisambiguated(rest)),
        [b'I', rest @ ..] => is_path(rest),
        // The path of a trait definition, after a type of any shape.
        [b'Y', rest @ ..] => rest.len() > 8,
        _ => false,
    }
}

/// The rest after `s<base 62>_`.
fn undisambiguated(path: &[u8]) -> &[u8] {
    match path {
        [b's', rest @ ..] => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            rest.get(digits + 1..).filter(|_| rest[digits] == b'_').unwrap_or_default()
        }
        _ => path,
    }
}

/// True for `anon.<32 hex>.4` and `alloc_<32 hex>`: constants and the targets of
/// `static mut X: &mut T`.
fn is_anonymous(symbol: &str) -> bool {
    let rest = symbol.strip_prefix("anon.").or_else(|| symbol.strip_prefix("alloc_"));
    rest.and_then(|rest| rest.as_bytes().get(..32)).is_some_and(|hash| hash.iter().all(u8::is_ascii_hexdigit))
}

/// The name as it stands in the source: without the suffixes by which gcc and LLVM tell statics of
/// functions apart (`counter.0`), without that of link-time optimisation (`state.lto_priv.3`), and
/// without the version.
pub(super) fn display(symbol: &str) -> &str {
    let plain = symbol.split(['.', '@']).next().unwrap_or_default();
    if plain.is_empty() { symbol } else { plain }
}

/// True for labels that linkers set at the borders of sections, and for those by which assemblers
/// for ARM and RISC-V tell code from data (`$x`, `$d`, `$d.1`). They name no variable.
pub(super) fn is_border(symbol: &str) -> bool {
    const BORDERS: [&str; 14] = [
        "__bss_start",
        "__bss_start__",
        "__bss_end__",
        "_bss_end__",
        "__end__",
        "_edata",
        "edata",
        "_end",
        "end",
        "__data_start",
        "data_start",
        "__TMC_END__",
        "__TMC_LIST__",
        "_GLOBAL_OFFSET_TABLE_",
    ];
    let mapping = symbol.split('.').next().is_some_and(|first| matches!(first, "$a" | "$d" | "$t" | "$x"));
    mapping || BORDERS.contains(&symbol) || symbol.starts_with("__start_") || symbol.starts_with("__stop_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_name_no_variable() {
        for label in ["_edata", "__start_set", "$d", "$d.12", "$x"] {
            assert!(is_border(label), "{label}");
        }
        // GCC takes a `$` in a name.
        for name in ["someReference", "$data", "d", "$", "counter.0"] {
            assert!(!is_border(name), "{name}");
        }
    }

    #[test]
    fn names_that_only_rustc_makes() {
        for name in [
            "_ZN1m7MANGLED17h58e9938f8e7f039fE",
            "_ZN1m7MANGLED17h58e9938f8e7f039fE.0",
            "_ZN3foo42drop_in_place$LT$alloc..string..String$GT$17h0123456789abcdefE.llvm.123",
            "_RNvNtNtCsjrHSEGnQ3l9_3std2io5stdio6STDOUT",
            "_RNvNvMs0_NtNtNtCsjrHSEGnQ3l9_3std12backtrace_rs9symbolize5gimliNtB7_5Cache11with_global14MAPPINGS_CACHE",
            "_RNvNCNvNtCsjrHSEGnQ3l9_3std9panicking12default_hook011FIRST_PANIC",
            "_RNvC1m7MANGLED",
            "__rust_no_alloc_shim_is_unstable_v2",
            "DW.ref.rust_eh_personality",
            "anon.65d1b707456ef5f0d7365d15ea1f892d.11.llvm.536545854711878620",
            "alloc_65d1b707456ef5f0d7365d15ea1f892d",
        ] {
            assert_eq!(language(name), Some(Language::Rust), "{name}");
        }
    }

    #[test]
    fn names_in_rustcs_list_and_beyond_it() {
        let panic = "_RNvCsfLfy6EI15iL_7___rustc10rust_panic";
        assert!(is_listed(panic) && !is_unlisted(panic));
        assert!(is_listed("_RNvNtNtNtNtCsjrHSEGnQ3l9_3std3sys4args4unix3imp15ARGV_INIT_ARRAY"));
        assert!(is_listed("_ZN3std3sys4args4unix3imp15ARGV_INIT_ARRAY17h0123456789abcdefE"));
        for listed in
            ["rust_eh_personality", "__rust_start_panic", "_RNvCsfLfy6EI15iL_7___rustc17___rust_drop_panic", "f"]
        {
            assert!(!is_listed(listed) && !is_unlisted(listed), "{listed}");
        }
        assert!(is_unlisted("_RNvNtCsjrHSEGnQ3l9_3std3env4args") && is_unlisted("_ZN1m1f17h58e9938f8e7f039fE"));
    }

    #[test]
    fn names_of_cpp_and_of_c_libraries() {
        for name in
            ["_ZN4mesh5cacheE", "_ZZ4nextvE7counter", "_ZGVZ4nextvE7counter", "_ZN1a17hashE", "stdout@GLIBC_2.2.5"]
        {
            assert_eq!(language(name), Some(Language::C), "{name}");
        }
    }

    #[test]
    fn plain_names_tell_nothing() {
        for name in ["kept", "_RNG_state", "_RESULT", "_R", "_RC", "counter.0", "anon.x", "alloc_table", "_RNv", "_RCs"]
        {
            assert_eq!(language(name), None, "{name}");
        }
    }

    #[test]
    fn object_files() {
        assert_eq!(source("m.f19dcfa532266295-cgu.1"), Source::Rust);
        assert_eq!(source("06o0oi1cgb4gatfomtmkjbrmv"), Source::Rust);
        assert_eq!(source("std.e28293b1aa0f68bd-cgu.0"), Source::Std);
        assert_eq!(source("crtstuff.c"), Source::C);
        assert_eq!(source("sqlite3.c"), Source::C);
        assert_eq!(source("mesh.cpp"), Source::C);
        assert_eq!(source("<artificial>"), Source::C);
        assert_eq!(source("ld-temp.o"), Source::Unknown);
        assert_eq!(source("what-cgu."), Source::Unknown);
        assert_eq!(source(""), Source::Unknown);
    }

    #[test]
    fn names_as_the_source_has_them() {
        assert_eq!(display("counter.0"), "counter");
        assert_eq!(display("state.lto_priv.3"), "state");
        assert_eq!(display("environ@@GLIBC_2.2.5"), "environ");
        assert_eq!(display("kept"), "kept");
        assert_eq!(display(".hidden"), ".hidden");
    }
}
