//! A file of contracts: which functions it speaks of, and what it says of each parameter.
//!
//! ```toml
//! ["https://zlib.net/manual.html#Checksum"]
//! crc32 = ["crc", "buf: sized_by = len", "len"]
//! ```
//!
//! A table for each page of the library's documentation, a line for each function by its name in
//! C. A parameter has a name of the contract's own, for the extents, and after a colon the words
//! that an attribute would take. What `"->: .."` says is said of the function.
//!
//! A line for a callback's type is like it: `"sqlite3_module.xOpen" = [..]`, after the field of the
//! struct by which C gets it, or the parameter of the function.

use std::collections::HashMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What a file says of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contract {
    /// The page of the documentation that it states.
    pub page: String,
    /// The line in the file, from 1.
    pub line: usize,
    pub parameters: Vec<Words>,
    /// The words about the function and its result.
    pub function: String,
}

/// What is said of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub name: String,
    /// The words of its attribute; none if it is in order as it is.
    pub words: String,
}

/// The contracts of a file, by function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct File {
    pub functions: HashMap<String, Contract>,
}

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line in the file, from 1.
    pub line: usize,
    pub message: String,
}

/// True for the name of a callback's type.
pub(crate) fn is_callback(name: &str) -> bool {
    name.contains('.')
}

impl File {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub(crate) fn read(text: &str) -> Result<File, Fault> {
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
        let line_of = |start: usize| ends.partition_point(|end| *end < start) + 1;
        let table = DeTable::parse(text).map_err(|error| Fault {
            line: line_of(error.span().map_or(0, |span| span.start)),
            message: error.message().to_string(),
        })?;
        let mut file = File::default();
        for (page, functions) in table.get_ref() {
            let at = |span: std::ops::Range<usize>, message: String| Fault { line: line_of(span.start), message };
            let DeValue::Table(functions) = functions.get_ref() else {
                let message = "a function stands in the table of the page that says it\n\
                    help: write `[\"https://..\"]` on a line before";
                return Err(at(page.span(), message.into()));
            };
            for (name, parameters) in functions {
                let line = line_of(name.span().start);
                let contract = contract(page.get_ref(), line, parameters)
                    .map_err(|message| at(name.span(), format!("`{}`: {message}", name.get_ref())))?;
                if let Some(first) = file.functions.insert(name.get_ref().to_string(), contract) {
                    let message = format!("`{}` is there twice: line {} has it too", name.get_ref(), first.line);
                    return Err(at(name.span(), message));
                }
            }
        }
        Ok(file)
    }
}

fn contract(page: &str, line: usize, parameters: &Spanned<DeValue<'_>>) -> Result<Contract, String> {
    const FORM: &str =
        "expected the list of its parameters\nhelp: write `crc32 = [\"crc\", \"buf: sized_by = len\", \"len\"]`";
    let DeValue::Array(list) = parameters.get_ref() else { return Err(FORM.into()) };
    let mut contract = Contract { page: page.into(), line, parameters: Vec::new(), function: String::new() };
    for entry in list {
        let DeValue::String(text) = entry.get_ref() else { return Err(FORM.into()) };
        let (name, words) = text.split_once(':').unwrap_or((text, ""));
        let (name, words) = (name.trim(), words.trim());
        if name == "->" {
            contract.function = words.into();
            continue;
        }
        let is_name =
            name.chars().all(|c| c.is_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_numeric());
        if !is_name || name.is_empty() {
            return Err(format!("`{name}` is no name\nhelp: write `\"name: words\"`, or `\"name\"` alone"));
        }
        if contract.parameters.iter().any(|known| known.name == name) {
            return Err(format!("two parameters are called `{name}`"));
        }
        contract.parameters.push(Words { name: name.into(), words: words.into() });
    }
    Ok(contract)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_each_parameter_is() {
        let file =
            File::read("[\"page\"]\ncrc32 = [\"crc\", \"buf: sized_by = len\", \"len\", \"->: returns(owned)\"]\n")
                .unwrap();
        let contract = &file.functions["crc32"];
        assert_eq!((contract.page.as_str(), contract.line, contract.function.as_str()), ("page", 2, "returns(owned)"));
        let words: Vec<_> = contract.parameters.iter().map(|it| (it.name.as_str(), it.words.as_str())).collect();
        assert_eq!(words, [("crc", ""), ("buf", "sized_by = len"), ("len", "")]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, line, said) in [
            ("[\"page\"\n", 1, "unclosed"),
            ("[\"page\"]\nf = 1\n", 2, "`f`: expected the list of its parameters"),
            ("[\"page\"]\n\nf = [1]\n", 3, "`f`: expected the list of its parameters"),
            ("f = []\n", 1, "stands in the table of the page"),
            ("[\"page\"]\nf = [\"a b: cstr\"]\n", 2, "`a b` is no name"),
            ("[\"page\"]\nf = [\"a\", \"a\"]\n", 2, "two parameters are called `a`"),
            ("[\"page\"]\nf = []\n[\"other\"]\nf = []\n", 0, "`f` is there twice"),
            ("[\"page\"]\nf = []\nf = []\n", 3, "duplicate"),
        ] {
            let fault = File::read(text).unwrap_err();
            assert!(fault.message.contains(said), "{fault:?}");
            assert!(line == 0 || fault.line == line, "{fault:?}");
        }
    }
}
