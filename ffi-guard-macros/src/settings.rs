//! The settings of one item: each is known there and given once, in its own form.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;

use crate::attr::{self, Errors, Setting, Value};
use crate::cfg::{Attr, CfgCase};
use crate::message::{self, On};
use crate::{aligned, extent, kept};

/// The rules, as `ffi_guard::Rule` has them: name by name, in the same order (tests keep the two in
/// step).
pub(crate) const RULES: [&str; 24] = [
    "nested_pointer",
    "dangling_pointer",
    "dangling_field",
    "out_of_bounds",
    "unterminated_string",
    "null_pointer",
    "misaligned_pointer",
    "invalid_value",
    "invalid_result",
    "abi_mismatch",
    "clashing_declaration",
    "split_library",
    "returned_pointer",
    "wrong_thread",
    "stale_handle",
    "retained_pointer",
    "freed_while_retained",
    "buffer_overflow",
    "write_through_const",
    "uninitialised_memory",
    "alloc_dealloc_mismatch",
    "double_free",
    "use_after_free",
    "leaked_ownership",
];

/// The severities set by one attribute, rule by rule.
#[derive(Default)]
pub(crate) struct Severities(Vec<(&'static str, Ident)>);

/// The settings of one item. Each is known there and given once.
pub(crate) struct Settings {
    pub(crate) list: Vec<Setting>,
}

impl Settings {
    pub(crate) fn new(on: On, list: Vec<Setting>, errors: &mut Errors) -> Settings {
        let mut kept: Vec<Setting> = Vec::new();
        for setting in list {
            let key = setting.key.to_string();
            let severity = is_severity(&setting.key);
            let fits = match (key.as_str(), &setting.value) {
                (key, value) if has_value(key) => matches!(value, Value::Expr(_)),
                ("crate", value) => matches!(value, Value::Path(_)),
                ("followed_by", value) => matches!(value, Value::Arms(_)),
                ("printf", Value::List(words)) => matches!(&words[..], [dialect] if dialect == "sqlite"),
                ("allow" | "warn" | "deny", value) => matches!(value, Value::List(_)),
                ("returns", value) => matches!(value, Value::Returns(_)),
                ("stale", Value::List(fields)) => !fields.is_empty(),
                ("stale", _) => false,
                ("keep_abi" | "skip", Value::List(names)) => on == On::Block && !names.is_empty(),
                (_, value) => matches!(value, Value::None),
            };
            if !on.keys().contains(&key.as_str()) {
                errors.at(setting.key.span(), message::unknown(&setting.key, on));
            } else if !fits {
                errors.at(setting.key.span(), message::wrong_form(&setting.key));
            } else if !severity && kept.iter().any(|known| known.key == setting.key) {
                errors.at(setting.key.span(), message::twice(&setting.key));
            } else {
                kept.push(setting);
            }
        }
        Settings { list: kept }
    }

    pub(crate) fn of(attrs: &[Attr], on: On, case: &CfgCase, errors: &mut Errors) -> Settings {
        let mut list = Vec::new();
        for attr in attrs.iter().filter(|attr| attr.name == "guard" && case.has(attr)) {
            list.extend(attr::settings(attr, errors));
        }
        Settings::new(on, list, errors)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Setting> {
        self.list.iter().find(|setting| setting.key == key)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The words in the list of a setting; none if it is not there.
    pub(crate) fn words(&self, key: &str) -> Vec<String> {
        match self.get(key).map(|setting| &setting.value) {
            Some(Value::List(words)) => words.iter().map(|word| word.unraw().to_string()).collect(),
            _ => Vec::new(),
        }
    }

    /// The path to `ffi_guard`.
    pub(crate) fn krate(&self) -> TokenStream {
        match self.get("crate").map(|setting| &setting.value) {
            Some(Value::Path(path)) => path.clone(),
            _ => quote!(::ffi_guard),
        }
    }

    /// True under `skip`, beside which no other setting may stand.
    pub(crate) fn skip(&self, errors: &mut Errors) -> bool {
        let skip = self.get("skip").is_some_and(|setting| matches!(setting.value, Value::None));
        let others = self.list.iter().filter(|s| s.key != "skip" && s.key != "crate");
        for other in others.filter(|_| skip) {
            errors.at(other.key.span(), message::skipped(&other.key.to_string()));
        }
        skip
    }

    pub(crate) fn severities(&self, errors: &mut Errors) -> Severities {
        let mut set = Severities::default();
        for Setting { key, value } in &self.list {
            let Value::List(rules) = value else { continue };
            if !is_severity(key) {
                continue;
            }
            if rules.is_empty() {
                errors.at(key.span(), message::empty_list(key));
            }
            for rule in rules {
                let Some(known) = RULES.into_iter().find(|known| rule == known) else {
                    errors.at(rule.span(), message::unknown_rule(&rule.to_string(), &RULES));
                    continue;
                };
                match set.0.iter().find(|(set, _)| *set == known) {
                    Some((_, first)) => errors.at(rule.span(), message::rule_twice(known, &first.to_string(), key)),
                    None => set.0.push((known, key.clone())),
                }
            }
        }
        set
    }
}

/// True for an argument that is written `key = expression`.
fn has_value(key: &str) -> bool {
    extent::is_one(key)
        || kept::is_one(key)
        || aligned::is_one(key)
        || matches!(key, "on_panic" | "contracts" | "contract" | "ok" | "at_most" | "version")
}

fn is_severity(key: &Ident) -> bool {
    key == "allow" || key == "warn" || key == "deny"
}

impl Severities {
    /// Adds those of other rules than these.
    pub(crate) fn add(&mut self, others: Severities) {
        for (rule, severity) in others.0 {
            if !self.0.iter().any(|(set, _)| *set == rule) {
                self.0.push((rule, severity));
            }
        }
    }

    /// True if they allow a rule.
    pub(crate) fn allows(&self, rule: &str) -> bool {
        self.0.iter().any(|(set, severity)| *set == rule && severity == "allow")
    }

    /// Allows rules, as far as nothing else is said of them.
    pub(crate) fn allow(&mut self, rules: &[&'static str]) {
        let allow = Ident::new("allow", Span::mixed_site());
        self.add(Severities(rules.iter().map(|rule| (*rule, allow.clone())).collect()));
    }

    /// The severities as an expression over `ffi_guard::__private`: one number, since a block of
    /// thousands of functions says it for each.
    pub(crate) fn emit(&self, private: &TokenStream) -> TokenStream {
        if self.is_empty() {
            return quote!(#private::Severities::NONE);
        }
        let of_rule = |rule: &str| RULES.iter().position(|known| *known == rule).unwrap_or(0) * 2;
        let bits = self.0.iter().fold(0_u64, |bits, (rule, key)| {
            let severity = match key.to_string().as_str() {
                "allow" => 1,
                "warn" => 2,
                _ => 3,
            };
            bits | severity << of_rule(rule)
        });
        let bits = Literal::u64_unsuffixed(bits);
        quote!(#private::Severities::of_bits(#bits))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
