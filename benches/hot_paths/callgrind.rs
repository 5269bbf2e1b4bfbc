//! Valgrind's callgrind from both sides: what the measured program asks of it, and how its output
//! is read.
//!
//! Instructions are counted between two requests, so that what the program does before the first
//! does not count.

use std::ffi::CStr;
use std::path::Path;
use std::process::Command;

/// Callgrind's requests: `VG_USERREQ_TOOL_BASE('C', 'T')` and up, as `callgrind.h` lists them.
const DUMP_AT: usize = 0x4354_0003;
const START: usize = 0x4354_0004;
const STOP: usize = 0x4354_0005;

/// Name of a dump that is not read.
const BEFORE: &CStr = c"before";
/// Name of a dump that has the instructions of one block.
const BLOCK: &CStr = c"block";

/// Speaks to the valgrind that runs this program. Does nothing without one.
#[inline(always)]
fn request(what: usize, argument: usize) {
    let arguments = [what, argument, 0, 0, 0, 0];
    // SAFETY: a processor executes four rotations, which together leave `rdi` as it was, and
    // exchanges `rbx` with itself. Valgrind recognises the sequence, reads the six words at `rax`,
    // which live until the end of this function, and writes its answer to `rdx`.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") 0usize => _,
        );
    }
}

/// Runs a block of operations under the counter, `rounds` times.
#[inline(always)]
pub(crate) fn count(rounds: u32, mut block: impl FnMut()) {
    request(START, 0);
    block();
    request(DUMP_AT, BEFORE.as_ptr().addr());
    for _ in 0..rounds {
        block();
        request(DUMP_AT, BLOCK.as_ptr().addr());
    }
    request(STOP, 0);
}

/// Runs a program under callgrind: the instructions of each block that it counts.
pub(crate) fn run(program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Vec<u64> {
    let file = std::env::temp_dir().join(format!("hot_paths.{}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--instr-atstart=no", "--combine-dumps=yes"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(variables.iter().copied())
        .output()
        .expect("valgrind starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let dumps = std::fs::read_to_string(&file).expect("callgrind has written its dumps");
    std::fs::remove_file(&file).expect("the file that was read goes away");

    let counted = format!("desc: Trigger: Client Request: {}", BLOCK.to_string_lossy());
    let mut counts = Vec::new();
    let mut in_block = false;
    for line in dumps.lines() {
        if line.starts_with("desc: Trigger: ") {
            in_block = line == counted;
        } else if let Some(total) = line.strip_prefix("totals: ").filter(|_| in_block) {
            counts.push(total.parse().expect("a number of instructions"));
        }
    }
    counts
}
