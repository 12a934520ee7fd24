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
mod page_lists;
mod post;

use super::{
    error::Lie,
    mkey::Access,
    types::{Key, Pdn, Qpn},
    uar::SendDoorbell,
    wqe::{self, MAX_BLOCKS, MAX_INLINE, SEGMENTS_PER_BLOCK, umr},
};
use crate::nt::{
    ring::{Circle, Record, Ring, Segment},
    sync::{
        AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release, SeqCst},
        fence, publish_to_device,
    },
};

pub(super) use self::page_lists::PageLists;
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
    /// How a work request is to be carried out.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PostFlags: u32 {
        /// Success leaves no completion.
        const SILENT = 1;
        /// The receiver's completion raises its solicited event.
        const SOLICITED = 2;
        /// Wait for earlier reads of this queue.
        const FENCE = 4;
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
    /// More pages than the queue's page lists hold.
    TooManyPages,
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

/// What the queue remembers of a request: `context`, and in one word its counter, its end and what it was.
#[derive(Debug, Default)]
struct Slot {
    context: AtomicU64,
    /// First block's counter 15:0, next request's counter 31:16, kind 39:32, silent 40, page list 41, used 42.
    note: AtomicU64,
}

const NOTE_KIND: u32 = 32;
const NOTE_SILENT: u64 = 1 << 40;
const NOTE_LIST: u64 = 1 << 41;
const NOTE_USED: u64 = 1 << 42;

/// What a [`SendQueue`] is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) ring: Ring<Segment>,
    pub(super) slots: Circle<SendSlot>,
    pub(super) record: Record,
    pub(super) doorbell: SendDoorbell,
    pub(super) lists: Option<PageLists>,
    pub(super) qpn: Qpn,
    pub(super) log_blocks: u32,
    pub(super) max_sges: u32,
    pub(super) max_inline: u32,
    pub(super) local_key: Key,
    pub(super) umr_fence: u32,
}

/// One remembered request; opaque outside.
#[derive(Debug, Default)]
pub(super) struct SendSlot(Slot);

/// A send queue; see the module's page for who may call what when.
#[derive(Debug)]
pub struct SendQueue {
    parts: Parts,
    /// Blocks posted since the beginning.
    producer: AtomicU32,
    /// Blocks whose requests are done.
    consumer: AtomicU32,
    /// `producer` at the last doorbell.
    rung: AtomicU32,
    /// First word of the last control segment: what the doorbell register wants.
    last: AtomicU64,
    /// Fence that the next request gets because the last one was a UMR.
    fence: AtomicU32,
}

impl SendQueue {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            producer: AtomicU32::new(0),
            consumer: AtomicU32::new(0),
            rung: AtomicU32::new(0),
            last: AtomicU64::new(0),
            fence: AtomicU32::new(0),
        }
    }

    /// Tells the device about everything posted since the last call; does nothing when there is nothing new.
    #[inline]
    pub fn ring(&self) {
        let producer = self.producer.load(Relaxed);
        if producer == self.rung.load(Relaxed) {
            return;
        }
        self.rung.store(producer, Relaxed);
        // Orders the elements' words before the record: the device may read what the record covers.
        publish_to_device();
        self.parts.record.store(producer & 0xffff);
        // Orders the record before the doorbell, on which the device reads the record.
        publish_to_device();
        self.parts.doorbell.ring(self.last.load(Relaxed));
    }

    /// Tells the device about everything that is posted, for somebody who is not serialised with posts: to flush deferred
    /// requests of a queue pair in error. May ring once too often.
    pub fn ring_beside_posts(&self) {
        while !self.is_empty() {
            let producer = self.producer.load(Acquire);
            self.parts.record.store(producer & 0xffff);
            // Orders the record before the doorbell, on which the device reads the record.
            publish_to_device();
            self.parts.doorbell.ring(self.last.load(Relaxed));
            // Orders our record, which may have overwritten that of a newer post, before the look for such a post.
            fence(SeqCst);
            if self.producer.load(Relaxed) == producer {
                return;
            }
        }
    }

    /// Whether something is posted that the device was not told about.
    pub fn is_deferred(&self) -> bool {
        self.producer.load(Relaxed) != self.rung.load(Relaxed)
    }

    /// Whether requests are outstanding.
    pub fn is_empty(&self) -> bool {
        self.producer.load(Relaxed) == self.consumer.load(Relaxed)
    }

    /// Takes the request of a completion off the queue, with all before it: those were silent and succeeded (or, once the queue
    /// pair is in error, take them off with [`Self::pop_before`] first).
    ///
    /// # Errors
    /// [`Lie::WqeCounter`] when no request that is outstanding begins there.
    #[inline]
    pub fn complete(&self, counter: u16) -> Result<Completed, Lie> {
        let consumer = self.consumer.load(Relaxed);
        let outstanding = self.producer.load(Acquire).wrapping_sub(consumer);
        let ahead = u32::from(counter.wrapping_sub(consumer as u16));
        let slot = &self.parts.slots.at(u32::from(counter)).0;
        let note = slot.note.load(Relaxed);
        if ahead >= outstanding || note as u16 != counter || note & NOTE_USED == 0 {
            return Err(Lie::WqeCounter(counter));
        }
        let context = slot.context.load(Relaxed);
        if self.parts.lists.is_some() {
            self.return_lists(consumer, counter);
        }
        let next = (note >> 16) as u16;
        self.consumer.store(
            consumer.wrapping_add(u32::from(next.wrapping_sub(consumer as u16))),
            Release,
        );
        Ok(completed(context, note))
    }

    /// Takes the oldest request off the queue, if there is one and it begins before `counter`.
    pub fn pop_before(&self, counter: u16) -> Option<Completed> {
        let oldest = self.consumer.load(Relaxed) as u16;
        if oldest == counter { None } else { self.pop() }
    }

    /// Takes the oldest request off the queue: for flushing in software when the device is dead.
    pub fn pop(&self) -> Option<Completed> {
        if self.is_empty() {
            return None;
        }
        self.complete(self.consumer.load(Relaxed) as u16).ok()
    }

    /// Forgets everything; the queue pair is in the reset state.
    pub(super) fn reset(&self) {
        while self.pop().is_some() {}
        self.producer.store(0, Relaxed);
        self.consumer.store(0, Relaxed);
        self.rung.store(0, Relaxed);
        self.fence.store(0, Relaxed);
        self.parts.record.store(0);
    }

    /// Gives back the page lists of the requests from `consumer` to the one that begins at `counter`.
    #[inline]
    fn return_lists(&self, consumer: u32, counter: u16) {
        let Some(lists) = &self.parts.lists else { return };
        let mut at = consumer as u16;
        let mut returned = 0;
        // Bounded: every step goes at least one block ahead, and at most the ring's blocks are outstanding.
        for _ in 0..1_u32 << self.parts.log_blocks {
            let note = self.parts.slots.at(u32::from(at)).0.note.load(Relaxed);
            returned += u32::from(note & NOTE_LIST != 0);
            if at == counter {
                break;
            }
            at = (note >> 16) as u16;
        }
        lists.give_back(returned);
    }
}

/// Blocks of the longest request of a queue with these limits.
pub(super) fn blocks_per_request(max_sges: u32, max_inline: u32, fast_register: bool) -> u32 {
    let data = max_sges.max(wqe::inline_segments(max_inline.min(MAX_INLINE)));
    let segments = (data + 2).max(if fast_register { 12 } else { 1 });
    segments.div_ceil(SEGMENTS_PER_BLOCK).min(MAX_BLOCKS)
}

#[inline(always)]
const fn completed(context: u64, note: u64) -> Completed {
    let kind = match (note >> NOTE_KIND) as u8 {
        k if k == WqeKind::Send as u8 => WqeKind::Send,
        k if k == WqeKind::Write as u8 => WqeKind::Write,
        k if k == WqeKind::Read as u8 => WqeKind::Read,
        k if k == WqeKind::FastRegister as u8 => WqeKind::FastRegister,
        k if k == WqeKind::Invalidate as u8 => WqeKind::Invalidate,
        _ => WqeKind::Nop,
    };
    Completed {
        context,
        kind,
        silent: note & NOTE_SILENT != 0,
    }
}
