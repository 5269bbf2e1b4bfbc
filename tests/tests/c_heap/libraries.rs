//! Real libraries that keep what they are lent, in their own heap: SQLite and zlib.

use std::ffi::{c_char, c_int};

use ffi_guard::{Place, Rule, Violation, catch, checkpoint, expect_violation};
use ffi_guard_tests::process::at_level;
use ffi_guard_tests::sqlite::Db;

#[path = "../zlib/declarations.rs"]
#[allow(dead_code)]
mod declarations;

use declarations::{Z_OK, ZStream, deflate_end, deflate_init, zlib_version};

fn is_in_cs_heap(violation: &Violation) -> bool {
    matches!(violation.place(), Some(Place::CHeap { .. }))
}

#[test]
fn sqlite_keeps_a_static_text_in_its_statement() {
    at_level("libraries::sqlite_keeps_a_static_text_in_its_statement", "2", || {
        let db = Db::open(":memory:").expect("opens");
        let mut echo = db.prepare("SELECT ?1").expect("compiles");
        let text = String::from("kept until it is bound anew");
        let violation = expect_violation!(Rule::RetainedPointer, {
            // SAFETY: the text outlives the statement.
            unsafe { echo.lend_static_text(1, &text) }.expect("binds");
        });
        assert_eq!(violation.parameter(), Some("text"));
        assert!(is_in_cs_heap(&violation), "{violation}");
        // The repair: a text that SQLite copies.
        catch(|| echo.bind_text(1, &text).expect("binds")).expect("clean");
        drop(echo);
        drop(text);
        catch(checkpoint).expect("clean");
    });
}

#[test]
fn declared_retained_a_static_text_may_be_kept_until_the_statement_is_gone() {
    at_level("libraries::declared_retained_a_static_text_may_be_kept_until_the_statement_is_gone", "2", || {
        catch(|| {
            let db = Db::open(":memory:").expect("opens");
            let text = String::from("kept until it is bound anew");
            let mut echo = db.prepare("SELECT ?1").expect("compiles");
            // SAFETY: the text outlives the statement.
            unsafe { echo.bind_static_text(1, &text) }.expect("binds");
            assert_eq!(echo.step().expect("runs").expect("a row").text(0), text);
            drop(echo);
            drop(text);
            checkpoint();
        })
        .expect("clean");
    });
}

#[test]
fn a_static_text_that_is_freed_too_early_is_found() {
    at_level("libraries::a_static_text_that_is_freed_too_early_is_found", "2", || {
        let db = Db::open(":memory:").expect("opens");
        let mut echo = db.prepare("SELECT ?1").expect("compiles");
        let text = String::from("gone too early");
        let violation = expect_violation!(Rule::FreedWhileRetained, {
            // SAFETY: the statement is not run, so the text is not read after it is gone.
            unsafe { echo.bind_static_text(1, &text) }.expect("binds");
            drop(text);
        });
        assert_eq!(violation.parameter(), Some("text"));
        assert!(is_in_cs_heap(&violation), "{violation}");
        let report = violation.to_string();
        assert!(report.contains("C's heap") && report.contains("freed:"), "{report}");
    });
}

mod lent {
    use super::{ZStream, c_char, c_int};

    #[ffi_guard::guard]
    unsafe extern "C" {
        /// A declaration by an author who has not read that zlib keeps the stream's address.
        #[link_name = "deflateInit_"]
        pub(super) fn deflate_init(
            stream: *mut ZStream,
            level: c_int,
            #[guard(cstr)] version: *const c_char,
            stream_size: c_int,
        ) -> c_int;
    }
}

fn stream() -> Box<ZStream> {
    // SAFETY: null pointers and zeros: what zlib asks of a new stream.
    Box::new(unsafe { std::mem::zeroed() })
}

const SIZE: c_int = size_of::<ZStream>() as c_int;

#[test]
fn zlibs_state_leads_back_to_the_stream() {
    at_level("libraries::zlibs_state_leads_back_to_the_stream", "2", || {
        let mut lent = stream();
        let violation = expect_violation!(Rule::RetainedPointer, {
            // SAFETY: a new stream, which stays where it is until the end.
            unsafe { lent::deflate_init(&raw mut *lent, 6, zlib_version(), SIZE) };
        });
        assert_eq!(violation.parameter(), Some("stream"));
        assert!(is_in_cs_heap(&violation), "{violation}");
        // SAFETY: begun above, ended once.
        assert_eq!(catch(|| unsafe { deflate_end(&raw mut *lent) }).expect("clean"), Z_OK);
    });
}

#[test]
fn a_stream_that_is_moved_while_zlib_has_it_is_found() {
    at_level("libraries::a_stream_that_is_moved_while_zlib_has_it_is_found", "2", || {
        let mut first = stream();
        let mut moved = None;
        let violation = expect_violation!(Rule::FreedWhileRetained, {
            // SAFETY: a new stream.
            assert_eq!(unsafe { deflate_init(&raw mut *first, 6, zlib_version(), SIZE) }, Z_OK);
            // Out of its box and into another: zlib's state still leads to the first.
            moved = Some(Box::new(*first));
        });
        assert_eq!((violation.function(), violation.parameter()), (Some("deflate_init"), Some("stream")));
        assert!(is_in_cs_heap(&violation), "{violation}");
        // zlib compares the address, and refuses.
        let mut moved = moved.expect("it was moved");
        // SAFETY: zlib reads the stream and its state, both of which are there.
        assert_ne!(unsafe { deflate_end(&raw mut *moved) }, Z_OK);
    });
}

#[test]
fn a_stream_that_stays_where_it_is_until_the_end_is_clean() {
    at_level("libraries::a_stream_that_stays_where_it_is_until_the_end_is_clean", "2", || {
        catch(|| {
            for _ in 0..100 {
                let mut stream = stream();
                // SAFETY: a new stream, begun and ended.
                unsafe {
                    assert_eq!(deflate_init(&raw mut *stream, 6, zlib_version(), SIZE), Z_OK);
                    assert_eq!(deflate_end(&raw mut *stream), Z_OK);
                }
            }
            checkpoint();
        })
        .expect("clean");
    });
}
