//! netio as a driver uses it.

use std::cell::Cell;
use std::ffi::c_void;
use std::net::IpAddr;
use std::ptr;

use cxndk::sys::netio::{MIB_IPFORWARD_ROW2, MIB_IPNET_ROW2, MIB_UNICASTIPADDRESS_ROW, SOCKADDR_INET};

use super::{address, *};
use crate::{nt, sim};

const UNREACHABLE: i32 = 0xC000_023C_u32 as i32;
const NOT_FOUND: i32 = 0xC000_0225_u32 as i32;
const INVALID: i32 = 0xC000_000D_u32 as i32;
const BAD_NETWORK_NAME: i32 = 0xC000_00CC_u32 as i32;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Two hosts on one link; returns their interfaces.
fn two() -> (InterfaceId, InterfaceId) {
    let (a, b) = (nt::add_host("a", 2), nt::add_host("b", 2));
    let (ia, ib) = (
        add_interface(a, [2, 0, 0, 0, 0, 1], 1),
        add_interface(b, [2, 0, 0, 0, 0, 2], 1),
    );
    add_address(ia, ip("10.0.0.1"), 24);
    add_address(ia, ip("fd00::1"), 64);
    add_address(ib, ip("10.0.0.2"), 24);
    add_address(ib, ip("fd00::2"), 64);
    (ia, ib)
}

fn on_a(f: impl FnOnce(InterfaceId, InterfaceId) + Send + 'static) {
    sim::run(1, move || {
        let (a, b) = two();
        nt::on_host(a.host, "driver", move || f(a, b));
    })
    .unwrap_or_else(|failure| panic!("{failure}"));
}

fn row(id: InterfaceId, to: &str) -> MIB_IPNET_ROW2 {
    // SAFETY: all fields of a row may be zero.
    let mut row: MIB_IPNET_ROW2 = unsafe { std::mem::zeroed() };
    row.Address = address::to_inet(ip(to));
    row.InterfaceLuid = id.luid();
    row
}

fn resolve(id: InterfaceId, to: &str) -> (i32, [u8; 6]) {
    let mut row = row(id, to);
    // SAFETY: the row is good.
    let status = unsafe { ResolveIpNetEntry2(&raw mut row, ptr::null()) };
    (status, *row.PhysicalAddress.first_chunk().expect("6 of 32 bytes"))
}

fn best_route(to: &str) -> (i32, MIB_IPFORWARD_ROW2, Option<IpAddr>) {
    best_route_in(to, 0)
}

fn best_route_in(to: &str, zone: u32) -> (i32, MIB_IPFORWARD_ROW2, Option<IpAddr>) {
    let to = address::to_inet_in(ip(to), zone);
    // SAFETY: all bytes of these may be zero.
    let (mut route, mut source): (MIB_IPFORWARD_ROW2, SOCKADDR_INET) = unsafe { std::mem::zeroed() };
    // SAFETY: the pointers are good.
    let status = unsafe {
        GetBestRoute2(
            ptr::null_mut(),
            0,
            ptr::null(),
            &raw const to,
            0,
            &raw mut route,
            &raw mut source,
        )
    };
    (status, route, address::from_inet(&source))
}

#[test]
fn a_neighbour_is_resolved_in_a_round_trip_and_cached() {
    on_a(|a, b| {
        let mut cached = row(a, "10.0.0.2");
        // SAFETY: the row is good.
        assert_eq!(unsafe { GetIpNetEntry2(&raw mut cached) }, NOT_FOUND);
        let began = sim::now();
        assert_eq!(resolve(a, "10.0.0.2"), (0, [2, 0, 0, 0, 0, 2]));
        assert!((1..sim::MILLISECOND).contains(&(sim::now() - began)));
        // SAFETY: the row is good.
        assert_eq!(unsafe { GetIpNetEntry2(&raw mut cached) }, 0);
        assert_eq!(cached.PhysicalAddress[..6], [2, 0, 0, 0, 0, 2]);
        assert_eq!(resolve(a, "fd00::2").0, 0);
        set_connected(b, false);
        assert_eq!(resolve(a, "10.0.0.2").0, BAD_NETWORK_NAME);
    });
}

#[test]
fn nobody_is_found_after_three_seconds_and_nonsense_at_once() {
    on_a(|a, _| {
        let began = sim::now();
        assert_eq!(resolve(a, "10.0.0.99").0, BAD_NETWORK_NAME);
        assert_eq!(sim::now() - began, 3 * sim::SECOND);
        assert_eq!(resolve(a, "127.0.0.1").0, INVALID);
        assert_eq!(resolve(InterfaceId { index: 77, ..a }, "10.0.0.2").0, NOT_FOUND);
        // SAFETY: all fields of a row may be zero.
        let mut empty: MIB_IPNET_ROW2 = unsafe { std::mem::zeroed() };
        // SAFETY: the row is good.
        let status = unsafe { ResolveIpNetEntry2(&raw mut empty, ptr::null()) };
        assert_eq!(status, INVALID);
    });
}

#[test]
fn the_best_route_names_interface_next_hop_and_source() {
    on_a(|a, _| {
        let (status, route, source) = best_route("10.0.0.2");
        assert_eq!(
            (status, route.InterfaceIndex, route.Loopback, source),
            (0, a.index, 0, Some(ip("10.0.0.1")))
        );
        assert_eq!(address::from_inet(&route.NextHop), Some(ip("0.0.0.0")));
        assert_eq!(best_route("fd00::2").2, Some(ip("fd00::1")));
        assert_eq!(best_route("10.0.0.1").1.Loopback, 1);
        assert_eq!(best_route("192.0.2.1").0, UNREACHABLE);
        let gateway = Route {
            destination: ip("192.0.2.0"),
            prefix: 24,
            next_hop: Some(ip("10.0.0.2")),
            metric: 5,
        };
        add_route(a, gateway);
        assert_eq!(
            address::from_inet(&best_route("192.0.2.1").1.NextHop),
            Some(ip("10.0.0.2"))
        );
    });
}

#[test]
fn tables_are_counted_until_they_are_freed() {
    on_a(|a, _| {
        for (family, count) in [(0, 2), (2, 1), (23, 1)] {
            let mut table = ptr::null_mut();
            // SAFETY: the pointer is good.
            assert_eq!(unsafe { GetUnicastIpAddressTable(family, &raw mut table) }, 0);
            // SAFETY: the table is there.
            assert_eq!(unsafe { (*table).NumEntries }, count);
            // SAFETY: it has at least one row.
            let first = unsafe { (*table).Table[0] };
            assert_eq!((first.InterfaceLuid, first.InterfaceIndex), (a.luid(), a.index));
            assert_eq!(tables_outstanding(a.host), 1);
            // SAFETY: nobody uses the table.
            unsafe { FreeMibTable(table.cast()) };
            assert_eq!(tables_outstanding(a.host), 0);
        }
        let mut table = ptr::null_mut();
        // SAFETY: the pointer is good.
        assert_eq!(unsafe { GetUnicastIpAddressTable(99, &raw mut table) }, INVALID);
    });
}

unsafe extern "win64" fn cancels_itself(_: *mut c_void, row: *mut MIB_UNICASTIPADDRESS_ROW, _: i32) {
    if !row.is_null() {
        let handle = sim::local::<Changes>().1.get() as *mut c_void;
        // SAFETY: the handle is live; that this waits for itself is the point.
        nt::at_irql(0, || unsafe { CancelMibChangeNotify2(handle) });
    }
}

/// A callback that cancels its own registration would wait for itself for ever.
#[test]
fn a_callback_that_cancels_itself_is_caught() {
    let result = sim::run(1, || {
        let (a, _) = two();
        nt::on_host(a.host, "driver", move || {
            let mut handle = ptr::null_mut();
            // SAFETY: callback and pointer are good.
            unsafe {
                NotifyUnicastIpAddressChange(0, Some(cancels_itself), ptr::null_mut(), 1, &raw mut handle)
            };
            sim::local::<Changes>().1.set(handle as usize);
            add_address(a, ip("10.0.0.3"), 24);
            sim::sleep(sim::SECOND);
        });
    });
    assert_eq!(result.expect_err("it waits for itself").rule, "NOTIFY-CANCEL");
}

/// What a notification does not say is asked for; an address is tentative first.
#[test]
fn rows_are_read_and_addresses_settle() {
    on_a(|a, b| {
        add_tentative_address(a, ip("fe80::1"), 64);
        let read = |address: &str| {
            // SAFETY: all fields of a row may be zero.
            let mut row: MIB_UNICASTIPADDRESS_ROW = unsafe { std::mem::zeroed() };
            row.Address = address::to_inet(ip(address));
            row.InterfaceLuid = a.luid();
            // SAFETY: the row is good.
            (unsafe { GetUnicastIpAddressEntry(&raw mut row) }, row)
        };
        let (status, row) = read("fe80::1");
        assert_eq!((status, row.DadState, row.OnLinkPrefixLength), (0, 1, 64));
        assert_eq!((address::zone(&row.Address), row.ScopeId), (a.index, a.index));
        assert_eq!(
            nt::on_host(b.host, "driver", move || resolve(b, "fe80::1").0),
            BAD_NETWORK_NAME
        );
        settle_address(a, ip("fe80::1"));
        assert_eq!(read("fe80::1").1.DadState, 4);
        assert_eq!(read("fe80::9").0, NOT_FOUND);
    });
}

/// Link-local addresses name the interface by their zone, or the caller does.
#[test]
fn link_local_destinations_need_a_zone() {
    on_a(|a, _| {
        add_address(a, ip("fe80::1"), 64);
        assert_eq!(best_route("fe80::2").0, INVALID);
        assert_eq!(best_route_in("fe80::2", a.index).0, 0);
        assert_eq!(best_route_in("fe80::2", a.index + 1).0, UNREACHABLE);
    });
}

/// Proves the checks of VRF-32 and of a free of what is no table.
#[test]
fn wrong_callers_are_caught() {
    let rule = |f: fn()| {
        let result = sim::run(1, move || {
            let (a, _) = two();
            nt::on_host(a.host, "driver", f);
        });
        result.err().map_or("none", |failure| failure.rule)
    };
    let at_dispatch = || {
        nt::at_irql(2, || assert_eq!(best_route("10.0.0.2").0, 0));
    };
    assert_eq!(rule(at_dispatch), "VRF-32");
    // SAFETY: none; the table does not exist on purpose.
    assert_eq!(rule(|| unsafe { FreeMibTable(16 as *mut c_void) }), "POOL-FREE");
}

#[derive(Default)]
struct Changes(Cell<[u32; 4]>, Cell<usize>);

unsafe extern "win64" fn changed(_context: *mut c_void, row: *mut MIB_UNICASTIPADDRESS_ROW, kind: i32) {
    let changes = sim::local::<Changes>();
    let mut counts = changes.0.get();
    counts[kind as usize] += 1;
    changes.0.set(counts);
    assert_eq!(row.is_null(), kind == 3);
    assert!(sim::irql() <= 2);
    // SAFETY: null, or a row for the time of the call.
    if let Some(row) = unsafe { row.as_ref() } {
        // The rest has to be asked for.
        assert_ne!((row.InterfaceIndex, row.InterfaceLuid), (0, 0));
        assert_eq!((row.OnLinkPrefixLength, row.DadState), (0, 0));
    }
}

#[test]
fn changes_of_addresses_are_told_until_the_registration_is_cancelled() {
    on_a(|a, b| {
        let mut handle = ptr::null_mut();
        // SAFETY: callback and pointer are good.
        let status =
            unsafe { NotifyUnicastIpAddressChange(2, Some(changed), ptr::null_mut(), 1, &raw mut handle) };
        assert_eq!(status, 0);
        add_address(a, ip("10.0.0.3"), 24);
        add_address(a, ip("fd00::3"), 64);
        add_address(b, ip("10.0.0.4"), 24);
        remove_address(a, ip("10.0.0.3"));
        sim::sleep(100);
        // SAFETY: the handle is live.
        assert_eq!(unsafe { CancelMibChangeNotify2(handle) }, 0);
        assert_eq!(sim::local::<Changes>().0.get(), [0, 1, 1, 1]);
        add_address(a, ip("10.0.0.5"), 24);
        sim::sleep(sim::SECOND);
        assert_eq!(sim::local::<Changes>().0.get(), [0, 1, 1, 1]);
        assert_eq!(registrations_outstanding(a.host), 0);
    });
}

#[test]
fn interfaces_are_named_by_index_luid_and_alias() {
    on_a(|a, _| {
        let mut luid = 0;
        // SAFETY: a place for the answer.
        assert_eq!(unsafe { ConvertInterfaceIndexToLuid(a.index, &raw mut luid) }, 0);
        assert_eq!(luid, a.luid());
        // SAFETY: as above.
        assert_eq!(unsafe { ConvertInterfaceIndexToLuid(99, &raw mut luid) }, INVALID);
        let mut alias = [0_u16; 9];
        // SAFETY: the alias has room for so many.
        let alias_of = |luid: u64, room: usize, alias: &mut [u16; 9]| unsafe {
            ConvertInterfaceLuidToAlias(&raw const luid, alias.as_mut_ptr(), room)
        };
        assert_eq!(alias_of(luid, 9, &mut alias), 0);
        assert_eq!(String::from_utf16_lossy(&alias), "Ethernet\0");
        assert_eq!(alias_of(luid, 8, &mut alias), 0xC000_0017_u32 as i32, "too small");
        assert_eq!(alias_of(7, 9, &mut alias), INVALID);
    });
}

/// VRF-32: these are for `PASSIVE_LEVEL`.
#[test]
fn interfaces_are_not_named_at_dispatch_level() {
    let failure = sim::run(1, || {
        let (a, _) = two();
        nt::on_host(a.host, "driver", move || {
            nt::raise(2);
            let mut luid = 0;
            // SAFETY: a place for the answer.
            unsafe { ConvertInterfaceIndexToLuid(a.index, &raw mut luid) };
        });
    });
    assert_eq!(failure.expect_err("it is caught").rule, "VRF-32");
}
