//! `CArena`, `CBox`, `CSlice`, `CText`: C memory with owners.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use c_fixtures::slides::{
    ComplexStruct, SomeStruct, SomeStructData, SomeStructStr, process_complex_struct, process_struct,
    process_struct_data, process_struct_str,
};
use ffi_guard::{CArena, CBox, CMemoryError, CSlice, CText, Rule, Zeroed, catch, expect_violation};
use ffi_guard_tests::process::at_levels;

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// A struct of this crate's with pointers in it.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
struct Node {
    next: *mut Node,
    name: *const c_char,
    on_visit: Option<unsafe extern "C" fn(*mut c_void)>,
    value: c_int,
}

// SAFETY: null pointers, `None` and 0.
unsafe impl Zeroed for Node {}

#[repr(C, align(4096))]
struct Page([u8; 4096]);

// SAFETY: bytes.
unsafe impl Zeroed for Page {}

#[test]
fn an_arena_gives_zeroed_aligned_memory_of_cs() {
    at_levels("an_arena_gives_zeroed_aligned_memory_of_cs", &["0", "1", "2"], || {
        let arena = CArena::new();
        // Used memory comes back from C's heap: it must still be zero.
        for _ in 0..8 {
            let dirty = CArena::new();
            dirty.slice::<u8>(4096).unwrap().fill(0xff);
            dirty.alloc::<Page>().0.fill(0xff);
        }
        let node = arena.alloc::<Node>();
        assert!(node.next.is_null() && node.name.is_null() && node.on_visit.is_none() && node.value == 0);
        assert!(arena.slice::<u8>(4096).unwrap().iter().all(|byte| *byte == 0));
        let page = arena.alloc::<Page>();
        assert!((&raw const *page).addr().is_multiple_of(4096) && page.0.iter().all(|byte| *byte == 0));
        assert!((&raw const *arena.alloc::<u128>()).addr().is_multiple_of(16));
        assert_eq!(arena.len(), 4);
    });
}

#[test]
fn sizes_that_no_memory_has_are_errors() {
    let arena = CArena::new();
    assert_eq!(arena.slice::<u64>(usize::MAX), Err(CMemoryError::TooLarge { len: usize::MAX, size: 8 }));
    assert_eq!(
        arena.slice::<u8>(isize::MAX as usize + 1).unwrap_err().to_string(),
        "9223372036854775808 times 1 bytes are more than memory has"
    );
    assert_eq!(
        CSlice::<[u64; 4]>::zeroed(usize::MAX / 32 + 1).unwrap_err(),
        CMemoryError::TooLarge { len: usize::MAX / 32 + 1, size: 32 }
    );
    // It fits an address space, but there is not that much memory.
    assert_eq!(CSlice::<u8>::zeroed(isize::MAX as usize).unwrap_err(), CMemoryError::OutOfMemory);
    assert!(arena.is_empty());
    assert!(arena.slice::<u64>(0).unwrap().is_empty() && arena.copy::<u64>(&[]).is_empty());
}

#[test]
fn a_text_with_a_nul_inside_is_an_error() {
    let arena = CArena::new();
    assert_eq!(arena.c_str("Go\0pher").unwrap_err(), CMemoryError::NulInside { position: 2 });
    assert_eq!(arena.c_str("Gopher").unwrap(), c"Gopher");
    assert_eq!(arena.c_str("").unwrap(), c"");
    assert_eq!(CText::new("\0").unwrap_err().to_string(), "the text has a NUL at byte 0, where C would end it");
}

#[test]
fn what_hangs_off_a_struct_in_the_arena_is_clean() {
    let text = String::from("Gopher");
    let bytes = vec![1_u8, 2, 3, 4];
    let sums = catch(|| {
        let arena = CArena::new();
        let named = arena.put(SomeStructStr { a: 1, b: 2, c: 3, str: arena.c_str(&text).unwrap().as_ptr().cast_mut() });
        let copy = arena.copy(&bytes);
        let data = arena.put(SomeStructData { data: copy.as_mut_ptr(), data_len: copy.len() });
        let (x, y) = (arena.put(SomeStruct { a: 1, b: 2, c: 3 }), arena.put(SomeStruct { a: 4, b: 5, c: 6 }));
        let complex = arena.put(ComplexStruct { x, y });
        // SAFETY: all of it lives until the arena ends.
        unsafe { [process_struct_str(named), process_struct_data(data), process_complex_struct(complex)] }
    });
    assert_eq!(sums.expect("clean"), [12, 10, 21]);
}

#[test]
fn a_rust_pointer_in_the_arena_is_found() {
    let mut bytes = vec![1_u8, 2, 3, 4];
    let arena = CArena::new();
    let data = arena.put(SomeStructData { data: bytes.as_mut_ptr(), data_len: bytes.len() });
    expect_violation!(Rule::NestedPointer, {
        // SAFETY: alive.
        unsafe { process_struct_data(data) };
    });
}

#[test]
fn an_arena_may_move_to_another_thread() {
    let arena = CArena::new();
    arena.put([7_u8; 100]);
    std::thread::spawn(move || {
        assert_eq!(arena.len(), 1);
        arena.put(1_u64);
    })
    .join()
    .unwrap();
}

#[test]
fn a_box_goes_to_c_and_comes_back() {
    let sum = catch(|| {
        let some = CBox::new(SomeStruct { a: 1, b: 2, c: 3 });
        // SAFETY: alive until the drop.
        unsafe { process_struct(some.as_ptr()) }
    });
    assert_eq!(sum.expect("clean"), 6);
    let raw = CBox::new(5_u64).into_raw();
    // SAFETY: from C's `malloc`, with no other owner.
    assert_eq!(unsafe { CBox::from_raw(raw) }.map(|number| *number), Some(5));
    // C's own `free`, and C's own `malloc`.
    // SAFETY: C's memory, freed once.
    unsafe {
        libc::free(CBox::<Node>::zeroed().into_raw().cast());
        let theirs = libc::calloc(1, size_of::<SomeStruct>()).cast::<SomeStruct>();
        assert_eq!(*CBox::from_raw(theirs).expect("C has memory"), SomeStruct { a: 0, b: 0, c: 0 });
        assert!(CBox::<u8>::from_raw(std::ptr::null_mut()).is_none());
    }
}

#[test]
fn a_box_drops_its_value_and_then_frees_it() {
    let alive = Rc::new(Cell::new(0));
    let boxed = CBox::new(Rc::clone(&alive));
    boxed.set(3);
    drop(boxed);
    assert_eq!((alive.get(), Rc::strong_count(&alive)), (3, 1));
}

static FREED: AtomicUsize = AtomicUsize::new(0);

/// A library's own way to free.
unsafe fn count_and_free(block: *mut c_void) {
    FREED.fetch_add(1, Ordering::Relaxed);
    // SAFETY: from C's `malloc`, as below.
    unsafe { libc::free(block) };
}

#[test]
fn the_deleter_that_was_given_is_called_once_each() {
    // SAFETY: from C's `malloc`, freed by the deleter.
    unsafe {
        drop(CBox::from_raw_with(libc::malloc(4).cast::<i32>(), count_and_free));
        drop(CSlice::from_raw_with(libc::calloc(3, 8).cast::<u64>(), 3, count_and_free));
        let text = CText::from_raw_with(libc::strdup(c"text".as_ptr()), count_and_free).expect("C has memory");
        assert_eq!(&*text, c"text");
        drop(text);
        // Given away: not freed.
        let kept = CBox::from_raw_with(libc::malloc(4).cast::<i32>(), count_and_free).expect("C has memory").into_raw();
        libc::free(kept.cast());
    }
    assert_eq!(FREED.load(Ordering::Relaxed), 3);
}

#[test]
fn sqlites_own_strings_are_freed_by_sqlite() {
    use libsqlite3_sys as ffi;

    let mut db = std::ptr::null_mut();
    // SAFETY: a place for the handle; SQLite opens a database in memory.
    unsafe {
        assert_eq!(ffi::sqlite3_open(c":memory:".as_ptr(), &raw mut db), ffi::SQLITE_OK);
        let mut message = std::ptr::null_mut();
        let status = ffi::sqlite3_exec(db, c"SELECT missing".as_ptr(), None, std::ptr::null_mut(), &raw mut message);
        assert_eq!(status, ffi::SQLITE_ERROR);
        let message = CText::from_raw_with(message, |p| ffi::sqlite3_free(p)).expect("an error has a text");
        assert_eq!(message.to_str(), Ok("no such column: missing"));
        let with_it = ffi::sqlite3_memory_used();
        drop(message);
        assert!(ffi::sqlite3_memory_used() < with_it, "freed by `sqlite3_free`, which counts");
        ffi::sqlite3_close(db);
    }
}

#[test]
fn slices_and_texts_cross_and_come_back() {
    let (raw, len) = CSlice::copy_of(&[1_u32, 2, 3]).into_raw();
    // SAFETY: from `into_raw`, with no other owner.
    let mut back = unsafe { CSlice::from_raw(raw, len) }.expect("not null");
    back[1] = 7;
    assert_eq!((&*back, format!("{back:?}").as_str()), (&[1, 7, 3][..], "[1, 7, 3]"));
    let raw = CText::new("Gopher").expect("no NUL").into_raw();
    // SAFETY: as above.
    let back = unsafe {
        assert_eq!(CStr::from_ptr(raw), c"Gopher");
        CText::from_raw(raw)
    };
    assert_eq!(back.expect("not null").count_bytes(), 6);
}
