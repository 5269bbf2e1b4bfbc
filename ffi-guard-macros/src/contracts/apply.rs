//! Says of a declaration what a contract says of the function in C, where the two fit.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{Expr, Type, UnOp};

use super::file::{Contract, is_callback};
use super::{Contracts, read};
use crate::ast::ForeignFn;
use crate::attr::{Errors, Value};
use crate::extent::{self, Extent};
use crate::message::On;
use crate::settings::Settings;
use crate::valid::{CONTRADICTIONS, Function, Param};
use crate::{aligned, filled, kept, promised, reads, text, types, variadic};

/// What came of looking for a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// There is none.
    None,
    /// It holds.
    Holds,
    /// There is one, and the declaration is of something else. Why.
    Misfit(String),
}

/// Applies the contract of a function, if there is one. What an attribute says is stronger.
pub(crate) fn apply(contracts: &Contracts, function: &mut Function) -> Applied {
    match symbols(function.source).iter().find_map(|name| contracts.of_function(name)) {
        Some((library, contract)) => say(library, &contract, (On::Function, On::Parameter), function),
        None => Applied::None,
    }
}

/// Applies the contract of a callback's type, which has this name, to a Rust function that C calls.
pub(crate) fn apply_to_callback(contracts: &Contracts, name: &str, function: &mut Function) -> Applied {
    match contracts.of_function(name).filter(|_| is_callback(name)) {
        Some((library, contract)) => say(library, &contract, (On::Callback, On::CallbackParameter), function),
        None => Applied::None,
    }
}

/// Says of a function what its contract says. `on`: where the words stand in attributes.
fn say(library: &str, contract: &Contract, on: (On, On), function: &mut Function) -> Applied {
    let mut errors = Errors::default();
    let words: Result<Vec<Settings>, String> =
        contract.parameters.iter().map(|it| read::settings(&it.words, on.1, &mut errors)).collect();
    // Each file is checked before: neither can fail here.
    let (Ok(words), Ok(about)) = (words, read::settings(&contract.function, on.0, &mut errors)) else {
        return Applied::None;
    };
    if let Err(why) = fits(contract, &words, &function.params) {
        return Applied::Misfit(format!("the contract in {library} ({}) does not fit: {why}", contract.page));
    }
    let names: Vec<String> = contract.parameters.iter().map(|it| it.name.clone()).collect();
    let locals: Vec<Ident> = function.params.iter().map(|param| param.local.clone()).collect();
    let written: Vec<Ident> = function.params.iter().map(|param| written(param)).collect();
    let readable = reads::pointers(&function.params, |param| Some(param.local.unraw().to_string()));
    for (param, settings) in function.params.iter_mut().zip(&words) {
        let said = said(param);
        for setting in &settings.list {
            let key = setting.key.to_string();
            if said.iter().any(|said| *said == key || contradict(said, &key)) {
                continue;
            }
            if variadic::TAILS.contains(&key.as_str()) {
                param.tail = param.tail.take().or_else(|| Some(setting.clone()));
                if key != "followed_by" {
                    param.contract.push(Ident::new("cstr", Span::mixed_site()));
                }
                continue;
            }
            match &setting.value {
                Value::Expr(expr) if extent::is_one(&key) => {
                    let expr = expr.to_token_stream();
                    let shown = text::of_expr(renamed(expr.clone(), &names, &|at| written[at].clone()));
                    let expr = renamed(expr, &names, &|at| locals[at].clone());
                    let word = Ident::new(&key, Span::mixed_site());
                    let mut extent = Extent { key: word, expr, text: shown, reads: false };
                    reads::look(&mut extent, &readable);
                    if extent.reads {
                        let expr = &extent.expr;
                        extent.expr = quote!(unsafe { #expr });
                    }
                    param.extent = Some(extent);
                    param.contract.push(Ident::new("stated", Span::mixed_site()));
                    if types::is_text_key(&key) {
                        param.contract.push(Ident::new("text", Span::mixed_site()));
                    }
                }
                Value::Expr(_) if aligned::is_one(&key) => aligned::say(setting, param, &mut errors),
                Value::Expr(_) => kept::say(setting, &names, param, &mut errors),
                Value::List(_) | Value::Path(_) | Value::Arms(_) | Value::Returns(_) => {}
                Value::None if key == "remembered" => param.remember(),
                Value::None => param.contract.push(Ident::new(&key, Span::mixed_site())),
            }
        }
        param.stale.extend(settings.words("stale"));
        param.severities.add(settings.severities(&mut errors));
    }
    if let Some(Value::Returns(list)) = about.get("returns").map(|setting| &setting.value)
        && function.result.is_empty()
    {
        let local = |expr| renamed(expr, &names, &|at| locals[at].clone());
        let shown = |expr| text::of_expr(renamed(expr, &names, &|at| written[at].clone()));
        function.result = match on.0 {
            On::Callback => promised::of_callback_type(list),
            _ => promised::of_contract(list, &function.params, &local, &shown, &mut errors),
        };
    }
    if function.ok.is_none() {
        function.ok = about.get("ok").and_then(|setting| match &setting.value {
            Value::Expr(expr) => Some(filled::of(expr)),
            _ => None,
        });
    }
    function.severities.add(about.severities(&mut errors));
    Applied::Holds
}

/// The name of a parameter as the declaration has it.
fn written(param: &Param) -> Ident {
    param.source.name.clone().unwrap_or_else(|| param.local.clone())
}

/// The names that the function can have in C: that of `link_name`, and the Rust name if the former
/// is the same under a prefix, as libraries get that are linked beside another copy of them.
fn symbols(source: &ForeignFn) -> Vec<String> {
    let name = source.name.unraw().to_string();
    let link = source.attrs.iter().find(|attr| attr.name == "link_name" && attr.when.is_none());
    let linked = link.and_then(|attr| {
        attr.tokens.clone().into_iter().find_map(|token| match token {
            TokenTree::Literal(text) => {
                Some(text.to_string().trim_matches('"').trim_start_matches("\\u{1}").to_string())
            }
            _ => None,
        })
    });
    match linked {
        None => vec![name],
        Some(linked) if linked.ends_with(&format!("_{name}")) => vec![linked, name],
        Some(linked) => vec![linked],
    }
}

/// True if two attributes of one parameter exclude each other.
fn contradict(one: &str, other: &str) -> bool {
    CONTRADICTIONS.iter().any(|(a, b, _)| (*a, *b) == (one, other) || (*a, *b) == (other, one))
}

/// The words that the user has written on a parameter himself.
fn said(param: &Param) -> Vec<String> {
    let words = param.contract.iter().map(Ident::to_string).filter(|word| word != "stated");
    let aligned = param.also.iter().any(|it| it.to_string().contains("aligned")).then(|| "aligned".to_owned());
    words.chain(param.extent.iter().map(|extent| extent.key.to_string())).chain(aligned).collect()
}

/// Whether the contract can be that of this declaration: a C function of this name may be another
/// one.
fn fits(contract: &Contract, words: &[Settings], params: &[Param]) -> Result<(), String> {
    if contract.parameters.len() != params.len() {
        return Err(format!("it has {} parameters, and the declaration {}", contract.parameters.len(), params.len()));
    }
    let mut numbers = Numbers::default();
    for ((param, about), settings) in params.iter().zip(&contract.parameters).zip(words) {
        let ty = &param.source.ty;
        let shown = || format!("`{}` is `{}`", about.name, text::of_type(ty.to_token_stream()));
        // What a number decides of the arguments in `...` says nothing of itself.
        if settings.list.iter().all(|setting| setting.key == "followed_by") {
            continue;
        }
        if types::is_scalar(ty) || types::is_function(ty) {
            return Err(format!("{}, and no pointer to data", shown()));
        }
        let text = settings.list.iter().any(|it| it.key == "cstr" || types::is_text_key(&it.key.to_string()));
        if text && !types::may_be_text(ty) {
            return Err(format!("{}, and no text", shown()));
        }
        if settings.has("lends") && !types::may_lead_to_pointer(ty) {
            return Err(format!("{}, in which no pointer can be stored", shown()));
        }
        if settings.has("counted_by") && types::points_to_void(ty) {
            return Err(format!("{}, which has no size to count by", shown()));
        }
        for setting in settings.list.iter().filter(|it| extent::is_one(&it.key.to_string())) {
            if let Value::Expr(expr) = &setting.value {
                numbers.visit_expr(expr);
            }
        }
    }
    let position = |name: &String| contract.parameters.iter().position(|it| it.name == *name);
    let ty = |name: &String| Some(&params.get(position(name)?)?.source.ty);
    let shown = |ty: &Type| text::of_type(ty.to_token_stream());
    for (name, ty) in numbers.plain.iter().filter_map(|name| Some((name, ty(name)?))) {
        if !types::may_be_number(ty) {
            return Err(format!("`{name}` is `{}`, and no number", shown(ty)));
        }
    }
    for (name, ty) in numbers.read.iter().filter_map(|name| Some((name, ty(name)?))) {
        if !types::target(ty).is_some_and(types::may_be_number) {
            return Err(format!("`{name}` is `{}`, and leads to no number", shown(ty)));
        }
    }
    Ok(())
}

/// The names in an extent that stand for numbers, and those that are read through, as `n` in `*n`.
#[derive(Default)]
struct Numbers {
    plain: Vec<String>,
    read: Vec<String>,
}

impl<'ast> Visit<'ast> for Numbers {
    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        match (&unary.op, &*unary.expr) {
            (UnOp::Deref(_), Expr::Path(path)) => self.read.extend(path.path.get_ident().map(Ident::to_string)),
            _ => visit::visit_expr_unary(self, unary),
        }
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        self.plain.extend(path.path.get_ident().map(Ident::to_string));
    }
}

/// The tokens with other names for the parameters, out of reach of names at the call.
fn renamed(tokens: TokenStream, names: &[String], to: &dyn Fn(usize) -> Ident) -> TokenStream {
    let tokens = tokens.into_iter().map(|token| match token {
        TokenTree::Group(group) => Group::new(group.delimiter(), renamed(group.stream(), names, to)).into(),
        TokenTree::Ident(ident) => match names.iter().position(|name| ident == name) {
            Some(at) => to(at).into(),
            None => Ident::new(&ident.to_string(), Span::mixed_site()).into(),
        },
        mut token => {
            token.set_span(Span::mixed_site());
            token
        }
    });
    tokens.collect()
}
