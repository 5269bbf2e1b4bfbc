//! Shared by the integration tests and the tour.

pub mod again;
#[cfg(doctest)]
mod book;
pub mod calloc;
pub mod process;
pub mod sqlite;
