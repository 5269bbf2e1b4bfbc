//! What all the programs do: they call each function of the library.

use ffi_guard_tests::sqlite::{Db, expected_sum, write_and_read_back};

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

/// Writes and reads rows by the program's SQLite, and has a C library do it by its own.
#[macro_export]
macro_rules! sqlite_program {
    () => {
        #[global_allocator]
        static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

        #[cfg(target_os = "linux")]
        #[ffi_guard::guard]
        unsafe extern "C" {
            safe fn ffg_store_rows() -> std::ffi::c_int;
        }

        #[cfg(target_os = "linux")]
        fn main() {
            $crate::write_and_read();
            println!("by the C library: {} rows", ffg_store_rows());
        }

        #[cfg(not(target_os = "linux"))]
        fn main() {}
    };
}

/// Writes 1,000 rows by the program's own SQLite, and prints the sum of what is read back.
///
/// # Panics
///
/// If SQLite refuses.
pub fn write_and_read() {
    let db = Db::open(":memory:").expect("opens");
    let sum = write_and_read_back(&db, 1_000).expect("writes and reads");
    assert_eq!(sum, expected_sum(1_000));
    println!("by the program: {sum}");
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
