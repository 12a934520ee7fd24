//! Completion queues.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use super::{
    command::Commander,
    commands::queue::{CreateCq, DestroyCq, ModerateCq},
    completions::CqRoute,
    device::Device,
    eq::Eq,
    error::HwError,
    layout::Cqc,
    types::{Cqn, Gid, Key, Moderation, Qpn, ceil_log2},
    uar::CqDoorbell,
};
use crate::nt::{
    Passive, Ref, SharedMemory,
    ring::{Element, Record, Ring},
    sync::{
        AtomicBool, AtomicU32,
        Ordering::{AcqRel, Acquire, Relaxed},
        publish_to_device,
    },
};

pub use super::target::{CompletionTarget, CqFault};

/// Bytes of a completion queue element.
const ELEMENT: u32 = 64;
/// Bytes set apart for the doorbell record, one cache line.
const RECORD: u32 = 64;
/// Ownership byte of an element that the device has not written: opcode 15, owner 0.
const INVALID: u64 = 0xf0;
/// Opcodes in the ownership byte.
const REQUESTER: u8 = 0;
const RECEIVE: u8 = 2;
/// Opcode 15 in the ownership byte.
const OPCODE_INVALID: u8 = 0xf;

/// What wakes the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ArmKind {
    /// Any completion.
    Any = 0,
    /// A solicited completion, or one with an error.
    Solicited = 1,
}

/// How to make a completion queue.
#[derive(Clone, Copy, Debug)]
pub struct CqParams {
    /// Completions that it holds at least.
    pub entries: u32,
    /// Completion vector, `0..device.completion_vectors()`; taken modulo that number.
    pub vector: u32,
}

/// Opcode of a completion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CqeOpcode {
    /// A request of the send queue is done, with all before it.
    Requester,
    /// A receive got a message.
    Receive,
    /// A receive got a message with an immediate.
    ReceiveImmediate,
    /// A receive got a message which also invalidated this key.
    ReceiveInvalidate(Key),
    /// A receive was consumed by a write with immediate.
    WriteImmediate,
    /// A request of the send queue failed.
    RequesterError(CqeSyndrome),
    /// A receive failed.
    ResponderError(CqeSyndrome),
    /// Not one of those: the device lies, or does what was not asked for.
    Unknown(u8),
}

/// Why a request failed (connectx interface, section 8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are those of the interface")]
pub enum CqeSyndrome {
    LocalLength,
    LocalQpOperation,
    LocalProtection,
    Flushed,
    MemoryWindowBind,
    BadResponse,
    LocalAccess,
    RemoteInvalidRequest,
    RemoteAccess,
    RemoteOperation,
    TransportRetryExceeded,
    RnrRetryExceeded,
    RemoteAborted,
    /// A code that no document names.
    Unknown(u8),
}

impl CqeSyndrome {
    /// From the syndrome byte.
    pub const fn from_raw(raw: u8) -> Self {
        match raw {
            0x01 => Self::LocalLength,
            0x02 => Self::LocalQpOperation,
            0x04 => Self::LocalProtection,
            0x05 => Self::Flushed,
            0x06 => Self::MemoryWindowBind,
            0x10 => Self::BadResponse,
            0x11 => Self::LocalAccess,
            0x12 => Self::RemoteInvalidRequest,
            0x13 => Self::RemoteAccess,
            0x14 => Self::RemoteOperation,
            0x15 => Self::TransportRetryExceeded,
            0x16 => Self::RnrRetryExceeded,
            0x22 => Self::RemoteAborted,
            other => Self::Unknown(other),
        }
    }
}

/// A completion. A view of the ring: use it before the next [`Cq::commit`].
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Cqe<'a> {
    element: &'a Element,
    last: u64,
}

impl Cqe<'_> {
    /// Queue pair that it belongs to.
    #[inline(always)]
    pub const fn qpn(&self) -> Qpn {
        Qpn::new((self.last >> 32) as u32)
    }

    /// Counter of the request: of the send queue's first block, or of the receive.
    #[inline(always)]
    pub const fn counter(&self) -> u16 {
        (self.last >> 16) as u16
    }

    /// Whether the sender asked for a solicited event.
    pub const fn solicited(&self) -> bool {
        self.last & 2 != 0
    }

    /// A request of the send queue is done: [`CqeOpcode::Requester`].
    #[inline(always)]
    pub const fn is_requester(&self) -> bool {
        (self.last as u8) >> 4 == REQUESTER
    }

    /// A receive got a message: [`CqeOpcode::Receive`].
    #[inline(always)]
    pub const fn is_receive(&self) -> bool {
        (self.last as u8) >> 4 == RECEIVE
    }

    /// What it says.
    pub fn opcode(&self) -> CqeOpcode {
        match (self.last as u8) >> 4 {
            REQUESTER => CqeOpcode::Requester,
            1 => CqeOpcode::WriteImmediate,
            RECEIVE => CqeOpcode::Receive,
            3 => CqeOpcode::ReceiveImmediate,
            4 => CqeOpcode::ReceiveInvalidate(Key(self.immediate())),
            13 => CqeOpcode::RequesterError(self.syndrome()),
            14 => CqeOpcode::ResponderError(self.syndrome()),
            other => CqeOpcode::Unknown(other),
        }
    }

    /// `user_index` of the queue pair (devices with CQE version 1).
    #[inline]
    pub fn user_index(&self) -> u32 {
        (self.element.word::<4>() >> 32) as u32 & 0x00ff_ffff
    }

    /// Immediate, invalidated key, or for datagrams the P_Key in the low 16 bits.
    #[inline]
    pub fn immediate(&self) -> u32 {
        self.element.word::<4>() as u32
    }

    /// Bytes received or read.
    #[inline(always)]
    pub fn byte_count(&self) -> u32 {
        self.element.word::<5>() as u32
    }

    /// For Ethernet frames: the Toeplitz hash, and what of the frame was hashed (`rx_hash_type`; 0: nothing).
    #[inline(always)]
    pub fn hash(&self) -> (u32, u8) {
        (
            self.element.word::<1>() as u32,
            (self.element.word::<2>() >> 56) as u8,
        )
    }

    /// For Ethernet frames: what the device found in them: the dword at 0x1c.
    #[inline(always)]
    pub fn frame(&self) -> u32 {
        self.element.word::<3>() as u32
    }

    /// For datagrams: the sender's queue pair.
    pub fn source_qpn(&self) -> Qpn {
        Qpn::new((self.element.word::<3>() >> 32) as u32)
    }

    /// For datagrams: whether the packet came over IPv4 (else IPv6).
    pub fn is_ipv4(&self) -> bool {
        (self.element.word::<3>() >> 56) & 3 == 2
    }

    /// For errors: why.
    pub fn syndrome(&self) -> CqeSyndrome {
        CqeSyndrome::from_raw(self.element.word::<6>() as u8)
    }

    /// For errors: the vendor's own code, good for logs.
    pub fn vendor_syndrome(&self) -> u8 {
        (self.element.word::<6>() >> 8) as u8
    }
}

/// The addresses that the device put before a datagram: 40 bytes, an IPv6 header, or an IPv4 header in bytes 20..40.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GrhArea(pub [u8; 40]);

impl GrhArea {
    /// Bytes.
    pub const SIZE: u32 = 40;

    /// Source and destination address.
    pub fn addresses(&self, ipv4: bool) -> (Gid, Gid) {
        let bytes = &self.0;
        if ipv4 {
            let at = |i: usize| Gid::from_v4([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
            (at(32), at(36))
        } else {
            let at = |i: usize| Gid(core::array::from_fn(|n| bytes[i + n]));
            (at(8), at(24))
        }
    }
}

/// A completion queue. Polling and arming are serialised by the caller (rule CQ-01); no lock is taken.
#[derive(Debug)]
pub struct Cq {
    device: Ref<Device>,
    memory: Ref<SharedMemory>,
    ring: Ring<Element>,
    log_size: u32,
    consumer: AtomicU32,
    consumer_record: Record,
    arm_record: Record,
    doorbell: CqDoorbell,
    /// Where its events go.
    eq: Ref<Eq>,
    route: Ref<CqRoute>,
    cqn: Cqn,
    alive: AtomicBool,
}

impl Cq {
    /// Makes a completion queue, not armed and not moderated.
    ///
    /// # Errors
    /// [`HwError::Limit`] for more entries than the device has, [`HwError::NoMemory`], the command's.
    pub fn create(device: &Ref<Device>, params: CqParams, passive: Passive<'_>) -> Result<Self, HwError> {
        // One more than asked for, as the interface says (section 18).
        let log_size = ceil_log2(params.entries.saturating_add(1));
        if log_size > device.caps().log_max_cq_entries {
            return Err(HwError::Limit("completion queue entries"));
        }
        let ring_bytes = ELEMENT << log_size;
        let memory = device.shared_pages(ring_bytes + RECORD, passive)?;
        let ring: Ring<Element> = Ring::new(&memory, 0, log_size);
        for index in 0..1 << log_size {
            ring.at(index).store_last(INVALID);
        }
        let uar = device.uars().deal()?;
        let doorbell = uar.cq_doorbell()?;
        let eq = device.queues().completion_queue(params.vector).cloned();
        let eq = eq.ok_or(HwError::Limit("event queues"))?;
        let mut context = Cqc::new();
        context
            .set_log_cq_size(log_size)
            .set_uar_page(uar.index().raw())
            .set_c_eqn_or_apu_element(u32::from(eq.number().0))
            .set_dbr_addr(memory.bus_address(ring_bytes).0);
        let made = {
            let pages = memory.pages(ring_bytes);
            device.commander().execute(&CreateCq { context, pages }, passive)
        };
        let cqn = device.made(made, &memory)?;
        let route = match device.queues().add_cq(device.events(), &eq, cqn) {
            Ok(route) => route,
            Err(error) => {
                device.release(&memory, destroy(device.commander(), cqn, passive));
                return Err(error);
            }
        };
        Ok(Self {
            consumer_record: Record::new(&memory, ring_bytes),
            arm_record: Record::new(&memory, ring_bytes + 4),
            device: device.clone(),
            memory,
            ring,
            log_size,
            consumer: AtomicU32::new(0),
            doorbell,
            eq,
            route,
            cqn,
            alive: AtomicBool::new(true),
        })
    }

    /// Names who is told about events. Before the first [`Self::arm`].
    pub fn attach(&self, target: Ref<dyn CompletionTarget>) {
        self.device.events().attach_cq(self.cqn, target.clone());
        self.eq.attach_cq(self.cqn, target);
    }

    /// Its number.
    pub const fn number(&self) -> Cqn {
        self.cqn
    }

    /// Completions that it holds.
    pub const fn capacity(&self) -> u32 {
        1 << self.log_size
    }

    /// The next completion, if there is one. `<= DISPATCH_LEVEL`.
    #[inline(always)]
    pub fn poll(&self) -> Option<Cqe<'_>> {
        let consumer = self.consumer.load(Relaxed);
        let element = self.ring.at(consumer);
        let last = element.last();
        if !self.is_written(consumer, last) {
            return None;
        }
        self.consumer.store(consumer.wrapping_add(1), Relaxed);
        Some(Cqe { element, last })
    }

    /// Whether the device has written the element at `index`, by the element's last word.
    #[inline(always)]
    const fn is_written(&self, index: u32, last: u64) -> bool {
        let owner = (index >> self.log_size) as u64 & 1;
        (last as u8) >> 4 != OPCODE_INVALID && last & 1 == owner
    }

    /// Gives the elements of all polled completions back to the device. Once after a batch.
    #[inline]
    pub fn commit(&self) {
        // The release store orders our reads of the elements before it.
        self.consumer_record
            .store(self.consumer.load(Relaxed) & 0x00ff_ffff);
    }

    /// Makes the completions that are there nobody's, of a queue pair that had this number before: it is given to another, which has
    /// none yet. The caller excludes polling.
    pub fn disown(&self, qpn: Qpn) {
        /// A number that no queue pair has.
        const NOBODY: u64 = 0x00ff_ffff << 32;
        let first = self.consumer.load(Relaxed);
        // Bounded: the ring has that many elements.
        for ahead in 0..self.capacity() {
            let index = first.wrapping_add(ahead);
            let element = self.ring.at(index);
            let last = element.last();
            if !self.is_written(index, last) {
                break;
            }
            if Qpn::new((last >> 32) as u32) == qpn {
                element.store_last(last | NOBODY);
            }
        }
    }

    /// Asks for one event. The caller polls once more afterwards, or knows that the device looks at what is there already.
    pub fn arm(&self, kind: ArmKind) {
        let consumer = self.consumer.load(Relaxed) & 0x00ff_ffff;
        let value = (self.route.arm_sequence() & 3) << 28 | (kind as u32) << 24 | consumer;
        self.arm_record.store(value);
        // Orders the record before the doorbell: the device compares them.
        publish_to_device();
        if !self.device.is_dead() {
            self.doorbell.arm(value, self.cqn);
        }
    }

    /// Sets interrupt moderation.
    ///
    /// # Errors
    /// [`HwError::NotSupported`], the command's.
    pub fn moderate(&self, moderation: Moderation, passive: Passive<'_>) -> Result<(), HwError> {
        if !self.device.caps().cq_moderation {
            return Err(HwError::NotSupported);
        }
        Ok(self.device.commander().execute(
            &ModerateCq {
                cqn: self.cqn,
                moderation,
            },
            passive,
        )?)
    }

    /// Destroys the queue; all queue pairs that use it are destroyed. No event is told after it returned. Once; again is nothing.
    pub fn destroy(&self, passive: Passive<'_>) {
        if !self.alive.swap(false, AcqRel) {
            return;
        }
        // First: the device gives the number out again as soon as it has it.
        self.device
            .queues()
            .forget_cq(self.device.events(), &self.eq, self.cqn, passive);
        let done = destroy(self.device.commander(), self.cqn, passive);
        self.device.release(&self.memory, done);
    }

    /// Whether it was not destroyed.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Acquire)
    }
}

/// Whether the device said that it is destroyed.
fn destroy(commander: &Commander, cqn: Cqn, passive: Passive<'_>) -> bool {
    commander.dispose(&DestroyCq { cqn }, passive)
}
