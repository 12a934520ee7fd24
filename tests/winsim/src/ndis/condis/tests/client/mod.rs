//! The tiny client.

mod binding;
mod packets;
mod requests;

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;
use wdk_standin::UNICODE_STRING;

use self::binding::{adapter_closed, bind, opened, pnp_event, unbind};
pub(super) use self::binding::{binding, close_adapter, open_adapter};
use self::packets::{allocate_pools, free_pools};
pub(super) use self::packets::{
    give_all_back, give_back, new_list, new_pool, send, send_again, send_and_free,
};
use self::packets::{received, sent};
pub(super) use self::requests::{About, ask, ask_about, ask_plainly, new_request};
use self::requests::{co_status, oid_done, request, request_done};

use super::{FAMILY, INCOMING, OUTGOING, SAP, Wrong, inside, note, pair, wrong};
use crate::ndis::kernel;
use crate::sim;

const PENDING: i32 = NDIS_STATUS_PENDING;
type Handle = *mut c_void;

/// Contexts of the client.
const CONTEXTS: [usize; 4] = [0x21, 0x22, 0x23, 0x24];
/// Context of the binding.
const BINDING: usize = 0x2f;
/// Context of its first party; the others follow.
const PARTY: usize = 0x60;

pub(super) fn clients(which: usize) -> Handle {
    pair().clients[which].get() as Handle
}

fn expect(context: Handle, which: usize) {
    assert_eq!(context as usize, CONTEXTS[which], "the context is the client's");
}

fn header(kind: u32, revision: u8, size: usize) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER {
        Type: kind as u8,
        Revision: revision,
        Size: size as u16,
    }
}

/// Notes what succeeded, or what failed and why.
fn note_result(what: &str, status: i32) {
    note(if status == 0 {
        what.to_owned()
    } else {
        format!("{what} {status:#x}")
    });
}

/// `NdisRegisterProtocolDriver`.
pub(super) fn register() {
    // SAFETY: all fields may be zero.
    let mut c: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS = unsafe { std::mem::zeroed() };
    c.Header = header(NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS.into(), 2, 128);
    (c.MajorNdisVersion, c.MinorNdisVersion) = (6, 50);
    c.Name = UNICODE_STRING {
        Length: 0,
        MaximumLength: 0,
        Buffer: ptr::null_mut(),
    };
    c.SetOptionsHandler = Some(set_options);
    c.BindAdapterHandlerEx = Some(bind);
    c.UnbindAdapterHandlerEx = Some(unbind);
    c.OpenAdapterCompleteHandlerEx = Some(opened);
    c.CloseAdapterCompleteHandlerEx = Some(adapter_closed);
    c.NetPnPEventHandler = Some(pnp_event);
    c.OidRequestCompleteHandler = Some(oid_done);
    c.StatusHandlerEx = Some(status);
    c.ReceiveNetBufferListsHandler = Some(received_plain);
    c.SendNetBufferListsCompleteHandler = Some(sent_plain);
    let mut handle = ptr::null_mut();
    // SAFETY: the characteristics are complete.
    let status = unsafe { NdisRegisterProtocolDriver(ptr::null_mut(), &raw mut c, &raw mut handle) };
    assert_eq!(status, 0);
}

/// `NdisDeregisterProtocolDriver`.
pub(super) fn deregister() {
    free_pools();
    // SAFETY: the handle is good.
    unsafe { NdisDeregisterProtocolDriver(pair().protocol.get() as Handle) };
}

unsafe extern "win64" fn set_options(protocol: Handle, _context: Handle) -> i32 {
    pair().protocol.set(protocol as usize);
    allocate_pools(protocol);
    let mut co = NDIS_PROTOCOL_CO_CHARACTERISTICS {
        Header: header(NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS, 1, 40),
        Flags: 0,
        CoStatusHandlerEx: Some(co_status),
        CoAfRegisterNotifyHandler: Some(family_there),
        CoReceiveNetBufferListsHandler: Some(received),
        CoSendNetBufferListsCompleteHandler: Some(sent),
    };
    let mut client = NDIS_CO_CLIENT_OPTIONAL_HANDLERS {
        Header: header(NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS, 1, 160),
        Reserved: 0,
        ClCreateVcHandler: Some(create_vc),
        ClDeleteVcHandler: Some(delete_vc),
        ClOidRequestHandler: Some(request),
        ClOidRequestCompleteHandler: Some(request_done),
        ClOpenAfCompleteHandlerEx: Some(family_open),
        ClCloseAfCompleteHandler: Some(family_closed),
        ClRegisterSapCompleteHandler: Some(sap_registered),
        ClDeregisterSapCompleteHandler: Some(sap_deregistered),
        ClMakeCallCompleteHandler: Some(made),
        ClModifyCallQoSCompleteHandler: Some(modified),
        ClCloseCallCompleteHandler: Some(closed),
        ClAddPartyCompleteHandler: Some(party_added),
        ClDropPartyCompleteHandler: Some(party_dropped),
        ClIncomingCallHandler: Some(incoming),
        ClIncomingCallQoSChangeHandler: Some(changed),
        ClIncomingCloseCallHandler: Some(peer_closed),
        ClIncomingDropPartyHandler: Some(peer_dropped),
        ClCallConnectedHandler: Some(connected),
        ClNotifyCloseAfHandler: Some(close_asked),
    };
    if wrong(Wrong::NoProtocolHandler) {
        co.CoAfRegisterNotifyHandler = None;
    }
    if wrong(Wrong::NoClientHandler) {
        client.ClCloseCallCompleteHandler = None;
    }
    // SAFETY: the structures are complete.
    let status = unsafe { NdisSetOptionalHandlers(protocol, (&raw mut co).cast()) };
    assert_eq!(status, 0);
    // SAFETY: as above.
    unsafe { NdisSetOptionalHandlers(protocol, (&raw mut client).cast()) }
}

unsafe extern "win64" fn status(_context: Handle, _indication: *mut NDIS_STATUS_INDICATION) {}
unsafe extern "win64" fn received_plain(_: Handle, _: *mut NET_BUFFER_LIST, _: u32, _: u32, _: u32) {}
unsafe extern "win64" fn sent_plain(_: Handle, _: *mut NET_BUFFER_LIST, _: u32) {}

const fn family(kind: u32) -> CO_ADDRESS_FAMILY {
    CO_ADDRESS_FAMILY {
        AddressFamily: kind,
        MajorVersion: 1,
        MinorVersion: 0,
    }
}

/// `NdisCmRegisterAddressFamilyEx`.
pub(super) fn manage(kind: u32) -> i32 {
    let mut family = family(kind);
    // SAFETY: the handle is that of the binding.
    unsafe { crate::ndis::condis::family::NdisCmRegisterAddressFamilyEx(binding(), &raw mut family) }
}

/// `NdisClOpenAddressFamilyEx` once more, or too early.
pub(super) fn open_family() {
    let mut family = family(CO_ADDRESS_FAMILY_INFINIBAND);
    // SAFETY: our own handler.
    unsafe { family_there(BINDING as Handle, &raw mut family) };
}

unsafe extern "win64" fn family_there(context: Handle, family: *mut CO_ADDRESS_FAMILY) {
    assert_eq!(context as usize, BINDING);
    let old = wrong(Wrong::OpensAtDispatch).then(|| kernel::raise(2));
    let mut handle = ptr::null_mut();
    let binding = pair().binding.get() as Handle;
    // SAFETY: the handle is good.
    let status =
        unsafe { NdisClOpenAddressFamilyEx(binding, family, CONTEXTS[FAMILY] as Handle, &raw mut handle) };
    old.into_iter().for_each(kernel::lower);
    if status != PENDING {
        // SAFETY: our own handler.
        unsafe { family_open(CONTEXTS[FAMILY] as Handle, handle, status) };
    }
}

unsafe extern "win64" fn family_open(context: Handle, handle: Handle, status: i32) {
    expect(context, FAMILY);
    assert_eq!(sim::irql(), 0);
    pair().clients[FAMILY].set(handle as usize);
    note_result("open", status);
}

/// `NdisClCloseAddressFamily`.
pub(super) fn close_family() {
    // SAFETY: the handle is good.
    let status = unsafe { NdisClCloseAddressFamily(clients(FAMILY)) };
    if status != PENDING {
        // SAFETY: our own handler.
        unsafe { family_closed(status, CONTEXTS[FAMILY] as Handle) };
    }
}

unsafe extern "win64" fn family_closed(status: i32, context: Handle) {
    expect(context, FAMILY);
    note_result("family closed", status);
}

unsafe extern "win64" fn close_asked(context: Handle) -> i32 {
    expect(context, FAMILY);
    kernel::worker(super::host(), "client", || {
        if wrong(Wrong::IgnoresNotice) {
            return;
        }
        if !wrong(Wrong::NotClosedAtNotice) {
            inside("leave");
            close_family();
            super::until("family closed");
        }
        // SAFETY: the handle is good for this once more.
        unsafe { NdisClNotifyCloseAddressFamilyComplete(clients(FAMILY), 0) };
    });
    PENDING
}

/// `NdisClRegisterSap`.
pub(super) fn register_sap() {
    let sap = Box::leak(Box::new(CO_SAP {
        SapType: 1,
        SapLength: 1,
        Sap: [0],
    }));
    let mut handle = ptr::null_mut();
    // SAFETY: the handle is good; the SAP stays.
    let status = unsafe { NdisClRegisterSap(clients(FAMILY), CONTEXTS[SAP] as Handle, sap, &raw mut handle) };
    if status != PENDING {
        // SAFETY: our own handler.
        unsafe { sap_registered(status, CONTEXTS[SAP] as Handle, sap, handle) };
    }
}

unsafe extern "win64" fn sap_registered(status: i32, context: Handle, _sap: *mut CO_SAP, handle: Handle) {
    expect(context, SAP);
    pair().clients[SAP].set(handle as usize);
    note_result("sap", status);
}

/// `NdisClDeregisterSap`.
pub(super) fn deregister_sap() {
    // SAFETY: the handle is good, or it is checked.
    assert_eq!(unsafe { NdisClDeregisterSap(clients(SAP)) }, PENDING);
}

unsafe extern "win64" fn sap_deregistered(status: i32, context: Handle) {
    expect(context, SAP);
    assert_eq!(status, 0);
    note("sap gone");
}

/// `NdisCoCreateVc`.
pub(super) fn create() {
    let mut handle = if wrong(Wrong::NotNull) {
        8 as Handle
    } else {
        ptr::null_mut()
    };
    let (binding, context) = (pair().binding.get() as Handle, CONTEXTS[OUTGOING] as Handle);
    // SAFETY: the handles are good.
    let status = unsafe { NdisCoCreateVc(binding, clients(FAMILY), context, &raw mut handle) };
    pair().clients[OUTGOING].set(handle as usize);
    note_result("created", status);
}

/// `NdisCoDeleteVc`.
pub(super) fn delete(which: usize) -> i32 {
    // SAFETY: it is checked.
    unsafe { NdisCoDeleteVc(clients(which)) }
}

unsafe extern "win64" fn create_vc(context: Handle, handle: Handle, place: *mut Handle) -> i32 {
    expect(context, FAMILY);
    pair().clients[INCOMING].set(handle as usize);
    // SAFETY: NDIS gives a place.
    unsafe { place.write(CONTEXTS[INCOMING] as Handle) };
    if wrong(Wrong::CreatePendsClient) {
        PENDING
    } else {
        0
    }
}

unsafe extern "win64" fn delete_vc(context: Handle) -> i32 {
    expect(context, INCOMING);
    note("vc gone");
    if wrong(Wrong::DeletePendsClient) {
        PENDING
    } else {
        0
    }
}

/// Parameters that stay.
fn parameters() -> *mut CO_CALL_PARAMETERS {
    Box::leak(Box::new(CO_CALL_PARAMETERS {
        Flags: 0,
        CallMgrParameters: ptr::null_mut(),
        MediaParameters: ptr::null_mut(),
    }))
}

/// `NdisClMakeCall`, with this many parties: none, or one.
pub(super) fn make(parties: usize) {
    let (parameters, mut party) = (parameters(), ptr::null_mut());
    let context = if parties == 0 { 0 } else { PARTY };
    // SAFETY: the handle is good, the parameters stay.
    let status = unsafe { NdisClMakeCall(clients(OUTGOING), parameters, context as Handle, &raw mut party) };
    if status != PENDING {
        // SAFETY: our own handler.
        unsafe { made(status, CONTEXTS[OUTGOING] as Handle, party, parameters) };
    }
}

unsafe extern "win64" fn made(status: i32, context: Handle, party: Handle, _: *mut CO_CALL_PARAMETERS) {
    expect(context, OUTGOING);
    if !party.is_null() {
        pair().parties.borrow_mut().push(party as usize);
    }
    note(format!("made {status:#x}"));
}

/// `NdisClAddParty`.
pub(super) fn add() {
    let (parameters, mut party) = (parameters(), ptr::null_mut());
    let context = PARTY + pair().parties.borrow().len();
    // SAFETY: the handle is good, the parameters stay.
    let status = unsafe { NdisClAddParty(clients(OUTGOING), context as Handle, parameters, &raw mut party) };
    if status != PENDING {
        // SAFETY: our own handler.
        unsafe { party_added(status, context as Handle, party, parameters) };
    }
}

unsafe extern "win64" fn party_added(
    status: i32,
    context: Handle,
    party: Handle,
    _: *mut CO_CALL_PARAMETERS,
) {
    assert_eq!(context as usize, PARTY + pair().parties.borrow().len());
    pair().parties.borrow_mut().push(party as usize);
    note(format!("added {status:#x}"));
}

/// The handle of a party.
pub(super) fn party(at: usize) -> Handle {
    pair().parties.borrow()[at] as Handle
}

/// `NdisClDropParty`.
pub(super) fn drop_party(at: usize) {
    // SAFETY: it is checked.
    let status = unsafe { NdisClDropParty(party(at), ptr::null_mut(), 0) };
    if status != PENDING {
        // SAFETY: our own handler.
        unsafe { party_dropped(status, (PARTY + at) as Handle) };
    }
}

unsafe extern "win64" fn party_dropped(status: i32, context: Handle) {
    note(format!("dropped {} {status:#x}", context as usize - PARTY));
}

unsafe extern "win64" fn peer_dropped(_status: i32, context: Handle, _: Handle, _: u32) {
    note(format!("peer {} left", context as usize - PARTY));
}

/// `NdisClCloseCall`.
pub(super) fn close(which: usize, party: Handle) {
    // SAFETY: the handles are good, or checked.
    let status = unsafe { NdisClCloseCall(clients(which), party, ptr::null_mut(), 0) };
    if status != PENDING {
        note(format!("closed {status:#x}"));
    }
}

unsafe extern "win64" fn closed(status: i32, vc: Handle, party: Handle) {
    // Contexts that are nobody's show as their numbers.
    let of = match vc as usize {
        known if known == CONTEXTS[INCOMING] => "incoming".to_owned(),
        known if known == CONTEXTS[OUTGOING] => "outgoing".to_owned(),
        other => format!("{other:#x}"),
    };
    let party = match (party as usize).checked_sub(PARTY) {
        Some(party) => format!("party {party}"),
        None => format!("{party:?}"),
    };
    note(format!("close of {of} with {party}"));
    if wrong(Wrong::DeletesInHandler) {
        super::manager::delete_incoming();
    }
    if wrong(Wrong::DispatchesInHandler) {
        super::manager::offer();
    }
    if wrong(Wrong::UsesClosedManagers) {
        delete(INCOMING);
    }
    note(format!("closed {status:#x}"));
}

unsafe extern "win64" fn incoming(sap: Handle, vc: Handle, parameters: *mut CO_CALL_PARAMETERS) -> i32 {
    expect(sap, SAP);
    expect(vc, INCOMING);
    note("offered");
    pair().parameters.set(parameters as usize);
    pair().decision.get()
}

/// `NdisClIncomingCallComplete`.
pub(super) fn decide(status: i32) {
    let parameters = pair().parameters.get() as *mut CO_CALL_PARAMETERS;
    // SAFETY: the handle is good; the parameters are those of the offer.
    unsafe { NdisClIncomingCallComplete(status, clients(INCOMING), parameters) };
}

unsafe extern "win64" fn connected(context: Handle) {
    expect(context, INCOMING);
    note("connected");
}

unsafe extern "win64" fn peer_closed(_status: i32, _context: Handle, _: Handle, _: u32) {
    note("peer closed");
}

/// `NdisClModifyCallQoS`.
pub(super) fn modify(which: usize) {
    let parameters = parameters();
    // SAFETY: the handle is good, the parameters stay.
    let status = unsafe { NdisClModifyCallQoS(clients(which), parameters) };
    if status != PENDING {
        note(format!("modified {status:#x}"));
    }
}

unsafe extern "win64" fn modified(status: i32, _context: Handle, _: *mut CO_CALL_PARAMETERS) {
    note(format!("modified {status:#x}"));
}

unsafe extern "win64" fn changed(_context: Handle, _: *mut CO_CALL_PARAMETERS) {
    note("changed");
}
