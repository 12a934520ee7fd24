//! REJ: one side ends a connection that is being set up (IBTA volume 1, 12.6.7).

use super::fields::{BODY, get, get8, get16, get32, put};
use super::{CommId, MAD_SIZE, MadError};

/// Length of the additional reject information.
pub const ARI_SIZE: usize = 72;

/// The message that is rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rejected {
    /// A request.
    #[default]
    Req,
    /// A reply.
    Rep,
    /// None: the sender gives up by itself.
    Other,
}

/// Why a connection was rejected (IBTA volume 1, 12.6.7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectReason(pub u16);

impl RejectReason {
    /// No resources.
    pub const NO_RESOURCES: Self = Self(3);
    /// The sender stopped waiting; its node's GUID is in the additional information.
    pub const TIMEOUT: Self = Self(4);
    /// Unsupported request.
    pub const UNSUPPORTED: Self = Self(5);
    /// Nobody serves the service id.
    pub const INVALID_SERVICE_ID: Self = Self(8);
    /// The transport does not fit the service.
    pub const INVALID_TRANSPORT: Self = Self(9);
    /// A connection of the same ids or queue pair is still known.
    pub const STALE_CONNECTION: Self = Self(10);
    /// The receiver has no such primary GID.
    pub const PRIMARY_GID: Self = Self(12);
    /// The path MTU is too large; the largest code is in the additional information.
    pub const INVALID_PATH_MTU: Self = Self(26);
    /// The consumer said no.
    pub const CONSUMER: Self = Self(28);
}

/// Reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rej {
    /// The sender's id of the connection; none if it never made one.
    pub local_comm_id: CommId,
    /// The receiver's id of the connection; none if the sender never learnt it.
    pub remote_comm_id: CommId,
    /// What is rejected.
    pub message: Rejected,
    /// Why.
    pub reason: RejectReason,
    /// How many bytes of `ari` mean something.
    pub ari_length: u8,
    /// Additional reject information.
    pub ari: [u8; ARI_SIZE],
    /// The consumer's.
    pub private_data: [u8; 148],
}

impl Rej {
    /// The additional reject information that the sender gave.
    pub fn additional_information(&self) -> &[u8] {
        self.ari.get(..usize::from(self.ari_length)).unwrap_or(&self.ari)
    }

    /// The node that a rejection for a timeout names: that of its sender. 0 without one.
    pub fn named_guid(&self) -> u64 {
        self.ari
            .first_chunk()
            .map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    pub(super) fn parse(mad: &[u8; MAD_SIZE]) -> Result<Self, MadError> {
        let message = match get8::<{ BODY + 8 }>(mad) >> 6 {
            0 => Rejected::Req,
            1 => Rejected::Rep,
            2 => Rejected::Other,
            value => {
                return Err(MadError::Reserved {
                    field: "message rejected",
                    value,
                });
            }
        };
        let ari_length = get8::<{ BODY + 9 }>(mad) >> 1;
        if usize::from(ari_length) > ARI_SIZE {
            return Err(MadError::Length(ari_length));
        }
        Ok(Self {
            local_comm_id: CommId(get32::<BODY>(mad)),
            remote_comm_id: CommId(get32::<{ BODY + 4 }>(mad)),
            message,
            reason: RejectReason(get16::<{ BODY + 10 }>(mad)),
            ari_length,
            ari: get::<{ BODY + 12 }, ARI_SIZE>(mad),
            private_data: get::<{ BODY + 84 }, 148>(mad),
        })
    }

    pub(super) fn encode(&self, mad: &mut [u8; MAD_SIZE]) {
        put::<BODY, 4>(mad, self.local_comm_id.0.to_be_bytes());
        put::<{ BODY + 4 }, 4>(mad, self.remote_comm_id.0.to_be_bytes());
        put::<{ BODY + 8 }, 2>(mad, [(self.message as u8) << 6, self.ari_length << 1]);
        put::<{ BODY + 10 }, 2>(mad, self.reason.0.to_be_bytes());
        put::<{ BODY + 12 }, ARI_SIZE>(mad, self.ari);
        put::<{ BODY + 84 }, 148>(mad, self.private_data);
    }
}
