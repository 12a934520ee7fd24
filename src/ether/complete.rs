//! Packets that go back to NDIS, and those that it gets.

use crate::{
    nt::{NdisHandle, packet::Packets},
    sys::{
        condis::{NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES},
        ndis::{self, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL},
    },
};

/// Gives sent packets back. `<= DISPATCH_LEVEL`, no lock held (rule SEND-10); `dispatch` if it is `DISPATCH_LEVEL` for sure (SEND-08).
pub(super) fn complete_sends(ndis: NdisHandle, packets: Packets, dispatch: bool) {
    if packets.is_empty() {
        return;
    }
    let flags = if dispatch {
        NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL
    } else {
        0
    };
    // SAFETY: a live adapter; packets that NDIS lent, once.
    unsafe { ndis::NdisMSendNetBufferListsComplete(ndis.as_raw(), packets.into_raw(), flags) }
}

/// How long NDIS has packets that are indicated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Indication {
    /// Until it gives them back.
    Lent,
    /// As long as the call.
    ForTheCall,
}

/// Indicates received packets. At `DISPATCH_LEVEL`, no lock held (rules RECV-01, RECV-02).
pub(super) fn indicate(ndis: NdisHandle, packets: Packets, how: Indication) {
    let count = packets.len();
    if count == 0 {
        return;
    }
    let flags = match how {
        Indication::Lent => NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
        Indication::ForTheCall => NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL | NDIS_RECEIVE_FLAGS_RESOURCES,
    };
    // SAFETY: a live adapter that runs; complete packets of ours, `count` of them.
    unsafe { ndis::NdisMIndicateReceiveNetBufferLists(ndis.as_raw(), packets.into_raw(), 0, count, flags) }
}
