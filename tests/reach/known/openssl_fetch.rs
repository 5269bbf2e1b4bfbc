//! openssl 0.10.71 moves the `CString` of the properties into a closure, which drops it before the
//! call (RUSTSEC-2025-0022); 0.10.72 repaired that.

fn main() {
    println!("{}", openssl::md::Md::fetch(None, "SHA-256", Some("provider=default")).is_ok());
}
