//! `clashing_declaration`: two declarations of one symbol pass different things.
//!
//! C: `int64_t scale(int64_t value, int by);`. One crate has `fn scale(value: i64, by: c_int) ->
//! i64;`, another `fn scale(value: i32, by: c_int) -> i64;`. The linker looks at names alone, and
//! rustc at one crate at a time: whichever is wrong passes what C does not take.
//!
//! Found by `declarations` in the list of guarded functions, at a function's first call.

use super::difference::said;
use super::words::{Beat, Source, Story, Value, Words};
use crate::facts::{ClashingDeclaration, Facts};

pub(super) fn words<'a>(seen: &'a ClashingDeclaration, facts: &'a Facts) -> Words<'a> {
    let (other, own) = (seen.other, facts.call.as_ref().map(|call| call.function));
    let it = other.declaration;
    let own_crate = own.map_or("?", |own| own.krate());
    // Who has the other one: its crate, if that says it.
    let side = match own {
        Some(own) if own.krate() != other.krate() => other.krate(),
        Some(own) if own.declaration.module != it.module => it.module,
        _ => it.name,
    };
    let side = format!("`{side}`");
    let said: Vec<String> = seen.differences.iter().map(|difference| said(difference, facts, &side)).collect();
    let first = said.first().cloned().unwrap_or_default();
    let mut story = Story::new(facts);
    story.declared();
    story.say("as", format!("{} in crate {own_crate}", seen.rust));
    let at = Source { file: it.file, line: it.line, column: it.column };
    let key = if it.callback { "defined" } else { "and again" };
    story.tell(Beat::At { key, at, what: it.name.into(), thread: None, known: true });
    story.say("as", format!("{} in crate {}", seen.other_rust, other.krate()));
    if let Some(call) = &facts.call {
        story.call("called", call, call.function.declaration.name);
    }
    let mut notes: Vec<String> = said.iter().skip(1).take(3).map(|more| format!("and {more}")).collect();
    if said.len() > 4 {
        notes.push(format!("and {} differences more", said.len() - 4));
    }
    notes.push(match seen.is_cs {
        true => "C's debug information agrees with this one: the other is wrong".into(),
        false => format!("both are linked to the one symbol `{}`: one of them is wrong", it.symbol),
    });
    let name = own.map_or("?", |own| own.declaration.name);
    let (here, there) = first.split_at(first.find(&format!(", in {side}")).unwrap_or(first.len()));
    Words {
        sentence: (format!("`{name}`: {here}"), there.to_owned()),
        label: first.clone(),
        story: story.done(),
        picture: None,
        helps: vec![
            "declare it in both places as C's header has it, or in one place alone".into(),
            "if C takes what either passes, say so: `#[guard(allow(clashing_declaration))]`".into(),
        ],
        notes,
        json: vec![
            ("crate", Value::text(own_crate)),
            ("declared_as", Value::text(seen.rust.as_str())),
            ("other_crate", Value::text(other.krate())),
            ("other_file", Value::text(it.file)),
            ("other_line", Value::Number(it.line as usize)),
            ("other_declared_as", Value::text(seen.other_rust.as_str())),
            ("symbol", Value::text(it.symbol)),
            ("agrees_with_c", Value::Flag(seen.is_cs)),
            ("differences", Value::Number(seen.differences.len())),
        ],
    }
}
