//! Functions that keep what they are lent, and are allowed to: `c/freed_while_retained.c`.
//!
//! Some functions read back what is kept, and `ok_*` functions let go of it.

/// A request: the address of its values and their number.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Request {
    /// The values.
    pub values: *const i32,
    /// How many.
    pub count: usize,
}

#[ffi_guard::guard]
unsafe extern "C" {
    /// Keeps `user` in slot `slot`, of 16, until it is unset.
    #[link_name = "ffg_bad_set_listener"]
    pub fn bad_set_listener(slot: usize, #[guard(retained)] user: *const i32);
    /// Lets go of the slot's value.
    #[link_name = "ffg_ok_unset_listener"]
    pub safe fn ok_unset_listener(slot: usize);
    /// The number that the slot points to; -1 for nothing.
    #[link_name = "ffg_notify"]
    pub fn notify(slot: usize) -> i32;

    /// Keeps `user` until it is destroyed by `destroy`.
    #[link_name = "ffg_ok_set_with_destructor"]
    pub fn ok_set_with_destructor(#[guard(retained)] user: *mut i32, destroy: Option<unsafe extern "C" fn(*mut i32)>);
    /// Has it destroyed, and then lets go of it.
    #[link_name = "ffg_ok_destroy"]
    pub fn ok_destroy();
    /// Has it destroyed, and does not let go of it.
    #[link_name = "ffg_bad_destroy"]
    pub fn bad_destroy();
    /// Lets go of the destroyed value.
    #[link_name = "ffg_forget_destroyed"]
    pub safe fn forget_destroyed();

    /// Keeps start and length of a buffer.
    #[link_name = "ffg_bad_watch"]
    pub fn bad_watch(#[guard(counted_by = count, retained)] data: *const u8, count: usize);
    /// The sum of the buffer.
    #[link_name = "ffg_sum_watched"]
    pub fn sum_watched() -> u64;
    /// Lets go of the buffer.
    #[link_name = "ffg_ok_unwatch"]
    pub safe fn ok_unwatch();

    /// Takes the value for its own.
    #[link_name = "ffg_bad_take"]
    pub fn bad_take(#[guard(owned)] value: *mut i32);
    /// Gives back what [`bad_take`] took, and forgets it.
    #[link_name = "ffg_ok_hand_back"]
    #[guard(returns(owned))]
    pub safe fn ok_hand_back() -> *mut i32;
    /// Gives it back, and still has its address.
    #[link_name = "ffg_ok_hand_back_stale"]
    #[guard(returns(owned))]
    pub safe fn ok_hand_back_stale() -> *mut i32;
    /// Forgets it.
    #[link_name = "ffg_forget_taken"]
    pub safe fn forget_taken();

    /// Keeps what the request leads to, and returns its sum.
    #[link_name = "ffg_bad_send"]
    pub fn bad_send(request: *const Request) -> i64;
    /// The sum of what is kept.
    #[link_name = "ffg_resend"]
    pub fn resend() -> i64;
    /// Lets go of the values.
    #[link_name = "ffg_ok_cancel"]
    pub safe fn ok_cancel();
    /// Holds the request itself, and reads what it leads to later.
    #[link_name = "ffg_bad_hold"]
    #[guard(allow(nested_pointer))]
    pub fn bad_hold(#[guard(retained)] request: *const Request);
    /// Lets go of the request.
    #[link_name = "ffg_ok_release"]
    pub safe fn ok_release();
}

/// The C function of [`bad_set_listener`], declared without the check of the free.
pub mod allowed {
    #[ffi_guard::guard]
    unsafe extern "C" {
        /// Keeps `user` in slot `slot`, whatever becomes of it.
        #[link_name = "ffg_bad_set_listener"]
        pub fn set_listener(slot: usize, #[guard(retained, allow(freed_while_retained))] user: *const i32);
    }
}
