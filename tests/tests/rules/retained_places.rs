//! retained_pointer, if C keeps the pointer in a place other than a plain global.
//!
//! The tests of a binary share its C globals: each test here has a place of its own, and clears it.

use std::ffi::{CString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::ptr;

use c_fixtures::retained_places::{self as c, List, PlainList, View};
use c_fixtures::retained_pointer as other;
use ffi_guard::{Place, Rule, Violation, catch, checkpoint, expect_violation};

/// The thread-local variable that a report names, and how far into it.
fn local(violation: &Violation) -> (String, usize) {
    match violation.place() {
        Some(Place::Tls { symbol: Some(symbol), offset, thread, .. }) => {
            assert_eq!(violation.thread(), Some(*thread), "{violation}");
            (symbol.clone(), *offset)
        }
        other => panic!("kept in no thread-local variable but {other:?}:\n{violation}"),
    }
}

fn global(violation: &Violation) -> String {
    match violation.place() {
        Some(Place::Global { symbol: Some(symbol), .. }) => symbol.clone(),
        other => panic!("kept in no C variable but {other:?}:\n{violation}"),
    }
}

#[test]
fn thread_local_variables_are_found_and_named() {
    let value = Box::new(7);
    type Keep = unsafe fn(*const i32);
    let keep: [(Keep, &str, usize); 3] = [
        (c::bad_keep_local, "ffg_kept_local", 0),
        (c::bad_keep_local_slot, "ffg_local_slots", 24),
        (c::bad_keep_local_inside, "kept_local_inside", 0),
    ];
    for (keep, symbol, offset) in keep {
        let violation = expect_violation!(Rule::RetainedPointer, {
            // SAFETY: a value that lives until the place is cleared.
            unsafe { keep(&raw const *value) };
        });
        // SAFETY: the value still lives.
        assert_eq!(unsafe { c::read_local() }, 7, "C holds it, as the report says");
        c::forget_local();
        assert_eq!(local(&violation), (symbol.into(), offset));
        let report = violation.to_string();
        assert!(report.contains("thread-local data of") && report.contains(symbol), "{report}");
    }
}

#[test]
fn a_thread_local_kept_and_cleared_before_the_return_is_clean() {
    let value = Box::new(7);
    // SAFETY: a value that lives through the call.
    let read = catch(|| unsafe { c::ok_keep_local_and_clear(&raw const *value) });
    assert_eq!(read.expect("clean"), 7);
}

/// A Rust thread-local may hold any pointer while C is called.
#[test]
fn a_thread_local_of_rusts_is_not_cs() {
    use std::cell::Cell;
    thread_local!(static HELD: Cell<*const i32> = const { Cell::new(ptr::null()) });
    unsafe extern "C" fn hold(value: *const i32, _: *mut c_void) {
        HELD.set(value);
    }
    let values = vec![1, 2, 3];
    // SAFETY: the count is the slice's own; the function only stores the address.
    catch(|| unsafe { c::each(values.as_ptr(), values.len(), hold, ptr::null_mut()) }).expect("clean");
    assert_eq!(HELD.get(), &raw const values[2]);
}

/// A folder for a library, removed with what is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("ffi-guard-places-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    /// A library with hidden variables, stripped.
    fn library(&self, name: &str, c: &str, flags: &[&str]) -> PathBuf {
        let (source, library) = (self.0.join("library.c"), self.0.join(name));
        std::fs::write(&source, c).expect("a file");
        // By the variable that the `cc` crate reads: the program may be another machine's.
        let compiler = std::env::var(format!("CC_{}_unknown_linux_gnu", std::env::consts::ARCH));
        run(Command::new(compiler.unwrap_or_else(|_| "cc".to_owned()))
            .args(["-shared", "-fPIC", "-fvisibility=hidden", "-O1", "-s", "-o"])
            .arg(&library)
            .args(flags)
            .arg(&source));
        library
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("a C compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn keep_in_library(path: &Path) -> Violation {
    let path = CString::new(path.to_str().expect("UTF-8")).expect("no NUL");
    let value = Box::new(7);
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: a library with such a function, and a value that lives until it is unloaded.
        assert_eq!(unsafe { c::bad_keep_in_library(path.as_ptr(), &raw const *value) }, 0);
    });
    // SAFETY: the value still lives.
    assert_eq!(unsafe { c::read_library() }, 7);
    c::forget_library();
    assert_eq!(violation.parameter(), Some("value"));
    violation
}

#[test]
fn a_stripped_library_that_the_call_itself_loads_is_searched() {
    const EXPORT: &str = "#define EXPORT __attribute__((visibility(\"default\")))\n";
    let folder = Folder::new();
    let c = format!(
        "{EXPORT}static void *kept; EXPORT void keep(void *p) {{ kept = p; }} EXPORT void *see(void) {{ return kept; }}"
    );
    let violation = keep_in_library(&folder.library("libhidden.so", &c, &[]));
    match violation.place() {
        Some(Place::Global { module, symbol: None, source: None, .. }) => assert_eq!(module, "libhidden.so"),
        place => panic!("{place:?}:\n{violation}"),
    }
    // By asking the loader where the variable is, and by the two ways of not asking it.
    let descriptors = if cfg!(target_arch = "x86_64") { "-mtls-dialect=gnu2" } else { "-mtls-dialect=desc" };
    for (name, flags) in [
        ("libhidden-local.so", [].as_slice()),
        ("libhidden-initial.so", &["-ftls-model=initial-exec"]),
        ("libhidden-described.so", &[descriptors]),
    ] {
        let library = folder.library(name, &c.replace("static", "static __thread"), flags);
        let violation = keep_in_library(&library);
        match violation.place() {
            Some(Place::Tls { module, symbol: None, offset: 0, .. }) => assert_eq!(module, name),
            place => panic!("{name}: {place:?}:\n{violation}"),
        }
    }
}

#[test]
fn a_callback_of_cs_that_keeps_is_found() {
    let values = vec![1, 2, 3];
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: the count is the slice's own, and the values live until the place is cleared.
        unsafe { c::each(values.as_ptr(), values.len(), c::visit_keep, ptr::null_mut()) };
    });
    // SAFETY: the values still live.
    assert_eq!(unsafe { c::read_visited() }, 3);
    c::forget_visited();
    assert_eq!((global(&violation), violation.parameter()), ("ffg_visited".into(), Some("values")));
    assert!(violation.to_string().contains("it holds the address of byte 8 of"), "{violation}");
}

#[test]
fn what_a_callback_of_rusts_has_c_keep_is_the_inner_calls() {
    unsafe extern "C" fn lend_again(value: *const i32, user: *mut c_void) {
        // SAFETY: what the test passes.
        let seen = unsafe { &mut *user.cast::<Vec<Violation>>() };
        // SAFETY: a value of the test's, which lives until the place is cleared.
        seen.extend(catch(|| unsafe { other::bad_keep_slot(value, 6) }).err());
    }
    let values = vec![1];
    let mut seen: Vec<Violation> = Vec::new();
    let user: *mut c_void = (&raw mut seen).cast();
    // SAFETY: the count is the slice's own.
    let outcome = catch(|| unsafe { c::each(values.as_ptr(), values.len(), lend_again, user) });
    // SAFETY: as above: the slot is this test's alone.
    let _ = catch(|| unsafe { other::bad_keep_slot(ptr::null(), 6) });
    assert_eq!(seen.len() + usize::from(outcome.is_err()), 1, "told once: {seen:?} {outcome:?}");
    let violation = seen.pop().or(outcome.err()).expect("one");
    assert_eq!(global(&violation), "ffg_kept_slots");
}

#[test]
fn a_thread_of_cs_stores_it_while_the_call_waits_and_later() {
    let value = Box::new(7);
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: a value that lives until the place is cleared.
        assert_eq!(unsafe { c::bad_keep_by_thread(&raw const *value) }, 0);
    });
    // SAFETY: the value still lives.
    assert_eq!(unsafe { c::read_by_thread() }, 7);
    c::forget_by_thread();
    assert_eq!((global(&violation), violation.function()), ("ffg_kept_by_thread".into(), Some("bad_keep_by_thread")));

    let value = Box::new(8);
    // SAFETY: a value that lives until the place is cleared.
    let outcome = catch(|| unsafe { c::bad_keep_by_thread_later(&raw const *value) });
    assert_eq!(outcome.expect("nothing is stored yet"), 0);
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: the thread was started above.
        assert_eq!(unsafe { c::let_thread_store() }, 0);
        checkpoint();
    });
    // SAFETY: the value still lives.
    assert_eq!(unsafe { c::read_by_thread() }, 8);
    catch(checkpoint).expect("told once");
    c::forget_by_thread();
    assert_eq!(violation.function(), Some("bad_keep_by_thread_later"));
    assert_eq!(global(&violation), "ffg_kept_by_thread");
}

#[test]
fn a_dead_stack_frame_holds_nothing() {
    let value = Box::new(7);
    // SAFETY: a value that lives through the call.
    assert_eq!(catch(|| unsafe { c::ok_keep_on_stack(&raw const *value) }).expect("clean"), 7);
}

#[test]
fn numbers_beside_the_block_are_no_pointers_into_it() {
    let value = Box::new(7);
    let address = (&raw const *value).addr() as u64;
    // Just before it, just behind it, and below all of Rust's memory, which is at most 8 TiB of
    // addresses.
    for id in [address - 1, address + 4, address.wrapping_sub(8 << 40)] {
        // SAFETY: a value that lives through the call.
        catch(|| unsafe { other::ok_keep_id(id, &raw const *value) }).expect("clean");
    }
}

/// The place that a report names: offset, parameter and field.
fn left(violation: &Violation, holder: *const c_void) -> (usize, String, Option<String>) {
    match violation.place() {
        Some(Place::RustBlock { address, size: 16, allocated_at, offset, parameter, field, .. }) => {
            assert_eq!(*address, holder.addr());
            let mut frames = allocated_at.frames().into_iter().filter_map(|frame| frame.function().map(str::to_owned));
            assert!(frames.any(|name| name.contains("retained_places")), "{violation}");
            (*offset, parameter.clone(), field.clone())
        }
        other => panic!("left in no Rust block but {other:?}:\n{violation}"),
    }
}

#[test]
fn what_c_stores_in_another_block_of_the_call_is_found() {
    let value = Box::new(7);
    let mut list = Box::new(List { count: 0, first: ptr::null() });
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: both live on; what is stored is not followed after the value's end.
        unsafe { c::bad_store_in(&raw mut *list, &raw const *value) };
    });
    assert_eq!(list.first, &raw const *value, "C stored it, as the report says");
    assert_eq!(left(&violation, (&raw const *list).cast()), (8, "list".into(), Some("first".into())));
    assert_eq!(violation.parameter(), Some("value"));
    let report = violation.to_string();
    assert!(report.starts_with("ffi-guard[retained_pointer]: C left `value` in `list` after `bad_store_in` returned"));

    let mut list = Box::new(PlainList { count: 0, first: ptr::null() });
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: as above.
        unsafe { c::bad_store_in_plain(&raw mut *list, &raw const *value) };
    });
    assert_eq!(left(&violation, (&raw const *list).cast()), (8, "list".into(), None));

    let mut list = Box::new(PlainList { count: 0, first: ptr::null() });
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: as above.
        unsafe { c::bad_store_in_untyped((&raw mut *list).cast(), &raw const *value) };
    });
    assert_eq!(left(&violation, (&raw const *list).cast()), (8, "list".into(), None));
}

#[test]
fn a_variable_on_the_stack_that_is_stored_in_a_block_is_found() {
    let value = 7;
    let mut list = Box::new(List { count: 0, first: ptr::null() });
    let violation = expect_violation!(Rule::RetainedPointer, {
        // SAFETY: both live on; what is stored is not followed.
        unsafe { c::bad_store_in(&raw mut *list, &raw const value) };
    });
    assert_eq!(left(&violation, (&raw const *list).cast()), (8, "list".into(), Some("first".into())));
    assert!(violation.to_string().contains("on a Rust stack"), "{violation}");
}

#[test]
fn a_copy_and_a_struct_that_leads_to_itself_are_clean() {
    let value = Box::new(7);
    let mut list = Box::new(List { count: 0, first: ptr::null() });
    // SAFETY: both live through the calls.
    catch(|| unsafe {
        c::ok_store_copy(&raw mut *list, &raw const *value);
        c::ok_store_self(&raw mut *list);
    })
    .expect("clean");
    assert_eq!((list.count, list.first.addr()), (7, (&raw const *list).addr()));
}

#[test]
fn a_pointer_that_rust_nested_may_be_moved_on() {
    let values = vec![0, 0, 5];
    let mut list = Box::new(List { count: 0, first: values.as_ptr() });
    // SAFETY: the count is the slice's own, and the list leads into it.
    catch(|| unsafe { c::ok_advance(&raw mut *list, values.as_ptr(), values.len()) }).expect("clean");
    assert_eq!(list.first, &raw const values[2]);
}

#[test]
fn a_result_that_rust_asked_for_is_clean() {
    let text = CString::new("  two words").expect("no NUL");
    let mut end = Box::new(ptr::null::<c_char>());
    // SAFETY: a string, and a place for its result.
    let blanks = catch(|| unsafe { c::ok_skip_blanks(text.as_ptr(), &raw mut *end) }).expect("clean");
    assert_eq!((blanks, end.addr() - text.as_ptr().addr()), (2, 2));
    let mut word = Box::new(View { start: ptr::null(), len: 0 });
    // SAFETY: as above.
    catch(|| unsafe { c::ok_first_word(text.as_ptr(), &raw mut *word) }).expect("clean");
    assert_eq!((word.start.addr() - text.as_ptr().addr(), word.len), (2, 3));
}

#[test]
fn what_a_callback_stores_is_rusts_doing() {
    unsafe extern "C" fn store(list: *mut List, value: *const i32) {
        // SAFETY: the list of the test.
        unsafe { (*list).first = value };
    }
    let value = Box::new(7);
    let mut list = Box::new(List { count: 0, first: ptr::null() });
    // SAFETY: both live through the call.
    catch(|| unsafe { c::ok_call_with(&raw mut *list, &raw const *value, store) }).expect("clean");
    assert_eq!(list.first, &raw const *value);
}

#[test]
fn what_a_callback_of_another_abi_stores_is_rusts_doing() {
    // It was not seen as a callback, so C was blamed for what it stored.
    unsafe extern "C-unwind" fn store(list: *mut List, value: *const i32) {
        // SAFETY: the list of the test.
        unsafe { (*list).first = value };
    }
    let value = Box::new(7);
    let mut list = Box::new(List { count: 0, first: ptr::null() });
    // SAFETY: both live through the call.
    catch(|| unsafe { c::ok_call_unwinding(&raw mut *list, &raw const *value, Some(store)) }).expect("clean");
    assert_eq!(list.first, &raw const *value);
}

#[test]
fn repaired_by_declaring_the_value_retained_or_the_list_out() {
    let value = Box::new(7);
    let mut list = Box::new(List { count: 0, first: ptr::null() });
    // SAFETY: the value outlives the list.
    catch(|| unsafe { c::ok_store_in(&raw mut *list, &raw const *value) }).expect("clean");
    let value = Box::new(7);
    let mut list = Box::new(List { count: 0, first: ptr::null() });
    // SAFETY: as above.
    catch(|| unsafe { c::ok_fill(&raw mut *list, &raw const *value) }).expect("clean");
    assert_eq!(list.first, &raw const *value);
}
