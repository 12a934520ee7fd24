//! What the device found in a frame, as NDIS wants to know it (connectx ethernet, sections 3.2, 3.3 and 5).

use crate::nt::out_of_band::{ChecksumVerdict, ReceivedInfo};

/// Bits of the dword at 0x1c of a completion.
const L4_OK: u32 = 1 << 26;
const L3_OK: u32 = 1 << 25;
const TAG_TAKEN: u32 = 1 << 16;
/// `l3_hdr_type`.
const L3_IPV4: u32 = 2;
const L3_IPV6: u32 = 1;
/// `l4_hdr_type`.
const L4_UDP: u32 = 2;

/// What of a completion becomes part of a received packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beside {
    /// Verdicts that are told of IPv4 and of IPv6 (rule OFL-11).
    pub verdicts4: ChecksumVerdict,
    /// See `verdicts4`.
    pub verdicts6: ChecksumVerdict,
    /// Bits of a tag that are told: priority and VLAN id (rule RECV-04).
    pub tag_mask: u16,
    /// Types of hashes that are told (`NDIS_HASH_*`).
    pub hash_types: u32,
}

impl Beside {
    /// The verdict about a frame.
    fn verdict(&self, frame: u32) -> ChecksumVerdict {
        match frame >> 18 & 3 {
            L3_IPV4 if frame & L3_OK != 0 => ChecksumVerdict::IP_GOOD
                .and(transport(frame))
                .only(self.verdicts4),
            L3_IPV6 => transport(frame).only(self.verdicts6),
            _ => ChecksumVerdict::default(),
        }
    }

    /// From the dword at 0x1c, and the hash and its type.
    pub fn of(&self, frame: u32, (hash, kind): (u32, u8)) -> ReceivedInfo {
        let tag = if frame & TAG_TAKEN == 0 {
            0
        } else {
            frame as u16 & self.tag_mask
        };
        let kind = hash_type(kind) & self.hash_types;
        ReceivedInfo {
            checksums: self.verdict(frame),
            tag,
            hash: if kind == 0 { (0, 0) } else { (hash, kind) },
        }
    }
}

/// What is good: a check that did not succeed may not have been made.
fn transport(frame: u32) -> ChecksumVerdict {
    match frame >> 20 & 7 {
        _ if frame & L4_OK == 0 => ChecksumVerdict::default(),
        1 | 3 | 4 => ChecksumVerdict::TCP_GOOD,
        L4_UDP => ChecksumVerdict::UDP_GOOD,
        _ => ChecksumVerdict::default(),
    }
}

/// `NDIS_HASH_*` of an `rx_hash_type`.
const fn hash_type(kind: u8) -> u32 {
    match kind & 0xcc {
        0x04 => 0x100,
        0x44 => 0x200,
        0x84 => 0x4000,
        0x08 => 0x400,
        0x48 => 0x1000,
        0x88 => 0x8000,
        _ => 0,
    }
}
