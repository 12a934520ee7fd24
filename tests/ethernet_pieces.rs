//! The rules of the Ethernet path that are plain functions: what a completion tells, how large buffers are.

use cxndk::ether::receive::buffers::{buffer_size, pieces};
use cxndk::ether::receive::verdict::Beside;
use cxndk::nt::out_of_band::ChecksumVerdict;

const GOOD: ChecksumVerdict = ChecksumVerdict::IP_GOOD
    .and(ChecksumVerdict::TCP_GOOD)
    .and(ChecksumVerdict::UDP_GOOD);
const L4_OK: u32 = 1 << 26;
const L3_OK: u32 = 1 << 25;
const TAG_TAKEN: u32 = 1 << 16;

const ALL: Beside = Beside {
    verdicts4: GOOD,
    verdicts6: GOOD,
    tag_mask: 0xffff,
    hash_types: 0xd700,
};

/// OFL-03: a layer is good only if the device said so; IPv6 has no header checksum, and nobody is told of a bad one.
#[test]
fn only_what_the_device_verified_is_told() {
    let of = |frame| ALL.of(frame, (0, 0)).checksums;
    let (v4, v6, tcp, udp) = (2 << 18, 1 << 18, 4 << 20, 2 << 20);
    let ip = ChecksumVerdict::IP_GOOD;
    assert_eq!(of(v4 | tcp), ChecksumVerdict::default());
    assert_eq!(of(v4 | tcp | L3_OK), ip);
    assert_eq!(of(v4 | tcp | L3_OK | L4_OK), ip.and(ChecksumVerdict::TCP_GOOD));
    assert_eq!(of(v4 | udp | L3_OK | L4_OK), ip.and(ChecksumVerdict::UDP_GOOD));
    assert_eq!(of(v4 | udp | L4_OK), ChecksumVerdict::default());
    assert_eq!(of(v6 | tcp | L4_OK), ChecksumVerdict::TCP_GOOD);
    assert_eq!(of(L3_OK | L4_OK), ChecksumVerdict::default());
    let off = Beside {
        verdicts4: ChecksumVerdict::default(),
        ..ALL
    };
    assert_eq!(off.of(v4 | L3_OK, (0, 0)).checksums, ChecksumVerdict::default());
}

/// RSS-08: the value with the type of what was hashed, or no type.
#[test]
fn hashes_are_told_by_their_types() {
    let hash = |types, kind| {
        let beside = Beside {
            hash_types: types,
            ..ALL
        };
        beside.of(0, (7, kind)).hash
    };
    assert_eq!(hash(0x300, 0x44), (7, 0x200));
    assert_eq!(hash(0x100, 0x44), (0, 0));
    assert_eq!(hash(0x300, 0x04), (7, 0x100));
    assert_eq!(hash(0x1400, 0x48), (7, 0x1000));
    assert_eq!(hash(0x1400, 0), (0, 0));
}

/// RECV-04: a tag is told as far as tags are on.
#[test]
fn tags_are_told_as_far_as_they_are_on() {
    let tag = |mask, frame| {
        Beside {
            tag_mask: mask,
            ..ALL
        }
        .of(frame, (0, 0))
        .tag
    };
    assert_eq!(tag(0xffff, TAG_TAKEN | 0x6005), 0x6005);
    assert_eq!(tag(0xf000, TAG_TAKEN | 0x6005), 0x6000);
    assert_eq!(tag(0, TAG_TAKEN | 0x6005), 0);
    assert_eq!(tag(0xffff, 0x6005), 0);
}

#[test]
fn buffers_hold_the_longest_frame_and_pieces_stay_in_pages() {
    assert_eq!((buffer_size(1500), pieces(1500)), (2048, 1));
    assert_eq!((buffer_size(4074), pieces(4074)), (4096, 1));
    assert_eq!((buffer_size(9000), pieces(9000)), (12288, 3));
}
