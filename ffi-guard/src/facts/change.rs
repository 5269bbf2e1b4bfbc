//! What C changed of memory that it was lent to read.

/// The part of an extent that is not as it was before the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Bytes from the argument's address to the first one that changed.
    pub(crate) offset: usize,
    /// Bytes from that one to the last that changed.
    pub(crate) len: usize,
    /// The old bytes and the new ones: of the first 16, those that changed or lie between.
    pub(crate) was: [u8; 16],
    pub(crate) now: [u8; 16],
    /// Only a part of the extent was compared.
    pub(crate) sampled: bool,
}

impl Change {
    /// A change of which only the first byte's place is known yet.
    pub(crate) fn new(offset: usize, sampled: bool) -> Change {
        Change { offset, len: 0, was: [0; 16], now: [0; 16], sampled }
    }

    /// Adds a byte that changed, at or after all the others.
    pub(crate) fn add(&mut self, offset: usize, was: u8, now: u8) {
        let at = offset - self.offset;
        self.len = at + 1;
        if let (Some(old), Some(new)) = (self.was.get_mut(at), self.now.get_mut(at)) {
            (*old, *new) = (was, now);
        }
    }
}
