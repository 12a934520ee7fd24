//! Who is there: the connections of an agent, found by what messages and calls name them by, and woken when their time has come.
//!
//! Each connection has one deadline at most, and one timer serves all.

use core::net::SocketAddr;

use super::{
    Connection,
    clock::now_ms,
    error::CmError,
    gsi::Datagram,
    key::Key,
    machine::Machine,
    mad::{CommId, Message, RejectReason, Req},
    resolve::address,
    table::Connections,
};
use crate::nt::{NdisHandle, NoMemory, Passive, Ref, SpinLock, Timer};

/// See the module.
#[derive(Debug)]
pub(super) struct Registry {
    tables: SpinLock<Tables>,
    timer: Timer<Self>,
}

#[derive(Debug)]
struct Tables {
    connections: Connections,
    /// When the timer is due, in milliseconds.
    due: Option<u64>,
    stopped: bool,
}

impl Registry {
    /// An empty one. `secret` decides where connections are.
    pub(super) fn try_new(ndis: NdisHandle, secret: u64) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            tables: SpinLock::new(Tables {
                connections: Connections::new(secret),
                due: None,
                stopped: false,
            }),
            timer: Timer::try_new(ndis, Self::expired)?,
        })
    }

    /// Nobody comes any more, and the timer is not armed again. Who is there stays.
    pub(super) fn stop(&self) {
        self.tables.lock().stopped = true;
    }

    /// After [`Self::stop`]: forgets all connections, which are over.
    pub(super) fn clear(&self, passive: Passive<'_>) {
        self.timer.drain(passive);
        let connections = self.tables.lock().connections.take();
        (0..connections.limit())
            .filter_map(|at| connections.get(at))
            .for_each(|connection| connection.kill());
    }

    /// Visits every connection without the lock.
    pub(super) fn each(&self, mut visit: impl FnMut(&Ref<Connection>)) {
        let limit = self.tables.lock().connections.limit();
        for at in 0..limit {
            let connection = self.tables.lock().connections.get(at);
            if let Some(connection) = connection {
                visit(&connection);
            }
        }
    }

    fn find(&self, key: &Key, wanted: impl Fn(&Connection) -> bool) -> Option<Ref<Connection>> {
        self.tables.lock().connections.find(key, wanted)
    }

    /// Whether a connection goes by this id.
    pub(super) fn has(&self, id: CommId) -> bool {
        self.find(&Key::Id(id), |other| other.id() == id).is_some()
    }

    pub(super) fn add(&self, connection: Ref<Connection>) -> Result<(), CmError> {
        let mut tables = self.tables.lock();
        if tables.stopped {
            return Err(CmError::Stopped);
        }
        Ok(tables.connections.add(connection)?)
    }

    /// Adds what becomes the only live connection between two addresses and ports (CONN-05).
    pub(super) fn add_only(
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
    pub(super) fn learn(&self, connection: &Connection) {
        self.tables.lock().connections.learn(connection);
    }

    /// The connection is over, its ids are free.
    pub(super) fn forget(&self, connection: &Connection) {
        let gone = self.tables.lock().connections.remove(connection);
        // Outside of the lock: consumers' objects may go with it.
        drop(gone);
    }

    /// The connection that a message belongs to (roce-wire 4.2, 4.8).
    pub(super) fn connection_of(&self, datagram: &Datagram) -> Option<Ref<Connection>> {
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
    pub(super) fn stale_connection(&self, req: &Req) -> Option<Ref<Connection>> {
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

    /// Notes when a connection waits for something next, and has the timer come then.
    pub(super) fn schedule(this: &Ref<Self>, connection: &Connection) {
        let mut tables = this.tables.lock();
        tables.connections.schedule(connection);
        Self::wake(this, &mut tables);
    }

    /// Has the timer come at the earliest deadline, unless it comes earlier. The lock is held meanwhile: what has seen no mark of the stop has armed
    /// the timer before it is drained.
    fn wake(this: &Ref<Self>, tables: &mut Tables) {
        let Some(earliest) = tables.connections.earliest() else {
            return;
        };
        if tables.stopped || tables.due.is_some_and(|due| due <= earliest) {
            return;
        }
        tables.due = Some(earliest);
        let after = earliest.saturating_sub(now_ms()).clamp(1, u64::from(u32::MAX));
        this.timer.arm(after as u32, this.clone());
    }

    /// Wakes those whose time has come; those that it makes wait again have a time to come.
    fn expired(this: &Ref<Self>) {
        let now = now_ms();
        let waiting = {
            let mut tables = this.tables.lock();
            tables.due = None;
            tables.connections.waiting()
        };
        // Each once: one that is to come again at once comes with the next tick.
        for _ in 0..waiting {
            let Some(connection) = this.due_connection(now) else {
                break;
            };
            connection.expire(now);
        }
        Self::wake(this, &mut this.tables.lock());
    }

    fn due_connection(&self, now: u64) -> Option<Ref<Connection>> {
        self.tables.lock().connections.pop_due(now)
    }
}
