//! zlib's functions under the guard, with the annotations that their contracts need and no others.

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

pub(crate) const Z_OK: c_int = 0;
pub(crate) const Z_STREAM_END: c_int = 1;
pub(crate) const Z_NO_FLUSH: c_int = 0;
pub(crate) const Z_FINISH: c_int = 4;
/// No progress was possible: more input or more room, and it goes on.
pub(crate) const Z_BUF_ERROR: c_int = -5;
pub(crate) const Z_BEST_SPEED: c_int = 1;

type Alloc = Option<unsafe extern "C" fn(*mut c_void, c_uint, c_uint) -> *mut c_void>;
type Free = Option<unsafe extern "C" fn(*mut c_void, *mut c_void)>;

/// `z_stream`. Not libz-sys's own, whose `zalloc` and `zfree` are never null in its type though
/// zlib's contract lets them be ("use malloc"), and which derives nothing.
#[derive(Debug, ffi_guard::Pointee)]
#[repr(C)]
pub(crate) struct ZStream {
    pub(crate) next_in: *const u8,
    pub(crate) avail_in: c_uint,
    pub(crate) total_in: c_ulong,
    pub(crate) next_out: *mut u8,
    pub(crate) avail_out: c_uint,
    pub(crate) total_out: c_ulong,
    /// A message of zlib's own; null for none.
    pub(crate) msg: *const c_char,
    /// zlib's own, from init to end.
    pub(crate) state: *mut c_void,
    pub(crate) zalloc: Alloc,
    pub(crate) zfree: Free,
    /// For the two above.
    pub(crate) user: *mut c_void,
    pub(crate) data_type: c_int,
    pub(crate) adler: c_ulong,
    pub(crate) reserved: c_ulong,
}

// zlib's init compares the size as well, but at run time, and only the size.
const _: () = {
    use std::mem::{offset_of, size_of};
    assert!(size_of::<ZStream>() == size_of::<libz_sys::z_stream>());
    assert!(offset_of!(ZStream, next_out) == offset_of!(libz_sys::z_stream, next_out));
    assert!(offset_of!(ZStream, state) == offset_of!(libz_sys::z_stream, state));
    assert!(offset_of!(ZStream, reserved) == offset_of!(libz_sys::z_stream, reserved));
};

#[ffi_guard::guard]
unsafe extern "C" {
    /// `retained`: the state that zlib allocates keeps a pointer back to the stream (`s->strm`) and
    /// checks it at each call, until the end. So a stream that was begun must not be moved.
    ///
    /// Nothing is said about nested pointers: at init the stream points to no buffer yet.
    #[link_name = "deflateInit_"]
    pub(crate) fn deflate_init(
        #[guard(retained)] stream: *mut ZStream,
        level: c_int,
        #[guard(cstr)] version: *const c_char,
        stream_size: c_int,
    ) -> c_int;

    /// `allow(nested_pointer)`: `next_in` and `next_out` point to the caller's buffers, for this
    /// call; that is what the function is for, and zlib keeps neither elsewhere. It moves both on,
    /// inside the stream.
    pub(crate) fn deflate(#[guard(allow(nested_pointer))] stream: *mut ZStream, flush: c_int) -> c_int;

    /// Nothing: it frees the state and looks at no buffer. The caller has set both pointers to null
    /// before.
    #[link_name = "deflateEnd"]
    pub(crate) fn deflate_end(stream: *mut ZStream) -> c_int;

    /// As [`deflate_init`].
    #[link_name = "inflateInit_"]
    pub(crate) fn inflate_init(
        #[guard(retained)] stream: *mut ZStream,
        #[guard(cstr)] version: *const c_char,
        stream_size: c_int,
    ) -> c_int;

    /// As [`deflate`].
    pub(crate) fn inflate(#[guard(allow(nested_pointer))] stream: *mut ZStream, flush: c_int) -> c_int;

    /// As [`deflate_end`].
    #[link_name = "inflateEnd"]
    pub(crate) fn inflate_end(stream: *mut ZStream) -> c_int;

    /// The room in `dest` is stated behind a pointer, whose value before the call means nothing.
    pub(crate) fn compress2(
        #[guard(out, sized_by = *dest_len)] dest: *mut u8,
        dest_len: &mut c_ulong,
        #[guard(sized_by = source_len)] source: *const u8,
        source_len: c_ulong,
        level: c_int,
    ) -> c_int;

    /// As [`compress2`].
    pub(crate) fn uncompress(
        #[guard(out, sized_by = *dest_len)] dest: *mut u8,
        dest_len: &mut c_ulong,
        #[guard(sized_by = source_len)] source: *const u8,
        source_len: c_ulong,
    ) -> c_int;

    /// `sized_by`: null with a length of 0 is how the first value is asked for.
    pub(crate) fn crc32(crc: c_ulong, #[guard(sized_by = length)] data: *const u8, length: c_uint) -> c_ulong;

    #[link_name = "zlibVersion"]
    pub(crate) safe fn zlib_version() -> *const c_char;
}
