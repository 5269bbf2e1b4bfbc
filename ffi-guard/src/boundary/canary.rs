//! The canaries around what a call is lent, checked before it and after: whose overrun it is.
//!
//! ```text
//! enter: damaged ──> by an earlier call: reported with the last call that was lent the block
//!    C runs
//! exit:  damaged ──> whole before, so by this call: reported with its name
//! ```
//! A damaged canary is reported and then renewed: one overrun is one report.

use super::loans::Loans;
use crate::call::argument::{Argument, Passing};
use crate::call::extent;
use crate::call::loan::Loan;
use crate::call::site::Site;
use crate::delivery::breach::{self, Stop};
use crate::facts::{BlockFacts, Memory, Overwritten};
use crate::heap::{self, Block, Damage, FoundBlock};
use crate::retention::damage;
use crate::rules::buffer_overflow;

fn leads_to_memory(argument: &Argument) -> bool {
    matches!(argument.passing, Passing::Const | Passing::Mut)
}

/// True if no known loan's block is damaged. The blocks must still be there.
#[inline(always)]
pub(super) fn are_known_whole(loans: &Loans) -> bool {
    match loans.known() {
        // The common call has one, and a loop would cost it some more instructions.
        [(only, _)] => only.is_whole(),
        known => known.iter().all(|(held, _)| held.is_whole()),
    }
}

/// True if no block that an argument leads into is damaged. The blocks in `loans` must still be
/// there.
#[inline(always)]
fn are_whole(arguments: &[Argument], loans: &Loans) -> bool {
    let rusts = match loans.all() {
        Some(_) => are_known_whole(loans),
        None => are_all_whole(arguments),
    };
    rusts && loans.are_cs_whole()
}

/// True if no block that an argument leads into is damaged; looks each up.
#[inline(never)]
fn are_all_whole(arguments: &[Argument]) -> bool {
    arguments.iter().all(|argument| {
        !leads_to_memory(argument) || !heap::contains(argument.address) || heap::is_whole(argument.address)
    })
}

/// Checks that a block is undamaged before a call lends it.
#[inline]
pub(super) fn before(block: &FoundBlock) -> Result<(), Stop> {
    if block.is_whole() { Ok(()) } else { tell_before(block) }
}

#[cold]
fn tell_before(block: &Block) -> Result<(), Stop> {
    let Some((block, damage)) = damage_of(block, &|_| true) else { return Ok(()) };
    breach::tell(damage::found_around(&block, &damage, Overwritten::BeforeACall))
}

/// Checks after C returned that the blocks the arguments lead into are undamaged. `loans`: those
/// that are known and still there.
#[inline(always)]
pub(super) fn after(site: &Site, arguments: &[Argument], loans: &Loans) -> Result<(), Stop> {
    if are_whole(arguments, loans) { Ok(()) } else { tell_after(site, arguments) }
}

#[cold]
fn tell_after(site: &Site, arguments: &[Argument]) -> Result<(), Stop> {
    for (parameter, argument) in arguments.iter().enumerate().filter(|(_, argument)| leads_to_memory(argument)) {
        if let Some(block) = FoundBlock::at(argument.address).or_else(|| block_of_c(argument.address)) {
            let extent = extent::in_block(argument, &block);
            let lent_too = |other: &Block| arguments.iter().any(|it| it.address.wrapping_sub(other.start) < other.size);
            after_one(site, &Loan::of(argument, parameter, extent), &block, &lent_too)?;
        }
    }
    Ok(())
}

/// The live block of C's heap that an address leads into, if it is no stack.
pub(super) fn block_of_c(address: usize) -> Option<FoundBlock> {
    #[cfg(feature = "c-heap")]
    return FoundBlock::at_c(address).filter(|block| block.live && !block.is_stack());
    #[cfg(not(feature = "c-heap"))]
    {
        _ = address;
        None
    }
}

/// Checks one block after C returned. `lent_too`: true if the call was lent another block as well.
pub(super) fn after_one(
    site: &Site,
    loan: &Loan,
    block: &FoundBlock,
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

/// Finds the damage around a block, if the block is still there, and renews its canary.
fn damage_of(block: &Block, lent_too: &dyn Fn(&Block) -> bool) -> Option<(Block, Damage)> {
    let now = heap::lookup_in_either(block.start).filter(|now| now.live && now.generation == block.generation)?;
    let damage = heap::canary_damage(&now)?;
    // Damage that reaches here from the end of the block before is that block's overrun, if C has
    // it.
    let not_ours = |other: Block| lent_too(&other) || heap::loans(&other) > 0;
    if damage.before && heap::overrun_from(&now).is_some_and(not_ours) {
        return None;
    }
    heap::renew_canary(&now);
    Some((now, damage))
}
