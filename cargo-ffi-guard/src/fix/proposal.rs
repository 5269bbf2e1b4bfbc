//! What the help of a report proposes as an attribute, if it does.

use cargo_ffi_guard::report::Violation;

/// An attribute that a help proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    /// The sentence that proposes it.
    pub help: String,
    pub on: On,
    /// The words in the parentheses of `#[guard(..)]`.
    pub words: String,
    /// The word whose place it takes.
    pub replaces: Option<&'static str>,
}

/// What an attribute stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Parameter(String),
    /// The function that is named in the report.
    Function,
}

/// The attributes that the helps propose, in their order; or why there is none.
pub(crate) fn of(violation: &Violation) -> Result<Vec<Proposal>, &'static str> {
    if violation.function.is_none() {
        return Err("no guarded call is known, whose declaration could say more");
    }
    let proposals: Vec<Proposal> = violation.help.iter().filter_map(|help| proposal(help, violation)).collect();
    let has = |word: &str| violation.help.iter().any(|help| help.contains(word));
    match proposals.is_empty() {
        false => Ok(proposals),
        true if has("#[guard(owned)]") || has("#[guard(returns(owned))]") => {
            Err("what its help adds to the declaration is right with a change of the code only")
        }
        true if has("that field `#[guard") => {
            Err("its help is an attribute of a struct's field, and which one, a reader has to say")
        }
        true if has("that parameter `#[guard") => {
            Err("its help is an attribute of another call's parameter, which is not known")
        }
        true if has("off the declaration") => {
            Err("its help takes an attribute off, which weakens what is checked: do it by hand")
        }
        true if has("as `*mut`, with `#[guard") => {
            Err("its help makes the parameter another type as well: `*mut` in place of `*const`")
        }
        true if has("declare it as C has it") || has("give the struct in Rust the fields") => {
            Err("its help is C's own declaration: write it by hand, and look at its callers")
        }
        true if has("declare it in both places") => {
            Err("its help is C's own declaration: write it by hand, and look at the callers of both")
        }
        true if has("link one of them") || has("the version that it was written for") => {
            Err("its help is about how the program is linked, which no declaration says")
        }
        true if has("correct the condition") => Err("its help corrects a condition, which a reader has to write"),
        true => Err("its helps change code, and no declaration"),
    }
}

fn proposal(help: &str, violation: &Violation) -> Option<Proposal> {
    // With `into_raw` the caller gives the memory away: the attribute alone would be wrong.
    if help.contains("into_raw") {
        return None;
    }
    // Every second part is between backquotes.
    let parts: Vec<&str> = help.split('`').collect();
    let at = parts.iter().position(|part| part.starts_with("#[guard("))?;
    let words = parts[at].strip_prefix("#[guard(")?.strip_suffix(")]")?.to_owned();
    let before = parts.get(at.checked_sub(1)?)?;
    let on = match *before {
        " " => on(parts.get(at.checked_sub(2)?)?, violation),
        text if text.ends_with("declare it ") => On::Parameter(violation.parameter.as_ref()?.name.clone()),
        _ => return None,
    };
    let replaces = match words.split([' ', '=', '(']).next() {
        Some("sized_by") => Some("counted_by"),
        _ if help.contains("in place of `cstr`") => Some("cstr"),
        _ => None,
    };
    Some(Proposal { help: help.to_owned(), on, words, replaces })
}

fn on(name: &str, violation: &Violation) -> On {
    let is_function = violation.function.as_ref().is_some_and(|function| function.name == name);
    let is_parameter = violation.parameter.as_ref().is_some_and(|parameter| parameter.name == name);
    if is_function && !is_parameter { On::Function } else { On::Parameter(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cargo_ffi_guard::report::Line;

    use super::*;

    fn violations() -> Vec<Violation> {
        let text = include_str!("../../../ffi-guard/tests/lines.jsonl");
        let read = text.lines().filter_map(|line| match Line::read(line).unwrap() {
            Line::Violation(violation) => Some(*violation),
            _ => None,
        });
        read.collect()
    }

    #[test]
    fn every_attribute_of_a_help_is_a_proposal_or_has_a_reason() {
        let mut proposed = BTreeSet::new();
        for violation in violations() {
            match of(&violation) {
                Ok(proposals) => proposed.extend(proposals.into_iter().map(|it| it.words)),
                Err(why) => {
                    let names_one = violation.help.iter().any(|help| help.contains("#[guard("));
                    assert!(!names_one || !why.starts_with("its helps change"), "{:?}", violation.help);
                }
            }
        }
        let expected = [
            "allow(dangling_field)",
            "allow(nested_pointer)",
            "allow(write_through_const)",
            "counted_by = len",
            "opaque",
            "out",
            "retained",
            "returns(retained)",
            "sized_by = len",
        ];
        assert_eq!(proposed.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_an_attribute_stands_on_is_read_from_its_sentence() {
        let mut seen = BTreeSet::new();
        for violation in violations() {
            let parameter = violation.parameter.as_ref().map(|parameter| parameter.name.clone());
            for proposal in of(&violation).unwrap_or_default() {
                match (&proposal.on, proposal.words.as_str()) {
                    (On::Function, words) => assert_eq!(words, "returns(retained)"),
                    (On::Parameter(name), "out") => assert_eq!(name, "table"),
                    (On::Parameter(name), _) => assert_eq!(Some(name), parameter.as_ref()),
                }
                seen.extend(proposal.replaces);
            }
        }
        assert_eq!(seen, BTreeSet::from(["counted_by", "cstr"]));
    }
}
