//! The data side of a leg: from the device's completions to packets that the client holds, and back.
//!
//! One caller at a time delivers, so that messages stay in order. When few buffers are left with the device, the client has to copy
//! (the RESOURCES flag), so that the peer, and the call manager's own messages, never wait for a client that keeps its packets for
//! long.

use core::ffi::c_void;

use super::{
    circuit::Circuit,
    format::{CloseData, MAX_CLOSE_DATA},
    link::{CONTROL_CONTEXT, Control, Link},
    machine::leg::Happened,
    receives::{Ready, Receives},
    services::count,
    upcall,
    wire::{HEAD, Head, Kind},
};
use crate::{
    hw::{ArmKind, CompletionTarget, Cqe, CqeOpcode, CqeSyndrome, cq::CqFault},
    nt::{
        NoMemory, Once, Ref, SpinLock,
        packet::Packets,
        sync::{AtomicPtr, AtomicU32, Ordering},
    },
};

/// Messages delivered, and sends completed, at a time.
const BATCH: usize = 16;

/// What a look at the completion queue found that concerns others.
struct Batch {
    sent: [(u64, bool); BATCH],
    count: usize,
    happened: Happened,
}

impl Batch {
    const EMPTY: Self = Self {
        sent: [(0, false); BATCH],
        count: 0,
        happened: Happened::empty(),
    };

    fn push(&mut self, context: u64, delivered: bool) {
        if context >= CONTROL_CONTEXT {
            if context == CONTROL_CONTEXT | u64::from(Control::Close as u32) {
                self.happened |= Happened::SAID;
            }
            return;
        }
        if let Some(place) = self.sent.get_mut(self.count) {
            *place = (context, delivered);
            self.count += 1;
        }
    }

    const fn is_full(&self) -> bool {
        self.count == BATCH
    }
}

/// The data side of one connection.
pub struct Channel {
    /// [`Happened`], so far.
    happened: AtomicU32,
    link: Once<Ref<Link>>,
    /// What packets that are out know it by: the reference's own address.
    address: AtomicPtr<Self>,
    pub(super) receives: SpinLock<Receives>,
    circuit: Ref<Circuit>,
}

impl Channel {
    /// Without hardware yet, for `depth` receive buffers.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub(super) fn try_new(circuit: &Ref<Circuit>, depth: u16) -> Result<Ref<Self>, NoMemory> {
        let this = Ref::try_new(Self {
            happened: AtomicU32::new(0),
            link: Once::new(),
            address: AtomicPtr::new(core::ptr::null_mut()),
            receives: SpinLock::new(Receives::try_new(depth)?),
            circuit: circuit.clone(),
        })?;
        this.address
            .store(Ref::as_ptr(&this).cast_mut(), Ordering::Release);
        Ok(this)
    }

    /// What it shares with the other legs.
    pub const fn circuit(&self) -> &Ref<Circuit> {
        &self.circuit
    }

    /// The hardware, once there is some.
    pub fn link(&self) -> Option<&Ref<Link>> {
        self.link.get()
    }

    /// The hardware comes, once.
    pub(super) fn set_link(&self, link: Ref<Link>) {
        let _ = self.link.set(link);
    }

    /// Something happened: the worker looks.
    pub(super) fn tell(&self, what: Happened) {
        self.happened.fetch_or(what.bits(), Ordering::AcqRel);
        Circuit::wake(&self.circuit);
    }

    /// What has happened so far.
    pub(super) fn happened(&self) -> Happened {
        Happened::from_bits_retain(self.happened.load(Ordering::Acquire))
    }

    /// Gives all buffers to the device and asks for its first event.
    pub(super) fn fill(&self, link: &Link) {
        let mut receives = self.receives.lock();
        receives.is_up = true;
        for index in 0..receives.depth {
            receives.post(link, index);
        }
        link.cq().arm(ArmKind::Any);
    }

    /// Takes what completed and hands it on. `<= DISPATCH_LEVEL`.
    pub(super) fn poll(&self) {
        let Some(link) = self.link() else { return };
        loop {
            let mut batch = Batch::EMPTY;
            let more = {
                let mut receives = self.receives.lock();
                receives.is_up && self.take(&mut receives, link, &mut batch)
            };
            self.settle(&batch);
            if !more {
                break;
            }
        }
        self.deliver();
    }

    /// Takes a batch of completions; whether there may be more. Asks for the next event when there are none.
    fn take(&self, receives: &mut Receives, link: &Link, batch: &mut Batch) -> bool {
        while !batch.is_full() {
            let Some(cqe) = link.cq().poll() else {
                link.cq().commit();
                link.cq().arm(ArmKind::Any);
                return false;
            };
            self.look(receives, link, &cqe, batch);
        }
        link.cq().commit();
        true
    }

    fn look(&self, receives: &mut Receives, link: &Link, cqe: &Cqe<'_>, batch: &mut Batch) {
        match cqe.opcode() {
            CqeOpcode::Requester => {
                if let Ok(done) = link.qp().send().complete(cqe.counter()) {
                    batch.push(done.context, true);
                }
            }
            CqeOpcode::RequesterError(why) => {
                if let Ok(done) = link.qp().send().complete(cqe.counter()) {
                    batch.push(done.context, false);
                }
                batch.happened |= broken_by(why);
            }
            CqeOpcode::Receive => {
                if let Ok(index) = link.qp().receive().complete(cqe.counter()) {
                    receives.posted = receives.posted.saturating_sub(1);
                    batch.happened |= self.arrived(receives, link, index as u16, cqe.byte_count());
                }
            }
            CqeOpcode::ResponderError(why) => {
                if link.qp().receive().complete(cqe.counter()).is_ok() {
                    receives.posted = receives.posted.saturating_sub(1);
                }
                batch.happened |= broken_by(why);
            }
            _ => batch.happened |= Happened::BROKE,
        }
    }

    /// A message arrived: a client's waits for delivery, a call manager's is noted and its buffer reused.
    fn arrived(&self, receives: &mut Receives, link: &Link, index: u16, bytes: u32) -> Happened {
        let Ok(head) = Head::parse(link.head(index), bytes) else {
            count(&self.circuit.services().counters().receive_errors);
            return Happened::BROKE;
        };
        match head.kind {
            Kind::Data => {
                receives.push(Ready {
                    index,
                    length: head.length,
                });
                return Happened::empty();
            }
            Kind::Change(flow) => receives.change = Some(flow),
            Kind::Answer { accepted } => receives.answer = Some(accepted),
            Kind::Close => {
                let mut close_data = [0; MAX_CLOSE_DATA];
                // The head promises no more than that.
                if let Some(said) = close_data.get_mut(..head.length as usize) {
                    link.read(index, HEAD, said);
                    receives.close_data = CloseData::capture(said).unwrap_or(CloseData::EMPTY);
                }
            }
        }
        receives.post(link, index);
        Happened::SIGNAL
    }

    fn settle(&self, batch: &Batch) {
        Circuit::sent(&self.circuit, batch.sent.iter().take(batch.count).copied());
        if !batch.happened.is_empty() {
            self.tell(batch.happened);
        }
    }

    /// After the device has let go of the queue pair: takes what had completed, then what had not.
    pub(super) fn finish(&self) {
        let Some(link) = self.link() else { return };
        loop {
            let mut batch = Batch::EMPTY;
            {
                let mut receives = self.receives.lock();
                receives.is_up = false;
                while !batch.is_full()
                    && let Some(cqe) = link.cq().poll()
                {
                    self.look(&mut receives, link, &cqe, &mut batch);
                }
                link.cq().commit();
                while !batch.is_full()
                    && let Some(done) = link.qp().send().pop()
                {
                    batch.push(done.context, false);
                }
            }
            let more = batch.is_full();
            self.settle(&batch);
            if !more {
                return;
            }
        }
    }

    /// Gives the client what has arrived, in order. One caller at a time; whoever comes meanwhile leaves it to that one.
    pub(super) fn deliver(&self) {
        loop {
            let mut indices = [0; BATCH];
            let (packets, back) = {
                let mut receives = self.receives.lock();
                let may = receives.is_open && !self.circuit.services().is_paused();
                if !may || receives.delivering || receives.waiting == 0 {
                    return;
                }
                receives.delivering = true;
                self.lend(&mut receives, &mut indices)
            };
            let lent = packets.len();
            upcall::received(self.circuit.handle(), packets, back);
            let mut receives = self.receives.lock();
            receives.delivering = false;
            if back {
                let link = self.link();
                for index in indices.iter().take(lent as usize) {
                    if let Some(link) = link {
                        receives.post(link, *index);
                    }
                }
            }
            let over = receives.waiting == 0 && !receives.is_up;
            drop(receives);
            if over {
                // The worker may wait for the end of this.
                Circuit::wake(&self.circuit);
            }
        }
    }

    /// Makes packets of what waits. With the second result they come back when the indication returns.
    fn lend(&self, receives: &mut Receives, indices: &mut [u16; BATCH]) -> (Packets, bool) {
        let back = receives.is_low();
        let source = self.circuit.handle().as_raw();
        let owner = self.address.load(Ordering::Acquire);
        let mut packets = Packets::new();
        for place in indices {
            let Some(ready) = receives.pop() else { break };
            let Some(own) = self.link().and_then(|link| link.packet(ready.index)) else {
                continue;
            };
            *place = ready.index;
            let index = core::ptr::without_provenance_mut::<c_void>(usize::from(ready.index));
            let words = [owner.cast(), index];
            packets.push(own.lend(source, words, HEAD as u32, ready.length));
            self.circuit.services().counters().add_received(ready.length);
        }
        if !back {
            receives.lent += packets.len() as u16;
        }
        (packets, back)
    }

    /// `MiniportReturnNetBufferLists` (DATA-10, DATA-11): packets of any channels come back. `<= DISPATCH_LEVEL`.
    ///
    /// # Safety
    /// Every packet was lent by a channel of this driver and not returned before.
    pub unsafe fn give_back(mut packets: Packets) {
        while let Some(mut packet) = packets.pop() {
            let [owner, index] = *packet.words();
            // SAFETY: a channel lives as long as any of its packets is out.
            let channel = unsafe { Ref::clone_raw(owner.cast::<Self>().cast_const()) };
            channel.came_back(index.addr() as u16);
        }
    }

    fn came_back(&self, index: u16) {
        let idle = {
            let mut receives = self.receives.lock();
            receives.lent = receives.lent.saturating_sub(1);
            if let Some(link) = self.link() {
                receives.post(link, index);
            }
            !receives.is_up && receives.lent == 0
        };
        if idle {
            Circuit::wake(&self.circuit);
        }
    }

    /// Whether everything that arrived has been delivered, or cannot be now.
    pub(super) fn is_drained(&self) -> bool {
        let paused = self.circuit.services().is_paused();
        self.receives.lock().is_drained(paused)
    }

    /// The client knows of the connection, which is up: it gets messages.
    pub(super) fn open(&self) {
        self.receives.lock().open();
    }

    /// Sends one of the call manager's messages.
    pub(super) fn send_control(&self, which: Control, head: &Head, data: &[u8]) -> bool {
        let Some(link) = self.link.get() else { return false };
        // Serialises with the client's messages.
        let _sends = self.circuit.sends.lock();
        link.send_control(which, head, data)
    }
}

impl CompletionTarget for Channel {
    fn completed(&self) {
        self.poll();
    }

    fn failed(&self, _: CqFault) {
        self.tell(Happened::BROKE);
    }

    fn device_lost(&self) {
        self.tell(Happened::BROKE);
    }
}

fn broken_by(why: CqeSyndrome) -> Happened {
    if why == CqeSyndrome::Flushed {
        Happened::empty()
    } else {
        Happened::BROKE
    }
}
