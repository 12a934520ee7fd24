//! The connections of one agent, found by what messages and calls name them by: a hash table with several keys.

use core::net::{IpAddr, SocketAddr};

use super::{
    Connection,
    mad::{CommId, Qpn},
};
use crate::nt::{
    NoMemory, NonPaged, Ref, Vec,
    pool::{try_push, try_vec},
};

/// Ways to find a connection.
const KEYS: usize = 4;
/// No slot.
const NONE: u32 = u32::MAX;
/// Chains of the smallest table.
const SMALLEST: usize = 16;

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

#[derive(Debug)]
struct Slot {
    connection: Option<Ref<Connection>>,
    hashes: [u32; KEYS],
    next: [u32; KEYS],
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connections {
    secret: u64,
    slots: Vec<Slot>,
    /// First slot of each chain, for each kind of key; as many chains as a power of two.
    heads: Vec<[u32; KEYS]>,
    /// Slots that are empty, chained by their first `next`.
    free: u32,
}

impl Connections {
    /// An empty table. `secret` decides where connections are.
    pub(super) const fn new(secret: u64) -> Self {
        Self {
            secret,
            slots: Vec::new_in(NonPaged),
            heads: Vec::new_in(NonPaged),
            free: NONE,
        }
    }

    /// Adds a connection under all of its keys.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn add(&mut self, connection: Ref<Connection>) -> Result<(), NoMemory> {
        if self.free == NONE {
            self.grow()?;
        }
        let at = self.free;
        let hashes = connection.keys().map(|key| key.hash(self.secret));
        let Some(slot) = self.slots.get_mut(at as usize) else {
            return Err(NoMemory);
        };
        self.free = slot.next.first().copied().unwrap_or(NONE);
        slot.connection = Some(connection);
        slot.hashes = hashes;
        (0..KEYS).for_each(|kind| self.link(at, kind));
        Ok(())
    }

    /// Takes a connection away.
    pub(super) fn remove(&mut self, connection: &Connection) -> Option<Ref<Connection>> {
        let at = self.place_of(connection)?;
        (0..KEYS).for_each(|kind| self.unlink(at, kind));
        let free = self.free;
        let slot = self.slots.get_mut(at as usize)?;
        slot.next = [free; KEYS];
        self.free = at;
        slot.connection.take()
    }

    /// A connection has learnt who its peer is, or goes by another id: files it anew.
    pub(super) fn learn(&mut self, connection: &Connection) {
        let secret = self.secret;
        let Some(at) = self.place_of(connection) else {
            return;
        };
        (0..KEYS).for_each(|kind| self.unlink(at, kind));
        if let Some(slot) = self.slots.get_mut(at as usize)
            && let Some(connection) = &slot.connection
        {
            slot.hashes = connection.keys().map(|key| key.hash(secret));
        }
        (0..KEYS).for_each(|kind| self.link(at, kind));
    }

    /// A connection under `key` that is `wanted`.
    pub(super) fn find(&self, key: &Key, wanted: impl Fn(&Connection) -> bool) -> Option<Ref<Connection>> {
        let at = self.position(key, wanted)?;
        self.get(at as usize)
    }

    /// The connection in a slot.
    pub(super) fn get(&self, slot: usize) -> Option<Ref<Connection>> {
        self.slots.get(slot)?.connection.clone()
    }

    /// How many slots there are, whether they are in use or not.
    pub(super) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// All connections, which the table forgets.
    pub(super) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::new(self.secret))
    }

    /// The slot of a connection, by the one key that stays.
    fn place_of(&self, connection: &Connection) -> Option<u32> {
        let ends = Key::Ends(connection.local(), connection.remote());
        self.position(&ends, |known| core::ptr::eq(known, connection))
    }

    fn position(&self, key: &Key, wanted: impl Fn(&Connection) -> bool) -> Option<u32> {
        let (kind, hash) = (key.kind(), key.hash(self.secret));
        let mut at = self.head(hash, kind);
        while let Some(slot) = self.slots.get(at as usize) {
            let same = slot.hashes.get(kind) == Some(&hash);
            if same && slot.connection.as_ref().is_some_and(|found| wanted(found)) {
                return Some(at);
            }
            at = slot.next.get(kind).copied().unwrap_or(NONE);
        }
        None
    }

    fn head(&self, hash: u32, kind: usize) -> u32 {
        let chain = hash as usize & self.heads.len().wrapping_sub(1);
        let heads = self.heads.get(chain);
        heads.and_then(|heads| heads.get(kind)).copied().unwrap_or(NONE)
    }

    fn set_head(&mut self, hash: u32, kind: usize, at: u32) {
        let chain = hash as usize & self.heads.len().wrapping_sub(1);
        if let Some(head) = self.heads.get_mut(chain).and_then(|heads| heads.get_mut(kind)) {
            *head = at;
        }
    }

    fn hash_of(&self, at: u32, kind: usize) -> u32 {
        let slot = self.slots.get(at as usize);
        slot.and_then(|slot| slot.hashes.get(kind)).copied().unwrap_or(0)
    }

    fn next_of(&self, at: u32, kind: usize) -> u32 {
        let slot = self.slots.get(at as usize);
        slot.and_then(|slot| slot.next.get(kind)).copied().unwrap_or(NONE)
    }

    fn set_next(&mut self, at: u32, kind: usize, next: u32) {
        let slot = self.slots.get_mut(at as usize);
        if let Some(place) = slot.and_then(|slot| slot.next.get_mut(kind)) {
            *place = next;
        }
    }

    fn link(&mut self, at: u32, kind: usize) {
        let hash = self.hash_of(at, kind);
        let next = self.head(hash, kind);
        self.set_next(at, kind, next);
        self.set_head(hash, kind, at);
    }

    fn unlink(&mut self, at: u32, kind: usize) {
        let (hash, next) = (self.hash_of(at, kind), self.next_of(at, kind));
        let mut before = self.head(hash, kind);
        if before == at {
            self.set_head(hash, kind, next);
            return;
        }
        while before != NONE && self.next_of(before, kind) != at {
            before = self.next_of(before, kind);
        }
        self.set_next(before, kind, next);
    }

    /// Makes one more slot, and more chains when there are as many connections as chains.
    fn grow(&mut self) -> Result<(), NoMemory> {
        let count = self.slots.len();
        let chains = (count + 1).next_power_of_two().max(SMALLEST);
        let more = (chains > self.heads.len())
            .then(|| try_vec(chains, |_| [NONE; KEYS]))
            .transpose()?;
        let slot = Slot {
            connection: None,
            hashes: [0; KEYS],
            next: [NONE; KEYS],
        };
        try_push(&mut self.slots, slot)?;
        if let Some(heads) = more {
            // No slot is free: all that were there are in chains.
            self.heads = heads;
            for at in 0..count as u32 {
                (0..KEYS).for_each(|kind| self.link(at, kind));
            }
        }
        self.free = count as u32;
        Ok(())
    }
}
