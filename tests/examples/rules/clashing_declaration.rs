//! A function that two crates declare: here with a number that is shorter.

use c_fixtures::clashing_declaration::bad_deposit;

#[ffi_guard::guard]
unsafe extern "C" {
    #[link_name = "ffg_bad_deposit"]
    fn deposit(balance: i64, cents: i32) -> i64;
}

pub(crate) fn run() {
    // SAFETY: wrong: of 8 bytes that C takes, 4 are what was in the register before.
    let balance = unsafe { deposit(1_000, -250) };
    // SAFETY: as C has it.
    println!("{}", unsafe { bad_deposit(balance, 50) });
}
