//! A listener: requests to one local address and port.

use core::{
    fmt,
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use super::{Endpoint, ListenerEvents, error::CmError, shared::Shared};
use crate::nt::{NoMemory, Ref};

/// Requests of one listener that may wait for its consumer's decision; more are refused (CONN-04).
pub const BACKLOG: u32 = 256;

/// Requests to one local address and port go to its [`ListenerEvents`] until it is closed.
pub struct Listener {
    pub(super) agent: Ref<Shared>,
    pub(super) endpoint: Ref<Endpoint>,
    pub(super) events: Ref<dyn ListenerEvents>,
    pub(super) paused: AtomicBool,
    /// Requests that wait for a decision.
    undecided: Ref<AtomicU32>,
}

impl Listener {
    pub(super) fn try_new(
        agent: Ref<Shared>,
        endpoint: Ref<Endpoint>,
        events: Ref<dyn ListenerEvents>,
    ) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            agent,
            endpoint,
            events,
            paused: AtomicBool::new(false),
            undecided: Ref::try_new(AtomicU32::new(0))?,
        })
    }

    /// A place in the backlog for one more request.
    pub(super) fn place(&self) -> Result<Place, CmError> {
        let more = |waiting: u32| (waiting < BACKLOG).then(|| waiting + 1);
        self.undecided
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .map_err(|_| CmError::NoMemory)?;
        Ok(Place(self.undecided.clone()))
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
        self.paused.store(paused, Ordering::Release);
    }

    /// No new request is accepted from now on (CONN-44). Connections that it brought live on, as does the
    /// endpoint until its last reference goes. `<= DISPATCH_LEVEL`.
    pub fn close(&self) {
        self.pause(true);
        self.agent.remove_listener(self);
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }
}

/// A place in a listener's backlog: taken until the consumer has decided, whether the request still stands or not.
#[derive(Debug)]
pub(super) struct Place(Ref<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("local", &self.local())
            .finish_non_exhaustive()
    }
}
