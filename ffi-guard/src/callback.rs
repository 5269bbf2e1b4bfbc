//! `Callback`: a closure as the pair of function and user data that C wants.

mod signature;

use crate::facts::{ParkedType, StaleReason};
use std::any::{TypeId, type_name};
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{self, Location};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, ptr};

use crate::boundary::parked::{self, PanicScope};
use crate::boundary::statistics;
use crate::handle::stale::{self, Staleness, Through};
use crate::handle::table::{self, From, Use};
use crate::level::{self, Level, level};
use crate::platform::process;

pub use signature::{CallMut, CallShared, Signature};

/// A Rust closure as the pair that a C interface wants: a function, and user data that it is called
/// with.
///
/// Such a pair written by hand is a cast of an address to `*mut c_void` and back, and goes wrong in
/// four ways. C calls after the closure is gone; here the user data is a number like a
/// [`Handle`](crate::Handle)'s, so the call is reported as `stale_handle` and the closure's memory
/// is not touched. A panic would unwind into C; here it is parked, C gets the default of the
/// result, and the panic goes on in Rust when the outermost guarded call returns. C calls an
/// `FnMut` while it runs, or from another thread; here that call is refused. It gets the user data
/// of another callback; that is refused, too.
///
/// ```
/// use std::ffi::{c_int, c_void};
/// use ffi_guard::Callback;
///
/// # unsafe fn sum_up(n: c_int, f: Option<unsafe extern "C" fn(*mut c_void, c_int) -> c_int>, user: *mut c_void) -> c_int {
/// #     (1..=n).map(|i| unsafe { f.unwrap()(user, i) }).sum()
/// # }
/// let mut calls = Vec::new();
/// let sum = Callback::scoped(
///     |n: c_int| -> c_int { calls.push(n); n * n },
///     // SAFETY: the pair is the callback's own, and used during the call.
///     |square| unsafe { sum_up(3, square.function(), square.data()) },
/// );
/// assert_eq!((sum, calls), (14, vec![1, 2, 3]));
/// ```
///
/// # Signatures
///
/// `S` is the closure's signature, as a function pointer: `Callback<fn(c_int) -> c_int>`. A closure
/// takes up to six arguments besides the user data, with their types written out, and returns a
/// type that has a default. [`function`](Callback::function) takes the user data first,
/// [`function_last`](Callback::function_last) last; both come as the `Option` that bindgen writes.
///
/// # Which one
///
/// | | closure | called |
/// | --- | --- | --- |
/// | [`scoped`](Callback::scoped) | `FnMut`, may borrow | by this thread, during one call into C |
/// | [`new`](Callback::new) | `FnMut + 'static` | by this thread, until the `Callback` is dropped |
/// | [`shared`](Callback::shared) | `Fn + Send + Sync + 'static` | by any thread, by several at once, recursively |
///
/// # Dropping
///
/// C must not call a callback that is dropped. If it does, the call is found, and the closure does
/// not run. A callback that is dropped while it runs, as by its own closure, lives until the
/// closure returns.
pub struct Callback<S: Signature, Reach = OwnThread> {
    /// The number that C gets, as of a handle.
    raw: usize,
    /// The type of the parked value.
    type_id: TypeId,
    first: S::First,
    last: S::Last,
    /// True once C may have the pair.
    given: AtomicBool,
    reach: PhantomData<Reach>,
}

/// The reach of a [`Callback`] that its own thread alone may call.
#[derive(Debug)]
pub struct OwnThread(PhantomData<*mut ()>);

/// The reach of a [`Callback`] that any thread may call.
#[derive(Debug)]
pub struct AnyThread(());

/// A parked closure and what belongs to it. The answer comes first, so that it is found without
/// knowing the closure's type.
#[repr(C)]
struct ParkedClosure<F, R, Reach> {
    /// The result for C if the closure panics. Set only if `R` is `Copy`, and before C has the
    /// callback.
    answer: Option<R>,
    /// True while the closure runs, if it is an `FnMut`: only its own thread calls it.
    runs: Cell<bool>,
    closure: UnsafeCell<F>,
    /// Keeps the function of one reach from taking the data of the other, whose closure may not run
    /// there.
    reach: PhantomData<Reach>,
}

impl<F, R, Reach> ParkedClosure<F, R, Reach> {
    const KIND: &'static ParkedType = &ParkedType { name: type_name::<F>, drop: Self::drop };

    unsafe fn drop(value: *mut ()) {
        // SAFETY: of a value parked with this kind, which is such a box; once.
        drop(unsafe { Box::from_raw(value.cast::<ParkedClosure<F, R, Reach>>()) });
    }
}

impl<S: Signature> Callback<S, OwnThread> {
    /// Makes a callback for this thread, which lives until it is dropped.
    ///
    /// # Panics
    /// If 33 million callbacks and handles live already.
    #[track_caller]
    pub fn new<F: CallMut<S> + 'static>(closure: F) -> Callback<S, OwnThread> {
        // SAFETY: what it borrows lives for ever.
        unsafe { Callback::park(closure, F::FIRST, F::LAST, true) }
    }

    /// Runs `call` with a callback that may borrow from its surroundings, and drops the callback
    /// afterwards. A panic of the closure goes on from here once C has returned, unless it went on
    /// from a guarded call further up.
    ///
    /// # Panics
    /// With the closure's panic. If 33 million callbacks and handles live already.
    #[track_caller]
    pub fn scoped<F: CallMut<S>, T>(closure: F, call: impl FnOnce(&Callback<S, OwnThread>) -> T) -> T {
        // SAFETY: the callback is dropped below, whatever `call` does: it gets a reference, which
        // it cannot forget. A closure that runs then runs on this thread, further up the stack,
        // which is to say not at all.
        let callback = unsafe { Callback::park(closure, F::FIRST, F::LAST, true) };
        callback.during(|| call(&callback))
    }

    /// Like [`scoped`](Callback::scoped), with the result that C gets if the closure panics, as
    /// with [`on_panic`](Callback::on_panic).
    ///
    /// # Panics
    /// Those of [`scoped`](Callback::scoped).
    #[track_caller]
    pub fn scoped_or<F: CallMut<S>, T>(
        answer: S::Result,
        closure: F,
        call: impl FnOnce(&Callback<S, OwnThread>) -> T,
    ) -> T
    where
        S::Result: Copy,
    {
        // SAFETY: as in `scoped`.
        let callback = unsafe { Callback::park(closure, F::FIRST, F::LAST, true) }.on_panic(answer);
        callback.during(|| call(&callback))
    }
}

impl<S: Signature> Callback<S, AnyThread> {
    /// Makes a callback for all threads, which lives until it is dropped. C may call it on several
    /// at once, and while it runs.
    ///
    /// # Panics
    /// If 33 million callbacks and handles live already.
    #[track_caller]
    pub fn shared<F: CallShared<S> + Send + Sync + 'static>(closure: F) -> Callback<S, AnyThread> {
        // SAFETY: what it borrows lives for ever, and any thread may use it.
        unsafe { Callback::park(closure, F::FIRST_SHARED, F::LAST_SHARED, false) }
    }
}

impl<S: Signature, Reach> Callback<S, Reach> {
    /// # Safety
    /// - All that the closure borrows lives until the callback is dropped and no closure runs.
    /// - If it is not `bound`, any thread may use and drop it.
    #[track_caller]
    unsafe fn park<F>(closure: F, first: S::First, last: S::Last, bound: bool) -> Callback<S, Reach> {
        let parked: ParkedClosure<F, S::Result, Reach> = ParkedClosure {
            answer: None,
            runs: Cell::new(false),
            closure: UnsafeCell::new(closure),
            reach: PhantomData,
        };
        let type_id = key::<ParkedClosure<F, S::Result, Reach>>();
        let kind = ParkedClosure::<F, S::Result, Reach>::KIND;
        let raw = table::park(Box::into_raw(Box::new(parked)).cast(), type_id, kind, bound, Location::caller());
        Callback { raw, type_id, first, last, given: AtomicBool::new(false), reach: PhantomData }
    }

    /// Sets the result that C gets if the closure panics, instead of the default: such as the value
    /// that makes C stop.
    ///
    /// ```
    /// use ffi_guard::Callback;
    /// let on_row = Callback::new(|columns: i32| -> i32 { assert_eq!(columns, 2); 0 }).on_panic(1);
    /// # drop(on_row);
    /// ```
    ///
    /// # Panics
    /// If [`data`](Callback::data) was called before: C may be calling already.
    #[must_use]
    pub fn on_panic(self, answer: S::Result) -> Callback<S, Reach>
    where
        S::Result: Copy,
    {
        assert!(!self.given.load(Ordering::Relaxed), "`on_panic` comes before `data`: C may be calling already");
        if let Ok(entered) = table::enter(self.raw, self.type_id, From::Anywhere) {
            // SAFETY: parked as a `Parked<_, S::Result, _>`, whose first field this is. Nobody else
            // has the number yet.
            unsafe { *entered.value().cast::<Option<S::Result>>() = Some(answer) };
        }
        self
    }

    /// The function, for an interface that passes the user data before the other arguments.
    #[must_use]
    pub fn function(&self) -> Option<S::First> {
        Some(self.first)
    }

    /// The function, for an interface that passes the user data after the other arguments.
    #[must_use]
    pub fn function_last(&self) -> Option<S::Last> {
        Some(self.last)
    }

    /// The user data.
    #[must_use]
    pub fn data(&self) -> *mut c_void {
        self.given.store(true, Ordering::Relaxed);
        ptr::without_provenance_mut(self.raw)
    }

    /// Runs a call into C, and resumes the panic of a callback when it has returned.
    ///
    /// A guarded call does that by itself, from level 1 on. At level 0, and if the call is not
    /// guarded, a panic has nowhere to go and ends the process, unless the call is made in here.
    ///
    /// # Panics
    /// With the panic of a callback that C called during `call`.
    pub fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        let mut underway = PanicScope::begin();
        let result = call();
        if underway.end()
            && let Some(payload) = parked::take()
        {
            panic::resume_unwind(payload);
        }
        result
    }
}

impl<S: Signature, Reach> Drop for Callback<S, Reach> {
    fn drop(&mut self) {
        // From anywhere: a callback that came to another thread may be used there.
        let entered = table::enter(self.raw, self.type_id, From::Anywhere);
        let Ok(entered) = entered else { return };
        let kind = entered.kind();
        if let Ok(Some(value)) = entered.release(None) {
            // SAFETY: parked with this kind, and only this owner has it now.
            unsafe { (kind.drop)(value) };
        }
    }
}

impl<S: Signature, Reach> fmt::Debug for Callback<S, Reach> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callback({:#x})", self.raw)
    }
}

/// Runs an `FnMut` that C calls. `data` leads to a `Parked` of these types, or is refused.
fn run_mut<F, R: Default>(data: *mut c_void, call: impl FnOnce(&mut F) -> R) -> R {
    run::<F, R, OwnThread>(data, |parked| {
        assert!(
            !parked.runs.replace(true),
            "C called a callback while it was running; an `FnMut` cannot be called again before it is done: \
             `Callback::shared` takes an `Fn`, which can"
        );
        struct Done<'a>(&'a Cell<bool>);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        let _done = Done(&parked.runs);
        // SAFETY: bound to this thread, and `runs` was false: this is the only reference.
        call(unsafe { &mut *parked.closure.get() })
    })
}

/// Runs an `Fn` that C calls.
fn run_shared<F, R: Default>(data: *mut c_void, call: impl FnOnce(&F) -> R) -> R {
    // SAFETY: parked by `shared`, which never lends it mutably.
    run::<F, R, AnyThread>(data, |parked| call(unsafe { &*parked.closure.get() }))
}

/// Looks up the data and runs `call` with it; all callbacks come through here. Nothing unwinds out
/// of it.
fn run<F, R: Default, Reach>(data: *mut c_void, call: impl FnOnce(&ParkedClosure<F, R, Reach>) -> R) -> R {
    let answer = Cell::new(None);
    let counted = level::counts_by_now().then(statistics::closure).flatten();
    let result = parked::at_boundary(
        "Callback",
        false,
        || {
            let entered: Use = match table::enter(data.addr(), key::<ParkedClosure<F, R, Reach>>(), From::ItsThread) {
                Ok(entered) => entered,
                Err(refused) => return refuse::<F, R>(data, refused),
            };
            // SAFETY: parked as this, and it stays until `entered` is dropped. Other threads have
            // it only where it was parked by `shared`, whose closure is `Sync`; they share nothing
            // else of it but the answer, which does not change.
            let parked = unsafe { &*entered.value().cast::<ParkedClosure<F, R, Reach>>() };
            // SAFETY: a copy of a value that is there only where `R` is `Copy`; of `None`, nothing
            // is owned.
            answer.set(unsafe { ptr::read(&raw const parked.answer) });
            call(parked)
        },
        || answer.take().unwrap_or_default(),
    );
    if let Some(call) = counted {
        call.callback_ends();
    }
    result
}

/// Reports that C called a callback that is not there.
#[cold]
fn refuse<F, R: Default>(data: *mut c_void, refused: StaleReason) -> R {
    let stale = stale::tell(data.addr(), type_name::<F>(), refused, Through::Callback);
    if level() == Level::Off {
        say_once(&stale);
    }
    R::default()
}

/// Prints, once, that a call did nothing: at level 0 nothing is reported.
fn say_once(stale: &Staleness) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        let sentence = stale.sentence();
        match stale.life() {
            Some(life) => process::say(format_args!(
                "{sentence} (made at {}:{}): the closure is not run",
                life.made.file(),
                life.made.line()
            )),
            None => process::say(format_args!("{sentence}: no closure is run")),
        }
    }
}

/// A key that differs between types, lifetimes aside. Closures with the same code may stand for one
/// another here.
fn key<T>() -> TypeId {
    trait Key {
        fn key(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T> Key for PhantomData<T> {
        fn key(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let phantom = ManuallyDrop::new(PhantomData::<T>);
    let short: &dyn Key = &*phantom;
    // SAFETY: the same reference with a lifetime in its type lengthened. It is used in this
    // expression alone, for a method that reads nothing; a `TypeId` does not tell lifetimes apart.
    Key::key(unsafe { std::mem::transmute::<&dyn Key, &(dyn Key + 'static)>(short) })
}
