//! A type in a signature, as a constant: its name, its size, and the layout of what it leads to.
//!
//! Each guarded function has one for each parameter and for its result, called or not. So it is
//! data alone: rustc evaluates it, and resolves at most one name for it.

use std::ptr::NonNull;

use super::of_type::OfType;

/// A type in a signature.
#[derive(Clone, Copy, Debug)]
pub struct Typed {
    /// `type_name`, in which aliases are resolved: `*mut i8` for what is written `*mut c_char`.
    pub(crate) name: fn() -> &'static str,
    /// `size_of`, in bytes.
    pub(crate) size: usize,
    /// `align_of`, in bytes.
    pub(crate) align: usize,
    /// Size and alignment of what it leads to, if it is a thin pointer.
    pub(crate) leads_to: Option<Layout>,
}

/// A size and an alignment, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub(crate) size: usize,
    pub(crate) align: usize,
}

impl Layout {
    const fn of<T>() -> Layout {
        Layout { size: size_of::<T>(), align: align_of::<T>() }
    }
}

impl Typed {
    /// A type whose name has all that there is to know of what it leads to.
    #[must_use]
    pub const fn of<T>() -> Typed {
        Typed::leading::<T>(None)
    }

    /// A type, and the layout of what it leads to.
    #[must_use]
    pub const fn leading<T>(leads_to: Option<Layout>) -> Typed {
        Typed { name: std::any::type_name::<T>, size: size_of::<T>(), align: align_of::<T>(), leads_to }
    }
}

/// The answer of a type that is no thin pointer.
pub trait LeadsNowhere {
    /// None.
    const LEADS_TO: Option<Layout> = None;
}
impl<T: ?Sized> LeadsNowhere for OfType<T> {}

macro_rules! leads_to {
    ($($ty:ty)*) => { $(
        impl<T> OfType<$ty> {
            /// The layout of what it leads to.
            pub const LEADS_TO: Option<Layout> = Some(Layout::of::<T>());
        }
    )* };
}
leads_to!(*const T *mut T &T &mut T NonNull<T> Box<T> Option<&T> Option<&mut T> Option<NonNull<T>> Option<Box<T>>);
