//! Writes the wrapper of a foreign function.
//!
//! ```text
//!  fn name ── not armed ──────────────────────────────────────> C
//!     ├── without debug assertions ── __ffi_guard_checked ── fast path ──> C      one for level 1, one for the others
//!     │                                     └── not for it ── __ffi_guard_closely ─┐
//!     └── with debug assertions ───────────────────────────────────────────────────┴─ crossing ──> C
//! ```
//!
//! Rustc compiles all of it, called or not, and a `-sys` crate has thousands of functions: what is
//! written for each is as little as it can be, and the way that a build does not take is left out
//! of it by `cfg`.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ReturnType;
use syn::ext::IdentExt as _;

use crate::ast::{Block, ForeignFn};
use crate::block::{BlockSettings, Pointer};
use crate::cfg::Attr;
use crate::descriptor::{self, Kind};
use crate::extent::Extent;
use crate::valid::{Function, Param};
use crate::{bytes, crossing, fast_path, reads, record, types};

/// The function that is called instead of C's.
pub(crate) fn wrapper(
    function: &Function,
    block: &Block,
    settings: &BlockSettings,
    under: Option<&TokenStream>,
) -> TokenStream {
    let ForeignFn { vis, name, generics, output, safety, .. } = function.source;
    let here = Span::mixed_site();
    let krate = &settings.krate;
    let private = quote_spanned!(here=> __ffi_guard);
    let keep_abi = function.keep_abi;

    let unsafety = (!safety.is_safe()).then(|| quote_spanned!(here=> unsafe));
    let abi = keep_abi.then(|| match &block.abi.name {
        Some(name) => quote_spanned!(here=> extern #name),
        None => quote_spanned!(here=> extern "C"),
    });
    let track_caller = (!keep_abi).then(|| quote_spanned!(here=> #[track_caller]));
    let signature: Vec<_> = function.params.iter().map(parameter).collect();
    let locals: Vec<_> = function.params.iter().map(|param| &param.local).collect();
    let where_clause = &generics.where_clause;
    let lifetimes = generics.lifetimes();

    let attrs = function.source.attrs.iter().filter(|attr| goes_to_wrapper(attr)).map(Attr::emit);
    let from_block = block.attrs.iter().filter(|attr| attr.is_lint() || attr.name == "cfg").map(expect_to_allow);
    let lints = lints(keep_abi);
    // In `guard_fn!` a pointer has the place and the name of the declaration.
    let pointer = settings.pointer.as_ref();
    let bare = pointer.is_none().then(|| {
        let (bare, bytes) = (bare(function, block, &signature), of_bytes(function, block, &signature));
        quote!(#bare #bytes)
    });
    let take = pointer.map(|_| quote_spanned!(here=> __ffi_guard_bare: __FfiGuardPointer,));
    let hand_on = pointer.map(|_| quote_spanned!(here=> __ffi_guard_bare,));
    // By an alias, because the functions inside may have lifetimes of the same names.
    let of_receiver = pointer.map(|Pointer { ty, of_bytes }| {
        quote_spanned! {here=>
            type __FfiGuardPointer = #ty;
            #[allow(dead_code)]
            type __FfiGuardBytes = #of_bytes;
            let __ffi_guard_bare: __FfiGuardPointer = self.0;
        }
    });
    let receiver = pointer.map(|_| quote_spanned!(here=> self,));
    let call_name = pointer.map(|_| Ident::new("call", here));
    let (vis, own_name) = match &call_name {
        Some(call) => (quote_spanned!(here=> pub), call),
        None => (quote!(#vis), name),
    };
    let kind = if pointer.is_some() { Kind::Pointer { keep_abi } } else { Kind::Call { keep_abi } };
    let statics = descriptor::statics(function, &settings.severities, kind, &private);
    let stated: Vec<_> =
        (0_usize..).map(|n| format_ident!("stated{}", n, span = here)).take(extents(function).count()).collect();
    let state = extents(function).zip(&stated).map(|(extent, stated)| {
        let value = state(extent, safety.is_safe(), &private);
        quote_spanned!(here=> let #stated = #value;)
    });
    let state = quote!(#(#state)*);
    let stated_parameter = (!stated.is_empty()).then(|| {
        let count = Literal::usize_unsuffixed(stated.len());
        quote_spanned!(here=> stated: [#private::Stated; #count],)
    });
    let stated_argument = (!stated.is_empty()).then(|| quote_spanned!(here=> [#(#stated),*]));
    let stated_slice = if stated.is_empty() { quote_spanned!(here=> []) } else { quote_spanned!(here=> stated) };
    let call = quote_spanned!(here=> __ffi_guard_bare(#(#locals),*));
    let call_for_bytes = match (bytes::of_result(output), pointer) {
        (None, _) => call.clone(),
        (Some(_), None) => quote_spanned!(here=> __ffi_guard_bytes(#(#locals),*)),
        (Some(_), Some(_)) => quote_spanned! {here=>
            (unsafe { ::core::mem::transmute::<__FfiGuardPointer, __FfiGuardBytes>(__ffi_guard_bare) })(#(#locals),*)
        },
    };
    let call_at_1 = quote_spanned!(here=> __ffi_guard_checked::<false>(#hand_on #(#locals),*));
    let call_checked = quote_spanned!(here=> __ffi_guard_checked::<true>(#hand_on #(#locals),*));
    let call_closely = quote_spanned!(here=> __ffi_guard_closely::<true>(#hand_on #(#locals,)* #stated_argument));
    let calls = [call, call_for_bytes, call_at_1, call_checked, call_closely];
    let [call, call_for_bytes, call_at_1, call_checked, call_closely] = calls.map(|call| match safety.is_safe() {
        true => call,
        false => quote_spanned!(here=> unsafe { #call }),
    });
    let never = matches!(output, ReturnType::Type(_, ty) if types::is_never(ty));
    let leave = if never { quote_spanned!(here=> #call;) } else { quote_spanned!(here=> return #call;) };
    // Imported once for all arguments. `argument!` imports them each time, which takes long to
    // compile in blocks of thousands of functions.
    let traits = (!function.params.is_empty()).then(|| {
        quote_spanned! {here=>
            use #private::classify::{
                ByPointer as _, ByValue as _, OfCopy as _, OfFunction as _, OfLock as _, OfOptionalFunction as _,
                OfPlain as _, OfPointee as _, OfPointers as _, OfUnknown as _,
            };
        }
    });
    let fast_path = fast_path::calls(function, &stated, &call_for_bytes, &private);
    let outlined = crossing::written(function, &call_for_bytes, &stated_slice, false, &private);
    let in_place = crossing::written(function, &call_for_bytes, &quote_spanned!(here=> [#(#stated),*]), true, &private);
    let inner_signature: Vec<_> = function.params.iter().map(|param| inner_parameter(param, output)).collect();
    // The address of a copy is assigned to them.
    let assigned = function.params.iter().filter(|param| !never && param.may_be_copied()).map(|param| {
        let local = &param.local;
        quote_spanned!(here=> let mut #local = #local;)
    });
    // An unoptimised build has no fast path: it would not stay in registers, and the library, which
    // is optimised, does all of it in less time.
    //
    // Of an optimised build each of the three ways is a function of its own: the slower one needs
    // more registers and more stack, and would make the compiler save and spill on the faster one.
    // They are generic so that they are only built if the wrapper is called: of the thousands of
    // functions that a -sys crate declares, a program calls a few.
    let lifetimes = quote!(#(#lifetimes,)*);
    let known = record::has_debug_assertions(settings);
    let only = |debug: bool| match known {
        None if debug => quote_spanned!(here=> #[cfg(debug_assertions)]),
        None => quote_spanned!(here=> #[cfg(not(debug_assertions))]),
        Some(_) => TokenStream::new(),
    };
    let optimised = (known != Some(true)).then(|| {
        let only = only(false);
        let functions = quote_spanned! {here=>
            #only
            #[inline(never)]
            #track_caller
            #unsafety fn __ffi_guard_checked<#lifetimes const FULL: bool>(
                #take #(#signature),*
            ) #output #where_clause {
                #traits
                #state
                #fast_path
                #call_closely
            }
            #only
            #[inline(never)]
            #track_caller
            #unsafety fn __ffi_guard_closely<#lifetimes const BUILT_WHERE_CALLED: bool>(
                #take
                #(#inner_signature,)*
                #stated_parameter
            ) #output #where_clause {
                #outlined
            }
        };
        let call = quote_spanned! {here=>
            #only
            if #private::is_at_1() {
                #call_at_1
            } else {
                #call_checked
            }
        };
        (functions, call)
    });
    let (functions, optimised) = optimised.unzip();
    let unoptimised = (known != Some(false)).then(|| {
        let only = only(true);
        quote_spanned!(here=> #only { #state #(#assigned)* #in_place })
    });
    quote_spanned! {here=>
        #(#attrs)*
        #(#from_block)*
        #under
        #lints
        #track_caller
        #[inline]
        #vis #unsafety #abi fn #own_name #generics (#receiver #(#signature),*) #output #where_clause {
            use #krate::__private as __ffi_guard;
            #of_receiver
            #bare
            #statics
            #functions
            if !#private::armed() {
                #leave
            }
            #optimised
            #unoptimised
        }
    }
}

/// The parameter in the wrapper's signature: `data: *const u8`, under the attributes that stay.
pub(crate) fn parameter(param: &Param) -> TokenStream {
    let attrs = param.attrs.iter().map(|attr| attr.emit());
    let (local, ty) = (&param.local, &param.source.ty);
    quote!(#(#attrs)* #local: #ty)
}

/// The parameter in the signature of a function that crosses: `mut` if C may get a copy, whose
/// address is assigned to it then.
fn inner_parameter(param: &Param, output: &ReturnType) -> TokenStream {
    let plain = parameter(param);
    let never = matches!(output, ReturnType::Type(_, ty) if types::is_never(ty));
    if never || !param.may_be_copied() {
        return plain;
    }
    let attrs = param.attrs.iter().map(|attr| attr.emit());
    let (local, ty) = (&param.local, &param.source.ty);
    let mutable = Ident::new("mut", Span::mixed_site());
    quote!(#(#attrs)* #mutable #local: #ty)
}

/// The declaration of the foreign function, under a name that no parameter has.
pub(crate) fn bare(function: &Function, block: &Block, signature: &[TokenStream]) -> TokenStream {
    let here = Span::mixed_site();
    let output = &function.source.output;
    declared(function, block, signature, (Ident::new("__ffi_guard_bare", here), quote!(#output)))
}

/// The declaration once more, with a result that is not yet known to be a value.
fn of_bytes(function: &Function, block: &Block, signature: &[TokenStream]) -> Option<TokenStream> {
    let bytes = bytes::of(bytes::of_result(&function.source.output)?);
    let here = Span::mixed_site();
    let declared = declared(function, block, signature, (Ident::new("__ffi_guard_bytes", here), quote!(-> #bytes)));
    // The lints speak of the other one.
    Some(quote_spanned!(here=> #[allow(improper_ctypes, clashing_extern_declarations)] #declared))
}

/// The declaration of the foreign function, by this name and with this result.
fn declared(
    function: &Function,
    block: &Block,
    signature: &[TokenStream],
    (as_name, output): (Ident, TokenStream),
) -> TokenStream {
    let ForeignFn { attrs, name, generics, safety, .. } = function.source;
    let here = Span::mixed_site();
    let abi = block.abi.name.as_ref().map_or_else(|| quote_spanned!(here=> "C"), |name| quote!(#name));
    let safe = safety.is_safe().then(|| Ident::new("safe", here));
    let where_clause = &generics.where_clause;

    let own: Vec<&Attr> = attrs.iter().filter(|attr| !goes_to_wrapper(attr) && is_foreign(attr)).collect();
    let links = own.iter().filter(|attr| attr.name == "link_name" || attr.name == "link_ordinal");
    let symbol = name.unraw().to_string();
    let conditions: Vec<_> = links.clone().filter_map(|attr| attr.when.as_ref()).collect();
    let default = if links.clone().any(|attr| attr.when.is_none()) {
        None
    } else if conditions.is_empty() {
        Some(quote_spanned!(here=> #[link_name = #symbol]))
    } else {
        Some(quote_spanned!(here=> #[cfg_attr(not(any(#(#conditions),*)), link_name = #symbol)]))
    };
    let own = own.iter().map(|attr| attr.emit());
    let from_block = block.attrs.iter().filter(|attr| imports(attr)).map(Attr::emit);
    quote_spanned! {here=>
        #(#from_block)*
        unsafe extern #abi {
            #(#own)*
            #default
            #safe fn #as_name #generics (#(#signature),*) #output #where_clause;
        }
    }
}

/// Classifies one argument, as `argument!` does, but with the traits already in scope.
pub(crate) fn argument(param: &Param, private: &TokenStream) -> TokenStream {
    let local = &param.local;
    quote_spanned!(Span::mixed_site()=> (&&&&&&&&(&&#private::classify::Probe(&#local)).carrier()).argument())
}

/// The value of a stated extent. The method's name has the span of the user's key, so that a count
/// that is not an integer is reported there.
/// `is_safe`: an unsafe operation in it needs a block of its own.
pub(crate) fn state(Extent { key, expr, reads, .. }: &Extent, is_safe: bool, private: &TokenStream) -> TokenStream {
    let stated = quote_spanned!(key.span()=> #private::Stated::No.#key(#expr));
    if *reads { reads::state(&stated, is_safe, private) } else { stated }
}

pub(crate) fn extents<'a>(function: &'a Function) -> impl Iterator<Item = &'a Extent> {
    function.params.iter().filter_map(|param| param.extent.as_ref())
}

/// The lints that a wrapper would fail and a foreign function does not.
pub(crate) fn lints(keep_abi: bool) -> TokenStream {
    // `improper_ctypes` already checks the bare function inside.
    let definitions = keep_abi.then(|| quote!(improper_ctypes_definitions,));
    quote_spanned! {Span::mixed_site()=>
        #[allow(
            #definitions
            non_snake_case,
            clippy::mut_from_ref,
            clippy::too_many_arguments,
            clippy::type_complexity,
            clippy::used_underscore_binding
        )]
    }
}

/// True for an attribute that says how the foreign function is found or called.
pub(crate) fn is_foreign(attr: &Attr) -> bool {
    matches!(attr.name.as_str(), "link_name" | "link_ordinal" | "ffi_const" | "ffi_pure")
        || attr.name.starts_with("rustc_")
}

fn goes_to_wrapper(attr: &Attr) -> bool {
    attr.name != "guard" && !is_foreign(attr)
}

/// True for a `#[link]` that makes the library part of the symbol's name.
fn imports(attr: &Attr) -> bool {
    let text = attr.tokens.to_string();
    attr.name == "link" && (text.contains("raw-dylib") || text.contains("wasm_import_module"))
}

/// Turns `expect` into `allow` in a lint attribute that stands on several items: the expected lint
/// need not fire in each.
pub(crate) fn expect_to_allow(attr: &Attr) -> TokenStream {
    if attr.name != "expect" {
        return attr.emit();
    }
    let arguments = attr.arguments();
    Attr { name: "allow".into(), tokens: quote!(allow #arguments), ..attr.clone() }.emit()
}
