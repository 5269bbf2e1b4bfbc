//! What C was to fill: the `out` parameters of a function with `#[guard(ok = ..)]`, when it has
//! returned what says that they are filled.

use crate::call::argument::{Argument, Passing};
use crate::call::declaration::{Fills, Parameter};
use crate::call::extent;
use crate::call::site::Site;
use crate::call::target::{PointerArg, Target};
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::facts::Memory;
use crate::heap::fresh;
use crate::platform::process::Errno;
use crate::rules::uninitialised_memory;

/// Looks at each `out` parameter, if fresh memory can be told and the condition holds for the
/// result at `place`, which is of the declared type.
#[inline]
pub(crate) fn check(site: &Site, arguments: &[Argument], place: *const ()) -> Result<(), Stop> {
    match site.function.fills {
        Some(fills) if fresh::word().is_some() && !place.is_null() => look(site, fills, arguments, place),
        _ => Ok(()),
    }
}

#[inline(never)]
fn look(site: &Site, fills: Fills, arguments: &[Argument], place: *const ()) -> Result<(), Stop> {
    let _errno = Errno::keep();
    // SAFETY: the caller promises a result of the type that the condition was written for.
    if !unsafe { (fills.holds)(place) } {
        return Ok(());
    }
    let parameters = site.function.declaration.parameters;
    for (index, (argument, parameter)) in arguments.iter().zip(parameters).enumerate() {
        if matches!(argument.passing, Passing::Const | Passing::Mut) && parameter.contract.is_out() {
            parameter_of(site, fills, (index, argument, parameter))?;
        }
    }
    Ok(())
}

fn parameter_of(
    site: &Site,
    fills: Fills,
    (index, argument, parameter): (usize, &Argument, &Parameter),
) -> Result<(), Stop> {
    let target = Target::of(argument.address, &(0..0));
    let extent = extent::of(argument, &target);
    let look = PointerArg { argument, contract: parameter.contract, target, extent };
    match uninitialised_memory::check_filled(&look, fills.text) {
        Some(finding) => {
            let memory = Memory::of(&look.target, argument.address, extent, thread::id());
            site.breach(Some(index), finding, (argument, extent), Some(memory))
        }
        None => Ok(()),
    }
}
