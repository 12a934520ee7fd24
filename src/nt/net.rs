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

/// Calls `each` with every usable unicast address of the interface `luid`, until it returns `false`.
///
/// # Errors
/// The status of `GetUnicastIpAddressTable`.
pub fn unicast_addresses(
    luid: u64,
    _: Passive<'_>,
    mut each: impl FnMut(IpAddr) -> bool,
) -> Result<(), Status> {
    let mut table: *mut MIB_UNICASTIPADDRESS_TABLE = null_mut();
    // SAFETY: PASSIVE_LEVEL; the place for the result is ours.
    Status(unsafe { netio::GetUnicastIpAddressTable(AF_UNSPEC, &raw mut table) }).ok()?;
    // SAFETY: success means a table, which stays until we free it.
    let entries = unsafe { (*table).NumEntries };
    // SAFETY: a field of the table; rows follow each other from there.
    let first: *const MIB_UNICASTIPADDRESS_ROW = unsafe { (&raw const (*table).Table) }.cast();
    for index in 0..entries as usize {
        // SAFETY: the table holds `entries` rows.
        let row = unsafe { &*first.wrapping_add(index) };
        let usable = row.DadState == IpDadStatePreferred || row.DadState == IpDadStateDeprecated;
        if row.InterfaceLuid == luid
            && usable
            && from_inet(&row.Address).is_some_and(|address| !each(address))
        {
            break;
        }
    }
    // SAFETY: the table above, not used any more.
    unsafe { netio::FreeMibTable(table.cast()) }
    Ok(())
}

/// The next hop from `source` on the interface `luid` to `destination`: a gateway, or the destination itself.
///
/// # Errors
/// The status of `GetBestRoute2`.
pub fn next_hop(luid: u64, source: IpAddr, destination: IpAddr, _: Passive<'_>) -> Result<IpAddr, Status> {
    let mut luid = luid;
    let (source, to) = (into_inet(source), into_inet(destination));
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

/// The Ethernet address of a neighbour on the interface `luid`; asks it if the system does not know, which takes up to
/// seconds.
///
/// # Errors
/// The status of `ResolveIpNetEntry2`, or `HOST_UNREACHABLE` for an answer that is no Ethernet address.
pub fn neighbour(luid: u64, source: IpAddr, neighbour: IpAddr, _: Passive<'_>) -> Result<[u8; 6], Status> {
    // SAFETY: the row is plain numbers, for which zeros are values.
    let mut row: MIB_IPNET_ROW2 = unsafe { zeroed() };
    row.Address = into_inet(neighbour);
    row.InterfaceLuid = luid;
    // SAFETY: PASSIVE_LEVEL; the row has its keys, address and interface.
    let known = Status(unsafe { netio::GetIpNetEntry2(&raw mut row) });
    if let (true, Some(mac)) = (known.is_success(), usable_mac(&row)) {
        return Ok(mac);
    }
    row.Address = into_inet(neighbour);
    row.InterfaceLuid = luid;
    let source = into_inet(source);
    // SAFETY: as above; the source is a live value.
    Status(unsafe { netio::ResolveIpNetEntry2(&raw mut row, &raw const source) }).ok()?;
    usable_mac(&row).ok_or(Status::HOST_UNREACHABLE)
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

fn into_inet(address: IpAddr) -> SOCKADDR_INET {
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
                sin6_scope_id: 0,
            };
        }
    }
    inet
}
