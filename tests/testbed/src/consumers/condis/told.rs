//! What the client is told: `ProtocolCl*` and `ProtocolCo*`.

use std::ffi::c_void;

use cxndk::co::{format::Call, params};
use cxndk::sys::condis::{CO_CALL_PARAMETERS, CO_SAP, NDIS_CO_CLIENT_OPTIONAL_HANDLERS};
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS, NDIS_OID_REQUEST, NDIS_STATUS,
    NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS,
};

use super::object::{add, of_context};
use super::{CoHandle, News, OfferAnswer, family, protocol, request};
use crate::sim;

type Context = *mut c_void;
type Params = *mut CO_CALL_PARAMETERS;

/// All handlers of a client.
pub(super) fn handlers() -> NDIS_CO_CLIENT_OPTIONAL_HANDLERS {
    let size = size_of::<NDIS_CO_CLIENT_OPTIONAL_HANDLERS>();
    NDIS_CO_CLIENT_OPTIONAL_HANDLERS {
        Header: protocol::header(NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS, 1, size),
        Reserved: 0,
        ClCreateVcHandler: Some(create_vc),
        ClDeleteVcHandler: Some(delete_vc),
        ClOidRequestHandler: Some(asked),
        ClOidRequestCompleteHandler: Some(answered),
        ClOpenAfCompleteHandlerEx: Some(family_opened),
        ClCloseAfCompleteHandler: Some(family_closed),
        ClRegisterSapCompleteHandler: Some(sap_registered),
        ClDeregisterSapCompleteHandler: Some(sap_deregistered),
        ClMakeCallCompleteHandler: Some(call_made),
        ClModifyCallQoSCompleteHandler: Some(qos_modified),
        ClCloseCallCompleteHandler: Some(call_closed),
        ClAddPartyCompleteHandler: Some(party_added),
        ClDropPartyCompleteHandler: Some(party_dropped),
        ClIncomingCallHandler: Some(incoming_call),
        ClIncomingCallQoSChangeHandler: Some(incoming_qos),
        ClIncomingCloseCallHandler: Some(incoming_close),
        ClIncomingDropPartyHandler: Some(incoming_drop),
        ClCallConnectedHandler: Some(connected),
        ClNotifyCloseAfHandler: Some(close_asked),
    }
}

/// The bytes of a peer's last words.
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

/// The parameters that the call manager gave; what cannot be read is a violation.
///
/// # Safety
/// `raw` leads to complete parameters.
unsafe fn call(raw: Params, what: &str) -> Call {
    // SAFETY: the caller's promise.
    match unsafe { params::read_call(raw) } {
        Ok((call, _)) => call,
        Err(error) => sim::fail(
            "INC-12",
            format!("{what}: parameters that nobody understands: {error:?}"),
        ),
    }
}

unsafe extern "win64" fn family_opened(context: Context, handle: NDIS_HANDLE, status: NDIS_STATUS) {
    let family = of_context(context);
    family.handle.set(handle);
    family.opened.set(Some(status));
}

unsafe extern "win64" fn family_closed(status: NDIS_STATUS, context: Context) {
    family::family_closed(&of_context(context), status);
}

/// The scenario closes what there is; the last close answers.
unsafe extern "win64" fn close_asked(context: Context) -> NDIS_STATUS {
    of_context(context).tell(News::CloseAsked);
    NDIS_STATUS_PENDING
}

unsafe extern "win64" fn sap_registered(
    status: NDIS_STATUS,
    context: Context,
    _: *mut CO_SAP,
    handle: NDIS_HANDLE,
) {
    let sap = of_context(context);
    sap.handle.set(handle);
    family::sap_registered(&sap, status);
}

unsafe extern "win64" fn sap_deregistered(status: NDIS_STATUS, context: Context) {
    if status == NDIS_STATUS_SUCCESS {
        of_context(context).tell(News::SapDeregistered);
    }
}

unsafe extern "win64" fn create_vc(
    context: Context,
    handle: NDIS_HANDLE,
    place: *mut Context,
) -> NDIS_STATUS {
    let family = of_context(context);
    let vc = add(&family.client, "VC", family.id);
    vc.by_manager.set(true);
    vc.handle.set(handle);
    // SAFETY: NDIS gives a place for the context.
    unsafe { place.write(vc.context()) };
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn delete_vc(context: Context) -> NDIS_STATUS {
    of_context(context).tell(News::Deleted);
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn call_made(status: NDIS_STATUS, context: Context, _: NDIS_HANDLE, params: Params) {
    let vc = of_context(context);
    // SAFETY: the parameters that the client has lent.
    let changed = unsafe { params::is_changed(params) };
    vc.take_parameters_back();
    vc.tell(News::Made(status, changed));
}

unsafe extern "win64" fn call_closed(status: NDIS_STATUS, context: Context, party: Context) {
    let party = if party.is_null() {
        CoHandle::NULL
    } else {
        of_context(party).id
    };
    let vc = of_context(context);
    vc.take_bytes_back();
    vc.tell(News::Closed(status, party));
}

unsafe extern "win64" fn qos_modified(status: NDIS_STATUS, context: Context, _: Params) {
    let vc = of_context(context);
    vc.take_parameters_back();
    vc.tell(News::QosModified(status));
}

unsafe extern "win64" fn party_added(status: NDIS_STATUS, context: Context, handle: NDIS_HANDLE, _: Params) {
    let party = of_context(context);
    party.handle.set(handle);
    party.take_parameters_back();
    party.tell(News::PartyAdded(status));
}

unsafe extern "win64" fn party_dropped(status: NDIS_STATUS, context: Context) {
    of_context(context).tell(News::PartyDropped(status));
}

unsafe extern "win64" fn incoming_call(sap: Context, context: Context, params: Params) -> NDIS_STATUS {
    let (sap, vc) = (of_context(sap), of_context(context));
    // SAFETY: the call manager's parameters.
    let offer = unsafe { call(params, "ProtocolClIncomingCall") };
    vc.offered.set(params);
    vc.tell(News::Offered(offer.private_data.as_slice().to_vec()));
    let answer = vc.client.answers.borrow().get(&sap.parent).copied();
    match answer.unwrap_or(OfferAnswer::Inline(NDIS_STATUS_SUCCESS)) {
        OfferAnswer::Inline(status) => status,
        OfferAnswer::Later => NDIS_STATUS_PENDING,
    }
}

unsafe extern "win64" fn connected(context: Context) {
    of_context(context).tell(News::Connected);
}

unsafe extern "win64" fn incoming_qos(context: Context, params: Params) {
    // SAFETY: the call manager's parameters.
    let flow = unsafe { call(params, "ProtocolClIncomingCallQoSChange") }.flow;
    of_context(context).tell(News::QosOffered(flow.transmit, flow.receive));
}

unsafe extern "win64" fn incoming_close(status: NDIS_STATUS, context: Context, data: Context, size: u32) {
    // SAFETY: the call manager's buffer.
    let words = unsafe { words(data, size) };
    of_context(context).tell(News::PeerClosed(status, words));
}

unsafe extern "win64" fn incoming_drop(status: NDIS_STATUS, context: Context, data: Context, size: u32) {
    // SAFETY: the call manager's buffer.
    let words = unsafe { words(data, size) };
    of_context(context).tell(News::PeerDropped(status, words));
}

unsafe extern "win64" fn asked(
    family: Context,
    _: Context,
    _: Context,
    _: *mut NDIS_OID_REQUEST,
) -> NDIS_STATUS {
    sim::note(format!("client, family {:?}: a request", of_context(family).id));
    NDIS_STATUS_NOT_SUPPORTED
}

unsafe extern "win64" fn answered(
    _: Context,
    _: Context,
    _: Context,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    request::answered(request, status);
}
