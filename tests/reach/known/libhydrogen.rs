//! libhydrogen 0.4.1 lends a `CString` by `into_raw` and never takes it back; 0.4.2 repaired that.

fn main() {
    libhydrogen::init().expect("it can be had");
    println!("{:?}", libhydrogen::utils::hex2bin("68:65:6c:6c:6f", Some(b":")));
}
