//! Received packets that are with NDIS, and the pause that waits for them.

use crate::nt::{
    NdisHandle,
    sync::{AtomicBool, AtomicU32, Ordering::SeqCst},
};
use crate::sys::ndis;

/// How many received packets are with NDIS.
#[derive(Debug)]
pub struct Lent {
    ndis: NdisHandle,
    count: AtomicU32,
    /// A pause waits for the last one.
    pausing: AtomicBool,
}

impl Lent {
    /// None.
    pub const fn new(ndis: NdisHandle) -> Self {
        Self {
            ndis,
            count: AtomicU32::new(0),
            pausing: AtomicBool::new(false),
        }
    }

    /// So many are about to go to NDIS.
    pub fn lend(&self, count: u32) {
        self.count.fetch_add(count, SeqCst);
    }

    /// So many came back; the last one completes a pause that waits for it (rule PAUSE-02). `<= DISPATCH_LEVEL`, no lock held.
    pub fn back(&self, count: u32) {
        if self.count.fetch_sub(count, SeqCst) == count && self.pausing.swap(false, SeqCst) {
            // SAFETY: the adapter's pause is pending, and this is its only completion.
            unsafe { ndis::NdisMPauseComplete(self.ndis.as_raw()) }
        }
    }

    /// None is lent any more from now on. Whether all are back; else the pause pends, and is completed when they are.
    pub fn pause(&self) -> bool {
        self.pausing.store(true, SeqCst);
        self.count.load(SeqCst) == 0 && self.pausing.swap(false, SeqCst)
    }

    /// Whether all are back.
    pub fn is_empty(&self) -> bool {
        self.count.load(SeqCst) == 0
    }
}
