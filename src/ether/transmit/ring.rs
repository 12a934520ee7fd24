//! One send ring: its packets, its device queue, and the completions of both.

use super::{
    plan::{Limits, Plan, plan},
    queue::{Hold, Phase, Queue},
};
use crate::{
    dyn_ref,
    ether::complete::complete_sends,
    hw::{
        CompletionTarget, Cq, CqFault, CqParams, CqeOpcode, CqeSyndrome, Device, HwError, Lie,
        cq::ArmKind,
        ether::{Domain, Frame, SendRing, send_ring},
    },
    nt::{
        Dma, NdisHandle, Passive, Ref, SharedMemory, Slot, SpinLock, Status, WorkItem,
        frame_map::{FrameMaps, LateMapping, Mapped},
        packet::{Buffer, Packet, Packets},
        sync::{AtomicU16, AtomicU64, Ordering::Relaxed},
        time::Instant,
    },
};

/// Blocks for each frame of the ring's depth: those of a frame in a few pieces, twice.
const LOG_BLOCKS_PER_FRAME: u32 = 2;
/// Blocks of the longest element.
const MOST_BLOCKS: u32 = 16;
/// Elements of which one tells of its completion.
const TELL_EVERY: u32 = 16;
/// How long frames that are with the device may take, until the queue is stopped, and then until the device is given up.
const DRAIN_MS: u64 = 2_000;
const DRAIN_PAUSE_MS: u32 = 1;

/// Frames that a ring did not send.
#[derive(Debug, Default)]
pub struct Losses {
    /// They could not be sent: wrong length, no memory, refused.
    pub discarded: AtomicU64,
    /// The device reported an error.
    pub failed: AtomicU64,
}

/// A send ring.
#[derive(Debug)]
pub struct TransmitRing {
    ndis: NdisHandle,
    device: Ref<Device>,
    limits: Limits,
    vlan: AtomicU16,
    /// Large sends are cut: bit 0 over IPv4, bit 1 over IPv6.
    large: AtomicU16,
    cq: Cq,
    ring: SendRing,
    maps: FrameMaps,
    late: Ref<Slot<dyn LateMapping>>,
    /// Itself, for the work item.
    own: Slot<Self>,
    bounce: Ref<SharedMemory>,
    queue: SpinLock<Queue>,
    repair: WorkItem<Self>,
    losses: Losses,
}

/// What a look at the next buffer came to.
enum Step {
    /// The device has one more.
    Posted,
    /// It is not sent.
    Skipped,
    /// There is none, or no room for it yet.
    Blocked,
}

/// What became of a mapped buffer.
enum Put {
    /// The device has it.
    Posted(Hold, (u16, u16)),
    /// It has to be copied, and the memory for copies is in use.
    Wait,
    /// It has to be copied, and has no address in the system. It is not mapped any more.
    Unreachable,
}

impl TransmitRing {
    /// Makes a ring for `1 << log_frames` frames on a completion vector, closed.
    ///
    /// # Errors
    /// [`HwError::NoMemory`], those of the commands; nothing stays.
    pub fn create(
        domain: &Domain,
        dma: &Ref<Dma>,
        (log_frames, vector): (u32, u32),
        limits: Limits,
        passive: Passive<'_>,
    ) -> Result<Ref<Self>, HwError> {
        let device = domain.device();
        let log_blocks = (log_frames + LOG_BLOCKS_PER_FRAME).min(limits.caps.log_max_queue);
        let late: Ref<Slot<dyn LateMapping>> = Ref::try_new(Slot::new())?;
        let maps = FrameMaps::try_new(dma, 1 << log_frames, &late)?;
        let longest = limits.frame.max(limits.large_send);
        let bounce = device.shared_pages(longest as u32, passive)?;
        let queue = SpinLock::new(Queue::try_new(log_frames, 1 << log_blocks)?);
        let repair = WorkItem::try_new(dma.ndis(), Self::repair)?;
        let params = CqParams {
            entries: 1 << log_blocks,
            vector,
        };
        let cq = Cq::create(device, params, passive)?;
        let ring = SendRing::create(domain, &cq, log_blocks, passive).inspect_err(|_| cq.destroy(passive))?;
        let this = Ref::try_new_or_back(Self {
            ndis: dma.ndis(),
            device: device.clone(),
            limits,
            vlan: AtomicU16::new(0),
            large: AtomicU16::new(0),
            cq,
            ring,
            maps,
            late,
            own: Slot::new(),
            bounce,
            queue,
            repair,
            losses: Losses::default(),
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
        let shared = this.clone();
        this.late.set(dyn_ref!(shared => dyn LateMapping));
        let shared = this.clone();
        this.cq.attach(dyn_ref!(shared => dyn CompletionTarget));
        this.cq.arm(ArmKind::Any);
        Ok(this)
    }

    /// Frames that were not sent.
    pub const fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Large sends are cut over IPv4 and over IPv6, or come back unsent.
    pub fn allow_large(&self, (ipv4, ipv6): (bool, bool)) {
        self.large.store(u16::from(ipv4) | u16::from(ipv6) << 1, Relaxed);
    }

    /// The VLAN of frames whose sender names none; 0: none.
    pub fn set_vlan(&self, vlan: u16) {
        self.vlan.store(vlan, Relaxed);
    }

    /// Sends packets, or completes them with the reason why not. `<= DISPATCH_LEVEL`; `dispatch` if it is that for sure.
    pub fn send(&self, mut packets: Packets, dispatch: bool) {
        let done = {
            let mut queue = self.queue.lock();
            if let Phase::Closed(status) = queue.phase {
                self.count_discards(&packets);
                packets.set_status(status);
                packets
            } else {
                queue.wait(packets);
                self.pump(&mut queue)
            }
        };
        complete_sends(self.ndis, done, dispatch);
    }

    /// Cancels what waits under this id.
    pub fn cancel(&self, id: *mut core::ffi::c_void) {
        let cancelled = self.queue.lock().cancel(id);
        self.count_discards(&cancelled);
        complete_sends(self.ndis, cancelled, false);
    }

    /// Takes packets from now on.
    pub fn open(&self) {
        let mut queue = self.queue.lock();
        if queue.phase != GONE {
            queue.phase = Phase::Running;
        }
    }

    /// Takes no packets any more, answers those that wait with `status`, and waits for those that are with the device. The ring is as
    /// good as new when this returns.
    pub fn close(&self, status: Status, passive: Passive<'_>) {
        let waiting = {
            let mut queue = self.queue.lock();
            if queue.phase != GONE {
                queue.phase = Phase::Closed(status);
            }
            let mut waiting = queue.give_up(status);
            self.retire_skipped(&mut queue, &mut waiting);
            waiting
        };
        self.count_discards(&waiting);
        complete_sends(self.ndis, waiting, false);
        if !self.drain(passive) {
            // The device has not sent them in time: it is to forget them. (A queue that stopped by itself refuses.)
            self.queue.lock().stopped = true;
            let _ = self.ring.stop(passive);
            if !self.drain(passive) {
                self.ring.give_up(passive);
            }
        }
        self.repair.drain(passive);
        self.restart(passive);
    }

    /// Puts a queue that stopped back to work, when everything in it is back.
    fn restart(&self, passive: Passive<'_>) {
        let stopped = {
            let queue = self.queue.lock();
            queue.stopped && queue.is_idle()
        };
        if stopped && self.ring.restart(passive).is_ok() {
            let mut queue = self.queue.lock();
            queue.free_blocks = self.ring.capacity();
            queue.stopped = false;
        }
    }

    /// Waits for what is with the device; whether it is back.
    fn drain(&self, passive: Passive<'_>) -> bool {
        let deadline = Instant::now().plus_ms(DRAIN_MS);
        loop {
            if self.queue.lock().is_empty() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            passive.sleep_ms(DRAIN_PAUSE_MS);
        }
    }

    /// Destroys the ring, which is closed.
    pub fn destroy(&self, passive: Passive<'_>) {
        let done = self.ring.destroy(passive);
        self.device.release(&self.bounce, done);
        self.cq.destroy(passive);
        self.repair.drain(passive);
        drop((self.late.take(), self.own.take()));
    }

    fn count_discards(&self, packets: &Packets) {
        let mut count = 0;
        packets.each_buffer(|_| count += 1);
        self.losses.discarded.fetch_add(count, Relaxed);
    }

    /// Gives the device what it can take; the packets that are done without it.
    fn pump(&self, queue: &mut Queue) -> Packets {
        let mut posted = false;
        while queue.phase == Phase::Running && !queue.stopped {
            match self.step(queue) {
                Step::Posted => posted = true,
                Step::Skipped => {}
                Step::Blocked => break,
            }
        }
        if posted {
            // The last element tells of its completion, and so of that of all before it.
            queue.silent = 0;
            self.ring.ring();
        }
        let mut done = Packets::new();
        self.retire_skipped(queue, &mut done);
        done
    }

    fn step(&self, queue: &mut Queue) -> Step {
        if queue.free_blocks < MOST_BLOCKS {
            return Step::Blocked;
        }
        if let Some(plan) = queue.late {
            return self.step_late(queue, &plan);
        }
        if !queue.has_place() {
            return Step::Blocked;
        }
        let Some((buffer, packet)) = queue.peek() else {
            return Step::Blocked;
        };
        let mut limits = self.limits;
        limits.vlan = self.vlan.load(Relaxed);
        let large = self.large.load(Relaxed);
        limits.large = (large & 1 != 0, large & 2 != 0);
        let plan = match plan(&packet, buffer, &limits) {
            Ok(plan) => plan,
            Err(status) => return self.skip(queue, packet, status),
        };
        if plan.is_whole(buffer.len()) {
            let posted = self.post(queue, &plan, core::iter::empty());
            queue.note(Hold::Inline, posted);
            return Step::Posted;
        }
        match self.maps.map(queue.next_place(), buffer) {
            Ok(Mapped::Now) => self.post_mapped(queue, &plan),
            Ok(Mapped::Later) => {
                queue.note(Hold::Mapping, (0, 0));
                queue.late = Some(plan);
                Step::Blocked
            }
            Err(status) => self.skip(queue, packet, status),
        }
    }

    /// The newest note's mapping was awaited.
    fn step_late(&self, queue: &mut Queue, plan: &Plan) -> Step {
        let Some((place, note)) = queue.newest() else {
            return Step::Blocked;
        };
        if !self.maps.is_mapped(place) {
            return Step::Blocked;
        }
        let buffer = note.buffer;
        let (hold, posted) = match self.put(queue, place, buffer, plan) {
            Put::Posted(hold, posted) => (hold, posted),
            Put::Wait => return Step::Blocked,
            Put::Unreachable => (Hold::Skipped, (0, 0)),
        };
        queue.late = None;
        let Some((_, note)) = queue.newest() else {
            return Step::Blocked;
        };
        note.hold = hold;
        (note.first, note.blocks) = posted;
        if hold == Hold::Skipped {
            note.packet.set_status(Status::INSUFFICIENT_RESOURCES);
            self.losses.discarded.fetch_add(1, Relaxed);
            return Step::Skipped;
        }
        Step::Posted
    }

    /// Posts the buffer that was just mapped at the next place.
    fn post_mapped(&self, queue: &mut Queue, plan: &Plan) -> Step {
        let place = queue.next_place();
        let Some((buffer, packet)) = queue.peek() else {
            return Step::Blocked;
        };
        match self.put(queue, place, buffer, plan) {
            Put::Posted(hold, posted) => {
                queue.note(hold, posted);
                Step::Posted
            }
            Put::Wait => {
                queue.note(Hold::Mapping, (0, 0));
                queue.late = Some(*plan);
                Step::Blocked
            }
            Put::Unreachable => self.skip(queue, packet, Status::INSUFFICIENT_RESOURCES),
        }
    }

    /// Posts a mapped buffer, from where it lies or, in too many pieces, from a copy.
    fn put(&self, queue: &mut Queue, place: usize, buffer: Buffer, plan: &Plan) -> Put {
        let Some((mdl, offset)) = buffer.data() else {
            self.maps.unmap(place, buffer);
            return Put::Unreachable;
        };
        let (skip, length) = (plan.taken, buffer.len().saturating_sub(plan.taken));
        let pieces = self
            .maps
            .pieces(place, offset.wrapping_add(skip as u32), length as u32);
        let most = send_ring::most_pieces(plan.header.bytes().len() as u32);
        if pieces.clone().count() <= most as usize {
            return Put::Posted(Hold::Mapped, self.post(queue, plan, pieces));
        }
        if queue.bounce_taken {
            return Put::Wait;
        }
        self.maps.unmap(place, buffer);
        let mut at = 0;
        let copied = mdl.read(offset as usize + skip, length, |piece| {
            self.bounce.write_bytes(at, piece);
            at += piece.len();
        });
        if !copied {
            return Put::Unreachable;
        }
        queue.bounce_taken = true;
        let pages = self.bounce.pages(length as u32).enumerate();
        let copy = pages.map(|(page, bus)| (bus, (length - page * PAGE).min(PAGE) as u32));
        Put::Posted(Hold::Bounced, self.post(queue, plan, copy))
    }

    fn post(&self, queue: &mut Queue, plan: &Plan, pieces: impl Iterator<Item = (u64, u32)>) -> (u16, u16) {
        queue.silent += 1;
        let tell = queue.silent >= TELL_EVERY;
        if tell {
            queue.silent = 0;
        }
        let frame = Frame {
            header: plan.header.bytes(),
            tag: plan.tag,
            checksums: plan.checksums,
            segment: plan.segment,
        };
        let posted = self.ring.post(&frame, pieces, tell);
        queue.free_blocks -= u32::from(posted.blocks);
        (posted.first, posted.blocks)
    }

    /// The buffer is not sent, for this reason, which its packet's sender reads.
    fn skip(&self, queue: &mut Queue, mut packet: Packet, status: Status) -> Step {
        packet.set_status(status);
        self.losses.discarded.fetch_add(1, Relaxed);
        queue.note(Hold::Skipped, (0, 0));
        Step::Skipped
    }

    /// Retires the oldest notes as long as they are of buffers that are not sent: some could not be, and of a ring that is closed those
    /// whose mapping was awaited are not.
    fn retire_skipped(&self, queue: &mut Queue, done: &mut Packets) {
        while let Some(note) = queue.oldest() {
            let status = match (note.hold, queue.phase) {
                (Hold::Skipped, _) => None,
                (Hold::Mapping, Phase::Closed(status)) if self.newest_is_mapped(queue) => {
                    queue.late = None;
                    Some(status)
                }
                _ => return,
            };
            self.retire(queue, done, status);
        }
    }

    fn newest_is_mapped(&self, queue: &mut Queue) -> bool {
        queue
            .newest()
            .is_some_and(|(place, _)| self.maps.is_mapped(place))
    }

    /// Retires the oldest note; with a status if its frame was not sent.
    fn retire(&self, queue: &mut Queue, done: &mut Packets, status: Option<Status>) {
        let Some((place, mut note)) = queue.retire() else {
            return;
        };
        match note.hold {
            Hold::Mapped | Hold::Mapping => self.maps.unmap(place, note.buffer),
            Hold::Bounced => queue.bounce_taken = false,
            Hold::Skipped | Hold::Inline => {}
        }
        queue.free_blocks += u32::from(note.blocks);
        if let Some(status) = status {
            note.packet.set_status(status);
            self.losses.failed.fetch_add(1, Relaxed);
        }
        if note.last {
            if note.packet.large_send().is_some() {
                note.packet.complete_large_send();
            }
            done.push(note.packet);
        }
    }

    /// The device is done with all up to the element with this counter; `status` says how, if not well.
    fn done_to(
        &self,
        queue: &mut Queue,
        counter: u16,
        status: Option<Status>,
        done: &mut Packets,
    ) -> Result<(), Lie> {
        loop {
            self.retire_skipped(queue, done);
            let Some(note) = queue.oldest().filter(|note| note.hold != Hold::Mapping) else {
                return Err(Lie::WqeCounter(counter));
            };
            let found = note.first == counter;
            // Of frames before the one that failed, all went well; those that are flushed went nowhere.
            let this = status.filter(|status| found || *status == FLUSHED);
            self.retire(queue, done, this);
            if found {
                return Ok(());
            }
        }
    }

    /// Looks at all completions, and arms for more.
    fn poll(&self, queue: &mut Queue, done: &mut Packets) {
        // Bounded: there are no more completions than blocks.
        for _ in 0..self.ring.capacity() {
            let Some(cqe) = self.cq.poll() else { break };
            let status = match cqe.opcode() {
                CqeOpcode::Requester => None,
                CqeOpcode::RequesterError(CqeSyndrome::Flushed) => Some(FLUSHED),
                _ => Some(Status::UNSUCCESSFUL),
            };
            queue.stopped |= status.is_some();
            let counter = cqe.counter();
            if self.done_to(queue, counter, status, done).is_err() {
                break;
            }
        }
        self.cq.commit();
        self.cq.arm(ArmKind::Any);
    }

    /// The device's queue stopped by an error, and everything in it is back: it is put to work again.
    fn repair(this: &Ref<Self>, passive: Passive<'_>) {
        this.restart(passive);
        let done = {
            let mut queue = this.queue.lock();
            if queue.stopped && queue.phase == Phase::Running {
                queue.phase = Phase::Closed(Status::UNSUCCESSFUL);
                queue.give_up(Status::UNSUCCESSFUL)
            } else {
                this.pump(&mut queue)
            }
        };
        complete_sends(this.ndis, done, false);
    }
}

impl LateMapping for TransmitRing {
    fn mapped(&self) {
        let done = {
            let mut queue = self.queue.lock();
            self.pump(&mut queue)
        };
        complete_sends(self.ndis, done, true);
    }
}

impl CompletionTarget for TransmitRing {
    fn completed(&self) {
        let mut done = Packets::new();
        let repair = {
            let mut queue = self.queue.lock();
            self.poll(&mut queue, &mut done);
            done.append(self.pump(&mut queue));
            queue.stopped && queue.is_idle()
        };
        complete_sends(self.ndis, done, true);
        if repair && let Some(this) = self.own.get() {
            self.repair.queue(this);
        }
    }

    fn failed(&self, _: CqFault) {
        // Nothing completes here any more: as if the device had stopped. (The queue is made to hold all that the ring does.)
        self.device_lost();
    }

    fn device_lost(&self) {
        let done = {
            let mut queue = self.queue.lock();
            queue.phase = GONE;
            let mut done = queue.give_up(Status::NDIS_NOT_ACCEPTED);
            done.append(self.forget_all(&mut queue));
            done
        };
        complete_sends(self.ndis, done, false);
    }
}

impl TransmitRing {
    /// The device is dead: what it had comes back, but for what NDIS is still mapping.
    fn forget_all(&self, queue: &mut Queue) -> Packets {
        let mut done = Packets::new();
        loop {
            self.retire_skipped(queue, &mut done);
            if queue.is_idle() {
                return done;
            }
            self.retire(queue, &mut done, Some(Status::NDIS_NOT_ACCEPTED));
        }
    }
}

/// The device is gone or dead (rule PNP-01).
const GONE: Phase = Phase::Closed(Status::NDIS_NOT_ACCEPTED);
/// Bytes of a page.
const PAGE: usize = 4096;
/// What senders read of frames that the device did not send because its queue had stopped.
const FLUSHED: Status = Status::NDIS_SEND_ABORTED;
