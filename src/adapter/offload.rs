//! What NDIS is told about task offloads, and how they are said to be now (rules ATTR-06, OFL-01, OFL-10, OFL-11).

use super::Adapter;
use crate::{
    ether::{
        MOST_LARGE_SEND,
        offload::{Offloads, Ways},
    },
    nt::{Passive, Ref, Status},
    sys::ndis::{
        self, NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES, NDIS_OBJECT_HEADER, NDIS_OFFLOAD,
        NDIS_TCP_IP_CHECKSUM_OFFLOAD, NDIS_TCP_LARGE_SEND_OFFLOAD_V2,
    },
};

/// Frames are Ethernet's, with tags in them or beside them.
pub(super) const ENCAPSULATION: u32 = ndis::NDIS_ENCAPSULATION_IEEE_802_3
    | ndis::NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q
    | ndis::NDIS_ENCAPSULATION_IEEE_802_3_P_AND_Q_IN_OOB;
/// A large send is worth it from so many segments on.
const FEWEST_SEGMENTS: u32 = 2;
/// Where the two-bit answers of a checksum's word are: options or extension headers, TCP options, TCP, UDP, IP header.
const OPTIONS: u32 = 0;
const TCP_OPTIONS: u32 = 2;
const TCP: u32 = 4;
const UDP: u32 = 6;
const IP: u32 = 8;

/// A checksum's word: its encapsulation and answers, or nothing when nothing is on.
fn checksums(answers: &[(bool, u32)]) -> [u32; 2] {
    let on = |sum: u32, (on, at): &(bool, u32)| sum | u32::from(*on) << at;
    let word = answers.iter().fold(0, on);
    if word == 0 {
        return [0; 2];
    }
    [ENCAPSULATION, word | 1 << OPTIONS | 1 << TCP_OPTIONS]
}

/// `NDIS_OFFLOAD` of these offloads.
fn describe(offloads: &Offloads) -> NDIS_OFFLOAD {
    let all = |way: fn(Ways) -> bool| {
        let ipv4 = checksums(&[
            (way(offloads.tcp4), TCP),
            (way(offloads.udp4), UDP),
            (way(offloads.ipv4), IP),
        ]);
        (
            ipv4,
            checksums(&[(way(offloads.tcp6), TCP), (way(offloads.udp6), UDP)]),
        )
    };
    let (sent, received) = (all(|ways| ways.send), all(|ways| ways.receive));
    let large = |on: bool| {
        if on {
            [ENCAPSULATION, MOST_LARGE_SEND, FEWEST_SEGMENTS]
        } else {
            [0; 3]
        }
    };
    let [encapsulation, most, fewest] = large(offloads.large6);
    let options = u32::from(offloads.large6) << OPTIONS | u32::from(offloads.large6) << TCP_OPTIONS;
    NDIS_OFFLOAD {
        Header: NDIS_OBJECT_HEADER {
            Type: ndis::NDIS_OBJECT_TYPE_OFFLOAD as u8,
            Revision: ndis::NDIS_OFFLOAD_REVISION_3 as u8,
            Size: ndis::NDIS_SIZEOF_NDIS_OFFLOAD_REVISION_3 as u16,
        },
        Checksum: NDIS_TCP_IP_CHECKSUM_OFFLOAD {
            IPv4Transmit: sent.0,
            IPv4Receive: received.0,
            IPv6Transmit: sent.1,
            IPv6Receive: received.1,
        },
        LsoV1: [0; 4],
        IPsecV1: [0; 7],
        LsoV2: NDIS_TCP_LARGE_SEND_OFFLOAD_V2 {
            IPv4: large(offloads.large4),
            IPv6: [encapsulation, most, fewest, options],
        },
        Flags: 0,
        IPsecV2: [0; 8],
        Rsc: [0; 2],
        EncapsulatedPacketTaskOffloadGre: [0; 2],
        EncapsulatedPacketTaskOffloadVxlan: [0; 5],
        EncapsulationTypes: 0,
        Rfc6877Xlat: [0; 2],
    }
}

/// Tells NDIS what the device can do, and what of it is on.
pub(super) fn set_offloads(adapter: &Ref<Adapter>, _: Passive<'_>) -> Result<(), Status> {
    let Some(ether) = adapter.ether.get() else {
        return Ok(());
    };
    let mut now = describe(&ether.offloads());
    let mut most = describe(&ether.possible_offloads());
    let mut attributes = NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES {
        Header: NDIS_OBJECT_HEADER {
            Type: ndis::NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES as u8,
            Revision: ndis::NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES_REVISION_1 as u8,
            Size: size_of::<NDIS_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES>() as u16,
        },
        DefaultOffloadConfiguration: &raw mut now,
        HardwareOffloadCapabilities: &raw mut most,
        DefaultTcpConnectionOffloadConfiguration: core::ptr::null_mut(),
        TcpConnectionOffloadHardwareCapabilities: core::ptr::null_mut(),
    };
    // SAFETY: complete attributes; NDIS copies what they lead to.
    Status(unsafe { ndis::NdisMSetMiniportAttributes(adapter.ndis.as_raw(), (&raw mut attributes).cast()) })
        .ok()
}

impl Adapter {
    /// Tells NDIS which offloads are on now.
    pub(super) fn indicate_offloads(&self) {
        let Some(ether) = self.ether.get() else { return };
        let mut now = describe(&ether.offloads());
        let size = now.Header.Size;
        self.indicate_status(ndis::NDIS_STATUS_TASK_OFFLOAD_CURRENT_CONFIG, &mut now, size);
    }
}
