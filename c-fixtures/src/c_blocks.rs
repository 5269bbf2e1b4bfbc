//! C's own blocks, which C frees and overruns: `c/c_blocks.c`. Each is found with the feature
//! `c-heap` alone.

use std::ffi::{c_char, c_int, c_void};

/// A session of C's, or a thread that belongs to one.
#[derive(Debug)]
pub enum Session {}

/// A request, which leads to a session.
#[derive(Clone, Copy, Debug, ffi_guard::Pointee)]
#[repr(C)]
pub struct Request {
    /// The session that it is for.
    pub session: *mut Session,
    /// Its number.
    pub number: i64,
}

/// A request of which the guard knows no field.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Untold {
    /// The session that it is for.
    pub session: *mut Session,
    /// Its number.
    pub number: i64,
}

/// What C calls about an object.
pub type Told = unsafe extern "C" fn(*mut c_void);

#[ffi_guard::guard]
#[allow(clashing_extern_declarations)]
unsafe extern "C" {
    /// A new session.
    #[link_name = "ffg_session_new"]
    pub safe fn session_new() -> *mut Session;
    /// A new thread of a session.
    #[link_name = "ffg_session_thread"]
    pub fn session_thread(session: *mut Session) -> *mut Session;
    /// Runs a text in a session or a thread.
    #[link_name = "ffg_session_run"]
    pub fn session_run(session: *mut Session, #[guard(cstr)] code: *const c_char) -> c_int;
    /// The last thread, ended or not.
    #[link_name = "ffg_bad_session_last"]
    pub fn bad_session_last(session: *mut Session) -> *mut Session;
    /// Null: the session forgets its last thread.
    #[link_name = "ffg_ok_session_last"]
    pub fn ok_session_last(session: *mut Session) -> *mut Session;
    /// Runs a text in a session; asked by name for what C left in it.
    #[link_name = "ffg_session_run"]
    pub fn session_run_asked(
        #[guard(deny(dangling_field))] session: *mut Session,
        #[guard(cstr)] code: *const c_char,
    ) -> c_int;
    /// Ends one thread.
    #[link_name = "ffg_session_end_thread"]
    pub fn session_end_thread(thread: *mut Session);
    /// Ends a session and its last thread.
    #[link_name = "ffg_session_close"]
    pub fn session_close(session: *mut Session);

    /// The number of a request.
    #[link_name = "ffg_request_number"]
    pub fn request_number(request: *const Request) -> c_int;
    /// The number of a request that C may write.
    #[link_name = "ffg_request_number"]
    pub fn request_number_mut(request: *mut Request) -> c_int;
    /// The number of a request of which no field is known.
    #[link_name = "ffg_request_number"]
    pub fn request_number_untold(request: *const Untold) -> c_int;
    /// The number of a request by value.
    #[link_name = "ffg_request_number_of"]
    pub fn request_number_of(request: Request) -> c_int;

    /// Frees an object, then tells of it.
    #[link_name = "ffg_bad_tell"]
    pub fn bad_tell(size: usize, told: Told);
    /// Tells of an object, then frees it.
    #[link_name = "ffg_ok_tell"]
    pub fn ok_tell(size: usize, told: Told);

    /// A buffer of C's.
    #[link_name = "ffg_buffer_new"]
    pub safe fn buffer_new(size: usize) -> *mut u8;
    /// A buffer of C's at a multiple of `align`.
    #[link_name = "ffg_buffer_aligned"]
    pub safe fn buffer_aligned(align: usize, size: usize) -> *mut u8;
    /// Writes a part of a buffer, or beside it.
    #[link_name = "ffg_fill"]
    pub fn fill(buffer: *mut u8, from: isize, length: usize);
    /// Has C keep a buffer of its own.
    #[link_name = "ffg_keep_other"]
    pub fn keep_other(buffer: *mut u8);
    /// Writes a part of the kept buffer, or beside it.
    #[link_name = "ffg_fill_other"]
    pub fn fill_other(from: isize, length: usize);
    /// Frees a buffer.
    #[link_name = "ffg_buffer_free"]
    pub fn buffer_free(buffer: *mut u8);
    /// Makes a buffer larger or smaller.
    #[link_name = "ffg_buffer_grow"]
    pub fn buffer_grow(buffer: *mut u8, size: usize) -> *mut u8;
    /// Uses every byte that the allocator says is there; 0 if all is well.
    #[link_name = "ffg_ok_use_all"]
    pub safe fn ok_use_all() -> c_int;
    /// Reads texts by words, as a fast `strlen` does.
    #[link_name = "ffg_ok_read_by_words"]
    pub safe fn ok_read_by_words() -> usize;
    /// Reads a byte of the kept buffer, or beside it.
    #[link_name = "ffg_read_other"]
    pub fn read_other(at: isize) -> u8;
    /// Adds up one number more than C's array has.
    #[link_name = "ffg_bad_own_sum"]
    pub safe fn bad_own_sum(count: usize) -> c_int;
    /// Adds up as many numbers as C's array has.
    #[link_name = "ffg_ok_own_sum"]
    pub safe fn ok_own_sum(count: usize) -> c_int;
    /// Adds up one number more than was asked for, of an array that has it.
    #[link_name = "ffg_mended_own_sum"]
    pub safe fn mended_own_sum(count: usize) -> c_int;
    /// Frees a chain of C's, and reads where it goes on from what it has freed.
    #[link_name = "ffg_bad_chain"]
    pub safe fn bad_chain(count: usize) -> usize;
    /// Frees a chain, and reads where it goes on before that.
    #[link_name = "ffg_ok_chain"]
    pub safe fn ok_chain(count: usize) -> usize;
    /// Frees a chain from its end.
    #[link_name = "ffg_mended_chain"]
    pub safe fn mended_chain(count: usize) -> usize;
}
