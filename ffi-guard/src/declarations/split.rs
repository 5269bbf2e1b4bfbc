//! A library that is in the process twice: the loader may bind one function of a block to one copy
//! and another to the other.
//!
//! ```text
//!  loaded modules ── asked for by name ──> scope ── defined twice ──> twins
//!                                                                       │
//!  functions of one Rust module ── bound to both (denied), or one (told) <┘
//! ```
//!
//! A module that defines a few functions of a library is no copy of it: it interposes on purpose.
//! Neither is what is not in the scope of the linker: a preloaded module, one that was opened for
//! itself, names that are hidden.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::file::File;
use crate::call::declaration::Function;
use crate::call::registry;
use crate::facts::SplitLibrary;

/// Functions of one Rust module that two modules define, from which on these are no few that are
/// interposed: of an archive only those are linked that are used.
const MANY: usize = 8;

/// Two modules of the scope, by their places in it, that define functions of the same names.
struct Twins {
    one: usize,
    other: usize,
    common: usize,
    /// True if that is most of the larger one.
    is_whole: bool,
}

/// The modules in which the linker and the loader look for a function.
struct Scope<'a> {
    files: Vec<&'a File>,
    /// The module that has the declaration.
    own: usize,
}

/// The twins of a scope, as they were found last: each function's first call asks for them.
static KNOWN: Mutex<Option<KnownTwins>> = Mutex::new(None);

struct KnownTwins {
    /// The loaded modules, and which of them has the declaration.
    modules: (Vec<usize>, usize),
    twins: Arc<[Twins]>,
}

/// Pairs of modules of which a warning has told, by name.
static TOLD: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

/// A copy of the library that the function is bound to, if it is there twice. `files`: the loaded
/// modules, the executable first, of these `numbers`; `own`: the one with the declaration.
pub(super) fn split(
    function: &'static Function,
    files: &[&File],
    numbers: Vec<usize>,
    own: usize,
) -> Option<SplitLibrary> {
    let symbol = function.declaration.symbol.as_bytes();
    let scope = Scope::of(files, own)?;
    let bound_to = scope.binding(symbol).filter(|&it| !scope.is_c_library(it))?;
    let twins = scope.known_twins((numbers, own));
    let mut of_it = twins.iter().filter(|twins| [twins.one, twins.other].contains(&bound_to)).peekable();
    of_it.peek()?;
    let group = group(function);
    of_it.find_map(|twins| {
        let other = if twins.one == bound_to { twins.other } else { twins.one };
        let (mut both, mut used, mut split) = (0, 0, Vec::new());
        for &member in &group {
            let symbol = member.declaration.symbol.as_bytes();
            let binding = scope.binding(symbol).filter(|it| [bound_to, other].contains(it));
            let Some(binding) = binding.filter(|_| !scope.is_weak(symbol)) else { continue };
            used += 1;
            if scope.defines(bound_to, symbol) && scope.defines(other, symbol) {
                both += 1;
            }
            if binding == other {
                split.push(member);
            }
        }
        let is_copy = twins.is_whole || both >= MANY && both * 2 >= used;
        let defines_it = scope.defines(bound_to, symbol) && scope.defines(other, symbol);
        if both == 0 || !is_copy || split.is_empty() && (!defines_it || scope.keeps_apart(bound_to, other)) {
            return None;
        }
        let (bound_to, other) = (scope.name(bound_to)?, scope.name(other)?);
        if split.is_empty() {
            let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
            let pair = (bound_to.clone(), other.clone());
            if told.contains(&pair) {
                return None;
            }
            told.push(pair);
        }
        Some(SplitLibrary::Twice { bound_to, other, split, common: twins.common })
    })
}

/// The functions of C's that the same Rust module declares: bindgen writes a block for each.
fn group(function: &Function) -> Vec<&'static Function> {
    let mut group = registry::all();
    group.retain(|other| {
        let it = other.declaration;
        it.module == function.declaration.module && !it.symbol.is_empty() && !it.callback
    });
    group.dedup_by_key(|function| function.declaration.symbol);
    group
}

impl<'a> Scope<'a> {
    /// The modules that the executable and the declaring one ask for by name, and those that these
    /// ask for, in the loader's order.
    fn of(files: &[&'a File], own: usize) -> Option<Scope<'a>> {
        let mut is_in: Vec<bool> = (0..files.len()).map(|index| index == 0 || index == own).collect();
        let mut queue: Vec<usize> = if own == 0 { vec![0] } else { vec![0, own] };
        while let Some(asking) = queue.pop().and_then(|index| files.get(index)) {
            for (index, file) in files.iter().enumerate() {
                if let Some(known) = is_in.get_mut(index).filter(|known| !**known && file.is_needed_by(asking)) {
                    *known = true;
                    queue.push(index);
                }
            }
        }
        let picked: Vec<usize> = (0..files.len()).filter(|&index| is_in.get(index) == Some(&true)).collect();
        let own = picked.iter().position(|&index| index == own)?;
        Some(Scope { files: picked.into_iter().filter_map(|index| files.get(index).copied()).collect(), own })
    }

    /// The module that calls of the declaring one lead to.
    fn binding(&self, symbol: &[u8]) -> Option<usize> {
        let own = self.files.get(self.own)?;
        let name = std::str::from_utf8(symbol).ok()?;
        // What a shared object shows to others is bound by the loader, as what it asks for.
        let is_shown = self.own != 0 && own.exported(name).is_some();
        if own.has_linked(symbol) && !is_shown {
            return Some(self.own);
        }
        if !is_shown && !own.imports(name) {
            return None;
        }
        self.files.iter().position(|file| file.exported(name).is_some())
    }

    /// True if the module defines the function for the declaring one.
    fn defines(&self, module: usize, symbol: &[u8]) -> bool {
        self.files.get(module).is_some_and(|file| {
            file.has_strong(symbol) || module == self.own && file.has_linked(symbol) && !file.is_weak(symbol)
        })
    }

    fn is_weak(&self, symbol: &[u8]) -> bool {
        self.files.iter().any(|file| file.is_weak(symbol))
    }

    /// True for C's library and its parts, whose functions are interposed as a matter of course.
    fn is_c_library(&self, module: usize) -> bool {
        let is_it = |file: &&&File| file.has_strong(b"__errno_location");
        let Some(file) = self.files.get(module) else { return false };
        let is_own = module == self.own || module == 0;
        !is_own && (is_it(&file) || self.files.iter().skip(1).find(is_it).is_some_and(|it| it.shares_versions(file)))
    }

    /// True if versions of the symbols keep the two apart.
    fn keeps_apart(&self, one: usize, other: usize) -> bool {
        [one, other].iter().any(|&it| self.files.get(it).is_some_and(|file| file.has_versions()))
    }

    fn name(&self, module: usize) -> Option<String> {
        Some(self.files.get(module)?.name.clone())
    }

    /// The twins, found now or before.
    fn known_twins(&self, modules: (Vec<usize>, usize)) -> Arc<[Twins]> {
        let mut found = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        match &*found {
            Some(found) if found.modules == modules => found.twins.clone(),
            _ => {
                let twins: Arc<[Twins]> = self.twins().into();
                *found = Some(KnownTwins { modules, twins: twins.clone() });
                twins
            }
        }
    }

    /// The pairs of modules that define functions of the same names.
    fn twins(&self) -> Vec<Twins> {
        let mut definitions: HashMap<&[u8], Vec<usize>> = HashMap::new();
        let others = (0..self.files.len()).filter(|&it| it != self.own && !self.is_c_library(it));
        for (index, file) in others.filter_map(|index| Some((index, self.files.get(index)?))) {
            file.strong().for_each(|name| definitions.entry(name).or_default().push(index));
        }
        let own = self.own;
        for (name, modules) in &mut definitions {
            if self.defines(own, name) {
                modules.push(own);
            }
        }
        let mut common: HashMap<(usize, usize), usize> = HashMap::new();
        for modules in definitions.values().filter(|modules| modules.len() > 1) {
            for (place, &one) in modules.iter().enumerate() {
                for &other in modules.iter().skip(place + 1) {
                    *common.entry((one, other)).or_default() += 1;
                }
            }
        }
        let count = |index: usize| match self.files.get(index) {
            // An archive's functions are among many others, of which only some were linked.
            Some(_) if index == own || index == 0 => 0,
            Some(file) => file.strong().count(),
            None => 0,
        };
        let pairs = common.into_iter().filter(|&(_, common)| common > 1);
        let mut twins: Vec<Twins> = pairs
            .map(|((one, other), common)| {
                let is_whole = common * 2 >= count(one).max(count(other)).max(1);
                Twins { one, other, common, is_whole }
            })
            .collect();
        twins.sort_by_key(|twins| (twins.one, twins.other));
        twins
    }
}
