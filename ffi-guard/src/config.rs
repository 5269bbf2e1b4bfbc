//! The environment. STAND-IN of the heap branch: the lead's file replaces it at the merge.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) struct Settings {
    pub(crate) quarantine: Option<usize>,
    pub(crate) backtrace: u8,
}

pub(crate) fn variable(name: &str) -> Option<&'static [u8]> {
    unsafe extern "C" {
        static environ: *const *const std::ffi::c_char;
    }
    // SAFETY: a stand-in that runs before threads do.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            let entry = CStr::from_ptr(*at).to_bytes();
            if let Some(rest) = entry.strip_prefix(name.as_bytes()).and_then(|r| r.strip_prefix(b"=")) {
                return Some(rest);
            }
            at = at.add(1);
        }
        None
    }
}

pub(crate) fn settings() -> &'static Settings {
    static READY: AtomicBool = AtomicBool::new(false);
    static mut SETTINGS: Settings = Settings { quarantine: None, backtrace: 1 };
    if !READY.load(Ordering::Acquire) {
        let number = |v: &[u8]| v.iter().fold(0usize, |n, d| n * 10 + (d - b'0') as usize);
        let quarantine = variable("GUARD_QUARANTINE").map(number);
        let backtrace = match variable("GUARD_BACKTRACE") {
            Some(b"0") => 0,
            Some(b"full") => 2,
            _ => 1,
        };
        // SAFETY: a stand-in that runs before threads do.
        unsafe { SETTINGS = Settings { quarantine, backtrace } };
        READY.store(true, Ordering::Release);
    }
    // SAFETY: as above.
    unsafe { &*&raw const SETTINGS }
}
