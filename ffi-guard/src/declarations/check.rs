//! One declaration beside C's definition: finds the definition by the symbol, as the linker and the
//! loader did, and compares.

use std::cell::OnceCell;
use std::sync::{Mutex, PoisonError};

use super::beside::Beside;
use super::c_type;
use super::compare::{Comparison, RustParameter};
use super::file::{self, File, Loaded};
use super::info::{At, Info, Missing};
use super::rust_type::RustType;
use super::split;
use super::structs::Structs;
use crate::call::declaration::{Declaration, Function};
use crate::call::typed::Typed;
use crate::facts::{AbiMismatch, CSource, SplitLibrary};
use crate::platform::modules::Fingerprint;
use crate::platform::{fork_gate, memory};
use crate::reentry::Reentry;

/// What came of a comparison.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// What crosses is the same on both sides.
    Same {
        /// The number of integers that are signed on one side only.
        other_sign: usize,
    },
    Differs(Box<AbiMismatch>),
    NotCompared(NotCompared),
}

/// Why a declaration was not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum NotCompared {
    /// It has no symbol of its own: it is called by a pointer.
    NoSymbol,
    /// Nothing in the program calls it, so that it was not linked.
    NotLinked,
    /// The file of the module that defines it cannot be read, or has changed since.
    NoFile,
    /// The module that defines it has no debug information.
    NoDebugInfo,
    /// The debug information is compressed.
    Compressed,
    /// The debug information is in files of its own (`-gsplit-dwarf`).
    Split,
    /// It is not defined in C, or that part of the module has no debug information.
    NotInC,
    /// C does not say what its parameters are: `int f();`.
    NoPrototype,
    /// It is Rust's own, and no header that is given declares it.
    NotDeclared,
    /// The process may take few addresses (`ulimit -v`): reading files would leave too few for it.
    LittleRoom,
}

impl NotCompared {
    /// The reason, in one word.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            NotCompared::NoSymbol => "no_symbol",
            NotCompared::NotLinked => "not_linked",
            NotCompared::NoFile => "no_file",
            NotCompared::NoDebugInfo => "no_debug_info",
            NotCompared::Compressed => "compressed",
            NotCompared::Split => "split",
            NotCompared::NotInC => "not_in_c",
            NotCompared::NoPrototype => "no_prototype",
            NotCompared::NotDeclared => "not_declared",
            NotCompared::LittleRoom => "little_room",
        }
    }

    /// The reason, in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            NotCompared::NoSymbol => "it has no symbol of its own",
            NotCompared::NotLinked => "it is not linked in, since nothing calls it",
            NotCompared::NoFile => "the file that defines it cannot be read",
            NotCompared::NoDebugInfo => "the library has no debug information",
            NotCompared::Compressed => "the library's debug information is compressed",
            NotCompared::Split => "its debug information is in a file of its own",
            NotCompared::NotInC => "no debug information says that C defines it",
            NotCompared::NoPrototype => "C does not say what its parameters are",
            NotCompared::NotDeclared => "no header that is given declares it",
            NotCompared::LittleRoom => "the process has a limit of addresses (`ulimit -v`)",
        }
    }
}

/// A module that was read.
pub(super) struct Module {
    /// Where it is loaded, and as what; `None` if it is not.
    loaded: Option<(usize, Fingerprint)>,
    pub(super) file: Option<File>,
    info: OnceCell<Option<Info>>,
}

impl Module {
    /// A file that is not loaded.
    pub(super) fn of_file(file: File) -> Module {
        Module { loaded: None, file: Some(file), info: OnceCell::new() }
    }

    pub(super) fn info(&self) -> Option<&Info> {
        let dwarf = || Some(Info::new(self.file.as_ref()?.dwarf.as_ref()?.borrow(|section| *section)));
        self.info.get_or_init(dwarf).as_ref()
    }

    fn name(&self) -> Option<String> {
        Some(self.file.as_ref()?.name.clone())
    }

    /// The definition at a link-time address.
    pub(super) fn at_address(&self, address: u64) -> Result<At, NotCompared> {
        let Some(info) = self.info() else {
            let is_compressed = self.file.as_ref().is_some_and(|file| file.is_compressed);
            return Err(if is_compressed { NotCompared::Compressed } else { NotCompared::NoDebugInfo });
        };
        info.at_address(address).map_err(|missing| match missing {
            Missing::Split => NotCompared::Split,
            Missing::NoDefinition => NotCompared::NotInC,
        })
    }
}

/// Why a definition was not found, and the index of the module that has it.
type Missed = (NotCompared, Option<usize>);

/// The modules that were read.
static READ: Mutex<Vec<Module>> = Mutex::new(Vec::new());

/// With fewer addresses than these nothing is read: the executable with its debug information is
/// mapped whole, and an index of it made.
const ROOM: usize = 8 << 30;

fn has_little_room() -> bool {
    memory::address_space_limit().is_some_and(|limit| limit < ROOM)
}

/// Compares a function. `by_name`: also if it is not linked in.
pub(crate) fn compare(function: &'static Function, by_name: bool) -> Outcome {
    compare_beside(function, by_name, &Beside::default()).0
}

/// Compares a function, also with what is `beside` the program: one of Rust's own with that alone.
/// Returns the name of the module that defines or declares it, too, as far as that is known.
pub(super) fn compare_beside(function: &'static Function, by_name: bool, beside: &Beside) -> (Outcome, Option<String>) {
    if has_little_room() {
        return (Outcome::NotCompared(NotCompared::LittleRoom), None);
    }
    let _inside = Reentry::enter();
    fork_gate::run(|| {
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        if function.declaration.callback {
            let own = own_of(function, &mut read).and_then(|own| read.get(own));
            return match (beside.declared(function.declaration.symbol), own) {
                (Some((of, at)), Some(own)) => (compare_with(function, own, of, at), of.name()),
                _ => (Outcome::NotCompared(NotCompared::NotDeclared), None),
            };
        }
        let found = find(function, by_name, &mut read);
        let (reason, defined_by) = match found {
            Ok((own, of, at)) => match (read.get(own), read.get(of)) {
                (Some(own), Some(of)) => return (compare_with(function, own, of, at), of.name()),
                _ => (NotCompared::NoFile, None),
            },
            Err((reason, of)) => (reason, of.and_then(|of| read.get(of)?.name())),
        };
        if beside.is_empty() {
            return (Outcome::NotCompared(reason), defined_by);
        }
        let own = own_of(function, &mut read).and_then(|own| read.get(own));
        match (beside.find(function, reason), own) {
            (Ok((of, at)), Some(own)) => (compare_with(function, own, of, at), of.name()),
            (Ok(_), None) => (Outcome::NotCompared(reason), defined_by),
            (Err((reason, of)), _) => (Outcome::NotCompared(reason), of.and_then(Module::name).or(defined_by)),
        }
    })
}

/// The index of the module that has the declaration.
fn own_of(function: &Function, read: &mut Vec<Module>) -> Option<usize> {
    let loaded = file::loaded(std::ptr::from_ref(function).addr());
    Some(index_of(loaded.iter().find(|module| module.is_own)?, read))
}

/// The indices of the module that has the declaration and of that which has the definition, and
/// where it is there. If it is not compared: why, and the index of the module that defines it.
fn find(function: &'static Function, by_name: bool, read: &mut Vec<Module>) -> Result<(usize, usize, At), Missed> {
    let declaration = function.declaration;
    let symbol = declaration.symbol;
    if symbol.is_empty() || declaration.types.is_none() || declaration.callback {
        return Err((NotCompared::NoSymbol, None));
    }
    let loaded = file::loaded(std::ptr::from_ref(function).addr());
    let own = loaded.iter().find(|module| module.is_own).ok_or((NotCompared::NoFile, None))?;
    let own = index_of(own, read);
    let file = read.get(own).and_then(|module| module.file.as_ref()).ok_or((NotCompared::NoFile, None))?;
    let (linked, is_imported) = (file.linked(symbol), file.imports(symbol));
    let (of, address) = match linked {
        Some(address) => (own, address),
        None if is_imported => loaded
            .iter()
            .find_map(|module| {
                let index = index_of(module, read);
                Some((index, read.get(index)?.file.as_ref()?.exported(symbol)?))
            })
            .ok_or((NotCompared::NoFile, None))?,
        None => {
            let not_linked = (NotCompared::NotLinked, None);
            let info = read.get(own).and_then(Module::info).filter(|_| by_name).ok_or(not_linked)?;
            return Ok((own, own, info.by_name(symbol).ok_or(not_linked)?));
        }
    };
    let module = read.get(of).ok_or((NotCompared::NoFile, None))?;
    module.at_address(address).map(|at| (own, of, at)).map_err(|reason| (reason, Some(of)))
}

/// The index of a loaded module among those that were read; reads it if it is new.
fn index_of(module: &Loaded, read: &mut Vec<Module>) -> usize {
    let loaded = Some((module.base, module.fingerprint));
    let same = |known: &Module| known.loaded == loaded;
    if let Some(index) = read.iter().position(same) {
        return index;
    }
    read.push(Module { loaded, file: File::read(module), info: OnceCell::new() });
    read.len() - 1
}

fn compare_with(function: &'static Function, own: &Module, of: &Module, at: At) -> Outcome {
    let declaration = function.declaration;
    let (Some(info), Some(types), Some(file)) = (of.info(), declaration.types, &of.file) else {
        return Outcome::NotCompared(NotCompared::NoFile);
    };
    let Some(c) = c_type::signature(info, at) else { return Outcome::NotCompared(NotCompared::NoPrototype) };
    let all: Vec<RustParameter> = types.iter().map(of_typed).collect();
    let (parameters, result) = all.split_at(declaration.parameters.len().min(all.len()));
    let structs = Structs::of(function, Some(own));
    let mut comparison = Comparison::new(info, &structs);
    match declaration.callback {
        true => comparison.export(parameters, result.first(), &c),
        false => comparison.function(parameters, result.first(), declaration.variadic, &c),
    }
    let Comparison { found: mut differences, other_sign, .. } = comparison;
    // A struct of the same name elsewhere is no reason for a report.
    differences.retain(|difference| difference.contrast.of_struct().is_none_or(|path| structs.is_sure(path)));
    if differences.is_empty() {
        return Outcome::Same { other_sign };
    }
    Outcome::Differs(Box::new(AbiMismatch {
        differences,
        rust: rust_text(declaration),
        c: c_type::declaration(info, declaration.symbol, &c),
        source: info.source(at).map(|(file, line)| CSource { file, line }),
        module: file.name.clone(),
        other_sign,
    }))
}

/// Calls `ask` with the structs that the types of two functions of one module lead to.
pub(super) fn with_structs<R>(
    one: &'static Function,
    other: &'static Function,
    ask: impl FnOnce(&Structs<'_>, &Structs<'_>) -> R,
) -> R {
    if has_little_room() {
        return ask(&Structs::of(one, None), &Structs::of(other, None));
    }
    let _inside = Reentry::enter();
    fork_gate::run(|| {
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = file::loaded(std::ptr::from_ref(one).addr());
        let own = loaded.iter().find(|module| module.is_own).map(|module| index_of(module, &mut read));
        let own = own.and_then(|index| read.get(index));
        ask(&Structs::of(one, own), &Structs::of(other, own))
    })
}

/// A copy of the library that the function is bound to, if it is there twice.
pub(crate) fn second_copy(function: &'static Function) -> Option<SplitLibrary> {
    if has_little_room() || function.declaration.symbol.is_empty() {
        return None;
    }
    let _inside = Reentry::enter();
    fork_gate::run(|| {
        let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = file::loaded(std::ptr::from_ref(function).addr());
        let indices: Vec<(usize, bool)> =
            loaded.iter().map(|module| (index_of(module, &mut read), module.is_own)).collect();
        let with_file: Vec<(usize, &File, bool)> = indices
            .iter()
            .filter_map(|&(index, is_own)| Some((index, read.get(index)?.file.as_ref()?, is_own)))
            .collect();
        let files: Vec<&File> = with_file.iter().map(|&(_, file, _)| file).collect();
        // Without the executable's file it is not known where functions are looked for first.
        with_file.first().filter(|(index, ..)| indices.first().is_some_and(|first| first.0 == *index))?;
        let numbers = with_file.iter().map(|&(index, ..)| index).collect();
        split::split(function, &files, numbers, with_file.iter().position(|&(.., is_own)| is_own)?)
    })
}

pub(super) fn of_typed(typed: &Typed) -> RustParameter {
    let ty = RustType::of((typed.name)());
    // What is larger than an address is more than one.
    let is_fat = matches!(ty, RustType::Pointer(_)) && typed.size != size_of::<usize>();
    let ty = if is_fat { RustType::Unknown } else { ty };
    let target_size = typed.leads_to.map(|layout| layout.size as u64);
    RustParameter { ty, size: Some(typed.size as u64), target_size }
}

/// The declaration as Rust has it.
pub(super) fn rust_text(declaration: &Declaration) -> String {
    let mut parameters: Vec<String> =
        declaration.parameters.iter().map(|parameter| format!("{}: {}", parameter.name, parameter.ty)).collect();
    if declaration.variadic {
        parameters.push("...".into());
    }
    let result = declaration.types.and_then(|types| types.get(declaration.parameters.len()));
    let result = result.map(|typed| format!(" -> {}", without_modules((typed.name)()))).unwrap_or_default();
    format!("fn {}({}){result}", declaration.name, parameters.join(", "))
}

/// A type's name without the modules of its parts.
fn without_modules(name: &str) -> String {
    let mut short = String::new();
    for part in name.split_inclusive(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | ':')) {
        short.push_str(part.rsplit("::").next().unwrap_or(part));
    }
    short
}

#[cfg(test)]
mod tests {
    use super::without_modules;

    #[test]
    fn a_type_is_told_without_its_modules() {
        assert_eq!(without_modules("*mut app::sys::Point"), "*mut Point");
        assert_eq!(without_modules("core::option::Option<&app::A>"), "Option<&A>");
        assert_eq!(without_modules("[u8; 4]"), "[u8; 4]");
    }
}
