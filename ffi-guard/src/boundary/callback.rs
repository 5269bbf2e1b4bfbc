//! A call from C into Rust, from entry to exit: a function of the program's under `#[guard]`.
//!
//! ```text
//! C ──> Callback::enter ── each pointer that C hands in ──> body ──> what goes out ──> C
//!            └─ a violation waits for the body's place ──┘   └── a panic: parked, C gets a neutral value
//! ```

use std::panic::{self, AssertUnwindSafe, Location};

use super::enter::resolve_mode;
use super::entry::tell_unread;
use super::{inspect, log, parked, statistics, thread_affinity};
use crate::answers::{lent_by_callback, result};
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::{CheckMode, Contract, Function};
use crate::call::extent;
use crate::call::scopes;
use crate::call::site::Site;
use crate::call::target::{PointerArg, Target, is_freed_by_c};
use crate::call::thread::{self, Wrapper};
use crate::delivery::breach::Stop;
use crate::delivery::raise::raise;
use crate::facts::{Finding, Memory};
use crate::heap;
use crate::level::{self, Level};
use crate::platform::process::Errno;
use crate::reentry;
use crate::retention;
use crate::rules;
use crate::scan;
use crate::stats::call::TimedCall;

/// A guarded callback under way.
pub struct Incoming<'a> {
    function: &'static Function,
    location: &'static Location<'static>,
    /// Arguments that C handed in.
    arguments: &'a [Argument],
    /// Violation by the arguments, raised where the body would run, so that it unwinds as a panic
    /// of the body would.
    stop: Option<Stop>,
    /// True if the result is checked.
    checked: bool,
    /// Timing, if statistics are on.
    counted: Option<Timing>,
}

/// Timing of a callback.
struct Timing {
    /// The timed call; `None` if it cannot be timed.
    call: Option<TimedCall>,
    /// True at level 0, at which the guard leaves panics alone.
    bare: bool,
}

impl<'a> Incoming<'a> {
    /// Checks what C hands in. Called where the function's own name stands in the source.
    #[track_caller]
    #[inline(never)]
    #[must_use]
    pub fn enter(function: &'static Function, arguments: &'a [Argument]) -> Incoming<'a> {
        let location = Location::caller();
        // The common case: every argument is plainly in order.
        let mut callback = Incoming { function, location, arguments, stop: None, checked: true, counted: None };
        if function.mode() == CheckMode::Checked
            && level::checked_is(Level::Arguments)
            && !reentry::inside()
            && arguments.iter().zip(function.declaration.parameters).all(inspect::comes_in_order)
        {
            return callback;
        }
        callback.look_closely();
        callback
    }

    #[inline(never)]
    fn look_closely(&mut self) {
        let Incoming { function, location, arguments, .. } = *self;
        self.checked = false;
        if level::counts() {
            let call = statistics::callback(function, arguments);
            let bare = level::level() == Level::Off;
            if let Some(call) = call.as_ref().filter(|_| !bare) {
                call.checks_begin();
            }
            self.counted = Some(Timing { call, bare });
        }
        if level::level() == Level::Off || reentry::inside() {
            return;
        }
        match function.mode() {
            CheckMode::Checked | CheckMode::Copies => {}
            CheckMode::LeftOut => return,
            CheckMode::Traced => log::entry(function, arguments, location),
            CheckMode::Unsettled => {
                if resolve_mode(function, arguments, location) == CheckMode::LeftOut {
                    return;
                }
            }
        }
        if level::level() >= Level::Full {
            // Tells the guarded call below that Rust ran meanwhile.
            thread::count_crossing();
        }
        self.checked = true;
        if !arguments.iter().zip(function.declaration.parameters).all(inspect::comes_in_order) {
            let _errno = Errno::keep();
            self.stop = check_arguments(&Site { function, location }, arguments).err();
        }
    }

    /// Runs the body. `unwinds`: the ABI lets a panic through. `argument` classifies the result.
    /// `raise` is [`raise_here`], called where the function's own name stands in the source: a
    /// panic is said to be there.
    #[inline]
    pub fn run<R>(
        self,
        unwinds: bool,
        body: impl FnOnce() -> R,
        neutral: impl FnOnce() -> R,
        argument: impl FnOnce(&R) -> Argument,
        raise: impl Fn(Stop),
    ) -> R {
        if self.counted.is_some() {
            return self.run_counted(unwinds, body, neutral, argument, raise);
        }
        let Incoming { function, location, arguments, stop, checked, counted: _ } = self;
        let guarded = move || {
            if let Some(stop) = stop {
                raise(stop);
            }
            let result = body();
            if checked && let Err(stop) = leave(&Site { function, location }, arguments, &argument(&result)) {
                raise_for_result(stop, &raise);
            }
            result
        };
        parked::at_boundary(function.declaration.name, unwinds, guarded, neutral)
    }

    /// Runs the body with the clock read around it.
    #[cold]
    fn run_counted<R>(
        mut self,
        unwinds: bool,
        body: impl FnOnce() -> R,
        neutral: impl FnOnce() -> R,
        argument: impl FnOnce(&R) -> Argument,
        raise: impl Fn(Stop),
    ) -> R {
        let name = self.function.declaration.name;
        let (call, bare) = self.counted.take().map_or((None, false), |counted| (counted.call, counted.bare));
        let timed = |call: &Option<TimedCall>| {
            self.timed(call.as_ref(), body, argument, &raise, |stop| raise_for_result(stop, &raise))
        };
        let result = match bare {
            true => timed(&call),
            false => parked::at_boundary(name, unwinds, || timed(&call), neutral),
        };
        if let Some(call) = call {
            call.callback_ends();
        }
        result
    }

    /// Runs the body of a function of which a contract alone speaks. A panic of the body goes the
    /// way that the language has for it, and a denied violation ends the process: C cannot be told
    /// of either.
    #[inline]
    pub fn run_as_written<R>(mut self, body: impl FnOnce() -> R, argument: impl FnOnce(&R) -> Argument) -> R {
        let call = self.counted.take().and_then(|counted| counted.call);
        let end = |stop| raise(stop, false);
        let result = self.timed(call.as_ref(), body, argument, end, end);
        if let Some(call) = call {
            call.callback_ends();
        }
        result
    }

    /// Runs the body between its checks, and tells `call` when it runs.
    fn timed<R>(
        self,
        call: Option<&TimedCall>,
        body: impl FnOnce() -> R,
        argument: impl FnOnce(&R) -> Argument,
        raise: impl Fn(Stop),
        raise_for_result: impl Fn(Stop),
    ) -> R {
        let Incoming { function, location, arguments, stop, checked, counted: _ } = self;
        if let Some(stop) = stop {
            raise(stop);
        }
        if let Some(call) = call {
            call.body_begins();
        }
        let result = body();
        if checked {
            if let Some(call) = call {
                call.body_ended();
            }
            if let Err(stop) = leave(&Site { function, location }, arguments, &argument(&result)) {
                raise_for_result(stop);
            }
        }
        result
    }
}

/// Checks what goes out to C.
#[inline]
fn leave(site: &Site, arguments: &[Argument], result: &Argument) -> Result<(), Stop> {
    let plain = match result.passing {
        Passing::Scalar => true,
        Passing::Const | Passing::Mut => {
            let address = result.address;
            !heap::contains(address) && !thread::stack().contains(&address) && !is_freed_by_c(address)
        }
        Passing::Value => false,
    };
    if site.function.lends {
        look_at_lent(site, arguments)?;
    }
    if plain { Ok(()) } else { look_at_result(site, arguments, result) }
}

#[inline(never)]
fn look_at_lent(site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
    let _errno = Errno::keep();
    lent_by_callback::check(site, arguments)
}

#[inline(never)]
fn look_at_result(site: &Site, arguments: &[Argument], result: &Argument) -> Result<(), Stop> {
    let _errno = Errno::keep();
    result::check_callback(site, arguments, result)
}

/// Unwinds with a violation, as a panic of the place that calls this.
#[cold]
#[track_caller]
pub fn raise_here(stop: Stop) {
    raise(stop, true);
}

/// Raises a violation by the result.
fn raise_for_result(stop: Stop, raise: impl Fn(Stop)) {
    if is_good_yet(&stop) && scopes::is_call_below() {
        // C gets the pointer all the same: it leads to live memory, and C may not expect what it
        // gets in place of it. The panic waits for the guarded call to return.
        if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| raise(stop))) {
            parked::park(payload);
        }
        return;
    }
    raise(stop);
}

/// True if C may use what it is handed: the rule is about what happens to it later.
fn is_good_yet(Stop(violation): &Stop) -> bool {
    let facts = violation.facts();
    matches!(facts.finding, Finding::ReturnedPointer(_))
        && match facts.memory.as_ref() {
            Some(Memory::Heap(block)) => block.live,
            // The variables of the body are gone.
            Some(Memory::Stack { address, .. }) => scopes::is_above_all_calls(*address),
            Some(Memory::Foreign { .. }) | None => false,
        }
}

/// Default that C gets from a callback that panicked. rustc shows this name if the type has no
/// default.
#[must_use]
pub fn default_where_on_panic_says_nothing<R: Default>() -> R {
    R::default()
}

/// Ends the process: a callback that never returns has panicked, and C expects nothing back.
pub fn nothing_to_return() -> ! {
    parked::end_process(format_args!("a callback that is not to return panicked"))
}

/// Asks the rules about each argument that C hands in.
///
/// C hands them in, so less is known of them than of what Rust hands to C: a bare pointer states
/// nothing, and Rust need not read through it. What attributes state is checked against the blocks
/// of the Rust heap; a pointer to a freed block breaks a rule whatever is stated.
fn check_arguments(site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
    let parameters = site.function.declaration.parameters;
    for (index, (argument, parameter)) in arguments.iter().zip(parameters).enumerate() {
        if let Some(finding) = rules::invalid_value::check_argument(argument) {
            site.breach(Some(index), finding, (argument, 0), None)?;
            continue;
        }
        if let Some(finding) = rules::invalid_result::check_over(argument) {
            site.breach(Some(index), finding, (argument, 0), None)?;
        }
        if matches!(argument.passing, Passing::Const | Passing::Mut) {
            tell_unread(site, index, arguments, &(0..0))?;
            pointer(site, index, argument, parameter.contract)?;
        }
    }
    Ok(())
}

/// True if an argument certainly leads to where a variable on this thread's stack was. It lies in
/// the callback's frame itself.
fn is_left(argument: &Argument) -> bool {
    let frame = std::ptr::from_ref(argument).addr();
    let callers = || scan::callers_frame(Wrapper { arguments: frame, callers: 0 }).unwrap_or(frame);
    thread::is_on_stack(argument.address)
        && thread::is_on_stack(frame)
        && argument.address < callers()
        && scan::is_left(argument.address, callers())
}

fn pointer(site: &Site, index: usize, argument: &Argument, contract: Contract) -> Result<(), Stop> {
    let located = match Target::of(argument.address, &(0..0)) {
        Target::Foreign if is_left(argument) => Target::LeftStack,
        located => located,
    };
    let is_block = matches!(located, Target::Heap(_));
    let extent = extent::of(argument, &located);
    let look = PointerArg { argument, contract, target: located, extent };
    let stated = contract.is_stated();
    type Check = fn(&PointerArg<'_>) -> Option<Finding>;
    let checks: [(bool, Check); 7] = [
        (true, rules::null_pointer::check),
        (stated && !contract.is_out(), rules::invalid_result::check_null),
        (true, rules::dangling_pointer::check),
        // Rust reads as much as C has stated.
        (stated && is_block || contract.alignment() > 1, rules::misaligned_pointer::check),
        (stated && is_block, rules::out_of_bounds::check),
        (contract.is_cstr() && is_block, rules::unterminated_string::check),
        (contract.is_utf8(), rules::invalid_result::check_text),
    ];
    for (_, check) in checks.into_iter().filter(|(applies, _)| *applies) {
        let Some(finding) = check(&look) else { continue };
        let memory = Memory::of(&look.target, argument.address, look.extent, thread::id());
        site.breach(Some(index), finding, (argument, look.extent), Some(memory))?;
        // After one rule is broken the others are not asked: the target is not what it should be.
        break;
    }
    if contract.is_owned() && is_block {
        // Rust owns it again: C's permission to keep it is over.
        retention::given_back(argument.address);
    }
    thread_affinity::compare(site, index, argument, contract)
}
