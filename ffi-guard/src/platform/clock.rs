//! A clock that is cheap enough to read twice a call.

pub(crate) use super::os::clock::nanoseconds;

/// The name that reports give the clock of [`ticks`].
pub(crate) const NAME: &str =
    if cfg!(target_arch = "x86_64") { "the processor's time stamp counter" } else { "the system's clock" };

/// Ticks of a clock that only goes forward on one thread; their length is unknown but constant.
#[inline]
pub(crate) fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 has the counter, and Linux, macOS and Windows let programs read it.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
