//! Words by where they are, by where they lead, and by when they were first seen.
//!
//! The pages are what is true. The other two lists are only added to: a record is checked against its page when it is used, and the
//! dead ones are dropped when they are as many as the living.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Hit, Look, PAGE, Wanted};

/// Records that may wait before they are sorted in.
const FEW: usize = 1024;

/// A word in its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    word: usize,
    /// The look that saw it first, and behind that, in the lowest bits, which word of the page it is.
    first: u64,
}

/// Bits for the words of a page.
const SLOT: u32 = (PAGE / size_of::<usize>()).trailing_zeros();

impl Entry {
    fn new(hit: &Hit, look: Look) -> Entry {
        Entry { word: hit.word, first: look << SLOT | slot(hit.location) }
    }

    fn slot(&self) -> u64 {
        self.first & ((1 << SLOT) - 1)
    }

    fn look(&self) -> Look {
        self.first >> SLOT
    }
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Index {
    /// By page number; none is empty. Entries ascend by slot.
    pages: BTreeMap<usize, Vec<Entry>>,
    /// Entries in all pages.
    living: usize,
    /// Where words lead and where they are, ascending; then the younger ones, ascending as well once they are settled.
    old: Vec<(usize, usize)>,
    young: Vec<(usize, usize)>,
    /// Looks, and places of words that they saw first, ascending by look.
    log: Vec<(Look, usize)>,
}

impl Index {
    pub(super) const fn new() -> Index {
        Index { pages: BTreeMap::new(), living: 0, old: Vec::new(), young: Vec::new(), log: Vec::new() }
    }

    /// What these pages hold now: `hits`, ascending by location.
    pub(super) fn replace(&mut self, pages: Range<usize>, hits: &[Hit], look: Look) {
        let mut empty = Vec::new();
        let mut groups = hits.chunk_by(|a, b| a.location / PAGE == b.location / PAGE).peekable();
        // Pages that held something and hold nothing.
        for &page in self.pages.range(pages.start / PAGE..pages.end / PAGE).map(|(page, _)| page) {
            while groups.next_if(|group| group[0].location / PAGE < page).is_some() {}
            if groups.peek().is_none_or(|group| group[0].location / PAGE != page) {
                empty.push(page);
            }
        }
        for page in empty {
            self.remove(page);
        }
        for group in hits.chunk_by(|a, b| a.location / PAGE == b.location / PAGE) {
            self.replace_page(group[0].location / PAGE, group, look);
        }
    }

    fn replace_page(&mut self, page: usize, hits: &[Hit], look: Look) {
        let entries = self.pages.entry(page).or_default();
        let (young, log) = (&mut self.young, &mut self.log);
        let mut note = |hit: &Hit| {
            young.push((hit.word, hit.location));
            log.push((look, hit.location));
            Entry::new(hit, look)
        };
        // The common case: words in the same places, and few of them other ones.
        if entries.len() == hits.len()
            && entries.iter().zip(hits).all(|(entry, hit)| entry.slot() == slot(hit.location))
        {
            for (entry, hit) in entries.iter_mut().zip(hits).filter(|(entry, hit)| entry.word != hit.word) {
                *entry = note(hit);
            }
            return;
        }
        let mut before = entries.iter().copied().peekable();
        let mut now = Vec::with_capacity(hits.len());
        for hit in hits {
            while before.next_if(|entry| entry.slot() < slot(hit.location)).is_some() {}
            let same = before.next_if(|entry| entry.slot() == slot(hit.location) && entry.word == hit.word);
            now.push(same.unwrap_or_else(|| note(hit)));
        }
        self.living = self.living + now.len() - entries.len();
        *entries = now;
    }

    fn remove(&mut self, page: usize) {
        self.living -= self.pages.remove(&page).map_or(0, |entries| entries.len());
    }

    /// Forgets a word.
    pub(super) fn forget(&mut self, location: usize) {
        let page = location / PAGE;
        let Some(entries) = self.pages.get_mut(&page) else { return };
        if let Ok(at) = find(entries, location) {
            entries.remove(at);
            self.living -= 1;
        }
        if entries.is_empty() {
            self.pages.remove(&page);
        }
    }

    /// Forgets all pages outside of these ranges of whole pages, which ascend.
    pub(super) fn keep_only(&mut self, ranges: &[Range<usize>]) {
        let mut start = 0;
        let ends = ranges.iter().map(|range| (range.start / PAGE, range.end / PAGE));
        for (first, end) in ends.chain(std::iter::once((usize::MAX, usize::MAX))) {
            while let Some((&page, _)) = self.pages.range(start..first).next() {
                self.remove(page);
            }
            start = end;
        }
    }

    /// After a look: brings the lists in order.
    pub(super) fn settle(&mut self) {
        // Two ascending runs as a rule, here and below, which this sort knows how to merge.
        self.young.sort();
        let dead = (self.old.len() + self.young.len()).saturating_sub(self.living);
        let many_dead = dead > self.living + FEW;
        if many_dead || self.young.len() > self.old.len() / 8 + FEW {
            let mut all = std::mem::take(&mut self.old);
            all.append(&mut self.young);
            if many_dead {
                all.retain(|&(word, location)| self.at(location).is_some_and(|entry| entry.word == word));
            }
            all.sort();
            // A word that went and came back.
            all.dedup();
            self.old = all;
        }
        if self.log.len() > 2 * self.living + FEW {
            let mut log = std::mem::take(&mut self.log);
            log.retain(|&(look, location)| self.at(location).is_some_and(|entry| entry.look() == look));
            self.log = log;
        }
    }

    /// Words into `wanted` that were first seen after a look; by location.
    pub(super) fn since(&self, since: Look, wanted: &Wanted) -> Vec<Hit> {
        let recent = self.log.get(self.log.partition_point(|&(look, _)| look <= since)..).unwrap_or(&[]);
        let lists = || [&self.old, &self.young].into_iter();
        let leading = || wanted.ranges().iter().flat_map(|range| lists().map(move |list| into(list, range)));
        let checked = |location: usize| {
            let entry = self.at(location)?;
            let news = entry.look() > since && wanted.contains(entry.word);
            news.then_some(Hit { location, word: entry.word })
        };
        // Whichever list is shorter.
        let mut hits: Vec<Hit> = if recent.len() <= leading().map(<[_]>::len).sum() {
            recent.iter().filter_map(|&(_, location)| checked(location)).collect()
        } else {
            leading().flatten().filter_map(|&(_, location)| checked(location)).collect()
        };
        hits.sort_unstable_by_key(|hit| hit.location);
        hits.dedup();
        hits
    }

    fn at(&self, location: usize) -> Option<Entry> {
        let entries = self.pages.get(&(location / PAGE))?;
        entries.get(find(entries, location).ok()?).copied()
    }
}

/// Which word of its page.
fn slot(location: usize) -> u64 {
    (location % PAGE / size_of::<usize>()) as u64
}

fn find(entries: &[Entry], location: usize) -> Result<usize, usize> {
    entries.binary_search_by_key(&slot(location), Entry::slot)
}

/// The part of an ascending list that leads into a range.
fn into<'a>(list: &'a [(usize, usize)], range: &Range<usize>) -> &'a [(usize, usize)] {
    let from = list.partition_point(|&(word, _)| word < range.start);
    let to = list.partition_point(|&(word, _)| word < range.end);
    list.get(from..to).unwrap_or(&[])
}
