//! The client: offers the file's chunks to the server, then asks for them back.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

use super::slot::{ClientSlot, make_slots};
use super::{CHUNK, CopyError, DEPTH, PORT};
use crate::consumers::ndk::{Adapter, ReadLimits};
use crate::consumers::smb2::{Direction, Request, Response};
use crate::consumers::smbd::message::BufferDescriptor;
use crate::consumers::smbd::{Connection, Endpoint, EndpointLimits, Event, Role, Settings, SmbdError};

/// What the client saw.
#[derive(Clone, Debug)]
pub struct ClientReport {
    /// SHA-256 of the file as it was read.
    pub sha256_source: [u8; 32],
    /// SHA-256 of what came back.
    pub sha256_returned: [u8; 32],
    /// Bytes each way.
    pub bytes: u64,
    /// Virtual time of the way to the server, in nanoseconds.
    pub write_ns: u64,
    /// Virtual time of the way back, in nanoseconds.
    pub read_ns: u64,
    /// The connection, as both ends call it.
    pub local: SocketAddr,
    /// The server's end.
    pub peer: SocketAddr,
}

/// Fills a chunk that starts at this byte of the file, or takes it.
type Touch<'a> = dyn FnMut(&mut [u8], u64) -> Result<(), CopyError> + 'a;

/// A connected client.
pub struct Client {
    connection: Connection,
    slots: Vec<ClientSlot>,
    /// Per slot: offset and length of the request under way.
    pending: Vec<Option<(u64, usize)>>,
    addresses: (SocketAddr, SocketAddr),
}

impl Client {
    /// Connects to the server at `to` from the local address `from` and negotiates.
    ///
    /// # Errors
    ///
    /// The step that failed; everything that was made is closed again.
    pub fn connect(adapter: Adapter, from: SocketAddr, to: SocketAddr) -> Result<Self, CopyError> {
        let limits = EndpointLimits {
            receives: 256,
            initiator: 512,
            reads: ReadLimits {
                inbound: 16,
                outbound: 0,
            },
        };
        let endpoint = Endpoint::new(adapter, limits)?;
        let mut connection = Connection::prepare(endpoint, Settings::default())?;
        let result = Self::establish(&mut connection, adapter, from, SocketAddr::new(to.ip(), PORT));
        let (slots, addresses) = match result {
            Ok(parts) => parts,
            Err(error) => {
                connection.close()?;
                return Err(error);
            }
        };
        Ok(Self {
            connection,
            slots,
            pending: vec![None; DEPTH],
            addresses,
        })
    }

    fn establish(
        connection: &mut Connection,
        adapter: Adapter,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Result<(Vec<ClientSlot>, (SocketAddr, SocketAddr)), CopyError> {
        connection.endpoint_mut().connect(adapter, from, to)?;
        connection.negotiate(Role::Client)?;
        let connector = connection.endpoint().connector().ok_or(SmbdError::Disconnected)?;
        let local = connector
            .local_address()
            .map_err(CopyError::ndk("NdkGetLocalAddress"))?;
        let peer = connector
            .peer_address()
            .map_err(CopyError::ndk("NdkGetPeerAddress"))?;
        let pd = connection.endpoint().pd;
        let slots = make_slots(|index| ClientSlot::new(adapter, pd, index), ClientSlot::close)?;
        Ok((slots, (local, peer)))
    }

    /// Sends `length` bytes of `source` to the server and gets them back. `progress` is told of every byte that has moved.
    ///
    /// # Errors
    ///
    /// Why it stopped. The client must be closed all the same.
    pub fn copy(
        &mut self,
        source: &File,
        length: u64,
        progress: &dyn Fn(u64),
    ) -> Result<ClientReport, CopyError> {
        let started = crate::sim::now();
        let mut hash = Sha256::new();
        self.transfer(
            Direction::Write,
            length,
            progress,
            &mut |buffer: &mut [u8], offset| {
                source
                    .read_exact_at(buffer, offset)
                    .map_err(CopyError::file("reading the source"))?;
                hash.update(&*buffer);
                Ok(())
            },
        )?;
        let written = crate::sim::now();
        let mut returned = InOrder::default();
        self.transfer(
            Direction::Read,
            length,
            progress,
            &mut |buffer: &mut [u8], offset| {
                returned.push(offset, buffer);
                Ok(())
            },
        )?;
        Ok(ClientReport {
            sha256_source: hash.finalize().into(),
            sha256_returned: returned.hash.finalize().into(),
            bytes: length,
            write_ns: written - started,
            read_ns: crate::sim::now() - written,
            local: self.addresses.0,
            peer: self.addresses.1,
        })
    }

    /// Moves `length` bytes; `touch` fills a chunk before it is offered, or takes it when it has arrived.
    fn transfer(
        &mut self,
        direction: Direction,
        length: u64,
        progress: &dyn Fn(u64),
        touch: &mut Touch<'_>,
    ) -> Result<(), CopyError> {
        let (mut asked, mut done) = (0, 0);
        while done < length {
            while let Some(slot) = self.pending.iter().position(Option::is_none) {
                if asked == length {
                    break;
                }
                let chunk = (length - asked).min(CHUNK as u64) as usize;
                if direction == Direction::Write {
                    touch(&mut self.slots[slot].buffer.bytes_mut()[..chunk], asked)?;
                }
                self.ask(slot, direction, asked, chunk)?;
                asked += chunk as u64;
            }
            let (slot, offset, chunk) = self.answer(direction)?;
            if direction == Direction::Read {
                touch(&mut self.slots[slot].buffer.bytes_mut()[..chunk], offset)?;
            }
            done += chunk as u64;
            progress(chunk as u64);
        }
        Ok(())
    }

    fn ask(
        &mut self,
        slot: usize,
        direction: Direction,
        offset: u64,
        length: usize,
    ) -> Result<(), CopyError> {
        let memory = &self.slots[slot];
        memory.expose(self.connection.endpoint().qp, direction, length)?;
        let descriptor = BufferDescriptor {
            offset: memory.base(),
            token: memory.token(),
            length: length as u32,
        };
        let request = Request {
            direction,
            message_id: slot as u64,
            offset,
            descriptor,
        };
        self.pending[slot] = Some((offset, length));
        Ok(self.connection.send(&request.encode(), None)?)
    }

    /// Waits for an answer: its slot, and what was asked.
    fn answer(&mut self, direction: Direction) -> Result<(usize, u64, usize), CopyError> {
        let (bytes, invalidated) = loop {
            match self.connection.next_event()? {
                Event::Message { bytes, invalidated } => break (bytes, invalidated),
                Event::Done(_) => {}
                Event::Disconnected => return Err(SmbdError::Disconnected.into()),
            }
        };
        let response = Response::parse(&bytes)?;
        let bad = CopyError::Answer {
            message_id: response.message_id,
            count: response.count,
        };
        let slot = response.message_id as usize;
        let Some((offset, length)) = self.pending.get_mut(slot).and_then(Option::take) else {
            return Err(bad);
        };
        if response.status != 0 {
            return Err(CopyError::Refused(response.status));
        }
        if response.direction != direction || response.count as usize != length {
            return Err(bad);
        }
        // A server that cannot invalidate leaves it to the client.
        if invalidated != Some(self.slots[slot].token()) {
            self.slots[slot].hide(self.connection.endpoint().qp)?;
        }
        Ok((slot, offset, length))
    }

    /// Says goodbye, if the connection still stands, and closes everything.
    ///
    /// # Errors
    ///
    /// What went wrong on the way; all that can be closed is closed.
    pub fn close(mut self) -> Result<(), CopyError> {
        let goodbye = self
            .connection
            .drain_sends()
            .and_then(|()| self.connection.endpoint().disconnect());
        self.connection.endpoint().quiesce();
        for slot in self.slots.drain(..) {
            slot.close()?;
        }
        self.connection.close()?;
        Ok(goodbye?)
    }
}

/// A hash of chunks that may arrive out of order.
#[derive(Default)]
struct InOrder {
    hash: Sha256,
    next: u64,
    early: std::collections::BTreeMap<u64, Vec<u8>>,
}

impl InOrder {
    fn push(&mut self, offset: u64, bytes: &[u8]) {
        if offset != self.next {
            self.early.insert(offset, bytes.to_vec());
            return;
        }
        self.hash.update(bytes);
        self.next += bytes.len() as u64;
        while let Some(bytes) = self.early.remove(&self.next) {
            self.hash.update(&bytes);
            self.next += bytes.len() as u64;
        }
    }
}
