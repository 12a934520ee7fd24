//! The send queue of a queue pair: posting work requests, ringing the doorbell, matching completions.
//!
//! No lock and no allocation. All methods take `&self`; state is relaxed atomics, which cost plain loads and stores. The caller
//! serialises posts with posts, and completions with completions (the Network Direct contract, rules QP-01 and CQ-01);
//! posting may run beside completing.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

mod build;
pub(super) mod page_lists;
mod post;

use super::{
    error::Lie,
    mkey::Access,
    qp::QpKind,
    types::{Key, Pdn, Qpn},
    uar::SendDoorbell,
    wqe::{self, MAX_BLOCKS, MAX_INLINE, SEGMENTS_PER_BLOCK, fm_ce_se, umr},
};
use crate::nt::{
    Once, Ref, SharedMemory,
    ring::{Circle, Record, Ring, Segment, View},
    sync::{
        AtomicU32, AtomicU64, Ordering,
        Ordering::{Acquire, Relaxed, Release, SeqCst},
        fence, publish_to_device,
    },
};

pub(super) use self::page_lists::PageLists;
pub use self::post::MAX_READ_SGES;
pub use super::wqe::AddressVector as UdAddress;

/// A piece of local memory of a work request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sge {
    /// Virtual address in the key's space; for the key of [`super::Pd::local_key`] a bus address.
    pub address: u64,
    /// Bytes; pieces of 0 bytes are left out.
    pub length: u32,
    /// Memory key.
    pub key: Key,
}

bitflags::bitflags! {
    /// How a work request is to be carried out. The bits are those that consumers use for the same.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PostFlags: u32 {
        /// Success leaves no completion.
        const SILENT = 1;
        /// Wait for earlier reads of this queue.
        const FENCE = 2;
        /// The receiver's completion raises its solicited event.
        const SOLICITED = 4;
    }
}

/// What a work request is, as its completion tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are those of the operations")]
pub enum WqeKind {
    Send,
    Write,
    Read,
    FastRegister,
    Invalidate,
    Nop,
}

/// Why a work request was not accepted. Nothing was posted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PostError {
    /// The queue is full.
    Full,
    /// More pieces than the queue was made for.
    TooManySges,
    /// More inline data than the queue was made for.
    TooMuchInline,
    /// More bytes than a message holds.
    TooLong,
    /// More pages than the queue's page lists hold.
    TooManyPages,
    /// A page does not begin where pages do.
    UnalignedPage,
}

/// A request of the queue that is done, or is taken off it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Completed {
    /// What the caller gave when it posted the request.
    pub context: u64,
    /// What the request was.
    pub kind: WqeKind,
    /// It was posted with [`PostFlags::SILENT`].
    pub silent: bool,
}

/// A fast registration: a key in the free state gets a range of memory by its pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FastRegister {
    /// Key to register; index and variant.
    pub key: Key,
    /// Protection domain of key and queue.
    pub pd: Pdn,
    /// Rights.
    pub access: Access,
    /// Address of the first byte in the key's space; its low 12 bits are the offset in the first page.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

/// What the device needs to hear of a request, and of all before it: for [`SendQueue::ring_for`].
#[derive(Clone, Copy, Debug)]
pub struct Posted {
    /// Counter of the next request.
    next: u16,
    /// First word of the control segment.
    control: u64,
}

/// What the queue remembers of a request: `context`, and in one word its counter, its end and what it was.
#[derive(Debug, Default)]
struct Slot {
    context: AtomicU64,
    /// First block's counter 15:0, next request's counter 31:16, kind 39:32, silent 40, page list 41, first of two parts 42.
    note: AtomicU64,
}

const NOTE_KIND: u32 = 32;
const NOTE_SILENT: u64 = 1 << 40;
const NOTE_LIST: u64 = 1 << 41;
const NOTE_PART: u64 = 1 << 42;

/// What a [`SendQueue`] is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) ring: Ring<Segment>,
    pub(super) slots: Circle<SendSlot>,
    pub(super) record: Record,
    pub(super) doorbell: SendDoorbell,
    /// Lists for the pages of fast registrations, once somebody wants them.
    pub(super) lists: Once<PageLists>,
    pub(super) qpn: Qpn,
    /// Blocks of the ring; 15 bits.
    pub(super) blocks: u16,
    /// Blocks that may be outstanding so that the longest request still fits.
    pub(super) limit: u16,
    pub(super) max_sges: u32,
    pub(super) max_inline: u32,
    /// Bytes of a message.
    pub(super) max_message: u64,
    pub(super) local_key: Key,
    /// `fm_ce_se` of UMR elements by flags.
    pub(super) umr_how: [u8; 8],
}

/// One remembered request; opaque outside.
#[derive(Debug, Default)]
pub(super) struct SendSlot(Slot);

/// A send queue; see the module's page for who may call what when.
#[derive(Debug)]
pub struct SendQueue {
    parts: Parts,
    /// Segments posted since the beginning: where the next request begins, a multiple of a block's.
    producer: AtomicU32,
    /// Counter of the oldest request that is not done, 16 bits.
    consumer: AtomicU32,
    /// First word of the last control segment: what the doorbell register wants.
    last: AtomicU64,
    /// [`AFTER_UMR`] when the last request was a UMR, on which the next one's fence depends.
    after: AtomicU32,
}

/// See [`SendQueue::after`].
const AFTER_UMR: u32 = 8;

impl SendQueue {
    pub(super) fn new(parts: Parts) -> Self {
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
    pub(super) fn give_page_lists(&self, lists: PageLists) -> Result<(), PageLists> {
        self.parts.lists.set(lists)
    }

    /// The memory of the page lists, once there are some.
    pub(super) fn page_list_memory(&self) -> Option<&Ref<SharedMemory>> {
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
    pub(super) fn reset(&self) {
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

/// Blocks of the longest request of a queue with these limits. A read in two parts takes no more than a write of as many pieces.
pub(super) fn blocks_per_request(kind: QpKind, max_sges: u32, max_inline: u32) -> u32 {
    // Before the pieces: control segment, and remote address or the address vector of datagrams.
    let head = match kind {
        QpKind::Rc => 2,
        QpKind::Gsi => 4,
    };
    let segments = (max_sges + head).max(wqe::inline_segments(max_inline.min(MAX_INLINE)) + 2);
    segments
        .max(UMR_SEGMENTS)
        .div_ceil(SEGMENTS_PER_BLOCK)
        .min(MAX_BLOCKS)
}

/// Segments of a UMR element with inline entries.
const UMR_SEGMENTS: u32 = 12;

/// `fm_ce_se` of UMR elements by flags, for the fence that the device wants on them.
pub(super) const fn umr_how(fence: u32) -> [u8; 8] {
    let mut table = [0; 8];
    let mut flags = 0;
    while flags < table.len() {
        let fenced = flags & FENCE != 0 && fence != fm_ce_se::STRONG;
        table[flags] = reporting(flags) | if fenced { fm_ce_se::SMALL_AND_FENCE } else { fence } as u8;
        flags += 1;
    }
    table
}

/// `fm_ce_se` of all other elements by flags and [`AFTER_UMR`].
const HOW: [u8; 16] = {
    let mut table = [0; 16];
    let mut index = 0;
    while index < table.len() {
        let fence = match (index & FENCE != 0, index & AFTER_UMR as usize != 0) {
            (false, false) => 0,
            (false, true) => fm_ce_se::SMALL_FENCE,
            (true, false) => fm_ce_se::FENCE,
            (true, true) => fm_ce_se::SMALL_AND_FENCE,
        };
        table[index] = reporting(index) | fence as u8;
        index += 1;
    }
    table
};

const SILENT: usize = PostFlags::SILENT.bits() as usize;
const FENCE: usize = PostFlags::FENCE.bits() as usize;
const SOLICITED: usize = PostFlags::SOLICITED.bits() as usize;

/// Completion and solicited event of the flags.
const fn reporting(flags: usize) -> u8 {
    let completion = if flags & SILENT == 0 {
        fm_ce_se::COMPLETION
    } else {
        0
    };
    let solicited = if flags & SOLICITED == 0 {
        0
    } else {
        fm_ce_se::SOLICITED
    };
    (completion | solicited) as u8
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
