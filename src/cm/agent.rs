//! One adapter's connection management.

use core::net::{IpAddr, SocketAddr};

use super::{
    Connection, ConnectionEvents, Listener, ListenerEvents,
    error::CmError,
    params::ConnectRequest,
    ports::Endpoint,
    resolve::Route,
};
use crate::{
    hw::Device,
    nt::{NdisHandle, Passive, Ref},
};

/// One adapter's connection management: QP1, timers, and the tables of connections, listeners and ports.
#[derive(Debug)]
pub struct Agent {}

impl Agent {
    /// Takes QP1 into use. `luid` is the adapter's `NET_LUID`, by which netio knows it.
    ///
    /// # Errors
    /// No memory, or the device refused; everything was undone.
    pub fn start(_device: Ref<Device>, _ndis: NdisHandle, _luid: u64, _passive: Passive<'_>) -> Result<Ref<Self>, CmError> {
        todo!()
    }

    /// Ends everything: connections that still have a consumer are aborted. Nothing of this floor uses the device afterwards.
    pub fn stop(&self, _passive: Passive<'_>) {
        todo!()
    }

    /// Takes a local address and port (CONN-06, CONN-07, CONN-20, CONN-21). Port 0 takes a free one of 49152-65535.
    ///
    /// # Errors
    /// [`CmError::InvalidAddress`], [`CmError::PortInUse`], [`CmError::PortsExhausted`], [`CmError::NoMemory`].
    pub fn endpoint(&self, _local: SocketAddr, _passive: Passive<'_>) -> Result<Ref<Endpoint>, CmError> {
        todo!()
    }

    /// The way from a local address to a peer. May wait for the neighbour to answer.
    ///
    /// # Errors
    /// [`CmError::NoRoute`], [`CmError::NoNeighbour`].
    pub fn resolve(&self, _local: IpAddr, _remote: IpAddr, _passive: Passive<'_>) -> Result<Route, CmError> {
        todo!()
    }

    /// Resolves the way to the peer and sends a request. One event tells how it went.
    ///
    /// # Errors
    /// See [`CmError`]; there are no events then.
    pub fn connect(
        &self,
        _request: &ConnectRequest<'_>,
        _events: Ref<dyn ConnectionEvents>,
        _passive: Passive<'_>,
    ) -> Result<Ref<Connection>, CmError> {
        todo!()
    }

    /// Listens.
    ///
    /// # Errors
    /// See [`CmError`].
    pub fn listen(
        &self,
        _endpoint: Ref<Endpoint>,
        _events: Ref<dyn ListenerEvents>,
        _passive: Passive<'_>,
    ) -> Result<Ref<Listener>, CmError> {
        todo!()
    }
}
