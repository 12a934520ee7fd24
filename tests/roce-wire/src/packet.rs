//! A RoCEv2 packet: parsed from a frame, encoded into one.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::headers::{Bth, Ethernet, Extended, Mac, Network, be16, be32};
use super::icrc::icrc;
use super::opcode::Opcode;

/// The UDP port of RoCEv2.
pub const ROCE_PORT: u16 = 4791;
/// The shortest frame without its check sequence; shorter ones are padded.
pub const MIN_FRAME: usize = 60;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: u16 = 0x8100;
const PROTOCOL_UDP: u8 = 17;
const UDP: usize = 8;
const BTH: usize = 12;
const ICRC: usize = 4;

/// Why a frame is not a RoCEv2 packet that a receiver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// It is something else: another protocol or port. Nothing is wrong with it.
    #[error("not RoCEv2")]
    NotRoce,
    /// It ends before its headers or before the length that they claim.
    #[error("truncated")]
    Truncated,
    /// IP and UDP lengths contradict each other or are no multiple of four from BTH on.
    #[error("inconsistent lengths")]
    Length,
    /// IP options or extension headers, or a fragment.
    #[error("IP options or a fragment")]
    IpOptions,
    /// The IPv4 header checksum is wrong.
    #[error("wrong IPv4 header checksum")]
    IpChecksum,
    /// The transport version is not 0.
    #[error("transport version {0}")]
    TransportVersion(u8),
    /// The operation code is unknown.
    #[error("operation code {0:#04x}")]
    Opcode(u8),
    /// The ICRC does not fit the packet.
    #[error("wrong ICRC")]
    Icrc,
}

/// Everything of a packet but its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers {
    /// Ethernet.
    pub ethernet: Ethernet,
    /// IP.
    pub network: Network,
    /// UDP source port, which spreads flows over paths.
    pub source_port: u16,
    /// UDP checksum, 0 for none; receivers do not look at it.
    pub udp_checksum: u16,
    /// Base transport header.
    pub bth: Bth,
    /// Extended transport headers, those of `bth.opcode`.
    pub extended: Extended,
}

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Everything but the payload.
    pub headers: Headers,
    /// The payload without its padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a frame and checks its ICRC.
    ///
    /// # Errors
    /// Why a receiver drops the frame.
    pub fn parse(frame: &'a [u8]) -> Result<Self, PacketError> {
        let (ethernet, ethertype, packet) = parse_ethernet(frame)?;
        let (network, packet) = match ethertype {
            ETHERTYPE_IPV4 => parse_ipv4(packet)?,
            ETHERTYPE_IPV6 => parse_ipv6(packet)?,
            _ => return Err(PacketError::NotRoce),
        };
        let ip_header = network.header_len();
        let udp = &packet[ip_header..];
        if udp.len() < UDP || be16(udp, 2) != ROCE_PORT {
            return Err(PacketError::NotRoce);
        }
        if usize::from(be16(udp, 4)) != udp.len() || udp.len() % 4 != 0 {
            return Err(PacketError::Length);
        }
        if udp.len() < UDP + BTH + ICRC {
            return Err(PacketError::Truncated);
        }
        let end = packet.len() - ICRC;
        if icrc(&packet[..end], ip_header) != packet[end..] {
            return Err(PacketError::Icrc);
        }
        let (bth, pad) = parse_bth(&udp[UDP..])?;
        let layout = bth.opcode.layout();
        let rest = &udp[UDP + BTH..udp.len() - ICRC];
        if rest.len() < layout.len() + pad {
            return Err(PacketError::Truncated);
        }
        let (extended, payload) = rest.split_at(layout.len());
        let headers = Headers {
            ethernet,
            network,
            source_port: be16(udp, 0),
            udp_checksum: be16(udp, 6),
            bth,
            extended: Extended::parse(layout, extended),
        };
        Ok(Self {
            headers,
            payload: &payload[..payload.len() - pad],
        })
    }

    /// The frame of this packet, padded to the minimum of Ethernet.
    pub fn encode(&self) -> Vec<u8> {
        self.headers
            .encode_with(self.payload.len(), |space| space.copy_from_slice(self.payload))
    }
}

impl Headers {
    /// The frame of a packet whose payload of `length` bytes is written by `fill`, so that it need not lie in one
    /// piece before. The ICRC is that of what `fill` wrote.
    ///
    /// # Panics
    /// If `extended` does not belong to `bth.opcode`, or the packet would exceed 64 KiB.
    pub fn encode_with(&self, length: usize, fill: impl FnOnce(&mut [u8])) -> Vec<u8> {
        assert_eq!(
            self.bth.opcode.layout(),
            self.extended.layout(),
            "headers of another operation code"
        );
        let pad = length.wrapping_neg() & 3;
        let udp_len = UDP + BTH + self.extended.layout().len() + length + pad + ICRC;
        let link = if self.ethernet.vlan.is_some() { 18 } else { 14 };
        let start = link;
        let mut out = Vec::with_capacity((link + self.network.header_len() + udp_len).max(MIN_FRAME));
        encode_ethernet(&self.ethernet, &self.network, &mut out);
        encode_ip(&self.network, udp_len, &mut out);
        out.extend(self.source_port.to_be_bytes());
        out.extend(ROCE_PORT.to_be_bytes());
        out.extend(u16::try_from(udp_len).expect("packet below 64 KiB").to_be_bytes());
        out.extend(self.udp_checksum.to_be_bytes());
        encode_bth(&self.bth, pad, &mut out);
        self.extended.encode(&mut out);
        let payload = out.len();
        out.resize(payload + length + pad, 0);
        fill(&mut out[payload..payload + length]);
        let crc = icrc(&out[start..], self.network.header_len());
        out.extend(crc);
        if out.len() < MIN_FRAME {
            out.resize(MIN_FRAME, 0);
        }
        out
    }
}

fn parse_ethernet(frame: &[u8]) -> Result<(Ethernet, u16, &[u8]), PacketError> {
    let (header, rest) = frame.split_at_checked(14).ok_or(PacketError::Truncated)?;
    let mut ethernet = Ethernet::default();
    ethernet.destination.0.copy_from_slice(&header[..6]);
    ethernet.source.0.copy_from_slice(&header[6..12]);
    let ethertype = be16(header, 12);
    if ethertype != ETHERTYPE_VLAN {
        return Ok((ethernet, ethertype, rest));
    }
    let (tag, rest) = rest.split_at_checked(4).ok_or(PacketError::Truncated)?;
    ethernet.vlan = Some(be16(tag, 0));
    Ok((ethernet, be16(tag, 2), rest))
}

/// The header and the packet without what follows its IP length.
fn parse_ipv4(packet: &[u8]) -> Result<(Network, &[u8]), PacketError> {
    let header = packet.get(..20).ok_or(PacketError::Truncated)?;
    if header[9] != PROTOCOL_UDP {
        return Err(PacketError::NotRoce);
    }
    // More-fragments flag and offset must be zero; the reserved flag must be too.
    if header[0] != 0x45 || be16(header, 6) & 0xbfff != 0 {
        return Err(PacketError::IpOptions);
    }
    if checksum(header) != 0 {
        return Err(PacketError::IpChecksum);
    }
    let total = usize::from(be16(header, 2));
    if total < 20 {
        return Err(PacketError::Length);
    }
    let network = Network::V4 {
        traffic_class: header[1],
        identification: be16(header, 4),
        dont_fragment: header[6] & 0x40 != 0,
        hop_limit: header[8],
        source: Ipv4Addr::from(be32(header, 12)),
        destination: Ipv4Addr::from(be32(header, 16)),
    };
    Ok((network, packet.get(..total).ok_or(PacketError::Truncated)?))
}

fn parse_ipv6(packet: &[u8]) -> Result<(Network, &[u8]), PacketError> {
    let header = packet.get(..40).ok_or(PacketError::Truncated)?;
    let first = be32(header, 0);
    if first >> 28 != 6 {
        return Err(PacketError::IpOptions);
    }
    if header[6] != PROTOCOL_UDP {
        return Err(PacketError::NotRoce);
    }
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&header[at..at + 16]);
        Ipv6Addr::from(octets)
    };
    let network = Network::V6 {
        traffic_class: (first >> 20) as u8,
        flow_label: first & 0x000f_ffff,
        hop_limit: header[7],
        source: address(8),
        destination: address(24),
    };
    let total = 40 + usize::from(be16(header, 4));
    Ok((network, packet.get(..total).ok_or(PacketError::Truncated)?))
}

fn parse_bth(bytes: &[u8]) -> Result<(Bth, usize), PacketError> {
    let version = bytes[1] & 0xf;
    if version != 0 {
        return Err(PacketError::TransportVersion(version));
    }
    let bth = Bth {
        opcode: Opcode::from_code(bytes[0]).ok_or(PacketError::Opcode(bytes[0]))?,
        solicited: bytes[1] & 0x80 != 0,
        migrated: bytes[1] & 0x40 != 0,
        p_key: be16(bytes, 2),
        fecn: bytes[4] & 0x80 != 0,
        becn: bytes[4] & 0x40 != 0,
        dest_qpn: be32(bytes, 4) & 0x00ff_ffff,
        ack_request: bytes[8] & 0x80 != 0,
        psn: be32(bytes, 8) & 0x00ff_ffff,
    };
    Ok((bth, usize::from(bytes[1] >> 4 & 3)))
}

fn encode_ethernet(ethernet: &Ethernet, network: &Network, out: &mut Vec<u8>) {
    let Mac(destination) = ethernet.destination;
    let Mac(source) = ethernet.source;
    out.extend(destination);
    out.extend(source);
    if let Some(tag) = ethernet.vlan {
        out.extend(ETHERTYPE_VLAN.to_be_bytes());
        out.extend(tag.to_be_bytes());
    }
    let ethertype = match network {
        Network::V4 { .. } => ETHERTYPE_IPV4,
        Network::V6 { .. } => ETHERTYPE_IPV6,
    };
    out.extend(ethertype.to_be_bytes());
}

fn encode_ip(network: &Network, udp_len: usize, out: &mut Vec<u8>) {
    let start = out.len();
    match *network {
        Network::V4 {
            traffic_class,
            identification,
            dont_fragment,
            hop_limit,
            source,
            destination,
        } => {
            let total = u16::try_from(20 + udp_len).expect("packet below 64 KiB");
            out.extend([0x45, traffic_class]);
            out.extend(total.to_be_bytes());
            out.extend(identification.to_be_bytes());
            out.extend([u8::from(dont_fragment) << 6, 0, hop_limit, PROTOCOL_UDP, 0, 0]);
            out.extend(source.octets());
            out.extend(destination.octets());
            let sum = checksum(&out[start..]);
            out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
        }
        Network::V6 {
            traffic_class,
            flow_label,
            hop_limit,
            source,
            destination,
        } => {
            let first = 6 << 28 | u32::from(traffic_class) << 20 | flow_label & 0x000f_ffff;
            out.extend(first.to_be_bytes());
            out.extend(u16::try_from(udp_len).expect("packet below 64 KiB").to_be_bytes());
            out.extend([PROTOCOL_UDP, hop_limit]);
            out.extend(source.octets());
            out.extend(destination.octets());
        }
    }
}

fn encode_bth(bth: &Bth, pad: usize, out: &mut Vec<u8>) {
    let flags = u8::from(bth.solicited) << 7 | u8::from(bth.migrated) << 6 | (pad as u8) << 4;
    out.extend([bth.opcode.code(), flags]);
    out.extend(bth.p_key.to_be_bytes());
    let congestion = u32::from(bth.fecn) << 31 | u32::from(bth.becn) << 30;
    out.extend((congestion | bth.dest_qpn & 0x00ff_ffff).to_be_bytes());
    out.extend((u32::from(bth.ack_request) << 31 | bth.psn & 0x00ff_ffff).to_be_bytes());
}

/// The ones' complement sum of an IP header: zero if the header holds its own right checksum.
fn checksum(header: &[u8]) -> u16 {
    let sum: u32 = header.chunks_exact(2).map(|pair| u32::from(be16(pair, 0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}
