//! DREQ: asks for the end of a connection (IBTA volume 1, 12.6.10).

use super::fields::{BODY, get, get24, get32, put, put24};
use super::{CommId, MAD_SIZE, Qpn};

/// Request for communication release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dreq {
    /// The sender's id of the connection.
    pub local_comm_id: CommId,
    /// The receiver's id of the connection.
    pub remote_comm_id: CommId,
    /// The receiver's queue pair.
    pub remote_qpn: Qpn,
    /// The consumer's.
    pub private_data: [u8; 220],
}

impl Dreq {
    pub(super) fn parse(mad: &[u8; MAD_SIZE]) -> Self {
        Self {
            local_comm_id: CommId(get32::<BODY>(mad)),
            remote_comm_id: CommId(get32::<{ BODY + 4 }>(mad)),
            remote_qpn: Qpn::new(get24::<{ BODY + 8 }>(mad)),
            private_data: get::<{ BODY + 12 }, 220>(mad),
        }
    }

    pub(super) fn encode(&self, mad: &mut [u8; MAD_SIZE]) {
        put::<BODY, 4>(mad, self.local_comm_id.0.to_be_bytes());
        put::<{ BODY + 4 }, 4>(mad, self.remote_comm_id.0.to_be_bytes());
        put24::<{ BODY + 8 }>(mad, self.remote_qpn.get());
        put::<{ BODY + 12 }, 220>(mad, self.private_data);
    }
}
