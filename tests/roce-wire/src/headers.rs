//! The headers of a RoCEv2 packet as values, from Ethernet to the extended transport headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::opcode::{Layout, Opcode};

/// An Ethernet address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

/// The Ethernet header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ethernet {
    /// To whom.
    pub destination: Mac,
    /// From whom.
    pub source: Mac,
    /// Tag control information of 802.1Q, if the frame is tagged: priority in bits 15:13, VLAN in 11:0.
    pub vlan: Option<u16>,
}

/// The IP header, without lengths and checksum, which follow from the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// IPv4.
    V4 {
        /// DSCP in bits 7:2, ECN in 1:0.
        traffic_class: u8,
        /// Identification.
        identification: u16,
        /// The don't-fragment flag.
        dont_fragment: bool,
        /// Time to live.
        hop_limit: u8,
        /// From whom.
        source: Ipv4Addr,
        /// To whom.
        destination: Ipv4Addr,
    },
    /// IPv6.
    V6 {
        /// DSCP in bits 7:2, ECN in 1:0.
        traffic_class: u8,
        /// 20 bits.
        flow_label: u32,
        /// Hop limit.
        hop_limit: u8,
        /// From whom.
        source: Ipv6Addr,
        /// To whom.
        destination: Ipv6Addr,
    },
}

impl Network {
    /// A header between two addresses of one family, with identification and flow label 0.
    /// An IPv4 address may come mapped into IPv6, as a GID holds it.
    ///
    /// # Errors
    /// The families differ.
    pub fn between(
        source: IpAddr,
        destination: IpAddr,
        traffic_class: u8,
        hop_limit: u8,
    ) -> Result<Self, MixedFamilies> {
        match (source.to_canonical(), destination.to_canonical()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Ok(Self::V4 {
                traffic_class,
                identification: 0,
                dont_fragment: true,
                hop_limit,
                source,
                destination,
            }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Ok(Self::V6 {
                traffic_class,
                flow_label: 0,
                hop_limit,
                source,
                destination,
            }),
            _ => Err(MixedFamilies),
        }
    }

    /// From whom.
    pub const fn source(&self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => IpAddr::V4(*source),
            Self::V6 { source, .. } => IpAddr::V6(*source),
        }
    }

    /// To whom.
    pub const fn destination(&self) -> IpAddr {
        match self {
            Self::V4 { destination, .. } => IpAddr::V4(*destination),
            Self::V6 { destination, .. } => IpAddr::V6(*destination),
        }
    }

    /// DSCP in bits 7:2, ECN in 1:0.
    pub const fn traffic_class(&self) -> u8 {
        match self {
            Self::V4 { traffic_class, .. } | Self::V6 { traffic_class, .. } => *traffic_class,
        }
    }

    /// Time to live or hop limit.
    pub const fn hop_limit(&self) -> u8 {
        match self {
            Self::V4 { hop_limit, .. } | Self::V6 { hop_limit, .. } => *hop_limit,
        }
    }

    /// Length of the header on the wire.
    pub const fn header_len(&self) -> usize {
        match self {
            Self::V4 { .. } => 20,
            Self::V6 { .. } => 40,
        }
    }
}

/// One address is of IPv4, the other of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("source and destination are of different IP families")]
pub struct MixedFamilies;

/// An address as a 16-byte GID.
pub fn gid(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The address that a GID stands for.
pub fn address_of(gid: [u8; 16]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(gid)).to_canonical()
}

/// The base transport header, without the pad count, which follows from the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the header has as many bits of one meaning each"
)]
pub struct Bth {
    /// What the packet is.
    pub opcode: Opcode,
    /// The receiver shall raise a solicited event.
    pub solicited: bool,
    /// Migration state.
    pub migrated: bool,
    /// Partition key.
    pub p_key: u16,
    /// Forward congestion.
    pub fecn: bool,
    /// Backward congestion.
    pub becn: bool,
    /// To which queue pair, 24 bits.
    pub dest_qpn: u32,
    /// The sender asks for an acknowledgement.
    pub ack_request: bool,
    /// Packet sequence number, 24 bits.
    pub psn: u32,
}

impl Bth {
    /// A header with the default partition key and no flags.
    pub const fn new(opcode: Opcode, dest_qpn: u32, psn: u32) -> Self {
        Self {
            opcode,
            solicited: false,
            migrated: false,
            p_key: 0xffff,
            fecn: false,
            becn: false,
            dest_qpn,
            ack_request: false,
            psn,
        }
    }
}

/// RDMA extended transport header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reth {
    /// Where in the responder's memory.
    pub address: u64,
    /// By which key.
    pub r_key: u32,
    /// Bytes of the whole message.
    pub length: u32,
}

/// Acknowledge extended transport header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aeth {
    /// ACK, RNR NAK or NAK in bits 7:5 and its code in 4:0.
    pub syndrome: u8,
    /// Messages completed, 24 bits.
    pub msn: u32,
}

/// Atomic extended transport header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtomicEth {
    /// Where in the responder's memory.
    pub address: u64,
    /// By which key.
    pub r_key: u32,
    /// What to add, or to put in place.
    pub swap_or_add: u64,
    /// What to compare with.
    pub compare: u64,
}

/// Datagram extended transport header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deth {
    /// Queue key.
    pub q_key: u32,
    /// Sending queue pair, 24 bits.
    pub source_qpn: u32,
}

/// The extended headers; which ones is a matter of the operation code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extended {
    /// None.
    Plain,
    /// RDMA request.
    Reth(Reth),
    /// RDMA request with immediate data.
    RethImm(Reth, u32),
    /// Response.
    Aeth(Aeth),
    /// Response to an atomic, with the original value.
    AethAtomic(Aeth, u64),
    /// Atomic request.
    Atomic(AtomicEth),
    /// Immediate data.
    Imm(u32),
    /// Key to invalidate.
    Ieth(u32),
    /// Datagram.
    Deth(Deth),
    /// Datagram with immediate data.
    DethImm(Deth, u32),
}

impl Extended {
    /// The layout that these headers have.
    pub const fn layout(&self) -> Layout {
        match self {
            Self::Plain => Layout::Plain,
            Self::Reth(_) => Layout::Reth,
            Self::RethImm(..) => Layout::RethImm,
            Self::Aeth(_) => Layout::Aeth,
            Self::AethAtomic(..) => Layout::AethAtomic,
            Self::Atomic(_) => Layout::Atomic,
            Self::Imm(_) => Layout::Imm,
            Self::Ieth(_) => Layout::Ieth,
            Self::Deth(_) => Layout::Deth,
            Self::DethImm(..) => Layout::DethImm,
        }
    }

    /// The RDMA header, if there is one.
    pub const fn reth(&self) -> Option<Reth> {
        match self {
            Self::Reth(reth) | Self::RethImm(reth, _) => Some(*reth),
            _ => None,
        }
    }

    /// The acknowledge header, if there is one.
    pub const fn aeth(&self) -> Option<Aeth> {
        match self {
            Self::Aeth(aeth) | Self::AethAtomic(aeth, _) => Some(*aeth),
            _ => None,
        }
    }

    /// The datagram header, if there is one.
    pub const fn deth(&self) -> Option<Deth> {
        match self {
            Self::Deth(deth) | Self::DethImm(deth, _) => Some(*deth),
            _ => None,
        }
    }

    /// The immediate data, if there is any.
    pub const fn immediate(&self) -> Option<u32> {
        match self {
            Self::Imm(imm) | Self::RethImm(_, imm) | Self::DethImm(_, imm) => Some(*imm),
            _ => None,
        }
    }

    /// The key to invalidate, if there is one.
    pub const fn invalidate(&self) -> Option<u32> {
        if let Self::Ieth(key) = self {
            Some(*key)
        } else {
            None
        }
    }

    /// Reads the headers of `layout`, which the caller has found to be that long.
    pub(super) fn parse(layout: Layout, bytes: &[u8]) -> Self {
        match layout {
            Layout::Plain => Self::Plain,
            Layout::Reth => Self::Reth(reth(bytes)),
            Layout::RethImm => Self::RethImm(reth(bytes), be32(bytes, 16)),
            Layout::Aeth => Self::Aeth(aeth(bytes)),
            Layout::AethAtomic => Self::AethAtomic(aeth(bytes), be64(bytes, 4)),
            Layout::Atomic => Self::Atomic(AtomicEth {
                address: be64(bytes, 0),
                r_key: be32(bytes, 8),
                swap_or_add: be64(bytes, 12),
                compare: be64(bytes, 20),
            }),
            Layout::Imm => Self::Imm(be32(bytes, 0)),
            Layout::Ieth => Self::Ieth(be32(bytes, 0)),
            Layout::Deth => Self::Deth(deth(bytes)),
            Layout::DethImm => Self::DethImm(deth(bytes), be32(bytes, 8)),
        }
    }

    /// Appends the headers.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Plain => {}
            Self::Reth(reth) => put_reth(reth, out),
            Self::RethImm(reth, imm) => {
                put_reth(reth, out);
                out.extend(imm.to_be_bytes());
            }
            Self::Aeth(aeth) => put_aeth(aeth, out),
            Self::AethAtomic(aeth, original) => {
                put_aeth(aeth, out);
                out.extend(original.to_be_bytes());
            }
            Self::Atomic(atomic) => {
                out.extend(atomic.address.to_be_bytes());
                out.extend(atomic.r_key.to_be_bytes());
                out.extend(atomic.swap_or_add.to_be_bytes());
                out.extend(atomic.compare.to_be_bytes());
            }
            Self::Imm(word) | Self::Ieth(word) => out.extend(word.to_be_bytes()),
            Self::Deth(deth) => put_deth(deth, out),
            Self::DethImm(deth, imm) => {
                put_deth(deth, out);
                out.extend(imm.to_be_bytes());
            }
        }
    }
}

fn reth(bytes: &[u8]) -> Reth {
    Reth {
        address: be64(bytes, 0),
        r_key: be32(bytes, 8),
        length: be32(bytes, 12),
    }
}

fn aeth(bytes: &[u8]) -> Aeth {
    Aeth {
        syndrome: bytes[0],
        msn: be32(bytes, 0) & 0x00ff_ffff,
    }
}

fn deth(bytes: &[u8]) -> Deth {
    Deth {
        q_key: be32(bytes, 0),
        source_qpn: be32(bytes, 4) & 0x00ff_ffff,
    }
}

fn put_reth(reth: &Reth, out: &mut Vec<u8>) {
    out.extend(reth.address.to_be_bytes());
    out.extend(reth.r_key.to_be_bytes());
    out.extend(reth.length.to_be_bytes());
}

fn put_aeth(aeth: &Aeth, out: &mut Vec<u8>) {
    out.extend((u32::from(aeth.syndrome) << 24 | aeth.msn & 0x00ff_ffff).to_be_bytes());
}

fn put_deth(deth: &Deth, out: &mut Vec<u8>) {
    out.extend(deth.q_key.to_be_bytes());
    out.extend((deth.source_qpn & 0x00ff_ffff).to_be_bytes());
}

/// The 16-bit number at `at`.
pub(super) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The 32-bit number at `at`.
pub(super) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The 64-bit number at `at`.
pub(super) fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from(be32(bytes, at)) << 32 | u64::from(be32(bytes, at + 4))
}
