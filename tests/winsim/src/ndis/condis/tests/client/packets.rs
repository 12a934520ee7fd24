//! Packets of the tiny client.

use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

use super::super::{OUTGOING, Wrong, note, pair, wrong};
use super::{BINDING, Handle, clients, expect, header};

/// Tag of the pools.
const TAG: u32 = 0x796e_6954;

/// The pools of lists and of buffers.
pub(super) fn allocate_pools(protocol: Handle) {
    pair().pools[0].set(new_pool(protocol) as usize);
    let mut parameters = NET_BUFFER_POOL_PARAMETERS {
        Header: header(NDIS_OBJECT_TYPE_DEFAULT, 1, 12),
        PoolTag: TAG,
        DataSize: 0,
    };
    // SAFETY: the parameters are complete.
    let buffers = unsafe { NdisAllocateNetBufferPool(protocol, &raw mut parameters) };
    pair().pools[1].set(buffers as usize);
}

/// Gives the pools back.
pub(super) fn free_pools() {
    // SAFETY: the client's pools.
    unsafe { NdisFreeNetBufferListPool(pair().pools[0].get() as Handle) };
    // SAFETY: as above.
    unsafe { NdisFreeNetBufferPool(pair().pools[1].get() as Handle) };
}

/// A pool of lists with a buffer each.
pub(in super::super) fn new_pool(owner: Handle) -> Handle {
    let mut parameters = NET_BUFFER_LIST_POOL_PARAMETERS {
        Header: header(NDIS_OBJECT_TYPE_DEFAULT, 1, 16),
        ProtocolId: 0,
        fAllocateNetBuffer: 1,
        ContextSize: 0,
        PoolTag: TAG,
        DataSize: 0,
    };
    // SAFETY: the parameters are complete.
    unsafe { NdisAllocateNetBufferListPool(owner, &raw mut parameters) }
}

/// A packet of a pool, with nothing in it.
pub(in super::super) fn new_list(pool: usize) -> *mut NET_BUFFER_LIST {
    // SAFETY: a pool of lists with buffers.
    unsafe { NdisAllocateNetBufferAndNetBufferList(pool as Handle, 0, 0, ptr::null_mut(), 0, 0) }
}

/// `NdisCoSendNetBufferLists` of one packet.
pub(in super::super) fn send() {
    let list = if wrong(Wrong::SendsOwnMemory) {
        // SAFETY: all fields may be zero.
        Box::leak(Box::new(unsafe { std::mem::zeroed() }))
    } else {
        new_list(pair().pools[0].get())
    };
    // SAFETY: a packet of ours.
    unsafe {
        (*list).SourceHandle = if wrong(Wrong::SendsOtherSource) {
            ptr::null_mut()
        } else {
            clients(OUTGOING)
        };
    }
    send_again(list as usize);
}

/// Sends a packet with a second buffer and memory, and frees a part of it before it is back.
pub(in super::super) fn send_and_free() {
    let memory = Box::leak(Box::new([0_u8; 8]));
    let (protocol, pools) = (
        pair().protocol.get() as Handle,
        [0, 1].map(|at| pair().pools[at].get()),
    );
    // SAFETY: the memory stays.
    let mdl = unsafe { NdisAllocateMdl(protocol, memory.as_mut_ptr().cast(), 8) };
    // SAFETY: a pool of buffers, an MDL of eight bytes.
    let buffer = unsafe { NdisAllocateNetBuffer(pools[1] as Handle, mdl, 0, 8) };
    let list = new_list(pools[0]);
    // SAFETY: a packet of ours.
    unsafe { (*(*list).FirstNetBuffer).Next = buffer };
    // SAFETY: as above.
    unsafe { (*list).SourceHandle = clients(OUTGOING) };
    send_again(list as usize);
    match pair().wrong.get() {
        // SAFETY: it is checked.
        Some(Wrong::FreesMdlUnderWay) => unsafe { NdisFreeMdl(mdl) },
        // SAFETY: it is checked.
        Some(Wrong::FreesBufferUnderWay) => unsafe { NdisFreeNetBuffer(buffer) },
        // SAFETY: it is checked.
        _ => unsafe { NdisFreeNetBufferList(list) },
    }
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
    let status = unsafe { (*list).Status };
    // SAFETY: it is back.
    unsafe { NdisFreeNetBufferList(list) };
    note(if status == 0 {
        "sent".to_owned()
    } else {
        format!("sent {status:#x}")
    });
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

/// `NdisReturnNetBufferLists` of all that the client kept, in one chain.
pub(in super::super) fn give_all_back() {
    let mut first = ptr::null_mut();
    for list in pair().kept.take() {
        let list = list as *mut NET_BUFFER_LIST;
        // SAFETY: a packet that the client has.
        unsafe { (*list).Next = first };
        first = list;
    }
    give_back(first as usize);
}
