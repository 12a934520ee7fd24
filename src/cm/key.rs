//! What names a connection in messages and calls.

use core::net::{IpAddr, SocketAddr};

use super::mad::{CommId, Qpn};

/// Ways to find a connection.
pub(super) const KEYS: usize = 4;

/// What names a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// This side's id.
    Id(CommId),
    /// The peer's id, and its node.
    Peer(CommId, u64),
    /// The peer's queue pair, and its node.
    QueuePair(Qpn, u64),
    /// Both addresses and ports.
    Ends(SocketAddr, SocketAddr),
}

impl Key {
    /// Which of the [`KEYS`] ways this is.
    pub(super) const fn kind(&self) -> usize {
        match self {
            Self::Id(_) => 0,
            Self::Peer(..) => 1,
            Self::QueuePair(..) => 2,
            Self::Ends(..) => 3,
        }
    }

    /// Depends on `secret`, so that no peer can choose what falls into one chain.
    pub(super) fn hash(&self, secret: u64) -> u32 {
        let mix = |sum: u64, word: u64| {
            let mut sum = (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            sum = (sum ^ sum >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
            sum ^ sum >> 32
        };
        let at = |sum, address: &SocketAddr| {
            let ip = match address.ip() {
                IpAddr::V4(v4) => u128::from(u32::from(v4)),
                IpAddr::V6(v6) => u128::from(v6),
            };
            mix(
                mix(mix(sum, ip as u64), (ip >> 64) as u64),
                u64::from(address.port()),
            )
        };
        let sum = match self {
            Self::Id(id) => mix(secret, u64::from(id.0)),
            Self::Peer(id, guid) => mix(mix(secret, *guid), u64::from(id.0)),
            Self::QueuePair(qpn, guid) => mix(mix(secret, *guid), u64::from(qpn.get())),
            Self::Ends(local, remote) => at(at(secret, local), remote),
        };
        sum as u32
    }
}
