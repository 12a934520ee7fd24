//! Management datagrams of InfiniBand communication management, as they travel between two QP1 of RoCE ports.
//!
//! Pure code over a buffer of [`MAD_SIZE`] bytes: no allocation, no panic on any input. A parsed message is a value;
//! encoding it gives back the bytes that it came from, with reserved bits zero. Offsets are those of the IBTA
//! specification, volume 1, chapters 12 (messages) and 13 (common header), and annex A11 (RDMA IP CM service).

mod confirm;
mod fields;
mod ip_cm;
mod reject;
mod release;
mod reply;
mod request;

pub use confirm::Confirm;
pub use fields::{CommId, Psn, Qpn};
pub use ip_cm::{IP_CM_CONSUMER_DATA, IpCmError, IpCmHeader, ServiceId};
pub use reject::{ARI_SIZE, Rej, RejectReason, Rejected};
pub use release::Dreq;
pub use reply::{Failover, Mra, Mraed, Rep};
pub use request::{Path, Req, TransportService};

use fields::{get8, get16, get32, get64, put};

/// Length of every management datagram.
pub const MAD_SIZE: usize = 256;

/// The Q_Key of every QP1.
pub const GSI_Q_KEY: u32 = 0x8001_0000;

/// The base version of the common header.
const BASE_VERSION: u8 = 1;
/// The management class of communication management.
const CLASS_CM: u8 = 7;
/// The class version of communication management.
const CLASS_VERSION: u8 = 2;
/// Method `Send`: every CM message is one, replies too.
const METHOD_SEND: u8 = 3;

/// Why a datagram is not a CM message that this code understands; such datagrams are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadError {
    /// The base version is not 1.
    BaseVersion(u8),
    /// The management class is not communication management.
    Class(u8),
    /// The class version is not 2.
    ClassVersion(u8),
    /// The method is not `Send`; bit 7 marks a response.
    Method(u8),
    /// The attribute is none of the connection messages.
    Attribute(u16),
    /// A length inside the message points outside of its area.
    Length(u8),
    /// A coded field has a value that the specification reserves.
    Reserved {
        /// Name of the field.
        field: &'static str,
        /// What it holds.
        value: u8,
    },
}

/// What the common header says beyond class and attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Status, 0 in CM messages.
    pub status: u16,
    /// Class specific, 0 in CM messages.
    pub class_specific: u16,
    /// Chosen by the sender of a REQ (or DREQ) and repeated in what answers it.
    pub transaction_id: u64,
    /// 0, or what the enhanced connection establishment of newer peers puts there.
    pub attribute_modifier: u32,
}

/// A CM message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Request for communication.
    Req(Req),
    /// Message receipt acknowledgement: asks for patience.
    Mra(Mra),
    /// Reject.
    Rej(Rej),
    /// Reply to a request.
    Rep(Rep),
    /// Ready to use.
    Rtu(Confirm),
    /// Request for communication release.
    Dreq(Dreq),
    /// Reply to a request for communication release.
    Drep(Confirm),
}

impl Message {
    /// The attribute id that names this message on the wire.
    pub const fn attribute(&self) -> u16 {
        match self {
            Self::Req(_) => 0x10,
            Self::Mra(_) => 0x11,
            Self::Rej(_) => 0x12,
            Self::Rep(_) => 0x13,
            Self::Rtu(_) => 0x14,
            Self::Dreq(_) => 0x15,
            Self::Drep(_) => 0x16,
        }
    }

    /// The id that the sender gave to the connection.
    pub const fn local_comm_id(&self) -> CommId {
        match self {
            Self::Req(m) => m.local_comm_id,
            Self::Mra(m) => m.local_comm_id,
            Self::Rej(m) => m.local_comm_id,
            Self::Rep(m) => m.local_comm_id,
            Self::Dreq(m) => m.local_comm_id,
            Self::Rtu(m) | Self::Drep(m) => m.local_comm_id,
        }
    }

    /// The id that the receiver gave to the connection; none in a REQ.
    pub const fn remote_comm_id(&self) -> CommId {
        match self {
            Self::Req(_) => CommId::NONE,
            Self::Mra(m) => m.remote_comm_id,
            Self::Rej(m) => m.remote_comm_id,
            Self::Rep(m) => m.remote_comm_id,
            Self::Dreq(m) => m.remote_comm_id,
            Self::Rtu(m) | Self::Drep(m) => m.remote_comm_id,
        }
    }

    fn parse(attribute: u16, mad: &[u8; MAD_SIZE]) -> Result<Self, MadError> {
        Ok(match attribute {
            0x10 => Self::Req(Req::parse(mad)?),
            0x11 => Self::Mra(Mra::parse(mad)?),
            0x12 => Self::Rej(Rej::parse(mad)?),
            0x13 => Self::Rep(Rep::parse(mad)?),
            0x14 => Self::Rtu(Confirm::parse(mad)),
            0x15 => Self::Dreq(Dreq::parse(mad)),
            0x16 => Self::Drep(Confirm::parse(mad)),
            other => return Err(MadError::Attribute(other)),
        })
    }

    fn encode(&self, mad: &mut [u8; MAD_SIZE]) {
        match self {
            Self::Req(m) => m.encode(mad),
            Self::Mra(m) => m.encode(mad),
            Self::Rej(m) => m.encode(mad),
            Self::Rep(m) => m.encode(mad),
            Self::Dreq(m) => m.encode(mad),
            Self::Rtu(m) | Self::Drep(m) => m.encode(mad),
        }
    }
}

/// A whole management datagram of the CM class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mad {
    /// The common header.
    pub header: Header,
    /// The message.
    pub message: Message,
}

impl Mad {
    /// A datagram of `message` within the exchange `transaction_id`.
    pub const fn new(transaction_id: u64, message: Message) -> Self {
        let header = Header {
            status: 0,
            class_specific: 0,
            transaction_id,
            attribute_modifier: 0,
        };
        Self { header, message }
    }

    /// Reads a datagram.
    ///
    /// # Errors
    /// What is wrong with it; the receiver drops it without an answer.
    pub fn parse(mad: &[u8; MAD_SIZE]) -> Result<Self, MadError> {
        check(get8::<0>(mad), BASE_VERSION, MadError::BaseVersion)?;
        check(get8::<1>(mad), CLASS_CM, MadError::Class)?;
        check(get8::<2>(mad), CLASS_VERSION, MadError::ClassVersion)?;
        check(get8::<3>(mad), METHOD_SEND, MadError::Method)?;
        let header = Header {
            status: get16::<4>(mad),
            class_specific: get16::<6>(mad),
            transaction_id: get64::<8>(mad),
            attribute_modifier: get32::<20>(mad),
        };
        Ok(Self {
            header,
            message: Message::parse(get16::<16>(mad), mad)?,
        })
    }

    /// The bytes of the datagram.
    pub fn encode(&self) -> [u8; MAD_SIZE] {
        let mut mad = [0; MAD_SIZE];
        put::<0, 4>(&mut mad, [BASE_VERSION, CLASS_CM, CLASS_VERSION, METHOD_SEND]);
        put::<4, 2>(&mut mad, self.header.status.to_be_bytes());
        put::<6, 2>(&mut mad, self.header.class_specific.to_be_bytes());
        put::<8, 8>(&mut mad, self.header.transaction_id.to_be_bytes());
        put::<16, 2>(&mut mad, self.message.attribute().to_be_bytes());
        put::<20, 4>(&mut mad, self.header.attribute_modifier.to_be_bytes());
        self.message.encode(&mut mad);
        mad
    }
}

fn check(found: u8, wanted: u8, error: fn(u8) -> MadError) -> Result<(), MadError> {
    if found == wanted {
        Ok(())
    } else {
        Err(error(found))
    }
}
