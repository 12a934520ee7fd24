//! What the call manager says to NDIS.

#![expect(non_snake_case, reason = "the names are those of what NDIS exports")]

use std::ffi::c_void;
use std::rc::Rc;

use cxndk::co::{format::Call, params};
use cxndk::sys::condis::{CO_CALL_PARAMETERS, NDIS_RECEIVE_FLAGS_RESOURCES};
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_PENDING, NDIS_STATUS_RESOURCES,
    NDIS_STATUS_SUCCESS, NET_BUFFER_LIST,
};

use super::{Calls, CoHandle, News, Object, OfferAnswer, give_back, object};
use crate::ndis::kernel::{self, Level};
use crate::ndis::table;
use crate::sim::{self, faults};

type Params = *mut CO_CALL_PARAMETERS;

/// The beginning of every call: level, and no lock held, since most of them reach the client.
fn enter(ddi: &'static str, level: Level) -> Rc<Calls> {
    kernel::enter(ddi, level);
    if kernel::locks_held() > 0 {
        sim::fail(
            "VRF-38",
            format!("{ddi} with {} spin locks held", kernel::locks_held()),
        );
    }
    sim::local::<Calls>()
}

fn handle(raw: *mut c_void) -> CoHandle {
    CoHandle(raw as usize)
}

/// The bytes of a client's last words.
///
/// # Safety
/// `data` is NULL or leads to `size` bytes.
unsafe fn words(data: *const c_void, size: u32) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size as usize) }.to_vec()
}

/// The parameters that the call manager gave; what it cannot read itself is a violation.
///
/// # Safety
/// `raw` leads to complete parameters.
unsafe fn call(raw: Params, ddi: &str) -> Call {
    // SAFETY: the caller's promise.
    match unsafe { params::read_call(raw) } {
        Ok((call, _)) => call,
        Err(error) => sim::fail(
            "INC-12",
            format!("{ddi}: parameters that nobody understands: {error:?}"),
        ),
    }
}

/// Notes that the adapter has a family.
pub(in crate::ndis) fn register_family(adapter: NDIS_HANDLE) {
    sim::local::<Calls>().families.borrow_mut().push(adapter as usize);
}

/// `NdisMCmCreateVc`. Fault point under its name.
///
/// # Safety
/// `place` is valid for writing.
pub(in crate::ndis) unsafe fn NdisMCmCreateVc(
    adapter: NDIS_HANDLE,
    family: NDIS_HANDLE,
    context: NDIS_HANDLE,
    place: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisMCmCreateVc";
    let calls = enter(ddi, Level::Dispatch);
    if faults::fire("NdisMCmCreateVc") {
        return NDIS_STATUS_RESOURCES;
    }
    let state = table::adapter(adapter, ddi);
    let mut vc = object("vc", &state, handle(family));
    vc.context = context as usize;
    vc.state.by_manager = true;
    let vc = calls.add(vc);
    // SAFETY: the caller's promise.
    unsafe { place.write(vc.raw()) };
    NDIS_STATUS_SUCCESS
}

/// `NdisMCmDeleteVc`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
pub(in crate::ndis) unsafe fn NdisMCmDeleteVc(vc: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisMCmDeleteVc";
    let calls = enter(ddi, Level::Dispatch);
    let bad = calls.with(handle(vc), ddi, |o| {
        o.state.active || !o.state.by_manager || o.news.contains(&News::Deleted)
    });
    if bad {
        sim::fail(
            "VC-09",
            format!("{ddi} of a VC that is active, deleted or not the call manager's"),
        );
    }
    calls.tell(handle(vc), ddi, News::Deleted);
    NDIS_STATUS_SUCCESS
}

/// `NdisMCmActivateVc`. Fault point under its name.
///
/// # Safety
/// The parameters are complete.
pub(in crate::ndis) unsafe fn NdisMCmActivateVc(vc: NDIS_HANDLE, raw: Params) -> NDIS_STATUS {
    let ddi = "NdisMCmActivateVc";
    let calls = enter(ddi, Level::Dispatch);
    if faults::fire("NdisMCmActivateVc") {
        return NDIS_STATUS_RESOURCES;
    }
    // SAFETY: the caller's promise.
    unsafe { call(raw, ddi) };
    calls.with(handle(vc), ddi, |object| object.state.active = true);
    calls.tell(handle(vc), ddi, News::Activated);
    NDIS_STATUS_SUCCESS
}

/// `NdisMCmDeactivateVc`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
pub(in crate::ndis) unsafe fn NdisMCmDeactivateVc(vc: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisMCmDeactivateVc";
    let calls = enter(ddi, Level::Dispatch);
    let (active, held, sending) = calls.with(handle(vc), ddi, |object| {
        let state = &mut object.state;
        state.connected = false;
        let active = std::mem::take(&mut state.active);
        (active, state.held.len(), state.sending.len())
    });
    if held + sending > 0 {
        sim::fail(
            "VC-25",
            format!("{ddi} with {held} receives and {sending} sends outstanding"),
        );
    }
    if !active {
        return NDIS_STATUS_NOT_ACCEPTED;
    }
    calls.tell(handle(vc), ddi, News::Deactivated);
    NDIS_STATUS_SUCCESS
}

/// `NdisCmNotifyCloseAddressFamily`: the client closes later.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
pub(in crate::ndis) unsafe fn NdisCmNotifyCloseAddressFamily(family: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisCmNotifyCloseAddressFamily";
    enter(ddi, Level::Passive).tell(handle(family), ddi, News::CloseAsked);
    NDIS_STATUS_SUCCESS
}

/// `NdisCmCloseAddressFamilyComplete`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
pub(in crate::ndis) unsafe fn NdisCmCloseAddressFamilyComplete(_: NDIS_STATUS, family: NDIS_HANDLE) {
    let ddi = "NdisCmCloseAddressFamilyComplete";
    enter(ddi, Level::Dispatch).tell(handle(family), ddi, News::FamilyClosed);
}

/// `NdisCmRegisterSapComplete`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
pub(in crate::ndis) unsafe fn NdisCmRegisterSapComplete(
    status: NDIS_STATUS,
    sap: NDIS_HANDLE,
    context: NDIS_HANDLE,
) {
    let ddi = "NdisCmRegisterSapComplete";
    let calls = enter(ddi, Level::Dispatch);
    calls.with(handle(sap), ddi, |object| object.context = context as usize);
    calls.tell(handle(sap), ddi, News::SapRegistered(status));
}

/// `NdisCmDeregisterSapComplete`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
pub(in crate::ndis) unsafe fn NdisCmDeregisterSapComplete(_: NDIS_STATUS, sap: NDIS_HANDLE) {
    let ddi = "NdisCmDeregisterSapComplete";
    enter(ddi, Level::Dispatch).tell(handle(sap), ddi, News::SapDeregistered);
}

/// `NdisCmMakeCallComplete`.
///
/// # Safety
/// The parameters are those of the call.
pub(in crate::ndis) unsafe fn NdisCmMakeCallComplete(
    status: NDIS_STATUS,
    vc: NDIS_HANDLE,
    _: NDIS_HANDLE,
    _: NDIS_HANDLE,
    raw: Params,
) {
    let ddi = "NdisCmMakeCallComplete";
    let calls = enter(ddi, Level::Dispatch);
    // SAFETY: the caller's promise.
    let changed = unsafe { params::is_changed(raw) };
    let active = calls.with(handle(vc), ddi, |object| {
        object.state.connected = status == NDIS_STATUS_SUCCESS;
        object.state.active
    });
    if active != (status == NDIS_STATUS_SUCCESS) {
        sim::fail(
            "MAKE-05",
            format!("{ddi} with {status:#x} of a VC that is active: {active}"),
        );
    }
    calls.tell(handle(vc), ddi, News::Made(status, changed));
}

/// `NdisCmCloseCallComplete`.
///
/// # Safety
/// None beyond a live simulation; the handles are checked.
pub(in crate::ndis) unsafe fn NdisCmCloseCallComplete(
    status: NDIS_STATUS,
    vc: NDIS_HANDLE,
    party: NDIS_HANDLE,
) {
    let ddi = "NdisCmCloseCallComplete";
    let calls = enter(ddi, Level::Dispatch);
    let closes = |object: &mut Object| (std::mem::take(&mut object.state.closing), object.state.active);
    let (closing, active) = calls.with(handle(vc), ddi, closes);
    if !closing || active {
        sim::fail(
            "CLOSE-08",
            format!("{ddi} that nobody waits for ({closing}) or of an active VC ({active})"),
        );
    }
    calls.tell(handle(vc), ddi, News::Closed(status, handle(party)));
}

/// `NdisCmAddPartyComplete`.
///
/// # Safety
/// The parameters are those of the request.
pub(in crate::ndis) unsafe fn NdisCmAddPartyComplete(
    status: NDIS_STATUS,
    party: NDIS_HANDLE,
    _: NDIS_HANDLE,
    _: Params,
) {
    let ddi = "NdisCmAddPartyComplete";
    enter(ddi, Level::Dispatch).tell(handle(party), ddi, News::PartyAdded(status));
}

/// `NdisCmDropPartyComplete`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
pub(in crate::ndis) unsafe fn NdisCmDropPartyComplete(status: NDIS_STATUS, party: NDIS_HANDLE) {
    let ddi = "NdisCmDropPartyComplete";
    enter(ddi, Level::Dispatch).tell(handle(party), ddi, News::PartyDropped(status));
}

/// `NdisCmDispatchIncomingCall`.
///
/// # Safety
/// The parameters stay until the answer.
pub(in crate::ndis) unsafe fn NdisCmDispatchIncomingCall(
    sap: NDIS_HANDLE,
    vc: NDIS_HANDLE,
    raw: Params,
) -> NDIS_STATUS {
    let ddi = "NdisCmDispatchIncomingCall";
    let calls = enter(ddi, Level::Dispatch);
    // SAFETY: the caller's promise.
    let offered = unsafe { call(raw, ddi) };
    let family = calls.with(handle(sap), ddi, |object| object.parent);
    let active = calls.with(handle(vc), ddi, |object| {
        object.state.offered = raw as usize;
        object.state.active
    });
    if !active {
        sim::fail("INC-01", format!("{ddi} on a VC that is not active"));
    }
    calls.tell(
        handle(vc),
        ddi,
        News::Offered(offered.private_data.as_slice().to_vec()),
    );
    let answer = calls.answers.borrow().get(&family).copied();
    match answer.unwrap_or(OfferAnswer::Inline(NDIS_STATUS_SUCCESS)) {
        OfferAnswer::Inline(status) => status,
        OfferAnswer::Later => NDIS_STATUS_PENDING,
    }
}

/// `NdisCmDispatchCallConnected`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
pub(in crate::ndis) unsafe fn NdisCmDispatchCallConnected(vc: NDIS_HANDLE) {
    let ddi = "NdisCmDispatchCallConnected";
    let calls = enter(ddi, Level::Dispatch);
    calls.with(handle(vc), ddi, |object| object.state.connected = true);
    calls.tell(handle(vc), ddi, News::Connected);
}

/// `NdisCmModifyCallQoSComplete`.
///
/// # Safety
/// The parameters are those of the request.
pub(in crate::ndis) unsafe fn NdisCmModifyCallQoSComplete(status: NDIS_STATUS, vc: NDIS_HANDLE, _: Params) {
    let ddi = "NdisCmModifyCallQoSComplete";
    enter(ddi, Level::Dispatch).tell(handle(vc), ddi, News::QosModified(status));
}

/// `NdisCmDispatchIncomingCallQoSChange`.
///
/// # Safety
/// The parameters stay until this returns.
pub(in crate::ndis) unsafe fn NdisCmDispatchIncomingCallQoSChange(vc: NDIS_HANDLE, raw: Params) {
    let ddi = "NdisCmDispatchIncomingCallQoSChange";
    let calls = enter(ddi, Level::Dispatch);
    // SAFETY: the caller's promise.
    let flow = unsafe { call(raw, ddi) }.flow;
    calls.tell(handle(vc), ddi, News::QosOffered(flow.transmit, flow.receive));
}

/// `NdisCmDispatchIncomingCloseCall`.
///
/// # Safety
/// `data` is NULL or leads to `size` bytes.
pub(in crate::ndis) unsafe fn NdisCmDispatchIncomingCloseCall(
    status: NDIS_STATUS,
    vc: NDIS_HANDLE,
    data: *mut c_void,
    size: u32,
) {
    let ddi = "NdisCmDispatchIncomingCloseCall";
    let calls = enter(ddi, Level::Dispatch);
    // SAFETY: the caller's promise.
    let words = unsafe { words(data, size) };
    calls.tell(handle(vc), ddi, News::PeerClosed(status, words));
}

/// `NdisCmDispatchIncomingDropParty`.
///
/// # Safety
/// `data` is NULL or leads to `size` bytes.
pub(in crate::ndis) unsafe fn NdisCmDispatchIncomingDropParty(
    status: NDIS_STATUS,
    party: NDIS_HANDLE,
    data: *mut c_void,
    size: u32,
) {
    let ddi = "NdisCmDispatchIncomingDropParty";
    let calls = enter(ddi, Level::Dispatch);
    // SAFETY: the caller's promise.
    let words = unsafe { words(data, size) };
    calls.tell(handle(party), ddi, News::PeerDropped(status, words));
}

/// `NdisMCoSendNetBufferListsComplete`.
///
/// # Safety
/// The chain is one of packets that were sent.
pub(in crate::ndis) unsafe fn NdisMCoSendNetBufferListsComplete(
    vc: NDIS_HANDLE,
    chain: *mut NET_BUFFER_LIST,
    _: u32,
) {
    let ddi = "NdisMCoSendNetBufferListsComplete";
    let calls = enter(ddi, Level::Dispatch);
    let mut at = chain;
    while !at.is_null() {
        let sent = calls.with(handle(vc), ddi, |object| {
            object.state.sending.remove(&(at as usize))
        });
        let Some(sent) = sent else {
            sim::fail("DATA-04", format!("{ddi}: {at:p} is not with the miniport"));
        };
        // SAFETY: a packet of the client's.
        let (status, next) = unsafe { ((*at).Status, (*at).Next) };
        calls.with(handle(vc), ddi, |object| object.state.sent.push(status));
        drop(sent);
        at = next;
    }
}

/// `NdisMCoIndicateReceiveNetBufferLists`.
///
/// # Safety
/// The chain is one of `count` packets of the miniport.
pub(in crate::ndis) unsafe fn NdisMCoIndicateReceiveNetBufferLists(
    vc: NDIS_HANDLE,
    chain: *mut NET_BUFFER_LIST,
    count: u32,
    flags: u32,
) {
    let ddi = "NdisMCoIndicateReceiveNetBufferLists";
    let calls = enter(ddi, Level::Dispatch);
    let vc = handle(vc);
    let (connected, active) = calls.with(vc, ddi, |object| (object.state.connected, object.state.active));
    if !connected || !active {
        sim::fail("INC-11", format!("{ddi} on a VC that is not connected"));
    }
    let mut lists = Vec::new();
    let mut at = chain;
    while !at.is_null() {
        // SAFETY: a packet of the miniport's, complete.
        let (source, next, data) = unsafe { ((*at).SourceHandle, (*at).Next, contents(at)) };
        if source != vc.raw() {
            sim::fail("DATA-09", format!("{ddi}: a packet of another VC"));
        }
        calls.with(vc, ddi, |object| object.state.received.push(data));
        lists.push(at as usize);
        at = next;
    }
    assert_eq!(
        lists.len(),
        count as usize,
        "DATA-09: the count is that of the chain"
    );
    if flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0 {
        return;
    }
    for list in &lists {
        // SAFETY: lent to NDIS.
        unsafe { (*(*list as *mut NET_BUFFER_LIST)).Next = std::ptr::null_mut() };
    }
    let (keeps, adapter) = calls.with(vc, ddi, |object| {
        object.state.held.extend(lists);
        (object.state.keeps, Rc::clone(&object.adapter))
    });
    if !keeps {
        give_back(&adapter, &calls, vc);
    }
}

/// The bytes of a packet with one buffer in one MDL.
///
/// # Safety
/// The packet is complete.
unsafe fn contents(list: *mut NET_BUFFER_LIST) -> Vec<u8> {
    // SAFETY: the caller's promise.
    let buffer = unsafe { &*(*list).FirstNetBuffer };
    // SAFETY: the caller's promise.
    let mdl = unsafe { &*buffer.CurrentMdl };
    let start = mdl.MappedSystemVa.cast::<u8>();
    let from = start.wrapping_add(buffer.CurrentMdlOffset as usize);
    // SAFETY: the MDL describes them.
    unsafe { std::slice::from_raw_parts(from, buffer.stDataLength) }.to_vec()
}
