//! What can go wrong between the driver and the device.

use core::fmt;

use crate::nt::{NoMemory, Status};

/// Status byte of a command's output (connectx interface, section 3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum CommandStatus {
    InternalError,
    BadOperation,
    BadParameter,
    BadSystemState,
    BadResource,
    ResourceBusy,
    NotReady,
    LimitsExceeded,
    BadResourceState,
    BadIndex,
    NoResources,
    BadQpState,
    BadPacket,
    BadOutstandingSize,
    BadInputLength,
    BadOutputLength,
    /// A code that no document names.
    Unknown(u8),
}

impl CommandStatus {
    /// `Ok` for status 0.
    ///
    /// # Errors
    /// The status that another code stands for.
    pub const fn check(raw: u8) -> Result<(), Self> {
        Err(match raw {
            0x00 => return Ok(()),
            0x01 => Self::InternalError,
            0x02 => Self::BadOperation,
            0x03 => Self::BadParameter,
            0x04 => Self::BadSystemState,
            0x05 => Self::BadResource,
            0x06 => Self::ResourceBusy,
            0x07 => Self::NotReady,
            0x08 => Self::LimitsExceeded,
            0x09 => Self::BadResourceState,
            0x0a => Self::BadIndex,
            0x0f => Self::NoResources,
            0x10 => Self::BadQpState,
            0x30 => Self::BadPacket,
            0x40 => Self::BadOutstandingSize,
            0x50 => Self::BadInputLength,
            0x51 => Self::BadOutputLength,
            other => Self::Unknown(other),
        })
    }
}

/// Delivery status of a command queue entry: the device could not take the command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum DeliveryStatus {
    Signature,
    Token,
    BlockNumber,
    OutputPointer,
    InputPointer,
    Firmware,
    InputLength,
    OutputLength,
    ReservedNotClear,
    DescriptorType,
    /// A code that no document names.
    Unknown(u8),
}

impl DeliveryStatus {
    /// `Ok` for status 0.
    ///
    /// # Errors
    /// The status that another code stands for.
    pub const fn check(raw: u8) -> Result<(), Self> {
        Err(match raw {
            0x00 => return Ok(()),
            0x01 => Self::Signature,
            0x02 => Self::Token,
            0x03 => Self::BlockNumber,
            0x04 => Self::OutputPointer,
            0x05 => Self::InputPointer,
            0x06 => Self::Firmware,
            0x07 => Self::InputLength,
            0x08 => Self::OutputLength,
            0x09 => Self::ReservedNotClear,
            0x10 => Self::DescriptorType,
            other => Self::Unknown(other),
        })
    }
}

/// Why a command failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandFailure {
    /// The device refused it; the syndrome is private to the firmware and only good for logs.
    Status(CommandStatus, u32),
    /// The device could not read it.
    Delivery(DeliveryStatus),
    /// No answer in time; the queue entry stays taken.
    Timeout,
    /// The output contradicts itself or the input.
    Lie(Lie),
    /// The device is dead: it was not asked.
    Dead,
    /// Memory for a long input could not be had: it was not asked.
    NoMemory,
}

/// A command and why it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommandError {
    /// Opcode of the command.
    pub opcode: u16,
    /// Why.
    pub failure: CommandFailure,
}

impl CommandError {
    /// Whether the device did nothing of what it was asked: it said so, or never was asked. Else it may have, or may do so yet.
    const fn is_refusal(&self) -> bool {
        matches!(
            self.failure,
            CommandFailure::Status(..) | CommandFailure::Delivery(_) | CommandFailure::NoMemory
        )
    }

    /// Whether the device has no more of what the command asked for.
    const fn is_full(&self) -> bool {
        matches!(
            self.failure,
            CommandFailure::Status(CommandStatus::LimitsExceeded | CommandStatus::NoResources, _)
        )
    }
}

/// What the device said and cannot be true.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lie {
    /// A command's output chain carries a foreign token.
    Token,
    /// A block of a command's output has a wrong number.
    BlockNumber,
    /// A completion with an opcode that does not exist, or that was not asked for.
    CompletionOpcode(u8),
    /// A completion for a work request that is not outstanding.
    WqeCounter(u16),
    /// An event of an object that does not exist.
    UnknownObject(u32),
    /// A capability outside of what its field may hold.
    Capability(&'static str),
    /// A register outside of what it may hold.
    Register(&'static str),
    /// A number of pages that was not asked for, or a page that was never given.
    Pages,
}

/// An operation on the device failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HwError {
    /// Memory for it could not be had; everything was undone.
    NoMemory,
    /// A command failed.
    Command(CommandError),
    /// More than the device can do.
    Limit(&'static str),
    /// The device is dead; see [`super::Fatal`].
    Dead,
    /// The device contradicts itself.
    Lie(Lie),
    /// The device did not get there in time.
    Timeout(&'static str),
    /// The device or this driver lacks it.
    NotSupported,
}

impl HwError {
    /// Whether the device has certainly not made what it was asked to make, so that it does not use its memory.
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Command(error) => error.is_refusal(),
            Self::NoMemory | Self::Limit(_) | Self::NotSupported => true,
            Self::Timeout(_) | Self::Lie(_) | Self::Dead => false,
        }
    }
}

impl From<CommandError> for HwError {
    fn from(error: CommandError) -> Self {
        match error.failure {
            CommandFailure::Dead => Self::Dead,
            CommandFailure::NoMemory => Self::NoMemory,
            _ => Self::Command(error),
        }
    }
}

impl From<NoMemory> for HwError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl From<Lie> for HwError {
    fn from(lie: Lie) -> Self {
        Self::Lie(lie)
    }
}

/// What the layers above report of a device's error: the one place where those become statuses.
///
/// A device that is full says so with [`CommandStatus::LimitsExceeded`] or [`CommandStatus::NoResources`] (connectx interface,
/// section 3): nothing is broken, and what is given back makes room.
impl From<HwError> for Status {
    fn from(error: HwError) -> Self {
        match error {
            HwError::NoMemory => Self::INSUFFICIENT_RESOURCES,
            HwError::Command(error) if error.is_full() => Self::INSUFFICIENT_RESOURCES,
            HwError::Limit(_) => Self::INVALID_PARAMETER,
            HwError::NotSupported => Self::NOT_SUPPORTED,
            HwError::Timeout(_) => Self::IO_TIMEOUT,
            HwError::Command(_) | HwError::Dead | HwError::Lie(_) => Self::IO_DEVICE_ERROR,
        }
    }
}

impl fmt::Display for HwError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(error) => write!(f, "command {:#05x}: {:?}", error.opcode, error.failure),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Steps of bring-up, in their order; teardown undoes them in the reverse order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are those of the commands")]
pub enum Step {
    ReadRegisters,
    WaitReady,
    CommandQueue,
    EnableHca,
    Issi,
    BootPages,
    HostEndianness,
    Capabilities,
    InitPages,
    InitHca,
    DriverVersion,
    CurrentCapabilities,
    SpecialContexts,
    Adapter,
    Uars,
    CommandEq,
    AsyncEq,
    PagesEq,
    CompletionEqs,
    Vport,
    RoceEnable,
    PortState,
}

/// Bring-up stopped at a step; all before it was undone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BringUpError {
    /// The step that failed.
    pub step: Step,
    /// Why.
    pub cause: HwError,
}
