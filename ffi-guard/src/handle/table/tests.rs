//! Tests of the places in the table, and of its size.

use std::sync::mpsc;

use super::*;

/// The tests of this crate share the table. The others park at most this number of values.
const OTHERS: u64 = 10_100;

fn park_number(n: usize) -> usize {
    static KIND: ParkedType = ParkedType { name: || "usize", drop: |_| () };
    park(std::ptr::without_provenance_mut(n), TypeId::of::<usize>(), &KIND, false, Location::caller())
}

fn release(raw: usize) -> usize {
    let entered = enter(raw, TypeId::of::<usize>(), From::ItsThread).unwrap_or_else(|why| panic!("{why:?}"));
    entered.release(Some(Location::caller())).unwrap().unwrap().addr()
}

#[test]
fn places_follow_each_other_and_fill_the_chunks() {
    let mut expected = (0..CHUNKS).flat_map(|chunk| (0..slots_of(chunk)).map(move |offset| (chunk, offset)));
    for inside in 0..1 << 16 {
        assert_eq!(Some(place(inside)), expected.next());
    }
    let all = (0..CHUNKS).map(|chunk| u64::from(slots_of(chunk))).sum::<u64>() * SHARDS as u64;
    assert_eq!(all, 1 << cookie::SLOT_BITS);
    assert_eq!(place(u32::MAX >> 11), (CHUNKS - 1, slots_of(CHUNKS - 1) - 1));
}

#[test]
fn a_million_made_here_and_released_there_take_as_many_slots_as_lived_at_once() {
    let before = slots();
    let (send, receive) = mpsc::sync_channel(64);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for (n, raw) in receive.into_iter().enumerate() {
                assert_eq!(release(raw), n);
            }
        });
        (0..1_000_000).for_each(|n| send.send(park_number(n)).unwrap());
        drop(send);
    });
    assert!(slots() - before <= 64 + 2 + OTHERS, "{} slots more", slots() - before);
}

#[test]
fn what_lives_at_once_has_a_slot_each() {
    let raws: Vec<_> = (0..10_000).map(park_number).collect();
    for (n, raw) in raws.into_iter().enumerate() {
        assert_eq!(release(raw), n);
        assert!(matches!(enter(raw, TypeId::of::<usize>(), From::ItsThread), Err(StaleReason::Released(_))));
    }
}
