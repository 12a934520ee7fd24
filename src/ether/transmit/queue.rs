//! What a send ring has: packets that wait, and notes of what is with the device, in order.

use super::plan::Plan;
use crate::nt::{
    NoMemory, Status, Vec,
    packet::{Buffer, Packet, Packets},
    pool,
};

/// What a send ring does with packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// New ones are answered with this; those that are with the device come to their end.
    Closed(Status),
    /// They are sent.
    Running,
}

/// How the device gets at a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// Not at all: it was not sent.
    Skipped,
    /// Its mapping is awaited.
    Mapping,
    /// By its mapping.
    Mapped,
    /// By the element, which has all of it.
    Inline,
    /// By a copy.
    Bounced,
}

/// A buffer that is with the device, or waits behind those.
#[derive(Debug)]
pub struct Note {
    pub buffer: Buffer,
    pub packet: Packet,
    /// The packet is done when this is.
    pub last: bool,
    pub hold: Hold,
    /// Counter of its element's first block.
    pub first: u16,
    pub blocks: u16,
}

/// The packet whose buffers are being sent.
#[derive(Debug)]
struct Current {
    packet: Packet,
    next: Buffer,
}

/// Packets and notes of a send ring, in order: packets wait, buffers become notes, notes retire.
#[derive(Debug)]
pub struct Queue {
    pub phase: Phase,
    /// The device's queue has stopped: what is with it comes back unsent, and packets wait until it works again.
    pub stopped: bool,
    waiting: Packets,
    current: Option<Current>,
    notes: Vec<Option<Note>>,
    head: u32,
    tail: u32,
    /// Blocks of the ring that are free.
    pub free_blocks: u32,
    /// Elements since the last one that tells of its completion.
    pub silent: u32,
    /// The memory for copies is in use.
    pub bounce_taken: bool,
    /// The plan of the newest note, whose mapping is awaited.
    pub late: Option<Plan>,
}

impl Queue {
    /// Room for `1 << log` notes, over a ring of so many blocks.
    pub fn try_new(log: u32, blocks: u32) -> Result<Self, NoMemory> {
        Ok(Self {
            phase: Phase::Closed(Status::NDIS_PAUSED),
            stopped: false,
            waiting: Packets::new(),
            current: None,
            notes: pool::try_vec(1 << log, |_| None)?,
            head: 0,
            tail: 0,
            free_blocks: blocks,
            silent: 0,
            bounce_taken: false,
            late: None,
        })
    }

    fn mask(&self) -> u32 {
        self.notes.len() as u32 - 1
    }

    /// The place of a note that has this number.
    fn place(&self, number: u32) -> usize {
        (number & self.mask()) as usize
    }

    /// Whether nothing is with the device or waits behind what is.
    pub const fn is_empty(&self) -> bool {
        self.head == self.tail
    }

    /// Whether the device has nothing.
    pub fn is_idle(&self) -> bool {
        self.oldest().is_none_or(|note| note.hold == Hold::Mapping)
    }

    /// Whether another note has a place.
    pub fn has_place(&self) -> bool {
        self.tail.wrapping_sub(self.head) < self.notes.len() as u32
    }

    /// More packets to be sent.
    pub fn wait(&mut self, packets: Packets) {
        self.waiting.append(packets);
    }

    /// The next buffer to be sent, and its packet. It stays the next one until [`Self::note`].
    pub fn peek(&mut self) -> Option<(Buffer, Packet)> {
        if self.current.is_none() {
            let mut packet = self.waiting.pop()?;
            packet.set_status(Status::SUCCESS);
            // NDIS gives no packets without buffers.
            let next = packet.first()?;
            self.current = Some(Current { packet, next });
        }
        let current = self.current.as_ref()?;
        Some((current.next, current.packet.alias()))
    }

    /// Notes the buffer of [`Self::peek`]. The place of the note.
    pub fn note(&mut self, hold: Hold, (first, blocks): (u16, u16)) -> Option<usize> {
        let Current { packet, next } = self.current.take()?;
        let following = next.next();
        let note = Note {
            buffer: next,
            packet: packet.alias(),
            last: following.is_none(),
            hold,
            first,
            blocks,
        };
        let place = self.place(self.tail);
        *self.notes.get_mut(place)? = Some(note);
        self.tail = self.tail.wrapping_add(1);
        self.current = following.map(|next| Current { packet, next });
        Some(place)
    }

    /// The place that the next note gets.
    pub fn next_place(&self) -> usize {
        self.place(self.tail)
    }

    /// The newest note and its place.
    pub fn newest(&mut self) -> Option<(usize, &mut Note)> {
        let place = self.place(self.tail.wrapping_sub(1));
        if self.is_empty() {
            return None;
        }
        self.notes.get_mut(place)?.as_mut().map(|note| (place, note))
    }

    /// The oldest note.
    pub fn oldest(&self) -> Option<&Note> {
        if self.is_empty() {
            return None;
        }
        self.notes.get(self.place(self.head))?.as_ref()
    }

    /// Takes the oldest note away, with its place.
    pub fn retire(&mut self) -> Option<(usize, Note)> {
        if self.is_empty() {
            return None;
        }
        let place = self.place(self.head);
        let note = self.notes.get_mut(place)?.take()?;
        self.head = self.head.wrapping_add(1);
        Some((place, note))
    }

    /// Takes away what waits, all of it with this status. The packet that is partly with the device ends with what is there.
    pub fn give_up(&mut self, status: Status) -> Packets {
        let mut given_up = core::mem::take(&mut self.waiting);
        given_up.set_status(status);
        if let Some(mut current) = self.current.take() {
            current.packet.set_status(status);
            let begun = self
                .newest()
                .filter(|(_, note)| note.packet.is_same(&current.packet));
            match begun {
                Some((_, note)) => note.last = true,
                None => given_up.push(current.packet),
            }
        }
        given_up
    }

    /// Takes away the waiting packets of this cancel id (rule SEND-09).
    pub fn cancel(&mut self, id: *mut core::ffi::c_void) -> Packets {
        let mut cancelled = self.waiting.take_if(|packet| packet.cancel_id() == id);
        cancelled.set_status(Status::NDIS_SEND_ABORTED);
        cancelled
    }
}
