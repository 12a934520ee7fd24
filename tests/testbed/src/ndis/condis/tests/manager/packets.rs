//! Packets of the tiny call manager.

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

use super::super::{INCOMING, OUTGOING, Wrong, note, pair, wrong};
use super::{Handle, PENDING, expect, managers};

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
}

/// Gives a sent packet back.
pub(in super::super) fn complete_send(list: usize) {
    let list = list as *mut NET_BUFFER_LIST;
    // SAFETY: a packet that was sent.
    unsafe { (*list).Status = if wrong(Wrong::SendPending) { PENDING } else { 0 } };
    // SAFETY: as above.
    unsafe { NdisMCoSendNetBufferListsComplete(managers(OUTGOING), list, 0) };
}

/// Indicates one packet, and says that it is `count` packets of `source`.
pub(in super::super) fn indicate(which: usize, count: u32, source: Handle) {
    // SAFETY: all fields may be zero.
    let list: &'static mut NET_BUFFER_LIST = Box::leak(Box::new(unsafe { std::mem::zeroed() }));
    list.SourceHandle = source;
    indicate_again(which, count, list, 0);
}

/// Indicates a packet that there is.
pub(in super::super) fn indicate_again(which: usize, count: u32, list: *mut NET_BUFFER_LIST, flags: u32) {
    // SAFETY: the packet stays, or it is checked.
    unsafe { NdisMCoIndicateReceiveNetBufferLists(managers(which), list, count, flags) };
}

/// Indicates a packet that the client may have only until its handler returns.
pub(in super::super) fn indicate_for_now(which: usize) {
    // SAFETY: all fields may be zero.
    let mut list: Box<NET_BUFFER_LIST> = Box::new(unsafe { std::mem::zeroed() });
    list.SourceHandle = managers(which);
    indicate_again(which, 1, &raw mut *list, NDIS_RECEIVE_FLAGS_RESOURCES);
}

/// `MiniportReturnNetBufferLists` of the tiny miniport.
pub(in crate::ndis) fn returned() {
    note("returned");
}

/// The handle of the VC for incoming calls.
pub(in super::super) fn incoming() -> Handle {
    managers(INCOMING)
}

/// The handle of the VC that the client made.
pub(in super::super) fn outgoing() -> Handle {
    managers(OUTGOING)
}
