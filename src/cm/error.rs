//! What can go wrong in connection management.

use crate::{
    hw::HwError,
    nt::{NoMemory, Status},
};

/// The connection is in no state for the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Illegal;

/// Why connection management refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CmError {
    /// No memory.
    NoMemory,
    /// The device failed.
    Device(HwError),
    /// A SOCKADDR of unknown family or too short; or not one of this adapter's addresses (CONN-07).
    InvalidAddress,
    /// Address and port are in use (CONN-07, CONN-43).
    PortInUse,
    /// All of 49152-65535 are in use (CONN-06).
    PortsExhausted,
    /// The same two addresses and ports are connected already (CONN-05).
    AlreadyConnected,
    /// No route to the destination.
    NoRoute,
    /// The next hop does not answer.
    NoNeighbour,
    /// Private data beyond the limits (CONN-08).
    DataTooLong,
    /// The connection was given up, rejected or lost meanwhile.
    Illegal,
    /// The agent has stopped.
    Stopped,
    /// A service of the system failed.
    System(Status),
}

impl From<NoMemory> for CmError {
    fn from(_: NoMemory) -> Self {
        Self::NoMemory
    }
}

impl From<Status> for CmError {
    fn from(status: Status) -> Self {
        Self::System(status)
    }
}

impl From<HwError> for CmError {
    fn from(error: HwError) -> Self {
        if error == HwError::NoMemory {
            Self::NoMemory
        } else {
            Self::Device(error)
        }
    }
}

impl From<Illegal> for CmError {
    fn from(_: Illegal) -> Self {
        Self::Illegal
    }
}

impl From<CmError> for Status {
    fn from(error: CmError) -> Self {
        match error {
            // A limit is that of the table of addresses, which is full.
            CmError::NoMemory | CmError::Device(HwError::Limit(_)) => Self::INSUFFICIENT_RESOURCES,
            CmError::Device(error) => error.into(),
            CmError::Stopped => Self::IO_DEVICE_ERROR,
            CmError::InvalidAddress => Self::INVALID_ADDRESS,
            CmError::PortInUse => Self::SHARING_VIOLATION,
            CmError::PortsExhausted => Self::TOO_MANY_ADDRESSES,
            CmError::AlreadyConnected => Self::ADDRESS_ALREADY_EXISTS,
            CmError::NoRoute => Self::NETWORK_UNREACHABLE,
            CmError::NoNeighbour => Self::HOST_UNREACHABLE,
            CmError::DataTooLong => Self::INVALID_BUFFER_SIZE,
            CmError::Illegal => Self::CONNECTION_ABORTED,
            CmError::System(status) => status,
        }
    }
}
