//! Which bytes are a value of a type: a `bool` is 0 or 1, a reference is not null. Asked of bytes
//! that C wrote, before they are taken for a value.

/// The bytes that are values of a type, as far as that is known.
#[derive(Clone, Copy, Debug)]
pub enum Validity {
    /// All of them, or those of a type that tells nothing.
    Any,
    /// 0 and 1.
    Bool,
    /// The Unicode scalar values.
    Char,
    /// All but zero, of this many bytes.
    NonZero(usize),
    /// A pointer of this sort, to something of this alignment.
    Pointer(PointerValue, usize),
    /// The discriminants of an enum without fields.
    Enum(&'static Discriminants),
    /// A value in each of these fields.
    Fields(&'static [ValueField]),
    /// An array: values of the element, `count` times, `stride` bytes apart.
    Array {
        /// Values of one element.
        element: &'static Validity,
        /// Bytes from one element to the next.
        stride: usize,
        /// Number of elements.
        count: usize,
    },
}

/// What a pointer's type says of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PointerValue {
    /// Nothing: a raw pointer, or an `Option` in which null is `None`.
    Any = 0,
    /// `NonNull`: not null.
    NonNull = 1,
    /// A reference: not null, and aligned.
    Reference = 2,
    /// A `Box`: not null, and aligned.
    Box = 3,
    /// A function pointer: not null.
    Function = 4,
}

/// The discriminants of an enum.
#[derive(Clone, Copy, Debug)]
pub struct Discriminants {
    /// Bytes of a discriminant: 1, 2, 4 or 8.
    pub size: usize,
    /// True if it is read as a signed number.
    pub signed: bool,
    /// Each variant's.
    pub values: &'static [i128],
    /// `type_name`, called only when a report is printed.
    pub name: fn() -> &'static str,
}

/// The values of a field.
#[derive(Clone, Copy, Debug)]
pub struct ValueField {
    /// Name as written; the position in a tuple struct.
    pub name: &'static str,
    /// Bytes from the start of the struct.
    pub offset: usize,
    /// Values of its type.
    pub value: &'static Validity,
}

/// Leaves of one type that are looked at: those of a larger array from here on are not.
const MOST: usize = 1 << 16;

impl Validity {
    /// Values of a struct with these fields.
    #[must_use]
    pub const fn of_fields(fields: &'static [ValueField]) -> Validity {
        let mut at = 0;
        while at < fields.len() {
            if !fields[at].value.is_any() {
                return Validity::Fields(fields);
            }
            at += 1;
        }
        Validity::Any
    }

    /// Values of an array.
    #[must_use]
    pub const fn of_array(element: &'static Validity, stride: usize, count: usize) -> Validity {
        if element.is_any() || count == 0 { Validity::Any } else { Validity::Array { element, stride, count } }
    }

    /// Values of an enum without fields. One that has no bytes has nothing to look at.
    #[must_use]
    pub const fn of_enum(discriminants: &'static Discriminants) -> Validity {
        if discriminants.size == 0 || discriminants.size > 8 { Validity::Any } else { Validity::Enum(discriminants) }
    }

    /// The first of these that says something.
    #[must_use]
    pub const fn first(all: &[Option<Validity>]) -> Validity {
        let mut at = 0;
        while at < all.len() {
            if let Some(value) = all[at] {
                return value;
            }
            at += 1;
        }
        Validity::Any
    }

    /// True if all bytes are values.
    #[inline(always)]
    #[must_use]
    pub const fn is_any(&self) -> bool {
        matches!(self, Validity::Any)
    }

    /// True for a type whose values have no parts.
    pub(crate) const fn is_leaf(&self) -> bool {
        !matches!(self, Validity::Any | Validity::Fields(_) | Validity::Array { .. })
    }

    /// Bytes of a value without parts.
    const fn size(&self) -> usize {
        match self {
            Validity::Bool => 1,
            Validity::Char => 4,
            Validity::NonZero(size) => *size,
            Validity::Pointer(..) => size_of::<usize>(),
            Validity::Enum(discriminants) => discriminants.size,
            Validity::Any | Validity::Fields(_) | Validity::Array { .. } => 0,
        }
    }

    /// True if these bytes are a value of a type without parts.
    pub(crate) fn has(&self, bits: u64) -> bool {
        match self {
            Validity::Bool => bits <= 1,
            Validity::Char => u32::try_from(bits).ok().and_then(char::from_u32).is_some(),
            Validity::NonZero(_) => bits != 0,
            Validity::Pointer(pointer, align) => usize::try_from(bits).is_ok_and(|bits| pointer.has(bits, *align)),
            Validity::Enum(discriminants) => discriminants.has(bits),
            Validity::Any | Validity::Fields(_) | Validity::Array { .. } => true,
        }
    }

    /// Calls `each` with every part of a value that has no parts itself: its offset, which values
    /// it has, and the bytes that are there. Ends when `each` returns false.
    ///
    /// # Safety
    /// - At `address` there are the bytes of the type, mapped for the time of the call.
    pub(crate) unsafe fn each_leaf(
        &'static self,
        address: usize,
        each: &mut dyn FnMut(usize, &'static Validity, u64) -> bool,
    ) -> bool {
        let mut left = MOST;
        // SAFETY: the caller promises the bytes of the type.
        unsafe { self.walk(address, 0, &mut left, each) }
    }

    /// # Safety
    /// - What [`each_leaf`](Validity::each_leaf) asks for, at `address + offset`.
    unsafe fn walk(
        &'static self,
        address: usize,
        offset: usize,
        left: &mut usize,
        each: &mut dyn FnMut(usize, &'static Validity, u64) -> bool,
    ) -> bool {
        match self {
            Validity::Any => true,
            Validity::Fields(fields) => fields.iter().all(|field| {
                // SAFETY: the field lies in the type.
                unsafe { field.value.walk(address, offset + field.offset, left, each) }
            }),
            Validity::Array { element, stride, count } => (0..*count).all(|at| {
                // SAFETY: the element lies in the array.
                *left > 0 && unsafe { element.walk(address, offset + at * stride, left, each) }
            }),
            leaf => {
                *left = left.saturating_sub(1);
                // SAFETY: the caller promises the bytes of the type.
                let bits = unsafe { bits_at(address + offset, leaf.size()) };
                each(offset, leaf, bits)
            }
        }
    }

    /// True if a value without parts is at this address; false if that is to be looked at closely.
    ///
    /// # Safety
    /// - What [`each_leaf`](Validity::each_leaf) asks for.
    #[inline(always)]
    pub(crate) unsafe fn is_plainly_at(&'static self, address: usize) -> bool {
        match self {
            Validity::Any => true,
            // SAFETY: the caller promises the bytes of the type.
            Validity::Bool => unsafe { bits_at(address, 1) <= 1 },
            Validity::Char => false,
            // SAFETY: as above.
            Validity::Enum(discriminants) => discriminants.has(unsafe { bits_at(address, discriminants.size) }),
            // SAFETY: as above.
            Validity::NonZero(size) => unsafe { bits_at(address, *size) != 0 },
            // SAFETY: as above.
            Validity::Pointer(_, align) if *align <= 1 => unsafe { bits_at(address, size_of::<usize>()) != 0 },
            Validity::Pointer(..) | Validity::Fields(_) | Validity::Array { .. } => false,
        }
    }

    /// The way to the part at an offset: `a.b[3]`; empty for the value itself.
    pub(crate) fn path(&self, offset: usize) -> String {
        match self {
            Validity::Fields(fields) => {
                let before = fields.iter().filter(|field| !field.value.is_any() && field.offset <= offset);
                let field = before.max_by_key(|field| field.offset);
                let Some(field) = field else { return String::new() };
                let rest = field.value.path(offset - field.offset);
                let dot = if rest.is_empty() || rest.starts_with('[') { "" } else { "." };
                format!("{}{dot}{rest}", field.name)
            }
            Validity::Array { element, stride, .. } if *stride > 0 => {
                let rest = element.path(offset % stride);
                let dot = if rest.is_empty() || rest.starts_with('[') { "" } else { "." };
                format!("[{}]{dot}{rest}", offset / stride)
            }
            _ => String::new(),
        }
    }
}

impl PointerValue {
    /// True if a pointer of this sort may have this address.
    #[inline(always)]
    pub(crate) const fn has(self, address: usize, align: usize) -> bool {
        match self {
            PointerValue::Any => true,
            PointerValue::NonNull | PointerValue::Function => address != 0,
            PointerValue::Reference | PointerValue::Box => address != 0 && address & (align.wrapping_sub(1)) == 0,
        }
    }

    /// The sort that a number of [`repr`](PointerValue) stands for.
    #[inline(always)]
    pub(crate) const fn of_number(number: u32) -> PointerValue {
        match number {
            1 => PointerValue::NonNull,
            2 => PointerValue::Reference,
            3 => PointerValue::Box,
            4 => PointerValue::Function,
            _ => PointerValue::Any,
        }
    }
}

impl Discriminants {
    fn has(&self, bits: u64) -> bool {
        let mask = u64::MAX >> (64 - 8 * self.size.clamp(1, 8));
        // A discriminant of its bytes: the upper ones say nothing.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        self.values.iter().any(|value| *value as u64 & mask == bits)
    }

    /// The number that these bytes are.
    pub(crate) fn number(&self, bits: u64) -> i128 {
        let unused = 64 - 8 * u32::try_from(self.size.clamp(1, 8)).unwrap_or(8);
        match self.signed {
            true => i128::from((bits << unused).cast_signed() >> unused),
            false => i128::from(bits),
        }
    }
}

/// The number that `size` bytes are, eight at most.
///
/// # Safety
/// - They are mapped.
#[inline(always)]
unsafe fn bits_at(address: usize, size: usize) -> u64 {
    let at = std::ptr::with_exposed_provenance::<u8>(address);
    // One byte after the other, since a field may be misaligned; volatile, since the bytes may be
    // any that C has left there.
    // SAFETY: the caller says that they are mapped.
    let byte = |index| unsafe { at.add(index).read_volatile() };
    let number = |index: usize| {
        u64::from(byte(index)) << (8 * if cfg!(target_endian = "big") { size - 1 - index } else { index })
    };
    (0..size.min(8)).fold(0, |bits, index| bits | number(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    static MODE: Discriminants = Discriminants { size: 2, signed: true, values: &[-1, 0, 7], name: || "Mode" };

    #[test]
    fn each_type_has_its_values() {
        assert!(Validity::Bool.has(1) && !Validity::Bool.has(2) && !Validity::Bool.has(255));
        assert!(Validity::Char.has(0x10_FFFF) && !Validity::Char.has(0xD800) && !Validity::Char.has(0x11_0000));
        let mode = Validity::Enum(&MODE);
        assert!(mode.has(0xFFFF) && mode.has(7) && !mode.has(6) && !mode.has(0xFFFE));
        assert_eq!((MODE.number(0xFFFE), MODE.number(7)), (-2, 7));
        assert!(PointerValue::Any.has(0, 8) && !PointerValue::NonNull.has(0, 8) && PointerValue::NonNull.has(3, 8));
        assert!(!PointerValue::Reference.has(3, 2) && PointerValue::Reference.has(4, 2));
    }

    #[test]
    fn parts_are_found_by_their_way() {
        static BOOL: Validity = Validity::Bool;
        static FLAGS: Validity = Validity::of_array(&BOOL, 1, 3);
        static FIELDS: Validity = Validity::of_fields(&[
            ValueField { name: "n", offset: 0, value: &Validity::Any },
            ValueField { name: "flags", offset: 4, value: &FLAGS },
            ValueField { name: "mode", offset: 8, value: &Validity::Enum(&MODE) },
        ]);
        let bytes = [9_u8, 9, 9, 9, 0, 1, 2, 9, 7, 0];
        let mut found = Vec::new();
        // SAFETY: the bytes of such a struct.
        unsafe {
            FIELDS.each_leaf(bytes.as_ptr().expose_provenance(), &mut |offset, leaf, bits| {
                found.push((FIELDS.path(offset), leaf.has(bits)));
                true
            })
        };
        let found: Vec<_> = found.iter().map(|(path, is)| (path.as_str(), *is)).collect();
        assert_eq!(found, [("flags[0]", true), ("flags[1]", true), ("flags[2]", false), ("mode", true)]);
        assert!(Validity::of_fields(&[ValueField { name: "n", offset: 0, value: &Validity::Any }]).is_any());
    }
}
