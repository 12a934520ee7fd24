//! The initialization segment: readiness, the command queue's registers, health (connectx interface, section 2).

use super::{
    error::{HwError, Lie},
    layout::HwHealthBuffer,
};
use crate::nt::{
    BusAddress, Mmio, Passive, Ref,
    sync::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

const FIRMWARE: u32 = 0x00;
const INTERFACE: u32 = 0x04;
const QUEUE_HIGH: u32 = 0x10;
const QUEUE_LOW: u32 = 0x14;
const COMMAND_DOORBELL: u32 = 0x18;
const INITIALIZING: u32 = 0x1fc;
const HEALTH_BUFFER: u32 = 0x200;
const COMMAND_TIMEOUT: u32 = 0xff8;
const INIT_TIMEOUT: u32 = 0xffc;
const HEALTH_COUNTER: u32 = 0x1010;

/// The command interface that this driver speaks.
const INTERFACE_REVISION: u32 = 5;
/// Values of the `nic_interface` field, 0x14[10:8].
const NIC_FULL_DRIVER: u32 = 0;
const NIC_DISABLED: u32 = 1;
const NIC_RESET: u32 = 7;
/// Limits of the ready sequence.
const READY_TIMEOUT_MS: u64 = 120_000;
const QUEUE_TIMEOUT_MS: u64 = 2_000;
const RESET_TIMEOUT_MS: u64 = 60_000;
const POLL_MS: u32 = 2;
/// Bit of the initializing register: a driver may reset the firmware.
const RESET_SUPPORTED: u32 = 1 << 30;
/// Bytes that this module reaches into the BAR.
const LENGTH: u32 = 0x2010;
/// What every register of a device reads that is not there any more.
const GONE: u32 = u32::MAX;

/// Version of the firmware.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirmwareVersion {
    /// Major.
    pub major: u16,
    /// Minor.
    pub minor: u16,
    /// Subminor.
    pub subminor: u16,
}

/// The registers at the beginning of BAR 0.
#[derive(Debug)]
pub struct Registers {
    bar: Ref<Mmio>,
    /// Bus address of the command queue: its low half shares a register with `nic_interface`.
    queue: AtomicU64,
}

impl Registers {
    /// Checks that a device is there and speaks our command interface.
    ///
    /// # Errors
    /// [`HwError::Dead`] when nobody answers, [`HwError::Lie`] when it is not a ConnectX.
    pub fn new(bar: &Ref<Mmio>) -> Result<Self, HwError> {
        if bar.len() < LENGTH {
            return Err(Lie::Register("bar size").into());
        }
        let this = Self {
            bar: bar.clone(),
            queue: AtomicU64::new(0),
        };
        if this.is_gone() {
            return Err(HwError::Dead);
        }
        Ok(this)
    }

    /// Whether reads are answered by nobody.
    pub fn is_gone(&self) -> bool {
        self.bar.read_be32(FIRMWARE) == GONE
    }

    /// Version of the firmware.
    pub fn firmware(&self) -> FirmwareVersion {
        let (first, second) = (self.bar.read_be32(FIRMWARE), self.bar.read_be32(INTERFACE));
        FirmwareVersion {
            major: first as u16,
            minor: (first >> 16) as u16,
            subminor: second as u16,
        }
    }

    /// Waits until the firmware is up.
    ///
    /// # Errors
    /// [`HwError::Timeout`], [`HwError::Dead`], [`HwError::Lie`] for an unknown command interface.
    pub fn wait_ready(&self, passive: Passive<'_>) -> Result<(), HwError> {
        self.wait_initialized(READY_TIMEOUT_MS, passive)?;
        let revision = self.bar.read_be32(INTERFACE) >> 16;
        if revision == INTERFACE_REVISION {
            Ok(())
        } else {
            Err(Lie::Register("command interface revision").into())
        }
    }

    /// log2 of the command queue's entries and of their distance in bytes.
    ///
    /// # Errors
    /// [`HwError::Lie`] for values that make no queue of one page.
    pub fn command_queue_shape(&self) -> Result<(u32, u32), HwError> {
        let value = self.bar.read_be32(QUEUE_LOW);
        let (size, stride) = (value >> 4 & 0xf, value & 0xf);
        // One entry for page supply and one for all else.
        if size == 0 || size > 5 || stride < 6 || size + stride > 12 {
            return Err(Lie::Register("command queue shape").into());
        }
        Ok((size, stride))
    }

    /// Names the command queue's page, which also asks for full driver operation.
    pub fn set_command_queue(&self, address: BusAddress) {
        self.queue.store(address.0, Relaxed);
        self.bar.write_be32(QUEUE_HIGH, (address.0 >> 32) as u32);
        self.bar
            .write_be32(QUEUE_LOW, address.0 as u32 & !0xfff | NIC_FULL_DRIVER << 8);
    }

    /// Waits until the device took the command queue.
    ///
    /// # Errors
    /// As [`Self::wait_ready`].
    pub fn wait_queue_taken(&self, passive: Passive<'_>) -> Result<(), HwError> {
        let timeout_ms = self
            .coded_timeout(INIT_TIMEOUT)
            .map_or(QUEUE_TIMEOUT_MS, u64::from);
        self.wait_initialized(timeout_ms, passive)
    }

    /// Rings for the entries of `vector`.
    pub fn ring_command_doorbell(&self, vector: u32) {
        self.bar.write_be32(COMMAND_DOORBELL, vector);
    }

    /// How long a command may take, when the device says.
    pub fn command_timeout_ms(&self) -> Option<u32> {
        self.coded_timeout(COMMAND_TIMEOUT)
    }

    /// Whether the `nic_interface` field says that the device was disabled or reset.
    pub fn is_disabled(&self) -> bool {
        matches!(self.interface(), NIC_DISABLED | NIC_RESET)
    }

    fn interface(&self) -> u32 {
        self.bar.read_be32(QUEUE_LOW) >> 8 & 7
    }

    /// Asks the firmware to stop all DMA of the device, if it still listens.
    pub fn ask_to_disable(&self) {
        self.ask(NIC_DISABLED);
    }

    fn ask(&self, interface: u32) {
        let address = self.queue.load(Relaxed) as u32 & !0xfff;
        self.bar.write_be32(QUEUE_LOW, address | interface << 8);
    }

    /// Whether the firmware has died and waits for a reset.
    pub fn is_dead(&self) -> bool {
        let health = self.health();
        health.rfr() != 0 && health.synd() != 0
    }

    /// Resets firmware that has died, if it lets itself be reset; the ready sequence follows. No driver uses another function of the
    /// card now: the system starts and stops them together.
    ///
    /// # Errors
    /// [`HwError::Timeout`]; [`HwError::Dead`] for firmware that cannot be reset.
    pub fn reset(&self, passive: Passive<'_>) -> Result<(), HwError> {
        if self.bar.read_be32(INITIALIZING) & RESET_SUPPORTED == 0 {
            return Err(HwError::Dead);
        }
        self.ask(NIC_RESET);
        let deadline = Instant::now().plus_ms(RESET_TIMEOUT_MS);
        // It may read as disabled from before, and as anything on the way.
        while self.is_gone() || self.is_dead() || self.interface() != NIC_DISABLED {
            if Instant::now() >= deadline {
                return Err(HwError::Timeout("firmware reset"));
            }
            passive.sleep_ms(POLL_MS);
        }
        Ok(())
    }

    /// Stops all DMA of the device: `nic_interface` goes to disabled. Waits until the device agrees.
    ///
    /// # Errors
    /// [`HwError::Timeout`], [`HwError::Dead`].
    pub fn disable(&self, timeout_ms: u64, passive: Passive<'_>) -> Result<(), HwError> {
        self.ask_to_disable();
        let deadline = Instant::now().plus_ms(timeout_ms);
        loop {
            if self.is_gone() {
                return Err(HwError::Dead);
            }
            if self.is_disabled() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(HwError::Timeout("nic interface"));
            }
            passive.sleep_ms(POLL_MS);
        }
    }

    /// The health counter with its syndrome byte: a living firmware changes it every few seconds.
    pub fn health_counter(&self) -> u32 {
        self.bar.read_be32(HEALTH_COUNTER)
    }

    /// The health buffer.
    pub fn health(&self) -> HwHealthBuffer {
        let mut buffer = HwHealthBuffer::new();
        for (index, word) in buffer.as_bytes_mut().chunks_exact_mut(4).enumerate() {
            word.copy_from_slice(&self.bar.read_be32(HEALTH_BUFFER + 4 * index as u32).to_be_bytes());
        }
        buffer
    }

    fn wait_initialized(&self, timeout_ms: u64, passive: Passive<'_>) -> Result<(), HwError> {
        let deadline = Instant::now().plus_ms(timeout_ms);
        loop {
            let value = self.bar.read_be32(INITIALIZING);
            if value == GONE && self.is_gone() {
                return Err(HwError::Dead);
            }
            if value >> 31 == 0 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(HwError::Timeout("initialization"));
            }
            passive.sleep_ms(POLL_MS);
        }
    }

    /// A timeout register: unit in bits 31:29 (milliseconds, seconds, minutes, hours), value in 19:0; 0 means none.
    fn coded_timeout(&self, register: u32) -> Option<u32> {
        let value = self.bar.read_be32(register);
        if value == 0 || value == GONE {
            return None;
        }
        let unit = match value >> 29 {
            0 => 1,
            1 => 1_000,
            2 => 60_000,
            3 => 3_600_000,
            _ => return None,
        };
        Some((value & 0xf_ffff).saturating_mul(unit)).filter(|ms| *ms != 0)
    }
}
