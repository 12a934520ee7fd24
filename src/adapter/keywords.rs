//! The adapter's configuration: every registry keyword is read once, in Initialize, and checked (rules INF-08, VRF-46).

use crate::{
    ether::{
        self,
        offload::{Offloads, Ways},
    },
    hw::Mtu,
    nt::{NdisHandle, Passive, Status, config::Configuration},
};

/// `*NetworkDirectTechnology`: RoCEv2, the only one that this driver speaks.
const TECHNOLOGY_ROCE_V2: u32 = 4;
/// Bytes of an Ethernet header; `*JumboPacket` counts them.
pub(super) const ETHERNET_HEADER: u32 = 14;
/// `*JumboPacket` values, in bytes with Ethernet header (open point M-04).
const PACKET_SIZES: [u32; 3] = [1514, 4088, 9014];
/// `*NetworkDirectRoCEFrameSize` values, in bytes of RDMA payload per packet.
const ROCE_FRAME_SIZES: [u32; 5] = [256, 512, 1024, 2048, 4096];
/// `*NumRSSQueues` at most.
const MOST_QUEUES: u32 = ether::scale::MOST_QUEUES as u32;
/// `*ReceiveBuffers` and `*TransmitBuffers`.
const DEFAULT_BUFFERS: u32 = 256;
const LEAST_BUFFERS: u32 = 64;
const MOST_BUFFERS: u32 = 4096;

/// The adapter's configuration, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keywords {
    /// `*JumboPacket` less the Ethernet header: the largest IP packet, in bytes.
    pub mtu: u32,
    /// `*NetworkDirect`, and a technology that the driver has.
    pub network_direct: bool,
    /// `*NetworkDirectRoCEFrameSize`: the configured RDMA payload per packet, in bytes.
    pub roce_frame_size: u32,
    /// `*InterruptModeration`.
    pub interrupt_moderation: bool,
    /// `*FlowControl`: pause frames are (sent, obeyed); `None` leaves it to the other end.
    pub flow_control: Option<(bool, bool)>,
    /// `*PriorityVLANTag`: (priority, VLAN).
    pub tags: (bool, bool),
    /// `*RSS`: received frames may be spread over processors.
    pub rss: bool,
    /// `*NumRSSQueues`.
    pub rss_queues: u32,
    /// `*IPChecksumOffloadIPv4`, `*TCPChecksumOffloadIPv4` and their kin, `*LsoV2IPv4`, `*LsoV2IPv6`.
    pub offloads: Offloads,
    /// `*ReceiveBuffers`, of each queue.
    pub receive_buffers: u32,
    /// `*TransmitBuffers`, of each ring.
    pub transmit_buffers: u32,
    /// `NetworkAddress`, if it is a legal station address.
    pub address: Option<[u8; 6]>,
}

impl Default for Keywords {
    fn default() -> Self {
        Self {
            mtu: PACKET_SIZES[0] - ETHERNET_HEADER,
            network_direct: true,
            roce_frame_size: 1024,
            interrupt_moderation: true,
            flow_control: Some((false, false)),
            tags: (true, true),
            rss: true,
            rss_queues: 8,
            offloads: Offloads::ALL,
            receive_buffers: DEFAULT_BUFFERS,
            transmit_buffers: DEFAULT_BUFFERS,
            address: None,
        }
    }
}

impl Keywords {
    /// Reads and checks the adapter's keywords: what is missing or out of range gets its default or the nearest legal value.
    ///
    /// # Errors
    /// The configuration cannot be opened.
    pub fn read(ndis: NdisHandle, passive: Passive<'_>) -> Result<Self, Status> {
        let configuration = Configuration::open(ndis, passive)?;
        Ok(Self::from_values(
            |keyword| configuration.integer(keyword),
            configuration.network_address(),
        ))
    }

    /// `*NetworkDirect` as it is now (rule ADAPTER-23: asked for again at every `OID_NDK_SET_STATE`).
    ///
    /// # Errors
    /// The configuration cannot be opened.
    pub fn read_network_direct(ndis: NdisHandle, passive: Passive<'_>) -> Result<bool, Status> {
        let configuration = Configuration::open(ndis, passive)?;
        Ok(network_direct(&|keyword: &str| configuration.integer(keyword)))
    }

    /// Checks values, wherever they come from.
    pub fn from_values(integer: impl Fn(&str) -> Option<u32>, address: Option<[u8; 6]>) -> Self {
        let packet = nearest(&PACKET_SIZES, integer("*JumboPacket").unwrap_or(PACKET_SIZES[0]));
        let frame = integer("*NetworkDirectRoCEFrameSize").unwrap_or(1024);
        Self {
            mtu: packet - ETHERNET_HEADER,
            network_direct: network_direct(&integer),
            roce_frame_size: nearest(&ROCE_FRAME_SIZES, frame),
            interrupt_moderation: flag(integer("*InterruptModeration"), true),
            flow_control: match integer("*FlowControl") {
                Some(1) => Some((true, false)),
                Some(2) => Some((false, true)),
                Some(3) => Some((true, true)),
                Some(4) => None,
                _ => Some((false, false)),
            },
            tags: match integer("*PriorityVLANTag") {
                Some(0) => (false, false),
                Some(1) => (true, false),
                Some(2) => (false, true),
                _ => (true, true),
            },
            rss: flag(integer("*RSS"), true),
            rss_queues: integer("*NumRSSQueues").map_or(8, |queues| queues.clamp(1, MOST_QUEUES)),
            offloads: offloads(&integer),
            receive_buffers: buffers(integer("*ReceiveBuffers")),
            transmit_buffers: buffers(integer("*TransmitBuffers")),
            address: address.filter(|address| is_station_address(*address)),
        }
    }

    /// How the adapter sends and receives.
    pub const fn ethernet(&self) -> ether::Config {
        ether::Config {
            mtu: self.mtu,
            tags: self.tags,
            offloads: self.offloads,
            transmit_frames: self.transmit_buffers,
            receive_buffers: self.receive_buffers,
            queues: if self.rss { self.rss_queues } else { 1 },
        }
    }

    /// The RDMA payload per packet that the adapter uses: the largest one that is neither above the configured size nor too large for
    /// `mtu` (rule ADAPTER-64).
    pub fn operational_mtu(&self) -> Mtu {
        let link = Mtu::for_link(self.mtu);
        let fits = |mtu: &Mtu| mtu.bytes() <= self.roce_frame_size && mtu.bytes() <= link.bytes();
        [Mtu::B4096, Mtu::B2048, Mtu::B1024, Mtu::B512]
            .into_iter()
            .find(fits)
            .unwrap_or(Mtu::B256)
    }
}

/// Network Direct is on unless it is switched off, or set to a technology that the driver lacks (rules ADAPTER-03, ADAPTER-62).
fn network_direct(integer: &impl Fn(&str) -> Option<u32>) -> bool {
    flag(integer("*NetworkDirect"), true)
        && integer("*NetworkDirectTechnology").is_none_or(|technology| technology == TECHNOLOGY_ROCE_V2)
}

/// 0 or 1; anything else is the default.
const fn flag(value: Option<u32>, default: bool) -> bool {
    match value {
        Some(0) => false,
        Some(1) => true,
        _ => default,
    }
}

fn offloads(integer: &impl Fn(&str) -> Option<u32>) -> Offloads {
    let ways = |keyword| Ways::of_keyword(integer(keyword));
    Offloads {
        ipv4: ways("*IPChecksumOffloadIPv4"),
        tcp4: ways("*TCPChecksumOffloadIPv4"),
        udp4: ways("*UDPChecksumOffloadIPv4"),
        tcp6: ways("*TCPChecksumOffloadIPv6"),
        udp6: ways("*UDPChecksumOffloadIPv6"),
        large4: flag(integer("*LsoV2IPv4"), true),
        large6: flag(integer("*LsoV2IPv6"), true),
    }
}

/// Buffers of a queue: what is asked for, in bounds.
fn buffers(value: Option<u32>) -> u32 {
    value.map_or(DEFAULT_BUFFERS, |value| value.clamp(LEAST_BUFFERS, MOST_BUFFERS))
}

/// The largest of the ascending `legal` values that is not above `value`, or else the smallest.
fn nearest(legal: &[u32], value: u32) -> u32 {
    let smallest = legal.first().copied().unwrap_or(value);
    legal
        .iter()
        .copied()
        .rfind(|candidate| *candidate <= value)
        .unwrap_or(smallest)
}

/// Neither a group address nor all zeros.
const fn is_station_address(address: [u8; 6]) -> bool {
    let [first, rest @ ..] = address;
    first & 1 == 0 && !matches!((first, rest), (0, [0, 0, 0, 0, 0]))
}
