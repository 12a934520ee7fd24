//! Where the completion events of an event queue go: from numbers to completion queues, without a lock and without counting references.

use super::{
    error::{HwError, Lie},
    target::CompletionTarget,
    types::Cqn,
};
use crate::nt::{
    Once, Ref,
    sync::{
        AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
    turn_table::{PutError, Seen, Serve, TurnTable},
};

/// What a completion queue knows of its events.
#[derive(Debug)]
pub struct CqRoute {
    /// Events so far: the arm sequence number. Written by whoever has the turn at the event queue.
    sequence: AtomicU32,
}

impl CqRoute {
    /// Number that the next arm carries.
    pub(super) fn arm_sequence(&self) -> u32 {
        self.sequence.load(Acquire)
    }
}

/// A completion queue as its event queue knows it.
pub(super) struct Entry {
    /// Events before this position are of a queue that had the number before.
    since: u64,
    route: Ref<CqRoute>,
    target: Once<Ref<dyn CompletionTarget>>,
}

/// The completion queues of an event queue, by their numbers, and whose turn it is at the event queue.
#[derive(Debug)]
pub(super) struct Completions(TurnTable<Entry>);

/// The completion queues, as whoever has the turn sees them.
pub(super) type Known<'a> = Seen<'a, Entry>;

impl Entry {
    /// A completion event of the queue `cqn` at this position. Whether it was somebody's.
    pub(super) fn completed(known: &Known<'_>, cqn: Cqn, at: u64) -> bool {
        let Some(entry) = known.get(cqn.raw()).filter(|entry| entry.since <= at) else {
            return false;
        };
        // Before the target is told: it may arm again at once. One writes at a time, whose turn it is.
        let sequence = entry.route.sequence.load(Relaxed);
        entry.route.sequence.store(sequence.wrapping_add(1), Release);
        if let Some(target) = entry.target.get() {
            target.completed();
        }
        true
    }
}

impl Completions {
    pub(super) fn new() -> Self {
        Self(TurnTable::new())
    }

    /// As of [`crate::nt::turn::Turn::take`].
    pub(super) fn take_turn(&self, queue: &impl Serve<Entry>, budget: u32) -> bool {
        self.0.take_turn(queue, budget)
    }

    /// Adds a queue; events from position `since` on are its own.
    pub(super) fn add(&self, cqn: Cqn, since: u64) -> Result<Ref<CqRoute>, HwError> {
        let route = Ref::try_new(CqRoute {
            sequence: AtomicU32::new(0),
        })?;
        let entry = Entry {
            since,
            route: route.clone(),
            target: Once::new(),
        };
        match self.0.put(cqn.raw(), entry) {
            Ok(()) => Ok(route),
            Err(PutError::NoMemory) => Err(HwError::NoMemory),
            Err(PutError::Taken) => Err(Lie::UnknownObject(cqn.raw()).into()),
        }
    }

    /// Names who is told. The first counts.
    pub(super) fn attach(&self, cqn: Cqn, target: Ref<dyn CompletionTarget>) {
        let second = self.0.with(cqn.raw(), |entry| entry.target.set(target).err());
        drop(second);
    }

    /// Events of this number are nobody's from now on, and none is being told when this returns.
    pub(super) fn remove(&self, cqn: Cqn, pause: impl FnMut()) {
        self.0.remove(cqn.raw(), pause);
    }

    /// Waits for the end of the turn that is under way, if one is.
    pub(super) fn synchronize(&self, pause: impl FnMut()) {
        self.0.synchronize(pause);
    }
}
