//! Status codes of commands (connectx.md section 3).

/// What the status byte of a command's output says when a command fails, as far as this device uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    InternalError = 0x01,
    BadOp = 0x02,
    BadParameter = 0x03,
    BadSystemState = 0x04,
    BadResource = 0x05,
    ResourceBusy = 0x06,
    LimitsExceeded = 0x08,
    BadResourceState = 0x09,
    BadIndex = 0x0a,
    NoResources = 0x0f,
    BadQpState = 0x10,
    BadSizeOutstandingCqes = 0x40,
    BadInputLength = 0x50,
    BadOutputLength = 0x51,
}

/// Why a command is not done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It never will be.
    Status(Status),
    /// It waits for pages from the host.
    NeedsPages,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// What a command's execution gives: its whole output, or why not.
pub type Outcome = Result<Vec<u8>, Refusal>;

/// Delivery status: what was wrong with the entry or its mailboxes, as far as this device uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Signature = 0x01,
    Token = 0x02,
    BlockNumber = 0x03,
    OutputPointer = 0x04,
    InputPointer = 0x05,
    InputLength = 0x07,
    OutputLength = 0x08,
    ReservedNotClear = 0x09,
    DescriptorType = 0x10,
}
