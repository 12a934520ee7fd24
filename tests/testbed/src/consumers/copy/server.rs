//! The server: fetches what the client offers into its store, and delivers it from there.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::c_void;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use cxndk::sys::ndkpi::NDK_CONNECTOR;
use sha2::{Digest, Sha256};

use super::slot::{ServerSlot, make_slots};
use super::{CHUNK, CopyError, DEPTH, PORT};
use crate::consumers::ndk::{Adapter, Connector, Listener, ReadLimits, Remote, Status, sge};
use crate::consumers::signal::Signal;
use crate::consumers::smb2::{Direction, Request, Response};
use crate::consumers::smbd::{Connection, Endpoint, EndpointLimits, Event, Role, Settings};
use crate::sim;

/// `STATUS_INVALID_PARAMETER`.
const INVALID_PARAMETER: u32 = 0xc000_000d;
/// `STATUS_UNEXPECTED_IO_ERROR`.
const UNEXPECTED_IO_ERROR: u32 = 0xc000_00e9;

/// What the server saw.
#[derive(Clone, Copy, Debug)]
pub struct ServerReport {
    /// SHA-256 of the store, read back from it.
    pub sha256: [u8; 32],
    /// Bytes in the store.
    pub bytes: u64,
}

/// What others may know of a server and tell it.
#[derive(Default)]
pub struct Desk {
    /// The server listens.
    pub listening: Signal,
    connectors: RefCell<VecDeque<*mut NDK_CONNECTOR>>,
    waiter: Cell<Option<sim::TaskId>>,
    stopped: Cell<bool>,
}

impl Desk {
    fn ring(&self) {
        if let Some(waiter) = self.waiter.get() {
            sim::unpark(waiter);
        }
    }

    /// Makes a listener at `at` whose connect events come here.
    ///
    /// # Errors
    ///
    /// What `NdkCreateListener` or `NdkListen` ended with.
    pub fn listen(self: &Rc<Self>, adapter: Adapter, at: SocketAddr) -> Result<Listener, Status> {
        // The listener is closed before the desk is dropped.
        let context = Rc::as_ptr(self).cast_mut().cast();
        let listener = adapter.create_listener(Some(connect_event), context)?;
        if let Err(status) = listener.listen(at).wait() {
            listener.close_and_wait()?;
            return Err(status);
        }
        self.listening.set();
        Ok(listener)
    }

    /// Waits for the next connector; `None` once [`Self::stop`] was called.
    pub fn next(&self) -> Option<Connector> {
        self.waiter.set(sim::current());
        loop {
            if let Some(raw) = self.connectors.borrow_mut().pop_front() {
                return Some(Connector::from_raw(raw));
            }
            if self.stopped.get() {
                return None;
            }
            sim::park_for("a connect event");
        }
    }

    /// Tells the server to wait for no further connection.
    pub fn stop(&self) {
        self.stopped.set(true);
        self.ring();
    }
}

unsafe extern "win64" fn connect_event(context: *mut c_void, connector: *mut NDK_CONNECTOR) {
    // SAFETY: the server keeps its `Desk` until the listener is closed, and no event follows the close (LIFE-38).
    let desk = unsafe { &*context.cast::<Desk>() };
    desk.connectors.borrow_mut().push_back(connector);
    desk.ring();
}

/// A listening server.
pub struct Server {
    adapter: Adapter,
    listener: Listener,
    desk: Rc<Desk>,
}

impl Server {
    /// Listens on the SMB port of the local address `at`.
    ///
    /// # Errors
    ///
    /// The step that failed.
    pub fn listen(adapter: Adapter, at: SocketAddr, desk: Rc<Desk>) -> Result<Self, CopyError> {
        let listener = desk.listen(adapter, SocketAddr::new(at.ip(), PORT));
        Ok(Self {
            adapter,
            listener: listener.map_err(CopyError::ndk("NdkListen"))?,
            desk,
        })
    }

    /// Serves one connection until its client disconnects; the file is kept in `store`.
    ///
    /// # Errors
    ///
    /// Why it stopped; the connection is closed.
    pub fn serve_one(&self, store: &File) -> Result<ServerReport, CopyError> {
        let connector = self.desk.next().ok_or(CopyError::Unfinished)?;
        let limits = EndpointLimits {
            receives: 256,
            initiator: 512,
            reads: ReadLimits {
                inbound: 0,
                outbound: 16,
            },
        };
        let prepared = Endpoint::new(self.adapter, limits)
            .and_then(|endpoint| Connection::prepare(endpoint, Settings::default()));
        let mut connection = match prepared {
            Ok(connection) => connection,
            Err(error) => {
                // What a connect event handed out is the consumer's to close in every outcome (LIFE-57).
                connector
                    .close_and_wait()
                    .map_err(CopyError::ndk("NdkCloseConnector"))?;
                return Err(error.into());
            }
        };
        let served = Session::run(&mut connection, connector, store);
        if let Ok(session) = served {
            connection.endpoint().disconnect().or_else(|error| {
                sim::note(format!("the server's disconnect: {error}"));
                Ok::<_, CopyError>(())
            })?;
            connection.endpoint().quiesce();
            let error = session.close()?;
            connection.close()?;
            return error.map_or_else(|| digest(store), Err);
        }
        connection.close()?;
        served.and_then(|_| digest(store))
    }

    /// Stops listening.
    ///
    /// # Errors
    ///
    /// What the close returned, which may not be an error (LIFE-30).
    pub fn close(self) -> Result<(), CopyError> {
        self.listener
            .close_and_wait()
            .map_err(CopyError::ndk("NdkCloseListener"))
    }
}

/// The hash of what is in the store.
fn digest(store: &File) -> Result<ServerReport, CopyError> {
    let bytes = store
        .metadata()
        .map_err(CopyError::file("the store's length"))?
        .len();
    let (mut hash, mut at) = (Sha256::new(), 0);
    let mut room = vec![0; CHUNK];
    while at < bytes {
        let chunk = (bytes - at).min(CHUNK as u64) as usize;
        store
            .read_exact_at(&mut room[..chunk], at)
            .map_err(CopyError::file("reading the store"))?;
        hash.update(&room[..chunk]);
        at += chunk as u64;
    }
    Ok(ServerReport {
        sha256: hash.finalize().into(),
        bytes,
    })
}

/// The requests of one connection.
struct Session {
    slots: Vec<ServerSlot>,
    pending: Vec<Option<Request>>,
    waiting: VecDeque<Request>,
    error: Option<CopyError>,
}

impl Session {
    /// Accepts and serves until the client disconnects. What broke the service is kept for after the close.
    fn run(connection: &mut Connection, connector: Connector, store: &File) -> Result<Self, CopyError> {
        connection.endpoint_mut().accept(connector)?;
        let pd = connection.endpoint().pd;
        let slots = make_slots(|_| ServerSlot::new(pd), ServerSlot::close)?;
        let mut this = Self {
            slots,
            pending: vec![None; DEPTH],
            waiting: VecDeque::new(),
            error: None,
        };
        this.error = this.serve(connection, store).err();
        Ok(this)
    }

    fn serve(&mut self, connection: &mut Connection, store: &File) -> Result<(), CopyError> {
        connection.negotiate(Role::Server)?;
        loop {
            match connection.next_event()? {
                Event::Message { bytes, .. } => self.waiting.push_back(Request::parse(&bytes)?),
                Event::Done(slot) => self.finish(connection, slot as usize, store)?,
                Event::Disconnected => return Ok(()),
            }
            self.start(connection, store)?;
        }
    }

    fn start(&mut self, connection: &mut Connection, store: &File) -> Result<(), CopyError> {
        while let Some(slot) = self.pending.iter().position(Option::is_none) {
            let Some(request) = self.waiting.pop_front() else {
                break;
            };
            let length = request.descriptor.length as usize;
            if length > CHUNK {
                respond(connection, &request, INVALID_PARAMETER)?;
                continue;
            }
            let memory = &mut self.slots[slot];
            let entry = [sge(
                memory.buffer.address(),
                length as u32,
                memory.mr.local_token(),
            )];
            let remote = Remote {
                address: request.descriptor.offset,
                token: request.descriptor.token,
            };
            let qp = connection.endpoint().qp;
            self.pending[slot] = Some(request);
            match request.direction {
                Direction::Write => {
                    qp.read(slot as u64, &entry, remote, 0)
                        .map_err(CopyError::ndk("NdkRead"))?;
                }
                Direction::Read => {
                    let read = store.read_exact_at(&mut memory.buffer.bytes_mut()[..length], request.offset);
                    if read.is_err() {
                        self.pending[slot] = None;
                        respond(connection, &request, UNEXPECTED_IO_ERROR)?;
                        continue;
                    }
                    // The response follows on the same queue pair, so the data is placed before it arrives (QP-51).
                    qp.write(slot as u64, &entry, remote, 0)
                        .map_err(CopyError::ndk("NdkWrite"))?;
                    respond(connection, &request, 0)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, connection: &mut Connection, slot: usize, store: &File) -> Result<(), CopyError> {
        let Some(request) = self.pending.get_mut(slot).and_then(Option::take) else {
            return Ok(());
        };
        if request.direction == Direction::Read {
            return Ok(());
        }
        let data = &self.slots[slot].buffer.bytes()[..request.descriptor.length as usize];
        let status = store
            .write_all_at(data, request.offset)
            .map_or(UNEXPECTED_IO_ERROR, |()| 0);
        respond(connection, &request, status)
    }

    /// Gives the memory back; what broke the service, if anything did.
    fn close(self) -> Result<Option<CopyError>, CopyError> {
        for slot in self.slots {
            slot.close()?;
        }
        Ok(self.error)
    }
}

/// Answers and takes the client's permission to use its memory away, whether it was used or not.
fn respond(connection: &mut Connection, request: &Request, status: u32) -> Result<(), CopyError> {
    let count = if status == 0 { request.descriptor.length } else { 0 };
    let response = Response {
        direction: request.direction,
        message_id: request.message_id,
        status,
        count,
    };
    Ok(connection.send(&response.encode(), Some(request.descriptor.token))?)
}
