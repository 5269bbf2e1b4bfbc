//! A stream of each kind, over chunks.

use std::ffi::c_int;
use std::ptr;

use super::declarations::{
    Z_BUF_ERROR, Z_FINISH, Z_NO_FLUSH, Z_OK, Z_STREAM_END, ZStream, deflate, deflate_end, deflate_init, inflate,
    inflate_end, inflate_init, zlib_version,
};

/// The common part of both kinds.
pub(crate) trait Coder {
    /// The stream, for its pointers and counts.
    fn stream(&mut self) -> &mut ZStream;
    /// One call of zlib's.
    ///
    /// # Safety
    ///
    /// - `next_in` and `next_out` are good for `avail_in` and `avail_out` bytes.
    unsafe fn step(&mut self, flush: c_int) -> c_int;
}

/// A stream that compresses.
pub(crate) struct Deflate {
    /// On the heap, for zlib holds its address; begun, until the drop.
    stream: Box<ZStream>,
}

/// A stream that decompresses.
pub(crate) struct Inflate {
    /// As in [`Deflate`].
    stream: Box<ZStream>,
}

const STREAM_SIZE: c_int = size_of::<ZStream>() as c_int;

fn fresh() -> Box<ZStream> {
    Box::new(ZStream {
        next_in: ptr::null(),
        avail_in: 0,
        total_in: 0,
        next_out: ptr::null_mut(),
        avail_out: 0,
        total_out: 0,
        msg: ptr::null(),
        state: ptr::null_mut(),
        zalloc: None,
        zfree: None,
        user: ptr::null_mut(),
        data_type: 0,
        adler: 0,
        reserved: 0,
    })
}

impl Deflate {
    pub(crate) fn new(level: c_int) -> Deflate {
        let mut stream = fresh();
        // SAFETY: the stream is as zlib wants a new one, has this size, and stays where it is until
        // the drop.
        let code = unsafe { deflate_init(&raw mut *stream, level, zlib_version(), STREAM_SIZE) };
        assert_eq!(code, Z_OK);
        Deflate { stream }
    }
}

impl Inflate {
    pub(crate) fn new() -> Inflate {
        let mut stream = fresh();
        // SAFETY: the stream is as zlib wants a new one, has this size, and stays where it is until
        // the drop.
        let code = unsafe { inflate_init(&raw mut *stream, zlib_version(), STREAM_SIZE) };
        assert_eq!(code, Z_OK);
        Inflate { stream }
    }
}

impl Coder for Deflate {
    fn stream(&mut self) -> &mut ZStream {
        &mut self.stream
    }

    unsafe fn step(&mut self, flush: c_int) -> c_int {
        // SAFETY: the stream was begun; its buffers are the caller's promise.
        unsafe { deflate(&raw mut *self.stream, flush) }
    }
}

impl Coder for Inflate {
    fn stream(&mut self) -> &mut ZStream {
        &mut self.stream
    }

    unsafe fn step(&mut self, flush: c_int) -> c_int {
        // SAFETY: the stream was begun; its buffers are the caller's promise.
        unsafe { inflate(&raw mut *self.stream, flush) }
    }
}

impl Drop for Deflate {
    fn drop(&mut self) {
        // SAFETY: the stream was begun. The code says whether all was written, which a drop has no
        // use for.
        unsafe { deflate_end(&raw mut *self.stream) };
    }
}

impl Drop for Inflate {
    fn drop(&mut self) {
        // SAFETY: the stream was begun.
        unsafe { inflate_end(&raw mut *self.stream) };
    }
}

/// Sends `data` through, `input` bytes at a time, and collects what comes out, `output` bytes at a
/// time. Each chunk lies in a block of its own, which is freed as soon as zlib is done with it: a
/// pointer that stays in the stream is stale.
pub(crate) fn run(coder: &mut impl Coder, data: &[u8], input: usize, output: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut chunks = data.chunks(input).peekable();
    loop {
        let chunk = chunks.next().unwrap_or_default().to_vec();
        let flush = if chunks.peek().is_none() { Z_FINISH } else { Z_NO_FLUSH };
        let mut unread = &chunk[..];
        loop {
            let mut room = vec![0; output];
            match feed(coder, &mut unread, &mut room, flush, &mut all) {
                Z_STREAM_END => return all,
                Z_OK | Z_BUF_ERROR => {}
                code => panic!("zlib failed with {code}"),
            }
            // Some room was not filled: zlib has used all of its input.
            if coder.stream().avail_out > 0 {
                break;
            }
        }
        assert!(flush == Z_NO_FLUSH, "the input ended before the stream did");
    }
}

/// One call: lends `unread` and `room`, and moves what was used and made.
fn feed(coder: &mut impl Coder, unread: &mut &[u8], room: &mut [u8], flush: c_int, all: &mut Vec<u8>) -> c_int {
    let stream = coder.stream();
    stream.next_in = unread.as_ptr();
    stream.avail_in = unread.len().try_into().expect("chunks are short");
    stream.next_out = room.as_mut_ptr();
    stream.avail_out = room.len().try_into().expect("chunks are short");
    // SAFETY: both are slices that live through the call, and the counts are theirs.
    let code = unsafe { coder.step(flush) };
    let stream = coder.stream();
    *unread = &unread[unread.len() - stream.avail_in as usize..];
    all.extend_from_slice(&room[..room.len() - stream.avail_out as usize]);
    // A stream at rest points to no buffer, so that the next call finds no stale pointer in it.
    // `avail_out` stays, for the caller to see why zlib stopped.
    stream.next_in = ptr::null();
    stream.next_out = ptr::null_mut();
    code
}
