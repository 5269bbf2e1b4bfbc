//! Words that are no pointers, whatever their value: padding, what was in memory before, and what C
//! built in memory that it got from an allocator of Rust's.

use std::alloc::{Layout, alloc, dealloc};
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;

use c_fixtures::nested_pointer as c;
use ffi_guard::{Rule, catch, expect_violation};
use ffi_guard_tests::process::at_checked_levels;

/// As OpenSSL's `AES_KEY`: no pointer is aligned to 4.
#[allow(dead_code)]
#[repr(C)]
struct Key {
    words: [u32; 60],
    rounds: i32,
}

/// As OpenSSL's `SHA512_CTX`: numbers in an array, and small ones.
#[allow(dead_code)]
#[repr(C)]
struct Digest {
    state: [u64; 8],
    length: [u64; 2],
    block: [u8; 128],
    count: u32,
    size: u32,
}

/// As zlib's `z_stream`: padding after each count.
#[allow(dead_code)]
#[repr(C)]
struct Stream {
    next: *const u8,
    available: u32,
    total: usize,
    name: *const c_char,
    kind: bool,
}

mod declared {
    use super::{Digest, Key, Stream, c_void};

    #[ffi_guard::guard(allow(abi_mismatch))]
    #[allow(clashing_extern_declarations)]
    unsafe extern "C" {
        #[link_name = "ffg_ok_label_width"]
        pub fn set_key(key: *mut Key) -> usize;
        #[link_name = "ffg_ok_label_width"]
        pub fn start(#[guard(nonnull)] digest: *mut Digest) -> usize;
        #[link_name = "ffg_ok_label_width"]
        pub fn inflate(#[guard(nonnull)] stream: *mut Stream) -> usize;
        #[link_name = "ffg_ok_label_width"]
        pub fn of_bytes(bytes: *mut c_void) -> usize;
    }
}

/// Memory in which each word is an address in a live or in a freed block, as a stack keeps them.
fn stale<T>() -> (MaybeUninit<T>, [Box<u64>; 1]) {
    let live = [Box::new(7)];
    let dead = {
        let boxed = Box::new([0_u8; 40]);
        (&raw const *boxed).addr()
    };
    let mut memory = MaybeUninit::<T>::uninit();
    let words = memory.as_mut_ptr().cast::<u8>();
    for offset in (0..size_of::<T>() / 4 * 4).step_by(4) {
        let word = if offset / 8 % 2 == 0 { (&raw const *live[0]).addr() } else { dead };
        let half = &word.to_ne_bytes()[offset % 8..offset % 8 + 4];
        // SAFETY: four bytes inside the value.
        unsafe { words.add(offset).copy_from_nonoverlapping(half.as_ptr(), 4) };
    }
    (memory, live)
}

#[test]
fn what_a_first_call_fills_in_is_not_read() {
    at_checked_levels("no_pointers::what_a_first_call_fills_in_is_not_read", || {
        let (mut key, _live) = stale::<Key>();
        let (mut digest, _also) = stale::<Digest>();
        let mut boxed = Box::new(stale::<Key>().0);
        // SAFETY: C reads the first word.
        let clean = catch(|| unsafe {
            declared::set_key(key.as_mut_ptr());
            declared::set_key(boxed.as_mut_ptr());
            declared::start(digest.as_mut_ptr());
        });
        clean.expect("clean");
    });
}

#[test]
fn padding_is_not_read() {
    at_checked_levels("no_pointers::padding_is_not_read", || {
        let (mut memory, live) = stale::<Stream>();
        let stream = memory.as_mut_ptr();
        let fill = |next| {
            // SAFETY: fields of a live value; what is between them stays as it was.
            unsafe {
                (&raw mut (*stream).next).write(next);
                (&raw mut (*stream).total).write(0);
                (&raw mut (*stream).name).write(c"name".as_ptr());
                // Each keeps the rest of an old pointer behind it.
                let half = (&raw const (*stream).available).read();
                (&raw mut (*stream).available).write(half);
                (&raw mut (*stream).kind).cast::<u8>().write((&raw const *live[0]).addr().to_ne_bytes()[0]);
            }
        };
        fill(std::ptr::null());
        // SAFETY: C reads the first word.
        catch(|| unsafe { declared::inflate(stream) }).expect("clean");
        fill((&raw const *live[0]).cast());
        // SAFETY: as above.
        let violation = expect_violation!(Rule::NestedPointer, { unsafe { declared::inflate(stream) } });
        assert!(violation.message().ends_with("to a Rust pointer, at byte 0"), "{violation}");
    });
}

/// Each block has its size in front.
unsafe extern "C" fn allocate(_: *mut c_void, block: *mut c_void, size: usize) -> *mut c_void {
    let layout = |size: usize| Layout::from_size_align(size, 16).expect("a small size");
    // SAFETY: C gives back what it got, once, with its size from the table.
    unsafe {
        if size == 0 {
            let size = SIZES.lock().unwrap().remove(&block.addr()).expect("a block of ours");
            dealloc(block.cast(), layout(size));
            return std::ptr::null_mut();
        }
        let block = alloc(layout(size));
        SIZES.lock().unwrap().insert(block.addr(), size);
        block.cast()
    }
}

static SIZES: std::sync::Mutex<std::collections::BTreeMap<usize, usize>> =
    std::sync::Mutex::new(std::collections::BTreeMap::new());

#[test]
fn what_c_built_in_memory_of_rusts_is_cs() {
    at_checked_levels("no_pointers::what_c_built_in_memory_of_rusts_is_cs", || {
        for _ in 0..3 {
            // SAFETY: a machine, used as it is meant to be.
            let clean = catch(|| unsafe {
                let machine = c::new_machine(allocate, std::ptr::null_mut());
                let depth = c::machine_depth(machine);
                c::free_machine(machine);
                let bytes = c::new_machine_of_bytes(allocate, std::ptr::null_mut());
                let depth = depth + c::machine_depth_of_bytes(bytes);
                c::free_machine(bytes.cast());
                depth
            });
            assert_eq!(clean.expect("clean"), 16);
        }
        // What Rust put together, and C has not handed out, is read behind `c_void` as before.
        let value = Box::new(7_u64);
        let mut words = vec![1, (&raw const *value).addr()];
        // SAFETY: C reads the first word.
        expect_violation!(Rule::NestedPointer, { unsafe { declared::of_bytes(words.as_mut_ptr().cast()) } });
    });
}
