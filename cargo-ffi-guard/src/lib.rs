//! The parts of `cargo ffi-guard` that other tools may use: [`report`] reads what ffi-guard found
//! in any number of processes, and writes it for people and for other programs.

pub mod progress;
pub mod report;
