// An extent by a name that two parameters have.

#[ffi_guard::guard]
unsafe extern "C" {
    fn either(#[guard(counted_by = len)] p: *const u8, len: usize, len: u32);
    fn neither(#[guard(counted_by = 2 * N)] p: *const u8, N: usize, N: u32);
    fn bound(#[guard(counted_by = { let len = 1; len })] p: *const u8, len: usize, len: u32);
}

fn main() {}
