//! Packets of a client: sent and back, received and returned.

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::condis::{
    NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_RETURN_FLAGS_DISPATCH_LEVEL, NdisCancelSendNetBufferLists,
    NdisCoSendNetBufferLists, NdisReturnNetBufferLists,
};
use cxndk::sys::ndis::NET_BUFFER_LIST;

use super::object::{self, Object, of_context};
use super::packets::{Sent, contents};
use super::{CallClient, CoHandle, protocol};
use crate::sim;

impl CallClient {
    /// `NdisCoSendNetBufferLists`: one packet, with a buffer a message.
    pub fn send(&self, vc: CoHandle, messages: &[Vec<u8>]) {
        let messages = messages.to_vec();
        self.run("NdisCoSendNetBufferLists", move || {
            send(&object::get(vc), &messages, ptr::null_mut());
        });
    }

    /// As [`Self::send`], in the running context, which is one of the host's.
    pub fn send_here(vc: CoHandle, messages: &[Vec<u8>]) {
        send(&object::get(vc), messages, ptr::null_mut());
    }

    /// As [`Self::send`], with an id by which [`Self::cancel`] finds the packet.
    pub fn send_with_id(&self, vc: CoHandle, messages: &[Vec<u8>], id: usize) {
        let messages = messages.to_vec();
        self.run("NdisCoSendNetBufferLists", move || {
            send(&object::get(vc), &messages, id as *mut c_void);
        });
    }

    /// `NdisCancelSendNetBufferLists`.
    pub fn cancel(&self, id: usize) {
        let binding = self.0.binding.get() as usize;
        self.run("NdisCancelSendNetBufferLists", move || {
            // SAFETY: the handle is that of the binding.
            unsafe { NdisCancelSendNetBufferLists(binding as *mut c_void, id as *mut c_void) };
        });
    }

    /// Keeps packets that arrive, until [`Self::return_packets`].
    pub fn keep_packets(&self, vc: CoHandle, keep: bool) {
        object::get(vc).keeps.set(keep);
    }

    /// `NdisReturnNetBufferLists` with everything that was kept.
    pub fn return_packets(&self, vc: CoHandle) {
        self.run("NdisReturnNetBufferLists", move || give_back(&object::get(vc)));
    }
}

fn send(vc: &Object, messages: &[Vec<u8>], id: *mut c_void) {
    let sent = Sent::new(&vc.client.pools, messages, vc.handle.get(), id);
    let list = sent.list();
    vc.sending.borrow_mut().insert(list as usize, sent);
    // SAFETY: the handle is the VC's; the packet stays until it is completed.
    unsafe { NdisCoSendNetBufferLists(vc.handle.get(), list, 0) };
}

/// Gives the packets that the client has back to the miniport.
fn give_back(vc: &Object) {
    let mut first = ptr::null_mut::<NET_BUFFER_LIST>();
    for list in vc.held.take().into_iter().rev() {
        let list = list as *mut NET_BUFFER_LIST;
        // SAFETY: the packet is lent to the client.
        unsafe { (*list).Next = first };
        first = list;
    }
    if first.is_null() {
        return;
    }
    let at_dispatch = sim::irql() == sim::DISPATCH_LEVEL;
    let flags = if at_dispatch {
        NDIS_RETURN_FLAGS_DISPATCH_LEVEL
    } else {
        0
    };
    // SAFETY: the handle is that of the binding; the packets are those that it was lent.
    unsafe { NdisReturnNetBufferLists(vc.client.binding.get(), first, flags) };
}

/// `ProtocolCoReceiveNetBufferLists`.
pub(super) unsafe extern "win64" fn received(
    binding: *mut c_void,
    context: *mut c_void,
    chain: *mut NET_BUFFER_LIST,
    count: u32,
    flags: u32,
) {
    let vc = of_context(context);
    assert_eq!(
        protocol::of_context(binding).binding.get(),
        vc.client.binding.get(),
        "the VC is one of the binding"
    );
    let (mut at, mut lists) = (chain, Vec::new());
    while !at.is_null() {
        // SAFETY: a packet of the miniport's, complete.
        let data = unsafe { contents(at) };
        vc.received.borrow_mut().push(data);
        lists.push(at as usize);
        // SAFETY: as above.
        at = unsafe { (*at).Next };
    }
    assert_eq!(lists.len(), count as usize, "the count is that of the chain");
    if flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0 {
        return;
    }
    vc.held.borrow_mut().extend(lists);
    if !vc.keeps.get() {
        give_back(&vc);
    }
}

/// `ProtocolCoSendNetBufferListsComplete`.
pub(super) unsafe extern "win64" fn sent(context: *mut c_void, chain: *mut NET_BUFFER_LIST, _flags: u32) {
    let vc = of_context(context);
    let mut at = chain;
    while !at.is_null() {
        // SAFETY: a packet of the client's.
        let packet = unsafe { &*at };
        let (status, next) = (packet.Status, packet.Next);
        let sent = vc.sending.borrow_mut().remove(&(at as usize));
        sent.expect("the packet is one that the VC has sent").free();
        vc.sent.borrow_mut().push(status);
        at = next;
    }
}
