//! Entries of the command queue: who has which, and what waits for one.

use core::num::NonZeroU32;

use super::mailbox::Chain;
use crate::nt::{
    Dma, Event, NoMemory, Passive, Ref, SpinLock, Vec, pool,
    sync::{AtomicBool, Ordering::AcqRel},
    time::Instant,
};

/// Commands that run at a time, page supply apart.
const REGULAR: usize = 8;
/// Mailbox blocks that each entry owns in each direction: room for a capability page.
pub(super) const OWN_BLOCKS: usize = 9;
/// How long a waiter for an entry sleeps before it looks again.
const LOOK_MS: NonZeroU32 = NonZeroU32::new(100).expect("not zero");

/// An entry with all that a command in it needs.
#[derive(Debug)]
pub(super) struct Slot {
    /// Index of the queue entry.
    pub(super) entry: u32,
    pub(super) input: Chain,
    pub(super) output: Chain,
    /// Input longer than `input`; kept until the next use, since a command that timed out may still be read.
    pub(super) long: SpinLock<Option<Chain>>,
    /// The device may have completed the entry.
    pub(super) done: Event,
    /// Its command timed out and the device has not completed it since: entry and mailboxes stay taken.
    abandoned: AtomicBool,
}

/// All entries.
#[derive(Debug)]
pub(super) struct Slots {
    all: Vec<Slot>,
    /// Bit n: slot n is free.
    free: SpinLock<u32>,
    freed: Event,
}

impl Slots {
    /// Slots of a queue of `entries` entries, two at least; the highest is that of page supply.
    pub(super) fn allocate(dma: &Ref<Dma>, entries: u32, passive: Passive<'_>) -> Result<Self, NoMemory> {
        let regular = (entries as usize - 1).min(REGULAR);
        let mut slots = pool::try_with_capacity(regular + 1)?;
        for index in 0..=regular {
            slots.push(Slot {
                entry: if index == regular {
                    entries - 1
                } else {
                    index as u32
                },
                input: Chain::allocate(dma, OWN_BLOCKS, passive)?,
                output: Chain::allocate(dma, OWN_BLOCKS, passive)?,
                long: SpinLock::new(None),
                done: Event::try_new()?,
                abandoned: AtomicBool::new(false),
            });
        }
        let free = SpinLock::new((1 << slots.len()) - 1);
        Ok(Self {
            all: slots,
            free,
            freed: Event::try_new()?,
        })
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.all.iter()
    }

    /// Takes a free slot, waiting until `deadline` at most or until `give_up`.
    pub(super) fn take(
        &self,
        supplies_pages: bool,
        deadline: Instant,
        give_up: impl Fn() -> bool,
        passive: Passive<'_>,
    ) -> Option<&Slot> {
        let last = self.all.len() - 1;
        let wanted: u32 = if supplies_pages {
            1 << last
        } else {
            (1 << last) - 1
        };
        loop {
            {
                let mut free = self.free.lock();
                let candidates = *free & wanted;
                if candidates != 0 {
                    let index = candidates.trailing_zeros();
                    *free &= !(1 << index);
                    drop(free);
                    return self.all.get(index as usize);
                }
                // Under the lock: a slot that is freed from here on sets it again.
                self.freed.reset();
            }
            if give_up() || Instant::now() >= deadline {
                return None;
            }
            let _ = self.freed.wait_ms(LOOK_MS, passive);
        }
    }

    /// Gives a slot back.
    pub(super) fn put(&self, slot: &Slot) {
        if let Some(index) = self.all.iter().position(|other| core::ptr::eq(other, slot)) {
            *self.free.lock() |= 1 << index;
        }
        self.freed.set();
    }

    /// Leaves a slot to the device, which has not completed its command.
    pub(super) fn abandon(slot: &Slot) {
        slot.abandoned.swap(true, AcqRel);
    }

    /// The device completed the entry of an abandoned slot after all.
    pub(super) fn recover(&self, slot: &Slot) {
        if slot.abandoned.swap(false, AcqRel) {
            self.put(slot);
        }
    }

    /// Wakes everybody.
    pub(super) fn wake_all(&self) {
        for slot in &self.all {
            slot.done.set();
        }
        self.freed.set();
    }
}
