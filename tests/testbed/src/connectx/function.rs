//! The PCI function: identity, BAR0, messages, DMA, reset (connectx.md section 1).

use std::rc::Weak;

use super::uar::{FIRST_UAR, UAR_PAGE};
use super::{Device, Phase};
use crate::pci::{DmaFault, Function, Identity, PciFunction};

/// Bytes of BAR0.
pub(super) const BAR_SIZE: usize = 32 << 20;
/// First byte behind the initialization segment.
const SEGMENT_END: u64 = FIRST_UAR as u64 * UAR_PAGE;
/// Device control register of the PCI Express capability (which lies at 0x60), upper byte; bit 7 starts a reset.
const DEVICE_CONTROL_HIGH: usize = 0x69;

const CONNECTX_5: Identity = Identity {
    vendor: 0x15b3,
    device: 0x1017,
    revision: 0,
    // Ethernet controller.
    class: 0x02_0000,
    subsystem_vendor: 0x15b3,
    subsystem: 0x0008,
};

/// What the bus calls. It does not keep the device alive: the function belongs to the device, not the other way round.
struct BusSide(Weak<Device>);

impl PciFunction for BusSide {
    fn bar_write(&self, bar: usize, offset: u64, bytes: &[u8]) {
        self.bar_write_seen(bar, offset, bytes, 0);
    }

    fn bar_write_seen(&self, bar: usize, offset: u64, bytes: &[u8], seen: u64) {
        let Some(device) = self.0.upgrade().filter(|_| bar == 0) else {
            return;
        };
        if offset < SEGMENT_END {
            device.segment_write(offset, bytes);
        } else {
            device.uar_write(offset, bytes, seen);
        }
    }

    fn look(&self, bar: usize, offset: u64, bytes: &[u8]) -> u64 {
        let device = self.0.upgrade().filter(|_| bar == 0 && offset >= SEGMENT_END);
        device.map_or(0, |device| device.uar_look(offset, bytes))
    }

    fn uses(&self, bus: u64, length: usize) -> Option<String> {
        self.0.upgrade()?.names(bus, length as u64)
    }

    fn is_dead(&self) -> bool {
        let device = self.0.upgrade();
        device.is_none_or(|device| device.phase() == Phase::Failed)
    }

    fn leftovers(&self) -> Vec<String> {
        self.0
            .upgrade()
            .map(|device| device.left_behind())
            .unwrap_or_default()
    }

    fn config_written(&self, offset: usize, length: usize) {
        let Some(device) = self.0.upgrade() else { return };
        let mut control = [0];
        if (offset..offset + length).contains(&DEVICE_CONTROL_HIGH) {
            device.function.config_read(DEVICE_CONTROL_HIGH, &mut control);
        }
        if control[0] & 0x80 != 0 {
            device.boot();
        }
        // Who cuts off a device that works on has given it up: no command reaches it from then on.
        if device.phase() == Phase::Initialized && !device.function.is_master() {
            device.refused.set(true);
        }
    }

    fn reset(&self) {
        if let Some(device) = self.0.upgrade() {
            device.boot();
        }
    }
}

/// Makes the function of a device that is being made.
pub(super) fn make(name: &str, vectors: usize, device: &Weak<Device>) -> Function {
    let function = Function::new(name, CONNECTX_5, &[BAR_SIZE], vectors);
    function.plug(std::rc::Rc::new(BusSide(Weak::clone(device))));
    function
}

impl Device {
    /// The function that the host finds on its bus.
    pub const fn function(&self) -> &Function {
        &self.function
    }

    /// MSI-X vectors of the function.
    pub(super) fn vectors(&self) -> u32 {
        self.function.vector_count() as u32
    }

    /// Reads host memory over the bus.
    ///
    /// # Errors
    /// The address reaches nothing. Unless the bus is told to tolerate it, that has ended the run already.
    pub fn dma_read(&self, bus: u64, into: &mut [u8]) -> Result<(), DmaFault> {
        self.dma.borrow().read(bus, into)
    }

    /// Writes host memory over the bus.
    ///
    /// # Errors
    /// The address reaches nothing. Unless the bus is told to tolerate it, that has ended the run already.
    pub fn dma_write(&self, bus: u64, from: &[u8]) -> Result<(), DmaFault> {
        self.dma.borrow().write(bus, from)
    }

    /// Bus errors are answered as hardware answers them, instead of ending the run: for tests of a driver's wrong use.
    pub fn tolerate_bus_errors(&self) {
        let tolerant = self.dma.borrow().tolerant();
        self.dma.replace(tolerant);
    }

    /// Sends a message.
    pub(super) fn interrupt(&self, vector: u16) {
        self.counters.tally(|sums| sums.interrupts += 1);
        self.function.raise(usize::from(vector));
    }
}
