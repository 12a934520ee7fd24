//! Sending: from the client's packets to requests of every leg, and back.
//!
//! A packet's buffers are messages. Each takes a slot, is mapped for the device, posted to all legs, and gives its slot back
//! when the last leg is done with it. What finds no slot waits in order: that is the back-pressure. One caller at a time maps and
//! posts; only the first message is being mapped at any time, so that order is kept also when mapping has to wait.

use super::{
    leg::{Leg, news},
    link::{CONTROL_CONTEXT, Control, MAX_PIECES},
    manager::count,
    upcall,
    vc::Vc,
    wire::{HEAD, Head, Kind},
};
use crate::{
    hw::{Key, PostFlags, Sge},
    nt::{
        Dma, NoMemory, NonPaged, Ref, ScatterGather, SharedMemory, Status, Vec,
        dma::Direction,
        packet::{Buffer, Packet, Packets},
        pool,
    },
    sys::condis::NDIS_STATUS_VC_NOT_ACTIVATED,
};

/// A message on its way.
#[derive(Default)]
struct Slot {
    packet: Option<Packet>,
    map: Option<ScatterGather>,
    /// Legs that are not done with it.
    legs: u32,
    /// A peer has it.
    delivered: bool,
}

/// The packet whose buffers are being posted.
struct Current {
    packet: Packet,
    next: Option<Buffer>,
}

/// The send side of a VC. Behind its lock, which also serialises posts on all legs.
pub struct Sends {
    waiting: Packets,
    current: Option<Current>,
    slots: Vec<Slot>,
    free: Vec<u16>,
    heads: Option<(Ref<SharedMemory>, Key)>,
    legs: Vec<Ref<Leg>>,
    /// Where the one message lies that has more pieces than the device takes, and the slot that has the place now.
    bounce: u32,
    bouncing: Option<u16>,
    /// The next such message.
    stalled: Option<Mapped>,
    /// The slot whose buffer is being mapped.
    mapping: Option<u16>,
    pumping: bool,
    again: bool,
    is_open: bool,
    /// Packets that are not given back.
    outstanding: u32,
    /// Bytes of the longest message.
    longest: u32,
}

/// A message that the device can see.
struct Mapped {
    slot: u16,
    buffer: Buffer,
    /// Its mapping, and how many bytes of it come before the message; none of an empty message.
    map: Option<(ScatterGather, u32)>,
}

/// What the pump does next.
enum Next {
    Nothing,
    /// Gives a packet back.
    Back(Packet),
    /// Maps a buffer for a slot.
    Map(u16, Buffer),
    /// Posts a message that had to wait for the place to copy it to.
    Post(Mapped),
}

impl Sends {
    /// Takes nothing yet.
    pub const fn new() -> Self {
        Self {
            waiting: Packets::new(),
            current: None,
            slots: Vec::new_in(NonPaged),
            free: Vec::new_in(NonPaged),
            heads: None,
            bounce: 0,
            bouncing: None,
            stalled: None,
            legs: Vec::new_in(NonPaged),
            mapping: None,
            pumping: false,
            again: false,
            is_open: false,
            outstanding: 0,
            longest: 0,
        }
    }

    /// Room for `depth` messages on their way; their heads lie in `heads`, and after them there is room for the longest message.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn prepare(
        &mut self,
        depth: u16,
        heads: Ref<SharedMemory>,
        key: Key,
        longest: u32,
    ) -> Result<(), NoMemory> {
        let slots = pool::try_vec(usize::from(depth), |_| Slot::default())?;
        let free = pool::try_vec(usize::from(depth), |index| index as u16)?;
        self.slots = slots;
        self.free = free;
        self.heads = Some((heads, key));
        self.bounce = u32::from(depth) * HEAD as u32;
        self.longest = longest;
        Ok(())
    }

    /// Takes packets from now on, for this leg too.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn open(&mut self, leg: Ref<Leg>) -> Result<(), NoMemory> {
        pool::try_push(&mut self.legs, leg)?;
        self.is_open = true;
        Ok(())
    }

    /// Bytes of the longest message from now on.
    pub const fn set_longest(&mut self, longest: u32) {
        self.longest = longest;
    }

    /// Whether nothing of the client's is here.
    pub const fn is_idle(&self) -> bool {
        self.outstanding == 0 && self.mapping.is_none() && !self.pumping
    }

    /// Packets that are not given back.
    pub const fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// Where the heads of messages lie.
    pub fn heads(&self) -> Option<Ref<SharedMemory>> {
        self.heads.as_ref().map(|(memory, _)| memory.clone())
    }

    /// Forgets the call; what it kept is dropped by the caller.
    pub fn reset(&mut self) -> Option<Ref<SharedMemory>> {
        self.is_open = false;
        self.heads.take().map(|(memory, _)| memory)
    }

    fn next(&mut self) -> Next {
        if self.bouncing.is_none()
            && let Some(stalled) = self.stalled.take()
        {
            return Next::Post(stalled);
        }
        if self.mapping.is_some() {
            return Next::Nothing;
        }
        loop {
            let Some(mut current) = self.current.take().or_else(|| self.begin()) else {
                return Next::Nothing;
            };
            let Some(buffer) = current.next else {
                match self.part_done(current.packet) {
                    Some(packet) => return Next::Back(packet),
                    None => continue,
                }
            };
            if buffer.len() as u64 > u64::from(self.longest) {
                current.packet.set_status(Status::NDIS_INVALID_LENGTH);
                current.next = buffer.next();
                self.current = Some(current);
                continue;
            }
            let Some(slot) = self.free.pop() else {
                self.current = Some(current);
                return Next::Nothing;
            };
            current.next = buffer.next();
            add(&mut current.packet, 1);
            if let Some(place) = self.slots.get_mut(usize::from(slot)) {
                *place = Slot {
                    packet: Some(current.packet.alias()),
                    ..Slot::default()
                };
            }
            self.current = Some(current);
            self.mapping = Some(slot);
            return Next::Map(slot, buffer);
        }
    }

    fn begin(&mut self) -> Option<Current> {
        let mut packet = self.waiting.pop()?;
        packet.set_status(Status::SUCCESS);
        let [parts, _] = packet.words();
        *parts = core::ptr::without_provenance_mut(1);
        let next = packet.first();
        Some(Current { packet, next })
    }

    /// One part of a packet is done; the packet, if that was the last.
    fn part_done(&mut self, mut packet: Packet) -> Option<Packet> {
        if add(&mut packet, -1) != 0 {
            return None;
        }
        self.outstanding = self.outstanding.saturating_sub(1);
        Some(packet)
    }

    /// Posts a mapped message to all legs; the packet and mapping if that failed and was its last part.
    fn post(&mut self, slot: u16, pieces: &[Sge]) {
        let mut posted = 0;
        if self.is_open {
            for leg in &self.legs {
                let Some(link) = leg.link() else { continue };
                let queue = link.qp().send();
                let sges = pieces.iter().copied();
                // Each leg has room for as many as there are slots.
                if let Ok(now) = queue.send(u64::from(slot), PostFlags::empty(), None, sges) {
                    queue.ring_for(now);
                    posted += 1;
                }
            }
        }
        if let Some(place) = self.slots.get_mut(usize::from(slot)) {
            place.legs = posted;
        }
    }

    /// One leg is done with a slot. What the caller has to give back and drop.
    fn leg_done(&mut self, slot: u16, delivered: bool, back: &mut Packets) -> Option<ScatterGather> {
        let place = self.slots.get_mut(usize::from(slot))?;
        place.legs = place.legs.saturating_sub(1);
        place.delivered |= delivered;
        if place.legs != 0 {
            return None;
        }
        self.free_slot(slot, Status::NDIS_REQUEST_ABORTED, back)
    }

    /// Gives a slot back; `failure` is the packet's status unless a peer has the message.
    fn free_slot(&mut self, slot: u16, failure: Status, back: &mut Packets) -> Option<ScatterGather> {
        let place = self.slots.get_mut(usize::from(slot))?;
        let mut done = core::mem::take(place);
        let mut packet = done.packet.take()?;
        if !done.delivered {
            packet.set_status(failure);
        }
        self.free.push(slot);
        self.bouncing.take_if(|user| *user == slot);
        if let Some(packet) = self.part_done(packet) {
            back.push(packet);
        }
        done.map
    }

    /// Copies a message of too many pieces to the place for such; the pieces that it has there. `None` when its memory cannot be
    /// read from here.
    fn copied(&mut self, slot: u16, buffer: Buffer, out: &mut [Sge; MAX_PIECES]) -> Option<usize> {
        let (memory, key) = self.heads.as_ref()?;
        let (mdl, skip) = buffer.data()?;
        let mut at = self.bounce as usize;
        let whole = mdl.read(skip as usize, buffer.len(), |bytes| {
            memory.write_bytes(at, bytes);
            at += bytes.len();
        });
        let [_, second, ..] = out;
        *second = Sge {
            address: memory.bus_address(self.bounce).0,
            length: buffer.len() as u32,
            key: *key,
        };
        self.bouncing = whole.then_some(slot);
        whole.then_some(2)
    }

    /// Writes a message's head and lists its pieces; `None` when there are too many.
    fn pieces(
        &self,
        slot: u16,
        map: Option<(&ScatterGather, u32)>,
        length: u32,
        out: &mut [Sge; MAX_PIECES],
    ) -> Option<usize> {
        let (heads, key) = self.heads.as_ref()?;
        let offset = u32::from(slot) * HEAD as u32;
        let head = Head {
            kind: Kind::Data,
            length,
        };
        heads.write_bytes(offset as usize, &head.bytes());
        let mut places = out.iter_mut();
        *places.next()? = Sge {
            address: heads.bus_address(offset).0,
            length: HEAD as u32,
            key: *key,
        };
        let mut used = 1;
        let Some((map, mut skip)) = map else {
            return Some(used);
        };
        for (address, bytes) in map.iter() {
            let before = skip.min(bytes);
            skip -= before;
            if bytes > before {
                *places.next()? = Sge {
                    address: address.0 + u64::from(before),
                    length: bytes - before,
                    key: *key,
                };
                used += 1;
            }
        }
        Some(used)
    }
}

impl Default for Sends {
    fn default() -> Self {
        Self::new()
    }
}

/// Changes the count of a packet's parts; the new one.
fn add(packet: &mut Packet, by: isize) -> usize {
    let [parts, _] = packet.words();
    let now = parts.addr().wrapping_add_signed(by);
    *parts = core::ptr::without_provenance_mut(now);
    now
}

impl Vc {
    /// `MiniportCoSendNetBufferLists` (DATA-02 to DATA-04, DATA-15). `<= DISPATCH_LEVEL`.
    pub fn send(this: &Ref<Self>, packets: Packets) {
        let refusal = {
            let mut sends = this.sends.lock();
            if this.manager().is_paused() {
                Some((packets, Status::NDIS_PAUSED))
            } else if sends.is_open {
                sends.outstanding += packets.len();
                sends.waiting.append(packets);
                None
            } else {
                Some((packets, Status(NDIS_STATUS_VC_NOT_ACTIVATED)))
            }
        };
        match refusal {
            None => Self::pump(this),
            Some((packets, status)) => this.give_up(packets, status),
        }
    }

    /// Gives packets back unsent.
    fn give_up(&self, mut packets: Packets, status: Status) {
        let mut back = Packets::new();
        while let Some(mut packet) = packets.pop() {
            packet.set_status(status);
            count(&self.manager().counters().send_errors);
            back.push(packet);
        }
        upcall::sent(self.handle(), back);
    }

    /// Maps and posts what can go. One at a time; who comes meanwhile makes that one look again.
    fn pump(this: &Ref<Self>) {
        {
            let mut sends = this.sends.lock();
            if sends.pumping {
                sends.again = true;
                return;
            }
            sends.pumping = true;
        }
        loop {
            let next = {
                let mut sends = this.sends.lock();
                let next = sends.next();
                if matches!(next, Next::Nothing) && !core::mem::take(&mut sends.again) {
                    sends.pumping = false;
                    break;
                }
                next
            };
            match next {
                Next::Nothing => {}
                Next::Back(packet) => this.give_one_back(packet),
                Next::Map(slot, buffer) => Self::map(this, slot, buffer),
                Next::Post(mapped) => Self::mapped(this, mapped),
            }
        }
        Self::wake_if_closing(this);
    }

    fn give_one_back(&self, packet: Packet) {
        let mut back = Packets::new();
        self.count_sent(&packet);
        back.push(packet);
        upcall::sent(self.handle(), back);
    }

    fn count_sent(&self, packet: &Packet) {
        let counters = self.manager().counters();
        if packet.status().is_success() {
            let mut bytes = 0;
            let mut next = packet.first();
            while let Some(buffer) = next {
                bytes += buffer.len() as u64;
                next = buffer.next();
            }
            counters.add_sent(bytes);
        } else {
            count(&counters.send_errors);
        }
    }

    fn map(this: &Ref<Self>, slot: u16, buffer: Buffer) {
        let Some((mdl, skip)) = buffer.data().filter(|_| !buffer.is_empty()) else {
            let map = None;
            return Self::mapped(this, Mapped { slot, buffer, map });
        };
        let vc = this.clone();
        let done = move |map: ScatterGather| {
            let map = Some((map, skip));
            Self::mapped(&vc, Mapped { slot, buffer, map });
        };
        let bytes = u64::from(skip) + buffer.len() as u64;
        let mapping = Dma::map(this.manager().dma(), mdl, bytes, Direction::ToDevice, done);
        if let Err(status) = mapping {
            this.unmapped(slot, status);
        }
    }

    /// The device can see the message: posts it. `DISPATCH_LEVEL`, sooner or later.
    fn mapped(this: &Ref<Self>, mapped: Mapped) {
        let Mapped { slot, buffer, .. } = mapped;
        let mut back = Packets::new();
        let nothing = Sge {
            address: 0,
            length: 0,
            key: Key(0),
        };
        let mut list = [nothing; MAX_PIECES];
        let freed = {
            let mut sends = this.sends.lock();
            let view = mapped.map.as_ref().map(|(map, skip)| (map, *skip));
            let mut used = sends.pieces(slot, view, buffer.len() as u32, &mut list);
            if used.is_none() {
                if sends.bouncing.is_some() {
                    // The place is taken: its return makes the pump look here again.
                    sends.stalled = Some(mapped);
                    return;
                }
                used = sends.copied(slot, buffer, &mut list);
            }
            sends.mapping = None;
            let map = mapped.map;
            if let Some(place) = sends.slots.get_mut(usize::from(slot)) {
                place.map = map.map(|(map, _)| map);
            }
            let failure = if used.is_some() {
                Status::NDIS_REQUEST_ABORTED
            } else {
                Status::INSUFFICIENT_RESOURCES
            };
            if let Some(pieces) = used.and_then(|used| list.get(..used)) {
                sends.post(slot, pieces);
            }
            let unsent = sends
                .slots
                .get(usize::from(slot))
                .is_some_and(|place| place.legs == 0);
            if unsent {
                sends.free_slot(slot, failure, &mut back)
            } else {
                None
            }
        };
        drop(freed);
        this.give_all_back(back);
        Self::pump(this);
    }

    fn unmapped(&self, slot: u16, status: Status) {
        let mut back = Packets::new();
        let freed = {
            let mut sends = self.sends.lock();
            sends.mapping = None;
            sends.free_slot(slot, status, &mut back)
        };
        drop(freed);
        self.give_all_back(back);
    }

    fn give_all_back(&self, mut packets: Packets) {
        let mut back = Packets::new();
        while let Some(packet) = packets.pop() {
            self.count_sent(&packet);
            back.push(packet);
        }
        upcall::sent(self.handle(), back);
    }

    /// Requests of a leg are done: which, and whether its peer has the message.
    pub(super) fn sent(this: &Ref<Self>, leg: &Leg, done: impl Iterator<Item = (u64, bool)>) {
        let mut back = Packets::new();
        let mut any = false;
        for (context, delivered) in done {
            if context >= CONTROL_CONTEXT {
                if context == CONTROL_CONTEXT | u64::from(Control::Close as u32) {
                    leg.tell(news::WORDS_SENT);
                }
                continue;
            }
            any = true;
            // The mapping is dropped after the lock: that calls the kernel.
            let freed = this.sends.lock().leg_done(context as u16, delivered, &mut back);
            drop(freed);
        }
        if any {
            this.give_all_back(back);
            Self::pump(this);
        }
    }

    /// The leg gets no more messages.
    pub(super) fn stop_sending(this: &Ref<Self>, leg: &Leg) {
        let gone = {
            let mut sends = this.sends.lock();
            let place = sends
                .legs
                .iter()
                .position(|other| core::ptr::eq(&raw const **other, leg));
            place.map(|place| sends.legs.swap_remove(place))
        };
        drop(gone);
    }

    /// No packet is taken any more; those that wait come back (CLOSE-34).
    pub(super) fn abort_sends(this: &Ref<Self>) {
        let (mut waiting, last) = {
            let mut sends = this.sends.lock();
            sends.is_open = false;
            let waiting = core::mem::take(&mut sends.waiting);
            sends.outstanding = sends.outstanding.saturating_sub(waiting.len());
            let last = sends.current.take().and_then(|mut current| {
                current.packet.set_status(Status::NDIS_REQUEST_ABORTED);
                sends.part_done(current.packet)
            });
            (waiting, last)
        };
        if let Some(packet) = last {
            waiting.push(packet);
        }
        this.give_up(waiting, Status::NDIS_REQUEST_ABORTED);
    }

    /// `MiniportCancelSend` (DATA-14): packets that wait under this id come back.
    pub(super) fn cancel_sends(&self, id: usize) {
        let cancelled = {
            let mut sends = self.sends.lock();
            let cancelled = sends.waiting.take_if(|packet| packet.cancel_id().addr() == id);
            sends.outstanding = sends.outstanding.saturating_sub(cancelled.len());
            cancelled
        };
        self.give_up(cancelled, Status::NDIS_REQUEST_ABORTED);
    }
}
