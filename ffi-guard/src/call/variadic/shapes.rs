//! A variadic function with the parameters of a call: each list of them that is met is a function
//! of its own to the rules and the reports, which know parameters by their index.

use std::sync::atomic::{AtomicPtr, Ordering};

use super::super::declaration::{Declaration, Function, Parameter};
use super::follow::Follower;
use crate::reentry::Reentry;
use crate::rule::Severities;

/// Lists kept for each function. A program that makes up its formats has no end of them.
const KEPT: usize = 256;

/// Names of the parameters without a name, as those that are declared `_` have.
const NAMES: [&str; 40] = [
    "arg1", "arg2", "arg3", "arg4", "arg5", "arg6", "arg7", "arg8", "arg9", "arg10", "arg11", "arg12", "arg13",
    "arg14", "arg15", "arg16", "arg17", "arg18", "arg19", "arg20", "arg21", "arg22", "arg23", "arg24", "arg25",
    "arg26", "arg27", "arg28", "arg29", "arg30", "arg31", "arg32", "arg33", "arg34", "arg35", "arg36", "arg37",
    "arg38", "arg39", "arg40",
];

/// The function with one list of parameters. Never freed: notes and reports lead to it.
#[derive(Debug)]
pub(super) struct Shaped {
    followers: Vec<Follower>,
    function: Function,
    next: *const Shaped,
}

/// The function with these parameters after the fixed ones. `None` if too many lists were met.
pub(super) fn shaped(
    function: &'static Function,
    followers: &[Follower],
    head: &AtomicPtr<Shaped>,
) -> Option<&'static Function> {
    let mut first = head.load(Ordering::Acquire);
    let (found, many) = find(first, followers);
    if let Some(found) = found {
        return Some(&found.function);
    }
    if many >= KEPT {
        return None;
    }
    let _inside = Reentry::enter();
    let new = Box::into_raw(Box::new(Shaped {
        followers: followers.to_vec(),
        function: Function::new(declaration(function.declaration, followers)),
        next: first,
    }));
    loop {
        // SAFETY: the list's head has not changed since, so that this thread alone has the new one.
        unsafe { (*new).next = first };
        match head.compare_exchange(first, new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: it is in the list now, and never freed.
            Ok(_) => return Some(unsafe { &(*new).function }),
            Err(other) => first = other,
        }
    }
}

/// The list's entry with these parameters, and the number of entries that were looked at.
fn find(first: *const Shaped, followers: &[Follower]) -> (Option<&'static Shaped>, usize) {
    let (mut at, mut many) = (first, 0);
    // SAFETY: what is in the list is never freed, nor changed.
    while let Some(shaped) = unsafe { at.as_ref() } {
        if shaped.followers.len() == followers.len()
            && shaped.followers.iter().zip(followers).all(|(one, other)| one.is(other))
        {
            return (Some(shaped), many);
        }
        (at, many) = (shaped.next, many + 1);
    }
    (None, many)
}

fn declaration(fixed: &'static Declaration, followers: &[Follower]) -> &'static Declaration {
    let own = fixed.parameters.iter().map(|parameter| Parameter { ..*parameter });
    let names = NAMES.iter().skip(fixed.parameters.len()).chain(std::iter::repeat(&"arg"));
    let more = followers.iter().zip(names).map(|(follower, name)| Parameter {
        name,
        ty: follower.ty,
        extent: "",
        contract: follower.contract,
        stale: &[],
        severities: Severities::NONE,
    });
    let parameters: Vec<Parameter> = own.chain(more).collect();
    Box::leak(Box::new(Declaration { parameters: Vec::leak(parameters), types: None, ..*fixed }))
}
