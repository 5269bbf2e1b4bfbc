//! A program for targets that have little more than a C compiler. Its argument is `clean`, or the
//! rule that it breaks: `dangling_pointer`, `buffer_overflow`, `null_pointer`.

#[global_allocator]
static ALLOC: ffi_guard::GuardAlloc = ffi_guard::GuardAlloc::new();

#[ffi_guard::guard]
unsafe extern "C" {
    #[link_name = "ffg_smoke_sum"]
    fn sum(#[guard(nonnull, counted_by = count)] values: *const i32, count: usize) -> i32;
    #[link_name = "ffg_smoke_fill"]
    fn fill(to: *mut i32, count: usize, value: i32);
}

/// Blocks of many sizes, made larger and freed, by several threads: the allocator at work.
fn allocate() {
    let thread = |seed: usize| {
        std::thread::spawn(move || {
            let mut blocks: Vec<Vec<u8>> = (0..500).map(|i| vec![1; (i * seed) % 3000]).collect();
            blocks.iter_mut().for_each(|block| block.resize(block.len() * 2 + 1, 1));
            blocks.push(vec![1; 4 << 20]);
            blocks.iter().map(Vec::len).sum::<usize>()
        })
    };
    let threads: Vec<_> = (1..5).map(thread).collect();
    assert!(threads.into_iter().all(|thread| thread.join().is_ok_and(|len| len > 4 << 20)));
}

fn main() {
    let step = std::env::args().nth(1).unwrap_or_default();
    allocate();
    let mut values = vec![1, 2, 3];
    let at = values.as_mut_ptr();
    match step.as_str() {
        "clean" => {
            // SAFETY: alive, and the lengths are the vector's own.
            let sums = unsafe {
                let before = sum(at, values.len());
                fill(at, values.len(), 7);
                (before, sum(at, values.len()))
            };
            assert_eq!(sums, (6, 21));
        }
        "dangling_pointer" => {
            drop(values);
            // SAFETY: none: the block was freed. The guard ends the call before C has it.
            unsafe { sum(at, 3) };
        }
        "buffer_overflow" => {
            // SAFETY: none: one more than there is, which the guard sees when C has returned.
            unsafe { fill(at, values.len() + 1, 7) };
        }
        "null_pointer" => {
            // SAFETY: none: null, with a length. The guard ends the call before C has it.
            unsafe { sum(std::ptr::null(), 3) };
        }
        _ => {
            eprintln!("smoke: clean, dangling_pointer, buffer_overflow or null_pointer");
            std::process::exit(2);
        }
    }
    println!("level {}: {step} came to its end", ffi_guard::level());
}
