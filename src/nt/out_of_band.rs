//! What travels beside the data of a `NET_BUFFER_LIST`: tags, checksums, large sends, hashes (`NetBufferListInfo`, ndis.h).

use core::ptr::without_provenance_mut;

use super::packet::Packet;

/// Places in `NetBufferListInfo` (`NDIS_NET_BUFFER_LIST_INFO`).
const CHECKSUM: usize = 0;
const LARGE_SEND: usize = 2;
const TAG: usize = 4;
const HASH_VALUE: usize = 8;
const HASH_INFO: usize = 9;

/// `NDIS_TCP_LARGE_SEND_OFFLOAD_V2_TYPE` where the large-send word has its type.
const LARGE_SEND_V2: u32 = 1 << 30;

/// What a sender asks for with checksums (`NDIS_TCP_IP_CHECKSUM_NET_BUFFER_LIST_INFO.Transmit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ChecksumWish(u32);

impl ChecksumWish {
    /// The frame is an IP packet and something about it is to be computed.
    const IP: u32 = 3;

    /// The IPv4 header checksum is to be computed.
    pub const fn ip_header(self) -> bool {
        self.0 & 1 != 0 && self.0 >> 4 & 1 != 0
    }

    /// The TCP or UDP checksum is to be computed.
    pub const fn transport(self) -> bool {
        self.0 & Self::IP != 0 && self.0 & 0xc != 0
    }
}

/// A large send (`NDIS_TCP_LARGE_SEND_OFFLOAD_NET_BUFFER_LIST_INFO.LsoV2Transmit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargeSend {
    /// Payload bytes of each segment but the last.
    pub segment: u32,
    /// Bytes of the frame before the TCP header.
    pub tcp_header: u32,
    /// The second version of the interface, the only one that this driver offers.
    pub second: bool,
}

/// The hash that a sender knows of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowHash(pub u32);

impl Packet {
    fn info(&self, place: usize) -> u64 {
        self.raw()
            .NetBufferListInfo
            .get(place)
            .map_or(0, |word| word.addr() as u64)
    }

    /// The tag control information to send, of the 802.1Q header that the sender wants; 0 for none.
    pub fn tag(&self) -> u16 {
        let word = self.info(TAG);
        let (priority, canonical, vlan) = (word & 7, word >> 3 & 1, word >> 4 & 0xfff);
        (priority << 13 | canonical << 12 | vlan) as u16
    }

    /// The checksums that the sender left to the device.
    pub fn checksums(&self) -> ChecksumWish {
        ChecksumWish(self.info(CHECKSUM) as u32)
    }

    /// The large send that it is, if it is one.
    pub fn large_send(&self) -> Option<LargeSend> {
        let word = self.info(LARGE_SEND) as u32;
        let segment = word & 0xf_ffff;
        (segment != 0).then_some(LargeSend {
            segment,
            tcp_header: word >> 20 & 0x3ff,
            second: word & LARGE_SEND_V2 != 0,
        })
    }

    /// What the sender of a large send reads at its completion (rule OFL-07).
    pub fn complete_large_send(&mut self) {
        if let Some(word) = self.raw_mut().NetBufferListInfo.get_mut(LARGE_SEND) {
            *word = without_provenance_mut(LARGE_SEND_V2 as usize);
        }
    }

    /// The hash of its flow, if the sender knows it.
    pub fn flow_hash(&self) -> Option<FlowHash> {
        let known = self.info(HASH_INFO) as u32 != 0;
        known.then(|| FlowHash(self.info(HASH_VALUE) as u32))
    }
}

/// Layers of a received frame and what was found about their checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ChecksumVerdict(u32);

impl ChecksumVerdict {
    /// The checksum of the IPv4 header is right.
    pub const IP_GOOD: Self = Self(1 << 5);
    /// The TCP checksum is right.
    pub const TCP_GOOD: Self = Self(1 << 3);
    /// The UDP checksum is right.
    pub const UDP_GOOD: Self = Self(1 << 4);

    /// What both say.
    #[must_use]
    pub const fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What travels beside a received frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ReceivedInfo {
    /// What was found about checksums.
    pub checksums: ChecksumVerdict,
    /// Tag control information of the tag that was taken out; 0 for none.
    pub tag: u16,
    /// Toeplitz hash and its type (`NDIS_HASH_*`); type 0: none.
    pub hash: (u32, u32),
}

/// `NdisHashFunctionToeplitz`.
const TOEPLITZ: u32 = 1;

impl ReceivedInfo {
    /// Writes it beside a packet's data.
    pub fn write(&self, packet: &mut Packet) {
        let list = packet.raw_mut();
        let tag = u32::from(self.tag);
        let (value, kind) = self.hash;
        let hash = if kind == 0 { 0 } else { kind | TOEPLITZ };
        let words = [
            (CHECKSUM, self.checksums.0),
            (TAG, tag >> 13 | (tag >> 12 & 1) << 3 | (tag & 0xfff) << 4),
            (HASH_VALUE, value),
            (HASH_INFO, hash),
        ];
        for (place, word) in words {
            if let Some(to) = list.NetBufferListInfo.get_mut(place) {
                *to = without_provenance_mut(word as usize);
            }
        }
    }
}
