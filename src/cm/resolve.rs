//! The way to a peer: next hop and Ethernet address from netio.

use core::net::IpAddr;

use super::error::CmError;
use crate::{
    hw::{Gid, Mac},
    nt::{
        Passive,
        net::{self, Interface},
    },
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

impl Route {
    /// The way through the station `mac`.
    pub const fn new(local: IpAddr, remote: IpAddr, mac: Mac) -> Self {
        Self {
            local,
            remote,
            mac,
            hop_limit: HOP_LIMIT,
        }
    }
}

/// What is known of the way to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// All of it.
    Known(Route),
    /// The next hop, whose Ethernet address has to be asked for.
    Ask(IpAddr),
}

/// Finds the way from `local`, an address of the interface whose Ethernet address is `own`. May wait for the neighbour.
///
/// # Errors
/// [`CmError::InvalidAddress`], [`CmError::NoRoute`], [`CmError::NoNeighbour`].
pub fn resolve(
    interface: Interface,
    own: Mac,
    local: IpAddr,
    remote: IpAddr,
    passive: Passive<'_>,
) -> Result<Route, CmError> {
    match look_up(interface, own, local, remote, passive)? {
        Way::Known(route) => Ok(route),
        Way::Ask(hop) => ask(interface, local, hop, passive).map(|mac| Route::new(local, remote, mac)),
    }
}

/// The same as far as it is known. Does not wait.
///
/// # Errors
/// [`CmError::InvalidAddress`], [`CmError::NoRoute`].
pub fn look_up(
    interface: Interface,
    own: Mac,
    local: IpAddr,
    remote: IpAddr,
    passive: Passive<'_>,
) -> Result<Way, CmError> {
    if local.is_ipv4() != remote.is_ipv4() || remote.is_unspecified() || remote.is_multicast() {
        return Err(CmError::InvalidAddress);
    }
    if local == remote {
        return Ok(Way::Known(Route::new(local, remote, own)));
    }
    let hop = net::next_hop(interface, local, remote, passive).map_err(|_| CmError::NoRoute)?;
    let known = net::known_neighbour(interface, hop, passive);
    Ok(known.map_or(Way::Ask(hop), |mac| {
        Way::Known(Route::new(local, remote, Mac(mac)))
    }))
}

/// Asks the next hop for its Ethernet address. Waits up to seconds.
///
/// # Errors
/// [`CmError::NoNeighbour`].
pub fn ask(interface: Interface, local: IpAddr, hop: IpAddr, passive: Passive<'_>) -> Result<Mac, CmError> {
    let mac = net::ask_neighbour(interface, local, hop, passive).map_err(|_| CmError::NoNeighbour)?;
    Ok(Mac(mac))
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
