//! Programs that never call C: what they pay is the allocator.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;

/// Writes 20,000 objects as JSON, and reads the text again.
pub(crate) fn json() -> u64 {
    let objects: Vec<serde_json::Value> = (0..20_000)
        .map(|n| {
            serde_json::json!({
                "number": n, "name": format!("object {n}"), "ratio": f64::from(n) / 7.0,
                "tags": ["first", "second", format!("tag {}", n % 13)], "inner": {"a": n * 3, "b": null, "c": n % 2 == 0},
            })
        })
        .collect();
    let text = serde_json::to_string(&objects).unwrap_or_default();
    (0..5)
        .map(|_| {
            let read: Vec<serde_json::Value> = serde_json::from_str(black_box(&text)).unwrap_or_default();
            read.iter().filter_map(|object| object["inner"]["a"].as_u64()).sum::<u64>() + text.len() as u64
        })
        .sum()
}

/// A hash map and a tree of 400,000 texts together, of which half are removed again.
pub(crate) fn words() -> u64 {
    half_of_the_words(0) + half_of_the_words(1)
}

/// The halves of [`words`], each on a thread of its own.
pub(crate) fn words_on_two_threads() -> u64 {
    let other = std::thread::spawn(|| half_of_the_words(1));
    half_of_the_words(0) + other.join().unwrap_or_default()
}

fn half_of_the_words(half: u64) -> u64 {
    let word = |n: u64| format!("word {} of half {half}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40);
    let mut map = HashMap::new();
    let mut tree = BTreeMap::new();
    for n in 0..100_000 {
        *map.entry(word(n)).or_insert(0) += n;
        tree.insert(word(n + 50_000), word(n));
    }
    for n in (0..100_000).step_by(2) {
        map.remove(&word(n));
        tree.remove(&word(n + 50_000));
    }
    map.values().sum::<u64>() + tree.values().map(|text| text.len() as u64).sum::<u64>()
}

/// Compiles 60 regular expressions and searches a text with each.
pub(crate) fn regexes() -> u64 {
    let text = "On 2026-11-30 user_17 wrote 42 lines to /var/log/app.log; see RFC 9110, section 4.2. ".repeat(200);
    (0..60)
        .map(|n| {
            let pattern = format!(r"(?i)(\d{{4}}-\d\d-\d\d|user_{n}|[a-z]+/{n}?[a-z.]+|rfc \d+|\bsection\b {})", n % 10);
            regex::Regex::new(&pattern).map_or(0, |regex| regex.find_iter(&text).count() as u64)
        })
        .sum()
}

/// 20,000 buffers of 32 KiB that grow once.
pub(crate) fn buffers() -> u64 {
    (0..20_000_u64)
        .map(|n| {
            let mut buffer: Vec<u8> = Vec::with_capacity(32 << 10);
            buffer.extend_from_slice(&n.to_le_bytes());
            black_box(&mut buffer).reserve_exact(48 << 10);
            u64::from(buffer[0])
        })
        .sum()
}

/// A vector that grows byte by byte to 256 KiB, 300 times.
pub(crate) fn push() -> u64 {
    (0..300_u64)
        .map(|n| {
            let mut bytes = Vec::new();
            for byte in 0..256 << 10 {
                bytes.push((byte as u64 ^ n) as u8);
            }
            u64::from(black_box(&bytes)[n as usize])
        })
        .sum()
}
