//! An Ethernet receive queue and its ring (connectx ethernet, sections 1.5 and 3).
//!
//! No lock and no allocation; whoever posts has the ring for itself.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use crate::{
    hw::{
        command::Commander,
        commands::ether_queue::{CreateRq, DestroyRq, ModifyRq, QueueState},
        cq::Cq,
        device::Device,
        error::HwError,
        layout::{Rqc, opcode},
        types::{Key, Rqn},
        wqe,
    },
    nt::{
        Passive, Ref, SharedMemory,
        ring::{Record, Ring, Segment},
        sync::{
            AtomicBool, AtomicU32,
            Ordering::{AcqRel, Relaxed},
            publish_to_device,
        },
    },
};

use super::domain::Domain;

/// log2 of the bytes of a segment.
const LOG_SEGMENT: u32 = 4;
/// Bytes set apart for the doorbell record, one cache line.
const RECORD: u32 = 64;

/// A piece of a buffer: bus address and bytes.
pub type Piece = (u64, u32);

/// The shape of a receive queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceiveShape {
    /// log2 of its elements.
    pub log_elements: u32,
    /// log2 of the pieces of an element.
    pub log_pieces: u32,
    /// The tag stays in the frame; else it is told beside it.
    pub keeps_tags: bool,
}

/// An Ethernet receive queue.
#[derive(Debug)]
pub struct ReceiveRing {
    device: Ref<Device>,
    memory: Ref<SharedMemory>,
    ring: Ring<Segment>,
    record: Record,
    key: Key,
    terminator: Key,
    rqn: Rqn,
    shape: ReceiveShape,
    /// Elements posted so far.
    producer: AtomicU32,
    alive: AtomicBool,
}

impl ReceiveRing {
    /// Makes a ring which completes in `cq`, at work and empty.
    ///
    /// # Errors
    /// [`HwError::NoMemory`], those of the commands; nothing stays.
    pub fn create(
        domain: &Domain,
        cq: &Cq,
        shape: ReceiveShape,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let device = domain.device();
        let log_stride = shape.log_pieces + LOG_SEGMENT;
        let bytes = 1 << (shape.log_elements + log_stride);
        let memory = device.shared_pages(bytes + RECORD, passive)?;
        let mut context = Rqc::new();
        context
            .set_cqn(cq.number().raw())
            .set_vsd(u32::from(shape.keeps_tags));
        context
            .wq_mut()
            .set_wq_type(1)
            .set_log_wq_stride(log_stride)
            .set_log_wq_sz(shape.log_elements)
            .set_pd(domain.pd().number().raw())
            .set_dbr_addr(memory.bus_address(bytes).0);
        let made = {
            let pages = memory.pages(bytes);
            device.commander().execute(&CreateRq { context, pages }, passive)
        };
        let rqn = device.made(made, &memory)?;
        let start = ModifyRq {
            rqn,
            from: QueueState::Reset,
            to: QueueState::Ready,
        };
        if let Err(error) = device.commander().execute(&start, passive) {
            device.release(&memory, destroy(device.commander(), rqn, passive));
            return Err(error.into());
        }
        Ok(Self {
            ring: Ring::new(&memory, 0, shape.log_elements + shape.log_pieces),
            record: Record::new(&memory, bytes),
            device: device.clone(),
            memory,
            key: domain.pd().local_key(),
            terminator: device.terminate_key(),
            rqn,
            shape,
            producer: AtomicU32::new(0),
            alive: AtomicBool::new(true),
        })
    }

    /// Its number.
    pub const fn number(&self) -> Rqn {
        self.rqn
    }

    /// Elements of the ring; all may be posted.
    pub const fn capacity(&self) -> u32 {
        1 << self.shape.log_elements
    }

    /// Posts a buffer of these pieces, none of which is empty, behind those that are posted. [`Self::publish`] tells the device.
    #[inline(always)]
    pub fn post(&self, pieces: impl Iterator<Item = Piece>) {
        let producer = self.producer.load(Relaxed);
        let mut at = producer << self.shape.log_pieces;
        let end = at.wrapping_add(1 << self.shape.log_pieces);
        for (address, length) in pieces {
            self.ring.at(at).store(wqe::data(address, length, self.key));
            at = at.wrapping_add(1);
        }
        if at != end {
            self.ring.at(at).store(wqe::terminator(self.terminator));
        }
        self.producer.store(producer.wrapping_add(1), Relaxed);
    }

    /// Tells the device of all buffers that were posted.
    #[inline(always)]
    pub fn publish(&self) {
        // Orders the elements' words before the record.
        publish_to_device();
        self.record.store(self.producer.load(Relaxed) & 0xffff);
    }

    /// Empties a queue that an error stopped; its completions have all been looked at. Then [`Self::rewind`], the buffers again, and
    /// [`Self::start`].
    ///
    /// # Errors
    /// The command's.
    pub fn reset(&self, passive: Passive<'_>) -> Result<(), HwError> {
        self.modify(QueueState::Error, QueueState::Reset, passive)
    }

    /// Nothing is posted any more, as the device sees it.
    pub fn rewind(&self) {
        self.producer.store(0, Relaxed);
        self.record.store(0);
    }

    /// Puts the queue back to work.
    ///
    /// # Errors
    /// The command's.
    pub fn start(&self, passive: Passive<'_>) -> Result<(), HwError> {
        self.modify(QueueState::Reset, QueueState::Ready, passive)
    }

    fn modify(&self, from: QueueState, to: QueueState, passive: Passive<'_>) -> Result<(), HwError> {
        let rqn = self.rqn;
        Ok(self
            .device
            .commander()
            .execute(&ModifyRq { rqn, from, to }, passive)?)
    }

    /// Destroys the queue, to which no table and no TIR leads: the device writes no memory for it any more when this returns, since one that
    /// will not destroy it is given up. `false` if it is dead and nothing cuts it off.
    pub fn destroy(&self, passive: Passive<'_>) -> bool {
        if !self.alive.swap(false, AcqRel) {
            return true;
        }
        let done = destroy(self.device.commander(), self.rqn, passive)
            || self.device.give_up(opcode::DESTROY_RQ, passive);
        self.device.release(&self.memory, done);
        done
    }
}

fn destroy(commander: &Commander, rqn: Rqn, passive: Passive<'_>) -> bool {
    commander.dispose(&DestroyRq { rqn }, passive)
}
