//! `split_library`: a library is in the process twice, or is another version than the declarations
//! are of.
//!
//! C: `libcounter.so` and `libcounter.a` both define `counter_new` and `counter_add`, each with its
//! own table of counters. Rust: one block declares both functions, and the linker takes the first
//! from the archive and the second from the shared object, since the archive's is too old to have
//! it: what one made the other does not know.
//!
//! Found by `declarations` at a function's first call; the version by `boundary::version`.

use super::words::{Story, Value, Words};
use crate::facts::{Facts, SplitLibrary};

pub(super) fn words<'a>(seen: &'a SplitLibrary, facts: &'a Facts) -> Words<'a> {
    let name = facts.call.as_ref().map_or("?", |call| call.function.declaration.name);
    let mut story = Story::new(facts);
    story.declared();
    let mut notes = Vec::new();
    let (sentence, label, helps, json);
    match seen {
        SplitLibrary::Version { text, seen } => {
            sentence = (format!("`{name}`: its library is not the declared version"), String::new());
            label = format!("`{text}` does not hold");
            story.say("declared of", *text);
            if let Some(seen) = seen {
                story.say("in C", format!("it is {seen}"));
            }
            helps = vec![
                "link the version that the declarations are of, or have them written from its header".into(),
                "if the other version has the same functions, widen the condition: `version = \"..\"`".to_owned(),
            ];
            json = vec![
                ("what", Value::text("version")),
                ("condition", Value::text(*text)),
                ("is", Value::text_or_null(seen.as_deref())),
            ];
        }
        SplitLibrary::Twice { bound_to, other, split, common } => {
            story.say("bound to", bound_to.as_str());
            let both = if *common == 1 { "1 function".into() } else { format!("{common} functions") };
            match split.first() {
                Some(first) => {
                    let first = first.declaration.name;
                    let modules = format!(" of a library, {bound_to} and {other}");
                    sentence = (format!("`{name}` and `{first}` are of two copies"), modules);
                    label = format!("of {bound_to}, and `{first}` of {other}");
                    story.say("and", format!("`{first}` to {other}"));
                    notes.push(format!("both define {both} of one name: two copies of one library"));
                    if split.len() > 1 {
                        let more: Vec<&str> = split.iter().skip(1).take(3).map(|it| it.declaration.name).collect();
                        notes.push(format!("bound to {other} too: {}", more.join(", ")));
                    }
                }
                None => {
                    let modules = format!(", in {bound_to} and {other}");
                    sentence = (format!("`{name}`: its library is there twice"), modules);
                    label = format!("of {bound_to}, and {other} defines it too");
                    story.say("and in", other.as_str());
                    notes.push(format!("both define {both} of one name, each with variables of its own"));
                }
            }
            helps = vec![
                "link one of them: the same library, static or shared, for all that use it".into(),
                "or keep the names of one to itself: `-fvisibility=hidden`, `-Wl,--exclude-libs,ALL`".into(),
                "if it is meant, say so: `#[guard(allow(split_library))]`".to_owned(),
            ];
            json = vec![
                ("what", Value::text(if split.is_empty() { "twice" } else { "split" })),
                ("bound_to", Value::text(bound_to.as_str())),
                ("other", Value::text(other.as_str())),
                ("split", Value::Number(split.len())),
                ("common", Value::Number(*common)),
            ];
        }
    }
    if let Some(call) = &facts.call {
        story.call("called", call, name);
    }
    Words { sentence, label, story: story.done(), picture: None, helps, notes, json }
}
