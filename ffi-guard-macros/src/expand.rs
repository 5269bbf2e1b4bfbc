//! Writes the wrappers.

use std::collections::HashSet;

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ReturnType;
use syn::ext::IdentExt as _;

use crate::ast::{Block, ForeignFn, Item};
use crate::attr::Errors;
use crate::cfg::{self, Attr, Conditions};
use crate::extent::Extent;
use crate::valid::{self, BlockSettings, Function, Param, Severities, Taken};
use crate::{brief, callback, fallback, message, text, types};

/// `#[guard(arguments)] item`.
pub(crate) fn guard(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if callback::is_one(&item) {
        return callback::guard(arguments, item);
    }
    if let Some(error) = no_block(&item) {
        let error = error.into_compile_error();
        let item = fallback::bare(item);
        return quote!(#error #item);
    }
    let mut errors = Errors::default();
    let expanded = match syn::parse2::<Block>(item.clone()) {
        Ok(block) => expand(arguments, &block, &mut errors),
        Err(error) => {
            errors.push(error);
            TokenStream::new()
        }
    };
    let item = if errors.is_empty() { expanded } else { fallback::bare(item) };
    let errors = errors.emit();
    quote!(#errors #item)
}

/// Refuses whatever is no extern block, by its first words.
fn no_block(item: &TokenStream) -> Option<syn::Error> {
    let mut tokens = item.clone().into_iter().peekable();
    let mut external = None;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(p) if p.as_char() == '#' => drop(tokens.next()),
            TokenTree::Ident(word) => match word.to_string().as_str() {
                "extern" => external = Some(word),
                "fn" => return Some(syn::Error::new(word.span(), message::RUST_FN)),
                "pub" | "unsafe" | "safe" | "async" | "const" | "default" => {}
                _ => return Some(syn::Error::new(word.span(), message::NO_BLOCK)),
            },
            TokenTree::Group(group) if external.is_some() && group.delimiter() == proc_macro2::Delimiter::Brace => {
                return None;
            }
            // `pub(crate)`, and the name of the ABI.
            TokenTree::Group(_) | TokenTree::Literal(_) => {}
            TokenTree::Punct(p) => return Some(syn::Error::new(p.span(), message::NO_BLOCK)),
        }
    }
    Some(syn::Error::new(external.map_or_else(Span::call_site, |word| word.span()), message::NO_BLOCK))
}

fn expand(arguments: TokenStream, block: &Block, errors: &mut Errors) -> TokenStream {
    let settings = valid::block(arguments, block, errors);
    let taken = Taken { names: names_in(block), all: settings.keep_abi };
    let mut wrappers = TokenStream::new();
    let mut leftover = TokenStream::new();
    for item in &block.items {
        match item {
            Item::Other(attrs, _) => {
                for attr in attrs.iter().filter(|attr| attr.name == "guard") {
                    errors.at(attr.span, message::BARE_ITEM);
                }
                leftover.extend(item.bare());
            }
            Item::Function(function) if settings.skip => {
                // Checked all the same, so that a typo does not wait for the day the `skip` goes.
                worlds(function, block, &settings, &taken, errors);
                leftover.extend(item.bare());
            }
            Item::Function(function) => {
                let (wrapped, bare) = worlds(function, block, &settings, &taken, errors);
                wrappers.extend(wrapped);
                leftover.extend(bare);
            }
        }
    }
    // Always there, even empty: it carries `#[link]`, and rustc checks the head of the block as the user wrote it.
    let attrs = block.attrs.iter().filter(|attr| attr.name != "doc").map(|attr| match attr.is_lint() {
        // What was expected may happen in a wrapper and not here.
        true => expect_to_allow(attr),
        false => attr.emit(),
    });
    let leftover = block.around(leftover);
    quote!(#wrappers #(#attrs)* #leftover)
}

/// A function in each combination of its conditions: wrappers, and what passes bare.
fn worlds(
    function: &ForeignFn,
    block: &Block,
    settings: &BlockSettings,
    taken: &Taken,
    errors: &mut Errors,
) -> (TokenStream, TokenStream) {
    let mut conditions = Conditions::default();
    let params = function.params.iter().flat_map(|param| &param.attrs);
    for attr in params.clone().chain(&function.attrs).filter(|attr| attr.name == "guard") {
        attr.when.iter().for_each(|when| conditions.note(when));
    }
    params.filter_map(cfg::presence).for_each(|predicate| conditions.note(&predicate));
    if conditions.len() > cfg::MOST {
        errors.at(function.name.span(), message::TOO_MANY_CONDITIONS);
        return (TokenStream::new(), function.bare(None));
    }
    let (mut wrapped, mut bare) = (TokenStream::new(), TokenStream::new());
    for world in conditions.worlds() {
        let under = world.attribute();
        // A mistake in a world that rustc does not pick is none: its errors stand under its `cfg`.
        let mut own = Errors::default();
        let checked = match under {
            None => valid::function(function, block, &world, taken, errors),
            Some(_) => valid::function(function, block, &world, taken, &mut own),
        };
        let failed = !own.is_empty();
        errors.under(under.as_ref(), own);
        match failed || checked.bare {
            true => bare.extend(function.bare(under.as_ref())),
            false => wrapped.extend(wrapper(&checked, block, settings, under.as_ref())),
        }
    }
    (wrapped, bare)
}

fn wrapper(function: &Function, block: &Block, settings: &BlockSettings, under: Option<&TokenStream>) -> TokenStream {
    let ForeignFn { vis, name, generics, output, safety, .. } = function.source;
    let here = Span::mixed_site();
    let krate = &settings.krate;
    let private = quote_spanned!(here=> __ffi_guard);
    let keep_abi = function.keep_abi || settings.keep_abi;

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
    let bare = bare(function, block, &signature);
    let call = quote_spanned!(here=> __ffi_guard_bare(#(#locals),*));
    let call_checked = quote_spanned!(here=> __ffi_guard_checked::<true>(#(#locals),*));
    let call_closely = quote_spanned!(here=> __ffi_guard_closely::<true>(#(#locals),*));
    let [call, call_checked, call_closely] = [call, call_checked, call_closely].map(|call| match safety.is_safe() {
        true => call,
        false => quote_spanned!(here=> unsafe { #call }),
    });
    let statics = statics(function, &settings.severities, Kind::Call { keep_abi }, &private);
    // Once for all arguments: `argument!` has them in each, and imports are dear where there are thousands.
    let traits = (!function.params.is_empty()).then(|| {
        quote_spanned! {here=>
            use #private::classify::{ByPointer as _, ByValue as _, OfCopy as _, OfPlain as _, OfPointee as _, OfUnknown as _};
        }
    });
    let arguments: Vec<_> = function.params.iter().map(|param| argument(param, &private)).collect();
    let away: Vec<_> = function.params.iter().enumerate().filter(|(_, param)| param.may_be_copied()).collect();
    // Where C works on copies, it gets their addresses, and Rust gets back what they are copies of.
    let lead = (!away.is_empty()).then(|| {
        let assign = away.iter().map(|(index, param)| {
            let (local, index) = (&param.local, Literal::usize_unsuffixed(*index));
            quote_spanned!(here=> #local = unsafe { crossing.away(#index, #local) };)
        });
        quote_spanned!(here=> if crossing.is_copied() { #(#assign)* })
    });
    let home = (!away.is_empty()).then(|| {
        quote_spanned! {here=>
            let result = if crossing.is_copied() {
                let about = #private::argument!(result);
                unsafe { crossing.home(result, about) }
            } else {
                result
            };
        }
    });
    let inner_signature: Vec<_> = function.params.iter().map(|param| inner_parameter(param, output)).collect();
    let cross = match output {
        ReturnType::Type(_, ty) if types::is_never(ty) => {
            quote_spanned!(here=> crossing.never_returns(); let _underway = underway; #call)
        }
        ReturnType::Type(_, ty) if !types::is_unit(ty) => {
            quote_spanned!(here=> #lead let result = #call; #home crossing.exit(&__FFI_GUARD_FUNCTION, (arguments, &loans), #private::argument!(result), underway); result)
        }
        _ => {
            quote_spanned!(here=> #lead #call; crossing.exit(&__FFI_GUARD_FUNCTION, (arguments, &loans), #private::argument!(()), underway);)
        }
    };
    let brief = brief::calls(function, &arguments, &call, &private);
    // Where nothing is optimised, what is meant to stay in registers is dearer than to leave it all to the library, which is: no short way.
    //
    // Each of the three ways is a function of its own: the next one needs more registers and more of the stack, and would make the
    // compiler save and spill on the way that does without. They are generic so that they are only built where the wrapper is
    // called: of the thousands of functions that a -sys crate declares, a program calls a few.
    let lifetimes = quote!(#(#lifetimes,)*);
    quote_spanned! {here=>
        #(#attrs)*
        #(#from_block)*
        #under
        #lints
        #track_caller
        #[inline]
        #vis #unsafety #abi fn #name #generics (#(#signature),*) #output #where_clause {
            use #krate::__private as __ffi_guard;
            #bare
            #statics
            #[inline(never)]
            #track_caller
            #unsafety fn __ffi_guard_checked<#lifetimes const BUILT_WHERE_CALLED: bool>(
                #(#signature),*
            ) #output #where_clause {
                #traits
                #brief
                #call_closely
            }
            #[inline(never)]
            #track_caller
            #unsafety fn __ffi_guard_closely<#lifetimes const BUILT_WHERE_CALLED: bool>(
                #(#inner_signature),*
            ) #output #where_clause {
                #traits
                let arguments: &[#private::Argument] = &[#(#arguments),*];
                let underway = #private::Underway::begin();
                let mut loans = #private::Loans::none();
                let crossing = unsafe { #private::Crossing::enter(&__FFI_GUARD_FUNCTION, arguments, &mut loans) };
                #cross
            }
            if !#private::armed() {
                #call
            } else if ::core::cfg!(debug_assertions) {
                #call_closely
            } else {
                #call_checked
            }
        }
    }
}

/// `data: *const u8`, under the attributes that stay.
fn parameter(param: &Param) -> TokenStream {
    let attrs = param.attrs.iter().map(|attr| attr.emit());
    let (local, ty) = (&param.local, &param.source.ty);
    quote!(#(#attrs)* #local: #ty)
}

/// The same in the checked path, where it may come to be a pointer to a copy.
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

/// The foreign function itself, under a name that no parameter has.
fn bare(function: &Function, block: &Block, signature: &[TokenStream]) -> TokenStream {
    let ForeignFn { attrs, name, generics, output, safety, .. } = function.source;
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
            #safe fn __ffi_guard_bare #generics (#(#signature),*) #output #where_clause;
        }
    }
}

/// Which way a function is crossed.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Rust calls C.
    Call { keep_abi: bool },
    /// C calls Rust.
    Callback,
}

/// What the attribute knows of the function. `outer`: severities of the block around it.
pub(crate) fn statics(function: &Function, outer: &Severities, kind: Kind, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let name = function.source.name.unraw().to_string();
    let (file, line, column) = place(&function.source.name);
    let parameters = function.params.iter().map(|param| {
        let name = &param.name;
        let ty = text::of_type(param.source.ty.to_token_stream());
        let extent = param.extent.as_ref().map_or("", |extent| &extent.text);
        let contract = &param.contract;
        let severities = param.severities.emit(private);
        quote_spanned! {here=> #private::Parameter {
            name: #name,
            ty: #ty,
            extent: #extent,
            contract: #private::Contract::NONE #(.#contract())*,
            severities: #severities,
        }}
    });
    let own = function.severities.emit(private);
    let blocks = outer.emit(private);
    let severities = match (function.severities.is_empty(), outer.is_empty()) {
        (_, true) => own,
        (true, false) => blocks,
        (false, false) => quote_spanned!(here=> #own.over(#blocks)),
    };
    let result = &function.result;
    let returns_owned = result.iter().any(|word| word == "owned");
    let keep_abi = matches!(kind, Kind::Call { keep_abi: true });
    let callback = matches!(kind, Kind::Callback);
    quote_spanned! {here=>
        static __FFI_GUARD_FUNCTION: #private::Function = #private::Function::new(&#private::Declaration {
            name: #name,
            module: ::core::module_path!(),
            file: #file,
            line: #line,
            column: #column,
            parameters: &[#(#parameters),*],
            returns_owned: #returns_owned,
            keep_abi: #keep_abi,
            result: #private::Contract::NONE #(.#result())*,
            callback: #callback,
            severities: #severities,
        });
    }
}

/// File, line and column of a name. Not `file!()`: that is where the outermost macro was called, and the name of a
/// function that a macro declares may stand in another file.
fn place(name: &Ident) -> (TokenStream, Literal, Literal) {
    // Our own unit tests run outside of any compiler.
    let (file, line, column) = match proc_macro::is_available() {
        true => {
            let span = name.span().unwrap();
            (span.file(), span.line(), span.column())
        }
        false => (String::new(), 0, 0),
    };
    let file = match file {
        file if file.is_empty() || file.starts_with('<') => quote_spanned!(Span::mixed_site()=> ::core::file!()),
        file => quote!(#file),
    };
    let number = |n: usize| Literal::u32_unsuffixed(u32::try_from(n).unwrap_or(0));
    (file, number(line), number(column))
}

/// One argument, classified.
pub(crate) fn argument(param: &Param, private: &TokenStream) -> TokenStream {
    let local = &param.local;
    // What `argument!` does, with the traits in scope.
    let argument = quote_spanned! {Span::mixed_site()=>
        (&&&&(&&#private::classify::Probe(&#local)).carrier()).argument()
    };
    match &param.extent {
        None => argument,
        // The user's own key is the method's name: a count that is no integer is reported at the attribute.
        Some(Extent { key, expr, .. }) => quote_spanned!(key.span()=> #argument.#key(#expr)),
    }
}

/// What a wrapper must be allowed that a foreign function may do without asking.
fn lints(keep_abi: bool) -> TokenStream {
    // The bare function inside is judged by `improper_ctypes`, once.
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

/// Attributes that say how the foreign function is found or called.
fn is_foreign(attr: &Attr) -> bool {
    matches!(attr.name.as_str(), "link_name" | "link_ordinal" | "ffi_const" | "ffi_pure")
        || attr.name.starts_with("rustc_")
}

fn goes_to_wrapper(attr: &Attr) -> bool {
    attr.name != "guard" && !is_foreign(attr)
}

/// A `#[link]` without which the function in it is another one: the library is part of the symbol's name.
fn imports(attr: &Attr) -> bool {
    let text = attr.tokens.to_string();
    attr.name == "link" && (text.contains("raw-dylib") || text.contains("wasm_import_module"))
}

/// A lint attribute that stands on several items now: what was expected of one need not happen in each.
pub(crate) fn expect_to_allow(attr: &Attr) -> TokenStream {
    if attr.name != "expect" {
        return attr.emit();
    }
    let arguments = attr.arguments();
    Attr { name: "allow".into(), tokens: quote!(allow #arguments), ..attr.clone() }.emit()
}

/// Names that a parameter of a wrapper may not have: statics of the block, and types that it mentions, which may be
/// tuple structs (bindgen writes `fn set(mode: mode)` for a C enum `mode`).
fn names_in(block: &Block) -> HashSet<String> {
    let mut names = HashSet::new();
    for item in &block.items {
        match item {
            Item::Other(_, tokens) => {
                let mut tokens = tokens.clone().into_iter().skip_while(|t| t.to_string() != "static").skip(1);
                let name = tokens.find(|token| !matches!(token.to_string().as_str(), "mut"));
                names.extend(name.map(|name| name.to_string()));
            }
            Item::Function(function) => {
                function.params.iter().for_each(|param| words(param.ty.to_token_stream(), &mut names));
                words(function.output.to_token_stream(), &mut names);
            }
        }
    }
    names
}

fn words(tokens: TokenStream, names: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => drop(names.insert(ident.unraw().to_string())),
            TokenTree::Group(group) => words(group.stream(), names),
            _ => {}
        }
    }
}
