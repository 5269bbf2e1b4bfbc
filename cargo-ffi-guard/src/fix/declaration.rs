//! A declaration in a source, read at the level of tokens, and the edit that adds an attribute: what
//! lies around it stays byte for byte.

use std::ops::Range;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::proposal::{On, Proposal};
use crate::rewrite::{beginning, is, word};

/// A function in a foreign block, or one in Rust that C calls.
#[derive(Debug)]
pub(crate) struct Declared {
    /// Its name in C.
    pub symbol: String,
    pub parameters: Vec<Parameter>,
    /// Whether the foreign block, or the Rust function, is under the guard.
    pub guard: Guard,
    /// Where the function begins, its attributes included.
    start: usize,
    /// The attribute `#[guard(..)]` on the function.
    own: Option<Range<usize>>,
}

/// A parameter.
#[derive(Debug)]
pub(crate) struct Parameter {
    /// Its name, or `argN`, as reports have it.
    pub name: String,
    start: usize,
    /// What stands in the parentheses of its `#[guard(..)]`.
    words: Option<Range<usize>>,
}

/// How the attribute stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    None,
    Plain,
    /// In a `cfg_attr` of this condition.
    Under(String),
}

/// Bytes of a file, and what takes their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub range: Range<usize>,
    pub text: String,
}

/// What came of adding an attribute.
#[derive(Debug)]
pub(crate) enum Added {
    Edit(Edit),
    /// It is there.
    There,
    /// The declaration has no such parameter, or none of a name in the words.
    Misfit(String),
}

/// The declaration of this name; of several the one on this line.
pub(crate) fn find(text: &str, name: &str, line: u64) -> Option<Declared> {
    let start = beginning(text);
    let tokens: TokenStream = text[start..].parse().ok()?;
    let mut search = Search { name, offset: start, text, found: Vec::new() };
    search.stream(tokens, None);
    let lines_before = text[..start].matches('\n').count();
    let at = |found: &(usize, Declared)| u64::try_from(found.0 + lines_before).ok();
    match search.found.iter().position(|found| at(found) == Some(line)) {
        Some(index) => Some(search.found.swap_remove(index).1),
        // Lines may have moved since the run.
        None if search.found.len() == 1 => search.found.pop().map(|(_, declared)| declared),
        None => None,
    }
}

/// Foreign functions and Rust functions of C's ABI, by name.
struct Search<'a> {
    name: &'a str,
    offset: usize,
    text: &'a str,
    /// With the lines of their names.
    found: Vec<(usize, Declared)>,
}

impl Search<'_> {
    /// `block`: the guard of the foreign block that the tokens are in.
    fn stream(&mut self, tokens: TokenStream, block: Option<&Guard>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        // Where the item begins that comes next.
        let mut start = 0;
        for index in 0..tokens.len() {
            match &tokens[index] {
                TokenTree::Punct(mark) if mark.as_char() == ';' => start = index + 1,
                TokenTree::Ident(keyword) if keyword == "fn" => self.function(&tokens, start, index, block),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let head = &tokens[start..index];
                    match is_foreign(head) {
                        true => self.stream(group.stream(), Some(&self.guard_of(head))),
                        false => self.stream(group.stream(), None),
                    }
                    start = index + 1;
                }
                // Arguments of a macro may hold items, too; an attribute's are none.
                TokenTree::Group(group) if !(index > 0 && is(&tokens[index - 1], '#')) => {
                    self.stream(group.stream(), block);
                }
                _ => {}
            }
        }
    }

    fn function(&mut self, tokens: &[TokenTree], start: usize, keyword: usize, block: Option<&Guard>) {
        let (Some(TokenTree::Ident(name)), head) = (tokens.get(keyword + 1), &tokens[start..keyword]) else { return };
        let plain = |name: &str| name.strip_prefix("r#").unwrap_or(name).to_owned();
        let list = tokens[keyword + 2..].iter().find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Some(group),
            _ => None,
        });
        let (true, Some(list), Some(first)) = (plain(&name.to_string()) == self.name, list, tokens.get(start)) else {
            return;
        };
        let guard = match block {
            Some(guard) => guard.clone(),
            None => self.guard_of(head),
        };
        let symbol = attributes(head).find_map(link_name).unwrap_or_else(|| plain(&name.to_string()));
        let declared = Declared {
            symbol,
            parameters: self.parameters(list),
            guard,
            start: self.offset + first.span().byte_range().start,
            own: attributes(head).find_map(|group| self.words(group)),
        };
        self.found.push((name.span().start().line, declared));
    }

    fn parameters(&self, list: &Group) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        for tokens in split(list.stream()) {
            let mut rest = &tokens[..];
            let mut words = None;
            while let [TokenTree::Punct(pound), TokenTree::Group(group), others @ ..] = rest
                && pound.as_char() == '#'
            {
                words = words.or_else(|| self.words(group));
                rest = others;
            }
            let (Some(first), Some(name)) = (tokens.first(), rest.first()) else { continue };
            let name = match name {
                TokenTree::Ident(name) if name == "_" => format!("arg{}", parameters.len() + 1),
                TokenTree::Ident(name) => name.to_string().trim_start_matches("r#").to_owned(),
                // `...`
                _ => continue,
            };
            parameters.push(Parameter { name, start: self.offset + first.span().byte_range().start, words });
        }
        parameters
    }

    /// What stands in the parentheses of the guard's attribute, or where they would stand.
    fn words(&self, attribute: &Group) -> Option<Range<usize>> {
        let (guard, inside) = guard(attribute.stream())?;
        let range = match inside {
            Some(group) => group.span_open().byte_range().end..group.span_close().byte_range().start,
            None => guard..guard,
        };
        Some(self.offset + range.start..self.offset + range.end)
    }

    fn guard_of(&self, head: &[TokenTree]) -> Guard {
        let mut found = Guard::None;
        for group in attributes(head).filter(|group| guard(group.stream()).is_some()) {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            found = match (&tokens[0], tokens.get(1)) {
                (TokenTree::Ident(name), Some(TokenTree::Group(inside))) if name == "cfg_attr" => {
                    let predicate = split(inside.stream()).into_iter().next().unwrap_or_default();
                    let range = |token: Option<&TokenTree>| token.map(|it| it.span().byte_range()).unwrap_or_default();
                    let (first, last) = (range(predicate.first()), range(predicate.last()));
                    let text = self.text.get(self.offset + first.start..self.offset + last.end);
                    Guard::Under(text.unwrap_or_default().to_owned())
                }
                _ => Guard::Plain,
            };
        }
        found
    }
}

/// True for what stands before the braces of a foreign block.
fn is_foreign(head: &[TokenTree]) -> bool {
    let (head, last) = match head {
        [head @ .., TokenTree::Literal(_)] => (head, head.last()),
        head => (head, head.last()),
    };
    !head.is_empty() && word(last) == Some("extern".into())
}

/// The brackets of the attributes in what stands before an item.
fn attributes(head: &[TokenTree]) -> impl Iterator<Item = &Group> {
    head.windows(2).filter_map(|pair| match pair {
        [TokenTree::Punct(pound), TokenTree::Group(group)] if pound.as_char() == '#' => Some(group),
        _ => None,
    })
}

/// In an attribute: the end of the word `guard`, and its parentheses; also inside `cfg_attr`.
fn guard(attribute: TokenStream) -> Option<(usize, Option<Group>)> {
    let tokens: Vec<TokenTree> = attribute.into_iter().collect();
    if word(tokens.first()) == Some("cfg_attr".into()) {
        let TokenTree::Group(inside) = tokens.get(1)? else { return None };
        let parts = split(inside.stream());
        return parts.into_iter().skip(1).find_map(|part| guard(part.into_iter().collect()));
    }
    let path = tokens.iter().take_while(|token| matches!(token, TokenTree::Ident(_)) || is(token, ':')).count();
    let last = tokens.get(path.checked_sub(1)?)?;
    if word(Some(last)) != Some("guard".into()) {
        return None;
    }
    let inside = match tokens.get(path) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => Some(group.clone()),
        _ => None,
    };
    Some((last.span().byte_range().end, inside))
}

fn link_name(attribute: &Group) -> Option<String> {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match &tokens[..] {
        [TokenTree::Ident(key), TokenTree::Punct(_), TokenTree::Literal(value)] if key == "link_name" => {
            Some(value.to_string().trim_matches(['"', 'r', '#']).trim_start_matches("\\u{1}").to_owned())
        }
        [TokenTree::Ident(key), TokenTree::Group(inside)] if key == "unsafe" => link_name(inside),
        _ => None,
    }
}

/// The parts between the commas, those in angle brackets left out.
fn split(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let (mut parts, mut depth, mut before) = (vec![Vec::new()], 0_i32, ' ');
    for token in tokens {
        if let TokenTree::Punct(mark) = &token {
            match mark.as_char() {
                '<' => depth += 1,
                '>' if before != '-' => depth -= 1,
                ',' if depth == 0 => {
                    parts.push(Vec::new());
                    continue;
                }
                _ => {}
            }
            before = mark.as_char();
        } else {
            before = ' ';
        }
        if let Some(last) = parts.last_mut() {
            last.push(token);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

impl Declared {
    /// Why the words cannot stand there, if so.
    pub(crate) fn misfit(&self, proposal: &Proposal) -> Option<String> {
        if let On::Parameter(name) = &proposal.on
            && !self.parameters.iter().any(|parameter| parameter.name == *name)
        {
            return Some(format!("the declaration has no parameter `{name}`"));
        }
        let (_, extent) = proposal.words.split_once('=')?;
        let is_name = |name: &&str| name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let names = extent.split(|c: char| !c.is_alphanumeric() && c != '_').filter(is_name);
        let unknown = names.into_iter().find(|name| !self.parameters.iter().any(|it| it.name == **name));
        unknown.map(|name| {
            format!("`{}` names `{name}`, which is no parameter: which one it is, a reader has to say", proposal.words)
        })
    }

    /// The edit that adds the attribute to the declaration in this text.
    pub(crate) fn add(&self, text: &str, proposal: &Proposal) -> Added {
        if let Some(why) = self.misfit(proposal) {
            return Added::Misfit(why);
        }
        let (start, words) = match &proposal.on {
            On::Function => (self.start, &self.own),
            On::Parameter(name) => match self.parameters.iter().find(|parameter| parameter.name == *name) {
                Some(parameter) => (parameter.start, &parameter.words),
                None => return Added::Misfit(format!("the declaration has no parameter `{name}`")),
            },
        };
        match words {
            Some(range) => merge(text, range, proposal),
            None => {
                let attribute = match &self.guard {
                    Guard::Under(predicate) => format!("#[cfg_attr({predicate}, guard({}))]", proposal.words),
                    _ => format!("#[guard({})]", proposal.words),
                };
                let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
                let indent = &text[line..start];
                // A function's attribute has a line of its own, if the function has one.
                let after = match proposal.on == On::Function && indent.trim().is_empty() {
                    true => format!("\n{indent}"),
                    false => " ".into(),
                };
                Added::Edit(Edit { range: start..start, text: attribute + &after })
            }
        }
    }
}

/// Adds words to an attribute that is there.
fn merge(text: &str, range: &Range<usize>, proposal: &Proposal) -> Added {
    let inside = &text[range.clone()];
    let words = top_level(inside);
    if words.iter().any(|(_, word)| squeezed(word) == squeezed(&proposal.words)) {
        return Added::There;
    }
    if let Some(old) = proposal.replaces
        && let Some((at, word)) = words.iter().find(|(_, word)| word.split([' ', '=']).next() == Some(old))
    {
        let start = range.start + at;
        return Added::Edit(Edit { range: start..start + word.len(), text: proposal.words.clone() });
    }
    let end = range.start + inside.trim_end().trim_end_matches(',').trim_end().len();
    let has_parentheses = text[..range.start].ends_with('(');
    let text = match (has_parentheses, words.is_empty()) {
        (false, _) => format!("({})", proposal.words),
        (true, true) => proposal.words.clone(),
        (true, false) => format!(", {}", proposal.words),
    };
    Added::Edit(Edit { range: end..end, text })
}

/// The words between commas that stand in no parentheses, and where they begin.
fn top_level(inside: &str) -> Vec<(usize, &str)> {
    let (mut words, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, c) in inside.char_indices().chain([(inside.len(), ',')]) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = &inside[start..at];
                let word = part.trim();
                if !word.is_empty() {
                    words.push((start + part.len() - part.trim_start().len(), word));
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    words
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[cfg(test)]
mod tests;
