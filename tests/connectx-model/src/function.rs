//! The PCI function as its machine uses it: power, configuration space, BAR0, messages, DMA, reset (connectx.md section 1).

use super::Device;
use super::config_space::ConfigSpace;
use super::platform::DmaFault;
use super::uar::{FIRST_UAR, UAR_PAGE};

/// First byte behind the initialization segment.
const SEGMENT_END: u64 = FIRST_UAR as u64 * UAR_PAGE;

/// What [`Device::bar_look`] saw of a store that it did not look at.
pub const UNSEEN: u64 = 0;

impl Device {
    /// Power comes: the firmware boots. A device that has power already starts afresh, as after [`Self::reset`].
    pub fn power_on(&self) {
        self.boot();
    }

    /// Function level reset: everything is forgotten, BAR0 is as after power-on.
    pub fn reset(&self) {
        self.boot();
    }

    /// The configuration space.
    pub const fn configuration(&self) -> &ConfigSpace {
        &self.configuration
    }

    /// A write to configuration space, as far as its bits can be written.
    pub fn config_write(&self, offset: usize, bytes: &[u8]) {
        self.configuration.write(offset, bytes);
        if self.configuration.asks_for_reset(offset, bytes.len()) {
            self.boot();
        }
    }

    /// A write to BAR0: 1, 2, 4 or 8 bytes as they lie in memory. `seen` is what [`Self::bar_look`] said when they were stored, or
    /// [`UNSEEN`].
    pub fn bar_write(&self, offset: u64, bytes: &[u8], seen: u64) {
        if offset < SEGMENT_END {
            self.segment_write(offset, bytes);
        } else {
            self.uar_write(offset, bytes, seen);
        }
    }

    /// The driver is storing this to BAR0: what the device would find in host memory if it arrived at once. It is called in the
    /// middle of the driver, and only looks.
    pub fn bar_look(&self, offset: u64, bytes: &[u8]) -> u64 {
        if offset < SEGMENT_END {
            UNSEEN
        } else {
            self.uar_look(offset, bytes)
        }
    }

    /// MSI-X vectors of the function.
    pub(super) const fn vectors(&self) -> u32 {
        self.config.vectors as u32
    }

    /// Reads host memory over the bus.
    ///
    /// # Errors
    /// The address reaches nothing, or the function may not begin transactions.
    pub fn dma_read(&self, bus: u64, into: &mut [u8]) -> Result<(), DmaFault> {
        self.transaction(bus, into.len(), false)?;
        let done = self.platform.read(bus, into);
        done.inspect_err(|fault| self.report(*fault))
    }

    /// Writes host memory over the bus.
    ///
    /// # Errors
    /// The address reaches nothing, or the function may not begin transactions.
    pub fn dma_write(&self, bus: u64, from: &[u8]) -> Result<(), DmaFault> {
        self.transaction(bus, from.len(), true)?;
        let done = self.platform.write(bus, from);
        done.inspect_err(|fault| self.report(*fault))
    }

    fn transaction(&self, address: u64, length: usize, write: bool) -> Result<(), DmaFault> {
        let fault = DmaFault {
            address,
            length,
            write,
            stale: true,
        };
        self.configuration.is_bus_master().then_some(()).ok_or(fault)
    }

    fn report(&self, fault: DmaFault) {
        if !self.bus_errors_tolerated.get() {
            self.platform.bus_error(fault);
        }
    }

    /// Bus errors are answered as hardware answers them, and the platform is not told: for tests of a driver's wrong use.
    pub fn tolerate_bus_errors(&self) {
        self.bus_errors_tolerated.set(true);
    }

    /// Sends a message.
    pub(super) fn interrupt(&self, vector: u16) {
        self.counters.tally(|sums| sums.interrupts += 1);
        // A message is a write to memory.
        if self.configuration.is_bus_master() {
            self.platform.message(vector);
        }
    }
}
