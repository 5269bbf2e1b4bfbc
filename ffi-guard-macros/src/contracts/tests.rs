//! Tests of the files that come with this crate, and of what a block makes of contracts.

use std::collections::HashMap;
use std::path::PathBuf;

use proc_macro2::TokenStream;
use quote::quote;

use super::{LIBRARIES, read};

#[test]
fn the_contracts_of_each_library_are_in_order() {
    let mut known = HashMap::new();
    for (name, text) in LIBRARIES {
        let file = read::checked(text).unwrap_or_else(|fault| panic!("{name}.toml:{}: {}", fault.line, fault.message));
        assert!(!file.functions.is_empty(), "{name} has none");
        for (function, contract) in &file.functions {
            assert!(contract.page.starts_with("https://"), "{name}: {function} names no page");
            if let Some(other) = known.insert(function.clone(), name) {
                panic!("{function} is in {other} and in {name}");
            }
        }
    }
    let names: Vec<_> = LIBRARIES.iter().map(|(name, _)| *name).collect();
    assert!(names.is_sorted(), "{names:?}");
}

/// The expansion without spaces.
fn guard(arguments: TokenStream, block: TokenStream) -> String {
    crate::expand::guard(arguments, block).to_string().chars().filter(|c| !c.is_whitespace()).collect()
}

#[track_caller]
fn contains(expansion: &str, part: &str) {
    let part: String = part.chars().filter(|c| !c.is_whitespace()).collect();
    assert!(expansion.contains(&part), "no `{part}` in\n{expansion}");
}

#[test]
fn parameters_are_found_by_position_and_extents_get_their_names() {
    let block = quote!(
        extern "C" {
            fn crc32(arg1: c_ulong, arg2: *const Bytef, arg3: uInt) -> c_ulong;
            fn uncompress(_: *mut Bytef, _: *mut c_ulong, r#type: *const Bytef, length: c_ulong) -> c_int;
            fn of_nobody(p: *const u8);
        }
    );
    let expansion = guard(quote!(contracts = "zlib"), block);
    contains(
        &expansion,
        r#"name: "arg2", ty: "*const Bytef", extent: "arg3", contract: __ffi_guard::Contract::NONE.stated()"#,
    );
    contains(&expansion, r#"name: "type", ty: "*const Bytef", extent: "length""#);
    contains(&expansion, "Stated::No.sized_by(unsafe{*__ffi_guard::through(arg2,1usize)?})");
    contains(&expansion, r#"Parameter::plain("p", "*const u8")"#);
    assert!(!expansion.contains("compile_error"), "{expansion}");
}

#[test]
fn the_name_in_c_counts_also_under_a_prefix() {
    let block = quote!(
        extern "C" {
            #[link_name = "crc32"]
            fn checksum(a: c_ulong, b: *const u8, c: c_uint) -> c_ulong;
            #[link_name = "zng_adler32"]
            fn adler32(a: c_ulong, b: *const u8, c: c_uint) -> c_ulong;
            #[link_name = "mine"]
            fn crc32(a: c_ulong, d: *const u8, c: c_uint) -> c_ulong;
        }
    );
    let expansion = guard(quote!(contracts = "zlib"), block);
    assert_eq!(expansion.matches(r#"name:"b",ty:"*constu8",extent:"c""#).count(), 2, "{expansion}");
    contains(&expansion, r#"Parameter::plain("d", "*const u8")"#);
}

#[test]
fn what_an_attribute_says_is_stronger_word_by_word() {
    let block = quote!(
        extern "C" {
            fn read(fd: c_int, #[guard(counted_by = 3, deny(nested_pointer))] buf: *mut u8, count: size_t) -> ssize_t;
            fn write(fd: c_int, #[guard(deny(nested_pointer))] text: *const u8, count: size_t) -> ssize_t;
        }
    );
    let expansion = guard(quote!(contracts = "libc"), block);
    contains(
        &expansion,
        r#"name: "buf", ty: "*mut u8", extent: "3", contract: __ffi_guard::Contract::NONE.stated().out()"#,
    );
    contains(&expansion, r#"name: "text", ty: "*const u8", extent: "count""#);
    // `deny` of the first rule, and nothing of any other.
    assert_eq!(expansion.matches("Severities::of_bits(3)").count(), 2, "{expansion}");
    assert_eq!(expansion.matches("of_bits").count(), 2, "{expansion}");
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_left_out_in_a_mirror() {
    for (function, why) in [
        (
            quote!(
                fn crc32(crc: c_ulong, buf: *const u8) -> c_ulong;
            ),
            "has 3 parameters, and the declaration 2",
        ),
        (
            quote!(
                fn crc32(crc: c_ulong, buf: usize, len: c_uint) -> c_ulong;
            ),
            "`buf` is `usize`, and no pointer to data",
        ),
        (
            quote!(
                fn crc32(crc: c_ulong, buf: *const u8, len: *mut u8) -> c_ulong;
            ),
            "`len` is `*mut u8`, and no number",
        ),
        (
            quote!(
                fn uncompress(d: *mut u8, n: *mut c_void, s: *const u8, l: c_ulong);
            ),
            "and leads to no number",
        ),
        (
            quote!(
                fn gzputs(file: *mut File, s: *const c_int) -> c_int;
            ),
            "`s` is `*const c_int`, and no text",
        ),
    ] {
        let expansion = crate::expand::guard(quote!(contracts = "zlib"), quote!(extern "C" { #function })).to_string();
        assert!(expansion.contains("compile_error") && expansion.contains(why), "{why}:\n{expansion}");
        let expansion = guard(quote!(mirrored), quote!(extern "C" { #function }));
        assert!(!expansion.contains("compile_error") && !expansion.contains("stated()"), "{expansion}");
    }
}

#[test]
fn a_mirrored_block_has_all_contracts_and_what_it_assumes_is_weaker() {
    let block = quote!(
        extern "C" {
            fn ZSTD_decompressStream(zds: *mut Context, output: *mut Buffer, input: *mut Buffer) -> usize;
            fn strlen(s: *const c_char) -> usize;
        }
    );
    let expansion = guard(quote!(mirrored, retained, typed), block);
    contains(&expansion, r#"Parameter::retained("zds", "*mut Context").typed()"#);
    contains(
        &expansion,
        r#"name: "output", ty: "*mut Buffer", extent: "", contract: __ffi_guard::Contract::NONE.typed()"#,
    );
    contains(&expansion, r#"contract: __ffi_guard::Contract::NONE.cstr().nonnull().retained().typed()"#);
}

#[test]
fn a_callback_gets_the_contract_of_its_type() {
    let open = quote!(
        pub unsafe extern "C" fn open(table: *mut sqlite3_vtab, _: *mut *mut sqlite3_vtab_cursor) -> c_int {
            0
        }
    );
    let expansion = guard(quote!(contract = "sqlite3_module.xOpen"), open.clone());
    contains(
        &expansion,
        r#"name: "table", ty: "*mut sqlite3_vtab", extent: "", contract: __ffi_guard::Contract::NONE.nonnull()"#,
    );
    contains(&expansion, "Contract::NONE.nonnull().lends()");
    contains(&expansion, ".lending()");
    contains(&expansion, "default_where_on_panic_says_nothing");
    let expansion = guard(quote!(mirrored, contract = "sqlite3_module.xOpen"), open.clone());
    contains(&expansion, "Contract::NONE.nonnull().lends()");
    contains(&expansion, "callback.run_as_written(body,");
    assert!(!expansion.contains("on_panic"), "{expansion}");
    // What the function says itself is stronger.
    let expansion = guard(
        quote!(contract = "z_stream.zalloc", returns(owned)),
        quote!(
            extern "C" fn zalloc(#[guard(nonnull)] user: *mut c_void, items: c_uint, size: c_uint) -> *mut c_void {
                user
            }
        ),
    );
    contains(&expansion, "Contract::NONE.nonnull().opaque()");
    contains(&expansion, "Contract::NONE.owned()");
    assert!(!expansion.contains("retained()"), "{expansion}");
    let expansion = guard(
        quote!(contract = "sqlite3_io_methods.xRead"),
        quote!(
            extern "C" fn read(file: *mut File, to: *mut c_void, n: c_int, _: i64) -> c_int {
                0
            }
        ),
    );
    contains(&expansion, r#"name: "to", ty: "*mut c_void", extent: "n""#);
}

#[test]
fn a_contract_that_is_of_another_type_is_refused_and_left_out_in_a_mirror() {
    let row = quote!(
        extern "C" fn row(n: c_int) -> c_int {
            n
        }
    );
    for (arguments, why) in [
        (quote!(contract = "sqlite3_module.xOpen"), "has 2 parameters, and the declaration 1"),
        (quote!(contract = "sqlite3_module.xNext"), "`cursor` is `c_int`, and no pointer to data"),
        (quote!(contract = "sqlite3_module.xopen"), "there is no contract of a callback's type `sqlite3_module.xopen`"),
        (quote!(contract = "sqlite3_exec"), "there is no contract of a callback's type `sqlite3_exec`"),
        (quote!(contract = sqlite3), "there is no contract of a callback's type"),
        (quote!(contracts = "sqlite3"), "`contracts` names files, and no contract in them"),
    ] {
        let expansion = crate::expand::guard(arguments.clone(), row.clone()).to_string();
        assert!(expansion.contains("compile_error") && expansion.contains(why), "{why}:\n{expansion}");
        if arguments.to_string().starts_with("contract ") {
            assert_eq!(guard(quote!(mirrored, #arguments), row.clone()), "extern\"C\"fnrow(n:c_int)->c_int{n}");
        }
    }
}

/// A file with this text, for a test of this name.
fn file(test: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ffi-guard-{}-{test}.toml", std::process::id()));
    std::fs::write(&path, text).expect("the folder of temporary files can be written");
    path
}

#[test]
fn a_file_of_the_users_comes_first_and_is_read_again_if_it_changed() {
    let path =
        file("own", "[\"page\"]\nstrlen = [\"text: nonnull\"]\nmine = [\"p: retained\", \"->: returns(owned)\"]\n");
    let block = quote!(
        extern "C" {
            fn strlen(s: *const c_char) -> usize;
            fn mine(p: *const u8) -> *mut u8;
        }
    );
    let name = path.to_str().expect("UTF-8");
    let expansion = guard(quote!(contracts = ["libc", #name]), block.clone());
    contains(&expansion, "contract: __ffi_guard::Contract::NONE.nonnull(), stale");
    contains(&expansion, r#"Parameter::retained("p", "*const u8")"#);
    contains(&expansion, "returns_owned: true");
    contains(&expansion, &format!("include_bytes!({name:?})"));
    std::fs::write(&path, "[\"page\"]\nstrlen = [\"text: cstr\"]\n").expect("it can be written again");
    contains(&guard(quote!(contracts = #name), block), "contract: __ffi_guard::Contract::NONE.cstr(), stale");
    let _ = std::fs::remove_file(path);
}

#[test]
fn a_file_says_alignments_and_when_c_has_filled_what_it_fills() {
    let text =
        "[\"page\"]\nget = [\"page: aligned = 4096, sized_by = n\", \"n\", \"to: out\", \"->: ok = result > 0\"]\n";
    let path = file("filled", text);
    let block = quote!(
        extern "C" {
            fn get(page: *const u8, n: usize, answer: *mut Answer) -> c_int;
        }
    );
    let name = path.to_str().expect("UTF-8");
    let expansion = guard(quote!(contracts = #name), block);
    contains(&expansion, "contract: __ffi_guard::Contract::NONE.stated().aligned(4096)");
    contains(&expansion, r#".with_ok(__ffi_guard_ok, "result > 0")"#);
    assert!(!expansion.contains("compile_error"), "{expansion}");
    let _ = std::fs::remove_file(path);
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line() {
    for (test, text, said) in [
        ("toml", "[\"page\"]\nf = [\n", ".toml:"),
        ("word", "[\"page\"]\n\nf = [\"a: cstrr\"]\n", ".toml:3: `f`: unknown attribute `cstrr`"),
        ("extent", "[\"page\"]\nf = [\"a: sized_by = m\", \"n\"]\n", ".toml:2: `f`: `m` is no parameter"),
        ("rule", "[\"page\"]\nf = [\"a: allow(nested)\"]\n", ".toml:2: `f`: unknown rule `nested`"),
        ("pair", "[\"page\"]\nf = [\"a: owned, retained\"]\n", ".toml:2: `f`: `retained` contradicts `owned`"),
        ("place", "[\"page\"]\nf = [\"a\", \"->: cstr\"]\n", "`cstr` goes on a parameter"),
        ("aligned", "[\"page\"]\nf = [\"a: aligned = 12\"]\n", ".toml:2: `f`: `aligned` takes a power of two"),
        (
            "ok",
            "[\"page\"]\nf = [\"a: out\", \"->: ok = n == 0\"]\n",
            ".toml:2: `f`: `ok` is a condition on the result",
        ),
        (
            "callback",
            "[\"page\"]\n\"f.g\" = [\"a: held_by = b\", \"b\"]\n",
            ".toml:2: `f.g`: `held_by` goes on a parameter",
        ),
        (
            "type",
            "[\"page\"]\n\"f.g\" = [\"a\", \"->: on_panic = 1\"]\n",
            ".toml:2: `f.g`: `on_panic` goes on a function",
        ),
        (
            "gives",
            "[\"page\"]\n\"f.g\" = [\"a\", \"->: returns(nonnull)\"]\n",
            ".toml:2: `f.g`: expected `returns(owned)`",
        ),
        ("tokens", "[\"page\"]\nf = [\"a: sized_by = (\"]\n", ".toml:2: `f`: `sized_by = (` is no list of words"),
    ] {
        let path = file(test, text);
        let name = path.to_str().expect("UTF-8");
        let expansion = crate::expand::guard(
            quote!(contracts = #name),
            quote!(
                extern "C" {}
            ),
        )
        .to_string();
        assert!(expansion.contains("compile_error") && expansion.contains(said), "{said}:\n{expansion}");
        let _ = std::fs::remove_file(path);
    }
    let expansion = crate::expand::guard(
        quote!(contracts = "not_there.toml"),
        quote!(
            extern "C" {}
        ),
    )
    .to_string();
    assert!(expansion.contains("the contracts in `not_there.toml` cannot be used: not_there.toml: "), "{expansion}");
}
