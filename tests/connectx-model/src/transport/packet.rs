//! Packets as the state machines see them: transport headers apart from addresses and framing (roce-wire.md 1.4 to 1.6).

use roce_wire::{Aeth, Bth, Extended, Opcode, Position};

/// Headers of a packet to be sent. Its payload is what the state machine left in [`super::context::Context::payload`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Base transport header.
    pub bth: Bth,
    /// Extended headers, those of the operation code.
    pub extended: Extended,
}

/// A packet that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// Base transport header.
    pub bth: Bth,
    /// Extended headers, those of the operation code.
    pub extended: Extended,
    /// Payload without padding.
    pub payload: &'a [u8],
}

/// What an AETH says (roce-wire.md 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Acknowledged, with whatever credits.
    Ack,
    /// Receiver not ready, with the code of the time to wait.
    NotReady(u8),
    /// PSN sequence error.
    Sequence,
    /// Invalid request.
    InvalidRequest,
    /// Remote access error.
    RemoteAccess,
    /// Remote operational error.
    RemoteOperation,
}

impl Answer {
    /// The syndrome on the wire. Acknowledgements give no credit information.
    pub const fn syndrome(self) -> u8 {
        match self {
            Self::Ack => 0x1f,
            Self::NotReady(code) => 0x20 | code & 0x1f,
            Self::Sequence => 0x60,
            Self::InvalidRequest => 0x61,
            Self::RemoteAccess => 0x62,
            Self::RemoteOperation => 0x63,
        }
    }

    /// What `aeth` says; `None` for reserved codes.
    pub const fn of(aeth: Aeth) -> Option<Self> {
        Some(match (aeth.syndrome >> 5, aeth.syndrome & 0x1f) {
            (0, _) => Self::Ack,
            (1, code) => Self::NotReady(code),
            (3, 0) => Self::Sequence,
            (3, 1) => Self::InvalidRequest,
            (3, 2) => Self::RemoteAccess,
            (3, 3) => Self::RemoteOperation,
            _ => return None,
        })
    }
}

/// What ends a SEND or WRITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trailer {
    /// Nothing.
    Plain,
    /// Immediate data.
    Immediate(u32),
    /// A key to invalidate.
    Invalidate(u32),
}

/// Kind of an RC request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SEND, of any form.
    Send,
    /// RDMA WRITE, with immediate or without.
    Write,
    /// RDMA READ.
    Read,
    /// Compare-and-swap or fetch-and-add.
    Atomic,
}

impl Kind {
    /// The kind of request that `opcode` belongs to; `None` for responses and datagrams.
    pub const fn of(opcode: Opcode) -> Option<Self> {
        Some(match opcode {
            Opcode::SendFirst
            | Opcode::SendMiddle
            | Opcode::SendLast
            | Opcode::SendLastImm
            | Opcode::SendOnly
            | Opcode::SendOnlyImm
            | Opcode::SendLastInvalidate
            | Opcode::SendOnlyInvalidate => Self::Send,
            Opcode::WriteFirst
            | Opcode::WriteMiddle
            | Opcode::WriteLast
            | Opcode::WriteLastImm
            | Opcode::WriteOnly
            | Opcode::WriteOnlyImm => Self::Write,
            Opcode::ReadRequest => Self::Read,
            Opcode::CompareSwap | Opcode::FetchAdd => Self::Atomic,
            _ => return None,
        })
    }
}

/// Where packet `index` of `count` stands in its message.
pub const fn position(index: u64, count: u64) -> Position {
    match (index == 0, index + 1 == count) {
        (true, true) => Position::Only,
        (true, false) => Position::First,
        (false, false) => Position::Middle,
        (false, true) => Position::Last,
    }
}

/// The operation code of a SEND packet.
pub const fn send_opcode(position: Position, trailer: Trailer) -> Opcode {
    match (position, trailer) {
        (Position::First, _) => Opcode::SendFirst,
        (Position::Middle, _) => Opcode::SendMiddle,
        (Position::Last, Trailer::Plain) => Opcode::SendLast,
        (Position::Last, Trailer::Immediate(_)) => Opcode::SendLastImm,
        (Position::Last, Trailer::Invalidate(_)) => Opcode::SendLastInvalidate,
        (Position::Only, Trailer::Plain) => Opcode::SendOnly,
        (Position::Only, Trailer::Immediate(_)) => Opcode::SendOnlyImm,
        (Position::Only, Trailer::Invalidate(_)) => Opcode::SendOnlyInvalidate,
    }
}

/// The operation code of an RDMA WRITE packet.
pub const fn write_opcode(position: Position, immediate: bool) -> Opcode {
    match (position, immediate) {
        (Position::First, _) => Opcode::WriteFirst,
        (Position::Middle, _) => Opcode::WriteMiddle,
        (Position::Last, false) => Opcode::WriteLast,
        (Position::Last, true) => Opcode::WriteLastImm,
        (Position::Only, false) => Opcode::WriteOnly,
        (Position::Only, true) => Opcode::WriteOnlyImm,
    }
}

/// The operation code of an RDMA READ response packet.
pub const fn response_opcode(position: Position) -> Opcode {
    match position {
        Position::First => Opcode::ReadResponseFirst,
        Position::Middle => Opcode::ReadResponseMiddle,
        Position::Last => Opcode::ReadResponseLast,
        Position::Only => Opcode::ReadResponseOnly,
    }
}

/// How many packets, and so PSNs, a message of `length` bytes takes; never none.
pub const fn packets(length: u64, mtu: u32) -> u64 {
    if length == 0 {
        1
    } else {
        length.div_ceil(mtu as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, packets};
    use roce_wire::Aeth;

    /// Proves roce-wire 2.4: the AETH syndromes.
    #[test]
    fn every_answer_survives_the_wire() {
        for syndrome in 0..=0xff {
            match Answer::of(Aeth { syndrome, msn: 0 }) {
                Some(Answer::Ack) => assert_eq!(syndrome >> 5, 0),
                Some(answer) => assert_eq!(answer.syndrome(), syndrome),
                None => assert!(matches!(syndrome, 0x40..=0x5f | 0x64..)),
            }
        }
    }

    /// Proves roce-wire 2.3: a READ of n bytes takes max(1, ceil(n / PMTU)) PSNs.
    #[test]
    fn an_empty_message_still_takes_one_packet() {
        assert_eq!(
            [
                packets(0, 1024),
                packets(1, 1024),
                packets(1024, 1024),
                packets(1025, 1024)
            ],
            [1, 1, 1, 2]
        );
    }
}
