//! The receive side of a leg: which buffers are where, and what the peer's call manager said.
//!
//! A buffer is with the device (posted), waits for its turn (ready), or is with the client (lent).

use super::{
    format::{CloseData, Flow},
    link::Link,
};
use crate::nt::{NoMemory, Vec, pool};

/// A message that waits to be delivered: buffer, and bytes without the head.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready {
    pub(super) index: u16,
    pub(super) length: u32,
}

/// The receive side of a leg. Behind its lock, which also serialises the completion queue.
pub struct Receives {
    /// A ring of as many places as there are buffers.
    ready: Vec<Ready>,
    first: usize,
    pub(super) waiting: usize,
    pub(super) depth: u16,
    pub(super) posted: u16,
    pub(super) lent: u16,
    pub(super) delivering: bool,
    /// The client knows of the connection (INC-11).
    pub(super) is_open: bool,
    /// The device takes buffers and completions come.
    pub(super) is_up: bool,
    pub(super) close_data: CloseData,
    pub(super) change: Option<Flow>,
    pub(super) answer: Option<bool>,
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
            close_data: CloseData::EMPTY,
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

    /// What the peer's client said at the end.
    pub(super) const fn close_data(&self) -> CloseData {
        self.close_data
    }

    /// The change that the peer asks for.
    pub(super) fn take_change(&mut self) -> Option<Flow> {
        self.change.take()
    }

    /// The peer's answer to a change.
    pub(super) fn take_answer(&mut self) -> Option<bool> {
        self.answer.take()
    }

    pub(super) fn push(&mut self, ready: Ready) {
        let capacity = self.ready.len().max(1);
        let at = (self.first + self.waiting) % capacity;
        if let Some(place) = self.ready.get_mut(at) {
            *place = ready;
            self.waiting += 1;
        }
    }

    pub(super) fn pop(&mut self) -> Option<Ready> {
        if self.waiting == 0 {
            return None;
        }
        let ready = self.ready.get(self.first).copied()?;
        self.first = (self.first + 1) % self.ready.len().max(1);
        self.waiting -= 1;
        Some(ready)
    }

    /// Gives a buffer to the device, while it takes some.
    pub(super) fn post(&mut self, link: &Link, index: u16) {
        if self.is_up {
            link.post_receive(index);
            self.posted += 1;
        }
    }

    /// Few buffers are left with the device.
    pub(super) const fn is_low(&self) -> bool {
        self.is_up && self.posted * 4 <= self.depth
    }
}
