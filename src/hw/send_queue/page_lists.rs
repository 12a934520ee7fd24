//! Lists of page addresses that are too long for a work queue element.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use super::{super::wqe::umr, request::PostError};
use crate::nt::{
    Ref, SharedMemory,
    ring::{Circle, Ring},
    sync::{
        AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// log2 of the words of a page.
const LOG_WORDS: u32 = 9;
/// log2 of the longest list, which lies in one page.
pub(in super::super) const MAX_LOG_ENTRIES: u32 = LOG_WORDS;

/// Fixed lists of page addresses in memory that the device reads, used and freed in queue order. The memory's pages need not be
/// neighbours on the bus.
#[derive(Debug)]
pub(in super::super) struct PageLists {
    /// Words of all lists, list after list; a list's length is a power of two.
    words: Ring<AtomicU64>,
    /// log2 of the words of a list.
    log_entries: u32,
    /// Number of lists less one; a power of two less one.
    mask: u32,
    /// Bus addresses of the pages of `words`.
    pages: Circle<u64>,
    /// Lists taken and lists given back, since the beginning.
    taken: AtomicU32,
    returned: AtomicU32,
}

impl PageLists {
    /// `lists` lists of `1 << log_entries` addresses each, [`MAX_LOG_ENTRIES`] at most, in `words`, whose memory has these pages.
    pub(in super::super) fn new(
        words: Ring<AtomicU64>,
        log_entries: u32,
        lists: u32,
        pages: Circle<u64>,
    ) -> Self {
        let (taken, returned) = (AtomicU32::new(0), AtomicU32::new(0));
        Self {
            words,
            log_entries,
            mask: lists - 1,
            pages,
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

    /// Fills the next list and takes it. Returns its bus address, and its bytes rounded as the device wants it.
    #[inline(always)]
    pub(super) fn fill(
        &self,
        entries: u32,
        pages: impl Iterator<Item = u64>,
    ) -> Result<(u64, u32), PostError> {
        let taken = self.taken.load(Relaxed);
        let first = (taken & self.mask) << self.log_entries;
        let end = first + entries.next_multiple_of(umr::INLINE_ENTRIES);
        let (mut at, mut all) = (first, 0);
        for page in pages.take(entries as usize) {
            all |= page;
            self.words.at(at).store(umr::translation(page).to_be(), Relaxed);
            at += 1;
        }
        while at < end {
            self.words.at(at).store(0, Relaxed);
            at += 1;
        }
        aligned(all)?;
        self.taken.store(taken.wrapping_add(1), Relaxed);
        let (page, word) = (first >> LOG_WORDS, first & ((1 << LOG_WORDS) - 1));
        Ok((self.pages.at(page) + u64::from(word) * 8, (end - first) * 8))
    }

    /// The memory of the lists.
    pub(super) fn memory(&self) -> &Ref<SharedMemory> {
        self.words.memory()
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

/// Whether addresses begin where pages do, by the bits that any of them has.
#[inline(always)]
pub(super) const fn aligned(all: u64) -> Result<(), PostError> {
    if all & umr::PAGE_MASK == 0 {
        Ok(())
    } else {
        Err(PostError::UnalignedPage)
    }
}
