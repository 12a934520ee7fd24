//! The tiny call manager.

mod packets;
mod requests;

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

pub(in crate::ndis) use self::packets::returned;
use self::packets::send;
pub(super) use self::packets::{indicate, indicate_again, indicate_for_now, outgoing};
pub(super) use self::requests::{ask_client, indicate_status};
use self::requests::{miniport_request, request, request_complete};

use super::{FAMILY, INCOMING, OUTGOING, SAP, Wrong, host, note, pair, wrong};
use crate::ndis::kernel;

const PENDING: i32 = NDIS_STATUS_PENDING;
type Handle = *mut c_void;

/// Contexts of the call manager.
pub(super) const CONTEXTS: [usize; 4] = [0x11, 0x12, 0x13, 0x14];
/// Context of its first party; the others follow.
const PARTY: usize = 0x50;

fn header(kind: u32, size: usize) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER {
        Type: kind as u8,
        Revision: 1,
        Size: size as u16,
    }
}

fn managers(which: usize) -> Handle {
    pair().managers[which].get() as Handle
}

/// `MiniportSetOptions` of the tiny miniport.
pub(in crate::ndis) fn set_options(driver: NDIS_HANDLE) -> i32 {
    if !pair().on.get() || wrong(Wrong::NoCallManager) {
        return 0;
    }
    let mut miniport = NDIS_MINIPORT_CO_CHARACTERISTICS {
        Header: header(NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS, 56),
        Flags: 0,
        CoCreateVcHandler: None,
        CoDeleteVcHandler: None,
        CoActivateVcHandler: Some(activate),
        CoDeactivateVcHandler: Some(deactivate),
        CoSendNetBufferListsHandler: Some(send),
        CoOidRequestHandler: Some(miniport_request),
    };
    let mut manager = NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS {
        Header: header(NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS, 136),
        Reserved: 0,
        CmCreateVcHandler: Some(create_vc),
        CmDeleteVcHandler: Some(delete_vc),
        CmOpenAfHandler: Some(open_af),
        CmCloseAfHandler: Some(close_af),
        CmRegisterSapHandler: Some(register_sap),
        CmDeregisterSapHandler: Some(deregister_sap),
        CmMakeCallHandler: Some(make_call),
        CmCloseCallHandler: Some(close_call),
        CmIncomingCallCompleteHandler: Some(incoming_complete),
        CmAddPartyHandler: Some(add_party),
        CmDropPartyHandler: Some(drop_party),
        CmActivateVcCompleteHandler: Some(activated),
        CmDeactivateVcCompleteHandler: Some(deactivated),
        CmModifyCallQoSHandler: Some(modify),
        CmOidRequestHandler: Some(request),
        CmOidRequestCompleteHandler: Some(request_complete),
        CmNotifyCloseAfCompleteHandler: Some(notified),
    };
    if wrong(Wrong::NoHandler) {
        manager.CmNotifyCloseAfCompleteHandler = None;
    }
    if wrong(Wrong::NoMiniportHandler) {
        miniport.CoSendNetBufferListsHandler = None;
    }
    if wrong(Wrong::MiniportCreatesVcs) {
        miniport.CoCreateVcHandler = Some(create_vc);
    }
    if wrong(Wrong::OneEntry) {
        let entry = miniport.CoOidRequestHandler.map_or(0, |f| f as usize);
        // SAFETY: a wrong driver; the handler is never called.
        manager.CmOidRequestHandler = unsafe { std::mem::transmute::<usize, CO_OID_REQUEST_HANDLER>(entry) };
    }
    // SAFETY: the structures are complete.
    let status = unsafe { NdisSetOptionalHandlers(driver, (&raw mut miniport).cast()) };
    if status != 0 {
        return status;
    }
    // SAFETY: as above.
    unsafe { NdisSetOptionalHandlers(driver, (&raw mut manager).cast()) }
}

/// The flags of the tiny miniport's registration attributes, which it sets next.
pub(in crate::ndis) fn attribute_flags(adapter: NDIS_HANDLE) -> u32 {
    pair().adapter.set(adapter as usize);
    if wrong(Wrong::EarlyStatus) {
        indicate_status();
    }
    if wrong(Wrong::NotConnectionOriented) {
        0x4d
    } else {
        0x45
    }
}

/// The end of the tiny miniport's `MiniportInitializeEx`.
pub(in crate::ndis) fn register_family(adapter: NDIS_HANDLE) -> i32 {
    if !pair().on.get() {
        return 0;
    }
    let mut family = CO_ADDRESS_FAMILY {
        AddressFamily: CO_ADDRESS_FAMILY_INFINIBAND,
        MajorVersion: 1,
        MinorVersion: 0,
    };
    let old = wrong(Wrong::RegistersAtDispatch).then(|| kernel::raise(2));
    // SAFETY: the family is complete.
    let status = unsafe { NdisMCmRegisterAddressFamilyEx(adapter, &raw mut family) };
    // SAFETY: the family is complete.
    let again = unsafe { NdisMCmRegisterAddressFamilyEx(adapter, &raw mut family) };
    assert_eq!(again, NDIS_STATUS_FAILURE, "AF-02");
    old.into_iter().for_each(kernel::lower);
    status
}

/// Completes a request as the run wants it.
fn answer(status: i32, complete: impl Fn(i32) + 'static) -> i32 {
    if wrong(Wrong::CompletesAndReturns) {
        complete(status);
        return status;
    }
    if !pair().pends.get() {
        return status;
    }
    kernel::worker(host(), "call manager", move || {
        complete(if wrong(Wrong::CompletesPending) {
            PENDING
        } else {
            status
        });
        if wrong(Wrong::CompletesTwice) {
            complete(status);
        }
    });
    PENDING
}

fn expect(context: Handle, which: usize) {
    assert_eq!(
        context as usize, CONTEXTS[which],
        "the context is the call manager's"
    );
}

unsafe extern "win64" fn open_af(
    _adapter: Handle,
    _family: *mut CO_ADDRESS_FAMILY,
    handle: Handle,
    place: *mut Handle,
) -> i32 {
    pair().managers[FAMILY].set(handle as usize);
    // SAFETY: NDIS gives a place.
    unsafe { place.write(CONTEXTS[FAMILY] as Handle) };
    answer(0, move |status| {
        // SAFETY: the handle of the open.
        unsafe { NdisCmOpenAddressFamilyComplete(status, managers(FAMILY), CONTEXTS[FAMILY] as Handle) };
    })
}

unsafe extern "win64" fn close_af(context: Handle) -> i32 {
    expect(context, FAMILY);
    answer(0, |status| {
        // SAFETY: the handle of the open.
        unsafe { NdisCmCloseAddressFamilyComplete(status, managers(FAMILY)) };
    })
}

unsafe extern "win64" fn register_sap(
    context: Handle,
    _sap: *mut CO_SAP,
    handle: Handle,
    place: *mut Handle,
) -> i32 {
    expect(context, FAMILY);
    pair().managers[SAP].set(handle as usize);
    // SAFETY: NDIS gives a place.
    unsafe { place.write(CONTEXTS[SAP] as Handle) };
    answer(0, |status| {
        // SAFETY: the handle of the registration.
        unsafe { NdisCmRegisterSapComplete(status, managers(SAP), CONTEXTS[SAP] as Handle) };
    })
}

unsafe extern "win64" fn deregister_sap(context: Handle) -> i32 {
    expect(context, SAP);
    answer(0, |status| {
        // SAFETY: the handle of the registration.
        unsafe { NdisCmDeregisterSapComplete(status, managers(SAP)) };
    })
}

unsafe extern "win64" fn create_vc(context: Handle, handle: Handle, place: *mut Handle) -> i32 {
    expect(context, FAMILY);
    pair().managers[OUTGOING].set(handle as usize);
    // SAFETY: NDIS gives a place.
    unsafe { place.write(CONTEXTS[OUTGOING] as Handle) };
    if wrong(Wrong::CreatePends) { PENDING } else { 0 }
}

unsafe extern "win64" fn delete_vc(context: Handle) -> i32 {
    expect(context, OUTGOING);
    0
}

/// `NdisMCmActivateVc` of one VC.
pub(super) fn activate_vc(which: usize) {
    let mut parameters = CO_CALL_PARAMETERS {
        Flags: 0,
        CallMgrParameters: ptr::null_mut(),
        MediaParameters: ptr::null_mut(),
    };
    // SAFETY: a VC of ours.
    let status = unsafe { NdisMCmActivateVc(managers(which), &raw mut parameters) };
    assert!(status == 0 || status == PENDING);
}

/// `NdisMCmDeactivateVc` of one VC.
pub(super) fn deactivate_vc(which: usize) -> i32 {
    // SAFETY: a VC of ours.
    unsafe { NdisMCmDeactivateVc(managers(which)) }
}

unsafe extern "win64" fn activated(status: i32, _context: Handle, _parameters: *mut CO_CALL_PARAMETERS) {
    assert_eq!(status, 0);
}
unsafe extern "win64" fn deactivated(_status: i32, _context: Handle) {}
unsafe extern "win64" fn activate(_context: Handle, _parameters: *mut CO_CALL_PARAMETERS) -> i32 {
    0
}
unsafe extern "win64" fn deactivate(_context: Handle) -> i32 {
    0
}

unsafe extern "win64" fn make_call(
    context: Handle,
    parameters: *mut CO_CALL_PARAMETERS,
    party: Handle,
    place: *mut Handle,
) -> i32 {
    expect(context, OUTGOING);
    let status = pair().answer.get();
    let mut own = 0;
    if !party.is_null() {
        own = PARTY + pair().manager_parties.borrow().len();
        pair().manager_parties.borrow_mut().push(party as usize);
    } else if wrong(Wrong::PartyContextOfNobody) {
        own = PARTY;
    }
    // SAFETY: NDIS gives a place.
    unsafe { place.write(own as Handle) };
    let (party, parameters) = (party as usize, parameters as usize);
    if (status == 0 && !wrong(Wrong::MakesInactive)) || wrong(Wrong::FailsActive) {
        activate_vc(OUTGOING);
    }
    if wrong(Wrong::IndicatesEarly) {
        indicate(OUTGOING, 1, managers(OUTGOING));
    }
    if wrong(Wrong::ClosesBeforeMade) {
        return PENDING;
    }
    let party = if wrong(Wrong::MakesForeignParty) {
        pair().managers[OUTGOING].get()
    } else {
        party
    };
    answer(status, move |status| {
        // SAFETY: the handles of the call.
        unsafe {
            NdisCmMakeCallComplete(
                status,
                managers(OUTGOING),
                party as Handle,
                own as Handle,
                parameters as *mut CO_CALL_PARAMETERS,
            );
        };
    })
}

unsafe extern "win64" fn close_call(context: Handle, party: Handle, _data: Handle, _size: u32) -> i32 {
    let which = if context as usize == CONTEXTS[INCOMING] {
        INCOMING
    } else {
        OUTGOING
    };
    let status = pair().answer.get();
    let party = party_handle(party as usize);
    if wrong(Wrong::ReportsCloseInClose) {
        crate::sim::sleep(crate::sim::MICROSECOND);
        report_close(which);
    }
    if status == 0 && !wrong(Wrong::ClosesActive) && !wrong(Wrong::ClosesWithReceives) {
        deactivate_vc(which);
    }
    let party = if wrong(Wrong::ClosesForeignParty) {
        pair().managers[OUTGOING].get()
    } else {
        party
    };
    answer(status, move |status| {
        // SAFETY: the handles of the call.
        unsafe { NdisCmCloseCallComplete(status, managers(which), party as Handle) };
        if which == INCOMING && status == 0 {
            delete_incoming();
        }
    })
}

fn party_handle(context: usize) -> usize {
    let at = context.checked_sub(PARTY);
    at.map_or(0, |at| pair().manager_parties.borrow()[at])
}

/// `NdisMCmDeleteVc` of the VC for incoming calls.
pub(super) fn delete_incoming() {
    // SAFETY: a VC of ours.
    assert_eq!(unsafe { NdisMCmDeleteVc(managers(INCOMING)) }, 0);
    note("manager deleted");
}

/// A VC for an incoming call, made and activated.
pub(super) fn create_incoming() {
    let mut handle = if wrong(Wrong::ManagerNotNull) {
        8 as Handle
    } else {
        ptr::null_mut()
    };
    // SAFETY: the handles are good.
    let status = unsafe {
        NdisMCmCreateVc(
            pair().adapter.get() as Handle,
            managers(FAMILY),
            CONTEXTS[INCOMING] as Handle,
            &raw mut handle,
        )
    };
    assert_eq!(status, 0);
    pair().managers[INCOMING].set(handle as usize);
    if !wrong(Wrong::OffersInactive) {
        activate_vc(INCOMING);
    }
}

/// Offers a call on the VC for incoming calls.
pub(super) fn offer() {
    let parameters = Box::leak(Box::new(CO_CALL_PARAMETERS {
        Flags: 0,
        CallMgrParameters: ptr::null_mut(),
        MediaParameters: ptr::null_mut(),
    }));
    // SAFETY: the handles are good, the parameters stay.
    let status = unsafe { NdisCmDispatchIncomingCall(managers(SAP), managers(INCOMING), parameters) };
    if status != PENDING {
        decided(status);
    }
}

fn decided(status: i32) {
    note(format!("decided {status:#x}"));
    if status == 0 {
        // SAFETY: the handle is good.
        unsafe { NdisCmDispatchCallConnected(managers(INCOMING)) };
    } else {
        deactivate_vc(INCOMING);
        delete_incoming();
    }
}

/// `NdisCmDispatchCallConnected` of a VC.
pub(super) fn connect(which: usize) {
    // SAFETY: the handle is good.
    unsafe { NdisCmDispatchCallConnected(managers(which)) };
}

unsafe extern "win64" fn incoming_complete(
    status: i32,
    context: Handle,
    _parameters: *mut CO_CALL_PARAMETERS,
) {
    expect(context, INCOMING);
    decided(status);
}

/// `NdisCmDispatchIncomingCloseCall` of a VC.
pub(super) fn report_close(which: usize) {
    // SAFETY: the handle is good.
    unsafe { NdisCmDispatchIncomingCloseCall(0, managers(which), ptr::null_mut(), 0) };
}

/// `NdisCmDispatchIncomingDropParty` of the party with this number.
pub(super) fn report_drop(at: usize) {
    let party = pair().manager_parties.borrow()[at];
    // SAFETY: the handle is good.
    unsafe { NdisCmDispatchIncomingDropParty(0, party as Handle, ptr::null_mut(), 0) };
}

/// `NdisCmDispatchIncomingCallQoSChange` of a VC, after an activation.
pub(super) fn change(which: usize) {
    if !wrong(Wrong::ChangesWithoutActivation) {
        activate_vc(which);
    }
    // SAFETY: the handle is good.
    unsafe { NdisCmDispatchIncomingCallQoSChange(managers(which), ptr::null_mut()) };
}

/// A completion that nobody asked for.
pub(super) fn complete_unasked() {
    // SAFETY: the handle is good.
    unsafe { NdisCmCloseCallComplete(0, managers(OUTGOING), ptr::null_mut()) };
}

/// `NdisMCmDeleteVc` of one VC.
pub(super) fn delete(which: usize) {
    // SAFETY: it is checked.
    unsafe { NdisMCmDeleteVc(managers(which)) };
}

/// `NdisCmNotifyCloseAddressFamily`.
pub(super) fn notify_close() -> i32 {
    // SAFETY: the handle is good.
    unsafe { NdisCmNotifyCloseAddressFamily(managers(FAMILY)) }
}

unsafe extern "win64" fn notified(context: Handle, status: i32) {
    expect(context, FAMILY);
    note(format!("notified {status:#x}"));
}

unsafe extern "win64" fn add_party(
    context: Handle,
    parameters: *mut CO_CALL_PARAMETERS,
    party: Handle,
    place: *mut Handle,
) -> i32 {
    expect(context, OUTGOING);
    let mut own = PARTY + pair().manager_parties.borrow().len();
    pair().manager_parties.borrow_mut().push(party as usize);
    if wrong(Wrong::AddsWithoutContext) {
        own = 0;
    }
    // SAFETY: NDIS gives a place.
    unsafe { place.write(own as Handle) };
    let (party, parameters) = (party as usize, parameters as usize);
    answer(0, move |status| {
        // SAFETY: the handles of the request.
        unsafe {
            NdisCmAddPartyComplete(
                status,
                party as Handle,
                own as Handle,
                parameters as *mut CO_CALL_PARAMETERS,
            );
        };
    })
}

unsafe extern "win64" fn drop_party(party: Handle, _data: Handle, _size: u32) -> i32 {
    let party = party_handle(party as usize);
    answer(0, move |status| {
        // SAFETY: the handle of the party.
        unsafe { NdisCmDropPartyComplete(status, party as Handle) };
    })
}

unsafe extern "win64" fn modify(context: Handle, parameters: *mut CO_CALL_PARAMETERS) -> i32 {
    expect(context, OUTGOING);
    if !wrong(Wrong::ModifiesWithoutActivation) {
        activate_vc(OUTGOING);
    }
    let parameters = parameters as usize;
    answer(0, move |status| {
        // SAFETY: the handle of the call.
        unsafe {
            NdisCmModifyCallQoSComplete(status, managers(OUTGOING), parameters as *mut CO_CALL_PARAMETERS);
        };
    })
}
