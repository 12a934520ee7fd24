//! Which frames somebody wants: a packet filter and a list of multicast addresses.

use std::cell::{Cell, RefCell};

use super::flow::{MULTICAST_LIST, PACKET_FILTER};
use crate::sim;

/// `NDIS_PACKET_TYPE_DIRECTED`.
const DIRECTED: u32 = 0x1;
/// `NDIS_PACKET_TYPE_MULTICAST`.
const MULTICAST: u32 = 0x2;
/// `NDIS_PACKET_TYPE_ALL_MULTICAST`.
const ALL_MULTICAST: u32 = 0x4;
/// `NDIS_PACKET_TYPE_BROADCAST`.
const BROADCAST: u32 = 0x8;
/// `NDIS_PACKET_TYPE_PROMISCUOUS`.
const PROMISCUOUS: u32 = 0x20;

fn filter_of(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

/// What was set last.
#[derive(Default)]
pub(super) struct Wants {
    filter: Cell<u32>,
    list: RefCell<Vec<[u8; 6]>>,
    /// When it changed last, if it was ever set.
    changed: Cell<Option<u64>>,
    /// A filter that is being set.
    coming: Cell<u32>,
}

impl Wants {
    /// Whether a filter lets anything through.
    pub(super) fn any(&self) -> bool {
        self.filter.get() != 0
    }

    /// The packet filter.
    pub(super) fn filter(&self) -> u32 {
        self.filter.get()
    }

    /// The multicast addresses.
    pub(super) fn list(&self) -> Vec<[u8; 6]> {
        self.list.borrow().clone()
    }

    /// Nothing any more, as if nothing had ever been set.
    pub(super) fn clear(&self) {
        self.filter.set(0);
        self.list.borrow_mut().clear();
        self.changed.set(None);
        self.coming.set(0);
    }

    /// An OID is about to be set: frames may come before its setter hears that it is.
    pub(super) fn expect(&self, oid: u32, bytes: &[u8]) {
        if oid == PACKET_FILTER {
            self.coming.set(filter_of(bytes));
        }
        if [PACKET_FILTER, MULTICAST_LIST].contains(&oid) {
            self.changed.set(self.changed.get().map(|_| sim::now()));
        }
    }

    /// Whether frames may come: a filter lets some through, or did so within the time that a change may take, in nanoseconds.
    pub(super) fn may_indicate(&self, change: u64) -> bool {
        self.any() || self.coming.get() != 0 || self.is_changing(change)
    }

    /// Whether a frame may come: it passes, or the filter or the list changes.
    pub(super) fn may_pass(&self, frame: &[u8], mac: [u8; 6], change: u64) -> bool {
        self.takes(frame, mac) || self.coming.get() != 0 || self.is_changing(change)
    }

    fn is_changing(&self, change: u64) -> bool {
        let most = change + sim::longest_standstill();
        self.changed.get().is_some_and(|time| sim::now() <= time + most)
    }

    /// An OID was set: if it is the filter or the list, this is what is wanted from now on.
    pub(super) fn follow(&self, oid: u32, bytes: &[u8]) {
        match oid {
            PACKET_FILTER => self.filter.set(filter_of(bytes)),
            MULTICAST_LIST => *self.list.borrow_mut() = bytes.as_chunks().0.to_vec(),
            _ => return,
        }
        self.coming.set(0);
        self.changed.set(Some(sim::now()));
    }

    /// Whether a frame passes, on an adapter with this address.
    pub(super) fn takes(&self, frame: &[u8], mac: [u8; 6]) -> bool {
        let Some(to) = frame.first_chunk::<6>() else {
            return false;
        };
        let filter = self.filter.get();
        let set = |bits: u32| filter & bits != 0;
        let class = if *to == [0xff; 6] {
            set(BROADCAST)
        } else if to[0] & 1 != 0 {
            set(ALL_MULTICAST) || set(MULTICAST) && self.list.borrow().contains(to)
        } else {
            set(DIRECTED) && *to == mac
        };
        class || set(PROMISCUOUS)
    }
}
