//! Connectors: one end of a connection, from its first call to its close.
//!
//! | state | entered by | legal calls |
//! |---|---|---|
//! | idle | `CreateConnector` | Connect, `ConnectWithSharedEndpoint` |
//! | connecting | Connect pended | - |
//! | peer accepted | Connect completed SUCCESS | `CompleteConnect`, Reject, `GetConnectionData` |
//! | completing | `CompleteConnect` pended | - |
//! | incoming | connect event | Accept, Reject, `GetConnectionData` |
//! | accepting | Accept pended | - |
//! | connected | `CompleteConnect` or Accept completed SUCCESS | Disconnect; posts on the queue pair |
//! | peer gone | disconnect event | Disconnect |
//! | disconnecting | Disconnect pended | - |
//! | dead | Disconnect completed, Reject, anything failed, close | `GetConnectionData` after a refusal |
//!
//! | event | connecting | completing, accepting | connected | disconnecting |
//! |---|---|---|---|---|
//! | peer accepts | peer accepted | - | - | - |
//! | peer is ready | - | connected | - | - |
//! | peer rejects | dead, `CONNECTION_REFUSED` | dead, `CONNECTION_ABORTED` | - | - |
//! | nobody answers | dead, `IO_TIMEOUT` | dead, `IO_TIMEOUT` | - | dead, `IO_TIMEOUT` |
//! | peer disconnects | - | peer gone after completing | peer gone | dead, SUCCESS |
//! | connection breaks | - | dead, `CONNECTION_ABORTED` | peer gone, flushed | dead, `CONNECTION_ABORTED` |
//!
//! Close is legal in every state and cancels what pends (LIFE-59). What needs `PASSIVE_LEVEL` runs in the object's own
//! work item, so that nothing of it can fail for lack of memory once a connect was accepted.

use core::{ffi::c_void, net::SocketAddr, ptr};

use super::{
    adapter::Adapter,
    callback::DisconnectEvent,
    endpoint::SharedEndpoint,
    limits,
    listener::Listener,
    object::{Hold, Kind, Object, Pending, Tables},
    qp::{Owner, Qp},
    services::{Connected, Services, count},
};
use crate::{
    cm::{self, Connection, Incoming, MAX_CALLEE_DATA, ReadLimits, Rejection, Reply},
    dyn_ref,
    nt::{Captured, Passive, Ref, SpinLock, Status, sync::Ordering},
    sys::ndkpi::{NDK_CONNECTOR, NDK_OBJECT_TYPE, NdkObjectTypeConnector},
};

/// Active: readies the queue pair and tells the peer.
pub(super) const COMPLETE: u32 = 1;
/// Passive: readies the queue pair to receive and replies.
pub(super) const ACCEPT: u32 = 2;
/// The queue pair failed: tells consumer and peer.
pub(super) const LOST: u32 = 4;
/// The connection is over: flushes the queue pair and completes Disconnect.
pub(super) const OVER: u32 = 8;
/// Passive: the peer is ready: readies the queue pair to send and completes Accept.
pub(super) const ESTABLISH: u32 = 16;

/// States; see the module's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Idle,
    Connecting,
    PeerAccepted,
    Completing,
    Incoming,
    Accepting,
    Connected,
    PeerGone,
    Disconnecting,
    Dead,
}

/// What a connect's peer, or its absence, says.
#[derive(Clone, Copy)]
pub(super) enum Answered {
    Replied(Reply),
    Rejected(Rejection),
    Failed(Status),
}

/// The objects that a connector comes to depend on.
pub struct Antecedents {
    pub(super) _adapter: Hold<Adapter>,
    pub(super) _listener: Option<Hold<Listener>>,
    /// From Connect or Accept on (LIFE-50, LIFE-56).
    pub(super) qp: Option<Hold<Qp>>,
    /// From `ConnectWithSharedEndpoint` on.
    pub(super) shared: Option<Hold<SharedEndpoint>>,
}

/// Private data of a consumer or of a peer.
pub type PrivateData = Captured<MAX_CALLEE_DATA>;

/// Captures private data (CONN-08).
///
/// # Errors
/// `INVALID_BUFFER_SIZE` for more than `limit` bytes.
pub fn capture_data(data: &[u8], limit: usize) -> Result<PrivateData, Status> {
    let captured = PrivateData::capture(data).filter(|captured| captured.len() <= limit);
    captured.ok_or(Status::INVALID_BUFFER_SIZE)
}

/// A connector.
pub struct Connector {
    pub(super) services: Ref<Services>,
    pub(super) inner: SpinLock<Inner>,
}

pub(super) struct Inner {
    pub(super) state: State,
    pub(super) connection: Option<Ref<Connection>>,
    // Address and port, in use until the connector is closed (CONN-40..CONN-43).
    pub(super) endpoint: Option<Ref<cm::Endpoint>>,
    pub(super) qp: Option<Ref<Object<Qp>>>,
    // The one request that may pend.
    pub(super) pending: Option<Pending<Connector>>,
    pub(super) event: Option<DisconnectEvent>,
    pub(super) remote: Option<SocketAddr>,
    // What this side offers, and what its consumer is shown (CONN-11, CONN-50).
    pub(super) own: ReadLimits,
    pub(super) shown: ReadLimits,
    // What the peer sent; its length is a fixed one (CONN-54).
    pub(super) received: PrivateData,
    // What Accept sends.
    pub(super) answer: PrivateData,
    // The peer left while CompleteConnect or Accept pended.
    pub(super) gone_early: bool,
    // The answer, if it came before the connection was known.
    pub(super) early: Option<Answered>,
    // How Disconnect will complete.
    pub(super) outcome: Status,
    // The connection broke, rather than being ended.
    pub(super) broken: bool,
}

impl Inner {
    pub(super) const fn new(state: State) -> Self {
        Self {
            state,
            connection: None,
            endpoint: None,
            qp: None,
            pending: None,
            event: None,
            remote: None,
            own: ReadLimits {
                inbound: 0,
                outbound: 0,
            },
            shown: ReadLimits {
                inbound: 0,
                outbound: 0,
            },
            received: PrivateData::EMPTY,
            answer: PrivateData::EMPTY,
            gone_early: false,
            early: None,
            outcome: Status::SUCCESS,
            broken: false,
        }
    }
}

impl Kind for Connector {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypeConnector;
    type Raw = NDK_CONNECTOR;
    type Antecedents = Antecedents;

    fn dispatch(tables: &Tables) -> *const c_void {
        ptr::from_ref(tables.connector).cast()
    }

    /// Cancels what pends and tears the connection down: no event comes of it (LIFE-58, LIFE-59).
    fn closing(this: &Ref<Object<Self>>) {
        let connector = this.kind();
        let (pending, connection) = {
            let mut inner = connector.inner.lock();
            connector.leave(&mut inner, State::Dead);
            inner.event = None;
            (inner.pending.take(), inner.connection.clone())
        };
        if let Some(connection) = connection {
            connection.abandon();
        }
        if let Some(pending) = pending {
            pending.complete(Status::CANCELLED);
        }
    }

    fn needs_teardown(&self) -> bool {
        self.inner
            .lock()
            .qp
            .as_ref()
            .is_some_and(|qp| qp.kind().needs_flush())
    }

    fn teardown(&self, passive: Passive<'_>) {
        let qp = self.inner.lock().qp.clone();
        if let Some(qp) = qp {
            qp.kind().flush_now(passive);
        }
    }

    fn ended(this: &Object<Self>) {
        this.kind().services.connectors.remove(this);
        let (qp, connection, endpoint) = {
            let mut inner = this.kind().inner.lock();
            (inner.qp.take(), inner.connection.take(), inner.endpoint.take())
        };
        if let Some(qp) = &qp {
            qp.kind().release();
        }
        drop((qp, connection, endpoint));
    }

    fn work(this: &Ref<Object<Self>>, job: u32, passive: Passive<'_>) {
        match job {
            COMPLETE => Self::complete_now(this, passive),
            ACCEPT => Self::accept_now(this, passive),
            ESTABLISH => Self::establish_now(this, passive),
            LOST => Self::lost_now(this, passive),
            OVER => Self::over_now(this, passive),
            _ => {}
        }
    }
}

impl Connector {
    /// Makes an idle connector.
    ///
    /// # Errors
    /// No memory.
    pub fn create(adapter: Hold<Adapter>) -> Result<Ref<Object<Self>>, Status> {
        Self::make(adapter, None, Inner::new(State::Idle))
    }

    /// Makes the connector of a connect event.
    ///
    /// # Errors
    /// No memory.
    pub fn incoming(
        adapter: Hold<Adapter>,
        listener: Hold<Listener>,
        incoming: Incoming,
    ) -> Result<Ref<Object<Self>>, Status> {
        let mut inner = Inner::new(State::Incoming);
        inner.shown = limits::cap(adapter.services().info(), incoming.limits);
        inner.received = capture_data(&incoming.private_data, cm::MAX_CALLER_DATA)?;
        inner.remote = Some(incoming.remote);
        inner.connection = Some(incoming.connection);
        inner.endpoint = Some(incoming.endpoint);
        Self::make(adapter, Some(listener), inner)
    }

    fn make(
        adapter: Hold<Adapter>,
        listener: Option<Hold<Listener>>,
        inner: Inner,
    ) -> Result<Ref<Object<Self>>, Status> {
        let identity = adapter.object().identity();
        let services = adapter.services().clone();
        let antecedents = Antecedents {
            _adapter: adapter,
            _listener: listener,
            qp: None,
            shared: None,
        };
        let connector = Object::try_new(
            identity,
            antecedents,
            Self {
                services,
                inner: SpinLock::new(inner),
            },
        )?;
        let listed = dyn_ref!(connector.clone() => dyn Connected);
        connector.kind().services.connectors.add(listed)?;
        Ok(connector)
    }

    /// Changes the state, and the counter of established connections with it.
    pub(super) fn leave(&self, inner: &mut Inner, next: State) {
        let active = &self.services.counters().active;
        if inner.state == State::Connected && next != State::Connected {
            active.fetch_sub(1, Ordering::Relaxed);
        } else if inner.state != State::Connected && next == State::Connected {
            active.fetch_add(1, Ordering::Relaxed);
        }
        inner.state = next;
    }

    /// The attempt failed: the connector is dead (CONN-17), the request completes, the queue pair is given back or flushed.
    pub(super) fn fail(this: &Ref<Object<Self>>, status: Status) {
        let connector = this.kind();
        let (pending, qp) = {
            let mut inner = connector.inner.lock();
            if inner.state == State::Dead {
                // Closed meanwhile: the request was cancelled, and the close sees to the rest.
                return;
            }
            connector.leave(&mut inner, State::Dead);
            inner.event = None;
            (inner.pending.take(), inner.qp.clone())
        };
        count(&connector.services.counters().connect_failure);
        if let Some(qp) = qp {
            if qp.kind().needs_flush() {
                Object::flush(&qp);
            } else {
                qp.kind().release();
            }
        }
        if let Some(pending) = pending {
            pending.complete(status);
        }
    }

    /// The local address (CONN-47).
    ///
    /// # Errors
    /// `CONNECTION_INVALID` before there is one.
    pub fn local(&self) -> Result<SocketAddr, Status> {
        let inner = self.inner.lock();
        inner
            .endpoint
            .as_ref()
            .map(|endpoint| endpoint.local())
            .ok_or(Status::CONNECTION_INVALID)
    }

    /// The peer's address (CONN-47).
    ///
    /// # Errors
    /// `CONNECTION_INVALID` before there is one.
    pub fn remote(&self) -> Result<SocketAddr, Status> {
        let inner = self.inner.lock();
        inner
            .remote
            .filter(|_| inner.connection.is_some())
            .ok_or(Status::CONNECTION_INVALID)
    }

    /// The effective limits and the peer's private data (CONN-50).
    ///
    /// # Errors
    /// `CONNECTION_INVALID` when nothing was received.
    pub fn data(&self) -> Result<(ReadLimits, PrivateData), Status> {
        let inner = self.inner.lock();
        if inner.received.is_empty() {
            return Err(Status::CONNECTION_INVALID);
        }
        Ok((inner.shown, inner.received))
    }
}

impl Connected for Object<Connector> {
    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let inner = self.kind().inner.lock();
        let endpoint = inner.endpoint.as_ref();
        let local = endpoint.filter(|_| inner.state == State::Connected)?.local();
        Some((local, inner.remote?))
    }
}

impl Owner for Object<Connector> {
    fn communication_established(&self) {
        let connection = self.kind().inner.lock().connection.clone();
        if let Some(connection) = connection {
            connection.communication_established();
        }
    }

    fn broke(&self) {
        if let Some(this) = self.myself() {
            Self::schedule(&this, LOST);
        }
    }
}
