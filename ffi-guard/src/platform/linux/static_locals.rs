//! Where the calling thread's copy of a module's thread-local variables lies, by what the loader
//! wrote for the module's code.
//!
//! Code that asks the loader for its variables by `__tls_get_addr` makes them known to
//! `dl_iterate_phdr`. Other code never asks: the loader has put the module's variables into room
//! that every thread has at the same distance from its own address, and wrote that distance into
//! the module. So it is with the model "initial-exec", and with TLS descriptors, which are what
//! compilers for 64-bit ARM use. Of a module that came later, by `dlopen`, the loader then says
//! that the thread has no copy.

use std::ptr;

use libc::{Elf64_Sym, PF_R, PT_DYNAMIC, PT_LOAD};

use super::modules::{self, Module, Segment};
use super::thread;

/// The relocation by which a word gets a variable's distance from the thread's address.
const DISTANCE: Option<u32> = of_machine(18, 1030);
/// The relocation of a TLS descriptor: a function and its argument. The argument is that distance
/// where the variables lie at a fixed one, and an address elsewhere.
const DESCRIPTOR: Option<u32> = of_machine(36, 1031);

const fn of_machine(x86_64: u32, aarch64: u32) -> Option<u32> {
    if cfg!(target_arch = "x86_64") {
        Some(x86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(aarch64)
    } else {
        None
    }
}

/// The largest distance: the argument of a descriptor that is further off is an address.
const FAR: usize = 1 << 20;

/// Bytes above the thread's address that are the C library's, where variables lie above them.
const C_LIBRARYS: usize = 16;

/// The first byte of the calling thread's copy, which has this length. `None` if the module's code
/// does not tell it.
pub(super) fn start(module: &Module<'_>, len: usize) -> Option<usize> {
    let pointer = thread::pointer()?;
    let by = |module: &Module<'_>, len, named| Tables::of(module)?.start(pointer, len, named);
    by(module, len, false).or_else(|| {
        // Another module may have a variable of that name, which the loader took. The distance is
        // then that module's.
        by(module, len, true).filter(|&start| {
            let mut alone = true;
            modules::each(&mut |other| {
                let copy = (other.base() != module.base()).then(|| {
                    other.told_thread_locals().or_else(|| {
                        let len = other.thread_locals_len()?;
                        Some(Segment { start: by(other, len, false)?, len })
                    })
                });
                alone = copy.flatten().is_none_or(|copy| {
                    start.saturating_add(len) <= copy.start || copy.start.saturating_add(copy.len) <= start
                });
                alone
            });
            alone
        })
    })
}

/// An entry of the section `.dynamic`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Entry {
    tag: u64,
    value: u64,
}

/// An entry of a table of relocations.
#[derive(Clone, Copy)]
#[repr(C)]
struct Relocation {
    offset: u64,
    info: u64,
    addend: i64,
}

impl Relocation {
    fn kind(&self) -> u32 {
        self.info as u32
    }

    /// The index of its symbol; 0 for the module's own variables.
    fn symbol(&self) -> usize {
        (self.info >> 32) as usize
    }
}

/// A module's tables of relocations: addresses in its memory, and bytes.
struct Tables<'module> {
    module: &'module Module<'module>,
    /// Of data, without those first ones that concern no symbol; and of functions.
    relocations: [(usize, usize); 2],
    symbols: usize,
}

impl<'module> Tables<'module> {
    fn of(module: &'module Module<'module>) -> Option<Tables<'module>> {
        const FUNCTIONS_LEN: u64 = 2;
        const SYMBOLS: u64 = 6;
        const DATA: u64 = 7;
        const DATA_LEN: u64 = 8;
        const FUNCTIONS: u64 = 23;
        const WITHOUT_SYMBOL: u64 = 0x6fff_fff9;
        let [mut data, mut data_len, mut functions, mut functions_len, mut symbols, mut skipped] = [0_usize; 6];
        let dynamic = module.segment(module.of_type(PT_DYNAMIC).next()?);
        for index in 0..dynamic.len / size_of::<Entry>() {
            let entry: Entry = read(module, dynamic.start + index * size_of::<Entry>())?;
            let value = entry.value as usize;
            // glibc writes loaded addresses over the linker's, musl does not.
            let address = || if module.contains(value) { value } else { module.base().wrapping_add(value) };
            match entry.tag {
                0 => break,
                FUNCTIONS_LEN => functions_len = value,
                SYMBOLS => symbols = address(),
                DATA => data = address(),
                DATA_LEN => data_len = value,
                FUNCTIONS => functions = address(),
                WITHOUT_SYMBOL => skipped = value.saturating_mul(size_of::<Relocation>()),
                _ => {}
            }
        }
        let data = (data.saturating_add(skipped), data_len.saturating_sub(skipped));
        Some(Tables { module, relocations: [data, (functions, functions_len)], symbols })
    }

    /// The first byte of the thread's copy, by the first relocation that tells it: by one with the
    /// name of a variable, or by one without.
    fn start(&self, pointer: usize, len: usize, named: bool) -> Option<usize> {
        self.relocations.iter().filter(|table| table.1 != 0).find_map(|&(at, bytes)| {
            (0..bytes / size_of::<Relocation>()).find_map(|index| {
                let relocation: Relocation = read(self.module, at + index * size_of::<Relocation>())?;
                if (relocation.symbol() != 0) != named {
                    return None;
                }
                let distance = self.distance(&relocation)?;
                let offset = if named { self.variable(relocation.symbol())? } else { 0 };
                let offset = offset.wrapping_add_signed(relocation.addend as isize);
                let start = pointer.wrapping_add(distance).wrapping_sub(offset);
                let end = start.checked_add(len)?;
                // What the linker left in the word, if the loader was not there yet, is not so far
                // off.
                let fits = if cfg!(target_arch = "x86_64") { end <= pointer } else { start >= pointer + C_LIBRARYS };
                (fits && offset < len.max(1)).then_some(start)
            })
        })
    }

    /// What the loader wrote for the relocation, if that is a distance from the thread's address.
    fn distance(&self, relocation: &Relocation) -> Option<usize> {
        let at = self.module.base().wrapping_add(relocation.offset as usize);
        let distance: usize = match Some(relocation.kind()) {
            DISTANCE => read(self.module, at)?,
            DESCRIPTOR => {
                let [function, argument]: [usize; 2] = read(self.module, at)?;
                (function != 0).then_some(argument)?
            }
            _ => return None,
        };
        (distance != 0 && distance.cast_signed().unsigned_abs() < FAR).then_some(distance)
    }

    /// The offset of a variable that the module defines, and of which no more than one module may
    /// have its own.
    fn variable(&self, index: usize) -> Option<usize> {
        const GLOBAL: u8 = 1;
        let symbol: Elf64_Sym = read(self.module, self.symbols.checked_add(index * size_of::<Elf64_Sym>())?)?;
        (symbol.st_shndx != 0 && symbol.st_info >> 4 <= GLOBAL).then_some(symbol.st_value as usize)
    }
}

/// What lies at an address of the module; `None` if that is not in a part that can be read.
fn read<T: Copy>(module: &Module<'_>, at: usize) -> Option<T> {
    let end = at.checked_add(size_of::<T>())?;
    let is_there = |part: Segment| part.start <= at && end <= part.start.saturating_add(part.len);
    let mut parts = module.of_type(PT_LOAD).filter(|header| header.p_flags & PF_R != 0);
    if !at.is_multiple_of(align_of::<T>()) || !parts.any(|header| is_there(module.segment(header))) {
        return None;
    }
    // SAFETY: in a readable part of the module, which stays loaded during the loader's callback;
    // the address is aligned, and any bytes are numbers, which each `T` here is made of. The loader
    // may still be writing: so the value is read once, and what comes of it is checked.
    Some(unsafe { ptr::read_volatile(ptr::with_exposed_provenance::<T>(at)) })
}
