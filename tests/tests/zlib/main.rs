//! Real zlib behind the guard: no false alarm through deflate and inflate streams, and every byte
//! comes back.

mod declarations;
mod stream;

use std::ffi::c_ulong;

use declarations::{Z_BEST_SPEED, Z_OK, compress2, crc32, uncompress};
use ffi_guard_tests::process::at_level;
use stream::{Deflate, Inflate, run};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const MIB: usize = 1 << 20;

/// Bytes that neither compress to nothing nor not at all.
fn text(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..length)
        .map(|i| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            if i % 7 < 4 { b"ffi-guard"[i % 9] } else { state.to_le_bytes()[0] & 0x3f }
        })
        .collect()
}

fn checksum(data: &[u8]) -> c_ulong {
    let length = data.len().try_into().expect("short enough");
    // SAFETY: the slice has that many bytes.
    unsafe { crc32(0, data.as_ptr(), length) }
}

/// 1 MiB through both streams, fed and drained in chunks of these sizes.
fn round_trip(input: usize, output: usize) {
    let plain = text(MIB);
    let packed = run(&mut Deflate::new(6), &plain, input, output);
    assert!(packed.len() < plain.len(), "it was compressed at all");
    // The chunk sizes change places, so that neither stream sees the rhythm of the other.
    let unpacked = run(&mut Inflate::new(), &packed, output, input);
    assert_eq!(unpacked.len(), plain.len());
    assert_eq!(checksum(&unpacked), checksum(&plain));
    assert!(unpacked == plain, "every byte comes back");
}

fn all_round_trips() {
    for (input, output) in [(MIB, 2 * MIB), (4096, 4096), (65_536, 777), (333, 65_536)] {
        round_trip(input, output);
    }
}

#[test]
fn streams_are_clean_at_level_1() {
    at_level("streams_are_clean_at_level_1", "1", all_round_trips);
}

#[test]
fn streams_are_clean_at_level_2() {
    at_level("streams_are_clean_at_level_2", "2", all_round_trips);
}

#[test]
fn tiny_chunks_are_clean() {
    // One byte at a time: each call's pointers lie one byte behind those of the call before.
    let plain = text(2_000);
    let unpacked = ffi_guard::catch(|| {
        let packed = run(&mut Deflate::new(9), &plain, 1, 1);
        run(&mut Inflate::new(), &packed, 1, 1)
    });
    assert!(unpacked.expect("clean") == plain, "every byte comes back");
}

#[test]
fn a_stream_on_the_stack_and_its_buffers_too_are_clean() {
    let packed = ffi_guard::catch(|| {
        let plain = [b'x'; 512];
        run(&mut Deflate::new(6), &plain, 512, 64)
    });
    assert!(packed.expect("clean").len() < 64);
}

#[test]
fn one_call_compression_is_clean() {
    let plain = text(MIB);
    let unpacked = ffi_guard::catch(|| {
        let mut packed = vec![0; MIB + MIB / 100 + 64];
        let mut packed_len = packed.len() as c_ulong;
        // SAFETY: both slices have the bytes that are stated, and the length may be written.
        let code = unsafe {
            compress2(packed.as_mut_ptr(), &mut packed_len, plain.as_ptr(), plain.len() as c_ulong, Z_BEST_SPEED)
        };
        assert_eq!(code, Z_OK);

        let mut unpacked = vec![0; MIB];
        let mut unpacked_len = unpacked.len() as c_ulong;
        // SAFETY: as above; of the packed bytes only those that were written are stated.
        let code = unsafe { uncompress(unpacked.as_mut_ptr(), &mut unpacked_len, packed.as_ptr(), packed_len) };
        assert_eq!((code, unpacked_len), (Z_OK, MIB as c_ulong));
        unpacked
    });
    assert!(unpacked.expect("clean") == plain, "every byte comes back");
}

#[test]
fn the_checksum_is_the_right_one() {
    // The check value that every description of CRC-32 gives.
    assert_eq!(ffi_guard::catch(|| checksum(b"123456789")).expect("clean"), 0xcbf4_3926);
    assert_eq!(ffi_guard::catch(|| checksum(&[])).expect("clean"), 0);
}

#[test]
fn sixteen_threads_of_streams_are_clean() {
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let plain = text(20_000);
                let unpacked = ffi_guard::catch(|| {
                    let packed = run(&mut Deflate::new(6), &plain, 1_000, 100);
                    run(&mut Inflate::new(), &packed, 100, 1_000)
                });
                assert!(unpacked.expect("clean") == plain, "every byte comes back");
            });
        }
    });
}
