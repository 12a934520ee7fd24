//! The messages of SMB Direct: negotiation, data transfer, buffer descriptors (MS-SMBD 2.2). All little-endian.

/// Version 1.0, the only one.
pub const VERSION: u16 = 0x0100;
/// Length of a negotiate request.
pub const NEGOTIATE_REQUEST: usize = 20;
/// Length of a negotiate response.
pub const NEGOTIATE_RESPONSE: usize = 32;
/// Length of a data transfer message without data.
pub const DATA_TRANSFER_EMPTY: usize = 20;
/// Offset of the data in a data transfer message that has some.
pub const DATA_OFFSET: usize = 24;
/// Length of a buffer descriptor.
pub const BUFFER_DESCRIPTOR: usize = 16;
/// Flag of a data transfer message: the receiver shall answer promptly.
pub const FLAG_RESPONSE_REQUESTED: u16 = 0x0001;
/// `STATUS_NOT_SUPPORTED`: the answer to a version that is not spoken.
pub const STATUS_NOT_SUPPORTED: u32 = 0xc000_00bb;

/// Why bytes are no message; the connection is terminated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Shorter than its fixed part.
    #[error("{0} bytes are too few")]
    TooShort(usize),
    /// The data offset is not a multiple of 8 or lies inside the fixed part.
    #[error("data offset {0}")]
    DataOffset(u32),
    /// The data reaches beyond the end of the message.
    #[error("{length} bytes of data at {offset} do not fit the message")]
    DataLength {
        /// Where the data starts.
        offset: u32,
        /// How long it claims to be.
        length: u32,
    },
    /// No credits were requested, but one is the least.
    #[error("no credits requested")]
    NoCredits,
}

/// The first message of a connection, from the active side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegotiateRequest {
    /// The lowest version that the sender speaks.
    pub min_version: u16,
    /// The highest version that the sender speaks.
    pub max_version: u16,
    /// Send credits wanted.
    pub credits_requested: u16,
    /// Bytes of the largest message that the sender wants to send.
    pub preferred_send_size: u32,
    /// Bytes of the largest message that the sender takes.
    pub max_receive_size: u32,
    /// Bytes of the largest upper-layer message that the sender reassembles.
    pub max_fragmented_size: u32,
}

impl NegotiateRequest {
    /// Reads the message. What follows it is ignored.
    ///
    /// # Errors
    /// [`MessageError::TooShort`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let bytes: &[u8; NEGOTIATE_REQUEST] = fixed(bytes)?;
        Ok(Self {
            min_version: le16(bytes, 0),
            max_version: le16(bytes, 2),
            credits_requested: le16(bytes, 6),
            preferred_send_size: le32(bytes, 8),
            max_receive_size: le32(bytes, 12),
            max_fragmented_size: le32(bytes, 16),
        })
    }

    /// The bytes of the message.
    pub fn encode(&self) -> [u8; NEGOTIATE_REQUEST] {
        let mut out = [0; NEGOTIATE_REQUEST];
        put(&mut out, 0, self.min_version.to_le_bytes());
        put(&mut out, 2, self.max_version.to_le_bytes());
        put(&mut out, 6, self.credits_requested.to_le_bytes());
        put(&mut out, 8, self.preferred_send_size.to_le_bytes());
        put(&mut out, 12, self.max_receive_size.to_le_bytes());
        put(&mut out, 16, self.max_fragmented_size.to_le_bytes());
        out
    }
}

/// The answer to a [`NegotiateRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NegotiateResponse {
    /// The lowest version that the sender speaks.
    pub min_version: u16,
    /// The highest version that the sender speaks.
    pub max_version: u16,
    /// The version of this connection.
    pub negotiated_version: u16,
    /// Send credits wanted.
    pub credits_requested: u16,
    /// Send credits given.
    pub credits_granted: u16,
    /// An NTSTATUS, 0 for success.
    pub status: u32,
    /// Bytes of the largest RDMA read or write by the sender.
    pub max_read_write_size: u32,
    /// Bytes of the largest message that the sender wants to send.
    pub preferred_send_size: u32,
    /// Bytes of the largest message that the sender takes.
    pub max_receive_size: u32,
    /// Bytes of the largest upper-layer message that the sender reassembles.
    pub max_fragmented_size: u32,
}

impl NegotiateResponse {
    /// Reads the message. What follows it is ignored.
    ///
    /// # Errors
    /// [`MessageError::TooShort`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let bytes: &[u8; NEGOTIATE_RESPONSE] = fixed(bytes)?;
        Ok(Self {
            min_version: le16(bytes, 0),
            max_version: le16(bytes, 2),
            negotiated_version: le16(bytes, 4),
            credits_requested: le16(bytes, 8),
            credits_granted: le16(bytes, 10),
            status: le32(bytes, 12),
            max_read_write_size: le32(bytes, 16),
            preferred_send_size: le32(bytes, 20),
            max_receive_size: le32(bytes, 24),
            max_fragmented_size: le32(bytes, 28),
        })
    }

    /// The bytes of the message.
    pub fn encode(&self) -> [u8; NEGOTIATE_RESPONSE] {
        let mut out = [0; NEGOTIATE_RESPONSE];
        put(&mut out, 0, self.min_version.to_le_bytes());
        put(&mut out, 2, self.max_version.to_le_bytes());
        put(&mut out, 4, self.negotiated_version.to_le_bytes());
        put(&mut out, 8, self.credits_requested.to_le_bytes());
        put(&mut out, 10, self.credits_granted.to_le_bytes());
        put(&mut out, 12, self.status.to_le_bytes());
        put(&mut out, 16, self.max_read_write_size.to_le_bytes());
        put(&mut out, 20, self.preferred_send_size.to_le_bytes());
        put(&mut out, 24, self.max_receive_size.to_le_bytes());
        put(&mut out, 28, self.max_fragmented_size.to_le_bytes());
        out
    }
}

/// Every later message: credits, and a piece of an upper-layer message or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataTransfer<'a> {
    /// Send credits wanted, at least 1.
    pub credits_requested: u16,
    /// Send credits given with this message.
    pub credits_granted: u16,
    /// [`FLAG_RESPONSE_REQUESTED`] or 0.
    pub flags: u16,
    /// Bytes of the upper-layer message that are still to come.
    pub remaining_length: u32,
    /// The piece; empty for a message of credits only.
    pub data: &'a [u8],
}

impl<'a> DataTransfer<'a> {
    /// Reads the message. `bytes` is the received message, whole.
    ///
    /// # Errors
    /// What MS-SMBD 3.1.5.8 has a receiver check without knowing the connection.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let head: &[u8; DATA_TRANSFER_EMPTY] = fixed(bytes)?;
        let (offset, length) = (le32(head, 12), le32(head, 16));
        let credits_requested = le16(head, 0);
        if credits_requested == 0 {
            return Err(MessageError::NoCredits);
        }
        let inside_head = length != 0 && (offset as usize) < DATA_OFFSET;
        if offset % 8 != 0 || inside_head {
            return Err(MessageError::DataOffset(offset));
        }
        let start = if length == 0 { 0 } else { offset as usize };
        let data = start
            .checked_add(length as usize)
            .and_then(|end| bytes.get(start..end))
            .ok_or(MessageError::DataLength { offset, length })?;
        Ok(Self {
            credits_requested,
            credits_granted: le16(head, 2),
            flags: le16(head, 4),
            remaining_length: le32(head, 8),
            data,
        })
    }

    /// The fixed part of the message with its padding: [`DATA_TRANSFER_EMPTY`] bytes if there is no data, else [`DATA_OFFSET`],
    /// after which the data follows.
    pub fn encode_header(&self) -> Vec<u8> {
        let (length, offset) = match self.data.len() {
            0 => (DATA_TRANSFER_EMPTY, 0),
            _ => (DATA_OFFSET, DATA_OFFSET as u32),
        };
        let mut out = [0; DATA_OFFSET];
        put(&mut out, 0, self.credits_requested.to_le_bytes());
        put(&mut out, 2, self.credits_granted.to_le_bytes());
        put(&mut out, 4, self.flags.to_le_bytes());
        put(&mut out, 8, self.remaining_length.to_le_bytes());
        put(&mut out, 12, offset.to_le_bytes());
        put(&mut out, 16, (self.data.len() as u32).to_le_bytes());
        out[..length].to_vec()
    }

    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.encode_header();
        out.extend_from_slice(self.data);
        out
    }
}

/// `BUFFER_DESCRIPTOR_V1`: memory of the sender that the receiver may read or write by RDMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferDescriptor {
    /// Where, in the address space of the token.
    pub offset: u64,
    /// The remote key.
    pub token: u32,
    /// Bytes.
    pub length: u32,
}

impl BufferDescriptor {
    /// Reads a descriptor.
    ///
    /// # Errors
    /// [`MessageError::TooShort`].
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let bytes: &[u8; BUFFER_DESCRIPTOR] = fixed(bytes)?;
        let offset = u64::from(le32(bytes, 4)) << 32 | u64::from(le32(bytes, 0));
        Ok(Self {
            offset,
            token: le32(bytes, 8),
            length: le32(bytes, 12),
        })
    }

    /// The bytes of the descriptor.
    pub fn encode(&self) -> [u8; BUFFER_DESCRIPTOR] {
        let mut out = [0; BUFFER_DESCRIPTOR];
        put(&mut out, 0, self.offset.to_le_bytes());
        put(&mut out, 8, self.token.to_le_bytes());
        put(&mut out, 12, self.length.to_le_bytes());
        out
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<&[u8; N], MessageError> {
    bytes.first_chunk().ok_or(MessageError::TooShort(bytes.len()))
}

fn le16<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn le32<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn put<const N: usize>(out: &mut [u8], at: usize, value: [u8; N]) {
    out[at..at + N].copy_from_slice(&value);
}
