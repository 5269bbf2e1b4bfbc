//! What the attributes of headers say of functions, as contracts: `nonnull`, `access`,
//! `null_terminated_string_arg`, `format` and their kin, which GCC and Clang write alike.
//!
//! The text is what the preprocessor leaves, so that a header's own names for attributes are gone.

use std::collections::{BTreeMap, BTreeSet};

use super::c_text::{self, Tree, words_of};

/// The contract of one function.
#[derive(Debug, PartialEq, Eq)]
struct Contract {
    /// What a line of a file of contracts has: the parameters, then the result.
    entries: Vec<String>,
    /// The function that frees what it returns.
    freed_by: Option<String>,
}

/// A file of contracts: what the headers' attributes say of these symbols. `None` if they say
/// nothing.
pub(super) fn file(headers: &str, preprocessed: &str, symbols: &BTreeSet<&str>) -> Option<String> {
    let contracts = contracts(preprocessed, symbols);
    if contracts.is_empty() {
        return None;
    }
    let mut text =
        format!("# What the attributes in the headers say. Written by cargo ffi-guard abi.\n\n[{headers:?}]\n");
    for (symbol, contract) in contracts {
        if let Some(free) = contract.freed_by {
            text += &format!("# {symbol}: what it returns is given back by {free}\n");
        }
        let entries: Vec<String> = contract.entries.iter().map(|entry| format!("{entry:?}")).collect();
        text += &format!("{symbol} = [{}]\n", entries.join(", "));
    }
    Some(text)
}

fn contracts(text: &str, symbols: &BTreeSet<&str>) -> BTreeMap<String, Contract> {
    let mut all = BTreeMap::new();
    for mut declaration in c_text::declarations(text) {
        let attributes = c_text::take_attributes(&mut declaration);
        let function = declaration.windows(2).find_map(|pair| match pair {
            [Tree::Word(name), Tree::Group('(', inner)] if symbols.contains(name.as_str()) => Some((name, inner)),
            _ => None,
        });
        if let Some((name, inner)) = function
            && let Some(contract) = contract(inner, &attributes)
        {
            // Declared twice, the attributes of both count in C: the longer one says more.
            let said = |it: &Contract| it.entries.iter().map(String::len).sum::<usize>();
            let known = all.get(name).is_none_or(|known| said(known) < said(&contract));
            if known {
                all.insert(name.clone(), contract);
            }
        }
    }
    all
}

/// `None` if nothing is said.
fn contract(inner: &[Tree], attributes: &[c_text::Attribute]) -> Option<Contract> {
    let (parameters, is_variadic) = parameters(inner);
    let mut said: Vec<Vec<String>> = vec![Vec::new(); parameters.len()];
    let (mut texts, mut of_result, mut freed_by) = (BTreeSet::new(), Vec::new(), None);
    let mut sizes = BTreeMap::new();
    let index_of = |word: &str| word.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let index = |word: Option<&String>| word.and_then(|word| index_of(word)).filter(|&it| it < parameters.len());
    for (index, parameter) in parameters.iter().enumerate() {
        if parameter.is_nonnull && parameter.is_pointer {
            said[index].push("nonnull".into());
        }
    }
    for attribute in attributes {
        let arguments = &attribute.arguments;
        match (attribute.name.as_str(), arguments.first().map(String::as_str)) {
            ("nonnull", None) => {
                for (said, _) in said.iter_mut().zip(&parameters).filter(|(_, it)| it.is_pointer) {
                    said.push("nonnull".into());
                }
            }
            ("nonnull", Some(_)) => {
                for at in arguments.iter().filter_map(|word| index(Some(word))) {
                    if !parameters[at].is_function {
                        said[at].push("nonnull".into());
                    }
                }
            }
            ("access", Some(mode)) => {
                let Some(at) = index(arguments.get(1)) else { continue };
                let size = index(arguments.get(2));
                match mode.trim_matches('_') {
                    "write_only" => said[at].push("out".into()),
                    "none" if size.is_none() => said[at].push("opaque".into()),
                    _ => {}
                }
                if let Some(size) = size {
                    sizes.insert(at, size);
                }
            }
            ("null_terminated_string_arg", _) => texts.extend(index(arguments.first())),
            ("format", Some(kind)) if is_variadic && arguments.get(2).is_none_or(|first| first != "0") => {
                let kind = kind.trim_matches('_').trim_start_matches("gnu_");
                if let (Some(at), "printf" | "scanf") = (index(arguments.get(1)), kind) {
                    said[at].push(kind.into());
                }
            }
            ("returns_nonnull", _) if !is_variadic => of_result.push("nonnull".to_owned()),
            ("assume_aligned", Some(bytes)) if arguments.len() == 1 && bytes.parse::<u64>().is_ok() && !is_variadic => {
                of_result.push(format!("aligned = {bytes}"));
            }
            ("malloc", Some(free)) => freed_by = Some(free.to_owned()),
            _ => {}
        }
    }
    for (at, parameter) in parameters.iter().enumerate() {
        let extent = |word: &str| sizes.get(&at).map(|&size| format!("{word} = {}", parameters[size].name));
        let is_format = said[at].iter().any(|word| word == "printf" || word == "scanf");
        match (texts.contains(&at), extent("text_within")) {
            (true, _) if is_format => {}
            // A text and what C fills in contradict each other: the one that C reads is meant.
            (true, within) => {
                said[at].retain(|word| word != "out");
                said[at].push(within.unwrap_or_else(|| "cstr".into()));
            }
            (false, _) => said[at].extend(extent(if parameter.to_void { "sized_by" } else { "counted_by" })),
        }
    }
    let mut entries: Vec<String> = Vec::new();
    for (parameter, words) in parameters.iter().zip(&mut said) {
        let mut once = BTreeSet::new();
        words.retain(|word| once.insert(word.clone()));
        let words = words.join(", ");
        entries.push(if words.is_empty() { parameter.name.clone() } else { format!("{}: {words}", parameter.name) });
    }
    if !of_result.is_empty() {
        entries.push(format!("->: returns({})", of_result.join(", ")));
    }
    let says = entries.iter().any(|entry| entry.contains(':')) || freed_by.is_some();
    says.then_some(Contract { entries, freed_by })
}

/// A parameter of a declaration in C.
struct Parameter {
    /// As C has it, without the underscores of a system's header; `argN` without a name, or with
    /// one that Rust cannot write.
    name: String,
    is_pointer: bool,
    is_function: bool,
    /// True for `void *`.
    to_void: bool,
    /// By an attribute of its own.
    is_nonnull: bool,
}

/// The parameters, and whether `...` follows.
fn parameters(inner: &[Tree]) -> (Vec<Parameter>, bool) {
    let mut all: Vec<Parameter> = Vec::new();
    let mut is_variadic = false;
    for part in inner.split(|tree| *tree == Tree::Mark(',')) {
        let is_dots = part.contains(&Tree::Mark('.'));
        let is_none = part.is_empty() || matches!(part, [Tree::Word(word)] if word == "void");
        is_variadic |= is_dots;
        if is_dots || is_none {
            continue;
        }
        let mut parameter = parameter(part, all.len() + 1);
        if all.iter().any(|other| other.name == parameter.name) {
            parameter.name = format!("arg{}", all.len() + 1);
        }
        all.push(parameter);
    }
    (all, is_variadic)
}

fn parameter(part: &[Tree], number: usize) -> Parameter {
    let mut part = part.to_vec();
    let attributes = c_text::take_attributes(&mut part);
    let inner = part.iter().find_map(|tree| match tree {
        Tree::Group('(', inner) if inner.contains(&Tree::Mark('*')) => Some(inner),
        _ => None,
    });
    let stars = part.iter().filter(|tree| **tree == Tree::Mark('*')).count();
    let arrays = part.iter().filter(|tree| matches!(tree, Tree::Group('[', _))).count();
    let after = part.iter().rposition(|tree| *tree == Tree::Mark('*'));
    let (of_type, of_name) = part.split_at(after.map_or(0, |star| star + 1));
    let name = match (inner, stars) {
        (Some(inner), _) => words_of(inner).pop(),
        (None, 0) => {
            let mut words = words_of(of_name);
            let is_named = words.len() > 1 && !words.last().is_some_and(|word| c_text::is_of_types(word));
            words.pop().filter(|_| is_named)
        }
        (None, _) => words_of(of_name).pop(),
    };
    let base = if stars == 0 { Vec::new() } else { words_of(of_type) };
    let name = name.map(|name| name.trim_start_matches('_').to_owned()).filter(|name| c_text::is_name(name));
    Parameter {
        name: name.unwrap_or_else(|| format!("arg{number}")),
        is_pointer: inner.is_none() && stars + arrays > 0,
        is_function: inner.is_some(),
        to_void: stars + arrays == 1 && base == ["void"],
        is_nonnull: attributes.iter().any(|attribute| attribute.name == "nonnull"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, symbols: &[&str]) -> Vec<String> {
        let all = contracts(text, &symbols.iter().copied().collect());
        all.into_iter().map(|(symbol, it)| format!("{symbol}({})", it.entries.join("; "))).collect()
    }

    /// The entries that are told of one function.
    fn told(text: &str) -> String {
        lines(text, &["f"]).concat()
    }

    #[test]
    fn each_attribute_is_a_word() {
        for (text, expected) in [
            ("void f(char *p, int n) __attribute__((nonnull));", "f(p: nonnull; n)"),
            ("void f(char *p, void *q) __attribute__ ((__nonnull__ (2)));", "f(p; q: nonnull)"),
            (
                "long f(int fd, void *__buf, size_t __n) __attribute__((access(write_only, 2, 3)));",
                "f(fd; buf: out, sized_by = n; n)",
            ),
            (
                "void f(const int *p, size_t n) __attribute__((__access__(__read_only__, 1, 2)));",
                "f(p: counted_by = n; n)",
            ),
            ("void f(int *p) __attribute__((access(read_write, 1)));", ""),
            ("int f(const char *p) __attribute__((null_terminated_string_arg(1)));", "f(p: cstr)"),
            (
                "int f(const char *p, size_t n) __attribute__((null_terminated_string_arg(1), access(read_only, 1, 2)));",
                "f(p: text_within = n; n)",
            ),
            ("int f(const char *format, ...) __attribute__((format(printf, 1, 2)));", "f(format: printf)"),
            ("int f(const char *format, va_list all) __attribute__((format(printf, 1, 0)));", ""),
            (
                "void *f(int n) __attribute__((returns_nonnull, assume_aligned(64)));",
                "f(n; ->: returns(nonnull, aligned = 64))",
            ),
            ("__attribute__((nonnull)) extern struct s *f(struct s *s);", "f(s: nonnull)"),
            ("void f(int n, char *p __attribute__((nonnull)));", "f(n; p: nonnull)"),
            ("void f(int (*each)(int, int), void *user) __attribute__((nonnull(1, 2)));", "f(each; user: nonnull)"),
            ("void f(const char *restrict, unsigned long) __attribute__((nonnull));", "f(arg1: nonnull; arg2)"),
            ("void f(struct s *, unsigned type, size_t) __attribute__((nonnull));", "f(arg1: nonnull; arg2; arg3)"),
            ("void f(int values[4]) __attribute__((nonnull));", "f(values: nonnull)"),
            ("typedef void f(char *p) __attribute__((nonnull));", ""),
            ("static inline int g(int a) { return a; } void f(char *p) __attribute__((nonnull));", "f(p: nonnull)"),
            ("struct s { int f; } g(void); void f(char *p) __asm__(\"f2\") __attribute__((nonnull));", "f(p: nonnull)"),
            ("void f(char *p) __attribute__((nonnull(9), access(read_only, 0), nonnull(x)));", ""),
            ("void f(char *p", ""),
            ("void f(char *p)) ] __attribute__((nonnull", ""),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn the_file_has_a_line_for_each_function_of_which_something_is_said() {
        let text = "void a(char *p) __attribute__((nonnull)); void b(char *p);
            void *c(int n) __attribute__((malloc(release, 1)));
            void a(char *p);";
        let symbols = BTreeSet::from(["a", "b", "c"]);
        let expected = "# What the attributes in the headers say. Written by cargo ffi-guard abi.\n\n[\"text.h\"]\n\
                        a = [\"p: nonnull\"]\n# c: what it returns is given back by release\nc = [\"n\"]\n";
        assert_eq!(file("text.h", text, &symbols).as_deref(), Some(expected));
        assert_eq!(file("text.h", text, &BTreeSet::from(["b"])), None);
    }
}
