//! Packets on VCs: whose they are, and when they may move (DATA).

use std::rc::Rc;

use cxndk::sys::condis::{NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL, NDIS_RECEIVE_FLAGS_RESOURCES};
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL, NDIS_STATUS, NDIS_STATUS_PAUSED,
    NDIS_STATUS_PENDING, NET_BUFFER_LIST,
};

use super::object::{self, Phase, Sending, Vc, pointer};
use super::{client_broke, enter, upcall};
use crate::ndis::adapter::State;
use crate::ndis::kernel::Level;
use crate::ndis::packet;
use crate::ndis::protocol::{self, Binding, open_binding};
use crate::sim;

/// `NDIS_SEND_FLAGS_DISPATCH_LEVEL`.
const SEND_AT_DISPATCH: u32 = 1;

/// VRF-08.
const LONGEST: u64 = 30 * sim::SECOND;

/// The packets of a chain, each of which is looked at before what follows it.
///
/// # Safety
/// What passes `check` is a packet.
unsafe fn chain(
    first: *mut NET_BUFFER_LIST,
    check: impl Fn(*mut NET_BUFFER_LIST),
) -> Vec<*mut NET_BUFFER_LIST> {
    let mut lists = Vec::new();
    let mut next = first;
    while !next.is_null() {
        check(next);
        lists.push(next);
        // SAFETY: the caller's promise.
        next = unsafe { (*next).Next };
    }
    lists
}

/// DATA-08: a flag that says `DISPATCH_LEVEL` is true.
pub(in crate::ndis) fn expect_level(ddi: &str, flagged: bool) {
    if flagged && sim::irql() != sim::DISPATCH_LEVEL {
        sim::fail(
            "DATA-08",
            format!("{ddi} says DISPATCH_LEVEL at IRQL {}", sim::irql()),
        );
    }
}

/// `NdisCoSendNetBufferLists`: from the moment at which the call is connected to its close (DATA-01).
///
/// # Safety
/// The chain is the caller's until each packet of it is completed.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCoSendNetBufferLists(
    vc: NDIS_HANDLE,
    first: *mut NET_BUFFER_LIST,
    flags: u32,
) {
    let ddi = "NdisCoSendNetBufferLists";
    enter(ddi, Level::Dispatch);
    expect_level(ddi, flags & SEND_AT_DISPATCH != 0);
    let vc = object::client_vc(vc, ddi);
    if vc.phase.get() != Phase::Connected {
        client_broke("DATA-01", format!("{ddi} on {vc}"));
    }
    // The client may have been about to send when it was told.
    if vc.told.get().is_some_and(|(time, _)| time < sim::now()) {
        client_broke(
            "CLOSE-31",
            format!("{ddi} on {vc}, of which the client was told that it is closed"),
        );
    }
    let check = |list: *mut NET_BUFFER_LIST| {
        if packet::is_under_way(list as usize) {
            sim::fail("DATA-05", format!("{ddi}: {list:p} is under way already"));
        }
        if !packet::is_of_pool(list as usize) {
            sim::fail(
                "DATA-01",
                format!("{ddi}: {list:p} is no list of a pool (any more)"),
            );
        }
    };
    let rejected = vc.family.adapter.state.get() == State::Paused;
    // SAFETY: packets of pools.
    for list in unsafe { chain(first, check) } {
        // SAFETY: the caller's packet.
        let packet = unsafe { &mut *list };
        if packet.SourceHandle != vc.handle {
            sim::fail(
                "DATA-01",
                format!("{ddi}: SourceHandle {:p} is not {vc}", packet.SourceHandle),
            );
        }
        packet.Status = NDIS_STATUS_PENDING;
        let sending = Sending {
            buffer: packet.FirstNetBuffer as usize,
            time: sim::now(),
            rejected,
        };
        vc.sends.borrow_mut().insert(list as usize, sending);
        // SAFETY: the caller's packet.
        unsafe { packet::departs(list) };
    }
    let handlers = vc.family.adapter.driver.calls.get().miniport;
    let handler = handlers.and_then(|m| m.CoSendNetBufferListsHandler);
    let handler = handler.expect("checked at registration");
    let context = pointer(vc.manager_context.get());
    // SAFETY: the driver registered the handler; the packets live until each is completed.
    upcall("MiniportCoSendNetBufferLists", || unsafe {
        handler(context, first, flags);
    });
}

/// `NdisMCoSendNetBufferListsComplete`: every packet once (DATA-04).
///
/// # Safety
/// The chain is one of packets that were sent.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCoSendNetBufferListsComplete(
    vc: NDIS_HANDLE,
    first: *mut NET_BUFFER_LIST,
    flags: u32,
) {
    let ddi = "NdisMCoSendNetBufferListsComplete";
    enter(ddi, Level::Dispatch);
    expect_level(ddi, flags & NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL != 0);
    let vc = object::vc(vc, ddi);
    let mut next = first;
    while !next.is_null() {
        let Some(sending) = vc.sends.borrow_mut().remove(&(next as usize)) else {
            sim::fail(
                "DATA-04",
                format!("{ddi}: {next:p} of {vc} is not with the miniport"),
            );
        };
        packet::arrives(next);
        // SAFETY: a packet of the client's that was with the miniport.
        let packet = unsafe { &*next };
        expect_whole(
            ddi,
            packet.Status,
            packet.FirstNetBuffer as usize == sending.buffer,
        );
        expect_prompt(ddi, packet.Status, &sending);
        next = packet.Next;
    }
    let co = vc.family.binding.protocol.co.get();
    let handler = co.and_then(|co| co.CoSendNetBufferListsCompleteHandler);
    let handler = handler.expect("checked at registration");
    let context = pointer(vc.client_context.get());
    // SAFETY: the protocol driver registered the handler; the packets are its own.
    upcall("ProtocolCoSendNetBufferListsComplete", || unsafe {
        handler(context, first, flags);
    });
}

/// DATA-04: a completed packet has a status and the buffers that it had.
fn expect_whole(ddi: &str, status: NDIS_STATUS, same: bool) {
    if status == NDIS_STATUS_PENDING || !same {
        sim::fail(
            "DATA-04",
            format!("{ddi}: a packet with status {status:#x}, buffers unchanged: {same}"),
        );
    }
}

/// VRF-08, VRF-40: a packet comes back in time, and with PAUSED if it was sent in Paused.
fn expect_prompt(ddi: &str, status: NDIS_STATUS, sending: &Sending) {
    if sim::now() >= sending.time + LONGEST {
        sim::fail("VRF-08", format!("{ddi}: a packet was under way for 30 s"));
    }
    if sending.rejected && status != NDIS_STATUS_PAUSED {
        sim::fail(
            "VRF-40",
            format!("{ddi}: a send in Paused completed with {status:#x}"),
        );
    }
}

/// `NdisMCoIndicateReceiveNetBufferLists` (DATA-09, DATA-10).
///
/// # Safety
/// The chain is one of packets of the miniport.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCoIndicateReceiveNetBufferLists(
    vc: NDIS_HANDLE,
    first: *mut NET_BUFFER_LIST,
    count: u32,
    flags: u32,
) {
    let ddi = "NdisMCoIndicateReceiveNetBufferLists";
    enter(ddi, Level::Dispatch);
    expect_level(ddi, flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL != 0);
    let vc = object::vc(vc, ddi);
    vc.expect_receiving(ddi);
    let check = |list: *mut NET_BUFFER_LIST| {
        if packet::is_under_way(list as usize) {
            sim::fail("DATA-10", format!("{ddi}: {list:p} is with a client"));
        }
        if !packet::is_of_pool(list as usize) {
            sim::fail(
                packet::PACKET,
                format!("{ddi}: {list:p} is no list of a pool (any more)"),
            );
        }
    };
    // SAFETY: packets of pools.
    let lists = unsafe { chain(first, check) };
    if lists.len() != count as usize {
        sim::fail(
            "VRF-43",
            format!("{ddi}: {count} packets in a chain of {}", lists.len()),
        );
    }
    let back_at_once = flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0;
    for list in lists {
        // SAFETY: the caller's packet.
        if unsafe { (*list).SourceHandle } != vc.handle {
            sim::fail("DATA-09", format!("{ddi}: {list:p} is not of {vc}"));
        }
        if !back_at_once {
            vc.lent.borrow_mut().insert(list as usize);
            // SAFETY: the caller's packet.
            unsafe { packet::departs(list) };
        }
    }
    let binding = Rc::clone(&vc.family.binding);
    let co = binding.protocol.co.get();
    let handler = co.and_then(|co| co.CoReceiveNetBufferListsHandler);
    let handler = handler.expect("checked at registration");
    vc.indicating.set(vc.indicating.get() + 1);
    let context = pointer(vc.client_context.get());
    // SAFETY: the protocol driver registered the handler; the packets are lent to it.
    upcall("ProtocolCoReceiveNetBufferLists", || unsafe {
        handler(binding.context(), context, first, count, flags);
    });
    vc.indicating.set(vc.indicating.get() - 1);
}

impl Vc {
    /// Packets may come in: the VC is active, its call was connected, the adapter runs (VC-24, INC-11, VRF-40).
    fn expect_receiving(&self, ddi: &str) {
        if !self.active.get() {
            sim::fail("VC-24", format!("{ddi} on {self}"));
        }
        if !matches!(self.phase.get(), Phase::Connected | Phase::Closing) {
            sim::fail("INC-11", format!("{ddi} on {self}"));
        }
        let states = [State::Running, State::Restarting, State::Pausing];
        self.family.adapter.expect("VRF-40", ddi, &states);
    }
}

/// The VC that lent a packet to a client with this binding.
fn lender(ddi: &str, binding: &Binding, list: *mut NET_BUFFER_LIST) -> Rc<Vc> {
    let of = object::vcs(|vc| {
        vc.family.binding.handle == binding.handle && vc.lent.borrow().contains(&(list as usize))
    });
    let Some(vc) = of.into_iter().next() else {
        sim::fail("DATA-12", format!("{ddi}: {list:p} is not with this client"));
    };
    vc
}

/// DATA-12: a packet is with the client.
pub(in crate::ndis) fn expect_lent(ddi: &str, binding: &Binding, list: *mut NET_BUFFER_LIST) {
    drop(lender(ddi, binding, list));
}

/// What a client of VCs was lent goes back, of several VCs if it likes (DATA-11, DATA-12).
pub(in crate::ndis) fn return_of_vcs(binding: &Binding, lists: &[*mut NET_BUFFER_LIST], flags: u32) {
    for list in lists {
        let vc = lender("NdisReturnNetBufferLists", binding, *list);
        vc.lent.borrow_mut().remove(&(*list as usize));
        packet::arrives(*list);
    }
    // SAFETY: packets that the client gave back.
    let first = unsafe { protocol::chained(lists) };
    let adapter = &binding.adapter;
    let handler = adapter.driver.characteristics.ReturnNetBufferListsHandler;
    let handler = handler.expect("checked at registration");
    // SAFETY: the driver registered the handler; the packets are its own.
    upcall("MiniportReturnNetBufferLists", || unsafe {
        handler(adapter.context(), first, flags);
    });
}

/// `NdisCancelSendNetBufferLists`: every VC's miniport looks for the id (DATA-14).
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCancelSendNetBufferLists(binding: NDIS_HANDLE, id: *mut std::ffi::c_void) {
    let ddi = "NdisCancelSendNetBufferLists";
    enter(ddi, Level::Dispatch);
    let adapter = Rc::clone(&open_binding(binding, ddi).adapter);
    let handler = adapter.driver.characteristics.CancelSendHandler;
    let handler = handler.expect("checked at registration");
    // SAFETY: the driver registered the handler.
    upcall("MiniportCancelSend", || unsafe { handler(adapter.context(), id) });
}
