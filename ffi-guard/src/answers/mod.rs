//! What C gives back, and what a callback gives C, asked when either has returned.
//!
//! | of | is asked |
//! | --- | --- |
//! | a result | is it a value, does it lead to freed memory, may C have it: `result`; is it what the declaration promises: `promised` |
//! | what C wrote | is it a value: `written`; is everything filled: `filled` |
//! | what a callback stored | is it there when C uses it: `lent_by_callback` |

pub(crate) mod filled;
pub(crate) mod lent_by_callback;
pub(crate) mod promised;
pub(crate) mod result;
pub(crate) mod written;
