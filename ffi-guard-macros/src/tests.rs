//! Tests of the descriptors and of the attributes on bare functions: the parts of an expansion that
//! this machine's linker cannot try, or that only show when a report is printed.

use proc_macro2::TokenStream;
use quote::quote;

/// The expansion without spaces, since rustc decides how tokens are spaced.
fn guard(arguments: TokenStream, block: TokenStream) -> String {
    let text = crate::expand::guard(arguments, block).to_string();
    assert!(!text.contains("compile_error"), "{text}");
    squeeze(&text)
}

fn squeeze(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[track_caller]
fn contains(expansion: &str, part: &str) {
    assert!(expansion.contains(&squeeze(part)), "no `{part}` in\n{expansion}");
}

#[test]
fn the_descriptor_says_what_the_declaration_says() {
    let expansion = guard(
        quote!(warn(double_free)),
        quote!(
            unsafe extern "C" {
                #[guard(returns(owned), deny(double_free), allow(abi_mismatch))]
                fn r#type(
                    #[guard(counted_by = r#len*2)] data: *const u8,
                    r#len: usize,
                    #[guard(nonnull, thread_bound, allow(null_pointer))] _: Option<&'static mut c_void>,
                ) -> *mut u8;
            }
        ),
    );
    contains(&expansion, r#"name: "type""#);
    contains(&expansion, r#"link_name = "type""#);
    contains(&expansion, r#"Parameter::plain("len", "usize")"#);
    contains(&expansion, r#"ty: "*const u8", extent: "r#len * 2", contract: __ffi_guard::Contract::NONE.stated(),"#);
    contains(&expansion, r#"name: "arg3", ty: "Option<&'static mut c_void>""#);
    contains(&expansion, "contract: __ffi_guard::Contract::NONE.nonnull().thread_bound()");
    let bits = |rule: &str, severity: u64| severity << (2 * rules().iter().position(|known| known == rule).unwrap());
    contains(&expansion, &format!("severities: __ffi_guard::Severities::of_bits({})", bits("null_pointer", 1)));
    contains(&expansion, "returns_owned: true, keep_abi: false");
    let (own, outer) = (bits("double_free", 3) | bits("abi_mismatch", 1), bits("double_free", 2));
    contains(
        &expansion,
        &format!("__ffi_guard::Severities::of_bits({own}).over(__ffi_guard::Severities::of_bits({outer}))"),
    );
}

/// The library's rules, in its order: their places are those of their bits.
fn rules() -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../ffi-guard/src/rule.rs"));
    let text = text.expect("the library lies beside this crate");
    let list = text.split("\nrules! {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("the list of rules");
    list.lines().filter_map(|line| line.split('"').nth(1)).map(String::from).collect()
}

#[test]
fn the_rules_stand_in_the_library_s_order() {
    assert_eq!(crate::settings::RULES.map(String::from).to_vec(), rules());
}

#[test]
fn a_library_that_is_part_of_the_symbol_is_named_on_the_bare_function_too() {
    let expansion = guard(
        quote!(),
        quote!(
            #[link(name = "user32", kind = "raw-dylib")]
            #[cfg_attr(target_family = "wasm", link(wasm_import_module = "host"))]
            #[link(name = "plain")]
            unsafe extern "system" {
                #[link_ordinal(7)]
                fn f();
                #[cfg_attr(windows, link_name = "g@4")]
                fn g();
            }
        ),
    );
    let links = r#"#[link(name = "user32", kind = "raw-dylib")]
        #[cfg_attr(target_family = "wasm", link(wasm_import_module = "host"))] unsafe extern "system" {"#;
    // rustc refuses a name beside an ordinal.
    contains(&expansion, &format!("{links} #[link_ordinal(7)] fn __ffi_guard_bare"));
    let names = r#"#[cfg_attr(windows, link_name = "g@4")] #[cfg_attr(not(any(windows)), link_name = "g")]"#;
    contains(&expansion, &format!("{links} {names} fn __ffi_guard_bare"));
    contains(&expansion, r#"#[link(name = "plain")] unsafe extern "system" {}"#);
}

#[test]
fn each_combination_of_conditions_is_written_once() {
    let expansion = guard(
        quote!(),
        quote!(
            extern "C" {
                #[cfg_attr(feature = "guard", guard(keep_abi), must_use)]
                fn f(#[cfg(not(windows))] a: u8, #[cfg(windows)] b: u16);
            }
        ),
    );
    for part in [
        "#[cfg(all(feature = \"guard\", windows))]",
        "#[cfg(all(feature = \"guard\", not(windows)))]",
        "#[cfg(all(not(feature = \"guard\"), windows))]",
        "#[cfg(all(not(feature = \"guard\"), not(windows)))]",
    ] {
        assert_eq!(expansion.matches(&squeeze(part)).count(), 1, "{part} in\n{expansion}");
    }
    contains(&expansion, "#[cfg_attr(feature = \"guard\", must_use)]");
    contains(&expansion, "unsafe fn f(a: u8)");
    contains(&expansion, "unsafe extern \"C\" fn f(b: u16)");
    // The block's head stays as it was: `extern "C"` without `unsafe`.
    assert!(expansion.ends_with("extern\"C\"{}"), "{expansion}");
}

#[test]
fn what_passes_bare_stays_in_the_block() {
    let expansion = guard(
        quote!(),
        quote!(
            unsafe extern "C" {
                #[cfg_attr(x, guard(skip), allow(unused))]
                pub safe fn skipped();
                pub static mut errno: c_int;
                declare! { other }
            }
        ),
    );
    contains(
        &expansion,
        "unsafe extern \"C\" {
            #[cfg_attr(x, allow(unused))] #[cfg(all(x))] pub safe fn skipped();
            pub static mut errno: c_int;
            declare! { other }
        }",
    );
    contains(&expansion, "#[cfg(all(not(x)))]");
}

#[test]
fn a_variadic_function_stays_one() {
    let expansion = guard(
        quote!(),
        quote!(
            extern "C" {
                /// Prints.
                #[link_name = "real"]
                pub fn print(format: *const c_char, ...) -> c_int;
                #[guard(keep_abi)]
                fn kept(n: c_int, _: ...);
            }
        ),
    );
    contains(&expansion, "pub fn print(format: *const c_char, ...) -> c_int;");
    contains(
        &expansion,
        "unsafe extern \"C-unwind\" { #[doc = r\" Prints.\"] #[link_name = \"_ZN9ffi_guard8variadic5print17h",
    );
    contains(&expansion, "#[link_name = \"real\"] fn __ffi_guard_bare(format: *const c_char, ...) -> c_int;");
    contains(&expansion, "unsafe extern \"C\" { #[link_name = \"_ZN9ffi_guard8variadic4kept17h");
    // Where there are no trampolines, it is as it was.
    assert!(expansion.ends_with("fnkept(n:c_int,_:...);}"), "{expansion}");
}
