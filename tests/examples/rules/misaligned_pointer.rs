//! Words in the middle of bytes.

use c_fixtures::misaligned_pointer::bad_sum_words;

pub(crate) fn run() {
    let message = Box::new([0_u8; 24]);
    let (_kind, words) = message.split_at(1);
    // SAFETY: wrong: the words begin at an odd address.
    unsafe { bad_sum_words(words.as_ptr().cast(), 2) };
}
