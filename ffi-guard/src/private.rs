//! The items that generated code uses. Not public: they change with any version.

pub use crate::boundary::callback::{Incoming, default_where_on_panic_says_nothing, nothing_to_return, raise_here};
pub use crate::boundary::crossing::{Crossing, FrameRoom, Room};
pub use crate::boundary::inspect::Inspection;
pub use crate::boundary::loans::Loans;
pub use crate::boundary::variadic::{check_variadic, pass_variadic};
pub use crate::call::argument::{Argument, Stated};
pub use crate::call::classify;
pub use crate::call::count::{Count, count};
pub use crate::call::declaration::{Contract, Declaration, Function, Parameter, copied};
pub use crate::call::kinds::Kind;
pub use crate::call::of_type::{Crosses, OfType, Otherwise};
pub use crate::call::shape::{
    CopyProbe, Field, NoShape, PlainProbe, PointeeProbe, PointersProbe, Shape, ThinProbe, TypeInfo, first_known,
    has_no_gap,
};
pub use crate::call::through::through;
pub use crate::call::typed::{LeadsNowhere, Typed};
pub use crate::call::validity::{Discriminants, Validity, ValueField};
pub use crate::call::variadic::saved::{Registers, Saved};
pub use crate::call::variadic::{Dialect, Followed, Follower, Tail, Variadic, Word};
pub use crate::call::version::{Version, fails, fails_with, holds};
pub use crate::delivery::raise::expect;
pub use crate::delivery::test_scope::assert_clean;
pub use crate::level::{CHECKED, armed, is_at_1};
pub use crate::report::compared::compare_if_asked;
pub use crate::rule::{Rule, Severities, Severity};
pub use crate::{
    __argument as argument, __bytes as bytes, __crosses as crosses, __dense as dense, __frozen as frozen,
    __shape_of as shape_of, __sorts as sorts, __trampoline as trampoline, __uninit_sorts as uninit_sorts,
    __value_of as value_of,
};
