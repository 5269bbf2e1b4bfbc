//! Files that say what C defines or declares, beside the modules that are loaded: libraries of
//! which the linker took nothing, and what headers declare.

use std::path::Path;

use super::c_type::{self, CType};
use super::check::{Module, NotCompared};
use super::file::File;
use super::info::At;
use crate::call::declaration::Function;

/// How the variables of a probe are called that have the type of a function, before its name.
const OF_TYPE: &str = "ffi_guard_type_of_";

/// The files.
#[derive(Default)]
pub(crate) struct Beside {
    libraries: Vec<Library>,
    /// Objects in which C uses what headers declare.
    probes: Vec<Module>,
}

/// A library that is not loaded.
struct Library {
    /// The crate that it was built for; empty for all.
    krate: String,
    module: Module,
}

impl Beside {
    /// True if there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.libraries.is_empty() && self.probes.is_empty()
    }

    /// Adds a library, for one crate, or for all if that is empty. False if the file is none of
    /// this system's.
    pub(crate) fn add_library(&mut self, krate: &str, path: &Path) -> bool {
        let Some(file) = File::of_path(path) else { return false };
        self.libraries.push(Library { krate: krate.replace('-', "_"), module: Module::of_file(file) });
        true
    }

    /// Adds an object that uses what a header declares. False if the file is none of this system's.
    pub(crate) fn add_probe(&mut self, path: &Path) -> bool {
        let Some(file) = File::of_path(path) else { return false };
        self.probes.push(Module::of_file(file));
        true
    }

    /// The definition, or the declaration, of a function of which the program itself does not say
    /// what it is, for a reason. The error has the reason that is left.
    pub(super) fn find(
        &self,
        function: &Function,
        reason: NotCompared,
    ) -> Result<(&Module, At), (NotCompared, Option<&Module>)> {
        let symbol = function.declaration.symbol;
        if reason == NotCompared::NoSymbol || symbol.is_empty() {
            return Err((reason, None));
        }
        let (mut reason, mut defined_by) = (reason, None);
        if let Some((module, address)) = self.defining(function.krate(), symbol, reason) {
            match module.at_address(address) {
                Ok(at) => return Ok((module, at)),
                Err(other) => (reason, defined_by) = (other, Some(module)),
            }
        }
        self.declared(symbol).ok_or((reason, defined_by))
    }

    /// What headers declare of a function.
    pub(super) fn declared(&self, symbol: &str) -> Option<(&Module, At)> {
        self.probes.iter().find_map(|probe| Some((probe, declared(probe, symbol)?)))
    }

    /// The library that defines a function, with its address there. Those of the crate come first;
    /// of the others it has to be the only one.
    fn defining(&self, krate: &str, symbol: &str, reason: NotCompared) -> Option<(&Module, u64)> {
        let defines = |library: &&Library| library.module.file.as_ref().is_some_and(|it| it.linked(symbol).is_some());
        let is_missing = matches!(reason, NotCompared::NotLinked | NotCompared::NoFile);
        // What is linked into the program is not what another library has, unless the user says so.
        let asked = self.libraries.iter().filter(|library| library.krate.is_empty());
        let own = self.libraries.iter().filter(|library| is_missing && library.krate == krate);
        let others = self.libraries.iter().filter(|library| is_missing && library.krate != krate);
        let first = asked.chain(own).find(defines);
        let only = || {
            let mut all = others.filter(defines);
            all.next().filter(|_| all.next().is_none())
        };
        let library = first.or_else(only)?;
        Some((&library.module, library.module.file.as_ref()?.linked(symbol)?))
    }
}

/// What a probe says of a function.
fn declared(probe: &Module, symbol: &str) -> Option<At> {
    let info = probe.info()?;
    let at = info.declared(symbol, &format!("{OF_TYPE}{symbol}"))?;
    if info.entry(at)?.tag() == gimli::DW_TAG_subprogram {
        return Some(at);
    }
    let ty = info.type_of(&info.with_origins(at)).ok()??;
    match c_type::read(info, Some(ty)) {
        CType::Pointer(Some(to)) => match c_type::read(info, Some(to)) {
            CType::Function(at) => Some(at),
            _ => None,
        },
        _ => None,
    }
}
