//! Reading memory through the kernel.

use std::ffi::c_int;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::platform::process;
pub(crate) use crate::platform::unix::read::{len_with_nul, nul};

/// Set once the system has refused `process_vm_readv`: some sandboxes do, and qemu-user lacks it.
static REFUSED: AtomicBool = AtomicBool::new(false);
/// Set once the pipe in its place was refused as well, and that was said.
static SAID: AtomicBool = AtomicBool::new(false);

/// Copies bytes from an address that may not be mapped; `None` if they cannot all be read.
///
/// A typed pointer into C memory is usually good, but C libraries also hand out small integers and
/// all-ones in a pointer's clothes. The kernel does the copy (`process_vm_readv` on ourselves), so
/// a bad address is an error instead of a fault. Where it refuses that call, it copies through a
/// pipe.
pub(crate) fn read(address: usize, into: &mut [u8]) -> Option<()> {
    if REFUSED.load(Ordering::Relaxed) {
        return through_pipe(address, into);
    }
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote = libc::iovec { iov_base: ptr::with_exposed_provenance_mut(address), iov_len: into.len() };
    // SAFETY: `local` is a live, exclusive slice; `remote` is only read, by the kernel, which
    // checks it.
    let n = unsafe { libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0) };
    if n < 0 && is_refused() {
        REFUSED.store(true, Ordering::Relaxed);
        return through_pipe(address, into);
    }
    (usize::try_from(n) == Ok(into.len())).then_some(())
}

/// True if the last call failed because the system has none of that name, or a sandbox forbids it.
fn is_refused() -> bool {
    matches!(io::Error::last_os_error().raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS))
}

/// Writes the bytes into a pipe, which fails at a bad address, and reads them from there. The pipe
/// is made for this one read: two threads, or a process and its fork, would mix their bytes in one,
/// and a program may close all descriptors at any time.
fn through_pipe(address: usize, into: &mut [u8]) -> Option<()> {
    let Some(pipe) = Pipe::new() else {
        if is_refused() && !SAID.swap(true, Ordering::Relaxed) {
            process::say(format_args!(
                "the system refuses process_vm_readv, and a pipe: pointers inside C memory are not looked at"
            ));
        }
        return None;
    };
    let mut done = 0;
    while done < into.len() {
        let rest = into.get_mut(done..)?;
        let from = ptr::with_exposed_provenance(address.checked_add(done)?);
        // SAFETY: the bytes are read by the kernel, which checks the address; the pipe is open.
        let n = usize::try_from(unsafe { libc::write(pipe.write, from, rest.len()) }).ok().filter(|&n| n > 0)?;
        // SAFETY: at least `n` bytes are live and exclusive; the pipe is open, and holds `n` bytes.
        let came = unsafe { libc::read(pipe.read, rest.as_mut_ptr().cast(), n) };
        if usize::try_from(came) != Ok(n) {
            return None;
        }
        done += n;
    }
    Some(())
}

/// Both ends of a pipe, closed by the drop. A full pipe is an error and no wait.
struct Pipe {
    read: c_int,
    write: c_int,
}

impl Pipe {
    fn new() -> Option<Pipe> {
        let mut ends = [0; 2];
        // SAFETY: there is room for two descriptors.
        let made = unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) };
        let [read, write] = ends;
        // Made if it is one: what is dropped is closed.
        (made == 0).then(|| Pipe { read, write })
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // SAFETY: the two are open and this value's own.
        unsafe {
            libc::close(self.read);
            libc::close(self.write);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_reads_as_much_and_refuses_a_bad_address() {
        let bytes: Vec<u8> = (0..300_000_u32).map(|i| i.to_le_bytes()[1]).collect();
        let mut into = vec![0; bytes.len()];
        assert_eq!(through_pipe(bytes.as_ptr().addr(), &mut into), Some(()));
        assert!(bytes == into);
        assert_eq!(through_pipe(8, &mut [0; 8]), None);
        assert_eq!(through_pipe(usize::MAX - 7, &mut [0; 16]), None);
        assert_eq!(through_pipe(8, &mut []), Some(()));
    }
}
