//! The canaries of what a call is lent, before it and after: whose overrun it is.
//!
//! ```text
//! enter: damaged ──> somebody else's, before this call: told, by the last call that was lent the block
//!    C runs
//! exit:  damaged ──> whole before, so during this call: told, and named
//! ```
//! Told, and renewed: one overrun is one report.

use super::breach::{self, Stop};
use super::loans::Loans;
use crate::call::argument::{Argument, Passing};
use crate::call::extent;
use crate::call::loan::Loan;
use crate::call::site::Site;
use crate::facts::{BlockFacts, Memory, Overwritten};
use crate::heap::{self, Block, Damage, Found};
use crate::retention::damage;
use crate::rules::buffer_overflow;

fn leads_to_memory(argument: &Argument) -> bool {
    matches!(argument.passing, Passing::Const | Passing::Mut)
}

/// Whether nothing is wrong around each block that is known to be lent. They must be there still.
#[inline(always)]
pub(super) fn are_known_whole(loans: &Loans) -> bool {
    match loans.known() {
        // The common call has one, and a loop would take some more instructions for it.
        [(only, _)] => only.is_whole(),
        known => known.iter().all(|(held, _)| held.is_whole()),
    }
}

/// Whether nothing is wrong around each block that an argument leads into. Those in `loans` must be
/// there still.
#[inline(always)]
fn are_whole(arguments: &[Argument], loans: &Loans) -> bool {
    match loans.all() {
        Some(_) => are_known_whole(loans),
        None => are_all_whole(arguments),
    }
}

/// Whether nothing is wrong around each block that an argument leads into, looked up.
#[inline(never)]
fn are_all_whole(arguments: &[Argument]) -> bool {
    arguments.iter().all(|argument| {
        !leads_to_memory(argument) || !heap::contains(argument.address) || heap::is_whole(argument.address)
    })
}

/// A call is about to lend this block: is it whole?
#[inline]
pub(super) fn before(block: &Found) -> Result<(), Stop> {
    if block.is_whole() { Ok(()) } else { tell_before(block) }
}

#[cold]
fn tell_before(block: &Block) -> Result<(), Stop> {
    let Some((block, damage)) = damage_of(block, &|_| true) else { return Ok(()) };
    breach::tell(damage::found_around(&block, &damage, Overwritten::BeforeACall))
}

/// C has returned: are the blocks that the arguments lead into whole? `loans`: those of them that
/// are known and there still.
#[inline(always)]
pub(super) fn after(site: &Site, arguments: &[Argument], loans: &Loans) -> Result<(), Stop> {
    if are_whole(arguments, loans) { Ok(()) } else { tell_after(site, arguments) }
}

#[cold]
fn tell_after(site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
    for (parameter, argument) in arguments.iter().enumerate().filter(|(_, argument)| leads_to_memory(argument)) {
        if let Some(block) = Found::at(argument.address) {
            let extent = extent::in_block(argument, &block);
            let lent_too = |other: &Block| arguments.iter().any(|it| it.address.wrapping_sub(other.start) < other.size);
            after_one(site, &Loan::of(argument, parameter, extent), &block, &lent_too)?;
        }
    }
    Ok(())
}

/// The same of one block. `lent_too`: whether the call was lent another block as well.
pub(super) fn after_one(
    site: &Site,
    loan: &Loan,
    block: &Found,
    lent_too: &dyn Fn(&Block) -> bool,
) -> Result<(), Stop> {
    if block.is_whole() {
        return Ok(());
    }
    let Some((block, damage)) = damage_of(block, lent_too) else { return Ok(()) };
    let finding = buffer_overflow::check(&damage, Overwritten::ByTheCall);
    let memory = Memory::Heap(BlockFacts::of(&block));
    site.breach_of(loan, finding, memory)
}

/// What is wrong around a block, if it is there still; renewed.
fn damage_of(block: &Block, lent_too: &dyn Fn(&Block) -> bool) -> Option<(Block, Damage)> {
    let now = heap::lookup(block.start).filter(|now| now.live && now.generation == block.generation)?;
    let damage = heap::canary_damage(&now)?;
    // What reaches up to here from the end of the block before is that one's overrun, where C has
    // that one.
    let not_ours = |other: Block| lent_too(&other) || heap::loans(&other) > 0;
    if damage.before && heap::overrun_from(&now).is_some_and(not_ours) {
        return None;
    }
    heap::renew_canary(&now);
    Some((now, damage))
}
