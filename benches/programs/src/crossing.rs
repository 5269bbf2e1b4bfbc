//! Programs that call C: zlib and SQLite, built from source and called by declarations of our own.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;

// Links zlib and SQLite.
use libsqlite3_sys as _;
use libz_sys::z_stream;

#[cfg_attr(feature = "guard", ffi_guard::guard)]
unsafe extern "C" {
    fn crc32(crc: c_ulong, #[cfg_attr(feature = "guard", guard(sized_by = len))] bytes: *const u8, len: c_uint) -> c_ulong;
    fn deflateInit_(
        #[cfg_attr(feature = "guard", guard(retained))] stream: *mut z_stream,
        level: c_int,
        #[cfg_attr(feature = "guard", guard(cstr))] version: *const c_char,
        size: c_int,
    ) -> c_int;
    fn deflate(#[cfg_attr(feature = "guard", guard(retained, opaque))] stream: *mut z_stream, flush: c_int) -> c_int;
    fn deflateEnd(#[cfg_attr(feature = "guard", guard(opaque))] stream: *mut z_stream) -> c_int;
    fn zlibVersion() -> *const c_char;

    fn sqlite3_open(
        #[cfg_attr(feature = "guard", guard(cstr))] path: *const c_char,
        #[cfg_attr(feature = "guard", guard(out))] connection: *mut *mut c_void,
    ) -> c_int;
    fn sqlite3_exec(
        connection: *mut c_void,
        #[cfg_attr(feature = "guard", guard(cstr))] sql: *const c_char,
        callback: *const c_void,
        user: *mut c_void,
        #[cfg_attr(feature = "guard", guard(out))] error: *mut *mut c_char,
    ) -> c_int;
    fn sqlite3_prepare_v2(
        connection: *mut c_void,
        #[cfg_attr(feature = "guard", guard(cstr))] sql: *const c_char,
        bytes: c_int,
        #[cfg_attr(feature = "guard", guard(out))] statement: *mut *mut c_void,
        tail: *mut *const c_char,
    ) -> c_int;
    fn sqlite3_bind_text(
        statement: *mut c_void,
        index: c_int,
        #[cfg_attr(feature = "guard", guard(sized_by = bytes))] text: *const c_char,
        bytes: c_int,
        destructor: *const c_void,
    ) -> c_int;
    fn sqlite3_bind_int64(statement: *mut c_void, index: c_int, value: i64) -> c_int;
    fn sqlite3_step(statement: *mut c_void) -> c_int;
    fn sqlite3_reset(statement: *mut c_void) -> c_int;
    fn sqlite3_column_int64(statement: *mut c_void, column: c_int) -> i64;
    fn sqlite3_column_text(statement: *mut c_void, column: c_int) -> *const c_char;
    fn sqlite3_finalize(statement: *mut c_void) -> c_int;
    fn sqlite3_close(connection: *mut c_void) -> c_int;
}

/// 5 million calls of `crc32` over 8 bytes.
pub(crate) fn checksums() -> u64 {
    let bytes = vec![7_u8; 8];
    // SAFETY: the pointer leads to eight bytes.
    (0..5_000_000).fold(0, |crc, _| unsafe { crc32(crc, black_box(bytes.as_ptr()), 8) })
}

/// 16 MiB through zlib in steps of 16 KiB.
pub(crate) fn zlib() -> u64 {
    const STEP: usize = 16 << 10;
    let input: Vec<u8> = (0..STEP).map(|n| (n * n >> 5) as u8).collect();
    let mut output = vec![0_u8; STEP];
    // SAFETY: zeros are a stream that `deflateInit_` may fill in: no allocator of ours, no input.
    let mut stream: Box<z_stream> = Box::new(unsafe { MaybeUninit::zeroed().assume_init() });
    // SAFETY: the stream and its version and size are those of the linked zlib.
    let status = unsafe { deflateInit_(&mut *stream, 6, zlibVersion(), size_of::<z_stream>() as c_int) };
    assert_eq!(status, 0);
    let mut sum = 0_u64;
    for step in 0..1024 {
        (stream.next_in, stream.avail_in) = (input.as_ptr().cast_mut(), STEP as c_uint);
        loop {
            (stream.next_out, stream.avail_out) = (output.as_mut_ptr(), STEP as c_uint);
            // SAFETY: the stream leads to the two buffers with their lengths.
            unsafe { deflate(&mut *stream, if step == 1023 { 4 } else { 0 }) };
            sum += (STEP - stream.avail_out as usize) as u64;
            if stream.avail_out != 0 {
                break;
            }
        }
    }
    // SAFETY: the stream was begun above.
    unsafe { deflateEnd(&mut *stream) };
    sum
}

/// 100,000 rows written to SQLite and read back.
pub(crate) fn sqlite() -> u64 {
    const ROWS: i64 = 100_000;
    let (mut connection, mut insert, mut select) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let mut sum = 0_u64;
    // SAFETY: handles that SQLite gave, in the order that it wants; texts with their lengths, which
    // it copies (the destructor -1).
    unsafe {
        assert_eq!(sqlite3_open(c":memory:".as_ptr(), &mut connection), 0);
        let run = |sql: &CStr| {
            assert_eq!(sqlite3_exec(connection, sql.as_ptr(), ptr::null(), ptr::null_mut(), ptr::null_mut()), 0);
        };
        run(c"CREATE TABLE rows (number INTEGER, text TEXT); BEGIN");
        let sql = c"INSERT INTO rows VALUES (?, ?)";
        assert_eq!(sqlite3_prepare_v2(connection, sql.as_ptr(), -1, &mut insert, ptr::null_mut()), 0);
        for row in 0..ROWS {
            let text = format!("row number {row}");
            sqlite3_bind_int64(insert, 1, row);
            let copy = ptr::without_provenance(usize::MAX);
            sqlite3_bind_text(insert, 2, text.as_ptr().cast(), text.len() as c_int, copy);
            assert_eq!(sqlite3_step(insert), 101);
            sqlite3_reset(insert);
        }
        sqlite3_finalize(insert);
        run(c"COMMIT");
        let sql = c"SELECT number, text FROM rows";
        assert_eq!(sqlite3_prepare_v2(connection, sql.as_ptr(), -1, &mut select, ptr::null_mut()), 0);
        while sqlite3_step(select) == 100 {
            let text = CStr::from_ptr(sqlite3_column_text(select, 1)).to_str().map(String::from).unwrap_or_default();
            sum += sqlite3_column_int64(select, 0) as u64 + black_box(text).len() as u64;
        }
        sqlite3_finalize(select);
        assert_eq!(sqlite3_close(connection), 0);
    }
    sum
}
