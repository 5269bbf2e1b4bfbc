//! What all the programs do: they call each function of the library.

/// Where the shared libraries are.
#[cfg(target_os = "linux")]
pub const LIBRARIES: &str = env!("FFG_SPLIT_LIBRARIES");

/// Declares the library in the program, calls it, and prints what was found.
#[macro_export]
macro_rules! program {
    () => {
        #[global_allocator]
        static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

        #[cfg(target_os = "linux")]
        #[ffi_guard::guard]
        unsafe extern "C" {
            safe fn ffg_counter_new() -> std::ffi::c_int;
            safe fn ffg_counter_add(counter: std::ffi::c_int, by: std::ffi::c_int) -> std::ffi::c_int;
            safe fn ffg_counter_get(counter: std::ffi::c_int) -> std::ffi::c_int;
            safe fn ffg_counter_made() -> std::ffi::c_int;
            safe fn ffg_counter_version() -> std::ffi::c_int;
        }

        #[cfg(target_os = "linux")]
        fn main() {
            $crate::open_what_is_asked_for();
            let calls: [(&str, fn() -> std::ffi::c_int); 5] = [
                ("new", || ffg_counter_new()),
                ("add", || ffg_counter_add(0, 2)),
                ("get", || ffg_counter_get(0)),
                ("made", || ffg_counter_made()),
                ("version", || ffg_counter_version()),
            ];
            for (name, call) in calls {
                match ffi_guard::catch(|| call()) {
                    Ok(number) => println!("{name}: {number}"),
                    Err(violation) => println!("{name}: {violation}"),
                }
            }
        }

        #[cfg(not(target_os = "linux"))]
        fn main() {}
    };
}

/// Opens the library that the program's argument names, for the program alone.
///
/// # Panics
///
/// If it cannot be opened.
#[cfg(target_os = "linux")]
pub fn open_what_is_asked_for() {
    let Some(path) = std::env::args().nth(1) else { return };
    let path = std::ffi::CString::new(path).expect("without NUL");
    // SAFETY: a path, and a library whose code does nothing when it is loaded.
    let opened = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!opened.is_null(), "{path:?} is not opened");
}
