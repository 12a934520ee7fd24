//! Receiving: from the device's completions to packets that the client holds, and back.
//!
//! A buffer is with the device (posted), waits for its turn (ready), or is with the client (lent). One caller at a time delivers, so
//! that messages stay in order. When few buffers are left with the device, the client has to copy (the RESOURCES flag), so
//! that the peer, and the call manager's own messages, never wait for a client that keeps its packets for long.

use core::ffi::c_void;

use super::{
    format::{Flow, MAX_CLOSE_DATA},
    leg::{CloseData, Leg, Stage, news},
    link::Link,
    manager::count,
    upcall,
    vc::Vc,
    wire::{HEAD, Head, Kind},
};
use crate::{
    hw::{ArmKind, Cqe, CqeOpcode, CqeSyndrome},
    nt::{NoMemory, Ref, Vec, packet::Packets, pool, sync::Ordering},
};

/// Messages delivered, and sends completed, at a time.
const BATCH: usize = 16;

/// A message that waits to be delivered: buffer, and bytes without the head.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    index: u16,
    length: u32,
}

/// The receive side of a leg. Behind its lock, which also serialises the completion queue.
pub struct Receives {
    /// A ring of as many places as there are buffers.
    ready: Vec<Ready>,
    first: usize,
    waiting: usize,
    depth: u16,
    posted: u16,
    lent: u16,
    delivering: bool,
    /// The client knows of the connection (INC-11).
    is_open: bool,
    /// The device takes buffers and completions come.
    is_up: bool,
    words: CloseData,
    change: Option<Flow>,
    answer: Option<bool>,
}

/// What a look at the completion queue found that concerns others.
struct Batch {
    sent: [(u64, bool); BATCH],
    count: usize,
    news: u32,
}

impl Batch {
    const EMPTY: Self = Self {
        sent: [(0, false); BATCH],
        count: 0,
        news: 0,
    };

    fn push(&mut self, context: u64, delivered: bool) {
        if let Some(place) = self.sent.get_mut(self.count) {
            *place = (context, delivered);
            self.count += 1;
        }
    }

    const fn is_full(&self) -> bool {
        self.count == BATCH
    }
}

impl Receives {
    /// For a leg with `depth` buffers.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(depth: u16) -> Result<Self, NoMemory> {
        Ok(Self {
            ready: pool::try_vec(usize::from(depth), |_| Ready::default())?,
            first: 0,
            waiting: 0,
            depth,
            posted: 0,
            lent: 0,
            delivering: false,
            is_open: false,
            is_up: false,
            words: CloseData::EMPTY,
            change: None,
            answer: None,
        })
    }

    /// The client may get messages.
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    /// The client gets no more messages.
    pub(super) fn shut(&mut self) {
        self.is_open = false;
        self.waiting = 0;
    }

    /// Whether the client has no packet and gets none now.
    pub(super) const fn is_idle(&self) -> bool {
        self.lent == 0 && !self.delivering
    }

    /// Whether everything that arrived has been delivered, or cannot be now.
    pub(super) const fn is_drained(&self, paused: bool) -> bool {
        !self.delivering && (self.waiting == 0 || paused)
    }

    /// The peer's client's last words.
    pub(super) const fn words(&self) -> CloseData {
        self.words
    }

    /// The change that the peer asks for.
    pub(super) fn take_change(&mut self) -> Option<Flow> {
        self.change.take()
    }

    /// The peer's answer to a change.
    pub(super) fn take_answer(&mut self) -> Option<bool> {
        self.answer.take()
    }

    fn push(&mut self, ready: Ready) {
        let capacity = self.ready.len().max(1);
        let at = (self.first + self.waiting) % capacity;
        if let Some(place) = self.ready.get_mut(at) {
            *place = ready;
            self.waiting += 1;
        }
    }

    fn pop(&mut self) -> Option<Ready> {
        if self.waiting == 0 {
            return None;
        }
        let ready = self.ready.get(self.first).copied()?;
        self.first = (self.first + 1) % self.ready.len().max(1);
        self.waiting -= 1;
        Some(ready)
    }

    /// Gives a buffer to the device, while it takes some.
    fn post(&mut self, link: &Link, index: u16) {
        if self.is_up {
            link.post_receive(index);
            self.posted += 1;
        }
    }

    /// Few buffers are left with the device.
    const fn is_low(&self) -> bool {
        self.is_up && self.posted * 4 <= self.depth
    }
}

impl Leg {
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
                batch.news |= broken_by(why);
            }
            CqeOpcode::Receive => {
                if let Ok(index) = link.qp().receive().complete(cqe.counter()) {
                    receives.posted = receives.posted.saturating_sub(1);
                    batch.news |= self.arrived(receives, link, index as u16, cqe.byte_count());
                }
            }
            CqeOpcode::ResponderError(why) => {
                if link.qp().receive().complete(cqe.counter()).is_ok() {
                    receives.posted = receives.posted.saturating_sub(1);
                }
                batch.news |= broken_by(why);
            }
            _ => batch.news |= news::BROKE,
        }
    }

    /// A message arrived: a client's waits for delivery, a call manager's is noted and its buffer reused.
    fn arrived(&self, receives: &mut Receives, link: &Link, index: u16, bytes: u32) -> u32 {
        let Ok(head) = Head::parse(link.head(index), bytes) else {
            count(&self.vc().manager().counters().receive_errors);
            return news::BROKE;
        };
        match head.kind {
            Kind::Data => {
                receives.push(Ready {
                    index,
                    length: head.length,
                });
                return 0;
            }
            Kind::Change(flow) => receives.change = Some(flow),
            Kind::Answer { accepted } => receives.answer = Some(accepted),
            Kind::Close => {
                let mut words = [0; MAX_CLOSE_DATA];
                // No more than that, by the head.
                if let Some(said) = words.get_mut(..head.length as usize) {
                    link.read(index, HEAD, said);
                    receives.words = CloseData::capture(said).unwrap_or(CloseData::EMPTY);
                }
            }
        }
        receives.post(link, index);
        news::SIGNAL
    }

    fn settle(&self, batch: &Batch) {
        Vc::sent(self.vc(), self, batch.sent.iter().take(batch.count).copied());
        if batch.news != 0 {
            self.tell(batch.news);
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

    /// Gives the client what has arrived, in order. One at a time; who comes meanwhile leaves it to that one.
    pub(super) fn deliver(&self) {
        loop {
            let mut indices = [0; BATCH];
            let (packets, back) = {
                let mut receives = self.receives.lock();
                let may = receives.is_open && !self.vc().manager().is_paused();
                if !may || receives.delivering || receives.waiting == 0 {
                    return;
                }
                receives.delivering = true;
                self.lend(&mut receives, &mut indices)
            };
            let lent = packets.len();
            upcall::received(self.vc().handle(), packets, back);
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
                Vc::wake(self.vc());
            }
        }
    }

    /// Makes packets of what waits. With the second result they come back when the indication returns.
    fn lend(&self, receives: &mut Receives, indices: &mut [u16; BATCH]) -> (Packets, bool) {
        let back = receives.is_low();
        let source = self.vc().handle().as_raw();
        let owner = self.me.load(Ordering::Acquire);
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
            self.vc().manager().counters().add_received(ready.length);
        }
        if !back {
            receives.lent += packets.len() as u16;
        }
        (packets, back)
    }

    /// `MiniportReturnNetBufferLists` (DATA-10, DATA-11): packets of any legs come back. `<= DISPATCH_LEVEL`.
    ///
    /// # Safety
    /// Every packet was lent by a leg of this driver and not returned before.
    pub unsafe fn give_back(mut packets: Packets) {
        while let Some(mut packet) = packets.pop() {
            let [owner, index] = *packet.words();
            // SAFETY: a leg lives as long as any of its packets is out.
            let leg = unsafe { Ref::clone_raw(owner.cast::<Self>().cast_const()) };
            leg.came_back(index.addr() as u16);
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
            Vc::wake(self.vc());
        }
    }

    /// Whether the client may be told that the peer has left: everything before that was delivered.
    pub(super) fn is_drained(&self) -> bool {
        let paused = self.vc().manager().is_paused();
        matches!(self.stage(), Stage::Lost(_)) && self.receives.lock().is_drained(paused)
    }
}

fn broken_by(why: CqeSyndrome) -> u32 {
    if why == CqeSyndrome::Flushed {
        0
    } else {
        news::BROKE
    }
}
