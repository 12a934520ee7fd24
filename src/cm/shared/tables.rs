//! Who is there: connections and listeners, found by what messages and calls name them by.

use core::{cmp::Ordering, net::SocketAddr};

use super::Shared;
use crate::{
    cm::{
        Connection, Listener,
        error::CmError,
        gsi::Datagram,
        machine::Machine,
        mad::{CommId, Message, RejectReason, Req},
        random::Random,
        resolve::address,
        table::{Connections, Key},
    },
    nt::{NoMemory, NonPaged, Ref, Vec, pool::take_at},
};

/// See the module's page.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) connections: Connections,
    /// By address and port, of which each has one listener at most.
    pub(super) listeners: Vec<Ref<Listener>>,
    pub(super) random: Random,
    pub(super) stopped: bool,
}

impl Tables {
    /// Empty ones, which draw numbers from `random`.
    pub(super) fn new(mut random: Random) -> Self {
        Self {
            connections: Connections::new(random.next()),
            listeners: Vec::new_in(NonPaged),
            random,
            stopped: false,
        }
    }

    /// All that is there, which the tables forget.
    pub(super) fn take(&mut self) -> (Connections, Vec<Ref<Listener>>) {
        let listeners = core::mem::replace(&mut self.listeners, Vec::new_in(NonPaged));
        (self.connections.take(), listeners)
    }

    /// Where the listener of an address and port is, or would have to be.
    fn place_of(&self, local: SocketAddr) -> Result<usize, usize> {
        let order = |listener: &Ref<Listener>| -> Ordering {
            let known = listener.local();
            (known.ip(), known.port()).cmp(&(local.ip(), local.port()))
        };
        self.listeners.binary_search_by(order)
    }
}

impl Shared {
    fn find(&self, key: &Key, wanted: impl Fn(&Connection) -> bool) -> Option<Ref<Connection>> {
        self.tables.lock().connections.find(key, wanted)
    }

    /// An id that no connection has.
    pub(in crate::cm) fn fresh_id(&self) -> CommId {
        loop {
            let id = CommId(self.random());
            if id != CommId::NONE && self.find(&Key::Id(id), |other| other.id() == id).is_none() {
                return id;
            }
        }
    }

    pub(in crate::cm) fn add(&self, connection: Ref<Connection>) -> Result<(), CmError> {
        let mut tables = self.tables.lock();
        if tables.stopped {
            return Err(CmError::Stopped);
        }
        Ok(tables.connections.add(connection)?)
    }

    /// Adds what becomes the only live connection between two addresses and ports (CONN-05).
    pub(in crate::cm) fn add_only(
        &self,
        connection: Ref<Connection>,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Result<(), CmError> {
        let mut tables = self.tables.lock();
        if tables.stopped {
            return Err(CmError::Stopped);
        }
        let joins = |other: &Connection| other.joins(local, remote);
        if tables
            .connections
            .find(&Key::Ends(local, remote), joins)
            .is_some()
        {
            return Err(CmError::AlreadyConnected);
        }
        Ok(tables.connections.add(connection)?)
    }

    /// A connection has learnt who its peer is, or goes by another id.
    pub(in crate::cm) fn learn(&self, connection: &Connection) {
        self.tables.lock().connections.learn(connection);
    }

    /// The connection is over, its ids are free.
    pub(in crate::cm) fn forget(&self, connection: &Connection) {
        let gone = self.tables.lock().connections.remove(connection);
        // Outside of the lock: consumers' objects may go with it.
        drop(gone);
    }

    pub(in crate::cm) fn add_listener(&self, listener: Ref<Listener>) -> Result<(), CmError> {
        let mut tables = self.tables.lock();
        if tables.stopped {
            return Err(CmError::Stopped);
        }
        let place = tables.place_of(listener.local());
        // Its endpoint is nobody else's (CONN-07).
        let at = place.err().ok_or(CmError::PortInUse)?;
        tables.listeners.try_reserve(1).map_err(NoMemory::from)?;
        tables.listeners.insert(at, listener);
        Ok(())
    }

    pub(in crate::cm) fn remove_listener(&self, listener: &Listener) {
        let gone = {
            let mut tables = self.tables.lock();
            let at = tables.place_of(listener.local()).ok();
            let ours = |at: &usize| {
                let known = tables.listeners.get(*at);
                known.is_some_and(|known| core::ptr::eq(&raw const **known, listener))
            };
            let at = at.filter(ours);
            at.and_then(|at| take_at(&mut tables.listeners, at))
        };
        drop(gone);
    }

    pub(in crate::cm) fn listener(&self, local: SocketAddr) -> Option<Ref<Listener>> {
        let tables = self.tables.lock();
        let at = tables.place_of(local).ok()?;
        let listener = tables.listeners.get(at)?;
        (!listener.is_paused()).then(|| listener.clone())
    }

    /// The connection that a message belongs to (roce-wire 4.2, 4.8).
    pub(in crate::cm) fn connection_of(&self, datagram: &Datagram) -> Option<Ref<Connection>> {
        let message = &datagram.mad.message;
        let (from, theirs) = (address(datagram.source), message.local_comm_id());
        let its = |connection: &Connection| connection.remote().ip() == from;
        match message {
            Message::Req(req) => {
                let key = Key::Peer(req.local_comm_id, req.local_ca_guid);
                self.find(&key, |connection| {
                    its(connection) && connection.is_request_of(req)
                })
            }
            Message::Rej(rej) if rej.reason == RejectReason::TIMEOUT => {
                let key = Key::Peer(rej.local_comm_id, rej.named_guid());
                self.find(&key, |connection| {
                    its(connection) && connection.is_given_up_by(rej)
                })
            }
            _ => {
                let id = message.remote_comm_id();
                self.find(&Key::Id(id), |connection| {
                    its(connection) && connection.id() == id && connection.may_be_called(theirs)
                })
            }
        }
    }

    /// The connection that a new request makes stale: it is for the same queue pair of the same node, or under the same id.
    pub(in crate::cm) fn stale_connection(&self, req: &Req) -> Option<Ref<Connection>> {
        let (guid, qpn, id) = (req.local_ca_guid, req.local_qpn, req.local_comm_id);
        let of_node = |m: &Machine| m.remote_guid() == guid && m.is_live();
        let queue_pair = self.find(&Key::QueuePair(qpn, guid), |connection| {
            connection.with(|m| of_node(m) && m.remote_qpn() == qpn)
        });
        queue_pair.or_else(|| {
            self.find(&Key::Peer(id, guid), |connection| {
                connection.with(|m| of_node(m) && m.remote() == id)
            })
        })
    }
}
