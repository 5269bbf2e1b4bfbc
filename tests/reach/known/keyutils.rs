//! keyutils 0.2.0 makes a `CString`, keeps its pointer and drops it before the call; 0.2.1 repaired
//! that.

use keyutils::Keyring;

fn main() {
    // Whether the kernel lets the process have a keyring or not: the name has crossed.
    println!("joined: {}", Keyring::join_session("ffi-guard").is_ok());
}
