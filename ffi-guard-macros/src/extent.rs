//! The expressions of `counted_by = expr` and its like: which names they may use, and how
//! these are renamed in the wrapper.

use std::collections::HashSet;

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use syn::Expr;
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};

use crate::attr::Errors;
use crate::message;
use crate::valid::Param;

/// True for the words that state an extent.
pub(crate) fn is_one(key: &str) -> bool {
    matches!(key, "counted_by" | "sized_by" | "text_by" | "text_within")
}

/// One `counted_by = expr`, `sized_by = expr`, `text_by = expr` or `text_within = expr`.
pub(crate) struct Extent {
    pub key: Ident,
    pub expr: TokenStream,
    pub text: String,
    /// True if it is read through a pointer that is looked at first.
    pub reads: bool,
}

/// Refuses an extent that uses a name that is not a parameter, or is that of two.
pub(crate) fn names_in(expr: &Expr, key: &Ident, names: &[String], errors: &mut Errors) {
    let mut bindings = Bindings::default();
    bindings.visit_expr(expr);
    for used in bindings.used {
        let name = used.unraw().to_string();
        let constant = !name.contains(|c: char| c.is_lowercase());
        let bound = bindings.bound.contains(&name);
        match names.iter().filter(|known| **known == name).count() {
            0 if !constant && !bound => errors.at(used.span(), message::no_parameter(&name, key, names)),
            0 | 1 => {}
            times if !bound => errors.at(used.span(), message::two_of_one_name(&name, times)),
            _ => {}
        }
    }
}

/// True if an expression uses a value that is no constant, by its name.
pub(crate) fn uses_a_variable(expr: &Expr) -> bool {
    let mut bindings = Bindings::default();
    bindings.visit_expr(expr);
    bindings.used.iter().any(|name| name.to_string().contains(|c: char| c.is_lowercase()))
}

/// Collects the names that an expression uses as values, and those that it binds itself.
#[derive(Default)]
struct Bindings {
    used: Vec<Ident>,
    bound: HashSet<String>,
}

impl<'ast> Visit<'ast> for Bindings {
    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        if path.qself.is_none() {
            self.used.extend(path.path.get_ident().cloned());
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        // The name of a called function is not a parameter.
        if !matches!(&*call.func, Expr::Path(_)) {
            self.visit_expr(&call.func);
        }
        call.args.iter().for_each(|argument| self.visit_expr(argument));
    }

    fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
        self.bound.insert(pat.ident.unraw().to_string());
        visit::visit_pat_ident(self, pat);
    }
}

/// Renames, in the extents, the parameters that have another name in the wrapper.
pub(crate) fn rename_in(params: &mut [Param]) {
    let renamed = renamed(params);
    if renamed.is_empty() {
        return;
    }
    for extent in params.iter_mut().filter_map(|p| p.extent.as_mut()) {
        extent.expr = rename(extent.expr.clone(), &renamed);
    }
}

/// The names of the parameters, and those that they have in the wrapper, where the two differ.
fn renamed(params: &[Param]) -> Vec<(Ident, Ident)> {
    params
        .iter()
        .filter_map(|p| p.source.name.clone().map(|name| (name, p.local.clone())))
        .filter(|(name, local)| name != local)
        .collect()
}

/// An expression over the parameters, by the names that they have in the wrapper.
pub(crate) fn in_locals(expr: TokenStream, params: &[Param]) -> TokenStream {
    rename(expr, &renamed(params))
}

fn rename(tokens: TokenStream, renamed: &[(Ident, Ident)]) -> TokenStream {
    let mut out: Vec<TokenTree> = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        // `len` in `x.len` and `len::N` is not the parameter.
        let is = |token: Option<&TokenTree>, c| matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == c);
        let elsewhere = is(out.last(), '.') || is(out.last(), ':') || is(tokens.peek(), ':');
        out.push(match token {
            TokenTree::Group(group) => {
                let mut inside = Group::new(group.delimiter(), rename(group.stream(), renamed));
                inside.set_span(group.span());
                inside.into()
            }
            TokenTree::Ident(ident) if !elsewhere => {
                let local = renamed.iter().find(|(name, _)| *name == ident).map(|(_, local)| local);
                let mut local = local.unwrap_or(&ident).clone();
                local.set_span(ident.span());
                local.into()
            }
            token => token,
        });
    }
    out.into_iter().collect()
}
