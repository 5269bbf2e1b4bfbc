//! Entry of a call: locates each argument and asks each rule about it.

use std::cell::OnceCell;
use std::ops::{ControlFlow, Range};

use super::retention_check::RetentionCheck;
use super::thread_affinity;
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::{Contract, Parameter};
use crate::call::shape::{Role, Shape, TypeInfo};
use crate::call::site::Site;
use crate::call::target::{PointerArg, Target, is_freed_by_c};
use crate::call::validity::Validity;
use crate::call::{extent, thread};
use crate::delivery::breach::Stop;
use crate::facts::{Finding, Holder, Memory};
use crate::heap;
use crate::platform::read;
use crate::reentry::Reentry;
use crate::retention::given_by_c;
use crate::rule::{Rule, Severity};
use crate::rules;
use crate::scan::{self, Owner};

/// The rules that are asked about an argument itself, in the order of the guide.
pub(super) const CHECKS: [fn(&PointerArg<'_>) -> Option<Finding>; 5] = [
    rules::null_pointer::check,
    rules::misaligned_pointer::check,
    rules::dangling_pointer::check,
    rules::out_of_bounds::check,
    rules::unterminated_string::check,
];

/// One call being entered.
pub(super) struct Questions<'a> {
    pub(super) site: Site,
    pub(super) arguments: &'a [Argument],
    /// The calling thread's stack above this call.
    pub(super) stack: Range<usize>,
    /// Records what is lent, from level 2 on.
    pub(super) check: Option<&'a mut RetentionCheck>,
    /// Where the frame of the caller begins: found when first asked for.
    pub(super) callers: OnceCell<usize>,
    /// Index of the first argument whose freed memory was not told of out of its turn.
    pub(super) freed_told: usize,
}

/// Range of the argument's own memory: words into it are not nested pointers.
fn own_range(located: &Target, address: usize, extent: usize) -> Range<usize> {
    match located {
        Target::Heap(block) => block.start..block.start + block.size,
        _ => address..address + extent,
    }
}

impl Questions<'_> {
    /// Asks every rule about every argument.
    ///
    /// # Safety
    /// - Values are readable; pointers into Rust memory lead to memory of their type.
    #[inline]
    pub(super) unsafe fn ask(&mut self) -> Result<(), Stop> {
        let parameters = self.site.function.declaration.parameters;
        for (index, (argument, parameter)) in self.arguments.iter().zip(parameters).enumerate() {
            match argument.passing {
                Passing::Scalar => {}
                // SAFETY: the caller promises that the bytes of values are readable.
                Passing::Value => unsafe { self.value(index, argument) }?,
                // SAFETY: the caller promises that a pointer into Rust memory leads to its type.
                Passing::Const | Passing::Mut => unsafe { self.pointer(index, argument, parameter) }?,
            }
        }
        Ok(())
    }

    /// Checks a pointer argument.
    ///
    /// # Safety
    /// - If the argument leads to Rust memory, it leads to memory of its type.
    unsafe fn pointer(&mut self, index: usize, argument: &Argument, parameter: &Parameter) -> Result<(), Stop> {
        tell_unread(&self.site, index, self.arguments, &self.stack)?;
        let look = self.look(argument, parameter);
        // Each rule is asked: what is allowed or warned of by one rule may be denied by another.
        let mut sound = true;
        for check in CHECKS {
            let Some(finding) = check(&look) else { continue };
            // A misaligned address in a good block still lends that block.
            sound &= finding.rule() == Rule::MisalignedPointer;
            if finding.rule() != Rule::DanglingPointer || index >= self.freed_told {
                self.breach(index, finding, &look)?;
            }
            if !sound {
                // The target is not what it should be, so its contents are not inspected.
                return Ok(());
            }
        }
        thread_affinity::compare(&self.site, index, argument, parameter.contract)?;
        if self.check.is_some()
            && let Some(finding) = rules::uninitialised_memory::check(&look, parameter, self.arguments)
        {
            self.breach(index, finding, &look)?;
        }
        if let (Some(_), Target::Heap(block), Passing::Mut) = (&self.check, &look.target, argument.passing) {
            // What is in it may be C's from here on.
            heap::open(block);
        }
        // SAFETY: the caller promises memory of the declared type; the extent fits, as checked.
        unsafe { self.nested(index, &look) }?;
        if let Some(check) = &mut self.check {
            check.lend(&look, index);
        }
        Ok(())
    }

    /// Inspects what a pointer argument points to.
    ///
    /// # Safety
    /// - If the argument leads to Rust memory, that memory is of its type and the extent fits it.
    #[inline]
    unsafe fn nested(&mut self, index: usize, look: &PointerArg<'_>) -> Result<(), Stop> {
        let PointerArg { argument, contract, target: ref located, extent } = *look;
        if holds_nothing(&argument.info.shape, contract) {
            return Ok(());
        }
        match located {
            _ if extent == 0 => {}
            // What lies behind a type without fields is C's own, or C's to hand back: no type of
            // Rust's was ever there for C to read.
            Target::Heap(_) if argument.info.is_without_fields() => {}
            Target::Heap(block) if matches!(argument.info.shape, Shape::Untyped) && given_by_c::has(block) => {}
            Target::Heap(_) | Target::Stack(_) => {
                let own = own_range(located, argument.address, extent);
                // SAFETY: the extent is inside a live block or the live part of this thread's
                // stack.
                unsafe { self.words(index, look, argument.address, &own) }?;
            }
            // At level 2, C memory of typed or stated extent is inspected as well.
            Target::Foreign if self.check.is_some() => self.foreign(index, look)?,
            _ => {}
        }
        #[cfg(feature = "c-heap")]
        if self.check.is_some() && matches!(located, Target::Foreign) {
            self.chain(index, look)?;
        }
        Ok(())
    }

    pub(super) fn look<'a>(&self, argument: &'a Argument, parameter: &Parameter) -> PointerArg<'a> {
        let target = match Target::of(argument.address, &self.stack) {
            Target::Stack(_) | Target::Foreign if self.is_left(argument.address) => Target::LeftStack,
            target => target,
        };
        let extent = extent::of(argument, &target);
        PointerArg { argument, contract: in_this_call(parameter.contract, self.arguments), target, extent }
    }

    /// Where the frame of the caller begins: what is below it on this thread's stack is left, or
    /// the guard's own. 0 if this is no stack of a thread.
    pub(super) fn callers(&self) -> usize {
        *self.callers.get_or_init(|| {
            if !thread::stack().contains(&self.stack.start) {
                return 0;
            }
            scan::callers_frame(thread::wrapper()).unwrap_or(self.stack.start)
        })
    }

    /// True if an address certainly leads to where a variable on this thread's stack was that is
    /// gone.
    pub(super) fn is_left(&self, address: usize) -> bool {
        thread::stack().contains(&address) && address < self.callers() && scan::is_left(address, self.callers())
    }

    /// Delivers a finding about an argument itself.
    pub(super) fn breach(&self, index: usize, finding: Finding, look: &PointerArg<'_>) -> Result<(), Stop> {
        let memory = Memory::of(&look.target, look.argument.address, look.extent, thread::id());
        self.site.breach(Some(index), finding, (look.argument, look.extent), Some(memory))
    }

    /// True if an argument of this call leads into the block.
    #[cfg(feature = "c-heap")]
    pub(super) fn lends(&self, block: &heap::Block) -> bool {
        let leads = |argument: &Argument| argument.address.wrapping_sub(block.start) < block.size;
        self.arguments.iter().any(|it| matches!(it.passing, Passing::Const | Passing::Mut) && leads(it))
    }

    /// Inspects C memory of typed or stated extent: finds when the memory is lent what cgocheck=2
    /// finds when the pointer is stored.
    fn foreign(&mut self, index: usize, look: &PointerArg<'_>) -> Result<(), Stop> {
        if self.site.severity(Rule::NestedPointer, Some(index)) == Severity::Allow && !self.asks_of_freed(index, look) {
            return Ok(());
        }
        let inside = Reentry::enter();
        let address = look.argument.address;
        let skew = address % size_of::<usize>();
        // Larger extents are inspected in part, as the docs say.
        let len = look.extent.min(FOREIGN_LIMIT);
        let mut copy = vec![0_u64; (skew + len).div_ceil(size_of::<u64>())];
        let start = copy.as_mut_ptr().cast::<u8>().wrapping_add(skew);
        // SAFETY: `skew + len` bytes fit the vector, which is exclusive and initialised.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start, len) };
        let read = read::read(address, bytes);
        let from = start.expose_provenance();
        drop(inside);
        if read.is_none() {
            return Ok(());
        }
        let (heap, stack) = (heap::contains as fn(usize) -> bool, self.stack.clone());
        let mut any = false;
        // SAFETY: `copy` holds `len` readable bytes from `from` on.
        let _ = unsafe {
            rules::each_pointer(
                from,
                len,
                look.argument.info,
                &|word| heap(word) || stack.contains(&word) || is_freed_by_c(word),
                &mut |_, _| {
                    any = true;
                    ControlFlow::Break(())
                },
            )
        };
        // A pointer to a Rust static never violates anything, whatever the static holds.
        if !any || matches!(scan::owner(address), Owner::Rust | Owner::Unknown(_)) {
            return Ok(());
        }
        let clipped =
            PointerArg { argument: look.argument, contract: look.contract, target: Target::Foreign, extent: len };
        // SAFETY: `copy` holds `len` readable bytes from `from` on; the extent is clipped to that.
        let outcome = unsafe { self.words(index, &clipped, from, &(address..address + len)) };
        let _inside = Reentry::enter();
        drop(copy);
        outcome
    }

    /// Checks a struct passed by value: its words are arguments, and each is followed one step.
    ///
    /// # Safety
    /// - The bytes of the value are readable.
    unsafe fn value(&mut self, index: usize, argument: &Argument) -> Result<(), Stop> {
        let info = argument.info;
        let mut words = [(0_usize, 0_usize); 16];
        let mut n = 0;
        let stack = thread::stack();
        let stack = stack.start.min(self.stack.start)..self.stack.end.max(stack.end);
        // SAFETY: the value's bytes are in the caller's frame, alive until the call.
        let _ = unsafe {
            rules::each_pointer(
                argument.address,
                info.size,
                info,
                &|word| heap::contains(word) || stack.contains(&word) || is_freed_by_c(word),
                &mut |offset, word| {
                    if let Some(slot) = words.get_mut(n) {
                        *slot = (offset, word);
                        n += 1;
                    }
                    ControlFlow::Continue(())
                },
            )
        };
        let words = words.get(..n).unwrap_or_default();
        let about = |word| Argument { address: word, ..*argument };
        let words = || words.iter().filter(|(offset, _)| scan::can_be_pointer(info, *offset));
        for &(offset, word) in words() {
            let located = match Target::of(word, &(0..0)) {
                // It may be a number, or what C left where it wrote nothing.
                Target::FreedByC(_) if !rules::is_declared(info, offset) => continue,
                Target::Foreign if rules::is_declared(info, offset) && self.is_left(word) => Target::LeftStack,
                located => located,
            };
            let holder = || Holder::Value { offset, field: rules::field_in_extent(info, offset, info.size) };
            if let Some(finding) = rules::dangling_pointer::check_word(word, &located, holder) {
                let memory = Memory::of(&located, word, 0, thread::id());
                self.site.breach(Some(index), finding, (&about(word), 0), Some(memory))?;
            }
        }
        for &(_, word) in words() {
            let located = Target::of(word, &self.stack);
            let is_gone = match &located {
                Target::Heap(block) => !block.live,
                Target::FreedByC(_) => true,
                Target::Stack(_) => word < self.callers(),
                _ => false,
            };
            if is_gone {
                continue;
            }
            // The field's target has no type here: it is inspected word by word to the end of its
            // heap block.
            let target = Argument { info: &UNKNOWN, ..about(word) };
            let extent = extent::of(&target, &located);
            let look = PointerArg { argument: &target, contract: Contract::NONE, target: located, extent };
            // SAFETY: the extent ends with the live block that the word leads into.
            unsafe { self.nested(index, &look) }?;
            if let Some(check) = &mut self.check {
                check.lend(&look, index);
            }
        }
        Ok(())
    }
}

/// Bytes of a foreign extent that are inspected at most.
const FOREIGN_LIMIT: usize = 1 << 20;

/// Type of what a pointer field of a struct passed by value leads to.
static UNKNOWN: TypeInfo = TypeInfo {
    size: 1,
    align: 1,
    shape: Shape::Untyped,
    frozen: false,
    dense: false,
    role: Role::Other,
    value: Validity::Any,
    name: || "what the field points to",
};

#[inline]
pub(super) fn holds_nothing(shape: &Shape, contract: Contract) -> bool {
    matches!(shape, Shape::Plain | Shape::Out)
        || contract.is_out()
        || contract.is_opaque()
        || contract.is_cstr()
        || contract.is_text()
}

/// The contract of a parameter, given the arguments: C does not keep it if another one says so.
#[inline]
fn in_this_call(contract: Contract, arguments: &[Argument]) -> Contract {
    match contract.exception().and_then(|(index, value)| Some((arguments.get(index)?, value))) {
        Some((argument, value)) if word_of(argument) == Some(value) => contract.not_retained(),
        _ => contract,
    }
}

/// The word of an argument that is a pointer, to data or to a function.
fn word_of(argument: &Argument) -> Option<usize> {
    match argument.passing {
        Passing::Const | Passing::Mut => Some(argument.address),
        Passing::Scalar if argument.info.role == Role::Function => {
            // SAFETY: the address of a function pointer, or an `Option` of one, in the wrapper's
            // frame: a word, of which null is `None`.
            Some(unsafe { std::ptr::with_exposed_provenance::<usize>(argument.address).read() })
        }
        Passing::Scalar | Passing::Value => None,
    }
}

/// Reports the null pointer that the extent of argument `index` is read through, if there is one:
/// the extent was not read.
#[inline]
pub(super) fn tell_unread(site: &Site, index: usize, arguments: &[Argument], stack: &Range<usize>) -> Result<(), Stop> {
    let Some((through, finding)) = rules::null_pointer::check_extent(index, arguments) else { return Ok(()) };
    let Some(pointer) = arguments.get(through) else { return Ok(()) };
    let memory = Memory::of(&Target::of(pointer.address, stack), pointer.address, 0, thread::id());
    site.breach(Some(through), finding, (pointer, 0), Some(memory))
}
