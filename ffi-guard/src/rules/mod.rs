//! One file for each rule: what is wrong, in C and in Rust; the check, or the name of the probe
//! that finds it; and the words that a report has for it.
//!
//! A rule says what it saw. It does not decide how severe that is, does not print, and calls no
//! other rule. To add one: its file here with a line in [`words`], its facts in `facts/finding.rs`,
//! its name in `rule.rs`, and the call of its check.

mod damage;
mod dangling;
mod difference;
mod held;
mod nowhere;
mod pointers;
pub(crate) mod touched;
pub(crate) mod words;
mod wrong_free;

pub(crate) mod abi_mismatch;
pub(crate) mod alloc_dealloc_mismatch;
pub(crate) mod buffer_overflow;
pub(crate) mod clashing_declaration;
pub(crate) mod dangling_field;
pub(crate) mod dangling_pointer;
pub(crate) mod double_free;
pub(crate) mod freed_while_retained;
pub(crate) mod invalid_result;
pub(crate) mod invalid_value;
pub(crate) mod leaked_ownership;
pub(crate) mod misaligned_pointer;
pub(crate) mod nested_pointer;
pub(crate) mod null_pointer;
pub(crate) mod out_of_bounds;
pub(crate) mod retained_pointer;
pub(crate) mod returned_pointer;
pub(crate) mod split_library;
pub(crate) mod stale_handle;
pub(crate) mod uninitialised_memory;
pub(crate) mod unterminated_string;
pub(crate) mod use_after_free;
pub(crate) mod write_through_const;
pub(crate) mod wrong_thread;

pub(crate) use held::leads_into;
#[cfg(feature = "c-heap")]
pub(crate) use pointers::is_left_out;
pub(crate) use pointers::{each_pointer, field_in_extent, field_path, is_declared};

use crate::facts::{Facts, Finding};
use words::Words;

/// What there is to say about a finding, from the file of its rule.
pub(crate) fn words(facts: &Facts) -> Words<'_> {
    match &facts.finding {
        Finding::NestedPointer(seen) => nested_pointer::words(seen, facts),
        Finding::DanglingPointer(seen) => dangling_pointer::words(seen, facts),
        Finding::DanglingField(seen) => dangling_field::words(seen, facts),
        Finding::OutOfBounds(seen) => out_of_bounds::words(seen, facts),
        Finding::UnterminatedString { searched } => unterminated_string::words(*searched, facts),
        Finding::NullPointer(seen) => null_pointer::words(facts, *seen),
        Finding::MisalignedPointer { align } => misaligned_pointer::words(*align, facts),
        Finding::InvalidValue(seen) => invalid_value::words(seen, facts),
        Finding::InvalidResult(seen) => invalid_result::words(*seen, facts),
        Finding::ReturnedPointer(seen) => returned_pointer::words(seen, facts),
        Finding::WrongThread(got) => wrong_thread::words(got, facts),
        Finding::StaleHandle(stale) => stale_handle::words(stale, facts),
        Finding::RetainedPointer(seen) => retained_pointer::words(seen, facts),
        Finding::FreedWhileRetained(seen) => freed_while_retained::words(seen, facts),
        Finding::AllocDeallocMismatch(wrong) | Finding::DoubleFree(wrong) => wrong_free::words(wrong, facts),
        Finding::LeakedOwnership(seen) => leaked_ownership::words(seen, facts),
        Finding::BufferOverflow(seen) => buffer_overflow::words(seen, facts),
        Finding::WriteThroughConst(seen) => write_through_const::words(seen, facts),
        Finding::UninitialisedMemory(seen) => uninitialised_memory::words(seen, facts),
        Finding::UseAfterFree(seen) => use_after_free::words(seen, facts),
        Finding::Touched(touch) => touched::words(touch),
        Finding::AbiMismatch(seen) => abi_mismatch::words(seen, facts),
        Finding::ClashingDeclaration(seen) => clashing_declaration::words(seen, facts),
        Finding::SplitLibrary(seen) => split_library::words(seen, facts),
        Finding::Nowhere(seen) => nowhere::words(seen, facts),
    }
}
