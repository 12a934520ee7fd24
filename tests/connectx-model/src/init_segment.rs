//! The initialization segment: readiness, hand-over of the command queue, health, timer (connectx.md section 2).

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use cxndk::hw::layout::{HwHealthBuffer, InitialSeg};

use super::event_queue::Event;
use super::{Device, Phase, transport};
use roce_wire::environment::{MICROSECOND, MILLISECOND, SECOND};

const FW_MINOR: u32 = 35;
const FW_SUBMINOR: u32 = 4030;
const CMDIF_REVISION: u32 = 5;

const CMDQ_HIGH: u64 = 0x10;
const CMDQ_LOW: u64 = 0x14;
const CMD_DOORBELL: u64 = 0x18;
const INITIALIZING: u64 = 0x1fc;
const HEALTH_BUFFER: u64 = 0x200;
const COMMAND_TIMEOUT: usize = 0xff8;
const INIT_TIMEOUT: usize = 0xffc;
/// What the segment says of the time that the device needs to take over the command queue.
const TAKE_OVER_TIMEOUT_MS: u32 = 2000;
const TIMER: u64 = 0x1000;
const HEALTH: u64 = 0x1010;
const REAL_TIME: u64 = 0x1040;
/// End of what the segment uses.
const SEGMENT_END: usize = 0x2010;

const INITIALIZING_BIT: u32 = 1 << 31;
const FW_RESET_SUPPORTED: u32 = 1 << 30;
/// `nic_interface_supported`: full driver and disabled.
const INTERFACES: u32 = 0x3 << 24;

/// `nic_interface` values.
pub(super) const INTERFACE_FULL: u32 = 0;
pub(super) const INTERFACE_DISABLED: u32 = 1;
pub(super) const INTERFACE_RESET: u32 = 7;

/// How often the health counter moves.
const HEALTH_PERIOD_NS: u64 = SECOND;
/// Longest time to take over the command queue's address.
const TAKE_OVER_NS: u64 = 100 * MICROSECOND;
/// Longest time to carry out a change of `nic_interface`.
const INTERFACE_NS: u64 = 2 * MILLISECOND;

/// Why the firmware died: health syndromes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Firmware internal error.
    Internal = 0x01,
    /// Hardware fatal error.
    Hardware = 0x08,
    /// A context could not be fetched over PCI.
    IcmFetch = 0x0a,
    /// A page of the device's own was not what it should be.
    IcmPage = 0x0b,
    /// An asynchronous event queue overran.
    EqOverrun = 0x0c,
    /// An event queue could not be written.
    EqError = 0x0d,
    /// Too hot.
    Temperature = 0x10,
}

/// The segment as the driver reads it, and what runs behind it.
#[derive(Default)]
pub(super) struct Registers {
    image: RefCell<Vec<u8>>,
    pub(super) queue_high: Cell<u32>,
    pub(super) queue_low: Cell<u32>,
    health_counter: Cell<u32>,
    syndrome: Cell<u32>,
    /// Grows with every reset, so that events of an earlier life are told apart.
    pub(super) life: Cell<u64>,
    /// The health counter stands still although the firmware runs.
    frozen: Cell<bool>,
    /// The firmware has died and the rest of the chip goes on: no command is answered, no register obeyed but a reset.
    wedged: Cell<bool>,
}

impl Device {
    /// Starts the firmware: power-on and function-level reset.
    pub(super) fn boot(&self) {
        let life = self.registers.life.get() + 1;
        self.registers.life.set(life);
        self.registers.queue_high.set(0);
        self.registers.queue_low.set(0);
        self.registers.syndrome.set(0);
        self.registers.frozen.set(false);
        self.registers.wedged.set(false);
        self.leftovers.take();
        self.refused.set(false);
        self.lied.set(false);
        self.reset_function();
        self.phase.set(Phase::Booting);
        self.registers.image.replace(self.fresh_segment());
        self.publish(0, SEGMENT_END);
        self.in_this_life(self.config.boot_ns, |device| {
            device.phase.set(Phase::Ready);
            device.set_initializing(false);
        });
        self.in_this_life(HEALTH_PERIOD_NS, Self::health_tick);
    }

    fn fresh_segment(&self) -> Vec<u8> {
        let firmware = self.config.generation.firmware();
        let mut segment = InitialSeg::new();
        segment
            .set_fw_rev_major(firmware)
            .set_fw_rev_minor(FW_MINOR)
            .set_fw_rev_subminor(FW_SUBMINOR);
        segment.set_cmd_interface_rev(CMDIF_REVISION);
        segment
            .set_log_cmdq_size(self.config.log_entries)
            .set_log_cmdq_stride(self.config.log_stride);
        let mut health = HwHealthBuffer::new();
        health
            .set_fw_ver(firmware << 24 | FW_MINOR << 16 | FW_SUBMINOR)
            .set_hw_id(0x20d);
        segment.set_health_buffer(health.as_bytes());
        let mut image = segment.as_bytes()[..SEGMENT_END].to_vec();
        let flags = INITIALIZING_BIT | FW_RESET_SUPPORTED | INTERFACES;
        image[INITIALIZING as usize..][..4].copy_from_slice(&flags.to_be_bytes());
        if let Some(timeout) = self.config.command_timeout_ms {
            image[COMMAND_TIMEOUT..][..4].copy_from_slice(&timeout.to_be_bytes());
            image[INIT_TIMEOUT..][..4].copy_from_slice(&TAKE_OVER_TIMEOUT_MS.to_be_bytes());
        }
        image
    }

    /// Runs `action` after `ns`, unless the function was reset in between or is gone.
    pub(super) fn in_this_life(&self, ns: u64, action: impl FnOnce(&Rc<Self>) + 'static) {
        let (me, life) = (self.me.clone(), self.registers.life.get());
        self.after(ns, move || {
            if let Some(device) = me.upgrade().filter(|device| device.registers.life.get() == life) {
                action(&device);
            }
        });
    }

    /// Makes a part of the image what the driver reads.
    pub(super) fn publish(&self, from: usize, length: usize) {
        let image = self.registers.image.borrow();
        self.platform.show(from as u64, &image[from..from + length]);
    }

    fn set_dword(&self, at: u64, value: u32) {
        let at = at as usize;
        self.registers.image.borrow_mut()[at..at + 4].copy_from_slice(&value.to_be_bytes());
        self.publish(at, 4);
    }

    fn dword(&self, at: u64) -> u32 {
        let image = self.registers.image.borrow();
        let at = at as usize;
        u32::from_be_bytes([image[at], image[at + 1], image[at + 2], image[at + 3]])
    }

    fn set_initializing(&self, on: bool) {
        let flags = self.dword(INITIALIZING) & !INITIALIZING_BIT;
        self.set_dword(INITIALIZING, if on { flags | INITIALIZING_BIT } else { flags });
    }

    /// Ticks of the free running timer now.
    pub(super) fn timer_ticks(&self) -> u64 {
        let khz = u128::from(self.config.capabilities.general.device_frequency_khz());
        (u128::from(self.environment().now()) * khz / 1_000_000) as u64
    }

    /// Brings the timers that the driver can read up to date.
    pub(super) fn refresh_timers(&self) {
        let ticks = self.timer_ticks();
        self.set_dword(TIMER, (ticks >> 32) as u32);
        self.set_dword(TIMER + 4, ticks as u32);
        let now = self.environment().now();
        self.set_dword(REAL_TIME, (now / SECOND) as u32);
        self.set_dword(REAL_TIME + 4, (now % SECOND) as u32);
    }

    fn health_tick(device: &Rc<Self>) {
        if device.phase.get() == Phase::Failed {
            return;
        }
        if !device.registers.frozen.get() {
            let counter = device.registers.health_counter.get().wrapping_add(1) & 0x00ff_ffff;
            device.registers.health_counter.set(counter);
            device.set_dword(HEALTH, counter);
            device.refresh_timers();
        }
        device.in_this_life(HEALTH_PERIOD_NS, Self::health_tick);
    }

    /// Whether it stands still, so that a driver takes the firmware for dead.
    pub(super) const fn is_health_frozen(&self) -> bool {
        self.registers.frozen.get()
    }

    /// The health counter stops moving (or moves again); all else works on.
    pub fn freeze_health(&self, frozen: bool) {
        self.registers.frozen.set(frozen);
    }

    /// The firmware dies: nothing is answered any more, DMA stops, the health buffer says why.
    pub fn die(&self, why: Health) {
        if self.phase.get() == Phase::Failed {
            return;
        }
        self.platform
            .note(format!("{}: firmware died, {why:?}", self.config.name));
        if self.phase.get() == Phase::Initialized {
            self.raise_event(Event::Internal);
        }
        self.phase.set(Phase::Failed);
        self.show_death(why);
        // The engine may be what found the fault: it is told when it has let go.
        self.in_this_life(0, transport::reset);
    }

    /// The firmware dies and the rest of the chip does not know: commands are not answered, the health buffer says why, but queue pairs
    /// send and receive, and reach into memory, until the bus or a reset stops them.
    pub fn wedge(&self, why: Health) {
        self.platform
            .note(format!("{}: firmware wedged, {why:?}", self.config.name));
        self.registers.wedged.set(true);
        self.registers.frozen.set(true);
        self.show_death(why);
    }

    /// Whether the firmware is [wedged](Self::wedge).
    pub(super) const fn is_wedged(&self) -> bool {
        self.registers.wedged.get()
    }

    /// The health buffer says why the firmware died.
    fn show_death(&self, why: Health) {
        self.registers.syndrome.set(why as u32);
        let mut health = HwHealthBuffer::new();
        let image = self.registers.image.borrow()[HEALTH_BUFFER as usize..][..HwHealthBuffer::SIZE].to_vec();
        health.as_bytes_mut().copy_from_slice(&image);
        health
            .set_rfr(1)
            .set_valid(1)
            .set_severity(0)
            .set_synd(why as u32);
        health.set_time((self.environment().now() / SECOND) as u32);
        self.registers.image.borrow_mut()[HEALTH_BUFFER as usize..][..HwHealthBuffer::SIZE]
            .copy_from_slice(health.as_bytes());
        self.publish(HEALTH_BUFFER as usize, HwHealthBuffer::SIZE);
        self.set_dword(HEALTH, (why as u32) << 24 | self.registers.health_counter.get());
    }

    /// Forgets everything the driver made: objects, pages, settings.
    pub(super) fn reset_function(&self) {
        transport::reset(&self.me());
        self.forget_objects();
        self.pages.forget();
        self.commands.forget();
        self.caps.replace(self.config.capabilities.initial());
        self.issi.set(0);
        self.port.reset();
    }

    /// A write into the initialization segment.
    pub(super) fn segment_write(&self, offset: u64, bytes: &[u8]) {
        for (index, dword) in bytes.chunks_exact(4).enumerate() {
            let value = u32::from_be_bytes([dword[0], dword[1], dword[2], dword[3]]);
            match offset + index as u64 * 4 {
                CMDQ_HIGH => self.registers.queue_high.set(value),
                CMDQ_LOW => self.queue_low_written(value),
                CMD_DOORBELL => self.command_doorbell(value),
                _ => {}
            }
        }
    }

    fn queue_low_written(&self, value: u32) {
        let interface = value >> 8 & 7;
        match interface {
            // A function that is not enabled takes another queue: drivers are unloaded and loaded again.
            INTERFACE_FULL if matches!(self.phase.get(), Phase::Ready | Phase::Commands) => {
                self.take_over(value);
            }
            INTERFACE_DISABLED => {
                self.in_this_life(self.environment().choose(INTERFACE_NS), |device| {
                    device.disable_interface();
                });
            }
            INTERFACE_RESET => self.in_this_life(self.environment().choose(INTERFACE_NS), |device| {
                device.boot();
                device.show_interface(INTERFACE_DISABLED);
            }),
            _ => {}
        }
    }

    /// The command queue's address is complete: the device reads it, and is ready when the bit clears.
    fn take_over(&self, low: u32) {
        self.registers.queue_low.set(low);
        self.set_dword(CMDQ_HIGH, self.registers.queue_high.get());
        self.show_interface(INTERFACE_FULL);
        self.set_initializing(true);
        let base = u64::from(self.registers.queue_high.get()) << 32 | u64::from(low & !0xfff);
        self.in_this_life(self.environment().choose(TAKE_OVER_NS), move |device| {
            device.commands.set_base(base);
            device.phase.set(Phase::Commands);
            device.set_initializing(false);
        });
    }

    fn show_interface(&self, interface: u32) {
        let queue = self.registers.queue_low.get() & !0xfff;
        let sizes = self.config.log_entries << 4 | self.config.log_stride;
        self.set_dword(CMDQ_LOW, queue | interface << 8 | sizes);
    }

    /// `nic_interface` = 1: all DMA stops, pages are free, until the function is reset.
    fn disable_interface(&self) {
        if self.is_wedged() {
            return;
        }
        if self.phase.get() == Phase::Failed {
            // Nothing moves any more; only a reset brings the function back.
            self.show_interface(INTERFACE_DISABLED);
            return;
        }
        self.reset_function();
        self.phase.set(Phase::Booting);
        self.show_interface(INTERFACE_DISABLED);
        // Handing the queue over again starts the function afresh.
        self.phase.set(Phase::Ready);
    }
}
