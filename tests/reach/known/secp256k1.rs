//! secp256k1 0.22.1 makes a context in a buffer that is borrowed for less time than the context lives
//! (RUSTSEC-2022-0070); 0.22.2 repaired the bounds, and this is the program that it lets pass.

use secp256k1::{AllPreallocated, PublicKey, Secp256k1, SecretKey, ffi::types::AlignedType};

fn main() {
    let mut room = vec![AlignedType::zeroed(); Secp256k1::preallocate_size()];
    let context: Secp256k1<AllPreallocated<'_>> = Secp256k1::preallocated_gen_new(&mut room).expect("there is room"); // repaired: let context = Secp256k1::<AllPreallocated<'_>>::preallocated_gen_new(&mut room).expect("there is room");
    drop(room); // before
    let key = SecretKey::from_slice(&[7; 32]).expect("a key");
    println!("{}", PublicKey::from_secret_key(&context, &key));
}
