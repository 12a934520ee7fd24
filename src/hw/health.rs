//! The health of the device: a timer looks, and a dead device is told once (connectx interface, section 16).

use super::{events::Events, init_segment::Registers};
use crate::nt::{
    NdisHandle, NoMemory, Passive, Ref, Timer,
    sync::{
        AtomicBool, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// How often it looks.
const PERIOD_MS: u32 = 2_000;
/// Looks without a change of the health counter before it is worth a note.
const STALE_LOOKS: u32 = 3;

/// Why the device is dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fatal {
    /// Registers are answered by nobody: it was removed, or the bus failed.
    Gone,
    /// It was disabled or reset by somebody else.
    Disabled,
    /// The firmware asks for a reset; its health syndrome.
    Firmware(u8),
    /// An internal error event.
    InternalError,
}

/// Looks at the device from time to time.
#[derive(Debug)]
pub struct Health {
    registers: Ref<Registers>,
    events: Ref<Events>,
    timer: Timer<Self>,
    stopped: AtomicBool,
    counter: AtomicU32,
    stale: AtomicU32,
}

impl Health {
    /// Begins to look.
    pub(super) fn start(
        ndis: NdisHandle,
        registers: &Ref<Registers>,
        events: &Ref<Events>,
    ) -> Result<Ref<Self>, NoMemory> {
        let this = Ref::try_new(Self {
            registers: registers.clone(),
            events: events.clone(),
            timer: Timer::try_new(ndis, Self::look)?,
            stopped: AtomicBool::new(false),
            counter: AtomicU32::new(0),
            stale: AtomicU32::new(0),
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
    pub fn is_stale(&self) -> bool {
        self.stale.load(Relaxed) >= STALE_LOOKS
    }

    fn look(this: &Ref<Self>) {
        if let Some(fatal) = this.examine() {
            this.events.fail(fatal);
        } else if !this.stopped.load(Acquire) {
            this.timer.arm(PERIOD_MS, this.clone());
        }
    }

    fn examine(&self) -> Option<Fatal> {
        if self.registers.is_gone() {
            return Some(Fatal::Gone);
        }
        if self.registers.is_disabled() {
            return Some(Fatal::Disabled);
        }
        let health = self.registers.health();
        if health.rfr() != 0 && health.synd() != 0 {
            return Some(Fatal::Firmware(health.synd() as u8));
        }
        let counter = self.registers.health_counter();
        let changed = self.counter.swap(counter, Relaxed) != counter;
        self.stale.store(
            if changed {
                0
            } else {
                self.stale.load(Relaxed).saturating_add(1)
            },
            Relaxed,
        );
        None
    }
}
