//! openssl 0.10.54 gives C an empty host name with the length 0, which C takes for "up to the NUL"
//! (RUSTSEC-2023-0044); 0.10.55 repaired that.

use openssl::x509::verify::X509VerifyParam;

fn main() {
    let mut param = X509VerifyParam::new().expect("it can be made");
    println!("{:?}", param.set_host(""));
}
