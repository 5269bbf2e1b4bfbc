//! Many threads at once: every block keeps its content, and no two blocks overlap.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc, realloc};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use ffi_guard::{__bench, GuardAlloc};
use ffi_guard_tests::process::at_levels;

#[global_allocator]
static GUARD: GuardAlloc = GuardAlloc::new();

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// A block filled with a byte that its owner remembers.
struct Block {
    at: *mut u8,
    layout: Layout,
    byte: u8,
}

// SAFETY: the block belongs to the owner of this value.
unsafe impl Send for Block {}

impl Block {
    fn new(random: &mut Random) -> Block {
        let size = match random.below(100) {
            0 => 1 + random.below(1 << 20),
            1..10 => 1 + random.below(1 << 15),
            _ => 1 + random.below(600),
        };
        let align = if random.below(8) == 0 { 1 << random.below(14) } else { 1 << random.below(5) };
        let layout = Layout::from_size_align(size, align).unwrap();
        let byte = random.below(256) as u8;
        let zeroed = random.below(4) == 0;
        // SAFETY: the size is not 0.
        let at = unsafe { if zeroed { alloc_zeroed(layout) } else { alloc(layout) } };
        assert!(!at.is_null() && at.addr() % align == 0 && __bench::lookup(at.addr() + size));
        let block = Block { at, layout, byte };
        if zeroed {
            assert!(block.bytes().iter().all(|&b| b == 0), "{layout:?}");
        }
        block.fill();
        block
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: our own block.
        unsafe { std::slice::from_raw_parts(self.at, self.layout.size()) }
    }

    fn fill(&self) {
        // SAFETY: our own block.
        unsafe { self.at.write_bytes(self.byte, self.layout.size()) };
    }

    fn check(&self) {
        assert!(self.bytes().iter().all(|&b| b == self.byte), "{:?} at {:?} was overwritten", self.layout, self.at);
    }

    fn resize(&mut self, size: usize) {
        let kept = size.min(self.layout.size());
        // SAFETY: our own block with its layout; the size is not 0.
        self.at = unsafe { realloc(self.at, self.layout, size) };
        assert!(!self.at.is_null() && self.at.addr().is_multiple_of(self.layout.align()));
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
        assert!(self.bytes()[..kept].iter().all(|&b| b == self.byte), "realloc lost content");
        self.fill();
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.check();
        // SAFETY: our own block with its layout.
        unsafe { dealloc(self.at, self.layout) };
    }
}

fn storm(seed: u64, steps: usize, give: &Sender<Block>, take: &Mutex<Receiver<Block>>) {
    let mut random = Random(seed);
    let mut mine: Vec<Block> = Vec::new();
    for _ in 0..steps {
        match random.below(10) {
            0..4 => mine.push(Block::new(&mut random)),
            4 if !mine.is_empty() => {
                let one = random.below(mine.len());
                give.send(mine.swap_remove(one)).unwrap();
            }
            5 => drop(take.lock().unwrap().try_recv()),
            6 if !mine.is_empty() => {
                let one = random.below(mine.len());
                let size = 1 + random.below(mine[one].layout.size() * 2);
                mine[one].resize(size);
            }
            _ if !mine.is_empty() => {
                let one = random.below(mine.len());
                drop(mine.swap_remove(one));
            }
            _ => {}
        }
        if mine.len() > 200 {
            mine.truncate(100);
        }
    }
}

fn storms(steps: usize) {
    let (give, take) = channel();
    let take = Mutex::new(take);
    // Two generations of threads: what the first leaves in the channel is freed when its owners
    // have ended.
    for generation in 0..2u64 {
        std::thread::scope(|scope| {
            for thread in 0..64 {
                let (give, take) = (give.clone(), &take);
                scope.spawn(move || storm(generation * 1000 + thread + 1, steps, &give, take));
            }
        });
    }
    drop(give);
    for block in take.into_inner().unwrap() {
        block.check();
    }
}

#[test]
fn storm_at_level_1() {
    at_levels("storm_at_level_1", &["1"], || storms(4000));
}

#[test]
fn storm_at_level_2() {
    at_levels("storm_at_level_2", &["2"], || storms(500));
}

#[test]
fn storm_at_level_3() {
    at_levels("storm_at_level_3", &["3"], || storms(100));
}

#[test]
fn owners_that_ended_leave_their_blocks_to_others() {
    at_levels("owners_that_ended_leave_their_blocks_to_others", &["1", "2", "3"], || {
        for round in 0..50u64 {
            let blocks: Vec<Block> = std::thread::spawn(move || {
                let mut random = Random(round + 1);
                (0..200).map(|_| Block::new(&mut random)).collect()
            })
            .join()
            .unwrap();
            std::thread::spawn(move || drop(blocks)).join().unwrap();
        }
    });
}
