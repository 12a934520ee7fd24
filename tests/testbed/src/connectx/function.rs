//! The PCI function: identity, BAR0, messages, DMA, reset (connectx.md section 1).

use std::rc::Weak;

use super::Device;
use super::uar::{FIRST_UAR, UAR_PAGE};
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
        let Some(device) = self.0.upgrade().filter(|_| bar == 0) else {
            return;
        };
        if offset < SEGMENT_END {
            device.segment_write(offset, bytes);
        } else {
            device.uar_write(offset, bytes);
        }
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
