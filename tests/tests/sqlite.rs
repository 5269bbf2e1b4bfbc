//! Real SQLite behind the guard: no false alarm, and every row comes back.

use ffi_guard_tests::process::at_level;
use ffi_guard_tests::sqlite::{Db, SqliteError, expected_sum, write_and_read_back};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const ROWS: u32 = 100_000;

fn in_memory() {
    let db = Db::open(":memory:").expect("opens");
    assert_eq!(write_and_read_back(&db, ROWS), Ok(expected_sum(ROWS)));
}

#[test]
fn a_hundred_thousand_rows_are_clean_at_level_1() {
    at_level("a_hundred_thousand_rows_are_clean_at_level_1", "1", in_memory);
}

#[test]
fn a_hundred_thousand_rows_are_clean_at_level_2() {
    at_level("a_hundred_thousand_rows_are_clean_at_level_2", "2", in_memory);
}

#[test]
fn a_database_in_a_file_is_clean() {
    let path = std::env::temp_dir().join(format!("ffi-guard-{}.sqlite", std::process::id()));
    let name = path.to_str().expect("a temporary folder with a plain name");
    // Fewer rows: what differs from the one in memory is the file, and a file is written in one
    // transaction.
    let sum = ffi_guard::catch(|| {
        let db = Db::open(name).expect("opens");
        write_and_read_back(&db, 2_000).expect("writes and reads")
    });
    let size = std::fs::metadata(&path).map(|file| file.len());
    // Before anything is asserted, or a failure leaves the file behind.
    std::fs::remove_file(&path).expect("removes");
    assert_eq!(sum.expect("clean"), expected_sum(2_000));
    assert!(size.expect("there was a file") > 100_000, "the rows were in the file");
}

#[test]
fn an_error_message_of_exec_is_read_and_freed() {
    let error = ffi_guard::catch(|| {
        let db = Db::open(":memory:").expect("opens");
        db.exec("SELECT a FROM nowhere")
    });
    let expected = SqliteError { code: 1, message: "no such table: nowhere".into() };
    assert_eq!(error.expect("clean"), Err(expected));
}

#[test]
fn an_open_that_fails_says_why_and_is_closed() {
    let error = ffi_guard::catch(|| Db::open("/no/such/folder/at.all").map(drop));
    let error = error.expect("clean").expect_err("there is no such folder");
    assert_eq!(error.to_string(), "unable to open database file (code 14)");
}

#[test]
fn an_empty_text_and_an_empty_blob_are_clean() {
    // Their pointers are dangling by Rust's design, with nothing behind them to look at.
    ffi_guard::catch(|| {
        let db = Db::open(":memory:").expect("opens");
        let mut echo = db.prepare("SELECT ?1, ?2").expect("compiles");
        echo.bind_text(1, "").expect("binds");
        echo.bind_blob(2, &[]).expect("binds");
        let row = echo.step().expect("runs").expect("a row");
        assert_eq!((row.text(0), row.blob(1)), ("", &[][..]));
    })
    .expect("clean");
}

#[test]
fn sixteen_threads_with_a_database_each_are_clean() {
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let sum = ffi_guard::catch(|| {
                    let db = Db::open(":memory:").expect("opens");
                    write_and_read_back(&db, 500).expect("writes and reads")
                });
                assert_eq!(sum.expect("clean"), expected_sum(500));
            });
        }
    });
}

#[test]
fn a_text_that_sqlite_keeps_is_clean_while_it_lives() {
    ffi_guard::catch(|| {
        let db = Db::open(":memory:").expect("opens");
        for id in 0..200 {
            let text = ffi_guard::Pinned::new(format!("row {id}, kept by SQLite"));
            let mut echo = db.prepare("SELECT ?1").expect("compiles");
            // SAFETY: the text is dropped after the statement.
            unsafe { echo.bind_static_text(1, &text) }.expect("binds");
            assert_eq!(echo.step().expect("runs").expect("a row").text(0), *text);
            // Bound again, SQLite lets go of the first.
            echo.reset().expect("resets");
            let other = String::from("another");
            // SAFETY: as above.
            unsafe { echo.bind_static_text(1, &other) }.expect("binds");
            drop(text);
            assert_eq!(echo.step().expect("runs").expect("a row").text(0), other);
            drop(echo);
        }
        ffi_guard::checkpoint();
    })
    .expect("clean");
}

/// SQLite keeps the pointer in its own heap, in the statement, which is searched with the feature
/// `c-heap` alone.
#[test]
fn a_text_that_is_freed_while_sqlite_keeps_it_is_found_with_c_heap() {
    let outcome = ffi_guard::catch(|| {
        let db = Db::open(":memory:").expect("opens");
        let mut echo = db.prepare("SELECT ?1").expect("compiles");
        let text = String::from("gone too early");
        // SAFETY: the statement is not run, so the text is not read after it is gone.
        unsafe { echo.bind_static_text(1, &text) }.expect("binds");
        drop(text);
        drop(echo);
    });
    if cfg!(feature = "c-heap") {
        let violation = outcome.expect_err("it is found before the statement's end");
        assert_eq!(violation.rule(), ffi_guard::Rule::FreedWhileRetained, "{violation}");
        assert_eq!(violation.parameter(), Some("text"), "{violation}");
    } else {
        outcome.expect("nothing is read after it is gone, and nothing else is found");
    }
}
