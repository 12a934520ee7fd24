//! Simulated netio.sys: addresses, routes and neighbours of each host.
//!
//! A test gives a host its interfaces and addresses; the exports show them to the driver that runs on that host. A
//! neighbour is whoever has the address on the same link at the moment of asking: [`ResolveIpNetEntry2`] takes the time
//! of a round trip, or three seconds to find nobody.
//!
//! | export | fault point |
//! |---|---|
//! | [`GetUnicastIpAddressTable`], [`FreeMibTable`] | `GetUnicastIpAddressTable` |
//! | [`GetBestRoute2`] | `GetBestRoute2` |
//! | [`GetIpNetEntry2`], [`ResolveIpNetEntry2`] | `ResolveIpNetEntry2` |
//! | [`WskRegister`], [`WskCaptureProviderNPI`] and their opposites | by name |
//! | [`NotifyUnicastIpAddressChange`], [`CancelMibChangeNotify2`] | `NotifyUnicastIpAddressChange` |

pub mod address;
mod exports;
mod model;
#[cfg(test)]
mod tests;
mod wsk;

pub use exports::{
    CancelMibChangeNotify2, ChangeCallback, FreeMibTable, GetBestRoute2, GetIpNetEntry2,
    GetUnicastIpAddressTable, NotifyUnicastIpAddressChange, ResolveIpNetEntry2, registrations_outstanding,
    tables_outstanding,
};
pub use model::{Interface, InterfaceId, Path, Route, Unicast};
pub use wsk::{WskCaptureProviderNPI, WskDeregister, WskRegister, WskReleaseProviderNPI, wsk_clients};

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
    let unicast = Unicast { address, prefix };
    state(|model| {
        model
            .get_mut(id)
            .into_iter()
            .for_each(|i| i.addresses.push(unicast));
    });
    exports::announce(id, &unicast, exports::ADDED);
}

/// Takes an address away, and tells who registered for changes.
pub fn remove_address(id: InterfaceId, address: IpAddr) {
    let gone = state(|model| {
        let addresses = &mut model.get_mut(id)?.addresses;
        let at = addresses.iter().position(|u| u.address == address)?;
        Some(addresses.swap_remove(at))
    });
    gone.iter()
        .for_each(|unicast| exports::announce(id, unicast, exports::DELETED));
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
