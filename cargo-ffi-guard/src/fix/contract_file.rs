//! The project's file of contracts: a line for a function that is declared in a dependency, whose
//! source is not edited.

use super::declaration::{Declared, Edit};
use super::proposal::{On, Proposal};

/// The name of the file, at the root of the workspace.
pub(crate) const FILE: &str = "ffi-guard-contracts.toml";

/// The table that has the lines: contracts stand under the page that states them.
const PAGE: &str = "[\"added by cargo ffi-guard fix\"]";

/// The edit of the file's text that says the words of a function. `Ok(None)` if it says so already.
///
/// # Errors
///
/// The file has the function in a form that is not edited.
pub(crate) fn edit(text: &str, declared: &Declared, proposal: &Proposal) -> Result<Option<Edit>, String> {
    let key = format!("{} = [", declared.symbol);
    let line = text.match_indices(&key).map(|(at, _)| at).find(|at| *at == 0 || text[..*at].ends_with('\n'));
    let Some(start) = line else { return Ok(Some(new_line(text, declared, proposal))) };
    let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let old = &text[start..end];
    let table: toml::Table = old.parse().map_err(|_| format!("`{}` there is not on one line", declared.symbol))?;
    let list = table.get(&declared.symbol).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let mut entries: Vec<String> = list.iter().filter_map(|it| it.as_str().map(String::from)).collect();
    let parameters = entries.iter().filter(|entry| !entry.starts_with("->")).count();
    if parameters != declared.parameters.len() {
        return Err(format!(
            "`{}` there has {parameters} parameters, and the declaration {}",
            declared.symbol,
            declared.parameters.len()
        ));
    }
    let entry = match &proposal.on {
        On::Function => match entries.iter_mut().find(|entry| entry.starts_with("->")) {
            Some(entry) => entry,
            None => {
                entries.push("->".into());
                entries.last_mut().ok_or("nothing was added")?
            }
        },
        On::Parameter(name) => declared
            .parameters
            .iter()
            .position(|parameter| parameter.name == *name)
            .and_then(|index| entries.get_mut(index))
            .ok_or_else(|| format!("`{}` there has no parameter `{name}`", declared.symbol))?,
    };
    let words = entry.split_once(':').map_or("", |(_, words)| words).trim();
    if words.split(',').any(|word| word.trim() == proposal.words) {
        return Ok(None);
    }
    *entry = match words {
        "" => format!("{}: {}", entry.trim_end_matches(':').trim(), proposal.words),
        _ => format!("{entry}, {}", proposal.words),
    };
    Ok(Some(Edit { range: start..end, text: format!("{key}{}]", quoted(&entries)) }))
}

fn new_line(text: &str, declared: &Declared, proposal: &Proposal) -> Edit {
    let mut entries: Vec<String> = declared.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    match &proposal.on {
        On::Function => entries.push(format!("->: {}", proposal.words)),
        On::Parameter(name) => {
            for entry in entries.iter_mut().filter(|entry| *entry == name) {
                *entry = format!("{name}: {}", proposal.words);
            }
        }
    }
    let line = format!("{} = [{}]\n", declared.symbol, quoted(&entries));
    let page = format!("{PAGE}\n");
    match text.find(&page) {
        Some(at) => Edit { range: at + page.len()..at + page.len(), text: line },
        None => {
            let gap = if text.is_empty() {
                ""
            } else if text.ends_with('\n') {
                "\n"
            } else {
                "\n\n"
            };
            Edit { range: text.len()..text.len(), text: format!("{gap}{page}{line}") }
        }
    }
}

fn quoted(entries: &[String]) -> String {
    entries.iter().map(|entry| format!("{entry:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::declaration::find;
    use super::*;

    const SOURCE: &str = "extern \"C\" { #[link_name = \"c_f\"] fn f(p: P, n: usize) -> P; }";

    fn add(text: &str, on: On, words: &str) -> Result<Option<String>, String> {
        let declared = find(SOURCE, "f", 1).unwrap();
        let proposal = Proposal { help: String::new(), on, words: words.into(), replaces: None };
        let edited = edit(text, &declared, &proposal)?;
        Ok(edited.map(|Edit { range, text: new }| format!("{}{new}{}", &text[..range.start], &text[range.end..])))
    }

    #[test]
    fn a_function_gets_a_line_and_then_more_words() {
        let on = |name: &str| On::Parameter(name.into());
        let once = add("", on("p"), "retained").unwrap().unwrap();
        assert_eq!(once, format!("{PAGE}\nc_f = [\"p: retained\", \"n\"]\n"));
        let twice = add(&once, on("p"), "cstr").unwrap().unwrap();
        assert_eq!(twice, format!("{PAGE}\nc_f = [\"p: retained, cstr\", \"n\"]\n"));
        assert_eq!(add(&twice, on("p"), "cstr"), Ok(None));
        let thrice = add(&twice, On::Function, "returns(owned)").unwrap().unwrap();
        assert_eq!(thrice, format!("{PAGE}\nc_f = [\"p: retained, cstr\", \"n\", \"->: returns(owned)\"]\n"));
        let other = "# mine\n[\"page\"]\ng = [\"a\"]\n";
        assert_eq!(
            add(other, on("n"), "out").unwrap().unwrap(),
            format!("{other}\n{PAGE}\nc_f = [\"p\", \"n: out\"]\n")
        );
        let with = format!("{PAGE}\nz = [\"a\"]\n");
        assert_eq!(
            add(&with, on("n"), "out").unwrap().unwrap(),
            format!("{PAGE}\nc_f = [\"p\", \"n: out\"]\nz = [\"a\"]\n")
        );
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let on = || On::Parameter("p".into());
        assert!(add("c_f = [\"p\"]\n", on(), "out").unwrap_err().contains("1 parameters, and the declaration 2"));
        assert!(add("c_f = [\n\"p\", \"n\"]\n", on(), "out").unwrap_err().contains("not on one line"));
    }
}
