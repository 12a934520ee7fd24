//! REQ: one side asks the other for a connection (IBTA volume 1, 12.6.5).

use super::fields::{BODY, get, get8, get16, get24, get32, get64, put, put24};
use super::{CommId, MAD_SIZE, MadError, Psn, Qpn, ServiceId};

/// Offset of the primary path within the message.
const PRIMARY: usize = BODY + 52;
/// Offset of the alternate path within the message.
const ALTERNATE: usize = BODY + 96;

/// The transport that the requested channel is to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportService {
    /// Reliable connection, the only one of NDK.
    #[default]
    Rc,
    /// Unreliable connection.
    Uc,
    /// Reliable datagram.
    Rd,
    /// Named by the extended transport type.
    Extended,
}

impl TransportService {
    const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Rc,
            1 => Self::Uc,
            2 => Self::Rd,
            _ => Self::Extended,
        }
    }
}

/// A path between two ports, as a REQ describes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// LID of the sender's port; 0xffff on RoCE, 0 if the path is absent.
    pub local_lid: u16,
    /// LID of the receiver's port; 0xffff on RoCE.
    pub remote_lid: u16,
    /// GID of the sender's port: its IPv6 address or its IPv4 address mapped into one.
    pub local_gid: [u8; 16],
    /// GID of the receiver's port.
    pub remote_gid: [u8; 16],
    /// 20 bits; both directions derive their UDP source port from it.
    pub flow_label: u32,
    /// Packet rate code, 6 bits.
    pub packet_rate: u8,
    /// IP traffic class of the receiver's packets.
    pub traffic_class: u8,
    /// IP hop limit of the receiver's packets.
    pub hop_limit: u8,
    /// Service level, 4 bits.
    pub service_level: u8,
    /// Both ports are in one subnet.
    pub subnet_local: bool,
    /// Acknowledgement timeout code of the receiver's queue pair, 5 bits: 4.096 us * 2^code.
    pub ack_timeout: u8,
}

impl Path {
    fn parse<const AT: usize>(mad: &[u8; MAD_SIZE]) -> Self {
        // Both paths have one layout; their bytes are taken out first so that offsets stay constants.
        let raw = get::<AT, 44>(mad);
        let mut area = [0; MAD_SIZE];
        put::<0, 44>(&mut area, raw);
        Self {
            local_lid: get16::<0>(&area),
            remote_lid: get16::<2>(&area),
            local_gid: get::<4, 16>(&area),
            remote_gid: get::<20, 16>(&area),
            flow_label: get24::<36>(&area) >> 4,
            packet_rate: get8::<39>(&area) & 0x3f,
            traffic_class: get8::<40>(&area),
            hop_limit: get8::<41>(&area),
            service_level: get8::<42>(&area) >> 4,
            subnet_local: get8::<42>(&area) & 8 != 0,
            ack_timeout: get8::<43>(&area) >> 3,
        }
    }

    fn encode<const AT: usize>(&self, mad: &mut [u8; MAD_SIZE]) {
        let mut area = [0; MAD_SIZE];
        put::<0, 2>(&mut area, self.local_lid.to_be_bytes());
        put::<2, 2>(&mut area, self.remote_lid.to_be_bytes());
        put::<4, 16>(&mut area, self.local_gid);
        put::<20, 16>(&mut area, self.remote_gid);
        put24::<36>(&mut area, self.flow_label << 4);
        let levels = self.service_level << 4 | u8::from(self.subnet_local) << 3;
        let tail = [
            self.packet_rate & 0x3f,
            self.traffic_class,
            self.hop_limit,
            levels,
            self.ack_timeout << 3,
        ];
        put::<39, 5>(&mut area, tail);
        put::<AT, 44>(mad, get::<0, 44>(&area));
    }
}

/// Request for communication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Req {
    /// The sender's id of the connection.
    pub local_comm_id: CommId,
    /// Vendor of the enhanced connection establishment, 24 bits; 0 without.
    pub vendor_id: u32,
    /// What the sender wants to talk to.
    pub service_id: ServiceId,
    /// The sender's node.
    pub local_ca_guid: u64,
    /// Unused by connected transports.
    pub local_q_key: u32,
    /// The sender's queue pair.
    pub local_qpn: Qpn,
    /// Reads and atomics that the sender's queue pair accepts at once.
    pub responder_resources: u8,
    /// End-to-end context of reliable datagrams, 24 bits.
    pub local_eecn: u32,
    /// Reads and atomics that the sender will have outstanding at most.
    pub initiator_depth: u8,
    /// End-to-end context of reliable datagrams, 24 bits.
    pub remote_eecn: u32,
    /// How long the receiver may take to answer: code, 4.096 us * 2^code.
    pub remote_response_timeout: u8,
    /// The requested transport.
    pub transport: TransportService,
    /// The sender can do end-to-end flow control.
    pub flow_control: bool,
    /// Sequence number of the first packet that the receiver shall send.
    pub starting_psn: Psn,
    /// How long the sender may take to answer a REP: code.
    pub local_response_timeout: u8,
    /// Retry count of the receiver's queue pair, 3 bits.
    pub retry_count: u8,
    /// Partition key, 0xffff on RoCE.
    pub p_key: u16,
    /// Path MTU code: 1 is 256 bytes, 5 is 4096.
    pub path_mtu: u8,
    /// A reliable datagram channel exists.
    pub rdc_exists: bool,
    /// RNR retry count of the receiver's queue pair, 3 bits; 7 is endless.
    pub rnr_retry_count: u8,
    /// How often either side sends a message again, 4 bits.
    pub max_cm_retries: u8,
    /// The sender's queue pair takes its receives from a shared receive queue.
    pub srq: bool,
    /// Transport if [`TransportService::Extended`], 3 bits.
    pub extended_transport: u8,
    /// The path to use.
    pub primary: Path,
    /// The path to migrate to; absent if its local LID is 0.
    pub alternate: Path,
    /// 36 bytes of RDMA IP CM header and 56 bytes for the consumer, in IP based port spaces.
    pub private_data: [u8; 92],
}

impl Req {
    pub(super) fn parse(mad: &[u8; MAD_SIZE]) -> Result<Self, MadError> {
        let path_mtu = get8::<{ BODY + 50 }>(mad) >> 4;
        if !(1..=5).contains(&path_mtu) {
            return Err(MadError::Reserved {
                field: "path MTU",
                value: path_mtu,
            });
        }
        let service = get8::<{ BODY + 43 }>(mad);
        let retries = get8::<{ BODY + 47 }>(mad);
        let mtu = get8::<{ BODY + 50 }>(mad);
        let last = get8::<{ BODY + 51 }>(mad);
        Ok(Self {
            local_comm_id: CommId(get32::<BODY>(mad)),
            vendor_id: get24::<{ BODY + 5 }>(mad),
            service_id: ServiceId(get64::<{ BODY + 8 }>(mad)),
            local_ca_guid: get64::<{ BODY + 16 }>(mad),
            local_q_key: get32::<{ BODY + 28 }>(mad),
            local_qpn: Qpn::new(get24::<{ BODY + 32 }>(mad)),
            responder_resources: get8::<{ BODY + 35 }>(mad),
            local_eecn: get24::<{ BODY + 36 }>(mad),
            initiator_depth: get8::<{ BODY + 39 }>(mad),
            remote_eecn: get24::<{ BODY + 40 }>(mad),
            remote_response_timeout: service >> 3,
            transport: TransportService::from_bits(service >> 1),
            flow_control: service & 1 != 0,
            starting_psn: Psn::new(get24::<{ BODY + 44 }>(mad)),
            local_response_timeout: retries >> 3,
            retry_count: retries & 7,
            p_key: get16::<{ BODY + 48 }>(mad),
            path_mtu,
            rdc_exists: mtu & 8 != 0,
            rnr_retry_count: mtu & 7,
            max_cm_retries: last >> 4,
            srq: last & 8 != 0,
            extended_transport: last & 7,
            primary: Path::parse::<PRIMARY>(mad),
            alternate: Path::parse::<ALTERNATE>(mad),
            private_data: get::<{ BODY + 140 }, 92>(mad),
        })
    }

    pub(super) fn encode(&self, mad: &mut [u8; MAD_SIZE]) {
        put::<BODY, 4>(mad, self.local_comm_id.0.to_be_bytes());
        put24::<{ BODY + 5 }>(mad, self.vendor_id);
        put::<{ BODY + 8 }, 8>(mad, self.service_id.0.to_be_bytes());
        put::<{ BODY + 16 }, 8>(mad, self.local_ca_guid.to_be_bytes());
        put::<{ BODY + 28 }, 4>(mad, self.local_q_key.to_be_bytes());
        put24::<{ BODY + 32 }>(mad, self.local_qpn.get());
        put24::<{ BODY + 36 }>(mad, self.local_eecn);
        put24::<{ BODY + 40 }>(mad, self.remote_eecn);
        put24::<{ BODY + 44 }>(mad, self.starting_psn.get());
        put::<{ BODY + 35 }, 1>(mad, [self.responder_resources]);
        put::<{ BODY + 39 }, 1>(mad, [self.initiator_depth]);
        let service =
            self.remote_response_timeout << 3 | (self.transport as u8) << 1 | u8::from(self.flow_control);
        put::<{ BODY + 43 }, 1>(mad, [service]);
        put::<{ BODY + 47 }, 1>(mad, [self.local_response_timeout << 3 | self.retry_count & 7]);
        put::<{ BODY + 48 }, 2>(mad, self.p_key.to_be_bytes());
        let mtu = self.path_mtu << 4 | u8::from(self.rdc_exists) << 3 | self.rnr_retry_count & 7;
        let last = self.max_cm_retries << 4 | u8::from(self.srq) << 3 | self.extended_transport & 7;
        put::<{ BODY + 50 }, 2>(mad, [mtu, last]);
        self.primary.encode::<PRIMARY>(mad);
        self.alternate.encode::<ALTERNATE>(mad);
        put::<{ BODY + 140 }, 92>(mad, self.private_data);
    }
}
