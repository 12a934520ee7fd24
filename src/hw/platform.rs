//! What the adapter gives to the device, and where it hears from it.

use super::{messages::Messages, port::PortState, types::Mac};
use crate::nt::{Dma, EventLog, Mmio, NdisHandle, Ref};

/// Everything of the adapter that the device needs.
#[derive(Clone, Debug)]
pub struct Platform {
    /// For timers and work items.
    pub ndis: NdisHandle,
    /// BAR 0, mapped whole.
    pub bar: Ref<Mmio>,
    /// For memory shared with the device.
    pub dma: Ref<Dma>,
    /// Where failures are written down.
    pub log: EventLog,
    /// Interrupt messages that the adapter got.
    pub messages: Ref<Messages>,
    /// A virtual function, which may not write everything.
    pub is_virtual: bool,
    /// The address that the port shall answer to instead of its permanent one.
    pub address: Option<Mac>,
    /// What the firmware is told as the driver's version: `name,x.y.z`.
    pub version: &'static str,
}

/// News of the device. Called at `DISPATCH_LEVEL` or below, no lock of this module held.
pub trait DeviceEvents: Send + Sync {
    /// The port went up or down; speed is that of the last known state.
    fn port_changed(&self, state: PortState);

    /// Events were handed on outside of the DPC of a message, since an interrupt may be lost.
    fn looked(&self);

    /// The device is dead, and cut off from memory. It is told once, after the event log; commands fail, and registers are not touched any
    /// more.
    fn failed(&self);
}
