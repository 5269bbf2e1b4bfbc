//! Whole programs with and without the guard: `python3 benches/programs.py` builds this in several
//! ways and runs each of them. The argument names the program; what it prints is a checksum, the
//! same in every build.

mod allocating;
mod crossing;

#[cfg(feature = "guard")]
#[global_allocator]
static ALLOCATOR: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The programs: name, and the body, which returns a checksum.
const PROGRAMS: [(&str, fn() -> u64); 9] = [
    ("json", allocating::json),
    ("words", allocating::words),
    ("threads", allocating::words_on_two_threads),
    ("regex", allocating::regexes),
    ("buffers", allocating::buffers),
    ("push", allocating::push),
    ("zlib", crossing::zlib),
    ("crc32", crossing::checksums),
    ("sqlite", crossing::sqlite),
];

fn main() {
    let asked = std::env::args().nth(1).unwrap_or_default();
    match PROGRAMS.iter().find(|(name, _)| *name == asked) {
        Some((_, body)) => println!("{asked}: {}", body()),
        None => {
            let names: Vec<&str> = PROGRAMS.iter().map(|(name, _)| *name).collect();
            eprintln!("usage: ffi-guard-programs {}", names.join(" | "));
            std::process::exit(2);
        }
    }
}
