//! Two connected queue pairs for scenarios: one node a host, each call made in a context of its host.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;

use cxndk::sys::ndkpi::NDK_SGE;

use super::ndk::{
    Adapter, Buffer, Completed, Connector, Cq, Listener, Mr, Notify, Pd, Qp, ReadLimits, Remote, Started,
    Status, sge,
};
use super::smbd::{Endpoint, EndpointLimits, SmbdError, Wake};
use crate::sim::{self, HostId, TaskSpec};
use crate::world::{Host, OpenNdk, World};

/// Local write, remote read and remote write.
const ALL_RIGHTS: u32 = 1 | 2 | 5;
/// How long a scenario waits for completions, in virtual nanoseconds.
const PATIENCE: u64 = 200 * sim::SECOND;
/// Bytes of a node's buffer.
pub const BUFFER: usize = 1 << 20;

/// Runs `body` in a context of `host` at `PASSIVE_LEVEL` and waits for its result.
///
/// # Panics
///
/// When the context was ended before it had one.
pub fn on<T: 'static>(host: HostId, name: &'static str, body: impl FnOnce() -> T + 'static) -> T {
    let result = Rc::new(Cell::new(None));
    let place = Rc::clone(&result);
    let context = sim::spawn(TaskSpec::on(name, host, sim::PASSIVE_LEVEL), move || {
        place.set(Some(body()));
    });
    sim::join(context);
    result.take().expect("the context has returned")
}

/// Sizes of a pair's queues.
pub const LIMITS: EndpointLimits = EndpointLimits {
    receives: 64,
    initiator: 64,
    reads: ReadLimits {
        inbound: 16,
        outbound: 16,
    },
};

/// One end of a pair.
pub struct Node {
    /// Where it is.
    pub host: HostId,
    /// The completion queue of both queues.
    pub cq: Cq,
    /// The protection domain.
    pub pd: Pd,
    /// The queue pair.
    pub qp: Qp,
    /// The connector.
    pub connector: Connector,
    /// A registered buffer with all rights.
    pub buffer: Rc<RefCell<Buffer>>,
    /// Its region.
    pub mr: Mr,
    /// What notifications wake.
    pub wake: Rc<Wake>,
    endpoint: Endpoint,
    open: OpenNdk,
}

impl Node {
    /// Connects from a host to whoever listens at an address, with private data. What was made on the way of a failure is closed.
    ///
    /// # Errors
    ///
    /// The step that failed.
    pub fn dial(
        from: &Host,
        to: SocketAddr,
        limits: EndpointLimits,
        data: Vec<u8>,
    ) -> Result<Self, SmbdError> {
        let (host, local, open) = (from.id, from.at(0), from.open_ndk());
        on(host, "connect", move || {
            let mut endpoint = Endpoint::new(open.adapter(), limits)?;
            match endpoint.connect_with(open.adapter(), local, to, &data) {
                Ok(()) => Self::new(host, open, endpoint),
                Err(error) => {
                    endpoint.close_queue_pair()?;
                    endpoint.close_rest()?;
                    open.close();
                    Err(error)
                }
            }
        })
    }

    /// The NDK adapter.
    pub fn adapter(&self) -> Adapter {
        self.open.adapter()
    }

    /// The NDK adapter's handle, to close it when all else is closed.
    pub fn into_open(self) -> OpenNdk {
        self.open
    }

    fn entry(&self, range: Range<usize>) -> NDK_SGE {
        let address = self.buffer.borrow().address().wrapping_add(range.start);
        sge(address, range.len() as u32, self.mr.local_token())
    }

    /// The peer's view of a part of this node's buffer.
    pub fn remote(&self, start: usize) -> Remote {
        let address = self.buffer.borrow().address().addr() + start;
        Remote {
            address: address as u64,
            token: self.mr.remote_token(),
        }
    }

    /// Fills a part of the buffer.
    pub fn fill(&self, range: Range<usize>, value: u8) {
        self.buffer.borrow_mut().bytes_mut()[range].fill(value);
    }

    /// Writes into the buffer, from its beginning.
    pub fn put(&self, bytes: &[u8]) {
        self.buffer.borrow_mut().bytes_mut()[..bytes.len()].copy_from_slice(bytes);
    }

    /// A part of the buffer.
    pub fn bytes(&self, range: Range<usize>) -> Vec<u8> {
        self.buffer.borrow().bytes()[range].to_vec()
    }

    /// Posts a receive into a part of the buffer.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn receive(&self, context: u64, range: Range<usize>) -> Result<(), Status> {
        let (qp, entry) = (self.qp, self.entry(range));
        on(self.host, "receive", move || qp.receive(context, &[entry]))
    }

    /// Posts a send of a part of the buffer.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn send(&self, context: u64, range: Range<usize>, flags: u32) -> Result<(), Status> {
        let (qp, entry) = (self.qp, self.entry(range));
        on(self.host, "send", move || qp.send(context, &[entry], flags))
    }

    /// Posts a read into a part of the buffer.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn read(&self, context: u64, range: Range<usize>, from: Remote, flags: u32) -> Result<(), Status> {
        let (qp, entry) = (self.qp, self.entry(range));
        on(self.host, "read", move || qp.read(context, &[entry], from, flags))
    }

    /// Posts a write of a part of the buffer.
    ///
    /// # Errors
    ///
    /// The status of the post.
    pub fn write(&self, context: u64, range: Range<usize>, to: Remote, flags: u32) -> Result<(), Status> {
        let (qp, entry) = (self.qp, self.entry(range));
        on(self.host, "write", move || qp.write(context, &[entry], to, flags))
    }

    /// Waits for `count` completions; fewer if they do not come within the scenario's patience.
    pub fn results(&self, count: usize) -> Vec<Completed> {
        let (cq, wake) = (self.cq, Rc::clone(&self.wake));
        on(self.host, "results", move || {
            wake.own();
            let mut results = Vec::new();
            let deadline = sim::now() + PATIENCE;
            while results.len() < count && sim::now() < deadline {
                let missing = count - results.len();
                if cq.poll(&mut results, missing) > 0 {
                    continue;
                }
                cq.arm(Notify::Any);
                if cq.poll(&mut results, missing) == 0 && !wake.take_notified() {
                    sim::park_until("completions", deadline);
                }
            }
            results
        })
    }

    /// Waits for one completion.
    ///
    /// # Panics
    ///
    /// When none comes.
    pub fn result(&self) -> Completed {
        *self
            .results(1)
            .first()
            .expect("a completion within the patience of the scenario")
    }

    /// Closes connector, queue pair, region, domain and queue, and the adapter.
    ///
    /// # Errors
    ///
    /// The close that did not return success, which no close may (LIFE-30).
    pub fn close(self) -> Result<(), SmbdError> {
        let Self {
            host,
            endpoint,
            mr,
            open,
            ..
        } = self;
        on(host, "close", move || {
            endpoint.close_queue_pair()?;
            mr.close_and_wait().map_err(|status| SmbdError::Ndk {
                what: "NdkCloseMr",
                status,
            })?;
            endpoint.close_rest()?;
            open.close();
            Ok(())
        })
    }

    fn new(host: HostId, open: OpenNdk, endpoint: Endpoint) -> Result<Self, SmbdError> {
        let buffer = Buffer::new(BUFFER);
        let mr = endpoint.pd.register(&buffer, ALL_RIGHTS);
        let mr = mr.map_err(|status| SmbdError::Ndk {
            what: "NdkRegisterMr",
            status,
        })?;
        Ok(Self {
            host,
            cq: endpoint.cq,
            pd: endpoint.pd,
            qp: endpoint.qp,
            connector: endpoint.connector().ok_or(SmbdError::Disconnected)?,
            buffer: Rc::new(RefCell::new(buffer)),
            mr,
            wake: Rc::clone(&endpoint.wake),
            endpoint,
            open,
        })
    }
}

/// A connected pair and its listener.
pub struct Pair {
    /// The node that connected.
    pub a: Node,
    /// The node that accepted.
    pub b: Node,
    /// On the host of `b`.
    pub listener: Listener,
}

impl Pair {
    /// Connects host A to host B over IPv4.
    ///
    /// # Errors
    ///
    /// The step that failed.
    pub fn connect(world: &World, port: u16) -> Result<Self, SmbdError> {
        Self::connect_with(world, port, LIMITS)
    }

    /// Connects host A to host B with queues of the given sizes.
    ///
    /// # Errors
    ///
    /// The step that failed.
    pub fn connect_with(world: &World, port: u16, limits: EndpointLimits) -> Result<Self, SmbdError> {
        let [a, b] = &world.hosts[..] else {
            unreachable!("a world has two hosts")
        };
        let (listener, accepting) = Self::accept_one(b, port, limits)?;
        let connecting = Node::dial(a, b.at(port), limits, Vec::new())?;
        Ok(Self {
            a: connecting,
            b: accepting.wait()?,
            listener,
        })
    }

    fn accept_one(b: &Host, port: u16, limits: EndpointLimits) -> Result<(Listener, Accepting), SmbdError> {
        let (open, at, host) = (b.open_ndk(), b.at(port), b.id);
        let desk = Rc::new(super::copy::Desk::default());
        let (adapter, own) = (open.adapter(), Rc::clone(&desk));
        let listener = on(host, "listen", move || own.listen(adapter, at));
        let listener = listener.map_err(|status| SmbdError::Ndk {
            what: "NdkListen",
            status,
        })?;
        let result = Rc::new(Cell::new(None));
        let place = Rc::clone(&result);
        let context = sim::spawn(TaskSpec::on("accept", host, sim::PASSIVE_LEVEL), move || {
            let accept = || {
                let connector = desk.next().ok_or(SmbdError::Disconnected)?;
                let mut endpoint = Endpoint::new(open.adapter(), limits)?;
                endpoint.accept(connector)?;
                Node::new(host, open, endpoint)
            };
            place.set(Some(accept()));
        });
        Ok((listener, Accepting { context, result }))
    }

    /// Closes everything.
    ///
    /// # Errors
    ///
    /// The close that did not return success, which no close may (LIFE-30).
    pub fn close(self) -> Result<(), SmbdError> {
        self.a.close()?;
        let listener = self.listener;
        let closing: Started = on(self.b.host, "close listener", move || listener.close());
        self.b.close()?;
        closing.wait().map_err(|status| SmbdError::Ndk {
            what: "NdkCloseListener",
            status,
        })
    }
}

/// The accepting end, on its way.
struct Accepting {
    context: sim::TaskId,
    result: Rc<Cell<Option<Result<Node, SmbdError>>>>,
}

impl Accepting {
    fn wait(self) -> Result<Node, SmbdError> {
        sim::join(self.context);
        self.result.take().unwrap_or(Err(SmbdError::Disconnected))
    }
}
