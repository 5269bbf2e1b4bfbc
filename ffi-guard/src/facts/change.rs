//! What C changed of memory that it was lent to read.

/// What of an extent is not as it was before the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Bytes from the argument's address to the first one that changed.
    pub(crate) offset: usize,
    /// Bytes from that one to the last that changed.
    pub(crate) len: usize,
    /// What was there, and what is there now: as many of the first 16 bytes as changed or lie between.
    pub(crate) was: [u8; 16],
    pub(crate) now: [u8; 16],
    /// Only a part of the extent was compared.
    pub(crate) sampled: bool,
}

impl Change {
    /// Of which nothing is known yet but the first byte's place.
    pub(crate) fn new(offset: usize, sampled: bool) -> Change {
        Change { offset, len: 0, was: [0; 16], now: [0; 16], sampled }
    }

    /// One more byte, at or behind all before, that is not what it was.
    pub(crate) fn add(&mut self, offset: usize, was: u8, now: u8) {
        let at = offset - self.offset;
        self.len = at + 1;
        if let (Some(old), Some(new)) = (self.was.get_mut(at), self.now.get_mut(at)) {
            (*old, *new) = (was, now);
        }
    }
}
