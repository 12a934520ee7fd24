//! Event queues (connectx interface, section 7).

use super::{
    command::Commander,
    commands::queue::{CreateEq, DestroyEq},
    completions::{Completions, CqRoute, Entry, Known},
    error::HwError,
    events::{Event, Events},
    layout::Eqc,
    target::CompletionTarget,
    types::{Cqn, Eqn, ceil_log2},
    uar::{EqDoorbell, Uar},
};
use crate::nt::{
    Dma, Passive, Ref, SharedMemory,
    irql::raise_to_dispatch,
    ring::{Element, Ring},
    sync::{
        AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    turn_table::Serve,
};

/// Bytes of an element.
const ELEMENT: u32 = 64;
/// Elements beyond those that are expected at a time; also how many are handled before the device is told.
const SPARE: u32 = 0x80;
/// Owner bit set in the last word of every element before the queue is made.
const OWNER_INITIAL: u64 = 1;

/// How to make an event queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct EqParams {
    /// Events that are expected at a time.
    pub(super) entries: u32,
    /// Types of events, a bit each; completions need none.
    pub(super) events: u64,
    /// Interrupt message.
    pub(super) message: u32,
}

/// An event queue.
#[derive(Debug)]
pub(super) struct Eq {
    memory: Ref<SharedMemory>,
    ring: Ring<Element>,
    log_size: u32,
    /// Elements handled since the beginning. Wide, so that what was before and what came after is told apart for ever.
    consumer: AtomicU64,
    doorbell: EqDoorbell,
    params: EqParams,
    /// Number, or [`NONE`] while the device does not know the queue.
    eqn: AtomicU32,
    /// The completion queues that send their events here, and whose turn it is.
    completions: Completions,
}

/// Events looked at by hand at a time.
const LOOK_BUDGET: u32 = 256;
/// How long to wait for a turn to end, at a time.
const TURN_MS: u32 = 1;
/// Not an event queue number.
const NONE: u32 = u32::MAX;

impl Eq {
    /// An event queue that the device does not know yet.
    pub(super) fn prepare(
        dma: &Ref<Dma>,
        uar: &Uar,
        params: EqParams,
        passive: Passive<'_>,
    ) -> Result<Ref<Self>, HwError> {
        let log_size = ceil_log2(params.entries + SPARE);
        let memory =
            SharedMemory::allocate_pages(dma, ELEMENT << log_size, passive).map_err(|_| HwError::NoMemory)?;
        let memory = Ref::try_new(memory)?;
        let ring: Ring<Element> = Ring::new(&memory, 0, log_size);
        for index in 0..1 << log_size {
            ring.at(index).store_last(OWNER_INITIAL);
        }
        let (consumer, eqn) = (AtomicU64::new(0), AtomicU32::new(NONE));
        let doorbell = uar.eq_doorbell();
        Ok(Ref::try_new(Self {
            memory,
            ring,
            log_size,
            consumer,
            doorbell,
            params,
            eqn,
            completions: Completions::new(),
        })?)
    }

    /// Makes it known to the device, not armed.
    pub(super) fn create(
        &self,
        commander: &Commander,
        uar: &Uar,
        passive: Passive<'_>,
    ) -> Result<(), HwError> {
        let mut context = Eqc::new();
        context
            .set_log_eq_size(self.log_size)
            .set_uar_page(uar.index().raw())
            .set_intr(self.params.message);
        let create = CreateEq {
            context,
            events: self.params.events,
            pages: self.memory.pages(ELEMENT << self.log_size),
        };
        let eqn = commander.execute(&create, passive)?;
        self.eqn.store(u32::from(eqn.0), Release);
        Ok(())
    }

    /// Its number.
    pub(super) fn number(&self) -> Eqn {
        Eqn(self.eqn.load(Acquire) as u8)
    }

    /// Its interrupt message.
    pub(super) const fn message(&self) -> u32 {
        self.params.message
    }

    /// Its memory.
    pub(super) const fn memory(&self) -> &Ref<SharedMemory> {
        &self.memory
    }

    /// Destroys it, if the device knows it. Whether the device is done with it.
    pub(super) fn destroy(&self, commander: &Commander, passive: Passive<'_>) -> bool {
        let eqn = self.eqn.swap(NONE, AcqRel);
        eqn == NONE || commander.dispose(&DestroyEq { eqn: Eqn(eqn as u8) }, passive)
    }

    /// Events of a completion queue that was made just now go to it; those that are in the queue already are of the one that had the
    /// number before.
    pub(super) fn add_cq(&self, cqn: Cqn) -> Result<Ref<CqRoute>, HwError> {
        self.completions.add(cqn, self.position())
    }

    /// Names who is told of a completion queue.
    pub(super) fn attach_cq(&self, cqn: Cqn, target: Ref<dyn CompletionTarget>) {
        self.completions.attach(cqn, target);
    }

    /// No event reaches the completion queue any more, and none is being told when this returns.
    pub(super) fn forget_cq(&self, cqn: Cqn, passive: Passive<'_>) {
        self.completions.remove(cqn, || passive.sleep_ms(TURN_MS));
    }

    /// Asks for the first interrupt: at the next event, or at once if one is there.
    pub(super) fn start(&self) {
        self.tell(true);
    }

    fn tell(&self, arm: bool) {
        self.doorbell
            .update(self.number(), self.consumer.load(Relaxed) as u32, arm);
    }

    /// Handles events, `budget` at most, at `DISPATCH_LEVEL`. `true` when there may be more: call again. After `false` the queue is
    /// armed, or another processor is at it and will see to what came.
    pub(super) fn handle(&self, events: &Events, budget: u32) -> bool {
        self.completions.take_turn(&Pass { queue: self, events }, budget)
    }

    /// Handles all events, should an interrupt have been lost. `<= DISPATCH_LEVEL`.
    pub(super) fn look(&self, events: &Events) {
        loop {
            // Others may run in between, for as long as the device has more to say.
            let _dispatch = raise_to_dispatch();
            if !self.handle(events, LOOK_BUDGET) {
                break;
            }
        }
    }

    /// Waits for the end of the turn that is under way, if one is: what was forgotten before is told nothing afterwards.
    pub(super) fn synchronize(&self, passive: Passive<'_>) {
        self.completions.synchronize(|| passive.sleep_ms(TURN_MS));
    }

    /// The position after all events that are in the queue now, handled or not: those of objects that were destroyed before come
    /// earlier. `<= DISPATCH_LEVEL`.
    pub(super) fn position(&self) -> u64 {
        let start = self.consumer.load(Acquire);
        let end = start.wrapping_add(1 << self.log_size);
        let mut at = start;
        // Bounded: the ring held that many at the beginning, all others came later.
        while at < end {
            if self.is_written(at, self.ring.at(at as u32).last()) {
                at += 1;
                continue;
            }
            // Not written yet, or handled meanwhile and written once more.
            let consumer = self.consumer.load(Acquire);
            if consumer <= at {
                break;
            }
            at = consumer;
        }
        at
    }

    /// Whether the device has written the element at `index`, by the element's last word.
    const fn is_written(&self, index: u64, last: u64) -> bool {
        last & 1 == index >> self.log_size & 1
    }
}

/// One turn at a queue.
struct Pass<'a> {
    queue: &'a Eq,
    events: &'a Events,
}

impl Pass<'_> {
    /// Handles the next event, if there is one.
    fn next(&self, known: &Known<'_>) -> bool {
        let queue = self.queue;
        let at = queue.consumer.load(Relaxed);
        let element = queue.ring.at(at as u32);
        let last = element.last();
        if !queue.is_written(at, last) {
            return false;
        }
        let head = element.word::<0>();
        let data = [
            element.word::<4>(),
            element.word::<5>(),
            element.word::<6>(),
            last,
        ];
        queue.consumer.store(at + 1, Release);
        match Event::decode((head >> 48) as u8, (head >> 32) as u8, data) {
            Event::Completion(cqn) => {
                if !Entry::completed(known, cqn, at) {
                    self.events.stray();
                }
            }
            other => self.events.dispatch(other, at),
        }
        true
    }
}

impl Serve<Entry> for Pass<'_> {
    fn pass(&self, known: &Known<'_>, most: u32) -> u32 {
        for handled in 0..most {
            if !self.next(known) {
                return handled;
            }
            if handled % SPARE == SPARE - 1 {
                self.advance();
            }
        }
        most
    }

    fn advance(&self) {
        if !self.events.is_dead() {
            self.queue.tell(false);
        }
    }

    fn arm(&self) {
        if !self.events.is_dead() {
            self.queue.tell(true);
        }
    }
}
