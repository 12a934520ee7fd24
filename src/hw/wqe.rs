//! Encodings of work queue elements: the words of each 16-byte segment, in the order that the ring holds them.
//!
//! Pure arithmetic, checked byte by byte against the published layouts. A segment is two 64-bit words of host value; the ring
//! stores them big-endian.

#![expect(
    clippy::inline_always,
    reason = "the data path: its cost is counted in instructions"
)]

use super::types::{Key, Qpn};

/// Bytes of a segment; work queue elements are counted in these (`ds`).
pub const SEGMENT: usize = 16;
/// Segments of a basic block of the send queue (WQEBB).
pub const SEGMENTS_PER_BLOCK: u32 = 4;
/// The longest work queue element that drivers make, in basic blocks.
pub const MAX_BLOCKS: u32 = 16;
/// The longest inline data: what fits [`MAX_BLOCKS`] after control and remote address segments, less the length word.
pub const MAX_INLINE: u32 = 960;

/// Opcodes of send work queue elements (connectx interface, section 10).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are those of the interface")]
pub enum Opcode {
    Nop = 0x00,
    SendInvalidate = 0x01,
    RdmaWrite = 0x08,
    Send = 0x0a,
    LargeSend = 0x0e,
    RdmaRead = 0x10,
    Umr = 0x25,
}

/// Values of the control segment's `fm_ce_se` byte.
pub mod fm_ce_se {
    /// Raise the solicited event at the receiver.
    pub const SOLICITED: u32 = 1 << 1;
    /// Write a completion in any case; without it only on error.
    pub const COMPLETION: u32 = 2 << 2;
    /// Initiator small fence.
    pub const SMALL_FENCE: u32 = 1 << 5;
    /// Wait for earlier reads and atomics.
    pub const FENCE: u32 = 2 << 5;
    /// Strong ordering.
    pub const STRONG: u32 = 3 << 5;
    /// Small fence and fence.
    pub const SMALL_AND_FENCE: u32 = 4 << 5;
}

/// The control segment. `ds` counts the segments of the whole element, this one included; `immediate` is the immediate, the
/// key that the peer shall invalidate, or the key that a UMR changes.
#[inline(always)]
pub const fn control(
    counter: u16,
    opcode: Opcode,
    qpn: Qpn,
    ds: u32,
    fm_ce_se: u32,
    immediate: u32,
) -> [u64; 2] {
    let first = ((counter as u64) << 8 | opcode as u64) << 32;
    let second = (qpn.raw() << 8 | ds) as u64;
    [first | second, (fm_ce_se as u64) << 32 | immediate as u64]
}

/// The remote address segment of reads and writes.
#[inline(always)]
pub const fn remote_address(address: u64, key: Key) -> [u64; 2] {
    [address, (key.0 as u64) << 32]
}

/// A data segment. `length` is below 2 GiB and, in send queues, not 0.
#[inline(always)]
pub const fn data(address: u64, length: u32, key: Key) -> [u64; 2] {
    [(length as u64) << 32 | key.0 as u64, address]
}

/// The segment that ends the list of a receive work queue element which is not full.
#[inline(always)]
pub const fn terminator(key: Key) -> [u64; 2] {
    [key.0 as u64, 0]
}

/// First dword of inline data of `length` bytes.
#[inline(always)]
pub const fn inline_header(length: u32) -> u32 {
    length | 1 << 31
}

/// Segments that inline data of `length` bytes takes, its header included.
#[inline(always)]
pub const fn inline_segments(length: u32) -> u32 {
    (length + 4).div_ceil(SEGMENT as u32)
}

/// Memory key updates by work request (UMR, connectx interface, section 12).
pub mod umr {
    use super::{super::types::Pdn, Key};

    /// The list of translations is in the work queue element.
    pub const INLINE: u8 = 0x80;
    /// Fail when the key is free.
    pub const FAIL_IF_FREE: u8 = 0x40;
    /// Fail when the key is not free.
    pub const FAIL_IF_NOT_FREE: u8 = 0x20;

    /// `mkey_mask`: fields that an update changes.
    pub mod mask {
        /// Length.
        pub const LEN: u64 = 1 << 0;
        /// Page size.
        pub const PAGE_SIZE: u64 = 1 << 1;
        /// Start address.
        pub const START_ADDR: u64 = 1 << 6;
        /// Whether the peer may invalidate the key.
        pub const EN_RINVAL: u64 = 1 << 8;
        /// The key's variant.
        pub const KEY: u64 = 1 << 13;
        /// Local read.
        pub const LR: u64 = 1 << 17;
        /// Local write.
        pub const LW: u64 = 1 << 18;
        /// Remote read.
        pub const RR: u64 = 1 << 19;
        /// Remote write.
        pub const RW: u64 = 1 << 20;
        /// Small fence on read responses.
        pub const SMALL_FENCE: u64 = 1 << 23;
        /// The free state.
        pub const FREE: u64 = 1 << 29;
        /// What a fast registration changes.
        pub const REGISTER: u64 =
            LEN | PAGE_SIZE | START_ADDR | EN_RINVAL | KEY | LR | LW | RR | RW | SMALL_FENCE | FREE;
    }

    /// Access mode of a translation by pages (`MTT`) in the flags byte.
    const ACCESS_MODE_MTT: u64 = 1;
    /// log2 of the page size of page lists.
    const LOG_PAGE: u64 = 12;
    /// Bits of an address that say where in its page it is.
    pub const PAGE_MASK: u64 = (1 << LOG_PAGE) - 1;
    /// A key that is bound to no queue pair.
    const ANY_QP: u64 = 0x00ff_ffff;
    /// Bytes that lists are rounded up to.
    pub const LIST_ALIGN: u32 = 64;
    /// Translations that [`LIST_ALIGN`] bytes hold, which is also how many stay inline.
    pub const INLINE_ENTRIES: u32 = LIST_ALIGN / 8;

    /// Octowords (16 bytes) of a list of `entries` page addresses, rounded as the device wants it.
    #[inline(always)]
    pub const fn octowords(entries: u32) -> u32 {
        entries.next_multiple_of(INLINE_ENTRIES) / 2
    }

    /// The UMR control segment: three segments, the last two of which are zero but for the mask in the first.
    #[inline(always)]
    pub const fn control(flags: u8, octowords: u32, mask: u64) -> [u64; 2] {
        [(flags as u64) << 56 | (octowords as u64 & 0xffff) << 16, mask]
    }

    /// The memory key context segment of a fast registration: eight words.
    ///
    /// `access` is the flags byte of the context (connectx interface, section 12) without the access mode.
    #[inline(always)]
    pub const fn register(
        key: Key,
        access: u8,
        pd: Pdn,
        start: u64,
        length: u64,
        octowords: u32,
    ) -> [u64; 8] {
        let flags = (access as u64 | ACCESS_MODE_MTT) << 8;
        let names = ANY_QP << 8 | key.0 as u64 & 0xff;
        [
            flags << 32 | names,
            (1 << 24 | pd.raw()) as u64,
            start,
            length,
            0,
            0,
            octowords as u64,
            LOG_PAGE << 32,
        ]
    }

    /// The memory key context segment of a local invalidation: the key becomes free.
    #[inline(always)]
    pub const fn invalidate() -> [u64; 8] {
        [1 << 62, 0, 0, 0, 0, 0, 0, 0]
    }

    /// A translation entry: the page at `address` may be read and written, as far as the key allows.
    #[inline(always)]
    pub const fn translation(address: u64) -> u64 {
        address & !PAGE_MASK | 3
    }
}

/// Address vector of datagrams, three segments after the control segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressVector {
    /// Q_Key of the destination.
    pub qkey: u32,
    /// Destination queue pair.
    pub dqpn: Qpn,
    /// Index of the source address in the GID table.
    pub source: super::GidIndex,
    /// Destination address.
    pub destination: super::Gid,
    /// Ethernet address of the next hop.
    pub mac: super::Mac,
    /// UDP source port, 0xc000 or above.
    pub udp_source_port: u16,
    /// Time to live, 2 or above.
    pub hop_limit: u8,
    /// DSCP in bits 7:2, ECN in bits 1:0.
    pub traffic_class: u8,
    /// Ethernet priority (PCP), 0..=7.
    pub priority: u8,
}

impl AddressVector {
    /// The six words.
    pub const fn words(&self) -> [u64; 6] {
        let gid = u128::from_be_bytes(self.destination.0);
        let dqpn = 1 << 31 | self.dqpn.raw();
        let rate = (self.priority as u32 & 7) << 25 | self.udp_source_port as u32;
        let mac_high = self.mac.high() << 16 | self.mac.low() >> 16;
        let mac_low = self.mac.low() << 16 | (self.traffic_class as u32) << 8 | self.hop_limit as u32;
        let grh = 1 << 30 | (self.source.0 as u32) << 20;
        [
            (self.qkey as u64) << 32,
            (dqpn as u64) << 32 | rate as u64,
            mac_high as u64,
            (mac_low as u64) << 32 | grh as u64,
            (gid >> 64) as u64,
            gid as u64,
        ]
    }
}
