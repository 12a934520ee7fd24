//! The tiny call manager.

mod call;
mod packets;
mod party;
mod requests;
mod vc;

use std::ffi::c_void;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

pub(super) use self::call::{change, complete_unasked, connect, offer, report_close, report_failure};
use self::call::{close_call, incoming_complete, make_call, modify};
pub(in crate::ndis) use self::packets::returned;
use self::packets::{allocate_pool, free_pool, send};
pub(super) use self::packets::{
    complete_send, incoming, indicate, indicate_again, indicate_for_now, outgoing,
};
pub(super) use self::party::report_drop;
use self::party::{add_party, drop_party};
pub(super) use self::requests::{ask_client, indicate_status, indicate_status_of};
use self::requests::{miniport_request, request, request_complete};

use self::vc::{activate, activated, create_vc, deactivate, deactivated, delete_vc};
pub(super) use self::vc::{
    activate_vc, complete_as_miniport, create_incoming, deactivate_vc, delete, delete_incoming,
};

use super::{FAMILY, SAP, Wrong, host, inside, note, pair, wrong};
use crate::ndis::kernel;

const PENDING: i32 = NDIS_STATUS_PENDING;
type Handle = *mut c_void;

/// Contexts of the call manager.
pub(super) const CONTEXTS: [usize; 4] = [0x11, 0x12, 0x13, 0x14];
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

/// The beginning of the tiny miniport's `MiniportHaltEx`.
pub(in crate::ndis) fn halt() {
    inside("halt");
    free_pool();
}

/// Whether it registers before the tiny miniport has its interrupts.
pub(in crate::ndis) fn registers_early() -> bool {
    wrong(Wrong::RegistersEarly)
}

/// The end of the tiny miniport's `MiniportInitializeEx`.
pub(in crate::ndis) fn register_family(adapter: NDIS_HANDLE) -> i32 {
    if !pair().on.get() {
        return 0;
    }
    allocate_pool(adapter);
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
    if status != NDIS_STATUS_SUCCESS {
        free_pool();
    }
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
    answer(pair().answer.get(), |status| {
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
    inside("register_sap");
    answer(0, |status| {
        // SAFETY: the handle of the registration.
        unsafe { NdisCmRegisterSapComplete(status, managers(SAP), CONTEXTS[SAP] as Handle) };
    })
}

unsafe extern "win64" fn deregister_sap(context: Handle) -> i32 {
    expect(context, SAP);
    inside("deregister_sap");
    answer(0, |status| {
        // SAFETY: the handle of the registration.
        unsafe { NdisCmDeregisterSapComplete(status, managers(SAP)) };
    })
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
