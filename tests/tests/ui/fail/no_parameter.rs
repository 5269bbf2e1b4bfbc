// An extent that speaks of something that is no parameter.

#[ffi_guard::guard]
unsafe extern "C" {
    fn near(#[guard(counted_by = lenn)] p: *const u8, len: usize);
    fn far(#[guard(sized_by = rows * width)] p: *const u8, rows: usize);
    fn none(#[guard(counted_by = width)] _: *const u8);
    fn call(#[guard(counted_by = usize::max(len, size(wdth)))] p: *const u8, len: usize, width: usize);
}

fn main() {}
