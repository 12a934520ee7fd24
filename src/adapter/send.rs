//! Sends and returned packets: to the Ethernet path, and to calls.

use super::Adapter;
use crate::{
    co::Manager,
    ether::{Ether, receive::is_ether},
    nt::{Status, packet::Packets},
    sys::ndis::{NDIS_SEND_FLAGS_DISPATCH_LEVEL, NET_BUFFER_LIST},
};

impl Adapter {
    /// Sends a chain, or completes it with the reason why not (rules SEND-01, SEND-03, PAUSE-03, PNP-01). `<= DISPATCH_LEVEL`.
    ///
    /// # Safety
    /// `chain` was given to this adapter by NDIS and is not completed.
    pub(super) unsafe fn send(&self, chain: *mut NET_BUFFER_LIST, flags: u32) {
        let dispatch = flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL != 0;
        // SAFETY: the adapter owns the chain until it completes it.
        let packets = unsafe { Packets::from_raw(chain) };
        match self.ether.get() {
            Some(ether) => ether.send(packets, dispatch),
            // NDIS sends nothing before the adapter is there.
            None => Ether::refuse(self.ndis, packets, Status::NDIS_NOT_ACCEPTED, dispatch),
        }
    }

    /// Takes received packets back, those of frames and those of calls, mixed as NDIS likes (rule RECV-03). `<= DISPATCH_LEVEL`.
    ///
    /// # Safety
    /// `chain` leads to packets that this driver indicated, each given back once.
    pub(super) unsafe fn give_back(&self, chain: *mut NET_BUFFER_LIST) {
        // SAFETY: the caller's promise.
        let mut packets = unsafe { Packets::from_raw(chain) };
        let frames = packets.take_if(is_ether);
        if let Some(ether) = self.ether.get().filter(|_| !frames.is_empty()) {
            ether.give_back(frames);
        }
        if !packets.is_empty() {
            // SAFETY: all that are not frames are of calls.
            unsafe { Manager::give_back(packets.into_raw()) }
        }
    }
}
