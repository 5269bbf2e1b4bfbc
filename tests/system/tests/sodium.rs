//! Real libsodium behind the guard: it keeps nothing of what it is lent, and nothing is reported.

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[test]
fn what_is_encrypted_and_hashed_comes_back_and_nothing_is_kept() {
    if ffi_guard_tests_system::has_libsodium() {
        ffi_guard::catch(|| {
            for length in [0, 1, 100, 5000] {
                work::round_trip(length);
            }
            work::password();
            ffi_guard::checkpoint();
        })
        .expect("clean");
    }
}

#[cfg(not(has_libsodium))]
mod work {
    pub(super) fn round_trip(_length: usize) {}
    pub(super) fn password() {}
}

#[cfg(has_libsodium)]
mod work {
    use std::ffi::CString;

    use ffi_guard_tests_system::sodium as c;

    fn random(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        // SAFETY: the vector has that many bytes.
        unsafe { c::randombytes_buf(bytes.as_mut_ptr(), length) };
        bytes
    }

    pub(super) fn round_trip(length: usize) {
        assert!(c::sodium_init() >= 0);
        let (plain, nonce, key) = (random(length), random(c::NONCE), random(c::KEY));
        let mut cipher = vec![0; length + c::MAC];
        let mut back = vec![0; length];
        let mut hashes = [[0_u8; 32]; 2];
        // SAFETY: every buffer is as long as it is said to be.
        unsafe {
            let code = c::crypto_secretbox_easy(
                cipher.as_mut_ptr(),
                plain.as_ptr(),
                length as u64,
                nonce.as_ptr(),
                key.as_ptr(),
            );
            assert_eq!(code, 0);
            let code = c::crypto_secretbox_open_easy(
                back.as_mut_ptr(),
                cipher.as_ptr(),
                cipher.len() as u64,
                nonce.as_ptr(),
                key.as_ptr(),
            );
            assert_eq!(code, 0);
            for (hash, data) in hashes.iter_mut().zip([&plain, &back]) {
                let code = c::crypto_generichash(
                    hash.as_mut_ptr(),
                    hash.len(),
                    data.as_ptr(),
                    data.len() as u64,
                    key.as_ptr(),
                    key.len(),
                );
                assert_eq!(code, 0);
            }
            cipher[length] ^= 1;
            let code = c::crypto_secretbox_open_easy(
                back.as_mut_ptr(),
                cipher.as_ptr(),
                cipher.len() as u64,
                nonce.as_ptr(),
                key.as_ptr(),
            );
            assert_eq!(code, -1, "what was changed is refused");
        }
        assert_eq!((back == plain, hashes[0]), (true, hashes[1]));
    }

    pub(super) fn password() {
        assert!(c::sodium_init() >= 0);
        let password = CString::new("Correct Horse Battery Staple").expect("no NUL in it");
        let length = password.as_bytes().len() as u64;
        let mut hashed = vec![0; c::HASHED];
        // SAFETY: every buffer is as long as it is said to be, and the hash ends in NUL.
        unsafe {
            let code = c::crypto_pwhash_str(hashed.as_mut_ptr(), password.as_ptr(), length, c::OPS_MIN, c::MEM_MIN);
            assert_eq!(code, 0);
            assert_eq!(c::crypto_pwhash_str_verify(hashed.as_ptr(), password.as_ptr(), length), 0);
            assert_eq!(c::crypto_pwhash_str_verify(hashed.as_ptr(), password.as_ptr(), length - 1), -1);
        }
    }
}
