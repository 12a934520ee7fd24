//! Why an adapter did not come up: for the event log, and for NDIS.

use crate::{
    cm::error::CmError,
    hw::{
        BringUpError, HwError,
        error::{CommandError, CommandFailure},
    },
    nt::{EventLog, NoMemory, Status, log::LogCode},
};

/// Steps of `MiniportInitializeEx`, in their order. The number is the first value of the event log entry; steps of the device's bring-up
/// follow at [`DEVICE_STEPS`], what [`crate::hw::Fatal`] makes of its death at 0x200, pages that it gave back twice are 0x300.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(super) enum Step {
    /// The adapter object.
    Object = 1,
    /// Registration attributes.
    RegistrationAttributes = 2,
    /// Registry keywords.
    Keywords = 3,
    /// The resources that the bus assigned.
    Resources = 4,
    /// Work items.
    WorkItems = 5,
    /// Mapping of BAR0.
    MapRegisters = 6,
    /// DMA registration.
    Dma = 7,
    /// Interrupt registration.
    Interrupts = 8,
    /// The device; the entry has [`DEVICE_STEPS`] plus its step instead.
    Device = 9,
    /// The port's MTU.
    Mtu = 14,
    /// Connection management.
    ConnectionManager = 10,
    /// The Network Direct provider.
    Provider = 11,
    /// General attributes.
    GeneralAttributes = 12,
    /// Network Direct attributes.
    NetworkDirectAttributes = 13,
    /// The call manager.
    CallManager = 15,
    /// Registration of the address family.
    AddressFamily = 16,
    /// The Ethernet data path.
    Ethernet = 17,
}

/// Number of the first step of the device's bring-up in event log entries.
pub(super) const DEVICE_STEPS: u32 = 0x100;

/// A step that failed, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    code: LogCode,
    step: u32,
    status: Status,
    detail: u32,
}

impl Failure {
    /// A step that a kernel service refused.
    pub(super) fn new(step: Step, status: Status) -> Self {
        let code = match status {
            Status::INSUFFICIENT_RESOURCES => LogCode::OutOfResources,
            _ => LogCode::DriverFailure,
        };
        Self {
            code,
            step: step as u32,
            status,
            detail: 0,
        }
    }

    /// The same with a better word for the event log.
    pub(super) const fn coded(step: Step, code: LogCode, status: Status) -> Self {
        Self {
            code,
            step: step as u32,
            status,
            detail: 0,
        }
    }

    /// The device did not come up.
    pub(super) fn of_device(error: BringUpError) -> Self {
        Self::of_hardware(DEVICE_STEPS + error.step as u32, error.cause)
    }

    /// The device did not start to tell its news.
    pub(super) fn of_start(cause: HwError) -> Self {
        Self::of_hardware(Step::Device as u32, cause)
    }

    /// The port did not take the MTU.
    pub(super) fn of_mtu(cause: HwError) -> Self {
        Self::of_hardware(Step::Mtu as u32, cause)
    }

    /// The Ethernet data path was not made.
    pub(super) fn of_ethernet(cause: HwError) -> Self {
        Self::of_hardware(Step::Ethernet as u32, cause)
    }

    /// Connection management did not start.
    pub(super) fn of_connection_manager(error: CmError) -> Self {
        match error {
            CmError::Device(cause) => Self::of_hardware(Step::ConnectionManager as u32, cause),
            other => Self::new(Step::ConnectionManager, other.into()),
        }
    }

    fn of_hardware(step: u32, cause: HwError) -> Self {
        let (code, status, detail) = match cause {
            HwError::NoMemory => (LogCode::OutOfResources, Status::INSUFFICIENT_RESOURCES, 0),
            HwError::Command(error) => (LogCode::HardwareFailure, Status::IO_DEVICE_ERROR, detail(error)),
            HwError::Timeout(_) => (LogCode::Timeout, Status::IO_TIMEOUT, 0),
            HwError::Lie(_) => (LogCode::InvalidValueFromAdapter, Status::IO_DEVICE_ERROR, 0),
            HwError::Limit(_) | HwError::NotSupported => (LogCode::HardwareFailure, Status::NOT_SUPPORTED, 0),
            HwError::Dead => (LogCode::HardwareFailure, Status::DEVICE_REMOVED, 0),
        };
        Self {
            code,
            step,
            status,
            detail,
        }
    }

    /// Writes it to the event log (rule INIT-01).
    pub(super) fn write(self, log: EventLog) {
        log.write(self.code, self.step, self.status, self.detail);
    }

    /// What `MiniportInitializeEx` returns (rule INIT-01).
    pub(super) fn status(self) -> Status {
        match self.status {
            Status::INSUFFICIENT_RESOURCES => Status::INSUFFICIENT_RESOURCES,
            _ => Status::UNSUCCESSFUL,
        }
    }
}

impl From<(Step, NoMemory)> for Failure {
    fn from((step, no_memory): (Step, NoMemory)) -> Self {
        Self::new(step, no_memory.into())
    }
}

/// The firmware's syndrome, or if there is none the command's opcode.
const fn detail(error: CommandError) -> u32 {
    match error.failure {
        CommandFailure::Status(_, syndrome) if syndrome != 0 => syndrome,
        _ => error.opcode as u32,
    }
}
