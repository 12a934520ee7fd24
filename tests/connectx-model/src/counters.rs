//! Counter sets of queue pairs (`ALLOC_Q_COUNTER`) and what the model counts for people to see.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Events that counter sets count, with the byte offset of each in `QUERY_Q_COUNTER`'s output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of query_q_counter_out")]
pub enum Counter {
    RxWriteRequests = 0x10,
    RxReadRequests = 0x18,
    RxAtomicRequests = 0x20,
    OutOfBuffer = 0x30,
    OutOfSequence = 0x38,
    DuplicateRequest = 0x40,
    RnrNakRetryErr = 0x48,
    PacketSeqErr = 0x50,
    ImpliedNakSeqErr = 0x58,
    LocalAckTimeoutErr = 0x60,
    ReqRnrRetriesExceeded = 0x70,
    RespLocalLengthError = 0x78,
    ReqLocalLengthError = 0x7c,
    RespLocalQpError = 0x80,
    LocalOperationError = 0x84,
    RespLocalProtection = 0x88,
    ReqLocalProtection = 0x8c,
    RespCqeError = 0x90,
    ReqCqeError = 0x94,
    ReqBadResponse = 0x9c,
    ReqRemoteInvalidRequest = 0xa0,
    RespRemoteInvalidRequest = 0xa4,
    ReqRemoteAccessErrors = 0xa8,
    RespRemoteAccessErrors = 0xac,
    ReqRemoteOperationErrors = 0xb0,
    ReqTransportRetriesExceeded = 0xb4,
    CqOverflow = 0xb8,
    RespCqeFlushError = 0xbc,
    ReqCqeFlushError = 0xc0,
}

type Set = BTreeMap<Counter, u32>;

/// Sums over the life of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Commands answered.
    pub commands: u64,
    /// Send doorbells rung.
    pub doorbells: u64,
    /// Completion queue arms.
    pub arms: u64,
    /// CQEs written.
    pub completions: u64,
    /// EQEs written.
    pub events: u64,
    /// MSI-X messages sent.
    pub interrupts: u64,
}

/// All counter sets. Set 0 is the default one of queue pairs that name none.
#[derive(Default)]
pub(super) struct Counters {
    sets: RefCell<BTreeMap<u8, Set>>,
    totals: RefCell<Set>,
    statistics: Cell<Statistics>,
}

impl Counters {
    /// Number of a new, zeroed set; `None` if there are `limit` already.
    pub(super) fn allocate(&self, limit: u32) -> Option<u8> {
        let mut sets = self.sets.borrow_mut();
        let id = (1..=limit.min(255) as u8).find(|id| !sets.contains_key(id))?;
        sets.insert(id, Set::new());
        Some(id)
    }

    /// Numbers of all sets.
    pub(super) fn ids(&self) -> Vec<u8> {
        self.sets.borrow().keys().copied().collect()
    }

    pub(super) fn contains(&self, id: u8) -> bool {
        self.sets.borrow().contains_key(&id)
    }

    pub(super) fn release(&self, id: u8) -> bool {
        self.sets.borrow_mut().remove(&id).is_some()
    }

    pub(super) fn count(&self, id: u8, counter: Counter) {
        *self.totals.borrow_mut().entry(counter).or_default() += 1;
        if let Some(set) = self.sets.borrow_mut().get_mut(&id) {
            let value = set.entry(counter).or_default();
            *value = value.wrapping_add(1);
        }
    }

    /// Counters of one set as `(offset, value)`.
    pub(super) fn read(&self, id: u8) -> Option<Vec<(usize, u32)>> {
        let sets = self.sets.borrow();
        Some(
            sets.get(&id)?
                .iter()
                .map(|(counter, value)| (*counter as usize, *value))
                .collect(),
        )
    }

    pub(super) fn zero(&self, id: u8) {
        if let Some(set) = self.sets.borrow_mut().get_mut(&id) {
            set.clear();
        }
    }

    pub(super) fn reset(&self) {
        self.sets.borrow_mut().clear();
    }

    /// How often `counter` was counted on this device, over all sets.
    pub(super) fn total(&self, counter: Counter) -> u32 {
        self.totals.borrow().get(&counter).copied().unwrap_or_default()
    }

    pub(super) fn tally(&self, change: impl FnOnce(&mut Statistics)) {
        let mut statistics = self.statistics.get();
        change(&mut statistics);
        self.statistics.set(statistics);
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.statistics.get()
    }
}
