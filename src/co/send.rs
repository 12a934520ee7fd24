//! Sending: from the client's packets to requests of every leg, and back.
//!
//! A packet's buffers are messages. Each takes a slot, is mapped for the device, posted to all legs, and gives its slot back
//! when the last leg is done with it. What finds no slot waits in order: that is the back-pressure. One caller at a time maps and
//! posts; only the first message is being mapped at any time, so that order is kept also when mapping has to wait.

use super::{
    circuit::Circuit,
    link::{Link, MAX_PIECES},
    sends::{Done, Mapped, Next},
    services::count,
    upcall,
};
use crate::{
    hw::{Key, Sge},
    nt::{
        Dma, Ref, ScatterGather, Status,
        dma::{Direction, MapsForDevice},
        packet::{Buffer, Packet, Packets},
    },
    sys::condis::NDIS_STATUS_VC_NOT_ACTIVATED,
};

/// One message of a VC at a time, so nothing is allocated for it here.
impl MapsForDevice for Circuit {
    const DIRECTION: Direction = Direction::ToDevice;

    fn dma(&self) -> &Ref<Dma> {
        self.services().dma()
    }

    fn mapped(this: &Ref<Self>, map: ScatterGather) {
        let mapping = this.sends.lock().mapping;
        if let Some((slot, buffer, skip)) = mapping {
            let map = Some((map, skip));
            Self::post_mapped(this, Mapped { slot, buffer, map });
        }
    }
}

impl Circuit {
    /// `MiniportCoSendNetBufferLists` (DATA-02 to DATA-04, DATA-15). `<= DISPATCH_LEVEL`.
    pub fn send(this: &Ref<Self>, packets: Packets) {
        let refusal = {
            let mut sends = this.sends.lock();
            if this.services().is_paused() {
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
            count(&self.services().counters().send_errors);
            back.push(packet);
        }
        upcall::sent(self.handle(), back);
    }

    /// Maps and posts what can go. One caller at a time; whoever comes meanwhile makes that one look again.
    fn pump(this: &Ref<Self>) {
        {
            let mut sends = this.sends.lock();
            if sends.pumping {
                sends.again = true;
                return;
            }
            sends.pumping = true;
        }
        let closing = loop {
            let next = {
                let mut sends = this.sends.lock();
                let next = sends.next();
                if matches!(next, Next::Nothing) && !core::mem::take(&mut sends.again) {
                    sends.pumping = false;
                    break !sends.is_open;
                }
                next
            };
            match next {
                Next::Nothing => {}
                Next::Back(packet) => this.give_one_back(packet),
                Next::Map(slot, buffer) => Self::map(this, slot, buffer),
                Next::Post(mapped) => Self::post_mapped(this, mapped),
            }
        };
        if closing {
            // The end of sending may be what the worker waits for.
            Self::wake(this);
        }
    }

    fn give_one_back(&self, packet: Packet) {
        let mut back = Packets::new();
        self.count_sent(&packet);
        back.push(packet);
        upcall::sent(self.handle(), back);
    }

    fn count_sent(&self, packet: &Packet) {
        let counters = self.services().counters();
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
            return Self::post_mapped(this, Mapped { slot, buffer, map });
        };
        let bytes = u64::from(skip) + buffer.len() as u64;
        let mapping = Dma::map_for(this, mdl, bytes);
        if let Err(status) = mapping {
            this.unmapped(slot, status);
        }
    }

    /// The device can see the message, now or after a wait: posts it. `DISPATCH_LEVEL`.
    fn post_mapped(this: &Ref<Self>, mapped: Mapped) {
        let Mapped { slot, buffer, .. } = mapped;
        let nothing = Sge {
            address: 0,
            length: 0,
            key: Key(0),
        };
        let mut list = [nothing; MAX_PIECES];
        let done = {
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
            if unsent { sends.take(slot, failure) } else { None }
        };
        this.finish(done);
        Self::pump(this);
    }

    /// Gives back a slot that nobody uses, and its packet if that was all of it.
    fn finish(&self, done: Option<Done>) {
        let Some(done) = done else { return };
        let unmapped = done.unmap();
        let mut back = Packets::new();
        self.sends.lock().finish(unmapped, &mut back);
        self.give_all_back(back);
    }

    fn unmapped(&self, slot: u16, status: Status) {
        let done = {
            let mut sends = self.sends.lock();
            sends.mapping = None;
            sends.take(slot, status)
        };
        self.finish(done);
    }

    fn give_all_back(&self, mut packets: Packets) {
        let mut back = Packets::new();
        while let Some(packet) = packets.pop() {
            self.count_sent(&packet);
            back.push(packet);
        }
        upcall::sent(self.handle(), back);
    }

    /// One leg's requests with messages of the client's are done: which, and whether its peer has the message.
    pub(super) fn sent(this: &Ref<Self>, done: impl Iterator<Item = (u64, bool)>) {
        let mut back = Packets::new();
        let mut any = false;
        let mut last = None;
        for (context, delivered) in done {
            any = true;
            let done = {
                let mut sends = this.sends.lock();
                if let Some(unmapped) = last.take() {
                    sends.finish(unmapped, &mut back);
                }
                sends.leg_done(context as u16, delivered)
            };
            last = done.map(Done::unmap);
        }
        if let Some(unmapped) = last {
            this.sends.lock().finish(unmapped, &mut back);
        }
        if any {
            this.give_all_back(back);
            Self::pump(this);
        }
    }

    /// A leg's peer gets no more messages.
    pub(super) fn stop_sending(&self, link: &Link) {
        let gone = {
            let mut sends = self.sends.lock();
            let place = sends
                .links
                .iter()
                .position(|other| core::ptr::eq(&raw const **other, link));
            place.map(|place| sends.links.swap_remove(place))
        };
        drop(gone);
    }

    /// A device that is not done with a queue pair may still use the heads of messages.
    pub(super) fn release_heads(&self, done: bool) {
        if !done {
            let heads = self.sends.lock().heads();
            if let Some(heads) = heads {
                self.services().device().release(&heads, false);
            }
        }
    }

    /// No packet is taken any more; those that wait come back (CLOSE-34).
    pub(super) fn abort_sends(&self) {
        let (mut waiting, last) = {
            let mut sends = self.sends.lock();
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
        self.give_up(waiting, Status::NDIS_REQUEST_ABORTED);
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
