//! C's heap over ours as a shared object: loaded before everything else (`LD_PRELOAD`), it serves a
//! program that does not know about it. `.ci/optional/python.sh` puts it under a Python
//! interpreter.

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();
