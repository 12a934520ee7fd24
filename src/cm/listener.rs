//! A listener: requests to one local address and port.

use core::net::SocketAddr;

use super::Endpoint;
use crate::nt::Ref;

/// Requests to one local address and port go to its [`super::ListenerEvents`] until it is closed.
#[derive(Debug)]
pub struct Listener {}

impl Listener {
    /// The address and port.
    pub fn local(&self) -> SocketAddr {
        todo!()
    }

    /// The reference that keeps address and port taken.
    pub fn endpoint(&self) -> &Ref<Endpoint> {
        todo!()
    }

    /// While paused, requests are answered as if nobody listened (CONN-25). `<= DISPATCH_LEVEL`.
    pub fn pause(&self, _paused: bool) {
        todo!()
    }

    /// No new request is accepted from now on (CONN-44). Connections that it brought live on, as does the
    /// endpoint until its last reference goes. `<= DISPATCH_LEVEL`.
    pub fn close(&self) {
        todo!()
    }
}
