//! What consumers give to and get from connection management.

use core::net::SocketAddr;

use super::{mad::RejectReason, ports::Endpoint};
use crate::{
    hw::{Gid, GidIndex, Mac, Mtu, Psn, Qpn, ReadyToReceive, ReadyToSend},
    nt::Ref,
};

/// Private data of a connect request: what the IP header leaves of a REQ (CONN-08).
pub const MAX_CALLER_DATA: usize = super::mad::IP_CM_CONSUMER_DATA;
/// Private data of an accept or a reject: what fits both a REP and a REJ (CONN-08).
pub const MAX_CALLEE_DATA: usize = 148;

/// Reads and atomics under way at once, by direction, seen from this side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadLimits {
    /// Those of the peer, which this side's device answers (responder resources).
    pub inbound: u8,
    /// Those of this side (initiator depth).
    pub outbound: u8,
}

impl ReadLimits {
    /// The limits that hold when the peer has `peer`'s: each direction is limited by both ends (CONN-11).
    #[must_use]
    pub fn agreed_with(self, peer: Self) -> Self {
        Self {
            inbound: self.inbound.min(peer.outbound),
            outbound: self.outbound.min(peer.inbound),
        }
    }
}

/// What a consumer asks for with [`super::Agent::connect`].
#[derive(Clone, Copy, Debug)]
pub struct ConnectRequest<'a> {
    /// The local address and port; the caller keeps it for as long as it has the connection (CONN-41, CONN-42).
    pub endpoint: &'a Ref<Endpoint>,
    /// Where to.
    pub remote: SocketAddr,
    /// The queue pair that will be connected.
    pub qpn: Qpn,
    /// What this side can do; capped by the consumer of this floor to the device's limits (CONN-10).
    pub limits: ReadLimits,
    /// At most [`MAX_CALLER_DATA`] bytes; captured.
    pub private_data: &'a [u8],
}

/// What a consumer answers to a request with [`super::Connection::reply`].
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The queue pair, which is in RTR with the parameters of [`super::Connection::parameters`].
    pub qpn: Qpn,
    /// What this side can do; the peer is told what both can.
    pub limits: ReadLimits,
    /// At most [`MAX_CALLEE_DATA`] bytes; captured.
    pub private_data: &'a [u8],
}

/// The peer's acceptance of a connect request.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    /// The effective limits of this side (CONN-11).
    pub limits: ReadLimits,
    /// Zero-filled; the wire carries no length (CONN-54).
    pub private_data: [u8; MAX_CALLEE_DATA],
}

/// The peer's rejection.
#[derive(Clone, Copy, Debug)]
pub struct Rejection {
    /// Why.
    pub reason: RejectReason,
    /// Zero-filled; the wire carries no length (CONN-54).
    pub private_data: [u8; MAX_CALLEE_DATA],
}

/// What goes into the queue pair of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QpParameters {
    /// Index of the local address in the port's `RoCE` address table.
    pub gid_index: GidIndex,
    /// The peer's address.
    pub remote_gid: Gid,
    /// Next hop towards the peer.
    pub remote_mac: Mac,
    /// IP hop limit.
    pub hop_limit: u8,
    /// IP traffic class.
    pub traffic_class: u8,
    /// UDP source port, derived from the flow label of the request.
    pub udp_source_port: u16,
    /// The peer's queue pair.
    pub remote_qpn: Qpn,
    /// Path MTU.
    pub path_mtu: Mtu,
    /// Expected sequence number (`rq_psn`, RTR).
    pub receive_psn: Psn,
    /// First sequence number sent (`sq_psn`, RTS).
    pub send_psn: Psn,
    /// Effective limits: inbound is `max_dest_rd_atomic` (RTR), outbound `max_rd_atomic` (RTS).
    pub limits: ReadLimits,
    /// Acknowledgement timeout code, 4.096 us * 2^code (RTS).
    pub ack_timeout: u8,
    /// Retries without an answer (RTS).
    pub retry_count: u8,
    /// Retries after RNR NAK, 7 is endless (RTS).
    pub rnr_retry_count: u8,
}

/// RNR NAK timer code that peers are asked for: 0.64 ms, long enough for a consumer to post a receive, or to return a buffer.
const MIN_RNR_NAK: u8 = 12;

impl QpParameters {
    /// What makes a queue pair ready to receive, with these limits of reads; `allow_write` lets the peer write.
    pub const fn ready_to_receive(&self, limits: ReadLimits, allow_write: bool) -> ReadyToReceive {
        ReadyToReceive {
            remote_qpn: self.remote_qpn,
            receive_psn: self.receive_psn,
            mtu: self.path_mtu,
            source: self.gid_index,
            destination: self.remote_gid,
            mac: self.remote_mac,
            udp_source_port: self.udp_source_port,
            hop_limit: self.hop_limit,
            traffic_class: self.traffic_class,
            priority: 0,
            responder_resources: limits.inbound,
            min_rnr_nak: MIN_RNR_NAK,
            allow_write,
        }
    }

    /// What makes a queue pair ready to send, with these limits of reads.
    pub const fn ready_to_send(&self, limits: ReadLimits) -> ReadyToSend {
        ReadyToSend {
            send_psn: self.send_psn,
            ack_timeout: self.ack_timeout,
            retry_count: self.retry_count,
            rnr_retry: self.rnr_retry_count,
            initiator_depth: limits.outbound,
        }
    }
}
