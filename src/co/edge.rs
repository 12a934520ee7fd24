//! What NDIS calls by the contexts of this floor: thin functions that recover the object and its arguments.
//!
//! All of them are called at `<= DISPATCH_LEVEL`. Those that come with the adapter's context are the adapter's.

use core::{ffi::c_void, ptr::null_mut};

use super::{
    circuit::Circuit,
    family::Family,
    format::{CloseData, FormatError},
    leg::Leg,
    params,
    sap::Sap,
    upcall::{Handle, Params},
    vc::Vc,
};
use crate::{
    nt::{Ref, Status, packet::Packets},
    sys::{
        condis::{
            CM_OPEN_AF_HANDLER, CO_CALL_PARAMETERS, CO_OID_REQUEST_HANDLER, CO_SAP,
            NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS, NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS_REVISION_1,
            NDIS_MINIPORT_CO_CHARACTERISTICS, NDIS_SIZEOF_CO_CALL_MANAGER_OPTIONAL_HANDLERS_REVISION_1,
            NDIS_SIZEOF_MINIPORT_CO_CHARACTERISTICS_REVISION_1, W_CO_OID_REQUEST_HANDLER,
        },
        ndis::{
            NDIS_MINIPORT_CO_CHARACTERISTICS_REVISION_1, NDIS_OBJECT_HEADER,
            NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS, NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS,
            NDIS_OID_REQUEST, NET_BUFFER_LIST,
        },
    },
};

/// The object behind a context.
///
/// # Safety
/// `context` is what this floor gave NDIS for a `T`, which NDIS has not been told to forget.
unsafe fn object<T>(context: *mut c_void) -> Ref<T> {
    // SAFETY: the caller's promise.
    unsafe { Ref::clone_raw(context.cast::<T>().cast_const()) }
}

/// The miniport half of the registration (REG-03); `request` is the adapter's.
pub const fn miniport_characteristics(request: W_CO_OID_REQUEST_HANDLER) -> NDIS_MINIPORT_CO_CHARACTERISTICS {
    NDIS_MINIPORT_CO_CHARACTERISTICS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS as u8,
            Revision: NDIS_MINIPORT_CO_CHARACTERISTICS_REVISION_1 as u8,
            Size: NDIS_SIZEOF_MINIPORT_CO_CHARACTERISTICS_REVISION_1,
        },
        Flags: 0,
        CoCreateVcHandler: None,
        CoDeleteVcHandler: None,
        CoActivateVcHandler: Some(co_activate_vc),
        CoDeactivateVcHandler: Some(co_deactivate_vc),
        CoSendNetBufferListsHandler: Some(co_send_net_buffer_lists),
        CoOidRequestHandler: request,
    }
}

/// The call manager half of the registration (REG-04, REG-05, REG-07); `open` and `request` are the adapter's.
pub const fn manager_handlers(
    open: CM_OPEN_AF_HANDLER,
    request: CO_OID_REQUEST_HANDLER,
) -> NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS {
    NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS as u8,
            Revision: NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS_REVISION_1,
            Size: NDIS_SIZEOF_CO_CALL_MANAGER_OPTIONAL_HANDLERS_REVISION_1,
        },
        Reserved: 0,
        CmCreateVcHandler: Some(cm_create_vc),
        CmDeleteVcHandler: Some(cm_delete_vc),
        CmOpenAfHandler: open,
        CmCloseAfHandler: Some(cm_close_af),
        CmRegisterSapHandler: Some(cm_register_sap),
        CmDeregisterSapHandler: Some(cm_deregister_sap),
        CmMakeCallHandler: Some(cm_make_call),
        CmCloseCallHandler: Some(cm_close_call),
        CmIncomingCallCompleteHandler: Some(cm_incoming_call_complete),
        CmAddPartyHandler: Some(cm_add_party),
        CmDropPartyHandler: Some(cm_drop_party),
        CmActivateVcCompleteHandler: Some(cm_activate_vc_complete),
        CmDeactivateVcCompleteHandler: Some(cm_deactivate_vc_complete),
        CmModifyCallQoSHandler: Some(cm_modify_call_qos),
        CmOidRequestHandler: request,
        CmOidRequestCompleteHandler: Some(cm_oid_request_complete),
        CmNotifyCloseAfCompleteHandler: Some(cm_notify_close_af_complete),
    }
}

unsafe extern "win64" fn cm_close_af(context: *mut c_void) -> i32 {
    // SAFETY: NDIS's duty.
    let family = unsafe { object::<Family>(context) };
    Family::close(&family).0
}

unsafe extern "win64" fn cm_notify_close_af_complete(context: *mut c_void, _: i32) {
    // SAFETY: NDIS's duty.
    let family = unsafe { object::<Family>(context) };
    family.answered();
}

unsafe extern "win64" fn cm_register_sap(
    context: *mut c_void,
    sap: *mut CO_SAP,
    handle: *mut c_void,
    place: *mut *mut c_void,
) -> i32 {
    // SAFETY: NDIS's duty.
    let family = unsafe { object::<Family>(context) };
    // SAFETY: the handle of the SAP that is registered.
    let handle = unsafe { Handle::new(handle) };
    // SAFETY: the client's duty: a SAP with as many bytes as it says.
    let parsed = unsafe { params::read_sap(sap) };
    // SAFETY: NDIS's place for the result; the completion brings it.
    unsafe { place.write(null_mut()) };
    match parsed {
        Ok(sap) => Sap::register(&family, sap, handle).0,
        Err(error) => error.in_sap().0,
    }
}

unsafe extern "win64" fn cm_deregister_sap(context: *mut c_void) -> i32 {
    // SAFETY: NDIS's duty.
    let sap = unsafe { object::<Sap>(context) };
    Sap::deregister(&sap).0
}

unsafe extern "win64" fn cm_create_vc(
    context: *mut c_void,
    handle: *mut c_void,
    place: *mut *mut c_void,
) -> i32 {
    // SAFETY: NDIS's duty.
    let family = unsafe { object::<Family>(context) };
    // SAFETY: the handle of the VC that is made.
    let handle = unsafe { Handle::new(handle) };
    match Vc::create(&family, handle) {
        Ok(vc) => {
            // SAFETY: NDIS's place for the result.
            unsafe { place.write(vc.context()) };
            Status::SUCCESS.0
        }
        Err(status) => status.0,
    }
}

unsafe extern "win64" fn cm_delete_vc(context: *mut c_void) -> i32 {
    // SAFETY: NDIS's duty.
    unsafe { object::<Vc>(context) }.delete().0
}

unsafe extern "win64" fn cm_make_call(
    context: *mut c_void,
    raw: *mut CO_CALL_PARAMETERS,
    party: *mut c_void,
    place: *mut *mut c_void,
) -> i32 {
    // SAFETY: NDIS's duty.
    let vc = unsafe { object::<Vc>(context) };
    // SAFETY: the handle of the party that the call begins with, or NULL.
    let party = unsafe { Handle::new(party) };
    // SAFETY: the client's duty (MAKE-02).
    let read = unsafe { params::read_call(raw) };
    // SAFETY: the client's duty: they stay until the call is made or is not.
    let kept = unsafe { Params::new(raw) };
    let made = read
        .map_err(FormatError::in_call)
        .and_then(|(call, rounded)| vc.make_call(call, rounded, kept, party));
    // SAFETY: NULL or NDIS's place for the party's context.
    unsafe { pended(made, place) }
}

unsafe extern "win64" fn cm_add_party(
    context: *mut c_void,
    raw: *mut CO_CALL_PARAMETERS,
    party: *mut c_void,
    place: *mut *mut c_void,
) -> i32 {
    // SAFETY: NDIS's duty.
    let vc = unsafe { object::<Vc>(context) };
    // SAFETY: the handle of the party that is added.
    let party = unsafe { Handle::new(party) };
    // SAFETY: the client's duty.
    let read = unsafe { params::read_call(raw) };
    // SAFETY: the client's duty: they stay until the party is added or is not.
    let kept = unsafe { Params::new(raw) };
    let added = read
        .map_err(FormatError::in_call)
        .and_then(|(call, _)| vc.add_party(call, kept, party));
    // SAFETY: NULL or NDIS's place for the party's context.
    unsafe { pended(added, place) }
}

/// A request that pends brings a context; one that failed does not.
///
/// # Safety
/// `place` is NULL or valid for writing.
unsafe fn pended(result: Result<*mut c_void, Status>, place: *mut *mut c_void) -> i32 {
    match result {
        Ok(party) => {
            // SAFETY: the caller's promise.
            if let Some(place) = unsafe { place.as_mut() } {
                *place = party;
            }
            Status::PENDING.0
        }
        Err(status) => status.0,
    }
}

/// A client's close data.
///
/// # Safety
/// `data` is NULL or leads to `size` bytes.
unsafe fn close_data(data: *const c_void, size: u32) -> Option<CloseData> {
    if data.is_null() || size == 0 {
        return Some(CloseData::EMPTY);
    }
    // SAFETY: the caller's promise.
    CloseData::capture(unsafe { core::slice::from_raw_parts(data.cast::<u8>(), size as usize) })
}

unsafe extern "win64" fn cm_close_call(
    context: *mut c_void,
    party: *mut c_void,
    data: *mut c_void,
    size: u32,
) -> i32 {
    // SAFETY: NDIS's duty.
    let vc = unsafe { object::<Vc>(context) };
    let party = if party.is_null() {
        Handle::NULL
    } else {
        // SAFETY: NDIS's duty: the context of a party of this VC.
        unsafe { object::<Leg>(party) }.party()
    };
    // SAFETY: the client's duty.
    let Some(close_data) = (unsafe { close_data(data, size) }) else {
        return Status::NDIS_INVALID_DATA.0;
    };
    vc.close_call(party, close_data).0
}

unsafe extern "win64" fn cm_drop_party(party: *mut c_void, data: *mut c_void, size: u32) -> i32 {
    // SAFETY: NDIS's duty.
    let leg = unsafe { object::<Leg>(party) };
    // SAFETY: the client's duty.
    let Some(close_data) = (unsafe { close_data(data, size) }) else {
        return Status::NDIS_INVALID_DATA.0;
    };
    leg.drop_party(close_data).0
}

unsafe extern "win64" fn cm_incoming_call_complete(
    status: i32,
    context: *mut c_void,
    raw: *mut CO_CALL_PARAMETERS,
) {
    // SAFETY: NDIS's duty.
    let vc = unsafe { object::<Vc>(context) };
    // SAFETY: the parameters that were offered, or NULL.
    let offered = unsafe { Params::new(raw) };
    // SAFETY: as above.
    let changes = unsafe { params::changes(offered) };
    vc.decided(Status(status), changes);
}

unsafe extern "win64" fn cm_activate_vc_complete(
    status: i32,
    context: *mut c_void,
    _: *mut CO_CALL_PARAMETERS,
) {
    // SAFETY: NDIS's duty.
    unsafe { object::<Vc>(context) }.activated(Status(status));
}

/// Deactivation is synchronous (VC-26): nothing waits for this (E-03).
unsafe extern "win64" fn cm_deactivate_vc_complete(_: i32, _: *mut c_void) {}

unsafe extern "win64" fn cm_modify_call_qos(context: *mut c_void, raw: *mut CO_CALL_PARAMETERS) -> i32 {
    // SAFETY: NDIS's duty.
    let vc = unsafe { object::<Vc>(context) };
    // SAFETY: the client's duty.
    let read = unsafe { params::read_call(raw) };
    // SAFETY: the client's duty: they stay until the change is made or is not.
    let kept = unsafe { Params::new(raw) };
    match read {
        Ok((call, rounded)) => vc.modify(call, rounded, kept).0,
        Err(error) => error.in_change().0,
    }
}

/// The call manager and the miniport are one: it has seen to this before it told NDIS (VC-29: what it cannot do is refused).
unsafe extern "win64" fn co_activate_vc(_: *mut c_void, raw: *mut CO_CALL_PARAMETERS) -> i32 {
    // SAFETY: NDIS's parameters, alive during the call.
    match unsafe { params::read_call(raw) } {
        Ok(_) => Status::SUCCESS.0,
        Err(error) => error.in_change().0,
    }
}

/// As [`co_activate_vc`].
unsafe extern "win64" fn co_deactivate_vc(_: *mut c_void) -> i32 {
    Status::SUCCESS.0
}

unsafe extern "win64" fn co_send_net_buffer_lists(context: *mut c_void, chain: *mut NET_BUFFER_LIST, _: u32) {
    // SAFETY: NDIS's duty.
    let vc = unsafe { object::<Vc>(context) };
    // SAFETY: NDIS gives the chain to the VC.
    Circuit::send(&vc.circuit, unsafe { Packets::from_raw(chain) });
}

/// The call manager asks nothing of its clients, so nothing completes (OID-08).
unsafe extern "win64" fn cm_oid_request_complete(
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut NDIS_OID_REQUEST,
    _: i32,
) {
}

/// The VC behind a context of a request, if there is one.
///
/// # Safety
/// `context` is NULL or what this floor gave NDIS for a VC that is not deleted.
pub unsafe fn vc(context: *mut c_void) -> Option<Ref<Vc>> {
    if context.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { object(context) })
}
