//! netio.sys as the driver imports it. Everything here is for `PASSIVE_LEVEL`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::net::IpAddr;

use cxndk::sys::netio::{
    IP_ADDRESS_PREFIX, IpPrefixOriginManual, MIB_IPFORWARD_ROW2, MIB_IPNET_ROW2, MIB_UNICASTIPADDRESS_ROW,
    MIB_UNICASTIPADDRESS_TABLE, NldsPreferred, NldsTentative, NlnsReachable, NlroManual, NlsoManual,
    RouteProtocolLocal, RouteProtocolNetMgmt, SOCKADDR_INET,
};

use super::address;
use super::model::{Interface, InterfaceId, Path, Unicast};
use super::state;
use crate::nt::{self, Level};
use crate::sim::{self, HostId, MICROSECOND, SECOND, Stream, faults};

const STATUS_SUCCESS: i32 = 0;
const STATUS_INVALID_PARAMETER: i32 = 0xC000_000D_u32 as i32;
const STATUS_NO_MEMORY: i32 = 0xC000_0017_u32 as i32;
const STATUS_BAD_NETWORK_NAME: i32 = 0xC000_00CC_u32 as i32;
const STATUS_NOT_FOUND: i32 = 0xC000_0225_u32 as i32;
const STATUS_NETWORK_UNREACHABLE: i32 = 0xC000_023C_u32 as i32;
/// `AF_UNSPEC`, `AF_INET`, `AF_INET6`.
const FAMILIES: [u16; 3] = [0, address::INET, address::INET6];
/// Time from an ARP request or neighbour solicitation to its answer: at least, and at most so much more.
const ANSWER: (u64, u64) = (20 * MICROSECOND, 180 * MICROSECOND);
/// Three solicitations, a second apart, before a neighbour counts as unreachable (RFC 4861, section 10).
const GIVE_UP: u64 = 3 * SECOND;

/// Tables that were given out and not freed, with their host.
#[derive(Default)]
pub(super) struct Tables(RefCell<BTreeMap<usize, (HostId, Vec<u64>)>>);

/// How many tables of the host were not freed with `FreeMibTable`.
pub fn tables_outstanding(host: HostId) -> usize {
    sim::local::<Tables>()
        .0
        .borrow()
        .values()
        .filter(|(owner, _)| *owner == host)
        .count()
}

/// `GetUnicastIpAddressTable`.
///
/// # Safety
/// `table` is a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn GetUnicastIpAddressTable(
    family: u16,
    table: *mut *mut MIB_UNICASTIPADDRESS_TABLE,
) -> i32 {
    nt::enter("GetUnicastIpAddressTable", Level::Passive);
    if !FAMILIES.contains(&family) || table.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    if faults::fire("GetUnicastIpAddressTable") {
        return STATUS_NO_MEMORY;
    }
    let host = nt::host();
    let rows = state(|model| {
        let interfaces = model.of_host(host);
        let rows = interfaces.flat_map(|i| {
            i.addresses
                .iter()
                .map(|u| address_row(i.id, u))
                .collect::<Vec<_>>()
        });
        rows.filter(|row| family == 0 || address::family(&row.Address) == family)
            .collect::<Vec<_>>()
    });
    if rows.is_empty() {
        return STATUS_NOT_FOUND;
    }
    let head = std::mem::offset_of!(MIB_UNICASTIPADDRESS_TABLE, Table);
    let mut words = vec![0_u64; (head + size_of_val(rows.as_slice())).div_ceil(8)];
    let start = words.as_mut_ptr().cast::<u8>();
    // SAFETY: the words have room for the count.
    #[expect(clippy::cast_ptr_alignment, reason = "allocated for rows")]
    unsafe {
        start.cast::<u32>().write(rows.len() as u32)
    };
    #[expect(
        clippy::cast_ptr_alignment,
        reason = "allocated for rows, which begin at a multiple of their alignment"
    )]
    let first = start.wrapping_add(head).cast::<MIB_UNICASTIPADDRESS_ROW>();
    // SAFETY: the words have room for all rows behind the head.
    unsafe { first.copy_from_nonoverlapping(rows.as_ptr(), rows.len()) };
    sim::local::<Tables>()
        .0
        .borrow_mut()
        .insert(start as usize, (host, words));
    // SAFETY: the caller gives a place for the table.
    unsafe { table.write(start.cast()) };
    STATUS_SUCCESS
}

pub(super) fn address_row(id: InterfaceId, unicast: &Unicast) -> MIB_UNICASTIPADDRESS_ROW {
    // SAFETY: all fields of a row may be zero.
    let mut row: MIB_UNICASTIPADDRESS_ROW = unsafe { std::mem::zeroed() };
    row.Address = address::to_inet_in(unicast.address, id.index);
    row.InterfaceLuid = id.luid();
    row.InterfaceIndex = id.index;
    row.PrefixOrigin = IpPrefixOriginManual;
    row.SuffixOrigin = NlsoManual;
    row.ValidLifetime = u32::MAX;
    row.PreferredLifetime = u32::MAX;
    row.OnLinkPrefixLength = unicast.prefix;
    row.ScopeId = address::zone(&row.Address);
    row.DadState = if unicast.tentative {
        NldsTentative
    } else {
        NldsPreferred
    };
    row
}

/// `GetUnicastIpAddressEntry`: fills the row whose address and interface are given.
///
/// # Safety
/// `row` is good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn GetUnicastIpAddressEntry(row: *mut MIB_UNICASTIPADDRESS_ROW) -> i32 {
    nt::enter("GetUnicastIpAddressEntry", Level::Passive);
    // SAFETY: null, or the caller's row.
    let Some(row) = (unsafe { row.as_mut() }) else {
        return STATUS_INVALID_PARAMETER;
    };
    let Some(wanted) = address::from_inet(&row.Address) else {
        return STATUS_INVALID_PARAMETER;
    };
    let host = nt::host();
    let found = state(|model| {
        let interface = model.named(host, row.InterfaceLuid, row.InterfaceIndex)?;
        let unicast = interface.addresses.iter().find(|u| u.address == wanted)?;
        Some(address_row(interface.id, unicast))
    });
    found.map_or(STATUS_NOT_FOUND, |found| {
        *row = found;
        STATUS_SUCCESS
    })
}

/// `FreeMibTable`.
///
/// # Safety
/// Nobody uses the table any more.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn FreeMibTable(memory: *mut c_void) {
    nt::enter("FreeMibTable", Level::Passive);
    let freed = sim::local::<Tables>().0.borrow_mut().remove(&(memory as usize));
    if freed.is_none() {
        sim::fail(
            "POOL-FREE",
            format!("FreeMibTable of {memory:p}, which is no table"),
        );
    }
}

/// `GetBestRoute2`: `NETWORK_UNREACHABLE` without a route, `NOT_FOUND` for an unknown interface.
///
/// # Safety
/// The addresses are good or, where that is allowed, null; the last two are places for the answers.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn GetBestRoute2(
    luid: *mut u64,
    index: u32,
    source: *const SOCKADDR_INET,
    destination: *const SOCKADDR_INET,
    _sort_options: u32,
    best_route: *mut MIB_IPFORWARD_ROW2,
    best_source: *mut SOCKADDR_INET,
) -> i32 {
    nt::enter("GetBestRoute2", Level::Passive);
    if destination.is_null() || best_route.is_null() || best_source.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: not null, and the caller vouches for it.
    let destination = unsafe { &*destination };
    let Some(to) = address::from_inet(destination) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: null, or the caller vouches for it.
    let from = unsafe { source.as_ref() }
        .and_then(address::from_inet)
        .filter(|a| !a.is_unspecified());
    // SAFETY: null, or the caller vouches for it.
    let luid = unsafe { luid.as_ref() }.copied().unwrap_or(0);
    let host = nt::host();
    let zone = address::zone(destination);
    let through = match (luid, index) {
        (0, 0) if zone != 0 => Some(zone),
        // Somewhere, on whichever link.
        (0, 0) if address::is_link_local(to) => return STATUS_INVALID_PARAMETER,
        (0, 0) => None,
        _ => match state(|model| model.named(host, luid, index).map(|i| i.id.index)) {
            Some(index) => Some(index),
            None => return STATUS_NOT_FOUND,
        },
    };
    if zone != 0 && through != Some(zone) {
        return STATUS_INVALID_PARAMETER;
    }
    let path = (!faults::fire("GetBestRoute2"))
        .then(|| state(|model| model.path(host, to, from, through)))
        .flatten();
    let Some(path) = path else {
        return STATUS_NETWORK_UNREACHABLE;
    };
    // SAFETY: the caller gives places for the answers.
    unsafe { best_route.write(route_row(&path)) };
    // SAFETY: as above.
    unsafe { best_source.write(address::to_inet_in(path.source, path.interface.index)) };
    STATUS_SUCCESS
}

fn route_row(path: &Path) -> MIB_IPFORWARD_ROW2 {
    // SAFETY: all fields of a row may be zero.
    let mut row: MIB_IPFORWARD_ROW2 = unsafe { std::mem::zeroed() };
    row.InterfaceLuid = path.interface.luid();
    row.InterfaceIndex = path.interface.index;
    row.DestinationPrefix = IP_ADDRESS_PREFIX {
        Prefix: address::to_inet(path.route.destination),
        PrefixLength: path.route.prefix,
    };
    let unspecified = address::unspecified_like(path.route.destination);
    let next_hop = path.route.next_hop.unwrap_or(unspecified);
    row.NextHop = address::to_inet_in(next_hop, path.interface.index);
    row.ValidLifetime = u32::MAX;
    row.PreferredLifetime = u32::MAX;
    row.Metric = path.route.metric;
    row.Protocol = if path.route.next_hop.is_some() {
        RouteProtocolNetMgmt
    } else {
        RouteProtocolLocal
    };
    row.Loopback = u8::from(path.local);
    row.Immortal = 1;
    row.Origin = NlroManual;
    row
}

/// What a neighbour row asks about: the interface and the address.
fn asked(row: &MIB_IPNET_ROW2, source: Option<IpAddr>) -> Result<(InterfaceId, IpAddr), i32> {
    let host = nt::host();
    let address = address::from_inet(&row.Address).filter(|a| !a.is_loopback() && !a.is_unspecified());
    let address = address.ok_or(STATUS_INVALID_PARAMETER)?;
    if row.InterfaceLuid == 0 && row.InterfaceIndex == 0 {
        return Err(STATUS_INVALID_PARAMETER);
    }
    let named = |i: &Interface| source.is_none_or(|s| i.addresses.iter().any(|u| u.address == s));
    let found = state(|model| {
        model
            .named(host, row.InterfaceLuid, row.InterfaceIndex)
            .filter(|i| named(i))
            .map(|i| i.id)
    });
    let found = found.ok_or(STATUS_NOT_FOUND)?;
    let zone = address::zone(&row.Address);
    if zone != 0 && zone != found.index {
        return Err(STATUS_INVALID_PARAMETER);
    }
    Ok((found, address))
}

fn fill(row: &mut MIB_IPNET_ROW2, id: InterfaceId, mac: [u8; 6]) {
    row.InterfaceIndex = id.index;
    row.InterfaceLuid = id.luid();
    row.PhysicalAddress = [0; 32];
    row.PhysicalAddress[..6].copy_from_slice(&mac);
    row.PhysicalAddressLength = 6;
    row.State = NlnsReachable;
    row.Flags = 0;
}

/// `GetIpNetEntry2`: what the neighbour cache knows; `NOT_FOUND` otherwise.
///
/// # Safety
/// `row` is good.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn GetIpNetEntry2(row: *mut MIB_IPNET_ROW2) -> i32 {
    nt::enter("GetIpNetEntry2", Level::Passive);
    // SAFETY: null, or the caller's row.
    let Some(row) = (unsafe { row.as_mut() }) else {
        return STATUS_INVALID_PARAMETER;
    };
    match asked(row, None) {
        Err(status) => status,
        Ok((id, address)) => state(|model| model.neighbour(id, address)).map_or(STATUS_NOT_FOUND, |mac| {
            fill(row, id, mac);
            STATUS_SUCCESS
        }),
    }
}

/// `ResolveIpNetEntry2`: flushes what is cached, asks on the link and waits for the answer. `BAD_NETWORK_NAME` after
/// three solicitations without one.
///
/// # Safety
/// `row` is good, `source` good or null.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ResolveIpNetEntry2(
    row: *mut MIB_IPNET_ROW2,
    source: *const SOCKADDR_INET,
) -> i32 {
    nt::enter("ResolveIpNetEntry2", Level::Passive);
    // SAFETY: null, or the caller's row.
    let Some(row) = (unsafe { row.as_mut() }) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: null, or the caller vouches for it.
    let source = unsafe { source.as_ref() }
        .and_then(address::from_inet)
        .filter(|a| !a.is_unspecified());
    let (id, address) = match asked(row, source) {
        Ok(asked) => asked,
        Err(status) => return status,
    };
    state(|model| model.learn(id, address, None));
    let deadline = sim::now() + GIVE_UP;
    let lost = faults::fire("ResolveIpNetEntry2");
    while sim::now() < deadline {
        let asked_at = sim::now();
        sim::sleep(ANSWER.0 + sim::choose(Stream::Netio, ANSWER.1));
        if let Some(mac) = state(|model| model.who_has(id, address)).filter(|_| !lost) {
            state(|model| model.learn(id, address, Some(mac)));
            fill(row, id, mac);
            return STATUS_SUCCESS;
        }
        sim::sleep((asked_at + SECOND).saturating_sub(sim::now()));
    }
    STATUS_BAD_NETWORK_NAME
}

/// `ConvertInterfaceIndexToLuid`.
///
/// # Safety
/// `luid` is NULL or a place for the answer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ConvertInterfaceIndexToLuid(index: u32, luid: *mut u64) -> i32 {
    nt::enter("ConvertInterfaceIndexToLuid", Level::Passive);
    let host = nt::host();
    let found = state(|model| model.named(host, 0, index).map(|interface| interface.id.luid()));
    let Some(found) = found.filter(|_| !luid.is_null()) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: the caller gives a place for the answer.
    unsafe { luid.write(found) };
    STATUS_SUCCESS
}

/// `ConvertInterfaceLuidToAlias`: the first interface of a host is `Ethernet`, the next `Ethernet 2`. `length` counts characters, the
/// zero at the end among them.
///
/// # Safety
/// `luid` is NULL or good; `alias` is NULL or has room for so many characters.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn ConvertInterfaceLuidToAlias(
    luid: *const u64,
    alias: *mut u16,
    length: usize,
) -> i32 {
    nt::enter("ConvertInterfaceLuidToAlias", Level::Passive);
    if luid.is_null() || alias.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    // SAFETY: the caller's LUID.
    let luid = unsafe { luid.read() };
    let host = nt::host();
    let place = state(|model| {
        model
            .of_host(host)
            .position(|interface| interface.id.luid() == luid)
    });
    let Some(place) = place else {
        return STATUS_INVALID_PARAMETER;
    };
    let name = match place {
        0 => "Ethernet".to_owned(),
        _ => format!("Ethernet {}", place + 1),
    };
    let units: Vec<u16> = name.encode_utf16().chain([0]).collect();
    if units.len() > length {
        return STATUS_NO_MEMORY;
    }
    // SAFETY: the caller has room for so many.
    unsafe { std::ptr::copy_nonoverlapping(units.as_ptr(), alias, units.len()) };
    STATUS_SUCCESS
}
