//! Number of elements or bytes that a call states.

/// A stated count: the value of the expression in `counted_by` or `sized_by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// A count that memory could have.
    Fits(usize),
    /// A negative count (`i64::MIN` if it is below).
    Negative(i64),
    /// A count above `usize::MAX` (`u64::MAX` if it is above).
    TooLarge(u64),
}

/// A type that a count can be stated in: any integer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a count",
    label = "`counted_by` and `sized_by` take an integer",
    note = "C wants an expression over the parameters that yields an integer, such as `len` or `rows * cols`"
)]
pub trait IntoCount {
    /// Converts it, keeping what does not fit as a fact.
    fn into_count(self) -> Count;
}

/// A number as a count.
#[must_use]
pub fn count(number: impl IntoCount) -> Count {
    number.into_count()
}

macro_rules! into_count {
    ($($ty:ty)*) => { $(impl IntoCount for $ty {
        #[inline(always)]
        #[allow(unused_comparisons, irrefutable_let_patterns, clippy::unnecessary_fallible_conversions)]
        fn into_count(self) -> Count {
            match usize::try_from(self) {
                Ok(n) => Count::Fits(n),
                Err(_) if self < 0 => Count::Negative(i64::try_from(self).unwrap_or(i64::MIN)),
                Err(_) => Count::TooLarge(u64::try_from(self).unwrap_or(u64::MAX)),
            }
        }
    })* };
}
into_count!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_and_oversized_counts_are_kept_as_facts() {
        assert_eq!(7i32.into_count(), Count::Fits(7));
        assert_eq!((-1i32).into_count(), Count::Negative(-1));
        assert_eq!(u128::MAX.into_count(), Count::TooLarge(u64::MAX));
        assert_eq!(i128::MIN.into_count(), Count::Negative(i64::MIN));
        assert_eq!((1_u128 << 64).into_count(), Count::TooLarge(u64::MAX));
    }
}
