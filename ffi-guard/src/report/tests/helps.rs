//! A help that cannot be followed is a fault: the helps of every finding, for the types and the
//! memory that cannot take them.

use super::all;
use crate::facts::{Facts, Finding, Holder, Memory, Tells};
use crate::rules;

/// Every finding whose argument can have the type, with that type.
fn every(pointee: &'static str, tells: Tells) -> Vec<(&'static str, Facts)> {
    let mut found = Vec::new();
    for (name, mut facts, _) in all() {
        let Some(argument) = &mut facts.argument else { continue };
        (argument.pointee, argument.tells) = (pointee, tells);
        // The name of a field is known from a type that tells.
        match &mut facts.finding {
            Finding::NestedPointer(seen) if tells != Tells::Places => no_field(&mut seen.holder),
            Finding::DanglingField(seen) if tells != Tells::Places => no_field(&mut seen.holder),
            _ => {}
        }
        found.push((name, facts));
    }
    assert!(found.len() > 20);
    found
}

fn no_field(holder: &mut Holder) {
    if let Holder::Pointee { field, .. } | Holder::Value { field, .. } = holder {
        *field = None;
    }
}

#[track_caller]
fn none_says(name: &str, facts: &Facts, words: &[&str]) {
    for help in rules::words(facts).helps {
        let said = words.iter().find(|word| help.contains(**word));
        assert!(said.is_none(), "{name}: not to be followed: {help}");
    }
}

#[test]
fn nothing_is_to_be_derived_where_nothing_can_be() {
    let types = [
        // C's own, and empty enums and structs: there are no fields.
        ("core::ffi::c_void", Tells::Opaque),
        ("app::ffi::Easy", Tells::Opaque),
        ("what a field points to", Tells::Opaque),
        // Another crate's, the language's, and those without a name.
        ("other::ffi::iovec", Tells::Nothing),
        ("alloc::string::String", Tells::Nothing),
        ("(app::A, app::B)", Tells::Nothing),
        ("[app::A; 3]", Tells::Nothing),
        ("core::option::Option<app::A>", Tells::Nothing),
        // Derived already, or a pointer.
        ("app::ffi::ComplexStruct", Tells::Places),
        ("*const i8", Tells::Places),
    ];
    for (pointee, tells) in types {
        for (name, facts) in every(pointee, tells) {
            none_says(name, &facts, &["derive("]);
        }
    }
    let own = every("app::ffi::ComplexStruct", Tells::Nothing);
    let derives = |facts: &Facts| rules::words(facts).helps.iter().any(|help| help.contains("derive("));
    assert!(own.iter().any(|(_, facts)| derives(facts)), "the author of a type can derive for it");
}

#[test]
fn a_field_is_named_where_the_type_has_it() {
    for (pointee, tells) in [("core::ffi::c_void", Tells::Opaque), ("app::ffi::Some", Tells::Nothing)] {
        for (name, facts) in every(pointee, tells) {
            none_says(name, &facts, &["that field"]);
        }
    }
}

#[test]
fn what_lies_in_cs_memory_is_cs_to_change() {
    let mut seen = (0, 0);
    for (name, facts, _) in all() {
        if let Some(Holder::CBlock { .. }) = facts.holder() {
            seen.0 += 1;
            none_says(name, &facts, &["null_mut", "opaque", "CArena", "derive("]);
        }
        if let Some(wrong) = facts.finding.parts().wrong_free.filter(|wrong| wrong.c_block.is_some()) {
            seen.1 += 1;
            let words = ["address that the allocation returned", "into_raw", "Handle"];
            none_says(name, &facts, if wrong.asked.is_c() { &words[1..] } else { &words });
        }
    }
    assert!(seen.0 >= 3 && seen.1 >= 4, "{seen:?}");
}

#[test]
fn what_is_declared_already_is_not_asked_for() {
    for (name, facts, _) in all() {
        let contract = facts.parameter().map(|parameter| parameter.contract);
        if contract.is_some_and(crate::call::declaration::Contract::is_opaque) {
            none_says(name, &facts, &["guard(opaque)"]);
        }
        let outside = matches!(facts.memory, Some(Memory::Foreign { .. }));
        assert!(!rules::words(&facts).helps.is_empty(), "{name} ({outside})");
    }
}
