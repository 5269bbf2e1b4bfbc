//! Shared by the integration tests and the tour.

pub mod again;
pub mod calloc;
pub mod process;
pub mod sqlite;
