//! Lists of page addresses that are too long for a work queue element.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use super::{Acquire, AtomicU32, AtomicU64, PostError, Relaxed, Release, Ring, umr};

/// Fixed lists of page addresses in memory that the device reads, used and freed in queue order.
#[derive(Debug)]
pub(in super::super) struct PageLists {
    /// Words of all lists, list after list; a list's length is a power of two.
    words: Ring<AtomicU64>,
    /// log2 of the words of a list.
    log_entries: u32,
    /// Number of lists less one; a power of two less one.
    mask: u32,
    /// Bus address of the first list.
    bus: u64,
    /// Lists taken and lists given back, since the beginning.
    taken: AtomicU32,
    returned: AtomicU32,
}

impl PageLists {
    /// Lists of `1 << log_entries` addresses each, as many as `words` holds, at `bus`.
    pub(in super::super) fn new(words: Ring<AtomicU64>, log_entries: u32, lists: u32, bus: u64) -> Self {
        let (taken, returned) = (AtomicU32::new(0), AtomicU32::new(0));
        Self {
            words,
            log_entries,
            mask: lists - 1,
            bus,
            taken,
            returned,
        }
    }

    /// Whether the next list has room for `entries` and is not in use.
    #[inline(always)]
    pub(super) fn check(&self, entries: u32) -> Result<(), PostError> {
        if entries > 1 << self.log_entries {
            return Err(PostError::TooManyPages);
        }
        // Acquire: whoever gave lists back did so after the device was done with them.
        let used = self.taken.load(Relaxed).wrapping_sub(self.returned.load(Acquire));
        if used > self.mask {
            Err(PostError::Full)
        } else {
            Ok(())
        }
    }

    /// Takes the next list and fills it. Returns its bus address, and its bytes rounded as the device wants it.
    #[inline(always)]
    pub(super) fn fill(&self, entries: u32, pages: impl Iterator<Item = u64>) -> (u64, u32) {
        let taken = self.taken.load(Relaxed);
        self.taken.store(taken.wrapping_add(1), Relaxed);
        let first = (taken & self.mask) << self.log_entries;
        let end = first + entries.next_multiple_of(umr::INLINE_ENTRIES);
        let mut at = first;
        for page in pages.take(entries as usize) {
            self.words.at(at).store(umr::translation(page).to_be(), Relaxed);
            at += 1;
        }
        while at < end {
            self.words.at(at).store(0, Relaxed);
            at += 1;
        }
        (self.bus + u64::from(first) * 8, (end - first) * 8)
    }

    /// Whether lists are in use.
    #[inline(always)]
    pub(super) fn are_out(&self) -> bool {
        self.taken.load(Relaxed) != self.returned.load(Relaxed)
    }

    /// Gives the oldest `count` lists back.
    pub(super) fn give_back(&self, count: u32) {
        self.returned
            .store(self.returned.load(Relaxed).wrapping_add(count), Release);
    }
}
