//! What queues hang on: transport interfaces, and how a frame finds its receive queue (connectx-ethernet 1.6, 5).

use super::frame::{Ip, Parsed, Transport};
use super::toeplitz::{KEY, toeplitz};
use crate::ids::Qpn;

/// A transport interface of send queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tis {
    /// Its transport domain.
    pub domain: u32,
    /// Its priority, as the field has it.
    pub priority: u32,
}

/// A receive queue table: the size that it may grow to, and its queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Most entries.
    pub limit: u32,
    /// The queues; as many as a power of two.
    pub queues: Vec<Qpn>,
}

/// How a TIR spreads frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To one queue.
    Direct(Qpn),
    /// Over a table.
    Table(u32),
}

/// What is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hash {
    /// The Toeplitz key.
    pub key: [u8; KEY],
    /// Bits 0 to 3: source address, destination address, source port, destination port.
    pub fields: u32,
}

/// A transport interface of received frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tir {
    /// Its transport domain.
    pub domain: u32,
    /// Where frames go.
    pub target: Target,
    /// How they are hashed; not at all without.
    pub hash: Option<Hash>,
    /// The function's own frames are taken: bit 0 those to one station, bit 1 those to groups.
    pub takes_own: u32,
}

/// A hash, and what was hashed: bits 3 and 2 IPv6 and IPv4, bits 7 and 6 UDP and TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hashed {
    /// The value.
    pub value: u32,
    /// What of the frame it covers; 0 for nothing.
    pub kind: u8,
}

const SOURCE: u32 = 1;
const DESTINATION: u32 = 2;
const PORTS: u32 = 0xc;

impl Hash {
    /// The hash of a frame.
    pub fn of(&self, frame: &[u8], parsed: &Parsed) -> Hashed {
        let (Some(ip), Some(addresses)) = (parsed.ip, parsed.addresses()) else {
            return Hashed::default();
        };
        if self.fields & (SOURCE | DESTINATION) == 0 {
            return Hashed::default();
        }
        let half = addresses.len() / 2;
        let (source, destination) = frame[addresses].split_at(half);
        let pick = |bit, bytes| if self.fields & bit == 0 { &[][..] } else { bytes };
        let mut input = [pick(SOURCE, source), pick(DESTINATION, destination)].concat();
        let mut kind = match ip {
            Ip::V4(_) => 0x04,
            Ip::V6(_) => 0x08,
        };
        if let Some(at) = parsed.transport_at().filter(|_| self.fields & PORTS != 0) {
            let bits = self.fields >> 2 & 3;
            let ports = [(1, &frame[at..at + 2]), (2, &frame[at + 2..at + 4])];
            let picked = ports.iter().filter(|(bit, _)| bits & bit != 0);
            picked.for_each(|(_, port)| input.extend_from_slice(port));
            kind |= match parsed.transport {
                Some(Transport::Tcp(_)) => 0x40,
                Some(Transport::Udp(_)) => 0x80,
                None => 0,
            };
        }
        Hashed {
            value: toeplitz(&self.key, input),
            kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::tests::v4;
    use super::*;

    /// A fragment is hashed over its addresses alone.
    #[test]
    fn ports_are_hashed_where_they_can_be_seen() {
        let hash = |fields| Hash {
            key: [0x5a; KEY],
            fields,
        };
        let mut frame = v4(6, b"data");
        let kind = |frame: &[u8], fields| {
            let parsed = Parsed::of(frame).expect("a frame");
            hash(fields).of(frame, &parsed).kind
        };
        assert_eq!(kind(&frame, 0xf), 0x44);
        assert_eq!(kind(&v4(17, b"data"), 0xf), 0x84);
        assert_eq!(kind(&frame, 3), 0x04);
        assert_eq!(kind(&frame, 0), 0);
        frame[20] = 0x20;
        assert_eq!(kind(&frame, 0xf), 0x04);
        frame[13] = 6;
        assert_eq!(kind(&frame, 0xf), 0);
    }
}
