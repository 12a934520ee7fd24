//! The seam: what a function asks of the machine that it is plugged into.

use roce_wire::Surroundings;

/// An access to host memory that reached nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("DMA {} {address:#x}+{length:#x}: {}", if *.write { "write to" } else { "read of" }, self.why())]
pub struct DmaFault {
    /// First bus address that is out of reach.
    pub address: u64,
    /// Bytes that were left to do.
    pub length: usize,
    /// The device meant to write.
    pub write: bool,
    /// The address was within reach once, as far as the platform knows.
    pub stale: bool,
}

impl DmaFault {
    const fn why(&self) -> &'static str {
        if self.stale {
            "no longer mapped, or not so far"
        } else {
            "never mapped"
        }
    }
}

/// The machine around one function. What goes the other way (writes to the BAR and to configuration space, frames from the cable) are
/// calls to [`Device`](crate::Device).
///
/// No method may call the device before it returns.
pub trait Platform {
    /// Time, actions and chance.
    fn environment(&self) -> &Surroundings;

    /// Reads host memory. The device asks only while its configuration space lets it begin transactions.
    ///
    /// # Errors
    /// The first part that is out of reach; what lies before it was read.
    fn read(&self, bus: u64, into: &mut [u8]) -> Result<(), DmaFault>;

    /// Writes host memory, in ascending order of addresses.
    ///
    /// # Errors
    /// The first part that is out of reach; what lies before it was written.
    fn write(&self, bus: u64, from: &[u8]) -> Result<(), DmaFault>;

    /// Reads host memory in the middle of a store of the driver: it may only look, and neither allocate nor fail. `None` if that
    /// cannot be done here; then the device judges no doorbell by what was there when it was stored.
    fn peek(&self, _bus: u64, _into: &mut [u8]) -> Option<()> {
        None
    }

    /// Sends the MSI-X message of `vector`, behind everything that was written before.
    fn message(&self, vector: u16);

    /// The driver reads these bytes at `offset` of BAR0 from now on.
    fn show(&self, offset: u64, bytes: &[u8]);

    /// Something that a history of the run should tell.
    fn note(&self, _text: String) {}

    /// An access to host memory reached nothing. The device goes on as hardware does; a platform that judges drivers ends the run.
    fn bus_error(&self, _fault: DmaFault) {}

    /// The driver broke `rule`, which hardware would not forgive. The device goes on as well as it can; a platform that judges drivers
    /// ends the run.
    fn violation(&self, _rule: &'static str, _text: String) {}
}
