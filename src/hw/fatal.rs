//! Why a device is dead, and how the event log has it.

use crate::nt::{EventLog, Status, log::LogCode};

/// Number of the first kind of death in event log entries; those of the steps of bring-up are below.
const DEATHS: u32 = 0x200;
/// Number of the note that the health counter stands still.
pub(super) const STANDS_STILL: u32 = DEATHS;

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
