//! Real SQLite calls back into Rust: rows, functions, hooks, and panics in them.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ffi_guard::catch;
use ffi_guard_tests::process::at_checked_levels;
use ffi_guard_tests::sqlite::{Change, Db};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// A database with the numbers from 1 to 1,000.
fn thousand() -> Db {
    let db = Db::open(":memory:").expect("opens");
    db.exec(
        "CREATE TABLE numbers (n INTEGER PRIMARY KEY, word TEXT); \
         WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < 1000) \
         INSERT INTO numbers SELECT n, CASE n % 10 WHEN 0 THEN NULL ELSE 'word ' || n END FROM up",
    )
    .expect("fills");
    db
}

fn number(text: Option<&CStr>) -> i64 {
    text.and_then(|text| text.to_str().ok()).and_then(|text| text.parse().ok()).expect("a number")
}

#[test]
fn rows_come_to_a_value_behind_a_handle() {
    at_checked_levels("rows_come_to_a_value_behind_a_handle", || {
        let db = thousand();
        let words = catch(|| {
            db.exec_with("SELECT word FROM numbers ORDER BY n", Vec::new(), |words: &mut Vec<String>, columns| {
                words.extend(columns[0].map(|word| word.to_string_lossy().into_owned()));
                words.len() < 500
            })
        });
        // 500 of them are where it stops: an error, as SQLite has it.
        assert_eq!(words.expect("clean").expect_err("stopped").code, 4);
        let count = db.exec_with("SELECT word FROM numbers", 0_usize, |count, columns| {
            *count += usize::from(columns[0].is_some());
            true
        });
        assert_eq!(count.expect("reads"), 900);
        // A panic in the middle comes out as it was, and the handle is gone.
        let caught = catch_unwind(AssertUnwindSafe(|| {
            db.exec_with("SELECT n FROM numbers", 0, |n: &mut i32, _| {
                *n += 1;
                assert!(*n < 300, "three hundred");
                true
            })
        }));
        let payload = caught.expect_err("a panic");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"three hundred"));
        db.exec("DELETE FROM numbers").expect("usable after it");
    });
}

#[test]
fn rows_come_to_a_closure() {
    at_checked_levels("rows_come_to_a_closure", || {
        let db = thousand();
        let (mut sum, mut nulls) = (0, 0);
        catch(|| {
            db.exec_each("SELECT n, word FROM numbers", |columns| {
                sum += number(columns[0]);
                nulls += usize::from(columns[1].is_none());
                true
            })
        })
        .expect("clean")
        .expect("reads");
        assert_eq!((sum, nulls), (500_500, 100));
        let mut rows = 0;
        let stopped = db.exec_each("SELECT n FROM numbers", |_| {
            rows += 1;
            rows < 7
        });
        assert_eq!(stopped.expect_err("told to stop").to_string(), "query aborted (code 4)");
        assert_eq!(rows, 7);
        assert!(db.is_idle());
    });
}

#[test]
fn a_panic_in_the_middle_of_a_thousand_rows_surfaces_once() {
    static HOOKED: AtomicUsize = AtomicUsize::new(0);
    #[derive(Debug, PartialEq)]
    struct AtRow(i64);
    at_checked_levels("a_panic_in_the_middle_of_a_thousand_rows_surfaces_once", || {
        let db = thousand();
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| _ = HOOKED.fetch_add(1, Ordering::Relaxed)));
        let mut rows = 0;
        let surfaced = catch_unwind(AssertUnwindSafe(|| {
            db.exec_each("SELECT n FROM numbers ORDER BY n", |columns| {
                rows += 1;
                if rows == 500 {
                    panic::panic_any(AtRow(number(columns[0])));
                }
                true
            })
        }));
        panic::set_hook(hook);
        let payload = surfaced.expect_err("the panic");
        assert_eq!(payload.downcast_ref(), Some(&AtRow(500)), "as that panic");
        assert_eq!(HOOKED.load(Ordering::Relaxed), 1, "once");
        assert_eq!(rows, 500, "SQLite stopped there");
        assert!(db.is_idle(), "the statement is finalized");
        db.exec("DELETE FROM numbers WHERE n > 10").expect("usable");
        let mut left = 0;
        db.exec_each("SELECT count(*) FROM numbers", |columns| {
            left = number(columns[0]);
            true
        })
        .expect("usable");
        assert_eq!(left, 10);
    });
}

/// A value that tells when it is dropped.
struct Told(Rc<Cell<usize>>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_function_in_rust_is_called_and_dropped_by_sqlite() {
    at_checked_levels("a_function_in_rust_is_called_and_dropped_by_sqlite", || {
        let dropped = Rc::new(Cell::new(0));
        let db = thousand();
        for factor in 2..4 {
            let told = Told(dropped.clone());
            db.create_function("times", move |n| {
                let _ = &told;
                n * factor
            })
            .expect("defined");
        }
        assert_eq!(dropped.get(), 1, "the second took the first one's place");
        let mut sum = 0;
        let read = catch(|| {
            db.exec_each("SELECT sum(times(n)) FROM numbers", |columns| {
                sum = number(columns[0]);
                true
            })
        });
        read.expect("clean").expect("reads");
        assert_eq!(sum, 3 * 500_500);
        let refused = db.create_function(&"x".repeat(300), {
            let told = Told(dropped.clone());
            move |n| n + i64::from(told.0.get() == 0)
        });
        assert_eq!(refused.expect_err("too long a name").code, 21);
        assert_eq!(dropped.get(), 2, "what was refused is dropped too");
        drop(db);
        assert_eq!(dropped.get(), 3);
    });
}

#[test]
fn a_panic_in_a_function_fails_the_statement_and_surfaces() {
    at_checked_levels("a_panic_in_a_function_fails_the_statement_and_surfaces", || {
        let db = thousand();
        db.create_function("picky", |n| if n == 300 { panic::panic_any(n) } else { n }).expect("defined");
        let mut rows = 0;
        let surfaced = catch_unwind(AssertUnwindSafe(|| {
            db.exec_each("SELECT picky(n) FROM numbers ORDER BY n", |_| {
                rows += 1;
                true
            })
        }));
        assert_eq!(surfaced.expect_err("the panic").downcast_ref(), Some(&300_i64));
        assert_eq!(rows, 299, "`on_panic` told SQLite that the function failed");
        assert!(db.is_idle());
        db.exec("SELECT picky(1)").expect("usable");
    });
}

#[test]
fn hooks_are_told_and_replaced() {
    at_checked_levels("hooks_are_told_and_replaced", || {
        let db = thousand();
        let seen: Rc<RefCell<Vec<(Change, String, i64)>>> = Rc::default();
        db.on_update(|_, _, _| panic!("never called: the next one takes its place"));
        db.on_update({
            let seen = seen.clone();
            move |change, table, row| {
                seen.borrow_mut().push((change, table.to_str().expect("UTF-8").into(), row));
            }
        });
        let worked = catch(|| {
            db.exec("DELETE FROM numbers WHERE n = 5; INSERT INTO numbers VALUES (5, ''), (2000, NULL)")?;
            db.exec("UPDATE numbers SET word = 'x' WHERE n = 2000")
        });
        worked.expect("clean").expect("works");
        let on = |change, row| (change, "numbers".to_owned(), row);
        let expected =
            [on(Change::Delete, 5), on(Change::Insert, 5), on(Change::Insert, 2000), on(Change::Update, 2000)];
        assert_eq!(*seen.borrow(), expected);
        db.on_update(|_, _, row| panic::panic_any(row));
        let surfaced = catch_unwind(AssertUnwindSafe(|| db.exec("DELETE FROM numbers WHERE n = 6")));
        assert_eq!(surfaced.expect_err("the panic").downcast_ref(), Some(&6_i64));
        assert!(db.is_idle());
    });
}

#[test]
fn a_busy_handler_waits_and_gives_up() {
    at_checked_levels("a_busy_handler_waits_and_gives_up", || {
        let path = std::env::temp_dir().join(format!("ffi-guard-busy-{}.sqlite", std::process::id()));
        let name = path.to_str().expect("a temporary folder with a plain name");
        let outcome = catch(|| {
            let (writer, waiter) = (Db::open(name).expect("opens"), Db::open(name).expect("opens"));
            writer.exec("CREATE TABLE t (n)").expect("creates");
            let calls = Rc::new(Cell::new(0));
            let writer = Rc::new(writer);
            waiter.on_busy({
                let (calls, writer) = (calls.clone(), writer.clone());
                move |times| {
                    calls.set(calls.get() + 1);
                    if times == 2 {
                        // C -> Rust -> C, on another connection.
                        writer.exec("COMMIT").expect("lets go");
                    }
                    true
                }
            });
            writer.exec("BEGIN EXCLUSIVE").expect("locks");
            waiter.exec("INSERT INTO t VALUES (1)").expect("waited");
            assert_eq!(calls.get(), 3);
            waiter.on_busy(|times| times < 4);
            writer.exec("BEGIN EXCLUSIVE").expect("locks");
            let refused = waiter.exec("INSERT INTO t VALUES (2)").expect_err("gave up");
            waiter.on_busy(|_| panic::panic_any("out of patience"));
            let surfaced = catch_unwind(AssertUnwindSafe(|| waiter.exec("INSERT INTO t VALUES (2)")));
            assert_eq!(surfaced.expect_err("the panic").downcast_ref(), Some(&"out of patience"));
            writer.exec("ROLLBACK").expect("lets go");
            refused
        });
        // Before anything is asserted, or a failure leaves the file behind.
        std::fs::remove_file(&path).expect("removes");
        assert_eq!(outcome.expect("clean").to_string(), "database is locked (code 5)");
    });
}
