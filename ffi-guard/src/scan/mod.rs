//! Where C could keep a pointer, and the search of it.

mod frames;

pub(crate) use frames::in_rust_frame;

/// A word found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Address of the word.
    pub(crate) location: usize,
    /// The word.
    pub(crate) word: usize,
}

// stand-ins until the merge
pub(crate) enum Owner {
    C(Global),
    Rust,
    Unknown(Global),
    Nowhere,
}
pub(crate) struct Global {
    pub(crate) module: String,
    pub(crate) symbol: Option<String>,
    pub(crate) offset: usize,
    pub(crate) stripped: bool,
}
pub(crate) fn owner(_: usize) -> Owner {
    Owner::Nowhere
}
pub(crate) struct Wanted;
impl Wanted {
    pub(crate) fn new(_: impl IntoIterator<Item = std::ops::Range<usize>>) -> Wanted {
        Wanted
    }
}
pub(crate) fn globals(_: &Wanted, _: &mut Vec<Hit>) {}
