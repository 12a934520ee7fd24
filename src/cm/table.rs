//! The connections of one agent, found by what messages and calls name them by, and woken when their time has come.

use core::net::{IpAddr, SocketAddr};

use super::{
    Connection,
    index::Index,
    mad::{CommId, Qpn},
};
use crate::nt::{NoMemory, Ref};

/// Ways to find a connection.
pub(super) const KEYS: usize = 4;

/// What names a connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// This side's id.
    Id(CommId),
    /// The peer's id, and its node.
    Peer(CommId, u64),
    /// The peer's queue pair, and its node.
    QueuePair(Qpn, u64),
    /// Both addresses and ports.
    Ends(SocketAddr, SocketAddr),
}

impl Key {
    const fn kind(&self) -> usize {
        match self {
            Self::Id(_) => 0,
            Self::Peer(..) => 1,
            Self::QueuePair(..) => 2,
            Self::Ends(..) => 3,
        }
    }

    /// Depends on `secret`, so that no peer can choose what falls into one chain.
    fn hash(&self, secret: u64) -> u32 {
        let mix = |sum: u64, word: u64| {
            let mut sum = (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            sum = (sum ^ sum >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
            sum ^ sum >> 32
        };
        let at = |sum, address: &SocketAddr| {
            let ip = match address.ip() {
                IpAddr::V4(v4) => u128::from(u32::from(v4)),
                IpAddr::V6(v6) => u128::from(v6),
            };
            mix(
                mix(mix(sum, ip as u64), (ip >> 64) as u64),
                u64::from(address.port()),
            )
        };
        let sum = match self {
            Self::Id(id) => mix(secret, u64::from(id.0)),
            Self::Peer(id, guid) => mix(mix(secret, *guid), u64::from(id.0)),
            Self::QueuePair(qpn, guid) => mix(mix(secret, *guid), u64::from(qpn.get())),
            Self::Ends(local, remote) => at(at(secret, local), remote),
        };
        sum as u32
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connections {
    secret: u64,
    index: Index<Ref<Connection>, KEYS>,
}

impl Connections {
    /// An empty table. `secret` decides where connections are.
    pub(super) const fn new(secret: u64) -> Self {
        Self {
            secret,
            index: Index::new(),
        }
    }

    /// Adds a connection under the keys that are known of it.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn add(&mut self, connection: Ref<Connection>) -> Result<(), NoMemory> {
        let hashes = self.hashes(&connection);
        self.index.add(connection, hashes).map(|_| ())
    }

    /// Takes a connection away.
    pub(super) fn remove(&mut self, connection: &Connection) -> Option<Ref<Connection>> {
        let at = self.place_of(connection)?;
        self.index.remove(at)
    }

    /// A connection has learnt who its peer is, or goes by another id: files it anew.
    pub(super) fn learn(&mut self, connection: &Connection) {
        if let Some(at) = self.place_of(connection) {
            let hashes = self.hashes(connection);
            self.index.refile(at, hashes);
        }
    }

    /// Notes when the connection waits for something next, in milliseconds: what it says now. Of two who note it the later one has seen the later deadline, since
    /// it is read here.
    pub(super) fn schedule(&mut self, connection: &Connection) {
        if let Some(at) = self.place_of(connection) {
            self.index.set_deadline(at, connection.deadline());
        }
    }

    /// How many wait for something.
    pub(super) const fn waiting(&self) -> u32 {
        self.index.waiting()
    }

    /// The earliest deadline of all.
    pub(super) fn earliest(&self) -> Option<u64> {
        self.index.earliest()
    }

    /// A connection whose time has come; it waits for nothing until it is scheduled again.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<Ref<Connection>> {
        let at = self.index.pop_due(now)?;
        self.index.get(at).cloned()
    }

    /// A connection under `key` that is `wanted`.
    pub(super) fn find(&self, key: &Key, wanted: impl Fn(&Connection) -> bool) -> Option<Ref<Connection>> {
        let at = self.position(key, wanted)?;
        self.index.get(at).cloned()
    }

    /// The connection with this number.
    pub(super) fn get(&self, at: u32) -> Option<Ref<Connection>> {
        self.index.get(at).cloned()
    }

    /// Numbers of connections are below this.
    pub(super) const fn limit(&self) -> u32 {
        self.index.limit()
    }

    /// All connections, which the table forgets.
    pub(super) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::new(self.secret))
    }

    fn hashes(&self, connection: &Connection) -> [Option<u32>; KEYS] {
        connection.keys().map(|key| key.map(|key| key.hash(self.secret)))
    }

    /// The number of a connection, by the one key that stays.
    fn place_of(&self, connection: &Connection) -> Option<u32> {
        let ends = Key::Ends(connection.local(), connection.remote());
        self.position(&ends, |known| core::ptr::eq(known, connection))
    }

    fn position(&self, key: &Key, wanted: impl Fn(&Connection) -> bool) -> Option<u32> {
        self.index
            .find(key.kind(), key.hash(self.secret), |connection| wanted(connection))
    }
}
