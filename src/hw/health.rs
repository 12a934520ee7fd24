//! The health of the device: a timer looks, and a dead device is told once (connectx interface, section 16).

use super::{
    events::Events,
    fatal::{Fatal, STANDS_STILL},
    init_segment::Registers,
};
use crate::nt::{
    EventLog, NdisHandle, NoMemory, Passive, Ref, Status, Timer,
    log::LogCode,
    sync::{
        AtomicBool, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// How often it looks.
const PERIOD_MS: u32 = 2_000;
/// Looks without a change of the health counter before it is worth a note.
const STALE_LOOKS: u32 = 3;
/// Looks at a dead device whose way to memory could not be cut off, before it is left at that.
const CUT_OFF_LOOKS: u32 = 5;

/// Looks at the device from time to time.
#[derive(Debug)]
pub struct Health {
    registers: Ref<Registers>,
    events: Ref<Events>,
    log: EventLog,
    timer: Timer<Self>,
    stopped: AtomicBool,
    counter: AtomicU32,
    stale: AtomicU32,
    /// Looks at the dead device.
    cut_off: AtomicU32,
}

impl Health {
    /// Begins to look.
    pub(super) fn start(
        ndis: NdisHandle,
        log: EventLog,
        registers: &Ref<Registers>,
        events: &Ref<Events>,
    ) -> Result<Ref<Self>, NoMemory> {
        let this = Ref::try_new(Self {
            registers: registers.clone(),
            events: events.clone(),
            log,
            timer: Timer::try_new(ndis, Self::look)?,
            stopped: AtomicBool::new(false),
            counter: AtomicU32::new(0),
            stale: AtomicU32::new(0),
            cut_off: AtomicU32::new(0),
        })?;
        this.timer.arm(PERIOD_MS, this.clone());
        Ok(this)
    }

    /// Stops looking; nothing looks any more when this returns.
    pub(super) fn stop(&self, passive: Passive<'_>) {
        self.stopped.store(true, Release);
        self.timer.drain(passive);
    }

    /// Whether the firmware's counter has stood still for several looks.
    fn is_stale(&self) -> bool {
        self.stale.load(Relaxed) >= STALE_LOOKS
    }

    fn look(this: &Ref<Self>) {
        if this.examine() && !this.stopped.load(Acquire) {
            this.timer.arm(PERIOD_MS, this.clone());
        }
    }

    /// Whether there is a reason to look again.
    fn examine(&self) -> bool {
        if !self.events.is_dead() {
            match self.fatal() {
                Some(fatal) => self.events.fail(fatal),
                None => self.feel_pulse(),
            }
        } else if !self.events.is_over() {
            let last = self.cut_off.fetch_add(1, Relaxed) >= CUT_OFF_LOOKS;
            self.events.cut_off(last);
        }
        !self.events.is_over()
    }

    fn fatal(&self) -> Option<Fatal> {
        if self.registers.is_gone() {
            return Some(Fatal::Gone);
        }
        if self.registers.is_disabled() {
            return Some(Fatal::Disabled);
        }
        let health = self.registers.health();
        (health.rfr() != 0 && health.synd() != 0).then(|| Fatal::Firmware {
            syndrome: health.synd() as u8,
            extended: health.ext_synd() as u16,
        })
    }

    /// A counter that stands still is not death by itself (connectx interface, section 16): it is noted, and the device is asked something.
    /// If it does not answer that either, it is dead soon.
    fn feel_pulse(&self) {
        let counter = self.registers.health_counter();
        let changed = self.counter.swap(counter, Relaxed) != counter;
        let looks = if changed {
            0
        } else {
            self.stale.load(Relaxed).saturating_add(1)
        };
        self.stale.store(looks, Relaxed);
        self.events.note_stale(self.is_stale());
        if looks == STALE_LOOKS {
            self.log
                .write(LogCode::Timeout, STANDS_STILL, Status::DEVICE_NOT_READY, counter);
            self.events.ask_for_life();
        }
    }
}
