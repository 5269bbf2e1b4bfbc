//! A violation: what was seen, as facts. `rules` has the words for it.

use std::panic::Location;

use super::finding::{Finding, Holder, Parts};
use super::memory::Memory;
use super::place::Allocation;
use crate::call::declaration::{Function, Parameter};
use crate::call::loan::Loan;
use crate::call::shape::{Role, Shape, TypeInfo};
use crate::rule::{Rule, Severity};

/// A breach of a rule, as it was seen.
///
/// `Display` is the whole report, the one that a panic carries; `Debug` is the bare facts. The
/// accessors give the facts one by one, for a [hook](crate::set_report_hook) or a test that wants
/// more than the text.
#[derive(Clone)]
pub struct Violation {
    pub(crate) facts: Box<Facts>,
}

/// Everything that was seen. A fact that was not seen is `None` and is printed as "not seen".
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// What happened.
    pub(crate) finding: Finding,
    /// How severe the settings make it here.
    pub(crate) severity: Severity,
    /// The crossing it was found at, or that lent the memory.
    pub(crate) call: Option<Call>,
    /// For a crossing of C's into Rust: the last guarded call that lent C the memory, if one is
    /// known.
    pub(crate) lent_by: Option<Call>,
    /// Other calls that lent the same memory since it was last seen clean; the latest first.
    pub(crate) also: Vec<&'static Location<'static>>,
    /// The argument it is about.
    pub(crate) argument: Option<ArgumentFacts>,
    /// The Rust memory it is about.
    pub(crate) memory: Option<Memory>,
    /// Who allocated the memory that crossed, if that is a block of C's heap.
    pub(crate) c_allocated: Option<Allocation>,
}

/// A crossing.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The function.
    pub(crate) function: &'static Function,
    /// Which parameter, from 0; `None` if it is about the result.
    pub(crate) parameter: Option<usize>,
    /// Who called.
    pub(crate) site: &'static Location<'static>,
    /// The thread that called.
    pub(crate) thread: u32,
    /// Its name, if it has one.
    pub(crate) thread_name: Option<String>,
}

/// An argument.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ArgumentFacts {
    /// The pointer.
    pub(crate) address: usize,
    /// Bytes that C may touch, if they fit.
    pub(crate) extent: usize,
    /// The Rust type of the pointee.
    pub(crate) pointee: &'static str,
    /// What that type tells of its pointers.
    pub(crate) tells: Tells,
}

/// What a type tells of the pointers in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tells {
    /// Nothing, and there is no struct to look at: `c_void`, an empty enum or struct.
    Opaque,
    /// Nothing: a type that derives neither `Plain` nor `Pointee`.
    Nothing,
    /// Where they are, or that there are none.
    Places,
}

// A report hook may send it to another thread, and a panic carries it through `catch_unwind`.
const _: () = {
    const fn travels<T: Send + Sync + Clone + 'static>() {}
    travels::<Violation>();
};

impl Violation {
    pub(crate) fn new(facts: Facts) -> Violation {
        Violation { facts: Box::new(facts) }
    }
}

impl Facts {
    /// The rule that the finding breaks.
    pub(crate) fn rule(&self) -> Rule {
        self.finding.rule()
    }

    /// Whether C called, and the function is Rust's.
    pub(crate) fn is_callback(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.function.declaration.callback)
    }

    /// The parameter, as declared.
    pub(crate) fn parameter(&self) -> Option<&'static Parameter> {
        let call = self.call.as_ref()?;
        call.function.declaration.parameters.get(call.parameter?)
    }

    /// The place of the offending word, for the rules that look for one.
    pub(crate) fn holder(&self) -> Option<&Holder> {
        self.finding.parts().holder
    }

    /// Whether it is about the result, and not about an argument.
    pub(crate) fn is_about_result(&self) -> bool {
        let of_either = matches!(
            self.finding,
            Finding::UnterminatedString { .. } | Finding::InvalidValue(_) | Finding::InvalidResult(_)
        );
        matches!(self.holder(), Some(Holder::Result { .. }))
            || of_either && self.call.as_ref().is_some_and(|call| call.parameter.is_none())
    }

    /// The memory that crossed: what the argument leads into, or what a by-value word leads into.
    pub(crate) fn lent(&self) -> Option<&Memory> {
        match self.holder() {
            Some(Holder::Pointee { memory, .. } | Holder::CBlock { memory, .. }) => Some(memory),
            Some(Holder::Value { .. }) => None,
            Some(Holder::Argument | Holder::Result { .. }) | None => self.memory.as_ref(),
        }
    }

    /// True if a pointer that crosses leads to where a function's variable was that has returned.
    pub(crate) fn is_about_left_stack(&self) -> bool {
        matches!(self.finding, Finding::DanglingPointer(_) | Finding::DanglingField(_))
            && matches!(self.memory, Some(Memory::Stack { .. }))
    }

    /// The memory that the offending word points to, if a word in what crossed offends.
    pub(crate) fn target(&self) -> Option<&Memory> {
        match self.finding.parts() {
            Parts { target: Some(target), .. } => Some(target),
            Parts { holder: Some(Holder::Value { .. } | Holder::Pointee { .. } | Holder::CBlock { .. }), .. } => {
                self.memory.as_ref()
            }
            _ => None,
        }
    }
}

impl ArgumentFacts {
    /// What is told of a loan.
    pub(crate) fn of(loan: &Loan) -> ArgumentFacts {
        ArgumentFacts {
            address: loan.address,
            extent: loan.extent,
            pointee: (loan.info.name)(),
            tells: Tells::of(loan.info),
        }
    }
}

impl Tells {
    fn of(info: &TypeInfo) -> Tells {
        match (&info.shape, info.role) {
            (Shape::Untyped, _) => Tells::Opaque,
            (Shape::Words, Role::Pointer | Role::Pointers) => Tells::Places,
            (Shape::Words, _) => Tells::Nothing,
            (Shape::Plain | Shape::Out | Shape::Fields(_) | Shape::Array { .. }, _) => Tells::Places,
        }
    }
}
