//! Checks what the attribute on a block says of all its functions.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt as _;

use crate::ast::{Block, Item};
use crate::attr::{self, Errors, Setting, Value};
use crate::contracts::Contracts;
use crate::message::{self, On};
use crate::settings::{Settings, Severities};
use crate::version::{self, Version};

/// The settings from the block's own attribute.
pub(crate) struct BlockSettings {
    pub krate: TokenStream,
    pub keep_abi: Which,
    pub skip: Which,
    /// True if C may keep each pointer that it gets.
    pub retained: bool,
    /// True if `cargo ffi-guard` wrote the attribute: its lists are those of the whole crate.
    pub mirrored: bool,
    /// True if a stale word is only told of where a type says that it is a pointer.
    pub typed: bool,
    /// What is known of the functions in C.
    pub contracts: Contracts,
    /// What has to hold of the library.
    pub version: Option<Version>,
    /// The type of the pointer by which the function is called, in `guard_fn!`.
    pub pointer: Option<Pointer>,
    pub severities: Severities,
}

/// The type of a pointer by which a function is called.
pub(crate) struct Pointer {
    pub ty: TokenStream,
    /// The same with a result that is not yet known to be a value.
    pub of_bytes: TokenStream,
}

/// The functions of a block that a setting stands for.
pub(crate) enum Which {
    All,
    These(Vec<Ident>),
}

impl Which {
    fn of(setting: Option<&Setting>) -> Which {
        match setting.map(|setting| &setting.value) {
            None => Which::These(Vec::new()),
            Some(Value::List(names)) => Which::These(names.clone()),
            Some(_) => Which::All,
        }
    }

    /// True if the setting stands for every function.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Which::All)
    }

    /// True if the setting stands for this function.
    pub(crate) fn has(&self, function: &Ident) -> bool {
        match self {
            Which::All => true,
            Which::These(names) => names.iter().any(|name| name.unraw() == function.unraw()),
        }
    }
}

/// Checks the settings of the block.
pub(crate) fn check(arguments: TokenStream, block: &Block, errors: &mut Errors) -> BlockSettings {
    let settings = Settings::new(On::Block, attr::parse(arguments, errors), errors);
    let krate = settings.krate();
    abi(&block.abi, errors);
    settings.skip(errors);
    let (keep_abi, skip) = (settings.get("keep_abi"), settings.get("skip"));
    let mirrored = settings.has("mirrored");
    if !mirrored {
        for list in keep_abi.into_iter().chain(skip) {
            names_functions(list, block, errors);
        }
    }
    BlockSettings {
        krate,
        keep_abi: Which::of(keep_abi),
        skip: Which::of(skip),
        retained: settings.has("retained"),
        mirrored,
        typed: settings.has("typed"),
        contracts: Contracts::of(settings.get("contracts"), mirrored, errors),
        version: version::of(settings.get("version"), block, errors),
        pointer: None,
        severities: settings.severities(errors),
    }
}

/// Refuses a name that is none of the block's functions.
fn names_functions(list: &Setting, block: &Block, errors: &mut Errors) {
    let Value::List(names) = &list.value else { return };
    let functions = block.items.iter().filter_map(|item| match item {
        Item::Function(function) => Some(function.name.unraw().to_string()),
        Item::Other(..) => None,
    });
    let known: Vec<String> = functions.collect();
    for name in names {
        let text = name.unraw().to_string();
        if !known.contains(&text) {
            errors.at(name.span(), message::no_function(&list.key, &text, &known));
        }
    }
}

/// Refuses an ABI other than C's.
pub(crate) fn abi(abi: &syn::Abi, errors: &mut Errors) {
    let foreign_to_c = |abi: &str| matches!(abi, "Rust" | "unadjusted" | "custom") || abi.starts_with("rust-");
    if let Some(abi) = abi.name.as_ref().filter(|abi| foreign_to_c(&abi.value())) {
        errors.at(abi.span(), message::RUST_ABI);
    }
}
