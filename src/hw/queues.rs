//! The event queues of a device and the interrupt messages that serve them.

use super::{
    command::{Commander, Watch},
    completions::CqRoute,
    eq::{Eq, EqParams},
    error::HwError,
    events::{Events, event_type as t},
    types::{Cqn, Qpn},
    uar::Uar,
};
use core::ops::Range;

use crate::nt::{Dma, Once, Passive, Ref, SharedMemory, Vec, pool};

/// Message of the queues of commands, news and page requests.
const CONTROL_MESSAGE: u32 = 0;
/// Elements that are expected at a time.
const COMMAND_ENTRIES: u32 = 32;
const ASYNC_ENTRIES: u32 = 0x380;
const PAGES_ENTRIES: u32 = 1;
const COMPLETION_ENTRIES: u32 = 1024;
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

/// All event queues, in the order of their making: commands, news, pages, then those of completions. Nobody takes a lock to find one.
#[derive(Debug)]
pub(super) struct Queues {
    queues: Vec<Once<Ref<Eq>>>,
    /// Completions have messages of their own, one for each queue, from 1 on. Else all queues share the first.
    spread: bool,
}

/// Place of the queue of news.
const NEWS: usize = 1;

impl Queues {
    /// Room for the control queues and `completion` others, 1 at least; `spread` if those have messages of their own.
    pub(super) fn with_room(completion: u32, spread: bool) -> Result<Self, HwError> {
        let count = CONTROL_QUEUES + completion.max(1);
        let queues = pool::try_vec(count as usize, |_| Once::new())?;
        Ok(Self { queues, spread })
    }

    /// Makes the next queue.
    pub(super) fn add(
        &self,
        purpose: Purpose,
        commander: &Commander,
        dma: &Ref<Dma>,
        uar: &Uar,
        passive: Passive<'_>,
    ) -> Result<(), HwError> {
        let queue = Eq::prepare(dma, uar, purpose.params(), passive)?;
        let place = self.queues.iter().find(|place| place.get().is_none());
        // Before the device knows it: from then on nothing may fail.
        let full = place.is_none_or(|place| place.set(queue.clone()).is_err());
        if full {
            return Err(HwError::Limit("event queues"));
        }
        queue.create(commander, uar, passive)
    }

    /// Destroys all queues, the last one first. Memory of those that the device did not give up is handed to `keep`.
    pub(super) fn destroy(
        &self,
        commander: &Commander,
        passive: Passive<'_>,
        mut keep: impl FnMut(&Ref<SharedMemory>),
    ) {
        for queue in self.queues.iter().rev().filter_map(Once::get) {
            if !queue.destroy(commander, passive) {
                keep(queue.memory());
            }
        }
    }

    /// Arms all queues.
    pub(super) fn arm(&self) {
        self.all().for_each(|queue| queue.start());
    }

    fn all(&self) -> impl Iterator<Item = &Ref<Eq>> {
        self.queues.iter().filter_map(Once::get)
    }

    /// The places of the queues of a message.
    const fn places(&self, message: u32) -> Range<usize> {
        let control = CONTROL_QUEUES as usize;
        match message {
            CONTROL_MESSAGE if self.spread => 0..control,
            CONTROL_MESSAGE => 0..usize::MAX,
            _ => {
                let place = control + message as usize - 1;
                place..place + 1
            }
        }
    }

    /// Handles the queues of a message; whether there is more.
    pub(super) fn handle(&self, events: &Events, message: u32, budget: u32) -> bool {
        let places = self.places(message);
        let end = places.end.min(self.queues.len());
        let mut more = false;
        for queue in self.queues.get(places.start..end).into_iter().flatten() {
            if let Some(queue) = queue.get() {
                more |= queue.handle(events, budget);
            }
        }
        more
    }

    /// Handles all queues. `<= DISPATCH_LEVEL`.
    pub(super) fn look(&self, events: &Events) {
        self.all().for_each(|queue| queue.look(events));
        if let Some(news) = events.news() {
            news.looked();
        }
    }

    /// Number of completion vectors.
    pub(super) fn completion_vectors(&self) -> u32 {
        (self.queues.len() as u32).saturating_sub(CONTROL_QUEUES)
    }

    /// The message of a completion vector, counted round and round.
    pub(super) fn completion_message(&self, vector: u32) -> Option<u32> {
        self.completion_queue(vector).map(|queue| queue.message())
    }

    /// The event queue of a completion vector, counted round and round.
    pub(super) fn completion_queue(&self, vector: u32) -> Option<&Ref<Eq>> {
        let at = CONTROL_QUEUES + vector % self.completion_vectors().max(1);
        self.queues.get(at as usize)?.get()
    }

    fn news(&self) -> Option<&Ref<Eq>> {
        self.queues.get(NEWS)?.get()
    }

    /// After how many events of the queue of news something begins that was made just now.
    fn news_position(&self) -> u64 {
        self.news().map_or(0, |news| news.position())
    }

    /// Events of a completion queue that the device has just made reach it through `eq`. Those that are under way yet are of the one
    /// that had the number before.
    pub(super) fn add_cq(&self, events: &Events, eq: &Eq, cqn: Cqn) -> Result<Ref<CqRoute>, HwError> {
        events.add_cq(cqn, self.news_position())?;
        let route = eq.add_cq(cqn);
        if route.is_err() {
            events.remove_cq(cqn);
        }
        route
    }

    /// No event reaches the completion queue any more, and none is being told. Before its number is given back.
    pub(super) fn forget_cq(&self, events: &Events, eq: &Eq, cqn: Cqn, passive: Passive<'_>) {
        events.remove_cq(cqn);
        eq.forget_cq(cqn, passive);
        self.synchronize_news(passive);
    }

    /// As [`Self::add_cq`], for a queue pair.
    pub(super) fn add_qp(&self, events: &Events, qpn: Qpn) -> Result<(), HwError> {
        events.add_qp(qpn, self.news_position())
    }

    /// As [`Self::forget_cq`], for a queue pair.
    pub(super) fn forget_qp(&self, events: &Events, qpn: Qpn, passive: Passive<'_>) {
        events.remove_qp(qpn);
        self.synchronize_news(passive);
    }

    fn synchronize_news(&self, passive: Passive<'_>) {
        if let Some(news) = self.news() {
            news.synchronize(passive);
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
        self.queues.look(&self.events);
    }

    fn silent(&self, opcode: u16) {
        self.events.silent(opcode);
    }
}
