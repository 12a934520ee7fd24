//! One receive queue: buffers with the device, frames on their way to NDIS.

use core::ptr::without_provenance_mut;

use super::{
    buffers::{self, Buffers},
    lent::Lent,
    verdict::Beside,
};
use crate::{
    dyn_ref,
    ether::{
        complete::{Indication, indicate},
        scale::Processor,
    },
    hw::{
        CompletionTarget, Cq, CqFault, CqParams, Cqe, CqeOpcode, CqeSyndrome, Device, HwError, Rqn,
        cq::ArmKind,
        ether::{Domain, ReceiveRing, ReceiveShape},
        types::ceil_log2,
    },
    nt::{
        NdisHandle, Passive, Ref, Slot, SpinLock, Vec, WorkItem,
        packet::{Packet, Packets},
        pool,
        ring::Circle,
        sync::{
            AtomicBool, AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
        turn::{Source, Turn},
    },
};

/// Bytes of an Ethernet header.
const HEADER: u32 = 14;
/// Frames are lent without being copied as long as the device keeps one buffer in so many.
const KEEP: u32 = 4;

/// What frames there may be, and what is told of them.
#[derive(Clone, Copy, Debug)]
pub struct Reception {
    /// Bytes of the longest IP packet.
    pub mtu: u32,
    /// log2 of the buffers.
    pub log_buffers: u32,
    /// What is told beside a frame.
    pub beside: Beside,
}

/// Frames that were received and not indicated.
#[derive(Debug, Default)]
pub struct Dropped {
    /// Too short, too long, or damaged.
    pub bad: AtomicU64,
    /// There was no memory for a packet, or nobody to take it.
    pub discarded: AtomicU64,
}

/// A receive queue.
pub struct ReceiveQueue {
    ndis: NdisHandle,
    /// By which NDIS's packets say whose they are.
    number: u32,
    message: u32,
    device: Ref<Device>,
    cq: Cq,
    ring: ReceiveRing,
    buffers: Buffers,
    reception: SpinLock<Reception>,
    /// Buffers by the elements that hold them.
    order: Circle<AtomicU32>,
    posting: SpinLock<Posting>,
    /// Elements that the device has used.
    consumer: AtomicU32,
    turn: Turn,
    /// The processor that frames are indicated on, packed; 0: any.
    processor: AtomicU32,
    /// Its completion queue told that there is something.
    signalled: AtomicBool,
    /// Frames are indicated.
    open: AtomicBool,
    /// An error stopped it.
    stopped: AtomicBool,
    lent: Ref<Lent>,
    repair: WorkItem<Self>,
    own: Slot<Self>,
    dropped: Dropped,
}

/// What is posted.
struct Posting {
    /// Elements posted so far.
    producer: u32,
    /// For the buffers of a queue that is put to work again.
    spare: Vec<u32>,
}

impl core::fmt::Debug for ReceiveQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ReceiveQueue")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// What all receive queues share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The adapter's NDIS handle.
    pub ndis: NdisHandle,
    /// Their packets that are with NDIS.
    pub lent: Ref<Lent>,
}

impl ReceiveQueue {
    /// Makes queue `number` on a completion vector, with its buffers posted and closed to NDIS.
    ///
    /// # Errors
    /// [`HwError::NoMemory`], those of the commands; nothing stays.
    pub fn create(
        domain: &Domain,
        shared: &Shared,
        (number, vector): (u32, u32),
        reception: Reception,
        passive: Passive<'_>,
    ) -> Result<Ref<Self>, HwError> {
        let device = domain.device();
        let (log, count) = (reception.log_buffers, 1 << reception.log_buffers);
        let buffers = Buffers::try_new(device, shared.ndis, (count, reception.mtu), passive)?;
        let order = Circle::try_from_fn(log, || AtomicU32::new(0))?;
        let posting = SpinLock::new(Posting {
            producer: 0,
            spare: pool::try_vec(count as usize, |_| 0)?,
        });
        let repair = WorkItem::try_new(shared.ndis, Self::repair)?;
        let params = CqParams {
            entries: count,
            vector,
        };
        let shape = ReceiveShape {
            log_elements: log,
            log_pieces: ceil_log2(buffers::pieces(reception.mtu)),
            keeps_tags: false,
        };
        let cq = Cq::create(device, params, passive)?;
        let ring = ReceiveRing::create(domain, &cq, shape, passive).inspect_err(|_| cq.destroy(passive))?;
        let this = Ref::try_new_or_back(Self {
            ndis: shared.ndis,
            number,
            message: device.message_of(vector),
            device: device.clone(),
            cq,
            ring,
            buffers,
            reception: SpinLock::new(reception),
            order,
            posting,
            consumer: AtomicU32::new(0),
            turn: Turn::new(),
            processor: AtomicU32::new(0),
            signalled: AtomicBool::new(false),
            open: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            lent: shared.lent.clone(),
            repair,
            own: Slot::new(),
            dropped: Dropped::default(),
        });
        let this = match this {
            Ok(this) => this,
            Err(back) => {
                back.ring.destroy(passive);
                back.cq.destroy(passive);
                return Err(HwError::NoMemory);
            }
        };
        this.own.set(this.clone());
        let target = this.clone();
        this.cq.attach(dyn_ref!(target => dyn CompletionTarget));
        this.post(0..count);
        this.cq.arm(ArmKind::Any);
        Ok(this)
    }

    /// The device's number of it.
    pub const fn rqn(&self) -> Rqn {
        self.ring.number()
    }

    /// The interrupt message that it is told by.
    pub const fn message(&self) -> u32 {
        self.message
    }

    /// Frames that were received and not indicated.
    pub const fn dropped(&self) -> &Dropped {
        &self.dropped
    }

    /// The function.
    pub const fn device(&self) -> &Ref<Device> {
        &self.device
    }

    /// The processor that its frames are indicated on, if there is one.
    #[inline]
    pub fn processor(&self) -> Option<Processor> {
        Processor::unpack(self.processor.load(Relaxed))
    }

    /// Frames are indicated on this processor from now on; `None`: wherever they come.
    pub fn indicate_on(&self, processor: Option<Processor>) {
        self.processor
            .store(processor.map_or(0, Processor::pack), Relaxed);
    }

    /// What is told beside frames from now on.
    pub fn tell_beside(&self, beside: Beside) {
        self.reception.lock().beside = beside;
    }

    /// Frames are indicated from now on.
    pub fn open(&self) {
        self.open.store(true, Release);
    }

    /// No frame is indicated any more when this returns; those that come are dropped.
    pub fn close(&self, passive: Passive<'_>) {
        self.open.store(false, Release);
        let Some(turn) = self.turn.under_way() else { return };
        // Bounded: a turn has a budget.
        while !self.turn.is_over(turn) {
            passive.sleep_ms(1);
        }
    }

    /// Destroys the queue, which is closed, no packet of which is with NDIS, and to which no table leads.
    pub fn destroy(&self, passive: Passive<'_>) {
        let done = self.ring.destroy(passive);
        self.device.release(self.buffers.memory(), done);
        self.cq.destroy(passive);
        self.repair.drain(passive);
        drop(self.own.take());
    }

    /// Gives buffers to the device.
    fn post(&self, buffers: impl Iterator<Item = u32>) {
        let mut posting = self.posting.lock();
        for buffer in buffers {
            self.order.at(posting.producer).store(buffer, Relaxed);
            posting.producer = posting.producer.wrapping_add(1);
            self.ring.post(self.buffers.pieces(buffer));
        }
        if !self.stopped.load(Acquire) {
            self.ring.publish();
        }
    }

    /// Buffers that are with the device.
    fn posted(&self) -> u32 {
        let producer = self.posting.lock().producer;
        producer.wrapping_sub(self.consumer.load(Relaxed))
    }

    /// Packets of this queue came back from NDIS. `<= DISPATCH_LEVEL`.
    pub fn give_back(&self, mut packets: Packets) {
        let count = packets.len();
        self.post(core::iter::from_fn(|| {
            packets.pop().map(|packet| buffer_of(&packet))
        }));
        self.lent.back(count);
    }

    /// Whether its completion queue told that there is something that nobody has looked at.
    #[inline]
    pub fn is_signalled(&self) -> bool {
        self.signalled.load(Acquire)
    }

    /// Indicates frames, `most` at most, at `DISPATCH_LEVEL`. `true` when there may be more: come again.
    pub fn serve(&self, most: u32) -> bool {
        self.signalled.store(false, Release);
        let more = self.turn.take(self, most);
        if more {
            self.signalled.store(true, Release);
        }
        if self.stopped.load(Acquire)
            && let Some(this) = self.own.get()
        {
            self.repair.queue(this);
        }
        more
    }

    /// The buffer of the oldest element, if that is the one that a completion is about.
    fn take_buffer(&self, cqe: &Cqe<'_>) -> Option<u32> {
        let consumer = self.consumer.load(Relaxed);
        if consumer as u16 != cqe.counter() {
            // The device lies, or the completion is of an earlier life of the queue.
            return None;
        }
        let buffer = self.order.at(consumer).load(Relaxed);
        self.consumer.store(consumer.wrapping_add(1), Relaxed);
        Some(buffer)
    }

    /// One completion: its frame goes to `frames`, or its buffer back to the device.
    fn look(&self, cqe: &Cqe<'_>, reception: &Reception, frames: &mut Frames<'_>) {
        let Some(buffer) = self.take_buffer(cqe) else {
            return;
        };
        match cqe.opcode() {
            CqeOpcode::Receive => {}
            CqeOpcode::ResponderError(CqeSyndrome::LocalLength) => {
                self.dropped.bad.fetch_add(1, Relaxed);
                return frames.spend(buffer);
            }
            _ => {
                self.stopped.store(true, Release);
                return frames.spend(buffer);
            }
        }
        let length = cqe.byte_count() & 0x7fff_ffff;
        if length < HEADER || length > reception.mtu + HEADER {
            self.dropped.bad.fetch_add(1, Relaxed);
            return frames.spend(buffer);
        }
        let packet = self.buffers.packet(buffer);
        let (Ok(packet), true) = (packet, self.open.load(Acquire)) else {
            self.dropped.discarded.fetch_add(1, Relaxed);
            return frames.spend(buffer);
        };
        let beside = reception.beside.of(cqe.frame(), cqe.hash());
        let words = [
            without_provenance_mut(self.number as usize),
            without_provenance_mut(buffer as usize),
        ];
        let mut packet = packet.lend(self.ndis.as_raw(), words, 0, length);
        beside.write(&mut packet);
        frames.take(packet);
    }

    /// Puts a queue that an error stopped back to work, with the buffers that it had.
    fn repair(this: &Ref<Self>, passive: Passive<'_>) {
        if !this.stopped.load(Acquire) {
            return;
        }
        // It completes nothing any more: the error was the last it told.
        if this.ring.reset(passive).is_err() {
            return;
        }
        this.post_again();
        if this.ring.start(passive).is_err() {
            return;
        }
        let _posting = this.posting.lock();
        this.stopped.store(false, Release);
        this.ring.publish();
    }

    /// Posts what was posted to a queue that is empty now.
    fn post_again(&self) {
        let mut posting = self.posting.lock();
        let consumer = self.consumer.load(Relaxed);
        let left = posting.producer.wrapping_sub(consumer) as usize;
        for (ahead, place) in (0..).zip(posting.spare.iter_mut().take(left)) {
            *place = self.order.at(consumer.wrapping_add(ahead)).load(Relaxed);
        }
        self.ring.rewind();
        for (index, buffer) in (0..).zip(posting.spare.iter().take(left)) {
            self.order.at(index).store(*buffer, Relaxed);
            self.ring.post(self.buffers.pieces(*buffer));
        }
        posting.producer = left as u32;
        self.consumer.store(0, Relaxed);
    }
}

/// The buffer of a packet, by the driver's words in it.
fn buffer_of(packet: &Packet) -> u32 {
    packet.word(1) as u32
}

/// The queue of a packet, by the driver's words in it.
pub fn queue_of(packet: &Packet) -> usize {
    packet.word(0)
}

/// Frames of one pass.
struct Frames<'a> {
    queue: &'a ReceiveQueue,
    /// Buffers that are with the device yet.
    left: u32,
    /// Lent until NDIS gives them back.
    lent: Packets,
    /// Lent for the call: the device has too few buffers left. From the first one on all are, so that their order stays.
    copied: Packets,
}

impl Frames<'_> {
    fn take(&mut self, packet: Packet) {
        self.left = self.left.saturating_sub(1);
        if self.left < self.queue.ring.capacity() / KEEP || !self.copied.is_empty() {
            self.copied.push(packet);
        } else {
            self.lent.push(packet);
        }
    }

    /// The frame is not indicated.
    fn spend(&self, buffer: u32) {
        self.queue.post(core::iter::once(buffer));
    }
}

impl Source for ReceiveQueue {
    fn pass(&self, most: u32) -> u32 {
        let reception = *self.reception.lock();
        let mut frames = Frames {
            queue: self,
            left: self.posted(),
            lent: Packets::new(),
            copied: Packets::new(),
        };
        let mut count = 0;
        while count < most {
            let Some(cqe) = self.cq.poll() else { break };
            self.look(&cqe, &reception, &mut frames);
            count += 1;
        }
        self.cq.commit();
        let Frames { lent, copied, .. } = frames;
        self.lent.lend(lent.len());
        indicate(self.ndis, lent, Indication::Lent);
        if !copied.is_empty() {
            // NDIS leaves them alone when the call returns.
            let back = copied.alias();
            indicate(self.ndis, copied, Indication::ForTheCall);
            let mut back = back;
            self.post(core::iter::from_fn(|| {
                back.pop().map(|packet| buffer_of(&packet))
            }));
        }
        count
    }

    fn advance(&self) {
        self.cq.commit();
    }

    fn arm(&self) {
        self.cq.commit();
        self.cq.arm(ArmKind::Any);
    }
}

impl CompletionTarget for ReceiveQueue {
    fn completed(&self) {
        // Whoever hands events on looks at the queue next, at a DPC of its message.
        self.signalled.store(true, Release);
    }

    fn failed(&self, _: CqFault) {}

    fn device_lost(&self) {
        self.open.store(false, Release);
    }
}
