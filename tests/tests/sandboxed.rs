//! What the guard does where a sandbox refuses the calls by which it reads C's memory.
#![cfg(target_os = "linux")]

use c_fixtures::slides::{SomeStructStr, process_struct_str};
use ffi_guard::{GuardAlloc, Rule, catch, expect_violation};
use ffi_guard_tests::calloc::Calloc;
use ffi_guard_tests::process::{is_child, run_self, stderr};

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

const SAID: &str = "the system refuses process_vm_readv";

/// From here on the calling thread, and any thread it starts, is refused these calls.
fn refuse(calls: &[libc::c_long], error: i32) {
    let statement = |code: u32, k: u32, jt, jf| libc::sock_filter { code: code as u16, jt, jf, k };
    let ret = libc::BPF_RET | libc::BPF_K;
    let number = std::mem::offset_of!(libc::seccomp_data, nr);
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, number as u32, 0, 0)];
    for &call in calls {
        program.push(statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 0, 1));
        program.push(statement(ret, libc::SECCOMP_RET_ERRNO | error as u32, 0, 0));
    }
    program.push(statement(ret, libc::SECCOMP_RET_ALLOW, 0, 0));
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program is as long as it says, and lives through the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program), 0);
    }
}

/// C memory with a pointer to a Rust text in it.
fn c_struct_with_rust_text() -> (std::ffi::CString, Calloc<SomeStructStr>) {
    let text = c"Gopher".to_owned();
    let some = Calloc::new(SomeStructStr { a: 1, b: 2, c: 3, str: text.as_ptr().cast_mut() });
    (text, some)
}

/// Runs the body in a process at level 2, which must end well; returns what it said.
fn in_sandbox(test: &str, body: impl FnOnce()) -> Option<String> {
    if is_child() {
        body();
        return None;
    }
    let output = run_self(test, &[("GUARD", "2")]);
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    Some(said)
}

fn pointer_in_c_memory_is_found() {
    let (text, some) = c_struct_with_rust_text();
    for _ in 0..3 {
        // SAFETY: alive until the drop, as is its string.
        expect_violation!(Rule::NestedPointer, { unsafe { process_struct_str(some.as_ptr()) } });
    }
    drop((text, some));
}

/// The error by which the system refuses the call as it is: an emulator may not know it.
fn refused_already() -> Option<i32> {
    let none = std::ptr::null::<libc::iovec>();
    // SAFETY: nothing is to be read.
    let read = unsafe { libc::syscall(libc::SYS_process_vm_readv, libc::getpid(), none, 0, none, 0, 0) };
    (read < 0).then(|| std::io::Error::last_os_error().raw_os_error()).flatten()
}

/// Has a process of its own refused the one call, by this error.
fn reads_through_a_pipe(test: &str, error: i32) {
    let said = in_sandbox(test, || {
        if refused_already() != Some(error) {
            refuse(&[libc::SYS_process_vm_readv], error);
        }
        pointer_in_c_memory_is_found();
    });
    assert!(said.is_none_or(|said| !said.contains(SAID)));
}

#[test]
fn where_process_vm_readv_is_forbidden_c_memory_is_read_through_a_pipe() {
    reads_through_a_pipe("where_process_vm_readv_is_forbidden_c_memory_is_read_through_a_pipe", libc::EPERM);
}

#[test]
fn where_process_vm_readv_is_unknown_c_memory_is_read_through_a_pipe() {
    reads_through_a_pipe("where_process_vm_readv_is_unknown_c_memory_is_read_through_a_pipe", libc::ENOSYS);
}

#[test]
fn without_a_pipe_as_well_one_line_says_that_it_is_not_read() {
    let said = in_sandbox("without_a_pipe_as_well_one_line_says_that_it_is_not_read", || {
        refuse(&[libc::SYS_process_vm_readv, libc::SYS_pipe2], libc::EPERM);
        let (_text, some) = c_struct_with_rust_text();
        for _ in 0..3 {
            // SAFETY: alive until the drop, as is its string.
            let sum = catch(|| unsafe { process_struct_str(some.as_ptr()) });
            assert!(sum.is_ok(), "what is not read is not reported");
        }
    });
    if let Some(said) = said {
        assert_eq!(said.matches(SAID).count(), 1, "{said}");
    }
}
