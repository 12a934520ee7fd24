//! An Ethernet send queue and its ring (connectx ethernet, sections 1.4 and 2).
//!
//! No lock and no allocation; whoever posts has the ring for itself, and sees to it that there is room.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use crate::{
    hw::{
        command::Commander,
        commands::ether_queue::{CreateSq, DestroySq, ModifySq, QueueState},
        cq::Cq,
        device::Device,
        error::HwError,
        layout::{Sqc, opcode},
        types::{Key, Qpn, Sqn},
        uar::SendDoorbell,
        wqe::{self, Opcode, SEGMENTS_PER_BLOCK, fm_ce_se},
    },
    nt::{
        Passive, Ref, SharedMemory,
        ring::{Record, Ring, Segment},
        sync::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{AcqRel, Relaxed},
            publish_to_device,
        },
    },
};

use super::domain::Domain;

/// log2 of the bytes of a block.
const LOG_BLOCK: u32 = 6;
/// Bytes set apart for the doorbell record, one cache line.
const RECORD: u32 = 64;
/// Segments that an element may have: the count has six bits.
const MOST_SEGMENTS: u32 = 63;
/// Control and Ethernet segment.
const FIXED_SEGMENTS: u32 = 2;
/// Bytes of an inline header that lie in the Ethernet segment itself.
const INLINE_IN_SEGMENT: u32 = 2;
/// The longest inline header that the ring takes, in bytes.
pub const MOST_INLINE: u32 = 192;
/// `insert_type` of a customer tag.
const INSERT_TAG: u64 = 0x8000;
/// `cs_flags`.
const IP_CHECKSUM: u64 = 0x40;
const TRANSPORT_CHECKSUM: u64 = 0x80;

/// Checksums that the device computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checksums {
    /// That of the IPv4 header.
    pub ip: bool,
    /// That of TCP or UDP.
    pub transport: bool,
}

/// A frame, or a large message that the device cuts into frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'a> {
    /// Bytes that the element itself carries: the frame begins with them. [`MOST_INLINE`] at most. Of a large message all of its headers.
    pub header: &'a [u8],
    /// What the device puts in as a customer tag. Not together with a header.
    pub tag: Option<u16>,
    /// What it computes.
    pub checksums: Checksums,
    /// Payload bytes of each frame of a large message; 0: one frame.
    pub segment: u16,
}

/// Where an element lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posted {
    /// Counter of its first block: what its completion says.
    pub first: u16,
    /// Its blocks.
    pub blocks: u16,
}

/// Segments of inline bytes behind the Ethernet segment.
const fn inline_segments(bytes: u32) -> u32 {
    bytes
        .saturating_sub(INLINE_IN_SEGMENT)
        .div_ceil(wqe::SEGMENT as u32)
}

/// Pieces of memory that an element with so many inline bytes may have.
pub const fn most_pieces(inline: u32) -> u32 {
    MOST_SEGMENTS - FIXED_SEGMENTS - inline_segments(inline)
}

/// Blocks of an element.
pub const fn blocks(inline: u32, pieces: u32) -> u32 {
    (FIXED_SEGMENTS + inline_segments(inline) + pieces).div_ceil(SEGMENTS_PER_BLOCK)
}

/// An Ethernet send queue.
#[derive(Debug)]
pub struct SendRing {
    device: Ref<Device>,
    memory: Ref<SharedMemory>,
    ring: Ring<Segment>,
    record: Record,
    doorbell: SendDoorbell,
    key: Key,
    sqn: Sqn,
    log_blocks: u32,
    /// Segments posted so far.
    producer: AtomicU32,
    /// Where the last element begins, and its control segment: the first word is what its doorbell says.
    last_segment: AtomicU32,
    last: [AtomicU64; 2],
    alive: AtomicBool,
}

impl SendRing {
    /// Makes a ring of `1 << log_blocks` blocks of 64 bytes, which completes in `cq`, at work.
    ///
    /// # Errors
    /// [`HwError::NoMemory`], those of the commands; nothing stays.
    pub fn create(domain: &Domain, cq: &Cq, log_blocks: u32, passive: Passive<'_>) -> Result<Self, HwError> {
        let device = domain.device();
        let bytes = 1 << (log_blocks + LOG_BLOCK);
        let memory = device.shared_pages(bytes + RECORD, passive)?;
        let uar = device.uars().deal()?;
        let doorbell = uar.send_doorbell()?;
        let mut context = Sqc::new();
        context
            .set_cqn(cq.number().raw())
            .set_tis_lst_sz(1)
            .set_tis_num_0(domain.tisn().raw())
            .set_flush_in_error_en(1);
        context
            .wq_mut()
            .set_wq_type(1)
            .set_log_wq_stride(LOG_BLOCK)
            .set_log_wq_sz(log_blocks)
            .set_pd(domain.pd().number().raw())
            .set_uar_page(uar.index().raw())
            .set_dbr_addr(memory.bus_address(bytes).0);
        let made = {
            let pages = memory.pages(bytes);
            device.commander().execute(&CreateSq { context, pages }, passive)
        };
        let sqn = device.made(made, &memory)?;
        let start = ModifySq {
            sqn,
            from: QueueState::Reset,
            to: QueueState::Ready,
        };
        if let Err(error) = device.commander().execute(&start, passive) {
            device.release(&memory, destroy(device.commander(), sqn, passive));
            return Err(error.into());
        }
        Ok(Self {
            ring: Ring::new(&memory, 0, log_blocks + SEGMENTS_PER_BLOCK.ilog2()),
            record: Record::new(&memory, bytes + 4),
            device: device.clone(),
            memory,
            doorbell,
            key: domain.pd().local_key(),
            sqn,
            log_blocks,
            producer: AtomicU32::new(0),
            last_segment: AtomicU32::new(0),
            last: [AtomicU64::new(0), AtomicU64::new(0)],
            alive: AtomicBool::new(true),
        })
    }

    /// Blocks of the ring.
    pub const fn capacity(&self) -> u32 {
        1 << self.log_blocks
    }

    /// Writes an element: `frame`, and behind its header the `pieces` of memory (bus address, bytes; none is empty), at most
    /// [`most_pieces`] of them. With `tell` its completion is told, and with it that of all before.
    #[inline(always)]
    pub fn post(&self, frame: &Frame<'_>, pieces: impl Iterator<Item = (u64, u32)>, tell: bool) -> Posted {
        let first = self.producer.load(Relaxed);
        let ring = self.ring.view();
        let mut at = first.wrapping_add(FIXED_SEGMENTS);
        let word = match frame.tag {
            Some(tag) => INSERT_TAG << 16 | u64::from(tag),
            None => self.put_header(&mut at, frame.header),
        };
        for (address, length) in pieces {
            ring.at(at).store(wqe::data(address, length, self.key));
            at = at.wrapping_add(1);
        }
        let flags = (u64::from(frame.checksums.ip) * IP_CHECKSUM)
            | (u64::from(frame.checksums.transport) * TRANSPORT_CHECKSUM);
        ring.at(first.wrapping_add(1))
            .store([flags << 24 | u64::from(frame.segment), word]);
        let counter = (first / SEGMENTS_PER_BLOCK) as u16;
        let opcode = if frame.segment == 0 {
            Opcode::Send
        } else {
            Opcode::LargeSend
        };
        let how = if tell { fm_ce_se::COMPLETION } else { 0 };
        let control = wqe::control(
            counter,
            opcode,
            Qpn::new(self.sqn.raw()),
            at.wrapping_sub(first),
            how,
            0,
        );
        ring.at(first).store(control);
        let next = at.wrapping_add(SEGMENTS_PER_BLOCK - 1) & !(SEGMENTS_PER_BLOCK - 1);
        self.last_segment.store(first, Relaxed);
        self.last[0].store(control[0], Relaxed);
        self.last[1].store(control[1], Relaxed);
        self.producer.store(next, Relaxed);
        Posted {
            first: counter,
            blocks: (next.wrapping_sub(first) / SEGMENTS_PER_BLOCK) as u16,
        }
    }

    /// Writes the inline header; the last word of the Ethernet segment, which holds its length and its first bytes.
    fn put_header(&self, at: &mut u32, header: &[u8]) -> u64 {
        let [first, second, rest @ ..] = header else {
            return 0;
        };
        for chunk in rest.chunks(wqe::SEGMENT) {
            let mut bytes = [0; wqe::SEGMENT];
            bytes.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            let whole = u128::from_be_bytes(bytes);
            self.ring.at(*at).store([(whole >> 64) as u64, whole as u64]);
            *at = at.wrapping_add(1);
        }
        (header.len() as u64) << 16 | u64::from(u16::from_be_bytes([*first, *second]))
    }

    /// Tells the device of all elements that were posted, one at least. The last one's completion is told.
    #[inline(always)]
    pub fn ring(&self) {
        // The element is not the device's yet.
        let control = [self.last[0].load(Relaxed), self.last[1].load(Relaxed)];
        let told = control[1] | u64::from(fm_ce_se::COMPLETION) << 32;
        self.ring
            .at(self.last_segment.load(Relaxed))
            .store([control[0], told]);
        let blocks = self.producer.load(Relaxed) / SEGMENTS_PER_BLOCK;
        // Orders the elements' words before the record.
        publish_to_device();
        self.record.store(blocks & 0xffff);
        publish_to_device();
        if !self.device.is_dead() {
            self.doorbell.ring(control[0]);
        }
    }

    /// Stops the queue: what is posted and not sent completes with the flush error.
    ///
    /// # Errors
    /// The command's: it may have stopped by itself.
    pub fn stop(&self, passive: Passive<'_>) -> Result<(), HwError> {
        let (from, to) = (QueueState::Ready, QueueState::Error);
        self.modify(from, to, passive)
    }

    /// The queue does not stop: neither does the device let go of what is posted, so that it is given up.
    pub fn give_up(&self, passive: Passive<'_>) {
        self.device.give_up(opcode::MODIFY_SQ, passive);
    }

    /// Puts a queue that stopped back to work, empty. Whatever it had posted has completed, or is given up; nobody posts meanwhile.
    ///
    /// # Errors
    /// Those of the commands.
    pub fn restart(&self, passive: Passive<'_>) -> Result<(), HwError> {
        self.modify(QueueState::Error, QueueState::Reset, passive)?;
        self.producer.store(0, Relaxed);
        self.record.store(0);
        self.modify(QueueState::Reset, QueueState::Ready, passive)
    }

    fn modify(&self, from: QueueState, to: QueueState, passive: Passive<'_>) -> Result<(), HwError> {
        let sqn = self.sqn;
        Ok(self
            .device
            .commander()
            .execute(&ModifySq { sqn, from, to }, passive)?)
    }

    /// Destroys the queue: the device reads no memory for it any more when this returns, since one that will not destroy it is given up.
    /// `false` if it is dead and nothing cuts it off.
    pub fn destroy(&self, passive: Passive<'_>) -> bool {
        if !self.alive.swap(false, AcqRel) {
            return true;
        }
        let done = destroy(self.device.commander(), self.sqn, passive)
            || self.device.give_up(opcode::DESTROY_SQ, passive);
        self.device.release(&self.memory, done);
        done
    }
}

fn destroy(commander: &Commander, sqn: Sqn, passive: Passive<'_>) -> bool {
    commander.dispose(&DestroySq { sqn }, passive)
}
