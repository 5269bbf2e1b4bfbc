// Each field that is not plain is reported at its type.

use ffi_guard::Plain;

struct Other;

#[derive(Plain)]
#[repr(C)]
struct Struct {
    fine: [u8; 4],
    pointer: *const u8,
    other: Other,
}

#[derive(Plain)]
#[repr(C)]
union Union {
    fine: u32,
    pointer: *mut u8,
}

#[derive(Plain)]
enum Enum<T> {
    Fine(T),
    Pointer { p: &'static u8 },
}

fn plain<T: Plain>() {}

fn main() {
    plain::<Enum<*const u8>>();
}
