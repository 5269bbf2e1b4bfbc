//! `Handle`: values that C carries around as numbers.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};

use ffi_guard::{Handle, Rule, TakeError, Violation, catch, expect_violation};
use ffi_guard_tests::process::{at_level, at_levels};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

/// A number on its way between threads, as C would carry it.
#[derive(Clone, Copy)]
struct Carried(usize);

impl Carried {
    fn of(raw: *mut c_void) -> Carried {
        Carried(raw.addr())
    }
    fn raw(self) -> *mut c_void {
        ptr::without_provenance_mut(self.0)
    }
}

/// Says when it is dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[track_caller]
fn stale(body: impl FnOnce()) -> Violation {
    expect_violation!(Rule::StaleHandle, { body() })
}

#[test]
fn a_value_comes_back_at_every_level() {
    at_levels("a_value_comes_back_at_every_level", &["0", "1", "2"], || {
        let raw = Handle::new(String::from("user data")).into_raw();
        assert_eq!(Handle::<String>::with(raw, |text| text.len()).unwrap(), 9);
        assert_eq!(Handle::<String>::take(raw).unwrap(), "user data");
    });
}

#[test]
fn at_level_0_what_is_stale_is_an_error_and_no_more() {
    at_level("at_level_0_what_is_stale_is_an_error_and_no_more", "0", || {
        let raw = Handle::new(5_u8).into_raw();
        assert!(matches!(Handle::<u16>::take(raw), Err(TakeError::Stale(_))), "another type");
        let line = line!() + 1;
        assert_eq!(Handle::<u8>::take(raw).unwrap(), 5);
        let error = Handle::<u8>::with(raw, |_| ()).unwrap_err();
        assert_eq!(error.to_string(), "`raw` of `Handle::with` is a handle that was released");
        assert_eq!(error.released_at().map(|at| at.line()), Some(line));
        assert_eq!(error.made_at().map(|at| at.line()), Some(line - 3));
        assert_eq!(error.raw(), raw);
        assert!(Handle::<u8>::with(ptr::null_mut(), |_| ()).is_err());
    });
}

#[test]
fn what_was_released_is_told_with_who_made_and_who_released_it() {
    let raw = Handle::new(7_u64).into_raw();
    let made = line!() - 1;
    let _ = Handle::<u64>::take(raw).unwrap();
    let released = line!() - 1;
    let violation = stale(|| _ = Handle::<u64>::with(raw, |_| ()));
    let report = violation.to_string();
    let here = |line: u32| format!("tests/tests/tools_handle.rs:{line}:");
    assert!(
        report.starts_with("ffi-guard[stale_handle]: `raw` of `Handle::with` is a handle that was released"),
        "{report}"
    );
    for (key, line) in [("made", made), ("released", released)] {
        let beat = report.lines().find(|text| text.trim_start().starts_with(&format!("{key}: ")));
        assert!(beat.is_some_and(|beat| beat.contains(&here(line))), "{key} at line {line}:\n{report}");
    }
    assert_eq!(violation.argument_address(), Some(raw.addr()));
}

#[test]
fn what_a_destructor_released_is_told_with_its_backtrace() {
    fn owner_of_the_handle() -> *mut c_void {
        let handle = Handle::new(7_u64);
        handle.as_raw()
    }
    let raw = owner_of_the_handle();
    let report = stale(|| _ = Handle::<u64>::take(raw)).to_string();
    let beat = report.lines().find(|text| text.trim_start().starts_with("dropped: "));
    assert!(beat.is_some_and(|beat| beat.contains("owner_of_the_handle")), "{report}");
    assert!(report.contains("Handle::into_raw"), "names the way out:\n{report}");
}

#[test]
fn what_never_was_a_handle_is_never_a_value() {
    let number = Box::new(7_u64);
    let live = Handle::new(7_u64);
    let raws = [
        ptr::null_mut(),
        ptr::without_provenance_mut(1),
        ptr::without_provenance_mut(usize::MAX),
        (&raw const *number).cast_mut().cast(),
        // Cut off by an int, and with generations that are not there yet.
        ptr::without_provenance_mut(live.as_raw().addr() & 0xffff_ffff),
        live.as_raw().map_addr(|raw| raw + (1 << 25)),
        live.as_raw().map_addr(|raw| raw | 0x01ff_fff0),
    ];
    for raw in raws {
        let report = stale(|| _ = Handle::<u64>::with(raw, |_| unreachable!("{raw:?} leads to a value"))).to_string();
        assert!(report.contains("no handle") || report.contains("never made"), "{raw:?}:\n{report}");
    }
}

#[test]
fn another_type_is_refused_and_the_value_stays() {
    let raw = Handle::new(7_u64).into_raw();
    let report = stale(|| _ = Handle::<i64>::with(raw, |_| ())).to_string();
    assert!(report.contains("`u64` is parked there"), "{report}");
    stale(|| _ = Handle::<i64>::take(raw));
    assert_eq!(Handle::<u64>::take(raw).unwrap(), 7);
}

#[test]
fn a_thousand_that_were_released_are_remembered() {
    // All on one thread and so in one shard, which is the worst case.
    let gone: Vec<_> = (0..1000_u32).map(|n| Handle::new(n).into_raw()).collect();
    gone.iter().for_each(|&raw| _ = Handle::<u32>::take(raw).unwrap());
    for raw in gone {
        let report = stale(|| _ = Handle::<u32>::with(raw, |_| ())).to_string();
        assert!(report.contains("tools_handle.rs") && !report.contains("not remembered"), "{report}");
    }
}

#[test]
fn no_value_comes_twice_and_a_slot_ends_with_its_generations() {
    // More than a slot has generations, so at least one is used up on the way.
    const TIMES: usize = (1 << 22) + 1000;
    at_level("no_value_comes_twice_and_a_slot_ends_with_its_generations", "0", || {
        let first = Handle::new(0_u8).into_raw();
        let _ = Handle::<u8>::take(first);
        let mut seen = HashSet::with_capacity(TIMES);
        for _ in 0..TIMES {
            let raw = Handle::new(0_u8).into_raw();
            assert!(seen.insert(raw.addr()) && raw != first, "{raw:?} came twice");
            let _ = Handle::<u8>::take(raw);
        }
        assert!(Handle::<u8>::with(first, |_| ()).is_err());
    });
}

#[test]
fn with_may_take_its_own_handle() {
    let drops = Arc::new(AtomicUsize::new(0));
    let raw = Handle::new(Dropped(Arc::clone(&drops))).into_raw();
    Handle::<Dropped>::with(raw, |value| {
        assert!(matches!(Handle::<Dropped>::take(raw), Err(TakeError::InUse)));
        assert_eq!(value.0.load(Ordering::Relaxed), 0, "not while it is in use");
        // Still released: a look-up does not find it any more.
        stale(|| _ = Handle::<Dropped>::with(raw, |_| ()));
        stale(|| _ = Handle::<Dropped>::take(raw));
    })
    .unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 1);
    stale(|| _ = Handle::<Dropped>::with(raw, |_| ()));
}

#[test]
fn with_may_nest_and_make_and_take_others() {
    let outer = Handle::new(1_u32);
    let sum = Handle::<u32>::with(outer.as_raw(), |a| {
        let inner = Handle::new(2_u32).into_raw();
        let b = Handle::<u32>::with(outer.as_raw(), |a| *a).unwrap();
        a + b + Handle::<u32>::take(inner).unwrap()
    });
    assert_eq!(sum.unwrap(), 4);
}

#[test]
fn a_panic_in_with_leaves_the_value_free_to_take() {
    let raw = Handle::new(3_u32).into_raw();
    let panicked =
        catch_unwind(AssertUnwindSafe(|| Handle::<u32>::with(raw, |_| std::panic::resume_unwind(Box::new(())))));
    assert!(panicked.is_err());
    assert_eq!(Handle::<u32>::take(raw).unwrap(), 3);
}

#[test]
fn a_handle_drops_its_value_once() {
    let drops = Arc::new(AtomicUsize::new(0));
    drop(Handle::new(Dropped(Arc::clone(&drops))));
    assert_eq!(drops.load(Ordering::Relaxed), 1);
    let handle = Handle::new(Dropped(Arc::clone(&drops)));
    let taken = Handle::<Dropped>::take(handle.as_raw()).unwrap();
    drop(handle);
    assert_eq!(drops.load(Ordering::Relaxed), 1, "the taker has it");
    drop(taken);
    assert_eq!(drops.load(Ordering::Relaxed), 2);
}

#[test]
fn what_is_local_is_refused_elsewhere() {
    let shared = Rc::new(Cell::new(0));
    let handle = Handle::local(Rc::clone(&shared));
    let carried = Carried::of(handle.as_raw());
    let reports = std::thread::spawn(move || {
        [
            stale(|| _ = Handle::<Rc<Cell<i32>>>::with(carried.raw(), |shared| shared.set(1))).to_string(),
            stale(|| _ = Handle::<Rc<Cell<i32>>>::take(carried.raw())).to_string(),
        ]
    })
    .join()
    .unwrap();
    for report in reports {
        assert!(report.contains("a handle of another thread") && report.contains("`Handle::new`"), "{report}");
    }
    assert_eq!(shared.get(), 0);
    Handle::<Rc<Cell<i32>>>::with(handle.as_raw(), |shared| shared.set(2)).unwrap();
    drop(handle);
    assert_eq!((shared.get(), Rc::strong_count(&shared)), (2, 1));
}

#[test]
fn a_local_value_that_may_travel_is_dropped_where_its_handle_is() {
    // `RefCell<Vec>` is `Send`, and so is a handle that owns one.
    let handle = Handle::local(RefCell::new(vec![1]));
    let carried = Carried::of(handle.as_raw());
    Handle::<RefCell<Vec<i32>>>::with(carried.raw(), |list| {
        std::thread::spawn(move || drop(handle)).join().unwrap();
        // Released by the other thread, dropped by this one at the end.
        list.borrow_mut().push(2);
    })
    .unwrap();
    stale(|| _ = Handle::<RefCell<Vec<i32>>>::with(carried.raw(), |_| ()));
}

#[test]
fn what_is_released_while_others_use_it_is_dropped_by_the_last() {
    let drops = Arc::new(AtomicUsize::new(0));
    let raw = Carried::of(Handle::new(Dropped(Arc::clone(&drops))).into_raw());
    let (inside, released) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            Handle::<Dropped>::with(raw.raw(), |_| {
                inside.wait();
                released.wait();
                assert_eq!(drops.load(Ordering::Relaxed), 0);
            })
            .unwrap();
            assert_eq!(drops.load(Ordering::Relaxed), 1);
        });
        inside.wait();
        assert!(matches!(Handle::<Dropped>::take(raw.raw()), Err(TakeError::InUse)));
        released.wait();
    });
}

/// Two threads look values up while others make and release them: each look-up finds the value that
/// the handle was made for, or none.
#[test]
fn threads_never_find_another_value() {
    const ROUNDS: usize = 20_000;
    at_level("threads_never_find_another_value", "0", || {
        // The number, and beside it the value that it was made for.
        let board: Vec<[AtomicUsize; 2]> = (0..8).map(|_| [AtomicUsize::new(0), AtomicUsize::new(0)]).collect();
        let (done, found) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let makers: Vec<_> = (0..2_usize)
                .map(|maker| {
                    let board = &board;
                    scope.spawn(move || {
                        for round in 0..ROUNDS {
                            let [raw, _] = &board[maker * 4 + round % 4];
                            let old = raw.swap(Handle::new((maker, round)).into_raw().addr(), Ordering::AcqRel);
                            if old != 0 {
                                // The value says whose it was: four rounds ago. In use: dropped by
                                // its user.
                                if let Ok(value) = Handle::<(usize, usize)>::take(ptr::without_provenance_mut(old)) {
                                    assert_eq!(value, (maker, round - 4));
                                }
                            }
                        }
                    })
                })
                .collect();
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Acquire) {
                        for (place, [raw, _]) in board.iter().enumerate() {
                            let raw = raw.load(Ordering::Acquire);
                            let value =
                                Handle::<(usize, usize)>::with(ptr::without_provenance_mut(raw), |value| *value);
                            if let Ok((maker, round)) = value {
                                assert_eq!((maker, round % 4), (place / 4, place % 4));
                                found.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
            makers.into_iter().for_each(|maker| maker.join().unwrap());
            // The last ones stay: some thread finds them before all end.
            while found.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            done.store(true, Ordering::Release);
        });
    });
}

/// Resident memory, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line for it");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn a_million_that_one_thread_makes_and_another_releases_take_no_memory() {
    at_levels("a_million_that_one_thread_makes_and_another_releases_take_no_memory", &["0", "1"], || {
        let (send, receive) = mpsc::sync_channel::<Carried>(64);
        let run = |from: &mpsc::SyncSender<Carried>, n: usize| {
            (0..n).for_each(|n| from.send(Carried::of(Handle::new(n).into_raw())).unwrap());
        };
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for raw in receive {
                    Handle::<usize>::with(raw.raw(), |_| ()).unwrap();
                    let _ = Handle::<usize>::take(raw.raw()).unwrap();
                }
            });
            run(&send, 100_000);
            let before = resident();
            run(&send, 900_000);
            let grown = resident().saturating_sub(before);
            // A million slots of 64 bytes would be 64 MiB, without what is in them.
            assert!(grown < 2048, "{grown} KiB more after 900,000 handles");
            drop(send);
        });
    });
}

#[test]
fn the_rule_can_be_warned_of_and_allowed() {
    const NAME: &str = "the_rule_can_be_warned_of_and_allowed";
    if !ffi_guard_tests::process::is_child() {
        for (variable, reports) in [("GUARD_WARN", 1), ("GUARD_ALLOW", 0)] {
            let output = ffi_guard_tests::process::run_self(NAME, &[("GUARD", "1"), (variable, "stale_handle")]);
            let stderr = ffi_guard_tests::process::stderr(&output);
            assert!(output.status.success(), "{stderr}");
            assert_eq!(stderr.matches("ffi-guard[stale_handle]: ").count(), reports, "{stderr}");
        }
        return;
    }
    for _ in 0..3 {
        assert!(catch(|| Handle::<u8>::with(ptr::null_mut(), |_| ())).expect("not denied").is_err());
    }
}
