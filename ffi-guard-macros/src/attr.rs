//! Parses the arguments of `#[guard(..)]`. Whether they make sense where they stand is checked
//! later, in `valid`.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Expr, Token};

use crate::cfg::Attr;
use crate::message;

/// The errors found so far.
#[derive(Default)]
pub(crate) struct Errors {
    first: Option<syn::Error>,
    /// Errors that only count under a `cfg`, which rustc evaluates.
    conditional: TokenStream,
}

impl Errors {
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.first {
            None => self.first = Some(error),
            Some(first) => first.combine(error),
        }
    }

    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(syn::Error::new(span, message));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The words of the first error.
    pub(crate) fn first(&self) -> Option<String> {
        self.first.as_ref().and_then(|all| all.clone().into_iter().next()).map(|error| error.to_string())
    }

    /// Adds the errors found under a condition.
    pub(crate) fn under(&mut self, condition: Option<&TokenStream>, errors: Errors) {
        let errors = errors.first.into_iter().flatten().map(|error| error.into_compile_error());
        self.conditional.extend(quote!(#(#condition #errors)*));
    }

    /// One `compile_error!` for each error.
    pub(crate) fn emit(self) -> TokenStream {
        let errors = self.first.into_iter().flatten().map(|error| error.into_compile_error());
        let conditional = self.conditional;
        quote!(#(#errors)* #conditional)
    }
}

/// One argument: `key`, `key = expression`, `key(list)`.
#[derive(Clone)]
pub(crate) struct Setting {
    pub key: Ident,
    pub value: Value,
}

/// The part of an argument after its key.
#[derive(Clone)]
pub(crate) enum Value {
    None,
    /// `= expression`
    Expr(Box<Expr>),
    /// `crate = path`, not parsed further, because syn does not take `$crate` for a path.
    Path(TokenStream),
    /// `(word, ..)`
    List(Vec<Ident>),
    /// `(word, key = expression, ..)` of `returns`.
    Returns(Vec<Setting>),
    /// `(value => [argument, ..], ..)` of `followed_by`.
    Arms(TokenStream),
}

/// The arguments of a `#[guard(..)]` inside the block.
pub(crate) fn settings(attr: &Attr, errors: &mut Errors) -> Vec<Setting> {
    match attr.arguments() {
        Some(group) if !group.stream().is_empty() => parse(group.stream(), errors),
        _ => {
            errors.at(attr.span, message::EMPTY);
            Vec::new()
        }
    }
}

/// Parses the arguments in `tokens`. If one cannot be parsed, that is an error, and the rest is
/// still read.
pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Vec<Setting> {
    let parser = |input: ParseStream| {
        let mut settings = Vec::new();
        while !input.is_empty() {
            match setting(input) {
                Ok(setting) => settings.push(setting),
                Err(error) => {
                    errors.push(error);
                    skip_to_comma(input)?;
                }
            }
            if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                errors.at(input.span(), message::EXPECTED_COMMA);
                skip_to_comma(input)?;
                input.parse::<Option<Token![,]>>()?;
            }
        }
        Ok(settings)
    };
    parser.parse2(tokens).unwrap_or_else(|error| {
        errors.push(error);
        Vec::new()
    })
}

fn setting(input: ParseStream) -> syn::Result<Setting> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error(message::EXPECTED_WORD));
    }
    let key = input.call(Ident::parse_any)?;
    let value = if input.peek(Token![=]) {
        let eq: Token![=] = input.parse()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new(eq.span(), message::expected_value(&key)));
        }
        match key == "crate" {
            true => Value::Path(path(input)?),
            false => Value::Expr(Box::new(input.parse()?)),
        }
    } else if input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in input);
        if key == "followed_by" {
            return Ok(Setting { key, value: Value::Arms(content.parse()?) });
        }
        if key == "returns" {
            let words = content.parse_terminated(setting, Token![,])?;
            return Ok(Setting { key, value: Value::Returns(words.into_iter().collect()) });
        }
        let words = content.parse_terminated(word, Token![,])?;
        Value::List(words.into_iter().collect())
    } else {
        Value::None
    };
    Ok(Setting { key, value })
}

fn word(input: ParseStream) -> syn::Result<Ident> {
    match input.peek(Ident::peek_any) {
        true => input.call(Ident::parse_any),
        false => Err(input.error(message::EXPECTED_WORD)),
    }
}

/// Identifiers and `::`, up to the comma.
fn path(input: ParseStream) -> syn::Result<TokenStream> {
    let mut path = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        let token: TokenTree = input.parse()?;
        let fits = match &token {
            TokenTree::Ident(_) => true,
            TokenTree::Punct(p) => p.as_char() == ':' || p.as_char() == '$',
            // A path from a `$p:path` of macro_rules.
            TokenTree::Group(g) => g.delimiter() == Delimiter::None,
            TokenTree::Literal(_) => false,
        };
        if !fits {
            return Err(syn::Error::new(token.span(), message::EXPECTED_PATH));
        }
        path.extend([token]);
    }
    Ok(path)
}

fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

impl Setting {
    /// The span for errors about the value.
    pub(crate) fn value_span(&self) -> Span {
        match &self.value {
            Value::None => self.key.span(),
            Value::Expr(expr) => expr.span(),
            Value::Path(path) => path.span(),
            Value::Arms(arms) => arms.span(),
            Value::Returns(words) => words.first().map_or(self.key.span(), |word| word.key.span()),
            Value::List(words) => words.first().map_or(self.key.span(), Ident::span),
        }
    }
}
