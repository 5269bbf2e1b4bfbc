//! Extents that are read through a pointer: `sized_by = *n * size`.
//!
//! The wrapper reads there before any rule is asked. So each such pointer is looked at first, where
//! the expression comes to it: `*n` becomes `*through(n, 2)?`. An expression that does not come to
//! it, such as `if n.is_null() { 0 } else { *n }`, does not mind.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, Type, UnOp};

use crate::extent::Extent;
use crate::valid::Param;

/// Has the pointers looked at that the extents are read through.
pub(crate) fn look_first(params: &mut [Param]) {
    let pointers = pointers(params, |param| Some(param.source.name.as_ref()?.unraw().to_string()));
    for extent in params.iter_mut().filter_map(|param| param.extent.as_mut()) {
        look(extent, &pointers);
    }
}

/// The parameters that are raw pointers, by these names.
pub(crate) fn pointers(params: &[Param], name: impl Fn(&Param) -> Option<String>) -> Vec<Pointer> {
    let named = |(position, param): (usize, &Param)| {
        Some(Pointer { name: name(param)?, position, target: target(&param.source.ty)?.clone() })
    };
    params.iter().enumerate().filter_map(named).collect()
}

/// Has the pointers looked at that one extent is read through.
pub(crate) fn look(extent: &mut Extent, pointers: &[Pointer]) {
    if pointers.is_empty() {
        return;
    }
    let Ok(mut expr) = syn::parse2::<Expr>(extent.expr.clone()) else { return };
    let mut reads = Reads { pointers, any: false };
    reads.visit_expr_mut(&mut expr);
    let mut returns = Returns(false);
    returns.visit_expr(&expr);
    if reads.any && !returns.0 {
        extent.expr = expr.into_token_stream();
        extent.reads = true;
    }
}

/// A parameter that is a raw pointer.
pub(crate) struct Pointer {
    name: String,
    position: usize,
    target: Type,
}

/// What a raw pointer leads to; `None` if it has no size of its own, or is no raw pointer.
fn target(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Ptr(pointer) => match &*pointer.elem {
            Type::Slice(_) | Type::TraitObject(_) => None,
            elem => Some(elem),
        },
        Type::Paren(inner) => target(&inner.elem),
        Type::Group(inner) => target(&inner.elem),
        _ => None,
    }
}

/// Rewrites what is read.
struct Reads<'a> {
    pointers: &'a [Pointer],
    any: bool,
}

impl Reads<'_> {
    /// The parameter that an expression begins at, and what the expression leads to, if it is a raw
    /// pointer.
    fn pointer(&self, expr: &Expr) -> Option<(usize, Option<Type>)> {
        match expr {
            Expr::Path(path) => {
                let name = path.path.get_ident()?.unraw().to_string();
                // A name that two parameters have is an error by now.
                let pointer = self.pointers.iter().find(|pointer| pointer.name == name)?;
                Some((pointer.position, Some(pointer.target.clone())))
            }
            Expr::Paren(inner) => self.pointer(&inner.expr),
            Expr::Group(inner) => self.pointer(&inner.expr),
            Expr::Cast(cast) => {
                let (position, _) = self.pointer(&cast.expr)?;
                Some((position, Some(target(&cast.ty)?.clone())))
            }
            // A pointer that lies where another one leads.
            Expr::Unary(syn::ExprUnary { op: UnOp::Deref(_), expr, .. }) => {
                let (position, there) = self.pointer(expr)?;
                Some((position, Some(target(&there?)?.clone())))
            }
            Expr::MethodCall(call) => {
                let (position, there) = self.pointer(&call.receiver)?;
                match call.method.to_string().as_str() {
                    "add" | "sub" | "offset" | "wrapping_add" | "wrapping_sub" | "wrapping_offset" | "cast_const"
                    | "cast_mut" => Some((position, there)),
                    "cast" => Some((position, None)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Puts the look around a pointer.
    fn look(&mut self, pointer: &mut Expr, position: usize) {
        self.visit_expr_mut(pointer);
        self.any = true;
        // rustc finds the parentheses of `*(p as *const u32)` unnecessary around an argument.
        while let Expr::Paren(inner) = pointer {
            *pointer = (*inner.expr).clone();
        }
        let here = Span::mixed_site();
        let looked: TokenStream = quote_spanned!(here=> __ffi_guard::through(#pointer, #position)?);
        *pointer = Expr::Verbatim(looked);
    }
}

impl VisitMut for Reads<'_> {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        match expr {
            Expr::Unary(syn::ExprUnary { op: UnOp::Deref(_), expr, .. }) => {
                if let Some((position, _)) = self.pointer(expr) {
                    return self.look(expr, position);
                }
            }
            Expr::MethodCall(call) if matches!(call.method.to_string().as_str(), "read" | "read_unaligned") => {
                if let Some((position, _)) = self.pointer(&call.receiver) {
                    return self.look(&mut call.receiver, position);
                }
            }
            // Other functions, which `?` would end.
            Expr::Closure(_) | Expr::Async(_) | Expr::Const(_) => return,
            _ => {}
        }
        visit_mut::visit_expr_mut(self, expr);
    }

    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}

/// True if the expression ends the function around it: it is left as it is.
struct Returns(bool);

impl<'ast> Visit<'ast> for Returns {
    fn visit_expr_return(&mut self, _: &'ast syn::ExprReturn) {
        self.0 = true;
    }

    fn visit_expr_closure(&mut self, _: &'ast syn::ExprClosure) {}

    fn visit_item(&mut self, _: &'ast syn::Item) {}

    fn visit_expr(&mut self, expr: &'ast Expr) {
        visit::visit_expr(self, expr);
    }
}

/// The value of an extent that is read through a pointer. `stated` is the value itself, with a `?`
/// for each look.
pub(crate) fn state(stated: &TokenStream, is_safe: bool, private: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let stated = match is_safe {
        true => quote!(#stated),
        // As in the body of the function: the caller has promised what the reads need.
        false => quote_spanned!(here=> unsafe { #stated }),
    };
    quote_spanned! {here=> {
        #[allow(unused_unsafe, clippy::redundant_closure_call)]
        let stated = (|| -> ::core::result::Result<#private::Stated, #private::Stated> {
            ::core::result::Result::Ok(#stated)
        })();
        match stated {
            ::core::result::Result::Ok(stated) | ::core::result::Result::Err(stated) => stated,
        }
    }}
}
