//! The few SMB2 messages that move a file by RDMA: WRITE and READ with one buffer descriptor (MS-SMB2 2.2.19 to 2.2.22).
//!
//! There is no session and no tree here, only the messages whose payload the server fetches or delivers by RDMA, laid out as
//! the specification has them. Fields are little-endian.

use super::smbd::message::{BUFFER_DESCRIPTOR, BufferDescriptor};

/// Length of the SMB2 header.
const HEADER: usize = 64;
/// Fixed part of the WRITE and READ requests.
const REQUEST: usize = 48;
/// Fixed part of the WRITE and READ responses.
const RESPONSE: usize = 16;
const COMMAND_READ: u16 = 8;
const COMMAND_WRITE: u16 = 9;
/// `SMB2_FLAGS_SERVER_TO_REDIR`.
const FLAG_RESPONSE: u32 = 1;
/// `SMB2_CHANNEL_RDMA_V1_INVALIDATE`.
const CHANNEL_RDMA_V1_INVALIDATE: u32 = 2;

/// Why bytes are no message of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Smb2Error {
    /// Too few bytes.
    #[error("{0} bytes are too few for an SMB2 message")]
    TooShort(usize),
    /// Not an SMB2 header, or a structure size that is not the command's.
    #[error("not an SMB2 message")]
    NotSmb2,
    /// A command that is neither READ nor WRITE.
    #[error("command {0:#06x}")]
    Command(u16),
    /// The channel or its descriptor is not what this server takes.
    #[error("channel {0} without a descriptor")]
    Channel(u32),
}

/// Which way the payload goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The server reads the client's memory into the file.
    Write,
    /// The server writes the file into the client's memory.
    Read,
}

/// A request of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which way.
    pub direction: Direction,
    /// Comes back in the response.
    pub message_id: u64,
    /// Where in the file.
    pub offset: u64,
    /// Where in the client's memory, and how much.
    pub descriptor: BufferDescriptor,
}

/// A response of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// Which way.
    pub direction: Direction,
    /// Of the request.
    pub message_id: u64,
    /// An NTSTATUS.
    pub status: u32,
    /// Bytes moved.
    pub count: u32,
}

impl Request {
    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = header(self.direction, self.message_id, 0, 0);
        out.resize(HEADER + REQUEST, 0);
        let info = (HEADER + REQUEST) as u16;
        let body = &mut out[HEADER..];
        put(body, 0, &49_u16.to_le_bytes());
        put(body, 8, &self.offset.to_le_bytes());
        let (channel, remaining, info_at) = match self.direction {
            Direction::Write => (32, 36, 40),
            Direction::Read => {
                put(body, 2, &[80]);
                put(body, 4, &self.descriptor.length.to_le_bytes());
                (36, 40, 44)
            }
        };
        put(body, channel, &CHANNEL_RDMA_V1_INVALIDATE.to_le_bytes());
        put(body, remaining, &self.descriptor.length.to_le_bytes());
        put(body, info_at, &info.to_le_bytes());
        put(body, info_at + 2, &(BUFFER_DESCRIPTOR as u16).to_le_bytes());
        out.extend_from_slice(&self.descriptor.encode());
        out
    }

    /// Reads a request.
    ///
    /// # Errors
    ///
    /// [`Smb2Error`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Smb2Error> {
        let (direction, message_id) = parse_header(bytes, 49)?;
        let body = bytes
            .get(HEADER..HEADER + REQUEST)
            .ok_or(Smb2Error::TooShort(bytes.len()))?;
        let (channel, info_at) = match direction {
            Direction::Write => (le32(body, 32), 40),
            Direction::Read => (le32(body, 36), 44),
        };
        let (start, length) = (le16(body, info_at) as usize, le16(body, info_at + 2) as usize);
        let descriptor = bytes
            .get(start..)
            .filter(|_| length == BUFFER_DESCRIPTOR && start >= HEADER + REQUEST);
        let descriptor = descriptor.and_then(|bytes| BufferDescriptor::parse(bytes).ok());
        let descriptor = descriptor.filter(|_| channel == CHANNEL_RDMA_V1_INVALIDATE);
        Ok(Self {
            direction,
            message_id,
            offset: u64::from(le32(body, 8)) | u64::from(le32(body, 12)) << 32,
            descriptor: descriptor.ok_or(Smb2Error::Channel(channel))?,
        })
    }
}

impl Response {
    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = header(self.direction, self.message_id, self.status, FLAG_RESPONSE);
        out.resize(HEADER + RESPONSE, 0);
        let body = &mut out[HEADER..];
        put(body, 0, &17_u16.to_le_bytes());
        match self.direction {
            Direction::Write => put(body, 4, &self.count.to_le_bytes()),
            Direction::Read => {
                put(body, 2, &[(HEADER + RESPONSE) as u8]);
                put(body, 8, &self.count.to_le_bytes());
            }
        }
        out
    }

    /// Reads a response.
    ///
    /// # Errors
    ///
    /// [`Smb2Error`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Smb2Error> {
        let (direction, message_id) = parse_header(bytes, 17)?;
        let body = bytes
            .get(HEADER..HEADER + RESPONSE)
            .ok_or(Smb2Error::TooShort(bytes.len()))?;
        let count = match direction {
            Direction::Write => le32(body, 4),
            Direction::Read => le32(body, 8),
        };
        Ok(Self {
            direction,
            message_id,
            status: le32(bytes, 8),
            count,
        })
    }
}

fn header(direction: Direction, message_id: u64, status: u32, flags: u32) -> Vec<u8> {
    let command = match direction {
        Direction::Read => COMMAND_READ,
        Direction::Write => COMMAND_WRITE,
    };
    let mut out = vec![0; HEADER];
    put(&mut out, 0, b"\xfeSMB");
    put(&mut out, 4, &64_u16.to_le_bytes());
    put(&mut out, 6, &1_u16.to_le_bytes());
    put(&mut out, 8, &status.to_le_bytes());
    put(&mut out, 12, &command.to_le_bytes());
    put(&mut out, 14, &1_u16.to_le_bytes());
    put(&mut out, 16, &flags.to_le_bytes());
    put(&mut out, 24, &message_id.to_le_bytes());
    out
}

fn parse_header(bytes: &[u8], structure_size: u16) -> Result<(Direction, u64), Smb2Error> {
    if bytes.len() < HEADER + 2 {
        return Err(Smb2Error::TooShort(bytes.len()));
    }
    if &bytes[..4] != b"\xfeSMB" || le16(bytes, 4) != 64 || le16(bytes, HEADER) != structure_size {
        return Err(Smb2Error::NotSmb2);
    }
    let direction = match le16(bytes, 12) {
        COMMAND_READ => Direction::Read,
        COMMAND_WRITE => Direction::Write,
        other => return Err(Smb2Error::Command(other)),
    };
    Ok((
        direction,
        u64::from(le32(bytes, 24)) | u64::from(le32(bytes, 28)) << 32,
    ))
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    out[at..at + bytes.len()].copy_from_slice(bytes);
}

fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_responses_come_back_as_they_went() {
        for direction in [Direction::Read, Direction::Write] {
            let descriptor = BufferDescriptor {
                offset: 0xff3f_05fc_0242_f000,
                token: 0x456,
                length: 1 << 20,
            };
            let request = Request {
                direction,
                message_id: 7,
                offset: 3 << 32,
                descriptor,
            };
            assert_eq!(Request::parse(&request.encode()), Ok(request));
            let response = Response {
                direction,
                message_id: 7,
                status: 0,
                count: 77_056,
            };
            assert_eq!(Response::parse(&response.encode()), Ok(response));
        }
    }

    #[test]
    fn damaged_messages_are_refused() {
        let descriptor = BufferDescriptor {
            offset: 0,
            token: 1,
            length: 4096,
        };
        let request = Request {
            direction: Direction::Write,
            message_id: 1,
            offset: 0,
            descriptor,
        };
        let good = request.encode();
        for length in 0..good.len() {
            assert!(Request::parse(&good[..length]).is_err(), "{length} bytes");
        }
        let mut bad = good.clone();
        bad[HEADER + 32] = 1;
        assert_eq!(Request::parse(&bad), Err(Smb2Error::Channel(1)));
        bad = good;
        bad[12] = 5;
        assert_eq!(Request::parse(&bad), Err(Smb2Error::Command(5)));
    }
}
