//! Event queues (connectx interface, section 7).

use super::{
    command::Commander,
    commands::queue::{CreateEq, DestroyEq},
    error::HwError,
    events::{Event, Events},
    layout::Eqc,
    types::{Eqn, ceil_log2},
    uar::{EqDoorbell, Uar},
};
use crate::nt::{
    Dma, Passive, Ref, SharedMemory,
    ring::{Element, Ring},
    sync::{
        AtomicBool, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
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
    consumer: AtomicU32,
    doorbell: EqDoorbell,
    params: EqParams,
    /// Number, or [`NONE`] while the device does not know the queue.
    eqn: AtomicU32,
    /// Somebody handles its elements.
    busy: AtomicBool,
}

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
        let (consumer, eqn, busy) = (AtomicU32::new(0), AtomicU32::new(NONE), AtomicBool::new(false));
        let doorbell = uar.eq_doorbell();
        Ok(Ref::try_new(Self {
            memory,
            ring,
            log_size,
            consumer,
            doorbell,
            params,
            eqn,
            busy,
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
        self.eqn.load(Acquire) == NONE || commander.dispose(&DestroyEq { eqn: self.number() }, passive)
    }

    /// Asks for an interrupt at the next event, or at once if one is there.
    pub(super) fn arm(&self) {
        self.doorbell
            .update(self.number(), self.consumer.load(Relaxed), true);
    }

    /// Handles events, `budget` at most, at `DISPATCH_LEVEL`. Then either all are handled and the queue is armed, or there are more and
    /// it returns `true`.
    pub(super) fn handle(&self, events: &Events, budget: u32) -> bool {
        if self.busy.swap(true, Acquire) {
            // Who is in there arms the queue in the end, on which the device reports what came meanwhile.
            return false;
        }
        let mut left = budget;
        let more = loop {
            let pass = left.min(SPARE);
            let handled = self.pass(events, pass);
            left -= handled;
            if handled < pass {
                break false;
            }
            if left == 0 {
                break true;
            }
            self.doorbell
                .update(self.number(), self.consumer.load(Relaxed), false);
        };
        if !events.is_dead() {
            self.doorbell
                .update(self.number(), self.consumer.load(Relaxed), !more);
        }
        self.busy.store(false, Release);
        more
    }

    fn pass(&self, events: &Events, most: u32) -> u32 {
        for handled in 0..most {
            let consumer = self.consumer.load(Relaxed);
            let element = self.ring.at(consumer);
            let last = element.last();
            if last & 1 != u64::from(consumer >> self.log_size) & 1 {
                return handled;
            }
            let head = element.word::<0>();
            let data = [
                element.word::<4>(),
                element.word::<5>(),
                element.word::<6>(),
                last,
            ];
            self.consumer.store(consumer.wrapping_add(1), Relaxed);
            events.dispatch(Event::decode((head >> 48) as u8, (head >> 32) as u8, data));
        }
        most
    }
}
