//! The health of the device: a timer looks, and a dead device is told once (connectx interface, section 16).

use super::{events::Events, init_segment::Registers};
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

/// Number of the first kind of death in event log entries; those of the steps of bring-up are below.
const DEATHS: u32 = 0x200;
/// Number of the note that the health counter stands still.
const STANDS_STILL: u32 = DEATHS;

/// Why the device is dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fatal {
    /// The system said that it was removed, which is not a failure.
    Removed,
    /// Registers are answered by nobody: it was removed, or the bus failed.
    Gone,
    /// It was disabled or reset by somebody else.
    Disabled,
    /// The firmware asks for a reset.
    Firmware {
        /// Its health syndrome.
        syndrome: u8,
        /// What it adds to that.
        extended: u16,
    },
    /// An internal error event.
    InternalError,
    /// A command got no answer in time; its opcode.
    Silent(u16),
    /// It would not let go of memory, however often this command asked; its opcode.
    Refuses(u16),
}

impl Fatal {
    /// How the event log has it: the kind of entry, its number, the status, and what the device said: the health syndrome in bits 7:0 with
    /// the extended one in 31:16, or the opcode of the command.
    const fn entry(self) -> Option<(LogCode, u32, Status, u32)> {
        let broken = LogCode::HardwareFailure;
        Some(match self {
            Self::Removed => return None,
            Self::Gone => (broken, DEATHS + 1, Status::DEVICE_REMOVED, 0),
            Self::Disabled => (broken, DEATHS + 2, Status::DEVICE_NOT_READY, 0),
            Self::Firmware { syndrome, extended } => {
                let detail = (extended as u32) << 16 | syndrome as u32;
                (broken, DEATHS + 3, Status::IO_DEVICE_ERROR, detail)
            }
            Self::InternalError => (broken, DEATHS + 4, Status::IO_DEVICE_ERROR, 0),
            Self::Silent(opcode) => (LogCode::Timeout, DEATHS + 5, Status::IO_TIMEOUT, opcode as u32),
            Self::Refuses(opcode) => (broken, DEATHS + 6, Status::IO_DEVICE_ERROR, opcode as u32),
        })
    }

    /// Writes it to the event log. `<= DISPATCH_LEVEL`.
    pub(super) fn write(self, log: EventLog) {
        if let Some((code, number, status, detail)) = self.entry() {
            log.write(code, number, status, detail);
        }
    }
}

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
