//! Declares a variadic function, as a function of the same type whose symbol is that of a
//! trampoline: no Rust function can hand `...` on.
//!
//! ```text
//!  caller ──> trampoline (ffi_guard::__trampoline) ── not armed ──────────────────> C
//!                  └── __ffi_guard_entry ── __ffi_guard_closely ── check_variadic ─> C
//! ```

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Mutex;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;

use crate::ast::{Block, ForeignFn};
use crate::attr::{Errors, Setting, Value};
use crate::block::BlockSettings;
use crate::cfg::Attr;
use crate::descriptor::{self, Kind};
use crate::settings::Settings;
use crate::valid::Function;
use crate::wrapper::{self, expect_to_allow};
use crate::{followed, message};

/// The words of a parameter that tell of the arguments in `...`.
pub(crate) const TAILS: [&str; 3] = ["printf", "scanf", "followed_by"];

/// True for a block whose variadic functions are called as C's are.
pub(crate) fn has_known_abi(block: &Block) -> bool {
    block.abi.name.as_ref().is_none_or(|name| matches!(name.value().as_str(), "C" | "C-unwind"))
}

/// Refuses what cannot be said of a parameter of a variadic function, or of another one.
pub(crate) fn refuse(settings: &Settings, is_variadic: bool, errors: &mut Errors) {
    for setting in &settings.list {
        let tells = TAILS.iter().any(|tail| setting.key == tail);
        if tells && !is_variadic {
            errors.at(setting.key.span(), message::NOT_VARIADIC);
        }
        if is_variadic && (setting.key == "copied" || setting.key == "thread_bound") {
            errors.at(setting.key.span(), message::VARIADIC);
        }
        if let Value::Arms(arms) = &setting.value
            && let Err(error) = followed::parse(arms)
        {
            errors.push(error);
        }
    }
}

/// True if the variadic functions of a block are checked where this compilation is for, as far as
/// rustc's arguments name it.
pub(crate) fn is_checked(block: &Block) -> bool {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--target").skip(1);
    has_known_abi(block) && arguments.next().is_none_or(|target| has_trampolines(&target))
}

/// What [`targets`] says, of a target's name.
fn has_trampolines(target: &str) -> bool {
    let systems = ["linux", "android", "freebsd", "netbsd", "openbsd", "dragonfly"];
    let machine = target.split('-').next().unwrap_or_default();
    matches!(machine, "x86_64" | "aarch64")
        && systems.iter().any(|system| target.contains(system))
        && !target.ends_with("x32")
        && !target.ends_with("ilp32")
}

/// The targets on which there are trampolines.
pub(crate) fn targets() -> TokenStream {
    quote_spanned! {Span::mixed_site()=>
        all(
            any(target_arch = "x86_64", target_arch = "aarch64"),
            target_pointer_width = "64",
            target_endian = "little",
            any(
                target_os = "linux",
                target_os = "android",
                target_os = "freebsd",
                target_os = "netbsd",
                target_os = "openbsd",
                target_os = "dragonfly"
            )
        )
    }
}

/// The declaration with its trampoline, and the one for targets without trampolines, to stand in a
/// block of the user's ABI.
pub(crate) fn declare(
    function: &Function,
    block: &Block,
    settings: &BlockSettings,
    under: Option<&TokenStream>,
) -> (TokenStream, TokenStream) {
    let here = Span::mixed_site();
    let source = function.source;
    let targets = targets();
    let elsewhere = quote_spanned!(here=> #[cfg(not(#targets))] #under);
    let elsewhere = source.bare(Some(&elsewhere));
    let symbol = symbol(function, under);
    let declaration = declaration(function, block, &symbol);
    let trampoline = trampoline(function, block, settings, &symbol);
    let blocks = block.attrs.iter().filter(|attr| attr.is_lint() || attr.name == "cfg");
    let [blocks, inner]: [Vec<_>; 2] =
        [blocks.clone().map(expect_to_allow).collect(), blocks.map(expect_to_allow).collect()];
    let conditions = source.attrs.iter().filter(|attr| attr.name == "cfg").map(Attr::emit);
    let abi = match (&block.abi.name, function.keep_abi) {
        (Some(name), true) => quote_spanned!(here=> extern #name),
        (None, true) => quote_spanned!(here=> extern "C"),
        (_, false) => quote_spanned!(here=> extern "C-unwind"),
    };
    let there = quote_spanned! {here=>
        #(#blocks)*
        #under
        #[cfg(#targets)]
        unsafe #abi {
            #declaration
        }
        #(#inner)*
        #(#conditions)*
        #under
        #[cfg(#targets)]
        const _: () = {
            #trampoline
        };
    };
    (there, elsewhere)
}

/// The function that the user calls.
fn declaration(function: &Function, block: &Block, symbol: &str) -> TokenStream {
    let ForeignFn { attrs, vis, name, generics, output, variadic, semi, .. } = function.source;
    let attrs = attrs.iter().filter(|attr| attr.name != "guard" && !wrapper::is_foreign(attr)).map(Attr::emit);
    let safety = function.source.safety.keyword().filter(|_| block.unsafety.is_some());
    let where_clause = &generics.where_clause;
    let params = function.params.iter().map(|param| {
        let attrs = param.attrs.iter().map(|attr| attr.emit());
        let ty = &param.source.ty;
        let name = param.source.name.as_ref().map_or_else(|| quote!(_), |name| quote!(#name));
        quote!(#(#attrs)* #name: #ty)
    });
    let params = params.chain(variadic.clone());
    quote_spanned! {Span::mixed_site()=>
        #(#attrs)*
        #[link_name = #symbol]
        #vis #safety fn #name #generics (#(#params),*) #output #where_clause #semi
    }
}

/// What the trampoline needs, and the trampoline.
fn trampoline(function: &Function, block: &Block, settings: &BlockSettings, symbol: &str) -> TokenStream {
    let here = Span::mixed_site();
    let krate = &settings.krate;
    let private = quote_spanned!(here=> __ffi_guard);
    let ForeignFn { generics, safety, variadic, .. } = function.source;
    let signature: Vec<_> = function.params.iter().map(wrapper::parameter).collect();
    let lints = wrapper::lints(true);
    let mut foreign = signature.clone();
    foreign.extend(variadic.as_ref().map(|_| quote_spanned!(here=> ...)));
    let bare = wrapper::bare(function, block, &foreign);
    let statics =
        descriptor::statics(function, &settings.severities, Kind::Call { keep_abi: function.keep_abi }, &private);
    let tail = tail(function, &private);
    let locals: Vec<_> = function.params.iter().map(|param| &param.local).collect();
    let types = function.params.iter().map(|param| &param.source.ty);
    let values: Vec<_> = (0..locals.len()).map(|n| format_ident!("value{}", n, span = here)).collect();
    let stated: Vec<_> = (0_usize..)
        .map(|n| format_ident!("stated{}", n, span = here))
        .take(wrapper::extents(function).count())
        .collect();
    let state = wrapper::extents(function).zip(&stated).map(|(extent, stated)| {
        let value = wrapper::state(extent, safety.is_safe(), &private);
        quote_spanned!(here=> let #stated = #value;)
    });
    let mut next_stated = stated.iter();
    let arguments = function.params.iter().map(|param| {
        let argument = wrapper::argument(param, &private);
        match param.extent.as_ref().and_then(|_| next_stated.next()) {
            None => argument,
            Some(stated) => quote_spanned!(here=> #argument.with(#stated)),
        }
    });
    let unsafety = (!safety.is_safe()).then(|| quote_spanned!(here=> unsafe));
    let where_clause = &generics.where_clause;
    quote_spanned! {here=>
        use #krate::__private as __ffi_guard;
        #bare
        #statics
        static __FFI_GUARD_VARIADIC: #private::Variadic = #private::Variadic::new(&__FFI_GUARD_FUNCTION, #tail);
        #lints
        #[inline(never)]
        #unsafety fn __ffi_guard_closely #generics (
            saved: &#private::Saved<'_>,
            #(#signature),*
        ) #where_clause {
            #[allow(unused_imports)]
            use #private::classify::{
                ByPointer as _, ByValue as _, OfCopy as _, OfFunction as _, OfLock as _, OfOptionalFunction as _,
                OfPlain as _, OfPointee as _, OfPointers as _, OfUnknown as _,
            };
            #(#state)*
            unsafe { #private::check_variadic(&__FFI_GUARD_VARIADIC, &[#(#arguments),*], saved); }
            // C gets them: what has a destructor is dropped here only if a panic keeps it from C.
            #[allow(forgetting_copy_types, forgetting_references, clippy::forget_non_drop, clippy::mem_forget)]
            {
                #(::core::mem::forget(#locals);)*
            }
        }
        #lints
        unsafe extern "C-unwind" fn __ffi_guard_entry #generics (registers: *const #private::Registers) #where_clause {
            #[allow(unused_mut)]
            let mut saved = unsafe { #private::Saved::of(registers) };
            #(
                let ::core::option::Option::Some(#values) = (unsafe { saved.next::<#types>() }) else {
                    return #private::pass_variadic(&__FFI_GUARD_VARIADIC);
                };
            )*
            #[allow(unused_unsafe)]
            unsafe {
                __ffi_guard_closely(&saved, #(::core::mem::ManuallyDrop::into_inner(#values)),*);
            }
        }
        #private::trampoline!(#symbol, __ffi_guard_bare, __ffi_guard_entry);
    }
}

/// What is known of the arguments in `...`, as an expression.
fn tail(function: &Function, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let tells = function.params.iter().enumerate().find_map(|(index, param)| Some((index, param.tail.as_ref()?)));
    let Some((index, Setting { key, value })) = tells else {
        return quote_spanned!(here=> #private::Tail::Unknown);
    };
    let index = Literal::usize_unsuffixed(index);
    let format = |dialect: &str| {
        let dialect = Ident::new(dialect, here);
        quote_spanned!(here=> #private::Tail::Format { parameter: #index, dialect: #private::Dialect::#dialect })
    };
    match (key.to_string().as_str(), value) {
        ("scanf", _) => format("Scanf"),
        ("printf", Value::List(_)) => format("Sqlite"),
        (_, Value::Arms(arms)) => {
            // Refused before if it cannot be parsed.
            let arms = followed::parse(arms).unwrap_or_default();
            let by = followed::emit(&arms, private);
            quote_spanned!(here=> #private::Tail::Followed { parameter: #index, by: #by })
        }
        _ => format("Printf"),
    }
}

/// A symbol that no other function has: a name as rustc makes them, so that backtraces read it, and
/// tools know that the function is not C's.
fn symbol(function: &Function, under: Option<&TokenStream>) -> String {
    static MADE: Mutex<Option<HashMap<u64, u64>>> = Mutex::new(None);
    let name = function.source.name.unraw().to_string();
    let mut hasher = DefaultHasher::new();
    for variable in ["CARGO_CRATE_NAME", "CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_BIN_NAME"] {
        std::env::var(variable).ok().hash(&mut hasher);
    }
    // Two crates of one name and version may be linked together; cargo tells them apart so.
    let mut arguments = std::env::args();
    while let Some(argument) = arguments.next() {
        if matches!(argument.as_str(), "-C" | "--crate-name" | "--crate-type") {
            let value = arguments.next().unwrap_or_default();
            if argument != "-C" || value.starts_with("metadata=") {
                value.hash(&mut hasher);
            }
        }
    }
    if proc_macro::is_available() {
        let span = function.source.name.span().unwrap();
        (span.file(), span.line(), span.column()).hash(&mut hasher);
    }
    (&name, under.map(ToString::to_string)).hash(&mut hasher);
    let key = hasher.finish();
    // A macro declares the same function in two modules.
    let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let count = made.get_or_insert_default().entry(key).or_insert(0);
    *count += 1;
    count.hash(&mut hasher);
    let name = if name.is_ascii() { name } else { "function".into() };
    format!("_ZN9ffi_guard8variadic{}{name}17h{:016x}E", name.len(), hasher.finish())
}
