//! An Ethernet frame as the device parses it: tags, IP and TCP/UDP headers, their checksums (connectx-ethernet 3.2, 3.3).

use std::ops::Range;

const C_TAG: u16 = 0x8100;
/// The same, as it stands in a frame.
pub(super) const TAG: [u8; 2] = C_TAG.to_be_bytes();
const S_TAG: u16 = 0x88a8;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const ROCE_V1: u16 = 0x8915;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// UDP port of RoCEv2.
const ROCE_V2: u16 = 4791;
/// Addresses of a frame.
const ADDRESSES: usize = 12;

/// The network layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ip {
    /// IPv4; the header begins here.
    V4(usize),
    /// IPv6; the header begins here.
    V6(usize),
}

/// The transport layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TCP; the header begins here.
    Tcp(usize),
    /// UDP; the header begins here.
    Udp(usize),
}

/// What was found in a frame. Whatever does not parse is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Tag control information of the outer customer tag, if that comes first.
    pub c_tag: Option<u16>,
    /// A service tag comes first.
    pub s_tag: bool,
    /// The EtherType behind the tags.
    pub ethertype: u16,
    /// Network layer.
    pub ip: Option<Ip>,
    /// Protocol number of what is in the IP packet, behind extension headers.
    pub protocol: Option<u8>,
    /// It has options or extension headers.
    pub ip_extensions: bool,
    /// A fragment: there is no transport layer to see.
    pub fragment: bool,
    /// Transport layer.
    pub transport: Option<Transport>,
    /// End of the IP packet; what follows is padding.
    pub end: usize,
}

fn be16(frame: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(frame.get(at..at + 2)?.try_into().ok()?))
}

impl Parsed {
    /// Parses `frame`, which begins with the destination address and has no frame check sequence.
    pub fn of(frame: &[u8]) -> Option<Self> {
        let (mut at, mut c_tag, mut s_tag) = (ADDRESSES, None, false);
        let mut ethertype = be16(frame, at)?;
        // Two tags deep at most.
        for depth in 0..2 {
            match ethertype {
                C_TAG if depth == 0 => c_tag = Some(be16(frame, at + 2)?),
                S_TAG if depth == 0 => s_tag = true,
                C_TAG => {}
                _ => break,
            }
            at += 4;
            ethertype = be16(frame, at)?;
        }
        let mut parsed = Self {
            c_tag,
            s_tag,
            ethertype,
            ip: None,
            protocol: None,
            ip_extensions: false,
            fragment: false,
            transport: None,
            end: frame.len(),
        };
        let header = at + 2;
        match ethertype {
            IPV4 => parsed.v4(frame, header),
            IPV6 => parsed.v6(frame, header),
            _ => None,
        };
        Some(parsed)
    }

    fn v4(&mut self, frame: &[u8], at: usize) -> Option<()> {
        let first = *frame.get(at)?;
        let header = usize::from(first & 0xf) * 4;
        let total = usize::from(be16(frame, at + 2)?);
        let sane = first >> 4 == 4 && header >= 20 && total >= header && at + total <= frame.len();
        if !sane {
            return None;
        }
        self.ip = Some(Ip::V4(at));
        self.end = at + total;
        self.ip_extensions = header > 20;
        self.protocol = Some(frame[at + 9]);
        // More fragments, or not the first.
        self.fragment = be16(frame, at + 6)? & 0x3fff != 0;
        self.transport(frame, at + header)
    }

    fn v6(&mut self, frame: &[u8], at: usize) -> Option<()> {
        let payload = usize::from(be16(frame, at + 4)?);
        if *frame.get(at)? >> 4 != 6 || at + 40 + payload > frame.len() {
            return None;
        }
        self.ip = Some(Ip::V6(at));
        self.end = at + 40 + payload;
        let (mut next, mut header) = (frame[at + 6], at + 40);
        // Hop-by-hop, routing, destination options: the rest is nobody's business here.
        while matches!(next, 0 | 43 | 60) {
            self.ip_extensions = true;
            next = *frame.get(header)?;
            header += 8 + usize::from(*frame.get(header + 1)?) * 8;
        }
        if next == 44 {
            self.ip_extensions = true;
            self.fragment = true;
            next = *frame.get(header)?;
        }
        self.protocol = Some(next);
        self.transport(frame, header)
    }

    fn transport(&mut self, frame: &[u8], at: usize) -> Option<()> {
        let room = self.end.checked_sub(at)?;
        self.transport = match self.protocol? {
            _ if self.fragment => None,
            TCP if room >= 20 && usize::from(frame[at + 12] >> 4) * 4 <= room => Some(Transport::Tcp(at)),
            UDP if room >= 8 && usize::from(be16(frame, at + 4)?) <= room => Some(Transport::Udp(at)),
            _ => None,
        };
        Some(())
    }

    /// The bytes of source and destination address.
    pub fn addresses(&self) -> Option<Range<usize>> {
        self.ip.map(|ip| match ip {
            Ip::V4(at) => at + 12..at + 20,
            Ip::V6(at) => at + 8..at + 40,
        })
    }

    /// Where the transport header begins.
    pub const fn transport_at(&self) -> Option<usize> {
        match self.transport {
            Some(Transport::Tcp(at) | Transport::Udp(at)) => Some(at),
            None => None,
        }
    }

    /// The IPv4 header checksum is right; `None` where there is none.
    pub fn ip_checksum_ok(&self, frame: &[u8]) -> Option<bool> {
        let Some(Ip::V4(at)) = self.ip else { return None };
        let header = usize::from(frame[at] & 0xf) * 4;
        Some(fold(sum(&frame[at..at + header])) == 0xffff)
    }

    /// The TCP or UDP checksum is right; `None` where there is none, or it is not used.
    pub fn transport_checksum_ok(&self, frame: &[u8]) -> Option<bool> {
        let (start, end) = self.transport_bytes(frame)?;
        if let (Some(Transport::Udp(at)), Some(Ip::V4(_))) = (self.transport, self.ip)
            && be16(frame, at + 6) == Some(0)
        {
            return None;
        }
        Some(fold(self.pseudo_header(frame, end - start)? + sum(&frame[start..end])) == 0xffff)
    }

    /// A UDP datagram may be shorter than the IP packet that it is in.
    fn transport_bytes(&self, frame: &[u8]) -> Option<(usize, usize)> {
        match self.transport? {
            Transport::Tcp(at) => Some((at, self.end)),
            Transport::Udp(at) => {
                let length = usize::from(be16(frame, at + 4)?);
                (length >= 8).then_some((at, at + length))
            }
        }
    }

    fn pseudo_header(&self, frame: &[u8], length: usize) -> Option<u64> {
        let addresses = sum(&frame[self.addresses()?]);
        Some(addresses + u64::from(self.protocol?) + length as u64)
    }

    /// Puts the IPv4 header checksum into `frame`, whatever is in its place.
    pub fn write_ip_checksum(&self, frame: &mut [u8]) {
        let Some(Ip::V4(at)) = self.ip else { return };
        let header = usize::from(frame[at] & 0xf) * 4;
        frame[at + 10..at + 12].fill(0);
        let checksum = !fold(sum(&frame[at..at + header]));
        frame[at + 10..at + 12].copy_from_slice(&checksum.to_be_bytes());
    }

    /// Puts the TCP or UDP checksum into `frame`, whatever is in its place.
    pub fn write_transport_checksum(&self, frame: &mut [u8]) {
        let Some((start, end)) = self.transport_bytes(frame) else {
            return;
        };
        let Some(transport) = self.transport else { return };
        let field = match transport {
            Transport::Tcp(at) => at + 16,
            Transport::Udp(at) => at + 6,
        };
        frame[field..field + 2].fill(0);
        let Some(pseudo) = self.pseudo_header(frame, end - start) else {
            return;
        };
        let mut checksum = !fold(pseudo + sum(&frame[start..end]));
        if checksum == 0 && matches!(transport, Transport::Udp(_)) {
            checksum = 0xffff;
        }
        frame[field..field + 2].copy_from_slice(&checksum.to_be_bytes());
    }

    /// RoCE, of either version, to an address that `is_own`.
    pub fn is_roce(&self, frame: &[u8], is_own: impl Fn(&[u8; 16]) -> bool) -> bool {
        let to_roce = |at| be16(frame, at + 2) == Some(ROCE_V2);
        match self.transport {
            Some(Transport::Udp(at)) if to_roce(at) => {
                self.destination(frame).is_some_and(|gid| is_own(&gid))
            }
            _ => self.ethertype == ROCE_V1,
        }
    }

    /// The destination address as a GID.
    fn destination(&self, frame: &[u8]) -> Option<[u8; 16]> {
        match self.ip? {
            Ip::V4(at) => {
                let mut gid = [0; 16];
                gid[10..12].fill(0xff);
                gid[12..].copy_from_slice(frame.get(at + 16..at + 20)?);
                Some(gid)
            }
            Ip::V6(at) => frame.get(at + 24..at + 40)?.try_into().ok(),
        }
    }
}

fn sum(bytes: &[u8]) -> u64 {
    let pairs = bytes.chunks(2);
    pairs
        .map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0)))
        .sum()
}

const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Ethernet, IPv4 and TCP or UDP with this payload, checksums zero.
    pub fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let transport = if protocol == TCP { 20 } else { 8 };
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        let total = (20 + transport + payload.len()) as u16;
        frame.extend([0x45, 0]);
        frame.extend(total.to_be_bytes());
        frame.extend([0x7f, 0xfe, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0x04, 0xd2, 0x01, 0xbb]);
        if protocol == TCP {
            frame.extend([0, 0, 1, 0, 0, 0, 0, 1, 0x50, 0x19, 0x20, 0, 0, 0, 0, 0]);
        } else {
            frame.extend((8 + payload.len() as u16).to_be_bytes());
            frame.extend([0, 0]);
        }
        frame.extend(payload);
        frame
    }

    /// A header whose checksum is known.
    #[test]
    fn the_checksum_of_a_known_header_is_found() {
        let mut frame = vec![0; 14];
        frame[12] = 8;
        frame.extend([
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0xc0, 0xa8, 0x00, 0x01,
            0xc0, 0xa8, 0x00, 0xc7,
        ]);
        frame.resize(14 + 0x73, 0);
        let parsed = Parsed::of(&frame).expect("a frame");
        parsed.write_ip_checksum(&mut frame);
        assert_eq!(&frame[24..26], [0xb8, 0x61]);
        assert_eq!(parsed.ip_checksum_ok(&frame), Some(true));
    }

    #[test]
    fn checksums_that_were_written_are_right_and_a_changed_bit_is_seen() {
        for protocol in [TCP, UDP] {
            let mut frame = v4(protocol, b"odd payload");
            // Padding is not part of the packet.
            frame.extend([0xee; 5]);
            let parsed = Parsed::of(&frame).expect("a frame");
            assert_eq!(parsed.transport_at(), Some(34));
            parsed.write_ip_checksum(&mut frame);
            parsed.write_transport_checksum(&mut frame);
            assert_eq!(parsed.ip_checksum_ok(&frame), Some(true));
            assert_eq!(parsed.transport_checksum_ok(&frame), Some(true));
            frame[44] ^= 4;
            assert_eq!(parsed.transport_checksum_ok(&frame), Some(false));
        }
    }

    #[test]
    fn tags_fragments_and_nonsense_are_told_apart() {
        let plain = v4(UDP, b"data");
        let mut tagged = plain.clone();
        tagged.splice(12..12, [0x81, 0x00, 0x60, 0x07]);
        let parsed = Parsed::of(&tagged).expect("a frame");
        assert_eq!((parsed.c_tag, parsed.s_tag), (Some(0x6007), false));
        assert_eq!(parsed.transport, Some(Transport::Udp(38)));
        let mut fragment = plain.clone();
        fragment[20] = 0x20;
        let parsed = Parsed::of(&fragment).expect("a frame");
        assert_eq!((parsed.fragment, parsed.transport), (true, None));
        let mut long = plain;
        long[17] = 0xff;
        assert_eq!(Parsed::of(&long).expect("a frame").ip, None);
        assert_eq!(Parsed::of(&[0; 13]), None);
    }
}
