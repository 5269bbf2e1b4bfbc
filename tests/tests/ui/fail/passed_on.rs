// A guarded function is a Rust function. rustc says so where it is passed to C, in the words that
// the guide repeats; with `keep_abi` it is a C function still.

use std::ffi::c_void;

type Free = Option<unsafe extern "C" fn(*mut c_void)>;

#[ffi_guard::guard]
unsafe extern "C" {
    fn free(p: *mut c_void);
    #[link_name = "free"]
    #[guard(keep_abi)]
    fn passed_on(p: *mut c_void);
}

fn main() {
    let _: Free = Some(passed_on);
    let _: Free = Some(free);
}
