//! The queue itself: what is outstanding, ringing the doorbell, matching completions.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use super::{
    super::{
        error::Lie,
        types::{Key, Qpn},
        uar::SendDoorbell,
        wqe::SEGMENTS_PER_BLOCK,
    },
    page_lists::PageLists,
    request::{Completed, Posted, WqeKind},
};
use crate::nt::{
    Once, Ref, SharedMemory,
    ring::{Circle, Record, Ring, Segment},
    sync::{
        AtomicU32, AtomicU64, Ordering,
        Ordering::{Acquire, Relaxed, Release, SeqCst},
        fence, publish_to_device,
    },
};

/// What the queue remembers of a request: `context`, and in one word its counter, its end and what it was.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) context: AtomicU64,
    /// First block's counter 15:0, next request's counter 31:16, kind 39:32, silent 40, page list 41, first of two parts 42.
    pub(super) note: AtomicU64,
}

pub(super) const NOTE_KIND: u32 = 32;
pub(super) const NOTE_SILENT: u64 = 1 << 40;
pub(super) const NOTE_LIST: u64 = 1 << 41;
pub(super) const NOTE_PART: u64 = 1 << 42;

/// What a [`SendQueue`] is made of.
#[derive(Debug)]
pub(in super::super) struct Parts {
    pub(in super::super) ring: Ring<Segment>,
    pub(in super::super) slots: Circle<SendSlot>,
    pub(in super::super) record: Record,
    pub(in super::super) doorbell: SendDoorbell,
    /// Lists for the pages of fast registrations, once somebody wants them.
    pub(in super::super) lists: Once<PageLists>,
    pub(in super::super) qpn: Qpn,
    /// Blocks of the ring; 15 bits.
    pub(in super::super) blocks: u16,
    /// Blocks that may be outstanding so that the longest request still fits.
    pub(in super::super) limit: u16,
    pub(in super::super) max_sges: u32,
    pub(in super::super) max_inline: u32,
    /// Bytes of a message.
    pub(in super::super) max_message: u64,
    pub(in super::super) local_key: Key,
    /// `fm_ce_se` of UMR elements by flags.
    pub(in super::super) umr_reporting: [u8; 8],
}

/// One remembered request; opaque outside.
#[derive(Debug, Default)]
pub(in super::super) struct SendSlot(pub(super) Slot);

/// A send queue; see the module's page for who may call what when.
#[derive(Debug)]
pub struct SendQueue {
    pub(super) parts: Parts,
    /// Segments posted since the beginning: where the next request begins, a multiple of a block's.
    pub(super) producer: AtomicU32,
    /// Counter of the oldest request that is not done, 16 bits.
    pub(super) consumer: AtomicU32,
    /// First word of the last control segment: what the doorbell register wants.
    pub(super) last: AtomicU64,
    /// [`AFTER_UMR`] when the last request was a UMR, on which the next one's fence depends.
    pub(super) after: AtomicU32,
}

impl SendQueue {
    pub(in super::super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            producer: AtomicU32::new(0),
            consumer: AtomicU32::new(0),
            last: AtomicU64::new(0),
            after: AtomicU32::new(0),
        }
    }

    /// Takes lists for the pages of fast registrations into use, beside posts.
    ///
    /// # Errors
    /// The lists, when others are in use.
    pub(in super::super) fn give_page_lists(&self, lists: PageLists) -> Result<(), PageLists> {
        self.parts.lists.set(lists)
    }

    /// The memory of the page lists, once there are some.
    pub(in super::super) fn page_list_memory(&self) -> Option<&Ref<SharedMemory>> {
        self.parts.lists.get().map(PageLists::memory)
    }

    /// Tells the device about a request that was just posted, and all before it.
    #[inline(always)]
    pub fn ring_for(&self, posted: Posted) {
        // Orders the elements' words before the record: the device may read what the record covers.
        publish_to_device();
        self.parts.record.store(u32::from(posted.next));
        // Orders the record before the doorbell, on which the device reads the record.
        publish_to_device();
        self.parts.doorbell.ring(posted.control);
    }

    /// Tells the device about everything that is posted.
    pub fn ring(&self) {
        if !self.is_empty() {
            let (next, control) = (self.next_counter(Relaxed), self.last.load(Relaxed));
            self.ring_for(Posted { next, control });
        }
    }

    /// Tells the device about everything that is posted, for somebody who is not serialised with posts: to flush deferred
    /// requests of a queue pair in error. May ring once too often.
    pub fn ring_beside_posts(&self) {
        while !self.is_empty() {
            let next = self.next_counter(Acquire);
            let control = self.last.load(Relaxed);
            self.ring_for(Posted { next, control });
            // Orders our record, which may have overwritten that of a newer post, before the look for such a post.
            fence(SeqCst);
            if self.next_counter(Relaxed) == next {
                return;
            }
        }
    }

    /// Whether no requests are outstanding.
    pub fn is_empty(&self) -> bool {
        self.next_counter(Acquire) == self.consumer.load(Relaxed) as u16
    }

    /// Counter of the next request.
    #[inline(always)]
    fn next_counter(&self, ordering: Ordering) -> u16 {
        (self.producer.load(ordering) / SEGMENTS_PER_BLOCK) as u16
    }

    /// Takes the request of a completion off the queue, with all before it: those were silent and succeeded.
    ///
    /// # Errors
    /// [`Lie::WqeCounter`] when no request that is outstanding begins there.
    #[inline(always)]
    pub fn complete(&self, counter: u16) -> Result<Completed, Lie> {
        let consumer = self.consumer.load(Relaxed) as u16;
        // Acquire: the slots of all requests before the producer are filled.
        let outstanding = self.next_counter(Acquire).wrapping_sub(consumer);
        let slot = &self.parts.slots.at(u32::from(counter)).0;
        let note = slot.note.load(Relaxed);
        if counter.wrapping_sub(consumer) >= outstanding || note as u16 != counter {
            return Err(Lie::WqeCounter(counter));
        }
        let context = slot.context.load(Relaxed);
        if let Some(lists) = self.parts.lists.get()
            && lists.are_out()
        {
            lists.give_back(self.listed(consumer, counter));
        }
        self.consumer.store(u32::from((note >> 16) as u16), Release);
        Ok(completed(context, note))
    }

    /// As [`Self::complete`], for a completion that says that the request failed. A request in two parts fails once, with the
    /// first of them that fails: the other's completion is then of nothing that is outstanding.
    ///
    /// # Errors
    /// As [`Self::complete`].
    pub fn fail(&self, counter: u16) -> Result<Completed, Lie> {
        let done = self.complete(counter)?;
        let note = self.note(counter);
        if note & NOTE_PART != 0 {
            let end = (self.note((note >> 16) as u16) >> 16) as u16;
            self.consumer.store(u32::from(end), Release);
        }
        Ok(done)
    }

    /// Takes the oldest request off the queue: for flushing in software when the device is dead.
    pub fn pop(&self) -> Option<Completed> {
        if self.is_empty() {
            return None;
        }
        let oldest = self.consumer.load(Relaxed) as u16;
        let note = self.note(oldest);
        let last = if note & NOTE_PART == 0 {
            oldest
        } else {
            (note >> 16) as u16
        };
        self.complete(last).ok()
    }

    /// What the queue remembers of the request that begins at `counter`.
    fn note(&self, counter: u16) -> u64 {
        self.parts.slots.at(u32::from(counter)).0.note.load(Relaxed)
    }

    /// Forgets everything; the queue pair is in the reset state.
    pub(in super::super) fn reset(&self) {
        while self.pop().is_some() {}
        self.producer.store(0, Relaxed);
        self.consumer.store(0, Relaxed);
        self.after.store(0, Relaxed);
        self.parts.record.store(0);
    }

    /// How many of the requests from `consumer` to the one that begins at `counter` have a page list.
    fn listed(&self, consumer: u16, counter: u16) -> u32 {
        let mut at = consumer;
        let mut listed = 0;
        // Bounded: every step goes at least one block ahead, and at most the ring's blocks are outstanding.
        for _ in 0..self.parts.blocks {
            let note = self.note(at);
            listed += u32::from(note & NOTE_LIST != 0);
            if at == counter {
                break;
            }
            at = (note >> 16) as u16;
        }
        listed
    }
}

/// Kinds by their numbers in notes.
const KINDS: [WqeKind; 8] = [
    WqeKind::Send,
    WqeKind::Write,
    WqeKind::Read,
    WqeKind::FastRegister,
    WqeKind::Invalidate,
    WqeKind::Nop,
    WqeKind::Nop,
    WqeKind::Nop,
];

#[inline(always)]
const fn completed(context: u64, note: u64) -> Completed {
    Completed {
        context,
        kind: KINDS[(note >> NOTE_KIND & 7) as usize],
        silent: note & NOTE_SILENT != 0,
    }
}
