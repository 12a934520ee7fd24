//! What a queue pair is for, and what makes it ready.

use super::types::{Gid, GidIndex, Mac, Mtu, Psn, Qpn};

/// What a queue pair is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QpKind {
    /// A reliable connection.
    Rc,
    /// General services (queue pair 1): datagrams that set up connections.
    Gsi,
}

/// Q_Key of general services.
pub const GSI_QKEY: u32 = 0x8001_0000;

/// The attributes that make a queue pair ready to receive. Source: connectx interface, section 9.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadyToReceive {
    /// The peer's queue pair.
    pub remote_qpn: Qpn,
    /// First packet number expected.
    pub receive_psn: Psn,
    /// Path MTU.
    pub mtu: Mtu,
    /// Our address: index of a [`super::gids`] entry.
    pub source: GidIndex,
    /// The peer's address.
    pub destination: Gid,
    /// Ethernet address of the next hop.
    pub mac: Mac,
    /// UDP source port, 0xc000 or above; see [`udp_source_port`].
    pub udp_source_port: u16,
    /// Time to live; at least 2 is used.
    pub hop_limit: u8,
    /// DSCP in bits 7:2.
    pub traffic_class: u8,
    /// Ethernet priority (PCP).
    pub priority: u8,
    /// Reads of the peer that we serve at a time; 0 denies reads.
    pub responder_resources: u8,
    /// RNR NAK timer code that we ask of the peer.
    pub min_rnr_nak: u8,
    /// Let the peer write.
    pub allow_write: bool,
}

/// The attributes that make a queue pair ready to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadyToSend {
    /// First packet number sent.
    pub send_psn: Psn,
    /// Acknowledgement timeout code: 4.096 us * 2^n; 0 waits for ever.
    pub ack_timeout: u8,
    /// Retries after timeouts and sequence errors, 0..=7.
    pub retry_count: u8,
    /// Retries after RNR NAKs, 0..=7; 7 has no end.
    pub rnr_retry: u8,
    /// Reads outstanding at a time. The device knows no 0: whoever posts has to refuse them then.
    pub initiator_depth: u8,
}

/// The UDP source port of a connection, which spreads connections over paths (connectx interface, section 9).
pub const fn udp_source_port(flow_label: u32, local: Qpn, remote: Qpn) -> u16 {
    let label = if flow_label != 0 {
        flow_label
    } else {
        let mut v = local.raw() as u64 * remote.raw() as u64;
        v ^= v >> 20;
        v ^= v >> 40;
        (v & 0xf_ffff) as u32
    };
    ((label & 0x3fff) ^ ((label & 0xf_c000) >> 14)) as u16 | 0xc000
}
