//! Packets of the tiny client.

use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

use super::super::{OUTGOING, Wrong, note, pair, wrong};
use super::{BINDING, Handle, clients, expect};

/// `NdisCoSendNetBufferLists` of one packet.
pub(in super::super) fn send() {
    // SAFETY: all fields may be zero.
    let list: &'static mut NET_BUFFER_LIST = Box::leak(Box::new(unsafe { std::mem::zeroed() }));
    list.SourceHandle = if wrong(Wrong::SendsOtherSource) {
        ptr::null_mut()
    } else {
        clients(OUTGOING)
    };
    send_again(std::ptr::from_mut(list) as usize);
}

/// `NdisCoSendNetBufferLists` of a packet that there is.
pub(in super::super) fn send_again(list: usize) {
    let flags = u32::from(wrong(Wrong::LiesAboutLevel));
    // SAFETY: the packet stays, or it is checked.
    unsafe { NdisCoSendNetBufferLists(clients(OUTGOING), list as *mut NET_BUFFER_LIST, flags) };
}

pub(super) unsafe extern "win64" fn sent(context: Handle, list: *mut NET_BUFFER_LIST, _flags: u32) {
    expect(context, OUTGOING);
    // SAFETY: our packet.
    assert_eq!(unsafe { (*list).Status }, 0);
    note("sent");
}

pub(super) unsafe extern "win64" fn received(
    binding: Handle,
    _vc: Handle,
    list: *mut NET_BUFFER_LIST,
    _: u32,
    flags: u32,
) {
    assert_eq!(binding as usize, BINDING);
    note("received");
    if pair().keeps.get() {
        pair().kept.borrow_mut().push(list as usize);
    } else if flags & NDIS_RECEIVE_FLAGS_RESOURCES == 0 || wrong(Wrong::IgnoresResources) {
        give_back(list as usize);
    }
}

/// `NdisReturnNetBufferLists` of one packet.
pub(in super::super) fn give_back(list: usize) {
    // SAFETY: it is checked.
    unsafe { NdisReturnNetBufferLists(pair().binding.get() as Handle, list as *mut NET_BUFFER_LIST, 0) };
}
