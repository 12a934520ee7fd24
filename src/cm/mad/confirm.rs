//! RTU and DREP: the last word of an exchange (IBTA volume 1, 12.6.9 and 12.6.11). Both have one layout.

use super::fields::{BODY, get, get32, put};
use super::{CommId, MAD_SIZE};

/// Ready to use, or the reply to a request for communication release: it names the connection and says nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// The sender's id of the connection.
    pub local_comm_id: CommId,
    /// The receiver's id of the connection.
    pub remote_comm_id: CommId,
    /// The consumer's.
    pub private_data: [u8; 224],
}

impl Confirm {
    /// Without private data.
    pub const fn new(local_comm_id: CommId, remote_comm_id: CommId) -> Self {
        Self {
            local_comm_id,
            remote_comm_id,
            private_data: [0; 224],
        }
    }

    pub(super) fn parse(mad: &[u8; MAD_SIZE]) -> Self {
        Self {
            local_comm_id: CommId(get32::<BODY>(mad)),
            remote_comm_id: CommId(get32::<{ BODY + 4 }>(mad)),
            private_data: get::<{ BODY + 8 }, 224>(mad),
        }
    }

    pub(super) fn encode(&self, mad: &mut [u8; MAD_SIZE]) {
        put::<BODY, 4>(mad, self.local_comm_id.0.to_be_bytes());
        put::<{ BODY + 4 }, 4>(mad, self.remote_comm_id.0.to_be_bytes());
        put::<{ BODY + 8 }, 224>(mad, self.private_data);
    }
}
