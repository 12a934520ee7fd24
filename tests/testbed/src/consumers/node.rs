//! Two connected queue pairs for scenarios: one node a host, each call made in a context of its host.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;

use cxndk::sys::ndkpi::NDK_SGE;

use super::copy::Desk;
use super::ndk::{
    Adapter, Buffer, Completed, Connector, Cq, Listener, Mr, Notify, Pd, Qp, ReadLimits, Remote, Started,
    Status, sge,
};
use super::smbd::{Endpoint, EndpointLimits, SmbdError, Wake};
use crate::sim::{self, HostId, TaskSpec};
use crate::world::{Host, Nic, OpenNdk, World};

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
        Self::dial_by((from.id, from), to, limits, data)
    }

    fn dial_by(
        (host, from): (HostId, &Nic),
        to: SocketAddr,
        limits: EndpointLimits,
        data: Vec<u8>,
    ) -> Result<Self, SmbdError> {
        let (local, open) = (from.at(0), from.open_ndk());
        on(host, "connect", move || {
            let mut endpoint = match Endpoint::new(open.adapter(), limits) {
                Ok(endpoint) => endpoint,
                Err(error) => {
                    open.close();
                    return Err(error);
                }
            };
            let connected = endpoint.connect_with(open.adapter(), local, to, &data);
            let node = Self::new(host, open, endpoint, connected);
            node.map_err(|(error, open)| {
                open.close();
                error
            })
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

    /// The node of an endpoint that is connected; one that is not is closed, and the adapter comes back.
    fn new(
        host: HostId,
        open: OpenNdk,
        endpoint: Endpoint,
        connected: Result<(), SmbdError>,
    ) -> Result<Self, (SmbdError, OpenNdk)> {
        let buffer = Buffer::new(BUFFER);
        let region = connected.and_then(|()| {
            let region = endpoint.pd.register(&buffer, ALL_RIGHTS);
            region.map_err(|status| ndk("NdkRegisterMr", status))
        });
        let (mr, connector) = match (region, endpoint.connector()) {
            (Ok(mr), Some(connector)) => (mr, connector),
            (region, _) => {
                let error = region.err().unwrap_or(SmbdError::Disconnected);
                let closed = endpoint.close_queue_pair().and_then(|()| endpoint.close_rest());
                return Err((closed.err().unwrap_or(error), open));
            }
        };
        Ok(Self {
            host,
            cq: endpoint.cq,
            pd: endpoint.pd,
            qp: endpoint.qp,
            connector,
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
    /// Where its connect events come to, as long as it is open.
    desk: Rc<Desk>,
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
        Self::between((&world.hosts[0], 0), (&world.hosts[1], 0), port, limits)
    }

    /// Connects two hosts, each by the adapter of that number.
    ///
    /// # Errors
    ///
    /// The step that failed.
    pub fn between(
        (from, by): (&Host, usize),
        (to, at): (&Host, usize),
        port: u16,
        limits: EndpointLimits,
    ) -> Result<Self, SmbdError> {
        let (a, b) = (&from.nics[by], &to.nics[at]);
        let (listener, accepting) = Self::accept_one((to.id, b), port, limits)?;
        let connecting = Node::dial_by((from.id, a), b.at(port), limits, Vec::new());
        if connecting.is_err() {
            accepting.desk.stop();
        }
        let desk = Rc::clone(&accepting.desk);
        match (connecting, accepting.wait()) {
            (Ok(a), Ok(b)) => Ok(Self { a, b, listener, desk }),
            (Ok(a), Err(error)) => {
                a.close()?;
                Err(error)
            }
            (Err(error), Ok(b)) => {
                Self::close_passive(b, listener, &desk)?;
                Err(error)
            }
            (Err(error), Err(_)) => Err(error),
        }
    }

    /// Closes the accepting end with its listener, which the close of the adapter waits for.
    fn close_passive(b: Node, listener: Listener, desk: &Rc<Desk>) -> Result<(), SmbdError> {
        let own = Rc::clone(desk);
        let closing = on(b.host, "close listener", move || close_listener(listener, &own))?;
        b.close()?;
        closing.wait().map_err(|status| ndk("NdkCloseListener", status))
    }

    fn accept_one(
        (host, b): (HostId, &Nic),
        port: u16,
        limits: EndpointLimits,
    ) -> Result<(Listener, Accepting), SmbdError> {
        let (open, at) = (b.open_ndk(), b.at(port));
        let desk = Rc::new(Desk::default());
        let (adapter, own, keep) = (open.adapter(), Rc::clone(&desk), Rc::clone(&desk));
        let listener = match on(host, "listen", move || own.listen(adapter, at)) {
            Ok(listener) => listener,
            Err(status) => {
                open.close();
                return Err(ndk("NdkListen", status));
            }
        };
        let result = Rc::new(Cell::new(None));
        let place = Rc::clone(&result);
        let context = sim::spawn(TaskSpec::on("accept", host, sim::PASSIVE_LEVEL), move || {
            let node = Self::accept(host, &desk, open, limits);
            place.set(Some(node.map_err(|(error, open)| {
                // The close of the adapter waits for its listener.
                let closing = close_listener(listener, &desk);
                open.close();
                let closed = closing.and_then(|closing| {
                    let closed = closing.wait();
                    closed.map_err(|status| ndk("NdkCloseListener", status))
                });
                closed.err().unwrap_or(error)
            })));
        });
        let accepting = Accepting {
            context,
            desk: keep,
            result,
        };
        Ok((listener, accepting))
    }

    fn accept(
        host: HostId,
        desk: &Desk,
        open: OpenNdk,
        limits: EndpointLimits,
    ) -> Result<Node, (SmbdError, OpenNdk)> {
        let Some(connector) = desk.next() else {
            return Err((SmbdError::Disconnected, open));
        };
        match Endpoint::new(open.adapter(), limits) {
            Ok(mut endpoint) => {
                let accepted = endpoint.accept(connector);
                Node::new(host, open, endpoint, accepted)
            }
            Err(error) => {
                let closed = connector.close_and_wait();
                let closed = closed.map_err(|status| ndk("NdkCloseConnector", status));
                Err((closed.err().unwrap_or(error), open))
            }
        }
    }

    /// Closes everything.
    ///
    /// # Errors
    ///
    /// The close that did not return success, which no close may (LIFE-30).
    pub fn close(self) -> Result<(), SmbdError> {
        self.a.close()?;
        Self::close_passive(self.b, self.listener, &self.desk)
    }
}

/// Starts the close of a listener, and closes the attempts that nobody has answered.
fn close_listener(listener: Listener, desk: &Desk) -> Result<Started, SmbdError> {
    let closing = listener.close();
    desk.stop();
    while let Some(connector) = desk.next() {
        let closed = connector.close_and_wait();
        closed.map_err(|status| ndk("NdkCloseConnector", status))?;
    }
    Ok(closing)
}

const fn ndk(what: &'static str, status: Status) -> SmbdError {
    SmbdError::Ndk { what, status }
}

/// The accepting end, on its way.
struct Accepting {
    context: sim::TaskId,
    desk: Rc<Desk>,
    result: Rc<Cell<Option<Result<Node, SmbdError>>>>,
}

impl Accepting {
    fn wait(self) -> Result<Node, SmbdError> {
        sim::join(self.context);
        self.result.take().unwrap_or(Err(SmbdError::Disconnected))
    }
}
