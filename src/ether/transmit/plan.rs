//! How one buffer of a sender becomes an element of a send queue.

use crate::{
    hw::ether::{Checksums, EtherCaps, send_ring::MOST_INLINE},
    nt::{
        Status,
        out_of_band::LargeSend,
        packet::{Buffer, Packet},
    },
};

/// Ethernet's shortest frame, without its check sequence (rule SEND-07).
pub const SHORTEST: usize = 60;
/// Bytes of the two addresses of a frame, behind which a tag stands.
const ADDRESSES: usize = 12;
/// Bytes of an untagged Ethernet header.
pub const HEADER: usize = 14;
/// The VLAN id in a tag.
const VLAN: u16 = 0x0fff;
/// Bytes of a tag.
const TAG: usize = 4;
/// `EtherType` of a customer tag.
const CUSTOMER_TAG: [u8; 2] = [0x81, 0];
/// Headers that old chips want to see in the element: layer 2 with a tag.
const OLD_INLINE: usize = 18;
/// Where a TCP header says how long it is, in units of 4 bytes in the upper half of the byte.
const DATA_OFFSET: usize = 12;
/// Flags of the least TCP header, in bytes.
const LEAST_TCP: usize = 20;
/// The longest payload of the segments of a large send.
const MOST_SEGMENT: u32 = 0x3fff;

/// What senders may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// What the device offers.
    pub caps: EtherCaps,
    /// Bytes of the longest frame, without tag.
    pub frame: usize,
    /// Tags are put in as senders ask (priority, VLAN id).
    pub tags: (bool, bool),
    /// VLAN id of frames whose sender names none; 0: none.
    pub vlan: u16,
    /// Large sends are cut over IPv4, over IPv6.
    pub large: (bool, bool),
    /// Large sends may be as many bytes, headers included; 0: there are none.
    pub large_send: usize,
}

/// Bytes of a frame that the element itself carries.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    bytes: [u8; MOST_INLINE as usize],
    length: usize,
}

impl Header {
    const NONE: Self = Self {
        bytes: [0; MOST_INLINE as usize],
        length: 0,
    };

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The first `length` bytes of a buffer.
    fn of(buffer: Buffer, length: usize) -> Result<Self, Status> {
        let mut this = Self::NONE;
        let (mdl, offset) = buffer.data().ok_or(Status::UNSUCCESSFUL)?;
        let mut room = this.bytes.get_mut(..length).ok_or(Status::UNSUCCESSFUL)?;
        let all = mdl.read(offset as usize, length, |piece| {
            let count = piece.len().min(room.len());
            let (to, rest) = core::mem::take(&mut room).split_at_mut(count);
            to.copy_from_slice(&piece[..count]);
            room = rest;
        });
        this.length = length;
        if all {
            Ok(this)
        } else {
            Err(Status::INSUFFICIENT_RESOURCES)
        }
    }

    /// Fills up with zeros to `length`.
    fn pad(&mut self, length: usize) {
        self.length = self.length.max(length);
    }

    /// Puts a tag behind the addresses.
    fn insert_tag(&mut self, tag: u16) {
        let end = self.length + TAG;
        if self.length < ADDRESSES || end > self.bytes.len() {
            return;
        }
        self.bytes.copy_within(ADDRESSES..self.length, ADDRESSES + TAG);
        self.bytes[ADDRESSES..ADDRESSES + 2].copy_from_slice(&CUSTOMER_TAG);
        self.bytes[ADDRESSES + 2..ADDRESSES + TAG].copy_from_slice(&tag.to_be_bytes());
        self.length = end;
    }
}

/// A buffer's element.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What the element carries.
    pub header: Header,
    /// Bytes of the buffer that are in the header.
    pub taken: usize,
    /// The tag that the device puts in.
    pub tag: Option<u16>,
    /// What the device computes.
    pub checksums: Checksums,
    /// Payload of the segments of a large send; 0: it is none.
    pub segment: u16,
}

impl Plan {
    /// Whether all of the frame is in the element.
    pub const fn is_whole(&self, length: usize) -> bool {
        self.taken >= length
    }
}

/// Plans the element of `buffer`, one of `packet`. `<= DISPATCH_LEVEL`.
///
/// # Errors
/// What the sender reads: a length that the adapter cannot send, headers that are not there.
pub fn plan(packet: &Packet, buffer: Buffer, limits: &Limits) -> Result<Plan, Status> {
    let length = buffer.len();
    let tag = limits.tag(packet.tag());
    let large = packet.large_send();
    let longest = if large.is_some() {
        limits.large_send
    } else {
        limits.frame
    };
    if length < HEADER || length > longest {
        return Err(Status::NDIS_INVALID_LENGTH);
    }
    let wish = packet.checksums();
    let mut plan = Plan {
        header: Header::NONE,
        taken: 0,
        tag: None,
        checksums: Checksums {
            ip: wish.ip_header(),
            transport: wish.transport(),
        },
        segment: 0,
    };
    if let Some(large) = large {
        plan.large(buffer, large, limits.large)?;
    } else if length < SHORTEST {
        plan.take(buffer, length)?;
        plan.header.pad(SHORTEST);
    } else if limits.caps.inline_headers {
        plan.take(buffer, OLD_INLINE)?;
    }
    if let Some(tag) = tag {
        plan.put_tag(buffer, tag, limits.caps.inserts_tags)?;
    }
    Ok(plan)
}

impl Limits {
    /// The tag of a frame for which the sender wants this one (rule SEND-13).
    fn tag(&self, wanted: u16) -> Option<u16> {
        let mut tag = wanted;
        if !self.tags.0 {
            tag &= VLAN;
        }
        if !self.tags.1 {
            tag &= !VLAN;
        } else if tag & VLAN == 0 {
            tag |= self.vlan;
        }
        (tag != 0).then_some(tag)
    }
}

impl Plan {
    fn take(&mut self, buffer: Buffer, bytes: usize) -> Result<(), Status> {
        self.header = Header::of(buffer, bytes)?;
        self.taken = bytes;
        Ok(())
    }

    /// A message that the device cuts: all its headers are in the element (rule OFL-04).
    fn large(&mut self, buffer: Buffer, large: LargeSend, on: (bool, bool)) -> Result<(), Status> {
        let tcp = large.tcp_header as usize;
        if !large.second || large.segment > MOST_SEGMENT || tcp < HEADER + LEAST_TCP {
            return Err(Status::UNSUCCESSFUL);
        }
        let first = Header::of(buffer, (tcp + LEAST_TCP).min(buffer.len()))?;
        let words = first.bytes().get(tcp + DATA_OFFSET).map_or(0, |byte| byte >> 4);
        let headers = tcp + usize::from(words) * 4;
        if usize::from(words) * 4 < LEAST_TCP || headers > buffer.len() {
            return Err(Status::UNSUCCESSFUL);
        }
        self.take(buffer, headers)?;
        let is_on = match self.header.bytes().get(HEADER - 2..HEADER) {
            Some([0x08, 0x00]) => on.0,
            Some([0x86, 0xdd]) => on.1,
            _ => false,
        };
        if !is_on {
            return Err(Status::UNSUCCESSFUL);
        }
        self.segment = large.segment as u16;
        // Segments get all their checksums (rule OFL-09).
        self.checksums = Checksums {
            ip: true,
            transport: true,
        };
        Ok(())
    }

    /// The device puts a tag into what it reads from memory; into an element's own bytes software does.
    fn put_tag(&mut self, buffer: Buffer, tag: u16, by_device: bool) -> Result<(), Status> {
        if self.taken == 0 && by_device {
            self.tag = Some(tag);
            return Ok(());
        }
        if self.taken == 0 {
            self.take(buffer, HEADER)?;
        }
        self.header.insert_tag(tag);
        Ok(())
    }
}
