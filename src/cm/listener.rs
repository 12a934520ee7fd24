//! Listeners: requests to one local address and port, each.

use core::{
    cmp::Ordering,
    fmt,
    net::SocketAddr,
    sync::atomic::{self, AtomicBool},
};

use super::{
    Connection, Endpoint,
    backlog::{Backlog, Place},
    error::CmError,
    mad::RejectReason,
    params::{MAX_CALLER_DATA, ReadLimits},
};
use crate::nt::{NoMemory, NonPaged, Ref, SpinLock, Vec, pool::take_at};

/// A request for communication that reached a listener.
#[derive(Debug)]
pub struct Incoming {
    /// The connection, waiting for [`Connection::reply`] or [`Connection::reject`].
    pub connection: Ref<Connection>,
    /// A reference to the listener's address and port, for the accepted connector (CONN-40).
    pub endpoint: Ref<Endpoint>,
    /// The peer.
    pub remote: SocketAddr,
    /// Limits to show to the consumer: inbound is the peer's initiator depth, outbound the peer's responder resources.
    pub limits: ReadLimits,
    /// Zero-filled; the wire carries no length (CONN-54).
    pub private_data: [u8; MAX_CALLER_DATA],
}

/// News of a listener. Called at `<= DISPATCH_LEVEL`, without any lock of this floor held; may call back into it.
pub trait ListenerEvents: Send + Sync {
    /// A peer asks for a connection (CONN-23).
    ///
    /// # Errors
    /// The reason for which this floor rejects the request at once: [`RejectReason::NO_RESOURCES`],
    /// [`RejectReason::INVALID_SERVICE_ID`] as if nobody listened, [`RejectReason::CONSUMER`].
    fn requested(&self, incoming: Incoming) -> Result<(), RejectReason>;
}

/// Requests to one local address and port go to its [`ListenerEvents`] until it is closed.
pub struct Listener {
    listeners: Ref<Listeners>,
    endpoint: Ref<Endpoint>,
    pub(super) events: Ref<dyn ListenerEvents>,
    paused: AtomicBool,
    backlog: Backlog,
}

impl Listener {
    /// Listens; `endpoint` is the listener's alone (CONN-07).
    pub(super) fn open(
        listeners: &Ref<Listeners>,
        endpoint: Ref<Endpoint>,
        events: Ref<dyn ListenerEvents>,
    ) -> Result<Ref<Self>, CmError> {
        let listener = Ref::try_new(Self {
            listeners: listeners.clone(),
            endpoint,
            events,
            paused: AtomicBool::new(false),
            backlog: Backlog::try_new()?,
        })?;
        listeners.add(listener.clone())?;
        Ok(listener)
    }

    /// A place in the backlog for one more request.
    pub(super) fn place(&self) -> Result<Place, CmError> {
        self.backlog.place()
    }

    /// The address and port.
    pub fn local(&self) -> SocketAddr {
        self.endpoint.local()
    }

    /// The reference that keeps address and port taken.
    pub const fn endpoint(&self) -> &Ref<Endpoint> {
        &self.endpoint
    }

    /// While paused, requests are answered as if nobody listened (CONN-25). `<= DISPATCH_LEVEL`.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, atomic::Ordering::Release);
    }

    /// No new request is accepted from now on (CONN-44). Connections that it brought live on, as does the
    /// endpoint until its last reference goes. `<= DISPATCH_LEVEL`.
    pub fn close(&self) {
        self.pause(true);
        self.listeners.remove(self);
    }

    fn is_paused(&self) -> bool {
        self.paused.load(atomic::Ordering::Acquire)
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("local", &self.local())
            .finish_non_exhaustive()
    }
}

/// The listeners of one agent.
#[derive(Debug)]
pub(super) struct Listeners {
    board: SpinLock<Board>,
}

#[derive(Debug)]
struct Board {
    /// In the order of address and port, of which each has one listener at most.
    listeners: Vec<Ref<Listener>>,
    stopped: bool,
}

impl Listeners {
    /// Nobody listens.
    pub(super) const fn new() -> Self {
        Self {
            board: SpinLock::new(Board {
                listeners: Vec::new_in(NonPaged),
                stopped: false,
            }),
        }
    }

    fn add(&self, listener: Ref<Listener>) -> Result<(), CmError> {
        let mut board = self.board.lock();
        if board.stopped {
            return Err(CmError::Stopped);
        }
        let place = board.place_of(listener.local());
        // Its endpoint is nobody else's (CONN-07).
        let at = place.err().ok_or(CmError::PortInUse)?;
        board.listeners.try_reserve(1).map_err(NoMemory::from)?;
        board.listeners.insert(at, listener);
        Ok(())
    }

    fn remove(&self, listener: &Listener) {
        let gone = {
            let mut board = self.board.lock();
            let at = board.place_of(listener.local()).ok();
            let ours = |at: &usize| {
                let known = board.listeners.get(*at);
                known.is_some_and(|known| core::ptr::eq(&raw const **known, listener))
            };
            let at = at.filter(ours);
            at.and_then(|at| take_at(&mut board.listeners, at))
        };
        drop(gone);
    }

    /// Who listens to an address and port.
    pub(super) fn find(&self, local: SocketAddr) -> Option<Ref<Listener>> {
        let board = self.board.lock();
        let at = board.place_of(local).ok()?;
        let listener = board.listeners.get(at)?;
        (!listener.is_paused()).then(|| listener.clone())
    }

    /// Nobody listens from now on who does not yet.
    pub(super) fn stop(&self) {
        self.board.lock().stopped = true;
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        let listeners = core::mem::replace(&mut self.board.lock().listeners, Vec::new_in(NonPaged));
        // Outside of the lock: consumers' objects may go with them.
        drop(listeners);
    }
}

impl Board {
    /// Where the listener of an address and port is, or would have to be.
    fn place_of(&self, local: SocketAddr) -> Result<usize, usize> {
        let order = |listener: &Ref<Listener>| -> Ordering {
            let known = listener.local();
            (known.ip(), known.port()).cmp(&(local.ip(), local.port()))
        };
        self.listeners.binary_search_by(order)
    }
}
