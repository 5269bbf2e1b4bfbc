//! The argument registers of a variadic call, as its trampoline has saved them.

use std::mem::{ManuallyDrop, MaybeUninit};

/// Registers for integers and pointers, and for floats, of the calling convention.
#[cfg(target_arch = "x86_64")]
const GENERAL: usize = 6;
#[cfg(not(target_arch = "x86_64"))]
const GENERAL: usize = 8;
const VECTOR: usize = 8;

/// The registers, in the trampoline's frame.
#[cfg(target_arch = "x86_64")]
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Registers {
    general: [u64; GENERAL],
    /// `al`: how many vector registers the call uses at most.
    _vectors: u64,
    stack: *const u64,
    vector: [[u64; 2]; VECTOR],
    return_address: usize,
}

/// The registers, in the trampoline's frame.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Registers {
    general: [u64; GENERAL],
    /// `x8`: where a large result goes.
    _result: u64,
    stack: *const u64,
    return_address: usize,
    _unused: u64,
    vector: [[u64; 2]; VECTOR],
}

/// The arguments of a variadic call that are still to be read.
#[derive(Clone, Debug)]
pub struct Saved<'a> {
    registers: &'a Registers,
    general: usize,
    vector: usize,
    stack: usize,
}

/// Registers that a value goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    General,
    Vector,
}

impl<'a> Saved<'a> {
    /// All arguments of the call.
    ///
    /// # Safety
    /// - `registers` lie in the frame of a trampoline, which lives as long as this.
    #[must_use]
    pub unsafe fn of(registers: *const Registers) -> Saved<'a> {
        // SAFETY: the caller promises them, for as long.
        Saved { registers: unsafe { &*registers }, general: 0, vector: 0, stack: 0 }
    }

    /// Where the call returns to.
    pub(crate) fn return_address(&self) -> usize {
        self.registers.return_address
    }

    /// Reads the next argument. `None` if it is not known where such a value lies: it is larger
    /// than a register.
    ///
    /// # Safety
    /// - The call has passed a `T` there.
    #[must_use]
    pub unsafe fn next<T>(&mut self) -> Option<ManuallyDrop<T>> {
        let word = match class::<T>()? {
            Class::General => self.general(),
            Class::Vector => self.vector(),
        };
        // SAFETY: the word holds a `T`, as the caller says: at its start, since the machine is
        // little-endian. It stays where it is, in the frame of the caller's caller.
        Some(unsafe { word.cast::<ManuallyDrop<T>>().read() })
    }

    /// Where the next integer or pointer lies.
    pub(crate) fn general(&mut self) -> *const u64 {
        match self.registers.general.get(self.general) {
            Some(word) => {
                self.general += 1;
                word
            }
            None => self.on_the_stack(),
        }
    }

    /// Where the next `double` lies.
    pub(crate) fn vector(&mut self) -> *const u64 {
        match self.registers.vector.get(self.vector) {
            Some(words) => {
                self.vector += 1;
                words.as_ptr()
            }
            None => self.on_the_stack(),
        }
    }

    fn on_the_stack(&mut self) -> *const u64 {
        self.stack += 1;
        self.registers.stack.wrapping_add(self.stack - 1)
    }
}

/// Registers that a `T` goes through; `None` if it takes more than one, or none.
///
/// What the compiler does with a type is asked by a call: a function that takes a `T` tells what it
/// got, where the registers hold different bytes.
#[inline]
fn class<T>() -> Option<Class> {
    if size_of::<T>() == 0 || size_of::<T>() > 8 {
        return None;
    }
    let [one, other] = [(1, 2), (3, 4)].map(|(general, vector)| match ask::<T>(general, vector) {
        bytes if bytes == [general; 2] => Some(Class::General),
        bytes if bytes == [vector; 2] => Some(Class::Vector),
        _ => None,
    });
    one.filter(|_| one == other)
}

/// The first and the last byte of what a C function gets for a `T`, where the bytes of the first
/// general and of the first vector register are these, and no others are.
#[inline]
fn ask<T>(general: u8, vector: u8) -> [u8; 2] {
    extern "C" fn ends<T>(value: MaybeUninit<T>) -> u64 {
        let bytes = (&raw const value).cast::<u8>();
        // SAFETY: a `T` has a byte, and the caller, which is the `asm!` below, has set each.
        let ends = unsafe { [bytes.read_volatile(), bytes.add(size_of::<T>() - 1).read_volatile()] };
        u64::from(u16::from_le_bytes(ends))
    }
    let function = ends::<T> as extern "C" fn(MaybeUninit<T>) -> u64 as usize;
    let none = f64::from_bits(0);
    let [general, vector] = [general, vector].map(|byte| u64::from_ne_bytes([byte; 8]));
    let answer: u64;
    // SAFETY: a C function is called as the platform's convention says, on an aligned stack; any
    // bytes make a `MaybeUninit`, and all registers that the call may change are said to be.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "call {function}",
            function = in(reg) function,
            in("rdi") general,
            in("xmm0") f64::from_bits(vector),
            in("xmm1") none,
            lateout("rax") answer,
            clobber_abi("C"),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "blr {function}",
            function = in(reg) function,
            inlateout("x0") general => answer,
            in("v0") f64::from_bits(vector),
            in("v1") none,
            clobber_abi("C"),
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let _ = (function, general, vector, none);
        answer = 0;
    }
    let [first, last, ..] = answer.to_le_bytes();
    [first, last]
}

#[cfg(test)]
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod tests {
    use super::*;
    use std::ffi::{c_char, c_int, c_void};

    #[repr(C)]
    struct Floats(f32, f32);
    #[repr(C)]
    struct Mixed(f32, i32);
    #[repr(transparent)]
    struct Transparent(c_int);
    #[repr(u32)]
    #[allow(dead_code)]
    enum Choice {
        One = 1,
    }

    #[test]
    fn the_registers_of_a_type_are_those_that_the_compiler_uses() {
        assert_eq!(class::<c_int>(), Some(Class::General));
        assert_eq!(class::<*const c_char>(), Some(Class::General));
        assert_eq!(class::<Option<extern "C" fn(*mut c_void)>>(), Some(Class::General));
        assert_eq!(class::<Choice>(), Some(Class::General));
        assert_eq!(class::<Transparent>(), Some(Class::General));
        assert_eq!(class::<bool>(), Some(Class::General));
        assert_eq!(class::<f64>(), Some(Class::Vector));
        assert_eq!(class::<f32>(), Some(Class::Vector));
        assert_eq!(class::<Floats>(), Some(Class::Vector));
        assert_eq!(class::<Mixed>(), Some(Class::General));
        assert_eq!(class::<()>(), None);
        assert_eq!(class::<[u64; 2]>(), None);
    }
}
