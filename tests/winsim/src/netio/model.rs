//! What the IP stack of each host knows: interfaces, addresses, routes, neighbours. Plain data without the clock.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::sim::HostId;

/// Names one interface of one host: the `NET_IFINDEX` that netio reports there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId {
    /// The host.
    pub host: HostId,
    /// The index within the host, never 0.
    pub index: u32,
}

impl InterfaceId {
    /// The `NET_LUID` value: interface type 6 (Ethernet) in the top 16 bits, the LUID index in the next 24.
    pub const fn luid(self) -> u64 {
        (6 << 48) | ((0x8000 + self.index as u64) << 24)
    }
}

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unicast {
    /// The address.
    pub address: IpAddr,
    /// Bits of it that name the link.
    pub prefix: u8,
    /// Duplicate address detection has not ended: nobody may use it yet.
    pub tentative: bool,
}

/// A route beyond the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// First address of the destination.
    pub destination: IpAddr,
    /// Bits of it that matter.
    pub prefix: u8,
    /// Gateway; `None` for a destination on the link.
    pub next_hop: Option<IpAddr>,
    /// The smaller, the better.
    pub metric: u32,
}

/// One interface.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Its name.
    pub id: InterfaceId,
    /// Its station address.
    pub mac: [u8; 6],
    /// The broadcast domain that it is plugged into.
    pub link: u32,
    /// Whether it has carrier: without, nobody resolves it and it resolves nobody.
    pub connected: bool,
    /// Its addresses.
    pub addresses: Vec<Unicast>,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// The way to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// The interface to send from.
    pub interface: InterfaceId,
    /// The route in use.
    pub route: Route,
    /// The address to send from.
    pub source: IpAddr,
    /// Whether the destination is an address of this host.
    pub local: bool,
}

/// All hosts of the run.
#[derive(Debug, Default)]
pub struct Model {
    interfaces: BTreeMap<InterfaceId, Interface>,
    neighbours: BTreeMap<(InterfaceId, IpAddr), [u8; 6]>,
}

impl Model {
    /// Adds an interface with the next free index of its host.
    pub fn add(&mut self, host: HostId, mac: [u8; 6], link: u32) -> InterfaceId {
        let index = self.of_host(host).map(|i| i.id.index).max().unwrap_or(3) + 1;
        let id = InterfaceId { host, index };
        let fresh = Interface {
            id,
            mac,
            link,
            connected: true,
            addresses: Vec::new(),
            routes: Vec::new(),
        };
        self.interfaces.insert(id, fresh);
        id
    }

    /// Takes an interface away with all that was known through it.
    pub fn remove(&mut self, id: InterfaceId) {
        self.interfaces.remove(&id);
        self.forget(id);
    }

    /// The interface `id`.
    pub fn get(&self, id: InterfaceId) -> Option<&Interface> {
        self.interfaces.get(&id)
    }

    /// The interface `id`, to change it.
    pub fn get_mut(&mut self, id: InterfaceId) -> Option<&mut Interface> {
        self.interfaces.get_mut(&id)
    }

    /// The interfaces of one host.
    pub fn of_host(&self, host: HostId) -> impl Iterator<Item = &Interface> {
        self.interfaces.values().filter(move |i| i.id.host == host)
    }

    /// The interface that a row names: by LUID if that is not zero, else by index.
    pub fn named(&self, host: HostId, luid: u64, index: u32) -> Option<&Interface> {
        self.of_host(host).find(|i| {
            if luid == 0 {
                i.id.index == index
            } else {
                i.id.luid() == luid
            }
        })
    }

    /// The way from `host` to `destination`: longest prefix, then smallest metric. `from` and `through` restrict it to a
    /// source address or an interface.
    pub fn path(
        &self,
        host: HostId,
        destination: IpAddr,
        from: Option<IpAddr>,
        through: Option<u32>,
    ) -> Option<Path> {
        let has = |i: &&Interface, address: IpAddr| i.addresses.iter().any(|u| u.address == address);
        let usable = |i: &&Interface| {
            through.is_none_or(|index| i.id.index == index) && from.is_none_or(|address| has(i, address))
        };
        let mut best: Option<Path> = None;
        for interface in self.of_host(host).filter(usable) {
            let local = has(&interface, destination);
            for route in candidates(interface).filter(|r| covers(r.destination, r.prefix, destination)) {
                let toward = route.next_hop.unwrap_or(destination);
                let Some(source) = from.or_else(|| source_for(interface, toward)) else {
                    continue;
                };
                let key = |r: &Route| (std::cmp::Reverse(r.prefix), r.metric);
                if best.is_none_or(|b| key(&route) < key(&b.route)) {
                    best = Some(Path {
                        interface: interface.id,
                        route,
                        source,
                        local,
                    });
                }
            }
        }
        best
    }

    /// The station that answers for `address` on the link of `id` right now.
    pub fn who_has(&self, id: InterfaceId, address: IpAddr) -> Option<[u8; 6]> {
        let asking = self.get(id).filter(|i| i.connected)?;
        let answers = |i: &&Interface| {
            let has = |u: &Unicast| u.address == address && !u.tentative;
            i.link == asking.link && i.connected && i.addresses.iter().any(has)
        };
        self.interfaces.values().find(answers).map(|i| i.mac)
    }

    /// What the neighbour cache of an interface says.
    pub fn neighbour(&self, id: InterfaceId, address: IpAddr) -> Option<[u8; 6]> {
        self.neighbours.get(&(id, address)).copied()
    }

    /// Writes, or with `None` deletes, an entry of the neighbour cache.
    pub fn learn(&mut self, id: InterfaceId, address: IpAddr, mac: Option<[u8; 6]>) {
        match mac {
            Some(mac) => self.neighbours.insert((id, address), mac),
            None => self.neighbours.remove(&(id, address)),
        };
    }

    /// Empties the neighbour cache of an interface.
    pub fn forget(&mut self, id: InterfaceId) {
        self.neighbours.retain(|(owner, _), _| *owner != id);
    }
}

/// The routes of an interface: those of its own prefixes and those added.
fn candidates(interface: &Interface) -> impl Iterator<Item = Route> {
    let on_link = |u: &Unicast| Route {
        destination: u.address,
        prefix: u.prefix,
        next_hop: None,
        metric: 256,
    };
    let addresses = interface.addresses.iter();
    addresses
        .flat_map(move |u| {
            [
                Route {
                    prefix: bits(u.address),
                    ..on_link(u)
                },
                on_link(u),
            ]
        })
        .chain(interface.routes.iter().copied())
}

fn source_for(interface: &Interface, toward: IpAddr) -> Option<IpAddr> {
    let same = interface
        .addresses
        .iter()
        .filter(|u| u.address.is_ipv4() == toward.is_ipv4());
    same.clone()
        .find(|u| u.address == toward)
        .or_else(|| same.clone().find(|u| covers(u.address, u.prefix, toward)))
        .or_else(|| same.clone().next())
        .map(|u| u.address)
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// Whether the first `prefix` bits of both addresses are the same.
fn covers(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (u32::from(a) ^ u32::from(b))
                .checked_shr(32 - u32::from(prefix))
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (u128::from(a) ^ u128::from(b))
                .checked_shr(128 - u32::from(prefix))
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: HostId = HostId(0);
    const B: HostId = HostId(1);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn two_hosts() -> (Model, InterfaceId, InterfaceId) {
        let mut model = Model::default();
        let a = model.add(A, [2, 0, 0, 0, 0, 1], 7);
        let b = model.add(B, [2, 0, 0, 0, 0, 2], 7);
        model.get_mut(a).unwrap().addresses.push(Unicast {
            address: ip("10.0.0.1"),
            prefix: 24,
            tentative: false,
        });
        model.get_mut(a).unwrap().addresses.push(Unicast {
            address: ip("fd00::1"),
            prefix: 64,
            tentative: false,
        });
        model.get_mut(b).unwrap().addresses.push(Unicast {
            address: ip("10.0.0.2"),
            prefix: 24,
            tentative: false,
        });
        (model, a, b)
    }

    #[test]
    fn the_longest_prefix_wins_and_names_interface_and_source() {
        let (mut model, a, _) = two_hosts();
        let gateway = Route {
            destination: ip("0.0.0.0"),
            prefix: 0,
            next_hop: Some(ip("10.0.0.254")),
            metric: 1,
        };
        model.get_mut(a).unwrap().routes.push(gateway);
        let near = model.path(A, ip("10.0.0.2"), None, None).unwrap();
        assert_eq!(
            (near.interface, near.source, near.route.next_hop),
            (a, ip("10.0.0.1"), None)
        );
        let far = model.path(A, ip("192.0.2.1"), None, None).unwrap();
        assert_eq!(far.route.next_hop, Some(ip("10.0.0.254")));
        assert!(model.path(A, ip("10.0.0.1"), None, None).unwrap().local);
        assert_eq!(model.path(A, ip("fd01::1"), None, None), None);
        assert_eq!(model.path(A, ip("10.0.0.2"), Some(ip("10.9.9.9")), None), None);
    }

    #[test]
    fn only_stations_with_carrier_on_the_same_link_answer() {
        let (mut model, a, b) = two_hosts();
        assert_eq!(model.who_has(a, ip("10.0.0.2")), Some([2, 0, 0, 0, 0, 2]));
        model.get_mut(b).unwrap().link = 8;
        assert_eq!(model.who_has(a, ip("10.0.0.2")), None);
        model.get_mut(b).unwrap().link = 7;
        model.get_mut(a).unwrap().connected = false;
        assert_eq!(model.who_has(a, ip("10.0.0.2")), None);
    }

    #[test]
    fn an_interface_is_named_by_luid_first() {
        let (model, a, _) = two_hosts();
        assert_eq!(model.named(A, a.luid(), 99).map(|i| i.id), Some(a));
        assert_eq!(model.named(A, 0, a.index).map(|i| i.id), Some(a));
        assert!(model.named(A, 1, a.index).is_none());
    }
}
