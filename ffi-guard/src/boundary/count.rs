//! How many elements or bytes a call states.

/// A stated count: what the expression behind `counted_by` or `sized_by` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// A count that memory could have.
    Fits(usize),
    /// A negative one, as it was.
    Negative(i128),
    /// One above `usize::MAX`.
    TooLarge(u128),
}

/// A type that a count can be stated in: any integer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a count",
    label = "`counted_by` and `sized_by` take an integer",
    note = "C wants an expression over the parameters that yields an integer, such as `len` or `rows * cols`"
)]
pub trait IntoCount {
    /// Reads it, keeping what does not fit as a fact.
    fn into_count(self) -> Count;
}

macro_rules! into_count {
    ($($ty:ty)*) => { $(impl IntoCount for $ty {
        #[inline(always)]
        #[allow(clippy::cast_lossless, unused_comparisons)]
        fn into_count(self) -> Count {
            match usize::try_from(self) {
                Ok(n) => Count::Fits(n),
                Err(_) if self < 0 => Count::Negative(self as i128),
                Err(_) => Count::TooLarge(self as u128),
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
        assert_eq!(u128::MAX.into_count(), Count::TooLarge(u128::MAX));
    }
}
