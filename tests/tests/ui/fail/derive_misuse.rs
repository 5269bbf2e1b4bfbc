// Types that the derives refuse.

#[derive(ffi_guard::Pointee)]
enum Enum {
    A(*const u8),
}

#[derive(ffi_guard::Pointee)]
#[guard(cstr)]
struct Struct {
    #[guard(counted_by = n)]
    p: *const u8,
    n: usize,
}

#[derive(ffi_guard::Plain)]
#[guard]
struct Unit;

fn main() {}
