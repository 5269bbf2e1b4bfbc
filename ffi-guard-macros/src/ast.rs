//! An `extern` block as the user wrote it.
//!
//! `syn::ItemForeignMod` would not do: it has no `safe fn`, and what we do not guard must pass
//! through token by token.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::token::Brace;
use syn::{Abi, Attribute, Generics, ReturnType, Token, Type, Visibility, braced, parenthesized};

use crate::cfg::{self, Attr};

/// The block.
pub(crate) struct Block {
    pub attrs: Vec<Attr>,
    pub unsafety: Option<Token![unsafe]>,
    pub abi: Abi,
    pub brace: Brace,
    pub items: Vec<Item>,
}

/// One item of the block.
pub(crate) enum Item {
    /// A function that can be wrapped. Boxed, because it is a dozen times the size of the other
    /// variant.
    Function(Box<ForeignFn>),
    /// Anything else, passed through: statics, types, macros, functions that Rust itself will
    /// refuse.
    Other(Vec<Attr>, TokenStream),
}

/// A foreign function, before its conditions are resolved.
pub(crate) struct ForeignFn {
    pub attrs: Vec<Attr>,
    pub vis: Visibility,
    pub safety: Safety,
    pub name: Ident,
    pub generics: Generics,
    pub params: Vec<ForeignParam>,
    /// `...`, with its attributes and name.
    pub variadic: Option<TokenStream>,
    pub output: ReturnType,
    pub semi: Token![;],
}

/// A parameter of a foreign function.
pub(crate) struct ForeignParam {
    pub attrs: Vec<Attr>,
    /// `None` for `_`.
    pub name: Option<Ident>,
    pub ty: Type,
}

/// The qualifier before `fn`.
pub(crate) enum Safety {
    None,
    Unsafe(Ident),
    Safe(Ident),
}

impl Safety {
    pub(crate) fn keyword(&self) -> Option<&Ident> {
        match self {
            Safety::None => None,
            Safety::Unsafe(keyword) | Safety::Safe(keyword) => Some(keyword),
        }
    }

    pub(crate) fn is_safe(&self) -> bool {
        matches!(self, Safety::Safe(_))
    }
}

impl Parse for Block {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let outer = input.call(Attribute::parse_outer)?;
        let unsafety = input.parse()?;
        let abi = input.parse()?;
        let content;
        let brace = braced!(content in input);
        let inner = content.call(Attribute::parse_inner)?;
        let mut attrs = cfg::flatten(&outer);
        attrs.extend(cfg::flatten(&inner));
        let mut items = Vec::new();
        while !content.is_empty() {
            items.push(content.parse()?);
        }
        Ok(Block { attrs, unsafety, abi, brace, items })
    }
}

impl Parse for Item {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let attrs = cfg::flatten(&input.call(Attribute::parse_outer)?);
        let ahead = input.fork();
        if let Some(function) = function(&ahead, &attrs)? {
            use syn::parse::discouraged::Speculative as _;
            input.advance_to(&ahead);
            return Ok(Item::Function(Box::new(function)));
        }
        let mut tokens = TokenStream::new();
        while !input.is_empty() {
            let token: TokenTree = input.parse()?;
            let last = match &token {
                TokenTree::Punct(p) => p.as_char() == ';',
                // `static X: T = { .. };` is the one place where a brace does not end an item, and
                // Rust refuses it.
                TokenTree::Group(g) => g.delimiter() == Delimiter::Brace && !input.peek(Token![;]),
                _ => false,
            };
            tokens.extend([token]);
            if last {
                break;
            }
        }
        Ok(Item::Other(attrs, tokens))
    }
}

/// Parses a function. `None` if there is no function, or one that Rust will refuse in an extern
/// block.
fn function(input: ParseStream, attrs: &[Attr]) -> syn::Result<Option<ForeignFn>> {
    let vis = input.parse()?;
    let safety = if input.peek(Ident::peek_any) && (input.peek2(Token![fn])) {
        let keyword = input.call(Ident::parse_any)?;
        match keyword.to_string().as_str() {
            "unsafe" => Safety::Unsafe(keyword),
            "safe" => Safety::Safe(keyword),
            _ => return Ok(None),
        }
    } else {
        Safety::None
    };
    if !input.peek(Token![fn]) {
        return Ok(None);
    }
    input.parse::<Token![fn]>()?;
    let name = input.parse()?;
    let mut generics: Generics = input.parse()?;
    let content;
    parenthesized!(content in input);
    let mut params = Vec::new();
    let mut variadic = None;
    while !content.is_empty() {
        let param_attrs = cfg::flatten(&content.call(Attribute::parse_outer)?);
        // `_` first: to `peek_any` it is a name like any other.
        let name = if content.peek(Token![_]) && content.peek2(Token![:]) {
            content.parse::<Token![_]>()?;
            None
        } else if content.peek(Ident::peek_any) && content.peek2(Token![:]) && !content.peek(Token![self]) {
            Some(content.call(Ident::parse_any)?)
        } else if content.peek(Token![...]) {
            let dots: Token![...] = content.parse()?;
            variadic = Some(variadic_tokens(&param_attrs, &None, dots));
            content.parse::<Option<Token![,]>>()?;
            continue;
        } else {
            // A pattern, or `self`: Rust says that foreign functions have none.
            return Ok(None);
        };
        content.parse::<Token![:]>()?;
        if content.peek(Token![...]) {
            let dots = content.parse()?;
            variadic = Some(variadic_tokens(&param_attrs, &Some(name), dots));
        } else {
            params.push(ForeignParam { attrs: param_attrs, name, ty: content.parse()? });
        }
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    let output = input.parse()?;
    generics.where_clause = input.parse()?;
    // A body, or type parameters: Rust reports them.
    if !input.peek(Token![;]) || generics.params.len() != generics.lifetimes().count() {
        return Ok(None);
    }
    let semi = input.parse()?;
    Ok(Some(ForeignFn { attrs: attrs.to_vec(), vis, safety, name, generics, params, variadic, output, semi }))
}

fn variadic_tokens(attrs: &[Attr], name: &Option<Option<Ident>>, dots: Token![...]) -> TokenStream {
    let attrs = attrs.iter().filter(|a| a.name != "guard").map(Attr::emit);
    match name {
        None => quote!(#(#attrs)* #dots),
        Some(None) => quote!(#(#attrs)* _: #dots),
        Some(Some(name)) => quote!(#(#attrs)* #name: #dots),
    }
}

impl ForeignFn {
    /// The function as written, without its guard attributes and under one more attribute.
    pub(crate) fn bare(&self, also: Option<&TokenStream>) -> TokenStream {
        let attrs = self.attrs.iter().filter(|a| a.name != "guard").map(Attr::emit);
        let ForeignFn { vis, name, generics, output, variadic, semi, .. } = self;
        let safety = self.safety.keyword();
        let where_clause = &generics.where_clause;
        let params = self.params.iter().map(|param| {
            let attrs = param.attrs.iter().filter(|a| a.name != "guard").map(Attr::emit);
            let ty = &param.ty;
            let name = param.name.as_ref().map_or_else(|| quote!(_), |name| quote!(#name));
            quote!(#(#attrs)* #name: #ty)
        });
        let params = params.chain(variadic.clone());
        quote!(#(#attrs)* #also #vis #safety fn #name #generics (#(#params),*) #output #where_clause #semi)
    }
}

impl Item {
    /// The item as written, without its guard attributes.
    pub(crate) fn bare(&self) -> TokenStream {
        match self {
            Item::Function(function) => function.bare(None),
            Item::Other(attrs, tokens) => {
                let attrs = attrs.iter().filter(|a| a.name != "guard").map(Attr::emit);
                quote!(#(#attrs)* #tokens)
            }
        }
    }
}

impl Block {
    /// The block with other items. Its head and braces keep the user's spans, so Rust's own errors
    /// point there.
    pub(crate) fn around(&self, items: TokenStream) -> TokenStream {
        let mut block = self.unsafety.to_token_stream();
        self.abi.to_tokens(&mut block);
        self.brace.surround(&mut block, |inside| inside.extend(items));
        block
    }
}
