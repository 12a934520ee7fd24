//! SMB Direct (MS-SMBD) over Network Direct: negotiation, credits, data messages, keepalive.

mod connection;
mod credits;
mod endpoint;
mod fragments;
pub mod message;
mod settings;

pub use connection::{Connection, Event};
pub use endpoint::{Endpoint, EndpointLimits, Role, Wake};
pub use settings::{Agreed, Settings};

use super::ndk::Status;

/// Why an SMB Direct connection ended.
#[derive(Debug, thiserror::Error)]
pub enum SmbdError {
    /// A call of the interface failed.
    #[error("{what}: {status}")]
    Ndk {
        /// The call.
        what: &'static str,
        /// What it returned.
        status: Status,
    },
    /// A request completed in error.
    #[error("{what} completed with {status}")]
    Completion {
        /// The request.
        what: &'static str,
        /// Its status.
        status: Status,
    },
    /// No version in common.
    #[error("versions {0:#06x} to {1:#06x} do not include 1.0")]
    Version(u16, u16),
    /// A value in the negotiation that the protocol forbids.
    #[error("{0} of {1} in the negotiation")]
    Negotiation(&'static str, u32),
    /// Bytes that are no message.
    #[error("bad message: {0}")]
    Message(#[from] message::MessageError),
    /// A piece that does not continue its message.
    #[error("a piece of {length} bytes with {remaining} to come does not continue the message")]
    Fragment {
        /// Bytes of the piece.
        length: usize,
        /// What it announces.
        remaining: u32,
    },
    /// The peer sent more than it had credits for.
    #[error("a message came without a credit")]
    NoCredit,
    /// A message is longer than the peer takes.
    #[error("{0} bytes are more than the peer reassembles")]
    TooLong(usize),
    /// The peer disconnected.
    #[error("the peer disconnected")]
    Disconnected,
    /// The peer said nothing for too long.
    #[error("the peer is silent")]
    Silent,
}

/// Names the call that failed.
pub(super) trait Context<T> {
    /// Turns the status into an error that says what was tried.
    fn during(self, what: &'static str) -> Result<T, SmbdError>;
}

impl<T> Context<T> for Result<T, Status> {
    fn during(self, what: &'static str) -> Result<T, SmbdError> {
        self.map_err(|status| SmbdError::Ndk { what, status })
    }
}
