//! What the IP stack knows: this host's addresses, routes and neighbours (netio.sys, all at `PASSIVE_LEVEL`).

use core::{
    mem::zeroed,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ptr::null_mut,
};

use super::{Passive, Status};
use crate::sys::netio::{
    self, IpDadStateDeprecated, IpDadStatePreferred, MIB_IPFORWARD_ROW2, MIB_IPNET_ROW2,
    MIB_UNICASTIPADDRESS_ROW, MIB_UNICASTIPADDRESS_TABLE, NlnsMaximum, NlnsProbe, SOCKADDR_IN, SOCKADDR_IN6,
    SOCKADDR_INET,
};

const AF_UNSPEC: u16 = 0;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 23;
/// Bytes of an Ethernet address.
const MAC: u32 = 6;

/// An interface as the IP stack knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its `NET_LUID`.
    pub luid: u64,
    /// Its zone: the scope id of its link-local addresses. 0 when it is not known.
    pub zone: u32,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// The address.
    pub ip: IpAddr,
    /// The interface's zone.
    pub zone: u32,
}

/// Whether an address means something within its zone only.
pub const fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// Calls `each` with every usable unicast address of the interface `luid`, until it returns `false`. A host without addresses has none.
///
/// # Errors
/// The status of `GetUnicastIpAddressTable`.
pub fn unicast_addresses(
    luid: u64,
    _: Passive<'_>,
    mut each: impl FnMut(LocalAddress) -> bool,
) -> Result<(), Status> {
    let mut table: *mut MIB_UNICASTIPADDRESS_TABLE = null_mut();
    // SAFETY: PASSIVE_LEVEL; the place for the result is ours.
    let status = Status(unsafe { netio::GetUnicastIpAddressTable(AF_UNSPEC, &raw mut table) });
    if status == Status::NOT_FOUND {
        return Ok(());
    }
    status.ok()?;
    // SAFETY: success means a table, which stays until we free it.
    let entries = unsafe { (*table).NumEntries };
    // SAFETY: a field of the table; rows follow each other from there.
    let first: *const MIB_UNICASTIPADDRESS_ROW = unsafe { (&raw const (*table).Table) }.cast();
    for index in 0..entries as usize {
        // SAFETY: the table holds `entries` rows.
        let row = unsafe { &*first.wrapping_add(index) };
        let usable = row.DadState == IpDadStatePreferred || row.DadState == IpDadStateDeprecated;
        if row.InterfaceLuid == luid && usable && local_address(row).is_some_and(|address| !each(address)) {
            break;
        }
    }
    // SAFETY: the table above, not used any more.
    unsafe { netio::FreeMibTable(table.cast()) }
    Ok(())
}

/// The address of a row. Link-local zones are numbered as interfaces are, unless the address says otherwise.
fn local_address(row: &MIB_UNICASTIPADDRESS_ROW) -> Option<LocalAddress> {
    let ip = from_inet(&row.Address)?;
    let mut zone = row.InterfaceIndex;
    if is_link_local(ip) {
        // SAFETY: the family of a link-local address is that of IPv6.
        let v6 = unsafe { row.Address.Ipv6 };
        if v6.sin6_scope_id != 0 {
            zone = v6.sin6_scope_id;
        }
    }
    Some(LocalAddress { ip, zone })
}

/// The next hop from `source` on the interface to `destination`: a gateway, or the destination itself.
///
/// # Errors
/// The status of `GetBestRoute2`.
pub fn next_hop(
    interface: Interface,
    source: IpAddr,
    destination: IpAddr,
    _: Passive<'_>,
) -> Result<IpAddr, Status> {
    let Interface { mut luid, zone } = interface;
    let (source, to) = (into_inet(source, zone), into_inet(destination, zone));
    // SAFETY: the row is plain numbers, for which zeros are values.
    let mut route: MIB_IPFORWARD_ROW2 = unsafe { zeroed() };
    // SAFETY: as above.
    let mut best_source: SOCKADDR_INET = unsafe { zeroed() };
    // SAFETY: PASSIVE_LEVEL; all pointers lead to live values of their types.
    let status = unsafe {
        netio::GetBestRoute2(
            &raw mut luid,
            0,
            &raw const source,
            &raw const to,
            0,
            &raw mut route,
            &raw mut best_source,
        )
    };
    Status(status).ok()?;
    let gateway = from_inet(&route.NextHop).filter(|gateway| !gateway.is_unspecified());
    Ok(gateway.unwrap_or(destination))
}

/// The Ethernet address of a neighbour on the interface, as far as the system knows it. Does not wait.
pub fn known_neighbour(interface: Interface, neighbour: IpAddr, _: Passive<'_>) -> Option<[u8; 6]> {
    let mut row = neighbour_row(interface, neighbour);
    // SAFETY: PASSIVE_LEVEL; the row has its keys, address and interface.
    Status(unsafe { netio::GetIpNetEntry2(&raw mut row) }).ok().ok()?;
    usable_mac(&row)
}

/// Asks a neighbour on the interface for its Ethernet address, which takes up to seconds.
///
/// # Errors
/// The status of `ResolveIpNetEntry2`, or `HOST_UNREACHABLE` for an answer that is no Ethernet address.
pub fn ask_neighbour(
    interface: Interface,
    source: IpAddr,
    neighbour: IpAddr,
    _: Passive<'_>,
) -> Result<[u8; 6], Status> {
    let mut row = neighbour_row(interface, neighbour);
    let source = into_inet(source, interface.zone);
    // SAFETY: PASSIVE_LEVEL; the row has its keys, address and interface; the source is a live value.
    Status(unsafe { netio::ResolveIpNetEntry2(&raw mut row, &raw const source) }).ok()?;
    usable_mac(&row).ok_or(Status::HOST_UNREACHABLE)
}

fn neighbour_row(interface: Interface, neighbour: IpAddr) -> MIB_IPNET_ROW2 {
    // SAFETY: the row is plain numbers, for which zeros are values.
    let mut row: MIB_IPNET_ROW2 = unsafe { zeroed() };
    row.Address = into_inet(neighbour, interface.zone);
    row.InterfaceLuid = interface.luid;
    row
}

/// The Ethernet address of a row in a state in which the stack itself would send to it.
fn usable_mac(row: &MIB_IPNET_ROW2) -> Option<[u8; 6]> {
    let usable = (NlnsProbe..NlnsMaximum).contains(&row.State);
    let mac = row.PhysicalAddress.first_chunk().copied()?;
    (usable && row.PhysicalAddressLength == MAC && mac != [0; 6]).then_some(mac)
}

fn from_inet(address: &SOCKADDR_INET) -> Option<IpAddr> {
    // SAFETY: every variant begins with the family.
    match unsafe { address.si_family } {
        AF_INET => {
            // SAFETY: the family says so.
            let v4 = unsafe { address.Ipv4 };
            Some(IpAddr::V4(Ipv4Addr::from(v4.sin_addr)))
        }
        AF_INET6 => {
            // SAFETY: the family says so.
            let v6 = unsafe { address.Ipv6 };
            Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr)))
        }
        _ => None,
    }
}

fn into_inet(address: IpAddr, zone: u32) -> SOCKADDR_INET {
    // SAFETY: plain numbers, for which zeros are values; and no byte is left undefined.
    let mut inet: SOCKADDR_INET = unsafe { zeroed() };
    match address {
        IpAddr::V4(v4) => {
            inet.Ipv4 = SOCKADDR_IN {
                sin_family: AF_INET,
                sin_port: 0,
                sin_addr: v4.octets(),
                sin_zero: [0; 8],
            };
        }
        IpAddr::V6(v6) => {
            inet.Ipv6 = SOCKADDR_IN6 {
                sin6_family: AF_INET6,
                sin6_port: 0,
                sin6_flowinfo: 0,
                sin6_addr: v6.octets(),
                sin6_scope_id: if is_link_local(address) { zone } else { 0 },
            };
        }
    }
    inet
}
