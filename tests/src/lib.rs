//! Shared by the integration tests and the tour.

#[cfg(doctest)]
mod book;
pub mod calloc;
pub mod process;
pub mod rebuild;
pub mod small_build;
pub mod sqlite;
