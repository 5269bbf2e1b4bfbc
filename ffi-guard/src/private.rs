//! The items that generated code uses. Not public: they change with any version.

pub use crate::__argument as argument;
pub use crate::__frozen as frozen;
pub use crate::__shape_of as shape_of;
pub use crate::boundary::argument::{Argument, Stated};
pub use crate::boundary::brief::Brief;
pub use crate::boundary::callback::{Callback, default_where_on_panic_says_nothing, nothing_to_return};
pub use crate::boundary::classify;
pub use crate::boundary::crossing::{Crossing, Frame};
pub use crate::boundary::declaration::{Contract, Declaration, Function, Parameter};
pub use crate::boundary::kinds::{Kind, learn};
pub use crate::boundary::loans::Loans;
pub use crate::boundary::raise::expect;
pub use crate::boundary::shape::{CopyProbe, Field, NoShape, PlainProbe, PointeeProbe, Shape, first_known};
pub use crate::level::{armed, is_at_1};
pub use crate::rule::{Rule, Severities, Severity};
