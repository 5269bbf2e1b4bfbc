//! Where C keeps a pointer, as facts.

use std::fmt;

use crate::heap::trace::TraceId;

/// Where C keeps a pointer.
///
/// Later versions add fields and kinds, so a pattern ends in `..`:
///
/// ```
/// use ffi_guard::Place;
///
/// fn variable(place: &Place) -> Option<&str> {
///     match place {
///         Place::Global { symbol, .. } | Place::Tls { symbol, .. } => symbol.as_deref(),
///         _ => None,
///     }
/// }
/// # _ = variable;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In the writable data of a loaded module.
    #[non_exhaustive]
    Global {
        /// File name of the executable or shared object.
        module: String,
        /// The variable, if the symbol table tells.
        symbol: Option<String>,
        /// Bytes from the start of the variable; from the module's load address without one.
        offset: usize,
        /// Address of the word.
        address: usize,
        /// Where the source defines the variable, if debug information tells.
        source: Option<CSource>,
    },
    /// In a block of C's heap.
    #[non_exhaustive]
    CHeap {
        /// The block's first byte.
        address: usize,
        /// Bytes that C asked for.
        size: usize,
        /// Where C allocated it.
        allocated_at: Allocation,
        /// Bytes from the start of the block to the word.
        offset: usize,
    },
    /// In a thread-local variable of C's (`__thread`, `_Thread_local`).
    #[non_exhaustive]
    Tls {
        /// File name of the executable or shared object.
        module: String,
        /// The variable, if the symbol table tells.
        symbol: Option<String>,
        /// Bytes from the start of the variable; from the start of the module's thread-local data
        /// without one.
        offset: usize,
        /// Address of the word.
        address: usize,
        /// The guard's number of the thread whose variable it is.
        thread: u32,
        /// Where the source defines the variable, if debug information tells.
        source: Option<CSource>,
    },
    /// In another Rust block that was lent to the same call.
    #[non_exhaustive]
    RustBlock {
        /// The block's first byte.
        address: usize,
        /// Bytes that Rust asked for.
        size: usize,
        /// Where Rust allocated it.
        allocated_at: Allocation,
        /// Bytes from the start of the block to the word.
        offset: usize,
        /// The parameter that lent it.
        parameter: String,
        /// The field that the word is in, if the type tells: `a.b[3]`.
        field: Option<String>,
    },
}

/// Where a variable of C's is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CSource {
    /// The source file, as the debug information has it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for CSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Who allocated a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    pub(crate) trace: TraceId,
    /// 0 if not known.
    pub(crate) thread: u32,
}

impl Allocation {
    /// The guard's number of the thread.
    #[must_use]
    pub fn thread(&self) -> Option<u32> {
        (self.thread != 0).then_some(self.thread)
    }
}
