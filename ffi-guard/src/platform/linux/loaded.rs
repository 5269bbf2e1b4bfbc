//! The module that this code is part of: the executable, which stays, or a shared object.

use std::{ptr, slice};

use libc::{Elf64_Phdr, PT_LOAD, PT_PHDR};

use crate::platform::{fork_gate, unix};

/// Keeps the module that this code is part of in memory until the process ends. In the executable
/// there is nothing to do, and the loader's lock is not taken.
pub(crate) fn stay() {
    // A static program has no modules.
    if cfg!(target_feature = "crt-static") || is_in_executable() {
        return;
    }
    // In the gate, for the loader's lock.
    fork_gate::run(unix::loaded::stay);
}

/// True if this code is part of the executable. Asks the kernel's own notes, not the loader.
pub(super) fn is_in_executable() -> bool {
    static HERE: u8 = 0;
    // SAFETY: no precondition.
    let (at, count) = unsafe { (libc::getauxval(libc::AT_PHDR), libc::getauxval(libc::AT_PHNUM)) };
    let (at, count) = (at as usize, count as usize);
    if at == 0 {
        return false;
    }
    // SAFETY: the program headers of the executable, which stay mapped for the life of the process.
    let headers = unsafe { slice::from_raw_parts(ptr::with_exposed_provenance::<Elf64_Phdr>(at), count) };
    // One that is not position-independent may have no such header, and lies where it was linked.
    let own = headers.iter().find(|header| header.p_type == PT_PHDR);
    let base = own.map_or(0, |own| at.wrapping_sub(own.p_vaddr as usize));
    let here = (&raw const HERE).addr();
    headers.iter().filter(|header| header.p_type == PT_LOAD).any(|header| {
        let start = base.wrapping_add(header.p_vaddr as usize);
        here.wrapping_sub(start) < header.p_memsz as usize
    })
}
