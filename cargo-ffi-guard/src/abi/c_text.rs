//! The declarations of a C file that the preprocessor has left, as trees of words.

/// A word, a mark, or what stands between brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tree {
    /// A name, a number or a text.
    Word(String),
    Mark(char),
    Group(char, Vec<Tree>),
}

/// `access(read_only, 1, 2)`, without the underscores around its name.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
}

/// Words of C that say nothing of what a type is.
const QUALIFIERS: [&str; 10] = [
    "const",
    "volatile",
    "restrict",
    "__restrict",
    "__restrict__",
    "__const",
    "register",
    "__extension__",
    "_Nonnull",
    "_Nullable",
];

/// Words of which types without a name are made.
const OF_TYPES: [&str; 12] =
    ["void", "char", "short", "int", "long", "float", "double", "signed", "unsigned", "_Bool", "__int128", "_Complex"];

/// Words that are no names of parameters in Rust.
const NO_NAMES: [&str; 39] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static",
    "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while", "yield", "result",
];

/// True for a word of which the name of a type is made.
pub(super) fn is_of_types(word: &str) -> bool {
    OF_TYPES.contains(&word)
}

/// True for what can be the name of a parameter in Rust.
pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_alphabetic()) && !NO_NAMES.contains(&word)
}

/// The words of a part of a declaration, without qualifiers; `struct tag` as one.
pub(super) fn words_of(trees: &[Tree]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_tag = false;
    for tree in trees {
        let Tree::Word(word) = tree else { continue };
        if QUALIFIERS.contains(&word.as_str()) {
            continue;
        }
        match words.last_mut() {
            Some(last) if is_tag => *last = format!("{last} {word}"),
            _ => words.push(word.clone()),
        }
        is_tag = !is_tag && matches!(word.as_str(), "struct" | "union" | "enum");
    }
    words
}

/// The declarations of a file, without the bodies of functions.
pub(super) fn declarations(text: &str) -> Vec<Vec<Tree>> {
    let mut all = Vec::new();
    let mut declaration: Vec<Tree> = Vec::new();
    for tree in trees(text) {
        let is_body = matches!(tree, Tree::Group('{', _)) && matches!(declaration.last(), Some(Tree::Group('(', _)));
        if tree == Tree::Mark(';') || is_body {
            all.push(std::mem::take(&mut declaration));
        } else {
            declaration.push(tree);
        }
    }
    all.retain(|declaration| !declaration.contains(&Tree::Word("typedef".into())));
    all
}

/// Takes the attributes out of a declaration, and the names for the assembler.
pub(super) fn take_attributes(declaration: &mut Vec<Tree>) -> Vec<Attribute> {
    let mut found = Vec::new();
    let mut left = Vec::new();
    let mut trees = std::mem::take(declaration).into_iter().peekable();
    while let Some(tree) = trees.next() {
        let word = match &tree {
            Tree::Word(word) => word.trim_matches('_'),
            _ => "",
        };
        let is_attribute = word == "attribute";
        if !is_attribute && word != "asm" {
            left.push(tree);
        } else if let Some(Tree::Group('(', inner)) = trees.next_if(|next| matches!(next, Tree::Group('(', _)))
            && is_attribute
            && let Some(Tree::Group('(', list)) = inner.first()
        {
            found.extend(list.split(|tree| *tree == Tree::Mark(',')).filter_map(attribute));
        }
    }
    *declaration = left;
    found
}

fn attribute(trees: &[Tree]) -> Option<Attribute> {
    let Tree::Word(name) = trees.first()? else { return None };
    let arguments = match trees.get(1) {
        Some(Tree::Group('(', inner)) => {
            let parts = inner.split(|tree| *tree == Tree::Mark(','));
            parts.map(|part| words_of(part).join(" ")).filter(|part| !part.is_empty()).collect()
        }
        _ => Vec::new(),
    };
    Some(Attribute { name: name.trim_matches('_').to_owned(), arguments })
}

/// The text as trees. A bracket that is not closed ends with the text.
fn trees(text: &str) -> Vec<Tree> {
    let mut open: Vec<(char, Vec<Tree>)> = Vec::new();
    let mut trees: Vec<Tree> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
        let length = match first {
            letter if is_part(letter) => rest.find(|letter| !is_part(letter)).unwrap_or(rest.len()),
            '"' | '\'' => quoted(rest, first),
            // A line of the preprocessor's.
            '#' => rest.find('\n').unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        rest = after;
        match first {
            '(' | '[' | '{' => open.push((first, std::mem::take(&mut trees))),
            ')' | ']' | '}' => {
                if let Some((bracket, before)) = open.pop() {
                    let inner = std::mem::replace(&mut trees, before);
                    trees.push(Tree::Group(bracket, inner));
                }
            }
            letter if is_part(letter) || matches!(letter, '"' | '\'') => trees.push(Tree::Word(word.to_owned())),
            letter if letter.is_whitespace() || letter == '#' => {}
            letter => trees.push(Tree::Mark(letter)),
        }
    }
    open.into_iter().next().map_or(trees, |(_, before)| before)
}

/// The length of a text or a character, with its quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            letter if letter == quote => return at + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}
