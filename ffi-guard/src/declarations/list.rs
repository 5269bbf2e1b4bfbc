//! The list of guarded functions, for the program itself: its tests, its tools.

use super::rust_type::RustType;
use crate::call::declaration::{Function, Parameter};
use crate::call::registry;
use crate::call::typed::Typed;

/// A function under the guard: one of C's that Rust calls, or one of Rust's that C calls.
#[derive(Clone, Copy)]
pub struct GuardedFunction {
    function: &'static Function,
}

/// A parameter of a guarded function.
#[derive(Clone, Copy)]
pub struct GuardedParameter {
    parameter: &'static Parameter,
    typed: Option<Typed>,
}

/// A type in the declaration of a guarded function.
#[derive(Clone, PartialEq, Eq)]
pub struct GuardedType {
    name: &'static str,
    ty: RustType,
    size: Option<usize>,
    align: Option<usize>,
    leads_to: Option<(usize, usize)>,
}

/// What a value of a type is, as far as it decides how C gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TypeClass {
    /// An integer.
    Integer {
        /// True if it can be negative.
        signed: bool,
    },
    /// `bool`.
    Bool,
    /// A floating-point number.
    Float,
    /// A thin pointer, a reference, or an `Option` of one that cannot be null.
    Pointer,
    /// A function pointer, or an `Option` of one.
    Function,
    /// An array.
    Array,
    /// A struct, an enum, a union.
    Named,
    /// `()` and `c_void`.
    Void,
    /// None of these.
    Other,
}

/// Lists every guarded function that was linked into this module of the program, called or not:
/// foreign functions, and functions of Rust's that C calls, by crate and place.
///
/// On systems whose linker makes no such list, it has those that were called.
///
/// ```
/// use std::ffi::{c_char, c_int};
///
/// #[ffi_guard::guard]
/// unsafe extern "C" {
///     fn atoi(#[guard(cstr)] text: *const c_char) -> c_int;
/// }
///
/// # if cfg!(target_os = "linux") {
/// let functions = ffi_guard::functions();
/// let atoi = functions.iter().find(|function| function.name() == "atoi").expect("it is guarded");
/// assert_eq!(atoi.symbol(), Some("atoi"));
/// let text = atoi.parameters().next().expect("there is one");
/// assert_eq!((text.name(), text.written()), ("text", "*const c_char"));
/// assert_eq!(text.attributes(), ["cstr"]);
/// assert_eq!(text.ty().and_then(|ty| ty.pointee()).and_then(|pointee| pointee.size()), Some(1));
/// # }
/// ```
#[must_use]
pub fn functions() -> Vec<GuardedFunction> {
    let mut all = registry::all();
    // One that was compiled into several modules of a program stands there several times.
    all.dedup_by_key(|function| {
        let it = function.declaration;
        (it.module, it.file, it.line, it.column, it.name)
    });
    all.into_iter().map(|function| GuardedFunction { function }).collect()
}

impl GuardedFunction {
    pub(super) fn function(&self) -> &'static Function {
        self.function
    }

    /// Its name in Rust.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.function.declaration.name
    }

    /// The crate that declares it, with `_` for `-`.
    #[must_use]
    pub fn crate_name(&self) -> &'static str {
        self.function.krate()
    }

    /// The module that declares it, as a path.
    #[must_use]
    pub fn module(&self) -> &'static str {
        self.function.declaration.module
    }

    /// The file of the declaration, as rustc has it.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.function.declaration.file
    }

    /// The line of its name there, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.function.declaration.line
    }

    /// The name by which the linker knows it. `None` if it is called by a pointer, is not exported,
    /// or has a name of another kind (`link_ordinal`).
    #[must_use]
    pub fn symbol(&self) -> Option<&'static str> {
        Some(self.function.declaration.symbol).filter(|symbol| !symbol.is_empty())
    }

    /// True for a function of Rust's that C calls.
    #[must_use]
    pub fn is_callback(&self) -> bool {
        self.function.declaration.callback
    }

    /// True for a function of Rust's that C calls by a symbol, and whose types are known.
    pub(super) fn is_export(&self) -> bool {
        self.is_callback() && self.symbol().is_some() && self.function.declaration.types.is_some()
    }

    /// True if arguments in `...` follow its parameters.
    #[must_use]
    pub fn is_variadic(&self) -> bool {
        self.function.declaration.variadic
    }

    /// Its parameters, in order.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = GuardedParameter> + use<> {
        let declaration = self.function.declaration;
        let typed = move |index| declaration.types.and_then(|types| types.get(index)).copied();
        declaration
            .parameters
            .iter()
            .enumerate()
            .map(move |(index, parameter)| GuardedParameter { parameter, typed: typed(index) })
    }

    /// The type of its result, if it has one.
    #[must_use]
    pub fn result(&self) -> Option<GuardedType> {
        let declaration = self.function.declaration;
        declaration.types?.get(declaration.parameters.len()).map(GuardedType::of)
    }
}

impl GuardedParameter {
    /// Its name; `argN` (N from 1) if the declaration has none.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.parameter.name
    }

    /// Its type as it is written.
    #[must_use]
    pub fn written(&self) -> &'static str {
        self.parameter.ty
    }

    /// Its type; `None` if it depends on a parameter of the function's.
    #[must_use]
    pub fn ty(&self) -> Option<GuardedType> {
        self.typed.as_ref().map(GuardedType::of)
    }

    /// What its attributes say, in words of one name each (`stated` for a count or a size).
    #[must_use]
    pub fn attributes(&self) -> Vec<&'static str> {
        self.parameter.contract.words()
    }

    /// The expression of its count or size; `None` without one.
    #[must_use]
    pub fn extent(&self) -> Option<&'static str> {
        Some(self.parameter.extent).filter(|extent| !extent.is_empty())
    }
}

impl GuardedType {
    fn of(typed: &Typed) -> GuardedType {
        let name = (typed.name)();
        GuardedType {
            name,
            ty: RustType::of(name),
            size: Some(typed.size),
            align: Some(typed.align),
            leads_to: typed.leads_to.map(|layout| (layout.size, layout.align)),
        }
    }

    /// The name that rustc gives it, in which aliases are resolved. For a pointee, the name of the
    /// pointer.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What a value of it is.
    #[must_use]
    pub fn class(&self) -> TypeClass {
        match self.ty {
            RustType::Void => TypeClass::Void,
            RustType::Integer { signed, .. } => TypeClass::Integer { signed },
            RustType::Bool => TypeClass::Bool,
            RustType::Float(_) => TypeClass::Float,
            RustType::Pointer(_) => TypeClass::Pointer,
            RustType::Function(_) => TypeClass::Function,
            RustType::Array(..) => TypeClass::Array,
            RustType::Named(_) => TypeClass::Named,
            RustType::Unknown => TypeClass::Other,
        }
    }

    /// Its bytes, if they are known.
    #[must_use]
    pub fn size(&self) -> Option<usize> {
        self.size
    }

    /// Its alignment in bytes, if that is known.
    #[must_use]
    pub fn align(&self) -> Option<usize> {
        self.align
    }

    /// What it leads to, if it is a thin pointer.
    #[must_use]
    pub fn pointee(&self) -> Option<GuardedType> {
        let RustType::Pointer(to) = &self.ty else { return None };
        let size = match &**to {
            RustType::Integer { size, .. } | RustType::Float(size) => usize::try_from(*size).ok(),
            RustType::Bool => Some(1),
            RustType::Pointer(_) | RustType::Function(_) => Some(size_of::<usize>()),
            _ => None,
        };
        Some(GuardedType {
            name: self.name,
            ty: (**to).clone(),
            size: self.leads_to.map(|(size, _)| size).or(size),
            align: self.leads_to.map(|(_, align)| align).or(size),
            leads_to: None,
        })
    }
}

impl std::fmt::Debug for GuardedFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}::{}", self.module(), self.name())
    }
}

impl std::fmt::Debug for GuardedParameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name(), self.written())
    }
}

impl std::fmt::Debug for GuardedType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
