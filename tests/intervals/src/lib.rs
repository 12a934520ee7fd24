//! Ranges of addresses and who holds them, found by any address in them.

#![cfg(not(windows))]

use std::collections::BTreeMap;

/// Ranges of one byte or more, each of a holder. They may overlap.
///
/// They are kept apart by the logarithm of their length: those of one class that reach into a range begin in it, or less than twice
/// the length of the class before it. So a search costs the logarithm of what is there, for each class, and what it finds.
#[derive(Debug)]
pub struct Intervals<H> {
    /// By class and start: where they end, and whose they are.
    known: BTreeMap<(u32, u64), Vec<(u64, H)>>,
    /// A bit for each class that there was one of.
    classes: u64,
}

/// Class of a length: the ranges in it are shorter than `2 << class`.
const fn class(length: u64) -> u32 {
    length.ilog2()
}

impl<H> Default for Intervals<H> {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            classes: 0,
        }
    }
}

impl<H: Copy + PartialEq> Intervals<H> {
    /// Adds the bytes from `start` to before `end`, once; nothing if there are none.
    pub fn insert(&mut self, start: u64, end: u64, holder: H) {
        let Some(length) = end.checked_sub(start).filter(|length| *length != 0) else {
            return;
        };
        self.classes |= 1 << class(length);
        let here = self.known.entry((class(length), start)).or_default();
        if !here.contains(&(end, holder)) {
            here.push((end, holder));
        }
    }

    /// Takes away what was added with these words.
    pub fn remove(&mut self, start: u64, end: u64, holder: H) {
        let key = (class(end - start), start);
        let Some(here) = self.known.get_mut(&key) else {
            return;
        };
        here.retain(|one| *one != (end, holder));
        if here.is_empty() {
            self.known.remove(&key);
        }
    }

    /// The ranges that share a byte with the one from `start` to before `end`: where they begin and end, and whose they are.
    pub fn overlapping(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64, H)> + '_ {
        let classes = (0..u64::BITS).filter(|class| self.classes >> class & 1 != 0);
        classes.flat_map(move |class| {
            let longest = u64::MAX >> (63 - class);
            let from = start.saturating_sub(longest);
            let near = self.known.range((class, from)..(class, end));
            near.flat_map(|((_, at), here)| here.iter().map(|(end, holder)| (*at, *end, *holder)))
                .filter(move |(_, known, _)| *known > start)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranges are found by the bytes that they share with another, and by nothing else.
    #[test]
    fn intervals_are_found_by_what_they_share() {
        let mut known = Intervals::default();
        let mut all = Vec::new();
        // Lengths from 1 to some hundreds, all over a few thousand addresses.
        for holder in 0..200_u64 {
            let start = holder * 7919 % 4000;
            let end = start + 1 + holder * holder % 600;
            known.insert(start, end, holder);
            known.insert(start, end, holder);
            all.push((start, end, holder));
        }
        known.insert(5, 5, 999);
        for (start, end, holder) in all.split_off(100) {
            known.remove(start, end, holder);
        }
        for from in (0..4700).step_by(37) {
            for to in [from + 1, from + 64, from + 1000] {
                let mut found: Vec<_> = known.overlapping(from, to).collect();
                found.sort_by_key(|(_, _, holder)| *holder);
                let shares = |(start, end, _): &&(u64, u64, u64)| *start < to && from < *end;
                let expected: Vec<_> = all.iter().filter(shares).copied().collect();
                assert_eq!(found, expected, "{from}..{to}");
            }
        }
    }
}
