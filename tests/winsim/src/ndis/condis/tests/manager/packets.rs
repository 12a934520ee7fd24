//! Packets of the tiny call manager.

use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

use super::super::client::{new_list, new_pool};
use super::super::{INCOMING, OUTGOING, Wrong, adapter, note, pair, wrong};
use super::{Handle, PENDING, expect, managers};
use crate::ndis::State;

/// The call manager's pool.
pub(super) fn allocate_pool(adapter: Handle) {
    pair().pools[2].set(new_pool(adapter) as usize);
}

/// Gives the pool back.
pub(super) fn free_pool() {
    let pool = pair().pools[2].replace(0);
    if pool != 0 {
        // SAFETY: the call manager's pool.
        unsafe { NdisFreeNetBufferListPool(pool as Handle) };
    }
}

pub(super) unsafe extern "win64" fn send(context: Handle, list: *mut NET_BUFFER_LIST, _flags: u32) {
    expect(context, OUTGOING);
    if pair().queues.get() {
        pair().queued.borrow_mut().push(list as usize);
        return;
    }
    complete_send(list as usize);
    if wrong(Wrong::SendTwice) {
        complete_send(list as usize);
    }
    if wrong(Wrong::TouchesSent) {
        // SAFETY: none: it is the client's again, which has freed it.
        let length = unsafe { ptr::read_volatile(&raw const (*(*list).FirstNetBuffer).stDataLength) };
        assert_eq!(length, 0);
    }
}

/// Gives a sent packet back.
pub(in super::super) fn complete_send(list: usize) {
    let list = list as *mut NET_BUFFER_LIST;
    let status = if wrong(Wrong::SendPending) {
        PENDING
    } else if adapter().state() == State::Paused && !wrong(Wrong::IgnoresPause) {
        NDIS_STATUS_PAUSED
    } else {
        0
    };
    // SAFETY: a packet that was sent.
    unsafe { (*list).Status = status };
    // SAFETY: as above.
    unsafe { NdisMCoSendNetBufferListsComplete(managers(OUTGOING), list, 0) };
}

/// Indicates one packet, and says that it is `count` packets of `source`.
pub(in super::super) fn indicate(which: usize, count: u32, source: Handle) {
    let list = if wrong(Wrong::IndicatesOwnMemory) {
        // SAFETY: all fields may be zero.
        Box::leak(Box::new(unsafe { std::mem::zeroed() }))
    } else {
        new_list(pair().pools[2].get())
    };
    // SAFETY: a packet of ours.
    unsafe { (*list).SourceHandle = source };
    indicate_again(which, count, list, 0);
}

/// Indicates a packet that there is.
pub(in super::super) fn indicate_again(which: usize, count: u32, list: *mut NET_BUFFER_LIST, flags: u32) {
    // SAFETY: the packet stays, or it is checked.
    unsafe { NdisMCoIndicateReceiveNetBufferLists(managers(which), list, count, flags) };
}

/// Indicates a packet that the client may have only until its handler returns.
pub(in super::super) fn indicate_for_now(which: usize) {
    let list = new_list(pair().pools[2].get());
    // SAFETY: a packet of ours.
    unsafe { (*list).SourceHandle = managers(which) };
    indicate_again(which, 1, list, NDIS_RECEIVE_FLAGS_RESOURCES);
    // SAFETY: it is ours again.
    unsafe { NdisFreeNetBufferList(list) };
}

/// `MiniportReturnNetBufferLists` of the tiny miniport.
pub(in crate::ndis) fn returned(lists: *mut NET_BUFFER_LIST) {
    let mut list = lists;
    while !list.is_null() {
        note("returned");
        // SAFETY: a packet of ours that is back.
        let next = unsafe { (*list).Next };
        // SAFETY: as above.
        unsafe { NdisFreeNetBufferList(list) };
        list = next;
    }
}

/// The handle of the VC for incoming calls.
pub(in super::super) fn incoming() -> Handle {
    managers(INCOMING)
}

/// The handle of the VC that the client made.
pub(in super::super) fn outgoing() -> Handle {
    managers(OUTGOING)
}
