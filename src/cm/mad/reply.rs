//! REP and MRA: what answers a request, and the plea for patience (IBTA volume 1, 12.6.6 and 12.6.8).

use super::fields::{BODY, get, get8, get24, get32, get64, put, put24};
use super::{CommId, MAD_SIZE, MadError, Psn, Qpn};

/// What the replying side says about the alternate path of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failover {
    /// Accepted, or there was none.
    #[default]
    Accepted,
    /// The port cannot migrate.
    Unsupported,
    /// Refused.
    Rejected,
}

/// Reply to a request for communication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rep {
    /// The sender's id of the connection.
    pub local_comm_id: CommId,
    /// The receiver's id of the connection.
    pub remote_comm_id: CommId,
    /// Unused by connected transports.
    pub local_q_key: u32,
    /// The sender's queue pair.
    pub local_qpn: Qpn,
    /// End-to-end context of reliable datagrams, 24 bits.
    pub local_eecn: u32,
    /// Sequence number of the first packet that the receiver shall send.
    pub starting_psn: Psn,
    /// Vendor of the enhanced connection establishment, 24 bits; 0 without.
    pub vendor_id: u32,
    /// Reads and atomics that the sender's queue pair accepts at once.
    pub responder_resources: u8,
    /// Reads and atomics that the sender will have outstanding at most.
    pub initiator_depth: u8,
    /// How long the sender may delay acknowledgements: code, 5 bits.
    pub target_ack_delay: u8,
    /// About the alternate path.
    pub failover: Failover,
    /// The sender wants end-to-end flow control.
    pub flow_control: bool,
    /// RNR retry count of the receiver's queue pair, 3 bits; 7 is endless.
    pub rnr_retry_count: u8,
    /// The sender's queue pair takes its receives from a shared receive queue.
    pub srq: bool,
    /// The sender's node.
    pub local_ca_guid: u64,
    /// The consumer's.
    pub private_data: [u8; 196],
}

impl Rep {
    pub(super) fn parse(mad: &[u8; MAD_SIZE]) -> Result<Self, MadError> {
        let ack = get8::<{ BODY + 26 }>(mad);
        let retries = get8::<{ BODY + 27 }>(mad);
        let failover = match ack >> 1 & 3 {
            0 => Failover::Accepted,
            1 => Failover::Unsupported,
            2 => Failover::Rejected,
            value => {
                return Err(MadError::Reserved {
                    field: "failover accepted",
                    value,
                });
            }
        };
        let vendor = [
            get8::<{ BODY + 15 }>(mad),
            get8::<{ BODY + 19 }>(mad),
            get8::<{ BODY + 23 }>(mad),
        ];
        Ok(Self {
            local_comm_id: CommId(get32::<BODY>(mad)),
            remote_comm_id: CommId(get32::<{ BODY + 4 }>(mad)),
            local_q_key: get32::<{ BODY + 8 }>(mad),
            local_qpn: Qpn::new(get24::<{ BODY + 12 }>(mad)),
            local_eecn: get24::<{ BODY + 16 }>(mad),
            starting_psn: Psn::new(get24::<{ BODY + 20 }>(mad)),
            vendor_id: u32::from_be_bytes([0, vendor[0], vendor[1], vendor[2]]),
            responder_resources: get8::<{ BODY + 24 }>(mad),
            initiator_depth: get8::<{ BODY + 25 }>(mad),
            target_ack_delay: ack >> 3,
            failover,
            flow_control: ack & 1 != 0,
            rnr_retry_count: retries >> 5,
            srq: retries & 0x10 != 0,
            local_ca_guid: get64::<{ BODY + 28 }>(mad),
            private_data: get::<{ BODY + 36 }, 196>(mad),
        })
    }

    pub(super) fn encode(&self, mad: &mut [u8; MAD_SIZE]) {
        put::<BODY, 4>(mad, self.local_comm_id.0.to_be_bytes());
        put::<{ BODY + 4 }, 4>(mad, self.remote_comm_id.0.to_be_bytes());
        put::<{ BODY + 8 }, 4>(mad, self.local_q_key.to_be_bytes());
        let [_, high, mid, low] = self.vendor_id.to_be_bytes();
        put24::<{ BODY + 12 }>(mad, self.local_qpn.get());
        put::<{ BODY + 15 }, 1>(mad, [high]);
        put24::<{ BODY + 16 }>(mad, self.local_eecn);
        put::<{ BODY + 19 }, 1>(mad, [mid]);
        put24::<{ BODY + 20 }>(mad, self.starting_psn.get());
        put::<{ BODY + 23 }, 1>(mad, [low]);
        let ack = self.target_ack_delay << 3 | (self.failover as u8) << 1 | u8::from(self.flow_control);
        let retries = self.rnr_retry_count << 5 | u8::from(self.srq) << 4;
        put::<{ BODY + 24 }, 4>(
            mad,
            [self.responder_resources, self.initiator_depth, ack, retries],
        );
        put::<{ BODY + 28 }, 8>(mad, self.local_ca_guid.to_be_bytes());
        put::<{ BODY + 36 }, 196>(mad, self.private_data);
    }
}

/// The message whose receipt an [`Mra`] acknowledges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mraed {
    /// A request.
    #[default]
    Req,
    /// A reply.
    Rep,
    /// A request to load an alternate path.
    Lap,
}

/// Message receipt acknowledgement: the answer will take longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mra {
    /// The sender's id of the connection.
    pub local_comm_id: CommId,
    /// The receiver's id of the connection.
    pub remote_comm_id: CommId,
    /// The message that was received.
    pub message: Mraed,
    /// How long the answer may take: code, 4.096 us * 2^code.
    pub service_timeout: u8,
    /// The consumer's.
    pub private_data: [u8; 222],
}

impl Mra {
    pub(super) fn parse(mad: &[u8; MAD_SIZE]) -> Result<Self, MadError> {
        let message = match get8::<{ BODY + 8 }>(mad) >> 6 {
            0 => Mraed::Req,
            1 => Mraed::Rep,
            2 => Mraed::Lap,
            value => {
                return Err(MadError::Reserved {
                    field: "message MRAed",
                    value,
                });
            }
        };
        Ok(Self {
            local_comm_id: CommId(get32::<BODY>(mad)),
            remote_comm_id: CommId(get32::<{ BODY + 4 }>(mad)),
            message,
            service_timeout: get8::<{ BODY + 9 }>(mad) >> 3,
            private_data: get::<{ BODY + 10 }, 222>(mad),
        })
    }

    pub(super) fn encode(&self, mad: &mut [u8; MAD_SIZE]) {
        put::<BODY, 4>(mad, self.local_comm_id.0.to_be_bytes());
        put::<{ BODY + 4 }, 4>(mad, self.remote_comm_id.0.to_be_bytes());
        put::<{ BODY + 8 }, 2>(mad, [(self.message as u8) << 6, self.service_timeout << 3]);
        put::<{ BODY + 10 }, 222>(mad, self.private_data);
    }
}
