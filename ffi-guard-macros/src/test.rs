//! `#[ffi_guard::test]`: the function stays as it is, inside one that the test harness calls.
//!
//! ```text
//!  #[test] attributes fn name() -> T {
//!      fn name() -> T { body }
//!      ffi_guard::testing::run(what the attribute says, name)
//!  }
//! ```

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ItemFn, Lit, Meta, Token, parenthesized};

use crate::attr::Errors;
use crate::message;
use crate::settings::RULES;

/// What the attribute says.
#[derive(Default)]
struct Arguments {
    krate: Option<syn::Path>,
    level: Option<u8>,
    /// True for `look = "each"`.
    look_each: Option<bool>,
    process: bool,
    /// Rules, each with the name of its severity.
    rules: Vec<(&'static str, &'static str)>,
}

/// The severities, as `rules(..)` and as the library name them.
const SEVERITIES: [(&str, &str); 3] = [("allow", "Allow"), ("warn", "Warn"), ("deny", "Deny")];

/// The levels, as the library names them.
const LEVELS: [&str; 4] = ["Off", "Arguments", "Full", "Paged"];

/// Expands `#[ffi_guard::test(arguments)]` on this item.
pub(crate) fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let mut says = Arguments::default();
    if let Err(error) = (|input: ParseStream| says.read(input)).parse2(arguments) {
        errors.push(error);
    }
    match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => {
            refuse(&function, &says, &mut errors);
            if errors.is_empty() {
                return write(&function, &says);
            }
        }
        Err(_) => errors.at(Span::call_site(), message::TEST_ITEM),
    }
    let errors = errors.emit();
    quote!(#errors #item)
}

impl Arguments {
    /// True if the test may have to run in a process of its own.
    fn may_need_process(&self) -> bool {
        self.process || self.level.is_some() || self.look_each.is_some() || !self.rules.is_empty()
    }

    fn read(&mut self, input: ParseStream) -> syn::Result<()> {
        while !input.is_empty() {
            if input.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![=]>()?;
                self.krate = Some(input.parse()?);
            } else {
                let key: Ident = input.parse().map_err(|error| syn::Error::new(error.span(), message::TEST_TAKES))?;
                match key.to_string().as_str() {
                    "level" if self.level.is_some() => return Err(syn::Error::new(key.span(), message::twice(&key))),
                    "level" => self.level = Some(level(input)?),
                    "look" if self.look_each.is_some() => {
                        return Err(syn::Error::new(key.span(), message::twice(&key)));
                    }
                    "look" => self.look_each = Some(look(input)?),
                    "process" => self.process = true,
                    "rules" => self.rules(input)?,
                    _ => return Err(syn::Error::new(key.span(), message::TEST_TAKES)),
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn rules(&mut self, input: ParseStream) -> syn::Result<()> {
        let lists;
        parenthesized!(lists in input);
        while !lists.is_empty() {
            let word: Ident = lists.parse().map_err(|error| syn::Error::new(error.span(), message::TEST_RULES))?;
            let known = SEVERITIES.into_iter().find(|(name, _)| word == name);
            let (_, severity) = known.ok_or_else(|| syn::Error::new(word.span(), message::TEST_RULES))?;
            let names;
            parenthesized!(names in lists);
            for name in Punctuated::<Ident, Token![,]>::parse_terminated(&names)? {
                let rule = RULES
                    .into_iter()
                    .find(|rule| name == rule)
                    .ok_or_else(|| syn::Error::new(name.span(), message::unknown_rule(&name.to_string(), &RULES)))?;
                if let Some((_, first)) = self.rules.iter().find(|(known, _)| *known == rule) {
                    let first = first.to_lowercase();
                    return Err(syn::Error::new(name.span(), message::rule_twice(rule, &first, &word)));
                }
                self.rules.push((rule, severity));
            }
            if !lists.is_empty() {
                lists.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }
}

fn level(input: ParseStream) -> syn::Result<u8> {
    input.parse::<Token![=]>()?;
    let wrong = |span| syn::Error::new(span, message::TEST_LEVEL);
    let value: Literal = input.parse().map_err(|error| wrong(error.span()))?;
    value.to_string().parse().ok().filter(|level| *level <= 3).ok_or_else(|| wrong(value.span()))
}

fn look(input: ParseStream) -> syn::Result<bool> {
    input.parse::<Token![=]>()?;
    let value: syn::LitStr = input.parse().map_err(|error| syn::Error::new(error.span(), message::TEST_LOOK))?;
    match value.value().as_str() {
        "each" => Ok(true),
        "budget" => Ok(false),
        _ => Err(syn::Error::new(value.span(), message::TEST_LOOK)),
    }
}

fn refuse(function: &ItemFn, says: &Arguments, errors: &mut Errors) {
    let signature = &function.sig;
    if let Some(word) = &signature.asyncness {
        errors.push(syn::Error::new_spanned(word, message::TEST_ASYNC));
    }
    if !signature.inputs.is_empty() || !signature.generics.params.is_empty() || signature.unsafety.is_some() {
        errors.push(syn::Error::new_spanned(&signature.ident, message::TEST_PARAMETERS));
    }
    let locks_a_file = |attr: &&Attribute| attr.path().segments.last().is_some_and(|last| last.ident == "file_serial");
    if says.may_need_process()
        && let Some(attr) = function.attrs.iter().find(locks_a_file)
    {
        errors.push(syn::Error::new_spanned(attr, message::TEST_FILE_SERIAL));
    }
}

fn write(function: &ItemFn, says: &Arguments) -> TokenStream {
    let here = Span::mixed_site();
    let ItemFn { attrs, vis, sig, block } = function;
    let (name, output) = (&sig.ident, &sig.output);
    let krate = says.krate.as_ref().map_or_else(|| quote!(::ffi_guard), |path| quote!(#path));
    let testing = quote_spanned!(here=> #krate::testing);
    let level = match says.level.and_then(|level| LEVELS.get(usize::from(level))) {
        Some(level) => {
            let level = Ident::new(level, here);
            quote_spanned!(here=> ::core::option::Option::Some(#krate::Level::#level))
        }
        None => quote_spanned!(here=> ::core::option::Option::None),
    };
    let rules = says.rules.iter().map(|(rule, severity)| {
        let (rule, severity) = (Ident::new(&pascal(rule), here), Ident::new(severity, here));
        quote_spanned!(here=> (#krate::Rule::#rule, #krate::Severity::#severity))
    });
    let process = says.process;
    let look_each = match says.look_each {
        Some(each) => quote_spanned!(here=> ::core::option::Option::Some(#each)),
        None => quote_spanned!(here=> ::core::option::Option::None),
    };
    let panics = attrs.iter().find(|attr| attr.path().is_ident("should_panic"));
    let should_panic = match panics.map(expected) {
        None => quote_spanned!(here=> No),
        Some(None) => quote_spanned!(here=> Yes),
        Some(Some(text)) => quote_spanned!(here=> With(#text)),
    };
    // A test that always runs here may return what cannot be made without running it.
    let stays = !says.may_need_process() && panics.is_none();
    let run = Ident::new(if stays { "run_here" } else { "run" }, here);
    let is_test = |attr: &Attribute| attr.path().segments.last().is_some_and(|last| last.ident == "test");
    let test = (!attrs.iter().any(is_test)).then(|| quote_spanned!(here=> #[::core::prelude::v1::test]));
    let body = quote!(fn #name() #output #block);
    quote_spanned! {here=>
        #test
        #(#attrs)*
        #vis fn #name() #output {
            #body
            #testing::#run(
                &#testing::Test {
                    path: ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
                    level: #level,
                    look_each: #look_each,
                    process: #process,
                    rules: &[#(#rules),*],
                    should_panic: #testing::ShouldPanic::#should_panic,
                },
                #name,
            )
        }
    }
}

/// The text that `#[should_panic]` expects.
fn expected(attr: &Attribute) -> Option<syn::LitStr> {
    let value = |value: &Expr| match value {
        Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text.clone()),
        _ => None,
    };
    match &attr.meta {
        Meta::Path(_) => None,
        Meta::NameValue(pair) => value(&pair.value),
        Meta::List(list) => list.parse_args::<syn::MetaNameValue>().ok().and_then(|pair| value(&pair.value)),
    }
}

/// `nested_pointer` as the library's enum has it.
fn pascal(rule: &str) -> String {
    let parts = rule
        .split('_')
        .map(|part| part.get(..1).unwrap_or_default().to_uppercase() + part.get(1..).unwrap_or_default());
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(arguments: TokenStream, item: TokenStream) -> String {
        test(arguments, item).to_string().chars().filter(|c| !c.is_whitespace()).collect()
    }

    #[test]
    fn the_attributes_stay_and_the_harness_finds_one_test() {
        let text = expanded(
            quote!(level = 2),
            quote!(
                #[ignore]
                #[should_panic(expected = "so")]
                fn f() {
                    g()
                }
            ),
        );
        assert!(text.contains("#[::core::prelude::v1::test]#[ignore]#[should_panic(expected=\"so\")]fnf(){fnf(){g()}"));
        assert!(text.contains("testing::run(&") && text.contains("ShouldPanic::With(\"so\")"), "{text}");
        assert!(text.contains("Some(::ffi_guard::Level::Full)"), "{text}");
        let text = expanded(
            quote!(),
            quote!(
                #[test]
                fn f() -> Result<(), E> {
                    g()
                }
            ),
        );
        assert_eq!(text.matches("test]").count(), 1, "{text}");
        assert!(text.contains("testing::run_here(&"), "{text}");
    }

    #[test]
    fn rules_are_the_librarys() {
        let says = quote!(crate = a::b, rules(deny(leaked_ownership), allow(nested_pointer, double_free)));
        let text = expanded(
            says,
            quote!(
                fn f() {}
            ),
        );
        assert!(
            text.contains("(a::b::Rule::LeakedOwnership,a::b::Severity::Deny),(a::b::Rule::NestedPointer,"),
            "{text}"
        );
    }

    #[test]
    fn what_is_wrong_is_said_and_the_function_stays() {
        let f = quote!(
            fn f() {}
        );
        for (says, item, why) in [
            (quote!(level = 4), f.clone(), "`level = 2`"),
            (quote!(level = full), f.clone(), "`level = 2`"),
            (quote!(level), f.clone(), "expected`=`"),
            (quote!(look = "all"), f.clone(), "`look=\\\"each\\\"`"),
            (quote!(look), f.clone(), "expected`=`"),
            (quote!(levle = 2), f.clone(), "takes`level=n`"),
            (quote!(rules(nested_pointer)), f.clone(), "`rules(deny("),
            (quote!(rules(deny(nested))), f.clone(), "nested"),
            (quote!(rules(deny(double_free), warn(double_free))), f.clone(), "double_free"),
            (
                quote!(),
                quote!(
                    async fn f() {}
                ),
                "block_on",
            ),
            (
                quote!(),
                quote!(
                    fn f(n: u8) {}
                ),
                "noparameters",
            ),
            (
                quote!(process),
                quote!(
                    #[serial_test::file_serial]
                    fn f() {}
                ),
                "abovethisone",
            ),
            (
                quote!(),
                quote!(
                    struct F;
                ),
                "on a function",
            ),
        ] {
            let text = expanded(says, item);
            let why: String = why.chars().filter(|c| !c.is_whitespace()).collect();
            assert!(text.contains("compile_error!") && text.contains(&why), "{why}: {text}");
            assert!(text.contains("fnf(") || text.contains("structF"), "{text}");
        }
    }

    #[test]
    fn each_rule_has_a_name_in_the_enum() {
        assert_eq!(RULES.map(pascal)[..2], ["NestedPointer", "DanglingPointer"]);
    }
}
