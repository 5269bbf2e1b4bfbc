//! The function that an address of code is in, by the unwinder's description of it: where it
//! begins, and which routine unwinds it. A stripped program has these too.

use std::sync::atomic::{AtomicUsize, Ordering};

use gimli::{BaseAddresses, EhFrame, NativeEndian, Pointer, UnwindSection};

use crate::platform::{read, unwind};

/// The routine that unwinds a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Personality {
    /// The one of Rust's standard library.
    Rusts,
    /// Another language's.
    Others,
    /// It needs none, or its description could not be read.
    None,
}

/// The first byte of the function that returns to, or goes on at, `ip`.
pub(crate) fn function_of(ip: usize) -> Option<usize> {
    Some(unwind::description(ip.checked_sub(1)?)?.function)
}

/// The routine that unwinds the function that goes on at `ip`.
pub(crate) fn personality(ip: usize) -> Personality {
    match address_of_personality(ip) {
        Some(it) if Some(it) == rusts() => Personality::Rusts,
        Some(_) => Personality::Others,
        None => Personality::None,
    }
}

fn address_of_personality(ip: usize) -> Option<usize> {
    let found = unwind::description(ip.checked_sub(1)?)?;
    let section = EhFrame::new(found.bytes, NativeEndian);
    let bases = BaseAddresses::default().set_eh_frame(found.bytes.as_ptr().addr() as u64);
    let own = section.fde_from_offset(&bases, found.own.into(), EhFrame::cie_from_offset).ok()?;
    match own.cie().personality()? {
        Pointer::Direct(address) => usize::try_from(address).ok(),
        Pointer::Indirect(place) => {
            let mut word = [0; size_of::<usize>()];
            read::read(usize::try_from(place).ok()?, &mut word)?;
            Some(usize::from_ne_bytes(word))
        }
    }
}

/// The routine that unwinds this library's own functions; `None` with `panic = "abort"`.
fn rusts() -> Option<usize> {
    static KNOWN: AtomicUsize = AtomicUsize::new(0);
    struct Drops;
    impl Drop for Drops {
        #[inline(never)]
        fn drop(&mut self) {
            std::hint::black_box(self);
        }
    }
    /// A function with something to drop while it unwinds.
    #[inline(never)]
    fn unwinds(run: fn()) -> usize {
        let _drops = Drops;
        std::hint::black_box(run)();
        1
    }
    if KNOWN.load(Ordering::Relaxed) == 0 {
        let own = unwinds as fn(fn()) -> usize as usize;
        std::hint::black_box(unwinds)(|| {});
        KNOWN.store(address_of_personality(own + 1).unwrap_or(1), Ordering::Relaxed);
    }
    Some(KNOWN.load(Ordering::Relaxed)).filter(|&known| known > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rusts_functions_are_told_from_others() {
        let own = super::personality as fn(usize) -> Personality as usize + 1;
        assert_eq!(function_of(own), Some(own - 1));
        assert!(rusts().is_some());
        // A function of C's.
        unsafe extern "C" {
            fn strlen(text: *const std::ffi::c_char) -> usize;
        }
        let cs = strlen as unsafe extern "C" fn(*const std::ffi::c_char) -> usize as usize;
        assert_ne!(personality(cs + 1), Personality::Rusts);
        assert_eq!(personality(1), Personality::None);
    }
}
