//! [`EventLog`]: entries in the system event log.

use super::{NdisHandle, Status};
use crate::sys::ndis;

/// The kind of an entry: a standard message of `netevent.dll`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum LogCode {
    /// The adapter did not get the memory, interrupts or registers that it needs.
    OutOfResources = 0xc000_1389,
    /// The device did not do what it should.
    HardwareFailure = 0xc000_138a,
    /// Resources that the bus assigned are not those of a ConnectX.
    AdapterNotFound = 0xc000_138b,
    /// Interrupts could not be connected.
    InterruptConnect = 0xc000_138c,
    /// The driver could not go on.
    DriverFailure = 0xc000_138d,
    /// The NDIS version is too old.
    BadVersion = 0xc000_138e,
    /// The device did not answer in time.
    Timeout = 0x8000_138f,
    /// The configuration cannot be used as it is.
    UnsupportedConfiguration = 0xc000_1391,
    /// The device said something that cannot be true.
    InvalidValueFromAdapter = 0xc000_1392,
}

/// Writes entries to the system event log for one adapter.
#[derive(Clone, Copy, Debug)]
pub struct EventLog {
    ndis: NdisHandle,
}

impl EventLog {
    /// The log of an adapter.
    pub const fn new(ndis: NdisHandle) -> Self {
        Self { ndis }
    }

    /// Writes an entry, and a line to the debugger that says the same: `step` says where (a number that the module above documents), `status` what it came to, `detail` what
    /// the device said (a command's syndrome, a register), or 0. `<= DISPATCH_LEVEL`.
    pub fn write(self, code: LogCode, step: u32, status: Status, detail: u32) {
        wdk::println!("cxndk: {code:?}, step {step}: {status:?}, the device says {detail:#x}");
        // SAFETY: a live handle; as many values as announced.
        unsafe {
            ndis::NdisWriteErrorLogEntry(
                self.ndis.as_raw(),
                code as u32,
                3,
                step as usize,
                status.bits() as usize,
                detail as usize,
            );
        }
    }
}
