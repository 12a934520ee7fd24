//! The way to a peer: next hop and Ethernet address from netio.

use core::net::IpAddr;

use super::error::CmError;
use crate::{
    hw::{Gid, Mac},
    nt::{Passive, net},
};

/// Hop limit of what this driver sends, as Windows and Linux have it.
const HOP_LIMIT: u8 = 64;

/// The way from a local address to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// This side's address.
    pub local: IpAddr,
    /// The peer's.
    pub remote: IpAddr,
    /// Next hop: the peer, or the gateway towards it.
    pub mac: Mac,
    /// IP hop limit.
    pub hop_limit: u8,
}

/// Finds the way from `local`, an address of the interface `luid` whose Ethernet address is `own`. May wait for the neighbour.
///
/// # Errors
/// [`CmError::InvalidAddress`], [`CmError::NoRoute`], [`CmError::NoNeighbour`].
pub fn resolve(
    luid: u64,
    own: Mac,
    local: IpAddr,
    remote: IpAddr,
    passive: Passive<'_>,
) -> Result<Route, CmError> {
    if local.is_ipv4() != remote.is_ipv4() || remote.is_unspecified() || remote.is_multicast() {
        return Err(CmError::InvalidAddress);
    }
    let route = |mac| Route {
        local,
        remote,
        mac,
        hop_limit: HOP_LIMIT,
    };
    if local == remote {
        return Ok(route(own));
    }
    let hop = net::next_hop(luid, local, remote, passive).map_err(|_| CmError::NoRoute)?;
    let mac = net::neighbour(luid, local, hop, passive).map_err(|_| CmError::NoNeighbour)?;
    Ok(route(Mac(mac)))
}

/// Whether `address` is one of the interface's (CONN-07).
pub fn is_local(luid: u64, address: IpAddr, passive: Passive<'_>) -> bool {
    let mut found = false;
    // A table that cannot be read has no addresses.
    let _ = net::unicast_addresses(luid, passive, |local| {
        found |= local == address;
        !found
    });
    found
}

/// An address as a GID.
pub fn gid(address: IpAddr) -> Gid {
    match address {
        IpAddr::V4(v4) => Gid::from_v4(v4.octets()),
        IpAddr::V6(v6) => Gid(v6.octets()),
    }
}

/// The address that a GID stands for.
pub fn address(gid: Gid) -> IpAddr {
    gid.to_v4().map_or_else(|| IpAddr::from(gid.0), IpAddr::from)
}
