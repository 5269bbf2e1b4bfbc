//! Writes the statics that describe a function; checks and reports read them.

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ReturnType;
use syn::ext::IdentExt as _;

use crate::settings::Severities;
use crate::valid::Function;
use crate::{filled, promised, registry, text, types};

/// The direction in which a function is called.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Rust calls C.
    Call { keep_abi: bool },
    /// Rust calls what a pointer leads to.
    Pointer { keep_abi: bool },
    /// C calls Rust.
    Callback,
}

/// The static that describes the function. `outer` has the severities of the block around it.
pub(crate) fn statics(function: &Function, outer: &Severities, kind: Kind, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let name = function.source.name.unraw().to_string();
    let (file, line, column) = place(&function.source.name);
    let parameters = function.params.iter().map(|param| {
        let name = &param.name;
        let ty = text::of_type(param.source.ty.to_token_stream());
        let extent = param.extent.as_ref().map_or("", |extent| &extent.text);
        // The commonest are short: a -sys crate has thousands of them.
        if param.is_plain() {
            let words: Vec<String> = param.contract.iter().map(ToString::to_string).collect();
            match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                [] => return quote_spanned!(here=> #private::Parameter::plain(#name, #ty)),
                ["retained"] => return quote_spanned!(here=> #private::Parameter::retained(#name, #ty)),
                ["retained", "typed"] => {
                    return quote_spanned!(here=> #private::Parameter::retained(#name, #ty).typed());
                }
                _ => {}
            }
        }
        let contract = param.emit_contract(private);
        let stale: &[String] = &param.stale;
        let severities = param.severities.emit(private);
        quote_spanned! {here=> #private::Parameter {
            name: #name,
            ty: #ty,
            extent: #extent,
            contract: #contract,
            stale: &[#(#stale),*],
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
    let result = function.result.emit_contract(private);
    let returns_owned = function.result.says("owned");
    let keep_abi = matches!(kind, Kind::Call { keep_abi: true } | Kind::Pointer { keep_abi: true });
    let callback = matches!(kind, Kind::Callback);
    let kinds = (!callback).then(|| kinds(function, private)).flatten();
    let with_kinds = kinds.is_some().then(|| quote_spanned!(here=> .with_kinds(&__FFI_GUARD_KINDS)));
    let lends = function.params.iter().any(|param| param.contract.iter().any(|word| word == "lends"));
    let lending = (callback && lends).then(|| quote_spanned!(here=> .lending()));
    let with_version = function.version.as_ref().map(|version| quote_spanned!(here=> .with_version(&#version)));
    let (ok, with_ok) = filled::emit(function, private).unzip();
    let promised::Written { functions, calls } = promised::emit(function, private);
    let symbol = registry::symbol(function, kind).unwrap_or_else(|| quote_spanned!(here=> ""));
    // Rustc makes no constant by itself of a name that depends on conditions.
    let is_literal = matches!(symbol.clone().into_iter().next(), Some(TokenTree::Literal(_)));
    let (constant, symbol) = match is_literal {
        true => (None, symbol),
        false => {
            let constant = quote_spanned!(here=> const __FFI_GUARD_SYMBOL: &::core::primitive::str = #symbol;);
            (Some(constant), quote_spanned!(here=> __FFI_GUARD_SYMBOL))
        }
    };
    let types = registry::types(function, kind, private);
    let entry = registry::entry(private);
    let variadic = function.source.variadic.is_some();
    quote_spanned! {here=>
        #kinds
        #ok
        #functions
        #entry
        #constant
        static __FFI_GUARD_FUNCTION: #private::Function = #private::Function::new(&#private::Declaration {
            name: #name,
            module: ::core::module_path!(),
            file: #file,
            line: #line,
            column: #column,
            parameters: &[#(#parameters),*],
            returns_owned: #returns_owned,
            keep_abi: #keep_abi,
            result: #result,
            callback: #callback,
            symbol: #symbol,
            types: #types,
            variadic: #variadic,
            severities: #severities,
        })#with_kinds #with_ok #with_version #calls #lending;
    }
}

/// One slot for the type of each argument, then one for the result if there is one.
fn kinds(function: &Function, private: &TokenStream) -> Option<TokenStream> {
    let returns = match &function.source.output {
        ReturnType::Type(_, ty) => !types::is_never(ty) && !types::is_unit(ty),
        ReturnType::Default => false,
    };
    let count = function.params.len() + usize::from(returns);
    let len = Literal::usize_unsuffixed(count);
    (count > 0).then(|| {
        quote_spanned! {Span::mixed_site()=>
            static __FFI_GUARD_KINDS: [#private::Kind; #len] = #private::Kind::each_unknown();
        }
    })
}

/// File, line and column of a name. `file!()` would be wrong: it is where the outermost macro was
/// called, and the name of a function that a macro declares may stand in another file.
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
