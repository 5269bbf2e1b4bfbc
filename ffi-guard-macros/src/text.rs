//! Turns tokens back into text, as rustfmt would write them on one line.
//!
//! The spacing of `TokenStream::to_string` differs between versions of rustc. The texts end up in
//! reports, where `* const u8` would look like a mistake of ours.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// The text of a type.
pub(crate) fn of_type(tokens: TokenStream) -> String {
    print(tokens, true)
}

/// The text of an expression.
pub(crate) fn of_expr(tokens: TokenStream) -> String {
    print(tokens, false)
}

/// The kind of token written last: it decides whether a space follows.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    /// Nothing, or an opening bracket: no space follows.
    Open,
    /// A name, a literal, or a closing bracket: an operator after it is binary.
    Operand,
    /// A word such as `mut` or `as`, after which an operand begins.
    Keyword,
    /// A binary operator, an arrow or a comma: a space follows.
    Spaced,
    /// A prefix operator, `::` or `.`: no space follows.
    Tight,
    /// A lifetime.
    Lifetime,
}

struct Printer {
    text: String,
    last: Last,
    /// How many `<` are open.
    angles: usize,
    in_type: bool,
}

fn print(tokens: TokenStream, in_type: bool) -> String {
    let mut printer = Printer { text: String::new(), last: Last::Open, angles: 0, in_type };
    printer.stream(tokens);
    printer.text
}

/// Words after which an operand begins, so that `*` and `&` after them are prefixes.
const KEYWORDS: [&str; 17] = [
    "as", "break", "const", "dyn", "else", "extern", "if", "impl", "in", "let", "loop", "match", "move", "mut",
    "return", "unsafe", "while",
];

impl Printer {
    fn stream(&mut self, tokens: TokenStream) {
        let mut tokens = flatten(tokens).into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) => self.word(&ident.to_string()),
                TokenTree::Literal(literal) => self.word(&literal.to_string()),
                TokenTree::Group(group) => self.group(group.delimiter(), group.stream()),
                TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                    if let Some(TokenTree::Ident(name)) = tokens.next() {
                        self.space_after_operand();
                        self.text += &format!("'{name}");
                        self.last = Last::Lifetime;
                    }
                }
                TokenTree::Punct(punct) => {
                    let mut operator = punct.as_char().to_string();
                    // In `A<B<C>>` each `>` closes a bracket of its own.
                    let closes = punct.as_char() == '>' && self.angles > 0;
                    let mut joint = punct.spacing() == Spacing::Joint && !closes;
                    while joint {
                        let Some(TokenTree::Punct(next)) = tokens.peek() else { break };
                        if !OPERATORS.contains(&format!("{operator}{}", next.as_char()).as_str()) {
                            break;
                        }
                        operator.push(next.as_char());
                        joint = next.spacing() == Spacing::Joint;
                        tokens.next();
                    }
                    let end = match tokens.peek() {
                        None => true,
                        Some(TokenTree::Punct(next)) => next.as_char() == '>' && self.angles > 0,
                        _ => false,
                    };
                    self.operator(&operator, end);
                }
            }
        }
    }

    fn space_after_operand(&mut self) {
        if !matches!(self.last, Last::Open | Last::Tight) && !self.text.is_empty() {
            self.text.push(' ');
        }
    }

    fn word(&mut self, word: &str) {
        self.space_after_operand();
        self.text += word;
        self.last = if KEYWORDS.contains(&word) { Last::Keyword } else { Last::Operand };
    }

    fn group(&mut self, delimiter: Delimiter, content: TokenStream) {
        let (open, close) = match delimiter {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{ ", " }"),
            Delimiter::None => ("", ""),
        };
        // No space before the bracket of a call or an index; a space in `*mut (A, B)` and before a
        // block.
        if self.last != Last::Operand || delimiter == Delimiter::Brace {
            self.space_after_operand();
        }
        let inside = print(content.clone(), self.in_type);
        let (open, close) = if inside.is_empty() { (open.trim_end(), close.trim_start()) } else { (open, close) };
        // `(T,)` is not `(T)`.
        let comma = if is_single(delimiter, content) { "," } else { "" };
        self.text += &format!("{open}{inside}{comma}{close}");
        self.last = Last::Operand;
    }

    fn operator(&mut self, operator: &str, at_end: bool) {
        let after_operand = self.last == Last::Operand;
        match operator {
            // A trailing comma is for the multi-line form.
            "," if at_end => {}
            "," | ";" | ":" => {
                self.text += operator;
                self.last = Last::Spaced;
            }
            "::" | "." | ".." | "..=" => {
                if !after_operand {
                    self.space_after_operand();
                }
                self.text += operator;
                self.last = Last::Tight;
            }
            "?" if after_operand => self.text.push('?'),
            "!" if after_operand => {
                self.text.push('!');
                self.last = Last::Operand;
            }
            "<" if self.in_type || self.angles > 0 || self.last == Last::Tight || !after_operand => {
                if matches!(self.last, Last::Keyword | Last::Spaced) {
                    self.space_after_operand();
                }
                self.text.push('<');
                self.angles += 1;
                self.last = Last::Open;
            }
            ">" if self.angles > 0 => {
                self.text.push('>');
                self.angles -= 1;
                self.last = Last::Operand;
            }
            "*" | "&" | "&&" | "-" | "!" | "?" | "$" | "#" | "@" if !after_operand => {
                self.space_after_operand();
                self.text += operator;
                self.last = Last::Tight;
            }
            "..." => {
                self.space_after_operand();
                self.text += operator;
                self.last = Last::Operand;
            }
            _ => {
                self.space_after_operand();
                self.text += operator;
                self.last = Last::Spaced;
            }
        }
    }
}

const OPERATORS: [&str; 24] = [
    "->", "=>", "::", "..", "...", "..=", "&&", "||", "==", "!=", "<=", ">=", "<<", ">>", "+=", "-=", "*=", "/=", "%=",
    "^=", "&=", "|=", "<<=", ">>=",
];

/// Takes tokens out of the invisible groups that macro_rules puts around its variables, and splits
/// `>>` into two brackets.
fn flatten(tokens: TokenStream) -> Vec<TokenTree> {
    let mut flat = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => flat.extend(flatten(group.stream())),
            token => flat.push(token),
        }
    }
    flat
}

fn is_single(delimiter: Delimiter, content: TokenStream) -> bool {
    let tokens = flatten(content);
    let commas = tokens.iter().filter(|t| matches!(t, TokenTree::Punct(p) if p.as_char() == ',')).count();
    let last = matches!(tokens.last(), Some(TokenTree::Punct(p)) if p.as_char() == ',');
    delimiter == Delimiter::Parenthesis && commas == 1 && last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ty(text: &str) -> String {
        of_type(text.parse().unwrap())
    }

    fn expr(text: &str) -> String {
        of_expr(text.parse().unwrap())
    }

    #[test]
    fn types_read_as_rustfmt_writes_them() {
        for text in [
            "*const u8",
            "*mut *const c_char",
            "Option<extern \"C\" fn(*mut c_void) -> c_int>",
            "Option<unsafe extern \"C\" fn(data: *mut c_void, n: c_int, ...) -> *mut u8>",
            "&'a mut [u8; 4]",
            "&'a *const T",
            "Option<Option<&T>>",
            "for<'a> fn(&'a u8) -> !",
            "::std::os::raw::c_int",
            "<T as Trait<'a, U>>::Out",
            "(T,)",
            "()",
            "*mut (A, B)",
            "*const [c_int; N * 2]",
            "&(dyn Trait + Send)",
        ] {
            assert_eq!(ty(text), text);
            assert_eq!(ty(&text.replace("<", " < ").replace(">", " > ").replace("- >", "->")), text);
        }
        assert_eq!(ty("Option<T,>"), "Option<T>");
        assert_eq!(ty("fn(A,)"), "fn(A,)");
        assert_eq!(ty("&&T"), "&&T");
    }

    #[test]
    fn expressions_read_as_rustfmt_writes_them() {
        for text in [
            "len",
            "rows * cols",
            "-1",
            "a - b",
            "len as usize * size_of::<T>()",
            "unsafe { (*v).len }",
            "a < b && c > d",
            "(n + 1) * 4",
            "*len",
            "f(&x, !y)[0]",
            "std::mem::size_of::<Option<&T>>() << 2",
            "0x10",
        ] {
            assert_eq!(expr(text), text);
            assert_eq!(expr(&text.replace(' ', "  ").replace(" (", "  (")), text);
        }
    }
}
