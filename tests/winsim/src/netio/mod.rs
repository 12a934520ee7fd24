//! Simulated netio.sys: addresses, routes and neighbours of each host.
//!
//! A test gives a host its interfaces and addresses; the exports show them to the driver that runs on that host. A
//! neighbour is whoever has the address on the same link at the moment of asking: [`ResolveIpNetEntry2`] takes the time
//! of a round trip, or three seconds to find nobody.
//!
//! | export | fault point |
//! |---|---|
//! | [`GetUnicastIpAddressTable`], [`GetUnicastIpAddressEntry`], [`FreeMibTable`] | `GetUnicastIpAddressTable` |
//! | [`GetBestRoute2`] | `GetBestRoute2` |
//! | [`GetIpNetEntry2`], [`ResolveIpNetEntry2`] | `ResolveIpNetEntry2` |
//! | [`NotifyUnicastIpAddressChange`], [`CancelMibChangeNotify2`] | `NotifyUnicastIpAddressChange` |

pub mod address;
mod changes;
mod exports;
mod model;
#[cfg(test)]
mod tests;

pub use changes::{
    CancelMibChangeNotify2, ChangeCallback, NotifyUnicastIpAddressChange, registrations_outstanding,
};
pub use exports::{
    ConvertInterfaceIndexToLuid, ConvertInterfaceLuidToAlias, FreeMibTable, GetBestRoute2, GetIpNetEntry2,
    GetUnicastIpAddressEntry, GetUnicastIpAddressTable, ResolveIpNetEntry2, tables_outstanding,
};
pub use model::{Interface, InterfaceId, Path, Route, Unicast};

use std::cell::RefCell;
use std::net::IpAddr;

use crate::sim::{self, HostId};
use model::Model;

/// The model of the run.
#[derive(Default)]
struct State(RefCell<Model>);

fn state<R>(f: impl FnOnce(&mut Model) -> R) -> R {
    f(&mut sim::local::<State>().0.borrow_mut())
}

/// Gives `host` an interface with this station address on the link with this number.
pub fn add_interface(host: HostId, mac: [u8; 6], link: u32) -> InterfaceId {
    state(|model| model.add(host, mac, link))
}

/// Takes an interface away.
pub fn remove_interface(id: InterfaceId) {
    state(|model| model.remove(id));
}

/// What is known of an interface.
pub fn interface(id: InterfaceId) -> Option<Interface> {
    state(|model| model.get(id).cloned())
}

/// Adds an address with the length of its on-link prefix, and tells who registered for changes.
pub fn add_address(id: InterfaceId, address: IpAddr, prefix: u8) {
    add(
        id,
        Unicast {
            address,
            prefix,
            tentative: false,
        },
    );
}

/// Adds an address that is told apart from those of others first: it may be used after [`settle_address`].
pub fn add_tentative_address(id: InterfaceId, address: IpAddr, prefix: u8) {
    add(
        id,
        Unicast {
            address,
            prefix,
            tentative: true,
        },
    );
}

fn add(id: InterfaceId, unicast: Unicast) {
    state(|model| {
        model
            .get_mut(id)
            .into_iter()
            .for_each(|i| i.addresses.push(unicast));
    });
    changes::announce(id, &unicast, changes::ADDED);
}

/// Nobody else has the address: it may be used, and who registered for changes is told.
pub fn settle_address(id: InterfaceId, address: IpAddr) {
    let settled = state(|model| {
        let addresses = &mut model.get_mut(id)?.addresses;
        let unicast = addresses.iter_mut().find(|u| u.address == address)?;
        unicast.tentative = false;
        Some(*unicast)
    });
    settled
        .iter()
        .for_each(|unicast| changes::announce(id, unicast, changes::CHANGED));
}

/// Fails the run if somebody on the host still has a table or is still registered for changes (VRF-42).
pub fn expect_nothing(host: HostId, when: &str) {
    let (tables, registrations) = (tables_outstanding(host), registrations_outstanding(host));
    if tables + registrations > 0 {
        sim::fail(
            "VRF-42",
            format!(
                "{tables} tables of netio and {registrations} registrations for changes are left after {when}"
            ),
        );
    }
}

/// Takes an address away, and tells who registered for changes.
pub fn remove_address(id: InterfaceId, address: IpAddr) {
    let gone = state(|model| {
        let addresses = &mut model.get_mut(id)?.addresses;
        let at = addresses.iter().position(|u| u.address == address)?;
        Some(addresses.swap_remove(at))
    });
    gone.iter()
        .for_each(|unicast| changes::announce(id, unicast, changes::DELETED));
}

/// Adds a route.
pub fn add_route(id: InterfaceId, route: Route) {
    state(|model| model.get_mut(id).into_iter().for_each(|i| i.routes.push(route)));
}

/// Sets the carrier. Without it the neighbour cache empties, and nobody answers.
pub fn set_connected(id: InterfaceId, connected: bool) {
    state(|model| {
        model
            .get_mut(id)
            .into_iter()
            .for_each(|i| i.connected = connected);
        if !connected {
            model.forget(id);
        }
    });
}

/// Changes the station address, as a driver with the `NetworkAddress` keyword does.
pub fn set_mac(id: InterfaceId, mac: [u8; 6]) {
    state(|model| model.get_mut(id).into_iter().for_each(|i| i.mac = mac));
}
