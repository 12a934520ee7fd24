//! The connections of one agent, found by what messages and calls name them by, and woken when their time has come.

use super::{
    Connection,
    index::Index,
    key::{KEYS, Key},
};
use crate::nt::{NoMemory, Ref};

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
