//! `cargo run --example hashpass -- 'Correct Horse Battery Staple'`: slide 66 of the talk, under
//! the guard.
//!
//! The exit status is 0 with the hash on standard output, 2 if the arguments or the input make no
//! sense, and 1 if the machine could not do it.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;

use hashpass::{Limits, Password};

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

const USAGE: &str = "\
Hashes a password with libsodium, and checks the hash.

Usage: hashpass [--sensitive] [--] [PASSWORD]

Without PASSWORD, it is the one line of standard input. Other users of the machine can see what stands on a command line.

  --sensitive   1 GiB and 4 passes, in place of 64 MiB and 2
  --help        this text
";

/// The reason why the arguments or the input make no sense.
type Complaint = String;

fn main() -> ExitCode {
    let (limits, password) = match asked() {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(complaint) => {
            eprintln!("hashpass: {complaint}\n\nUsage: hashpass [--sensitive] [--] [PASSWORD]");
            return ExitCode::from(2);
        }
    };
    let hashed = match hashpass::hash(&password, limits) {
        Ok(hashed) => hashed,
        Err(error) => {
            eprintln!("hashpass: {error}");
            return ExitCode::FAILURE;
        }
    };
    if !hashpass::verify(&hashed, &password) {
        eprintln!("hashpass: libsodium does not know its own hash again: {hashed}");
        return ExitCode::FAILURE;
    }
    println!("{hashed}");
    ExitCode::SUCCESS
}

/// The request from the command line and standard input. `None` if help was asked for.
fn asked() -> Result<Option<(Limits, Password)>, Complaint> {
    let mut limits = Limits::Interactive;
    let mut given: Option<OsString> = None;
    let mut flags = true;
    for argument in std::env::args_os().skip(1) {
        match argument.to_str() {
            Some("--") if flags => flags = false,
            Some("--sensitive") if flags => limits = Limits::Sensitive,
            Some("--help" | "-h") if flags => return Ok(None),
            Some(flag) if flags && flag.starts_with('-') => {
                return Err(format!("unknown flag `{flag}`; a password that begins with `-` goes after `--`"));
            }
            _ if given.is_some() => return Err("two passwords; quote one that has spaces".into()),
            _ => given = Some(argument),
        }
    }
    let bytes = match given {
        Some(password) => password.into_encoded_bytes(),
        None => line()?,
    };
    let password = Password::new(bytes).map_err(|error| error.to_string())?;
    Ok(Some((limits, password)))
}

/// The one line of standard input, without its end.
fn line() -> Result<Vec<u8>, Complaint> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        // The terminal would show the password while it is typed.
        return Err("no password: give it as an argument, or on standard input by a pipe".into());
    }
    // Room for the end of the line, `\r\n` at most, and one byte more, which shows that the
    // password is too long. The room is allocated at once, because a vector that grows leaves its
    // bytes in the old block.
    let most = Password::MAX + 3;
    let mut bytes = Vec::with_capacity(most);
    stdin.lock().take(most as u64).read_to_end(&mut bytes).map_err(|error| format!("standard input: {error}"))?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    if bytes.contains(&b'\n') && bytes.len() <= Password::MAX {
        return Err("more than one line on standard input; the password is one".into());
    }
    Ok(bytes)
}
