//! A listener: requests to one local address and port.

use core::{
    fmt,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{Endpoint, ListenerEvents, core::Core};
use crate::nt::Ref;

/// Requests to one local address and port go to its [`ListenerEvents`] until it is closed.
pub struct Listener {
    pub(super) agent: Ref<Core>,
    pub(super) endpoint: Ref<Endpoint>,
    pub(super) events: Ref<dyn ListenerEvents>,
    pub(super) paused: AtomicBool,
}

impl Listener {
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

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("local", &self.local())
            .finish_non_exhaustive()
    }
}
