//! The event heap: closures that are due at a virtual time, ordered by time and then by the order of asking.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A closure that runs on the executor's stack.
pub(super) type Action = Box<dyn FnOnce()>;

/// Names one closure given to [`super::after`]; good for one [`super::cancel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventId {
    slot: u32,
    generation: u32,
}

impl EventId {
    /// As a number, for whoever keeps events of any kind.
    pub const fn to_bits(self) -> u64 {
        (self.slot as u64) << 32 | self.generation as u64
    }

    /// What [`Self::to_bits`] gave.
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            slot: (bits >> 32) as u32,
            generation: bits as u32,
        }
    }
}

struct Slot {
    generation: u32,
    action: Option<Action>,
}

/// Events ordered by `(time, sequence)`. A cancelled event keeps its place in the heap until its time comes.
#[derive(Default)]
pub(super) struct Events {
    heap: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    sequence: u64,
}

impl Events {
    /// Adds `action`, due at `time`.
    pub(super) fn add(&mut self, time: u64, action: Action) -> EventId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                generation: 0,
                action: None,
            });
            (self.slots.len() - 1) as u32
        });
        let entry = &mut self.slots[slot as usize];
        entry.action = Some(action);
        let generation = entry.generation;
        self.heap.push(Reverse((time, self.sequence, slot, generation)));
        self.sequence += 1;
        EventId { slot, generation }
    }

    /// Takes the event back. `None` when it has run or was cancelled before.
    pub(super) fn remove(&mut self, id: EventId) -> Option<Action> {
        let entry = self.slots.get_mut(id.slot as usize)?;
        if entry.generation != id.generation {
            return None;
        }
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(id.slot);
        entry.action.take()
    }

    /// When the earliest live event is due.
    pub(super) fn next_time(&mut self) -> Option<u64> {
        while let Some(&Reverse((time, _, slot, generation))) = self.heap.peek() {
            if self.slots[slot as usize].generation == generation {
                return Some(time);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes the earliest live event if it is due at `now`.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<Action> {
        if self.next_time()? > now {
            return None;
        }
        let Reverse((_, _, slot, generation)) = self.heap.pop()?;
        self.remove(EventId { slot, generation })
    }

    /// Takes all closures out, so that they can be dropped while the simulation still stands.
    pub(super) fn drain(&mut self) -> Vec<Action> {
        self.heap.clear();
        self.slots.drain(..).filter_map(|slot| slot.action).collect()
    }
}
