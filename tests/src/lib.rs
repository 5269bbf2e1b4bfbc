//! Shared by the integration tests and the tour.

pub mod calloc;
pub mod process;
pub mod sqlite;
