//! What two call managers tell each other: in the private data of a connection's set-up, and before each message.
//!
//! Big-endian, version 1. The private data of a request is a [`Hello`] and the client's data; that of the reply is a `Hello`.
//!
//! | hello | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic "CxVc" |
//! | 4 | 1 | version: 1 |
//! | 5 | 1 | bytes of the client's data |
//! | 6 | 2 | reserved: 0 |
//! | 8 | 4 | bytes of the longest message of the connection |
//! | 12 | 4 | bytes of the longest message that the sender of the hello takes now |
//!
//! Every message on the connection begins with a [`Head`] of 16 bytes.
//!
//! | head | bytes | field |
//! |---|---|---|
//! | 0 | 1 | kind |
//! | 1 | 1 | result of an answer: 0 refused, 1 accepted |
//! | 2 | 2 | reserved: 0 |
//! | 4 | 4 | bytes that follow |
//! | 8 | 4 | quality of service: the longest message from the sender of the head |
//! | 12 | 4 | quality of service: the longest message to the sender of the head |

use super::format::{Flow, MAX_CLOSE_DATA, MAX_MESSAGE, MAX_PRIVATE_DATA, PrivateData};

/// Bytes of a [`Hello`].
pub const HELLO: usize = 16;
/// Bytes of a [`Head`].
pub const HEAD: usize = 16;
/// Bytes of a request's private data.
pub const REQUEST_DATA: usize = HELLO + MAX_PRIVATE_DATA;

const MAGIC: [u8; 4] = *b"CxVc";
const VERSION: u8 = 1;

/// The peer's words are not of this version, or make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// How both sides of a connection begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Bytes of the longest message of the connection.
    pub message_size: u32,
    /// Bytes of the longest message that its sender takes.
    pub takes: u32,
}

impl Hello {
    /// The private data of a request.
    pub fn request(&self, data: &PrivateData) -> [u8; REQUEST_DATA] {
        let mut out = [0; REQUEST_DATA];
        let data = data.as_slice();
        let own = self.bytes(data.len() as u8);
        for (to, from) in out.iter_mut().zip(own.iter().chain(data)) {
            *to = *from;
        }
        out
    }

    /// The private data of a reply.
    pub fn reply(&self) -> [u8; HELLO] {
        self.bytes(0)
    }

    fn bytes(&self, data: u8) -> [u8; HELLO] {
        joined([
            MAGIC,
            [VERSION, data, 0, 0],
            self.message_size.to_be_bytes(),
            self.takes.to_be_bytes(),
        ])
    }

    /// Reads private data, which is padded with zeros.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<(Self, PrivateData), Malformed> {
        let (head, rest) = bytes.split_first_chunk::<HELLO>().ok_or(Malformed)?;
        let [magic, [version, length, reserved @ ..], message_size, takes] = parts(head);
        if magic != MAGIC || version != VERSION || reserved != [0; 2] {
            return Err(Malformed);
        }
        let this = Self {
            message_size: u32::from_be_bytes(message_size),
            takes: u32::from_be_bytes(takes),
        };
        if this.message_size == 0 || this.message_size > MAX_MESSAGE {
            return Err(Malformed);
        }
        if this.takes == 0 || this.takes > this.message_size {
            return Err(Malformed);
        }
        let data = rest.get(..usize::from(length)).ok_or(Malformed)?;
        Ok((this, PrivateData::new(data).map_err(|_| Malformed)?))
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The client's.
    Data,
    /// The sender wants another bound of the messages' length.
    Change(Flow),
    /// The answer to that.
    Answer {
        /// Whether they are in force now.
        accepted: bool,
    },
    /// What the sender's client says at the end.
    Close,
}

/// The beginning of every message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub kind: Kind,
    /// Bytes that follow.
    pub length: u32,
}

impl Head {
    /// The bytes.
    pub fn bytes(&self) -> [u8; HEAD] {
        let none = Flow {
            transmit: 0,
            receive: 0,
        };
        let (kind, result, flow) = match self.kind {
            Kind::Data => (1, 0, none),
            Kind::Change(flow) => (2, 0, flow),
            Kind::Answer { accepted } => (3, accepted as u8, none),
            Kind::Close => (4, 0, none),
        };
        joined([
            [kind, result, 0, 0],
            self.length.to_be_bytes(),
            flow.transmit.to_be_bytes(),
            flow.receive.to_be_bytes(),
        ])
    }

    /// Reads the beginning of a message of `received` bytes in all.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: [u8; HEAD], received: u32) -> Result<Self, Malformed> {
        let [[kind, result, reserved @ ..], length, transmit, receive] = parts(&bytes);
        let length = u32::from_be_bytes(length);
        let flow = Flow {
            transmit: u32::from_be_bytes(transmit),
            receive: u32::from_be_bytes(receive),
        };
        let whole = matches!(received.checked_sub(HEAD as u32), Some(rest) if rest == length);
        if !whole || reserved != [0; 2] {
            return Err(Malformed);
        }
        let kind = match (kind, result) {
            (1, 0) => Kind::Data,
            (2, 0) if length == 0 && flow.transmit != 0 && flow.receive != 0 => Kind::Change(flow),
            (3, 0 | 1) if length == 0 => Kind::Answer {
                accepted: result == 1,
            },
            (4, 0) if length as usize <= MAX_CLOSE_DATA => Kind::Close,
            _ => return Err(Malformed),
        };
        Ok(Self { kind, length })
    }
}

/// Four words as sixteen bytes.
fn joined(words: [[u8; 4]; 4]) -> [u8; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(words.as_flattened()) {
        *to = *from;
    }
    out
}

/// Sixteen bytes as four words.
fn parts(bytes: &[u8; 16]) -> [[u8; 4]; 4] {
    let mut out = [[0; 4]; 4];
    for (to, from) in out.iter_mut().zip(bytes.as_chunks().0) {
        *to = *from;
    }
    out
}
