//! What a declaration promises of what C gives back: `returns(nonnull, cstr, counted_by = *n)` and
//! the like, asked when C has returned.

use crate::call::argument::{Argument, Passing, Stated};
use crate::call::extent;
use crate::call::site::Site;
use crate::call::target::Target;
use crate::call::thread;
use crate::delivery::breach::Stop;
use crate::facts::Memory;
use crate::platform::process::Errno;
use crate::rules::invalid_result;

/// Checks a result against what is promised of it, if anything is, and if what it says counts.
/// `place`: where it is, of the declared type; null if it is no value.
pub(crate) fn check_if(site: &Site, arguments: &[Argument], result: &Argument, place: *const ()) -> Result<(), Stop> {
    if !site.function.promises() || place.is_null() {
        return Ok(());
    }
    // SAFETY: the caller promises a result of the type that the condition was written for.
    let failed = site.function.fills.is_some_and(|fills| !unsafe { (fills.holds)(place) });
    if failed { Ok(()) } else { check(site, arguments, result) }
}

/// Checks a result against what is promised of it.
#[inline(never)]
pub(crate) fn check(site: &Site, arguments: &[Argument], result: &Argument) -> Result<(), Stop> {
    let _errno = Errno::keep();
    let (function, contract) = (site.function, site.function.declaration.result);
    match result.passing {
        Passing::Const | Passing::Mut => {
            let stated = match function.counts.counted {
                // SAFETY: the arguments are those of the call, for which the function was written.
                Some((count, _)) => unsafe { count(arguments) },
                None => Stated::No,
            };
            let size = if extent::untyped(result) { 1 } else { result.info.size };
            let target = Target::of(result.address, &thread::callers_stack(site));
            let left = invalid_result::left(result.address, &target);
            match invalid_result::check_pointer(result.address, contract, (stated, size), left) {
                Some(finding) => {
                    let memory = Memory::of(&target, result.address, 0, thread::id());
                    site.breach(None, finding, (result, 0), Some(memory))
                }
                None => Ok(()),
            }
        }
        Passing::Scalar | Passing::Value => {
            let Some((asked, _)) = function.counts.most else { return Ok(()) };
            let place = std::ptr::with_exposed_provenance::<()>(result.address);
            // SAFETY: the result is at its address, of the type for which the function was written,
            // and the arguments are those of the call.
            let (number, most) = unsafe { asked(place, arguments) };
            match invalid_result::check_number(number, most) {
                Some(finding) => site.breach(None, finding, (result, 0), None),
                None => Ok(()),
            }
        }
    }
}
