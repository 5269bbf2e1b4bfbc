//! Reads a file of the user's, and refuses what a block could not apply: all of it is looked at
//! once, whatever the block declares.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use proc_macro2::Span;
use syn::Expr;

use super::file::{Contract, Fault, File, is_callback};
use super::shown;
use crate::attr::{self, Errors, Value};
use crate::message::{self, On};
use crate::settings::Settings;
use crate::valid;
use crate::{aligned, extent, filled, promised};

/// What was read, with the text that it was read from: a process may expand blocks for hours.
type Known = HashMap<PathBuf, (String, Result<Arc<File>, String>)>;

static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// Reads a file.
///
/// # Errors
///
/// What is wrong with it and where, in words for the user.
pub(super) fn of_the_user(path: &Path) -> Result<Arc<File>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", shown(path)))?;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    match known.get(path) {
        Some((old, read)) if *old == text => read.clone(),
        _ => {
            let read = checked(&text).map(Arc::new);
            let read = read.map_err(|Fault { line, message }| format!("{}:{line}: {message}", shown(path)));
            known.insert(path.into(), (text, read.clone()));
            read
        }
    }
}

/// Reads a text and checks each word in it.
pub(super) fn checked(text: &str) -> Result<File, Fault> {
    let file = File::read(text)?;
    let mut functions: Vec<_> = file.functions.iter().collect();
    functions.sort_by_key(|(_, contract)| contract.line);
    for (name, contract) in functions {
        let checked = if is_callback(name) { check_callback(contract) } else { check(contract) };
        checked.map_err(|message| Fault { line: contract.line, message: format!("`{name}`: {message}") })?;
    }
    Ok(file)
}

fn check(contract: &Contract) -> Result<(), String> {
    let names: Vec<String> = contract.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    let mut errors = Errors::default();
    for parameter in &contract.parameters {
        let settings = settings(&parameter.words, On::Parameter, &mut errors)?;
        valid::contradictions(&settings, &mut errors);
        for setting in &settings.list {
            if aligned::is_one(&setting.key.to_string()) {
                aligned::check(setting, &mut errors);
            } else if let Value::Expr(expr) = &setting.value {
                let expr: &Expr = expr;
                extent::names_in(expr, &setting.key, &names, &mut errors);
            }
        }
        settings.severities(&mut errors);
    }
    let about = settings(&contract.function, On::Function, &mut errors)?;
    about.severities(&mut errors);
    if let Some(Value::Returns(list)) = about.get("returns").map(|setting| &setting.value) {
        if !promised::is_in_form(list, &promised::OF_C) {
            errors.at(Span::call_site(), message::RETURNS);
        }
        promised::contradictions(list, &mut errors);
        for setting in list {
            match &setting.value {
                Value::Expr(_) if setting.key == "aligned" => aligned::check(setting, &mut errors),
                Value::Expr(expr) => extent::names_in(expr, &setting.key, &names, &mut errors),
                _ => {}
            }
        }
    }
    if let Some(Value::Expr(expr)) = about.get("ok").map(|setting| &setting.value)
        && !filled::speaks_of_result(expr)
    {
        errors.at(Span::call_site(), message::OK_WITHOUT_RESULT);
    }
    errors.first().map_or(Ok(()), Err)
}

fn check_callback(contract: &Contract) -> Result<(), String> {
    let names: Vec<String> = contract.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    let mut errors = Errors::default();
    for parameter in &contract.parameters {
        let settings = settings(&parameter.words, On::CallbackParameter, &mut errors)?;
        valid::contradictions(&settings, &mut errors);
        for setting in &settings.list {
            match &setting.value {
                Value::Expr(_) if aligned::is_one(&setting.key.to_string()) => aligned::check(setting, &mut errors),
                Value::Expr(_) if setting.key == "at_most" => {
                    errors.at(Span::call_site(), message::not_of_a_type(&setting.key));
                }
                Value::Expr(expr) => extent::names_in(expr, &setting.key, &names, &mut errors),
                _ => {}
            }
        }
        settings.severities(&mut errors);
    }
    let about = settings(&contract.function, On::Callback, &mut errors)?;
    about.severities(&mut errors);
    for setting in &about.list {
        match &setting.value {
            Value::Returns(list) if !promised::is_in_form(list, &promised::OF_CALLBACK) => {
                errors.at(Span::call_site(), message::CALLBACK_RETURNS);
            }
            Value::Returns(_) | Value::List(_) => {}
            _ => errors.at(Span::call_site(), message::not_of_a_type(&setting.key)),
        }
    }
    errors.first().map_or(Ok(()), Err)
}

/// The words of a parameter, or of a function, as an attribute has them.
pub(super) fn settings(words: &str, on: On, errors: &mut Errors) -> Result<Settings, String> {
    let tokens = words.parse().map_err(|_| format!("`{words}` is no list of words"))?;
    Ok(Settings::new(on, attr::parse(tokens, errors), errors))
}
