//! `NET_BUFFER_LIST`s: without an Ethernet data path every send fails, at once and in the open.

use super::Adapter;
use crate::{
    nt::{
        Status,
        sync::{AtomicU64, Ordering},
    },
    sys::ndis::{
        self, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL, NDIS_SEND_FLAGS_DISPATCH_LEVEL, NET_BUFFER,
        NET_BUFFER_LIST,
    },
};

/// Packets that were given to the adapter and not sent.
#[derive(Debug, Default)]
pub(super) struct Discards {
    transmit: AtomicU64,
}

impl Discards {
    /// How many.
    pub(super) fn transmit(&self) -> u64 {
        self.transmit.load(Ordering::Relaxed)
    }
}

/// How many packets a list has: statistics count these, not lists.
///
/// # Safety
/// `first` is NULL or the first of a list's packets, which the caller owns.
unsafe fn count(first: *mut NET_BUFFER) -> u64 {
    let (mut packets, mut next) = (0, first);
    // SAFETY: the caller's promise.
    while let Some(packet) = unsafe { next.as_ref() } {
        packets += 1;
        next = packet.Next;
    }
    packets
}

impl Adapter {
    /// Completes a chain of sends (rules SEND-01, SEND-03, PAUSE-03, PNP-01). `<= DISPATCH_LEVEL`.
    ///
    /// # Safety
    /// `chain` was given to this adapter by NDIS and is not completed.
    pub(super) unsafe fn send(&self, chain: *mut NET_BUFFER_LIST, flags: u32) {
        let status = if self.is_removed() {
            Status::NDIS_NOT_ACCEPTED
        } else if self.running.load(Ordering::Acquire) {
            Status::UNSUCCESSFUL
        } else {
            Status::NDIS_PAUSED
        };
        let mut next = chain;
        // SAFETY: the adapter owns the chain until it completes it.
        while let Some(list) = unsafe { next.as_mut() } {
            list.Status = status.0;
            // SAFETY: as above; the list's packets are chained from its first.
            let packets = unsafe { count(list.FirstNetBuffer) };
            self.discards.transmit.fetch_add(packets, Ordering::Relaxed);
            next = list.Next;
        }
        let dispatch = flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL != 0;
        let flags = if dispatch {
            NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL
        } else {
            0
        };
        // SAFETY: the chain that NDIS gave, whole, once.
        unsafe { ndis::NdisMSendNetBufferListsComplete(self.ndis.as_raw(), chain, flags) }
    }
}
