//! Where packets go and come from: Ethernet, IP and UDP headers of a path, and the filter of what arrives
//! (roce-wire.md 1.2, 1.3; connectx.md 9, 13).

use super::host::Host;
use super::packet::Outgoing;
use super::wqe::AddressVector;
use crate::{Attributes, GidEntry, Qpn};
use roce_wire::headers::{address_of, gid};
use roce_wire::{Ethernet, Headers, Mac, Network};

/// ECT(0): what a device with congestion control marks its packets with.
const ECN_CAPABLE: u8 = 2;
/// Lowest UDP source port of RoCEv2.
const FIRST_PORT: u32 = 0xc000;

/// The outer headers of a packet.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    ethernet: Ethernet,
    network: Network,
    source_port: u16,
}

/// The peer's side of a route.
struct Peer {
    gid: [u8; 16],
    mac: [u8; 6],
    traffic_class: u8,
    hop_limit: u8,
    flow_label: u32,
    priority: u8,
    source_port: u16,
}

impl Route {
    /// The path of a connected queue pair. `None` if its own address was taken away.
    pub fn connected(host: &dyn Host, number: Qpn, attributes: &Attributes) -> Option<Self> {
        let path = &attributes.path;
        let derived = source_port(path.flow_label, number, attributes.remote_qpn);
        let peer = Peer {
            gid: path.remote_gid,
            mac: path.remote_mac,
            traffic_class: path.dscp << 2 | ECN_CAPABLE,
            hop_limit: path.hop_limit,
            flow_label: path.flow_label,
            priority: path.priority,
            source_port: if path.udp_source_port == 0 {
                derived
            } else {
                path.udp_source_port
            },
        };
        Self::between(host.address(path.gid_index)?, &peer)
    }

    /// The path that a datagram's address vector names. `None` if there is no such own address.
    pub fn datagram(host: &dyn Host, number: Qpn, vector: &AddressVector) -> Option<Self> {
        let derived = source_port(vector.flow_label, number, vector.destination);
        let peer = Peer {
            gid: vector.gid,
            mac: vector.mac,
            traffic_class: vector.traffic_class,
            hop_limit: vector.hop_limit,
            flow_label: vector.flow_label,
            priority: vector.priority,
            source_port: if vector.source_port == 0 {
                derived
            } else {
                vector.source_port
            },
        };
        Self::between(host.address(vector.gid_index)?, &peer)
    }

    fn between(own: GidEntry, peer: &Peer) -> Option<Self> {
        let (source, destination) = (address_of(own.gid), address_of(peer.gid));
        let mut network = Network::between(source, destination, peer.traffic_class, peer.hop_limit).ok()?;
        if let Network::V6 { flow_label, .. } = &mut network {
            *flow_label = peer.flow_label;
        }
        let vlan = own.vlan.map(|id| u16::from(peer.priority) << 13 | id);
        let ethernet = Ethernet {
            destination: Mac(peer.mac),
            source: Mac(own.mac),
            vlan,
        };
        own.version_2.then_some(Self {
            ethernet,
            network,
            source_port: peer.source_port,
        })
    }

    /// The frame of a packet on this route.
    pub fn frame(&self, packet: &Outgoing, payload: &[u8]) -> Vec<u8> {
        let headers = Headers {
            ethernet: self.ethernet,
            network: self.network,
            source_port: self.source_port,
            udp_checksum: 0,
            bth: packet.bth,
            extended: packet.extended,
        };
        headers.encode_with(payload.len(), |space| space.copy_from_slice(payload))
    }
}

/// The source port that spreads a flow (roce-wire.md 1.3).
fn source_port(flow_label: u32, local: Qpn, remote: Qpn) -> u16 {
    let label = if flow_label == 0 {
        let mut mixed = u64::from(local.0) * u64::from(remote.0);
        mixed ^= mixed >> 20;
        mixed ^= mixed >> 40;
        (mixed & 0x000f_ffff) as u32
    } else {
        flow_label
    };
    ((label & 0x3fff) ^ (label & 0x000f_c000) >> 14 | FIRST_PORT) as u16
}

/// A packet was sent to own address `entry`: by IP address, MAC address and VLAN. VLAN 0 is none.
pub fn is_for(entry: &GidEntry, headers: &Headers) -> bool {
    let vlan = headers.ethernet.vlan.map(|tag| tag & 0xfff).filter(|&id| id != 0);
    entry.version_2
        && entry.gid == gid(headers.network.destination())
        && headers.ethernet.destination == Mac(entry.mac)
        && entry.vlan.filter(|&id| id != 0) == vlan
}

/// The one entry of the partition key table, full or limited member.
pub const fn is_default_partition(key: u16) -> bool {
    key & 0x7fff == 0x7fff
}

#[cfg(test)]
mod tests {
    use super::source_port;
    use crate::Qpn;

    /// Proves roce-wire 1.3: the source ports of the captures follow from flow label or queue pair numbers.
    #[test]
    fn source_ports_are_those_of_the_captures() {
        assert_eq!(source_port(0, Qpn(0x17), Qpn(0x17)), 0xc211);
        assert_eq!(
            source_port((0xe688 * 31 + 0x1c06) & 0xf_ffff, Qpn(1), Qpn(2)),
            50766
        );
        assert_eq!(source_port((0x8671 * 31 + 445) & 0xf_ffff, Qpn(1), Qpn(2)), 51565);
    }
}
