//! The event queues of a device and the interrupt messages that serve them.

use super::{
    command::{Commander, Watch},
    eq::{Eq, EqParams},
    error::HwError,
    events::{Events, event_type as t},
    types::Eqn,
    uar::Uar,
};
use crate::nt::{Dma, Passive, Ref, SharedMemory, SpinLock, Vec, irql::raise_to_dispatch, pool};

/// Message of the queues of commands, news and page requests.
const CONTROL_MESSAGE: u32 = 0;
/// Elements that are expected at a time.
const COMMAND_ENTRIES: u32 = 32;
const ASYNC_ENTRIES: u32 = 0x380;
const PAGES_ENTRIES: u32 = 1;
const COMPLETION_ENTRIES: u32 = 1024;
/// Events looked at by hand at a time.
const LOOK_BUDGET: u32 = 256;
/// Queues that are not for completions.
pub(super) const CONTROL_QUEUES: u32 = 3;

/// News that the asynchronous queue gets.
const ASYNC_EVENTS: u64 = 1 << t::PATH_MIGRATED
    | 1 << t::COMMUNICATION_ESTABLISHED
    | 1 << t::SEND_QUEUE_DRAINED
    | 1 << t::CQ_ERROR
    | 1 << t::WQ_CATASTROPHIC
    | 1 << t::PATH_MIGRATION_FAILED
    | 1 << t::INTERNAL_ERROR
    | 1 << t::PORT_CHANGE
    | 1 << t::WQ_INVALID_REQUEST
    | 1 << t::WQ_ACCESS_ERROR
    | 1 << t::LAST_WQE;

/// What a queue is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    Commands,
    News,
    Pages,
    /// Completions, on this message.
    Completions(u32),
}

impl Purpose {
    const fn params(self) -> EqParams {
        let (entries, events, message) = match self {
            Self::Commands => (COMMAND_ENTRIES, 1 << t::COMMAND, CONTROL_MESSAGE),
            Self::News => (ASYNC_ENTRIES, ASYNC_EVENTS, CONTROL_MESSAGE),
            Self::Pages => (PAGES_ENTRIES, 1 << t::PAGE_REQUEST, CONTROL_MESSAGE),
            Self::Completions(message) => (COMPLETION_ENTRIES, 0, message),
        };
        EqParams {
            entries,
            events,
            message,
        }
    }
}

/// All event queues, in the order of their making.
#[derive(Debug)]
pub(super) struct Queues {
    queues: SpinLock<Vec<Ref<Eq>>>,
}

impl Queues {
    /// Room for the control queues and `completion` others.
    pub(super) fn with_room(completion: u32) -> Result<Self, HwError> {
        let queues = pool::try_with_capacity((CONTROL_QUEUES + completion) as usize)?;
        Ok(Self {
            queues: SpinLock::new(queues),
        })
    }

    /// Makes one more queue.
    pub(super) fn add(
        &self,
        purpose: Purpose,
        commander: &Commander,
        dma: &Ref<Dma>,
        uar: &Uar,
        passive: Passive<'_>,
    ) -> Result<(), HwError> {
        let queue = Eq::prepare(dma, uar, purpose.params(), passive)?;
        // Before the device knows it: from then on nothing may fail.
        pool::try_push(&mut *self.queues.lock(), queue.clone())?;
        queue.create(commander, uar, passive)
    }

    /// Destroys all queues, the last one first. Memory of those that the device did not give up is handed to `keep`.
    pub(super) fn destroy(
        &self,
        commander: &Commander,
        passive: Passive<'_>,
        mut keep: impl FnMut(&Ref<SharedMemory>),
    ) {
        loop {
            let queue = self.queues.lock().pop();
            let Some(queue) = queue else { return };
            if !queue.destroy(commander, passive) {
                keep(queue.memory());
            }
        }
    }

    /// Arms all queues.
    pub(super) fn arm(&self) {
        self.each(super::eq::Eq::arm);
    }

    /// Handles the queues of a message; whether there is more.
    pub(super) fn handle(&self, events: &Events, message: u32, budget: u32) -> bool {
        let mut more = false;
        self.each(|queue| {
            if queue.message() == message {
                more |= queue.handle(events, budget);
            }
        });
        more
    }

    /// Handles all queues.
    pub(super) fn handle_all(&self, events: &Events) {
        self.each(|queue| {
            queue.handle(events, LOOK_BUDGET);
        });
    }

    /// Number of completion vectors.
    pub(super) fn completion_vectors(&self) -> u32 {
        (self.queues.lock().len() as u32).saturating_sub(CONTROL_QUEUES)
    }

    /// The event queue of a completion vector, counted round and round.
    pub(super) fn completion_eq(&self, vector: u32) -> Eqn {
        self.completion_queue(vector)
            .map_or(Eqn(0), |queue| queue.number())
    }

    /// Its message.
    pub(super) fn completion_message(&self, vector: u32) -> Option<u32> {
        self.completion_queue(vector).map(|queue| queue.message())
    }

    fn completion_queue(&self, vector: u32) -> Option<Ref<Eq>> {
        let queues = self.queues.lock();
        let vectors = (queues.len() as u32).saturating_sub(CONTROL_QUEUES).max(1);
        let at = CONTROL_QUEUES + vector % vectors;
        queues.get(at as usize).cloned()
    }

    /// Calls `each` for every queue, without the lock.
    fn each(&self, mut each: impl FnMut(&Eq)) {
        for index in 0.. {
            let queue = self.queues.lock().get(index).cloned();
            let Some(queue) = queue else { return };
            each(&queue);
        }
    }
}

/// Looks into all queues when a command waits for long, and says so when it waited too long.
pub(super) struct Look {
    pub(super) queues: Ref<Queues>,
    pub(super) events: Ref<Events>,
}

impl Watch for Look {
    fn look(&self) {
        let _dispatch = raise_to_dispatch();
        self.queues.handle_all(&self.events);
    }

    fn silent(&self, opcode: u16) {
        self.events.silent(opcode);
    }
}
