//! What C hands to a guarded callback.
//!
//! It comes from C, so less is known of it than of what goes there: a bare pointer states nothing, and Rust need not read
//! through it. What the attributes state is held against the blocks of Rust's heap; that a pointer leads to a block which
//! is freed needs nobody's statement.

use super::breach::Stop;
use crate::call::argument::{Argument, Passing};
use crate::call::declaration::Contract;
use crate::call::site::Site;
use crate::call::target::{PointerArg, Target};
use crate::call::{extent, thread};
use crate::facts::{Finding, Memory};
use crate::retention;
use crate::rules;

/// Asks the rules about each argument.
pub(super) fn check(site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
    let parameters = site.function.declaration.parameters;
    for (index, (argument, parameter)) in arguments.iter().zip(parameters).enumerate() {
        if matches!(argument.passing, Passing::Const | Passing::Mut) {
            pointer(site, index, argument, parameter.contract)?;
        }
    }
    Ok(())
}

fn pointer(site: &Site, index: usize, argument: &Argument, contract: Contract) -> Result<(), Stop> {
    let located = Target::of(argument.address, &(0..0));
    let is_block = matches!(located, Target::Heap(_));
    let extent = extent::of(argument, &located);
    let look = PointerArg { argument, contract, target: located, extent };
    let stated = contract.is_stated();
    type Check = fn(&PointerArg<'_>) -> Option<Finding>;
    let checks: [(bool, Check); 5] = [
        (true, rules::null_pointer::check),
        (true, rules::dangling_pointer::check),
        // Rust reads what it was told the length of.
        (stated && is_block, rules::misaligned_pointer::check),
        (stated && is_block, rules::out_of_bounds::check),
        (contract.is_cstr() && is_block, rules::unterminated_string::check),
    ];
    for (_, check) in checks.into_iter().filter(|(applies, _)| *applies) {
        let Some(finding) = check(&look) else { continue };
        let memory = Memory::of(&look.target, argument.address, look.extent, thread::id());
        site.breach(Some(index), finding, (argument, look.extent), Some(memory))?;
        // What is wrong by one rule is not asked about by the others: what it leads to is not what it should be.
        break;
    }
    if contract.is_owned() && is_block {
        // It is Rust's again: what C was allowed to keep of it is over.
        retention::given_back(argument.address);
    }
    super::thread_affinity::compare(site, index, argument, contract)
}
