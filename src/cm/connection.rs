//! One connection, as its consumer holds it.

use core::net::SocketAddr;

use super::{
    ConnectionEvents, Illegal,
    error::CmError,
    mad::RejectReason,
    params::{Answer, QpParameters, ReadLimits},
};
use crate::nt::Ref;

/// What became of a call of [`Connection::disconnect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// The peer had asked already and has its answer now; nothing more will come.
    Done,
    /// The peer was asked; [`ConnectionEvents::disconnected`] follows.
    Pending,
}

/// One connection, from its request on. Every method may be called at `<= DISPATCH_LEVEL`.
#[derive(Debug)]
pub struct Connection {}

impl Connection {
    /// This side's address and port.
    pub fn local(&self) -> SocketAddr {
        todo!()
    }

    /// The peer's address and port.
    pub fn remote(&self) -> SocketAddr {
        todo!()
    }

    /// What goes into the queue pair. Active: after `replied`. Passive: before [`Self::reply`]; `own` are the limits that the reply
    /// will name (ignored on the active side, where the request named them).
    ///
    /// # Errors
    /// Not in one of those states any more.
    pub fn parameters(&self, _own: ReadLimits) -> Result<QpParameters, Illegal> {
        todo!()
    }

    /// Passive: accepts. The queue pair is in RTS. One event of [`ConnectionEvents`] tells how it went.
    ///
    /// # Errors
    /// The peer gave up meanwhile, or too much private data; `events` is not used then.
    pub fn reply(&self, _answer: &Answer<'_>, _events: Ref<dyn ConnectionEvents>) -> Result<(), CmError> {
        todo!()
    }

    /// Active, after `replied`, with the queue pair in RTS: tells the peer (RTU). The connection is established.
    ///
    /// # Errors
    /// The peer gave up meanwhile.
    pub fn ready_to_use(&self) -> Result<(), Illegal> {
        todo!()
    }

    /// Rejects: a request (passive) or a reply (active) (CONN-30, CONN-31). There are no more events.
    ///
    /// # Errors
    /// The peer gave up meanwhile, or too much private data.
    pub fn reject(&self, _reason: RejectReason, _private_data: &[u8]) -> Result<(), CmError> {
        todo!()
    }

    /// The device saw the peer's first packet: as good as an RTU. Ignored in other states.
    pub fn communication_established(&self) {
        todo!()
    }

    /// Asks the peer to end the connection, or grants what it asked for (CONN-61, CONN-72).
    ///
    /// # Errors
    /// The connection is not established (CONN-77).
    pub fn disconnect(&self) -> Result<Disconnect, Illegal> {
        todo!()
    }

    /// The consumer is not interested any more: ends the connection in the way that its state asks for, without waiting
    /// for the peer. An event that is on its way on another processor may still arrive; none is started after this.
    pub fn abandon(&self) {
        todo!()
    }
}
