//! What a VC has to send: packets that wait, and the slots of messages that are with the device.

use super::{
    link::{Link, MAX_PIECES},
    wire::{HEAD, Head, Kind},
};
use crate::{
    hw::{Key, PostFlags, Sge},
    nt::{
        NoMemory, NonPaged, Ref, ScatterGather, SharedMemory, Status, Vec,
        packet::{Buffer, Packet, Packets},
        pool,
    },
};

/// A message on its way.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) packet: Option<Packet>,
    pub(super) map: Option<ScatterGather>,
    /// Legs that are not done with it.
    pub(super) legs: u32,
    /// A peer has it.
    pub(super) delivered: bool,
}

/// The packet whose buffers are being posted.
pub(super) struct Current {
    pub(super) packet: Packet,
    pub(super) next: Option<Buffer>,
}

/// The send side of a VC. Behind its lock, which also serialises posts on all legs.
pub struct Sends {
    pub(super) waiting: Packets,
    pub(super) current: Option<Current>,
    pub(super) slots: Vec<Slot>,
    pub(super) free: Vec<u16>,
    pub(super) heads: Option<(Ref<SharedMemory>, Key)>,
    pub(super) links: Vec<Ref<Link>>,
    /// Where the one message lies that has more pieces than the device takes, and the slot that has the place now.
    pub(super) bounce: u32,
    pub(super) bouncing: Option<u16>,
    /// The next such message.
    pub(super) stalled: Option<Mapped>,
    /// The message that is being mapped, with the bytes of its mapping that come before it.
    pub(super) mapping: Option<(u16, Buffer, u32)>,
    pub(super) pumping: bool,
    pub(super) again: bool,
    pub(super) is_open: bool,
    /// Packets that are not given back.
    pub(super) outstanding: u32,
    /// Bytes of the longest message.
    pub(super) longest: u32,
}

/// A message that the device can see.
pub(super) struct Mapped {
    pub(super) slot: u16,
    pub(super) buffer: Buffer,
    /// Its mapping, and how many bytes of it come before the message; none of an empty message.
    pub(super) map: Option<(ScatterGather, u32)>,
}

/// What was in a slot.
#[must_use = "its packet waits for the slot to be given back"]
pub(super) struct Done {
    slot: u16,
    packet: Packet,
    map: Option<ScatterGather>,
}

/// As [`Done`], and the device cannot see the message any more.
#[must_use = "the packet waits for the slot to be given back"]
pub(super) struct Unmapped {
    slot: u16,
    packet: Packet,
}

impl Done {
    /// Takes the message from the device's sight. That calls the kernel: no lock is held.
    pub(super) fn unmap(self) -> Unmapped {
        let Self { slot, packet, map } = self;
        drop(map);
        Unmapped { slot, packet }
    }
}

/// What the pump does next.
pub(super) enum Next {
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
            links: Vec::new_in(NonPaged),
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

    /// Takes packets from now on, for this leg's peer too.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn open(&mut self, link: Ref<Link>) -> Result<(), NoMemory> {
        pool::try_push(&mut self.links, link)?;
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

    pub(super) fn next(&mut self) -> Next {
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
            self.mapping = Some((slot, buffer, buffer.data().map_or(0, |(_, skip)| skip)));
            return Next::Map(slot, buffer);
        }
    }

    pub(super) fn begin(&mut self) -> Option<Current> {
        let mut packet = self.waiting.pop()?;
        packet.set_status(Status::SUCCESS);
        let [parts, _] = packet.words();
        *parts = core::ptr::without_provenance_mut(1);
        let next = packet.first();
        Some(Current { packet, next })
    }

    /// One part of a packet is done; the packet, if that was the last.
    pub(super) fn part_done(&mut self, mut packet: Packet) -> Option<Packet> {
        if add(&mut packet, -1) != 0 {
            return None;
        }
        self.outstanding = self.outstanding.saturating_sub(1);
        Some(packet)
    }

    /// Posts a mapped message to all legs; the packet and mapping if that failed and was its last part.
    pub(super) fn post(&mut self, slot: u16, pieces: &[Sge]) {
        let mut posted = 0;
        if self.is_open {
            for link in &self.links {
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

    /// One leg is done with a slot; what was in it, if that was the last one.
    pub(super) fn leg_done(&mut self, slot: u16, delivered: bool) -> Option<Done> {
        let place = self.slots.get_mut(usize::from(slot))?;
        place.legs = place.legs.saturating_sub(1);
        place.delivered |= delivered;
        if place.legs != 0 {
            return None;
        }
        self.take(slot, Status::NDIS_REQUEST_ABORTED)
    }

    /// Takes what is in a slot; `failure` is the packet's status unless a peer has the message.
    pub(super) fn take(&mut self, slot: u16, failure: Status) -> Option<Done> {
        let place = self.slots.get_mut(usize::from(slot))?;
        let done = core::mem::take(place);
        let mut packet = done.packet?;
        if !done.delivered {
            packet.set_status(failure);
        }
        let map = done.map;
        Some(Done { slot, packet, map })
    }

    /// Gives a slot back whose message the device cannot see any more: only now its packet may go.
    pub(super) fn finish(&mut self, unmapped: Unmapped, back: &mut Packets) {
        let Unmapped { slot, packet } = unmapped;
        self.free.push(slot);
        self.bouncing.take_if(|user| *user == slot);
        if let Some(packet) = self.part_done(packet) {
            back.push(packet);
        }
    }

    /// Copies a message of too many pieces to the place for such; the pieces that it has there. `None` when its memory cannot be
    /// read from here.
    pub(super) fn copied(&mut self, slot: u16, buffer: Buffer, out: &mut [Sge; MAX_PIECES]) -> Option<usize> {
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
    pub(super) fn pieces(
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
