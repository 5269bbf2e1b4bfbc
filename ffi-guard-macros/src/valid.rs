//! Checks the settings against the item they stand on, and refuses those that cannot apply: all of
//! them, not only the first.

use std::collections::HashSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::{Expr, ExprLit, Lit, ReturnType};

use crate::ast::{Block, ForeignFn, ForeignParam};
use crate::attr::{self, Errors, Setting, Value};
use crate::block::BlockSettings;
use crate::cfg::{self, Attr, CfgCase};
use crate::contracts::{self, Applied, Contracts};
use crate::extent::{self, Extent};
use crate::message::{self, On};
use crate::promised::{self, Promised};
use crate::record::Record;
use crate::settings::{Settings, Severities};
use crate::{aligned, filled, kept, reads, text, types, variadic};

/// Attributes of a parameter that contradict each other.
pub(crate) const CONTRADICTIONS: [(&str, &str, &str); 37] = [
    ("counted_by", "sized_by", "one extent is enough"),
    ("counted_by", "text_by", "one extent is enough"),
    ("counted_by", "text_within", "one extent is enough"),
    ("sized_by", "text_by", "one extent is enough"),
    ("sized_by", "text_within", "one extent is enough"),
    ("text_by", "text_within", "one extent is enough"),
    ("cstr", "counted_by", "a string ends at its NUL"),
    ("cstr", "sized_by", "a string ends at its NUL"),
    ("cstr", "text_by", "a string ends at its NUL"),
    ("cstr", "text_within", "a string ends at its NUL"),
    ("out", "cstr", "a string is there before the call, and `out` says that nothing is"),
    ("out", "text_by", "a text is there before the call, and `out` says that nothing is"),
    ("out", "text_within", "a text is there before the call, and `out` says that nothing is"),
    ("owned", "retained", "what C owns is C's to keep"),
    ("owned", "retained_unless", "what C owns is C's to keep"),
    ("owned", "remembered", "what C owns is C's to keep"),
    ("retained", "retained_unless", "one of them is enough"),
    ("remembered", "retained", "what C never reads again it does not need"),
    ("remembered", "retained_unless", "what C never reads again it does not need"),
    ("remembered", "held_by", "what C never reads again it does not need"),
    ("copied", "retained", "the copy is gone when the call returns"),
    ("copied", "retained_unless", "the copy is gone when the call returns"),
    ("copied", "remembered", "the copy is gone when the call returns"),
    ("copied", "owned", "the copy is gone when the call returns"),
    ("copied", "opaque", "what C never looks into needs no copy"),
    ("copied", "thread_bound", "an object of C's is known by its place"),
    ("lends", "cstr", "a string is there before the call, and `lends` says what is stored there"),
    ("lends", "counted_by", "one pointer is stored there"),
    ("lends", "sized_by", "one pointer is stored there"),
    ("lends", "opaque", "what C never looks into lends it nothing"),
    ("lends", "thread_bound", "what is stored there is Rust's"),
    ("lends", "owned", "what C gives back it no longer uses"),
    ("lends", "retained", "one of them is enough"),
    ("printf", "cstr", "a format is a string"),
    ("scanf", "cstr", "a format is a string"),
    ("printf", "scanf", "a format is read by one of them"),
    ("printf", "counted_by", "a format ends at its NUL"),
];

/// A function in one case of its conditions, ready to be written.
pub(crate) struct Function<'a> {
    pub source: &'a ForeignFn,
    /// True if the function passes through: `skip`, or refused by Rust.
    pub bare: bool,
    pub keep_abi: bool,
    /// What `returns(..)` says of the result.
    pub result: Promised,
    /// The results with which C has filled its `out` parameters.
    pub ok: Option<filled::Condition>,
    /// The static with what has to hold of the library.
    pub version: Option<Ident>,
    pub severities: Severities,
    pub params: Vec<Param<'a>>,
    /// Whether a contract was found for it.
    pub applied: Applied,
}

/// A parameter in one case of its function's conditions.
pub(crate) struct Param<'a> {
    pub source: &'a ForeignParam,
    /// The attributes that the wrapper's parameter keeps.
    pub attrs: Vec<&'a Attr>,
    /// The name in the reports.
    pub name: String,
    /// The name in the wrapper.
    pub local: Ident,
    pub contract: Vec<Ident>,
    /// Calls of `Contract` that have arguments.
    pub also: Vec<TokenStream>,
    pub extent: Option<Extent>,
    /// Fields of what it leads to that may be left behind.
    pub stale: Vec<String>,
    /// True if C may remember the address, and never reads there.
    pub is_remembered: bool,
    /// `printf`, `scanf` or `followed_by`: what it tells of the arguments in `...`.
    pub tail: Option<Setting>,
    pub severities: Severities,
}

impl Param<'_> {
    /// True if no more is said of it than words.
    pub(crate) fn is_plain(&self) -> bool {
        self.also.is_empty() && self.stale.is_empty() && self.extent.is_none() && self.severities.is_empty()
    }

    /// The contract as an expression over `ffi_guard::__private`.
    pub(crate) fn emit_contract(&self, private: &TokenStream) -> TokenStream {
        let (words, also) = (&self.contract, &self.also);
        quote_spanned!(Span::mixed_site()=> #private::Contract::NONE #(.#words())* #(#also)*)
    }

    /// Says that C may remember the address, and never reads there: neither is told of that it kept
    /// it, nor that it was freed.
    pub(crate) fn remember(&mut self) {
        self.is_remembered = true;
        self.severities.allow(&["retained_pointer", "freed_while_retained"]);
    }

    /// True if C may get a copy of what the parameter points to, judged by the type's tokens and
    /// the attributes.
    pub(crate) fn may_be_copied(&self) -> bool {
        // Those that `Contract` calls movable; under any other C gets the memory itself.
        let movable =
            |word: &Ident| ["stated", "text", "cstr", "nonnull", "out", "copied"].iter().any(|known| word == known);
        !types::is_scalar(&self.source.ty) && !types::is_function(&self.source.ty) && self.contract.iter().all(movable)
    }
}

/// Names that no parameter of a wrapper may have.
pub(crate) struct Taken {
    pub(crate) names: HashSet<String>,
    /// True if any name may clash: under `keep_abi` on the block the declarations are generated and
    /// not edited, so the user could not rename a parameter that clashes with a constant.
    pub(crate) all: bool,
}

/// Checks one function in one case of its conditions. `taken` has the names that no parameter of a
/// wrapper may have.
pub(crate) fn function<'a>(
    source: &'a ForeignFn,
    block: &Block,
    outer: &BlockSettings,
    case: &CfgCase,
    taken: &Taken,
    errors: &mut Errors,
) -> Function<'a> {
    let settings = Settings::of(&source.attrs, On::Function, case, errors);
    let skip = settings.skip(errors) || !outer.skip.is_all() && outer.skip.has(&source.name);
    let variadic = source.variadic.is_some();
    let passes = variadic && !variadic::has_known_abi(block);
    for setting in
        settings.list.iter().filter(|s| variadic && (passes && s.key != "skip" || s.key == "returns" || s.key == "ok"))
    {
        errors.at(setting.key.span(), if passes { message::VARIADIC_ABI } else { message::VARIADIC });
    }
    // Rust itself refuses a qualifier in a block that is not `unsafe extern`.
    let misqualified = block.unsafety.is_none() && source.safety.keyword().is_some();
    let present = present(source, case);
    let names = names(&present);
    let all: Vec<String> =
        present.iter().map(|it| it.name.as_ref().map(|name| name.unraw().to_string()).unwrap_or_default()).collect();
    let mut params = Vec::new();
    for (i, param) in present.iter().enumerate() {
        let settings = Settings::of(&param.attrs, On::Parameter, case, errors);
        for setting in settings.list.iter().filter(|_| passes || skip) {
            let key = setting.key.to_string();
            errors.at(setting.key.span(), if passes { message::VARIADIC_ABI.into() } else { message::skipped(&key) });
        }
        variadic::refuse(&settings, variadic, errors);
        if let Some(copied) = settings.get("copied").filter(|_| never_returns(source)) {
            errors.at(copied.key.span(), message::COPY_FOR_EVER);
        }
        let mut checked = parameter(param, i, &names, &settings, taken, errors);
        for setting in settings.list.iter().filter(|setting| kept::is_one(&setting.key.to_string())) {
            kept::say(setting, &all, &mut checked, errors);
        }
        if let Some(setting) = settings.get("aligned") {
            aligned::say(setting, &mut checked, errors);
        }
        if let Some(held) = settings.get("held_by").filter(|_| !checked.contract.iter().any(|it| it == "retained")) {
            errors.at(held.key.span(), message::HELD_NOT_KEPT);
        }
        params.push(checked);
    }
    for second in params.iter().filter_map(|param| param.tail.as_ref()).skip(1) {
        errors.at(second.key.span(), message::TWO_TAILS);
    }
    reads::look_first(&mut params);
    extent::rename_in(&mut params);
    make_distinct(&mut params);
    let result = promised::of_c(&settings, source, &params, errors);
    let bare = skip || passes || misqualified;
    let keep_abi = settings.has("keep_abi") || outer.keep_abi.has(&source.name);
    let severities = settings.severities(errors);
    let ok = filled::condition(&settings, &source.output, errors);
    let version = outer.version.as_ref().map(|version| version.name.clone());
    let applied = Applied::None;
    let mut function = Function { source, bare, keep_abi, result, ok, version, severities, params, applied };
    if !bare {
        function.applied = contracts::apply(&outer.contracts, &mut function);
        if let (Applied::Misfit(why), true) = (&function.applied, outer.contracts.named) {
            errors.at(source.name.span(), message::misfit(why));
        }
    }
    if let Some(ok) =
        settings.get("ok").filter(|_| !variadic && !filled::is_any(&function.params) && !function.result.is_asked())
    {
        errors.at(ok.key.span(), message::OK_FILLS_NOTHING);
    }
    for param in function.params.iter_mut().filter(|param| outer.retained && may_be_kept(param)) {
        param.contract.push(Ident::new("retained", Span::mixed_site()));
    }
    for param in function.params.iter_mut().filter(|param| outer.typed && may_be_data(param)) {
        param.contract.push(Ident::new("typed", Span::mixed_site()));
    }
    function
}

/// True for a parameter that may be a pointer to data.
fn may_be_data(param: &Param) -> bool {
    !types::is_scalar(&param.source.ty) && !types::is_function(&param.source.ty)
}

/// True for a parameter that `retained` on the block speaks of: what it says itself is stronger.
fn may_be_kept(param: &Param) -> bool {
    let says = |word: &Ident| ["retained", "owned", "copied", "thread_bound"].iter().any(|known| word == known);
    may_be_data(param) && !param.is_remembered && !param.contract.iter().any(says)
}

fn returns_no_pointer(source: &ForeignFn) -> bool {
    match &source.output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => types::is_unit(ty) || types::is_never(ty) || types::is_scalar(ty),
    }
}

fn never_returns(source: &ForeignFn) -> bool {
    matches!(&source.output, ReturnType::Type(_, ty) if types::is_never(ty))
}

/// A Rust function that C calls, in one case of its conditions, ready to be written.
pub(crate) struct Callback<'a> {
    pub krate: TokenStream,
    pub on_panic: Option<TokenStream>,
    /// True if its author gave it no attribute: a panic of its own goes on as the language has it.
    pub mirrored: bool,
    /// Makes rustc expand it again if a file of contracts changes.
    pub rebuild: TokenStream,
    pub function: Function<'a>,
}

/// Checks a Rust function that C calls, in one case of its conditions. `arguments` are those of the
/// attribute itself.
pub(crate) fn callback<'a>(
    arguments: TokenStream,
    source: &'a ForeignFn,
    case: &CfgCase,
    errors: &mut Errors,
) -> Callback<'a> {
    let mut list = attr::parse(arguments, errors);
    for attr in source.attrs.iter().filter(|attr| attr.name == "guard" && case.has(attr)) {
        list.extend(attr::settings(attr, errors));
    }
    let settings = Settings::new(On::Callback, list, errors);
    let krate = settings.krate();
    let mut result = promised::of_callback(&settings, source, errors);
    for word in ["retained", "lends"] {
        let Some(setting) = settings.get(word) else { continue };
        if returns_no_pointer(source) {
            errors.at(setting.key.span(), message::RETURNS_NOTHING);
        }
        if !result.says(word) {
            result.words.push(Ident::new(word, Span::mixed_site()));
        }
    }
    let on_panic = settings.get("on_panic").and_then(|setting| match &setting.value {
        Value::Expr(expr) => Some(expr.to_token_stream()),
        _ => None,
    });
    let taken = Taken { names: HashSet::new(), all: false };
    let present = present(source, case);
    let names = names(&present);
    let mut params = Vec::new();
    for (i, param) in present.iter().enumerate() {
        let settings = Settings::of(&param.attrs, On::CallbackParameter, case, errors);
        let mut param = parameter(param, i, &names, &settings, &taken, errors);
        if let Some(lends) = settings.get("lends").filter(|_| !types::may_lead_to_pointer(&param.source.ty)) {
            errors.at(lends.key.span(), message::LENDS_NO_POINTER);
        }
        // A binding of the user's own keeps its name.
        if let Some(name) = &param.source.name {
            param.local = name.clone();
        }
        if let Some(setting) = settings.get("aligned") {
            aligned::say(setting, &mut param, errors);
        }
        if let Some(setting) = settings.get("at_most") {
            at_most(setting, &mut param, &names, errors);
        }
        params.push(param);
    }
    reads::look_first(&mut params);
    let severities = settings.severities(errors);
    let bare = settings.skip(errors);
    let mut function = Function {
        source,
        bare,
        keep_abi: false,
        result,
        ok: None,
        version: None,
        severities,
        params,
        applied: Applied::None,
    };
    let mirrored = settings.has("mirrored");
    let contracts = Contracts::of_callback(settings.get("contracts"), mirrored, errors);
    if let Some(setting) = settings.get("contract") {
        let name = contract_name(setting);
        function.applied = contracts::apply_to_callback(&contracts, &name, &mut function);
        match &function.applied {
            Applied::Holds => Record::of_callback(source).write(),
            // Without a contract there is nothing to say of it.
            Applied::None | Applied::Misfit(_) if mirrored => function.bare = true,
            Applied::None => errors.at(setting.value_span(), message::no_callback_type(&name)),
            Applied::Misfit(why) => errors.at(setting.value_span(), message::callback_misfit(why)),
        }
    } else if let Some(setting) = settings.get("contracts") {
        errors.at(setting.key.span(), message::CONTRACTS_OF_CALLBACK);
    }
    Callback { krate, on_panic, mirrored, rebuild: contracts.rebuild, function }
}

/// The name in `contract = "sqlite3_module.xOpen"`; empty if it is no text.
fn contract_name(setting: &Setting) -> String {
    match &setting.value {
        Value::Expr(expr) => match &**expr {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.value(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// Adds to a parameter of a callback the most that its number may be.
fn at_most(setting: &Setting, param: &mut Param, names: &[String], errors: &mut Errors) {
    let Value::Expr(expr) = &setting.value else { return };
    let Some(name) = param.source.name.as_ref().filter(|_| types::may_be_number(&param.source.ty)) else {
        errors.at(setting.key.span(), message::AT_MOST);
        return;
    };
    extent::names_in(expr, &setting.key, names, errors);
    let (key, text) = (setting.key.clone(), text::of_expr(expr.to_token_stream()));
    param.extent = Some(Extent { key, expr: quote!(#name, #expr), text, reads: false });
}

/// The parameters that are there in this case.
fn present<'a>(source: &'a ForeignFn, case: &CfgCase) -> Vec<&'a ForeignParam> {
    let there = |p: &&ForeignParam| p.attrs.iter().filter_map(cfg::presence).all(|predicate| case.holds(&predicate));
    source.params.iter().filter(there).collect()
}

fn names(params: &[&ForeignParam]) -> Vec<String> {
    params.iter().filter_map(|p| p.name.as_ref()).map(|name| name.unraw().to_string()).collect()
}

/// Gives each parameter a name of its own in the wrapper. Rust lets a foreign function have two
/// parameters of one name, since they are never bound; the wrapper binds them.
fn make_distinct(params: &mut [Param]) {
    let mut used = HashSet::new();
    for position in 0..params.len() {
        let Some(param) = params.get(position) else { break };
        let plain = param.local.unraw().to_string();
        let mut name = plain.clone();
        if used.contains(&name) {
            name = format!("{plain}_{}", position + 1);
            while params.iter().any(|other| other.local == name) {
                name.push('_');
            }
            let span = param.local.span();
            params.iter_mut().skip(position).take(1).for_each(|param| param.local = Ident::new(&name, span));
        }
        used.insert(name);
    }
}

/// Refuses attributes of one parameter that exclude each other.
pub(crate) fn contradictions(settings: &Settings, errors: &mut Errors) {
    for (one, other, why) in CONTRADICTIONS {
        if let (Some(one), Some(other)) = (settings.get(one), settings.get(other)) {
            // The error points at the second of the two.
            let order = |s: &Setting| settings.list.iter().position(|known| known.key == s.key);
            let (first, second) = if order(one) < order(other) { (one, other) } else { (other, one) };
            let message = message::contradiction(&first.key.to_string(), &second.key.to_string(), why);
            errors.at(second.key.span(), message);
        }
    }
}

fn parameter<'a>(
    source: &'a ForeignParam,
    position: usize,
    names: &[String],
    settings: &Settings,
    taken: &Taken,
    errors: &mut Errors,
) -> Param<'a> {
    contradictions(settings, errors);
    let mut contract = Vec::new();
    let mut extent = None;
    let mut tail = None;
    for setting @ Setting { key, value } in &settings.list {
        let mut flag = key.to_string();
        let is_for_pointers =
            key != "followed_by" && key != "at_most" && (!matches!(value, Value::List(_)) || key == "stale");
        if types::is_scalar(&source.ty) && is_for_pointers {
            let ty = text::of_type(source.ty.to_token_stream());
            errors.at(key.span(), message::no_pointer(key, &ty));
        }
        if variadic::TAILS.contains(&flag.as_str()) {
            tail = Some(setting.clone());
            if key == "followed_by" {
                continue;
            }
            flag = "cstr".into();
        }
        match value {
            Value::List(_) if key != "printf" => continue,
            Value::Path(_) | Value::Arms(_) | Value::Returns(_) => continue,
            Value::None if key == "remembered" => continue,
            Value::None | Value::List(_) => {}
            Value::Expr(_) if kept::is_one(&flag) || aligned::is_one(&flag) || flag == "at_most" => continue,
            Value::Expr(expr) => {
                if types::is_text_key(&flag) {
                    contract.push(Ident::new("text", Span::mixed_site()));
                }
                flag = "stated".into();
                extent::names_in(expr, key, names, errors);
                if key == "counted_by" && types::points_to_void(&source.ty) {
                    errors.at(key.span(), message::EXTENT_OF_VOID);
                }
                let expr = expr.to_token_stream();
                extent = Some(Extent { key: key.clone(), text: text::of_expr(expr.clone()), expr, reads: false });
            }
        }
        // Not the key's span: no error can occur here, and an editor would show `Contract::cstr` at
        // the key.
        contract.push(Ident::new(&flag, Span::mixed_site()));
    }
    if let Some(copied) = settings.get("copied") {
        let stated = extent.is_some() || settings.has("cstr") || settings.has("opaque");
        if types::points_to_void(&source.ty) && !stated {
            errors.at(copied.key.span(), message::COPY_OF_VOID);
        }
        if types::is_function(&source.ty) {
            let ty = text::of_type(source.ty.to_token_stream());
            errors.at(copied.key.span(), message::no_pointer(&copied.key, &ty));
        }
    }
    let (name, local) = match &source.name {
        Some(name) => {
            let plain = name.unraw().to_string();
            // A binding may not shadow a static or a tuple struct (E0530), and a constant would be
            // a pattern.
            let clashes = taken.all || taken.names.contains(&plain) || !plain.contains(|c: char| c.is_lowercase());
            let local = if clashes { Ident::new(&format!("__{plain}"), name.span()) } else { name.clone() };
            (plain, local)
        }
        None => {
            let mut name = format!("arg{}", position + 1);
            while names.contains(&name) {
                name.push('_');
            }
            let local = Ident::new(&name, Span::mixed_site());
            (name, local)
        }
    };
    let attrs = source.attrs.iter().filter(|a| a.name != "guard" && cfg::presence(a).is_none()).collect();
    let severities = settings.severities(errors);
    let (also, stale) = (Vec::new(), settings.words("stale"));
    let mut param =
        Param { source, attrs, name, local, contract, also, extent, stale, is_remembered: false, tail, severities };
    if settings.has("remembered") {
        param.remember();
    }
    param
}
