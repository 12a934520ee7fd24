//! The receive queue of a queue pair.
//!
//! No lock and no allocation; the caller serialises posts with posts, and completions with completions.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use super::{
    error::Lie,
    send_queue::{PostError, Sge},
    types::Key,
    wqe,
};
use crate::nt::{
    ring::{Circle, Record, Ring, Segment},
    sync::{
        AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        publish_to_device,
    },
};

/// What a [`ReceiveQueue`] is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) ring: Ring<Segment>,
    pub(super) contexts: Circle<AtomicU64>,
    pub(super) record: Record,
    /// Elements.
    pub(super) size: u32,
    /// log2 of the segments of an element.
    pub(super) log_segments: u32,
    pub(super) max_sges: u32,
    /// Bytes of a message.
    pub(super) max_message: u64,
    /// The key that ends a list of pieces.
    pub(super) terminator: Key,
}

/// A receive queue.
#[derive(Debug)]
pub struct ReceiveQueue {
    parts: Parts,
    /// Requests posted since the beginning.
    producer: AtomicU32,
    /// Requests completed.
    consumer: AtomicU32,
}

impl ReceiveQueue {
    pub(super) const fn new(parts: Parts) -> Self {
        Self {
            parts,
            producer: AtomicU32::new(0),
            consumer: AtomicU32::new(0),
        }
    }

    /// Posts a receive into the pieces, and tells the device.
    ///
    /// # Errors
    /// [`PostError::Full`], [`PostError::TooManySges`], [`PostError::TooLong`].
    #[inline(always)]
    pub fn post(&self, context: u64, sges: impl ExactSizeIterator<Item = Sge>) -> Result<(), PostError> {
        if sges.len() as u32 > self.parts.max_sges {
            return Err(PostError::TooManySges);
        }
        let producer = self.producer.load(Relaxed);
        // Acquire: whoever completed a request is done with its context before we overwrite it.
        if producer.wrapping_sub(self.consumer.load(Acquire)) >= self.parts.size {
            return Err(PostError::Full);
        }
        let ring = self.parts.ring.view();
        let mut at = producer << self.parts.log_segments;
        let end = at.wrapping_add(1 << self.parts.log_segments);
        let mut total = 0;
        for sge in sges {
            total += u64::from(sge.length);
            if sge.length != 0 {
                ring.at(at).store(wqe::data(sge.address, sge.length, sge.key));
                at = at.wrapping_add(1);
            }
        }
        // The device would take the sign of a length for something else; the element is not the device's yet.
        if total > self.parts.max_message {
            return Err(PostError::TooLong);
        }
        if at != end {
            ring.at(at).store(wqe::terminator(self.parts.terminator));
        }
        self.parts.contexts.at(producer).store(context, Relaxed);
        let next = producer.wrapping_add(1);
        self.producer.store(next, Release);
        // Orders the element's words before the record.
        publish_to_device();
        self.parts.record.store(next & 0xffff);
        Ok(())
    }

    /// Takes the request of a completion off the queue and returns its context. Receives complete in order.
    ///
    /// # Errors
    /// [`Lie::WqeCounter`] when that request is not the oldest one.
    #[inline(always)]
    pub fn complete(&self, counter: u16) -> Result<u64, Lie> {
        let consumer = self.consumer.load(Relaxed);
        let mask = self.parts.size - 1;
        if consumer == self.producer.load(Acquire) || (u32::from(counter) ^ consumer) & mask & 0xffff != 0 {
            return Err(Lie::WqeCounter(counter));
        }
        let context = self.parts.contexts.at(consumer).load(Relaxed);
        self.consumer.store(consumer.wrapping_add(1), Release);
        Ok(context)
    }

    /// Takes the oldest request off the queue: for flushing in software when the device is dead.
    pub fn pop(&self) -> Option<u64> {
        self.complete(self.consumer.load(Relaxed) as u16).ok()
    }

    /// Whether no receives are outstanding.
    pub fn is_empty(&self) -> bool {
        self.producer.load(Relaxed) == self.consumer.load(Relaxed)
    }

    /// Whether no receive has completed yet.
    pub fn is_untouched(&self) -> bool {
        self.consumer.load(Relaxed) == 0
    }

    /// Forgets everything; the queue pair is in the reset state.
    pub(super) fn reset(&self) {
        self.producer.store(0, Relaxed);
        self.consumer.store(0, Relaxed);
        self.parts.record.store(0);
    }
}
