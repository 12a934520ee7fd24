//! The client's CoNDIS handlers: thin functions that recover the object and tell it.
//!
//! All of them are called at `<= DISPATCH_LEVEL`. What this client never asks for, parties and changes of a call, has handlers that
//! agree or return (REG-08).

use core::ffi::c_void;

use super::{
    ask,
    run::Run,
    side::{Side, Test},
};
use crate::{
    co::{format, params, upcall::Handle},
    dyn_ref,
    nt::{Ref, Status, packet::Packets},
    sys::{
        condis::{
            self, CO_ADDRESS_FAMILY, CO_CALL_PARAMETERS, CO_SAP, NDIS_CO_CLIENT_OPTIONAL_HANDLERS,
            NDIS_CO_CLIENT_OPTIONAL_HANDLERS_REVISION_1, NDIS_PROTOCOL_CO_CHARACTERISTICS,
            NDIS_PROTOCOL_CO_CHARACTERISTICS_REVISION_1, NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL,
            NDIS_RECEIVE_FLAGS_RESOURCES, NDIS_RETURN_FLAGS_DISPATCH_LEVEL,
            NDIS_SIZEOF_CO_CLIENT_OPTIONAL_HANDLERS_REVISION_1,
            NDIS_SIZEOF_PROTOCOL_CO_CHARACTERISTICS_REVISION_1,
        },
        ndis::{
            self, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS,
            NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS, NDIS_OID_REQUEST, NDIS_STATUS_INDICATION,
            NDIS_STATUS_PENDING, NET_BUFFER_LIST,
        },
    },
};

/// `ProtocolSetOptions`: registers the connection-oriented handlers, then those of a client (REG-08, REG-09). `PASSIVE_LEVEL`.
pub(super) unsafe extern "win64" fn set_options(driver: *mut c_void, _: *mut c_void) -> i32 {
    let mut connections = NDIS_PROTOCOL_CO_CHARACTERISTICS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS as u8,
            Revision: NDIS_PROTOCOL_CO_CHARACTERISTICS_REVISION_1,
            Size: NDIS_SIZEOF_PROTOCOL_CO_CHARACTERISTICS_REVISION_1,
        },
        Flags: 0,
        CoStatusHandlerEx: Some(co_status),
        CoAfRegisterNotifyHandler: Some(af_register_notify),
        CoReceiveNetBufferListsHandler: Some(co_receive),
        CoSendNetBufferListsCompleteHandler: Some(co_send_complete),
    };
    // SAFETY: the handle that NDIS passed in, complete characteristics.
    let status = unsafe { ndis::NdisSetOptionalHandlers(driver, (&raw mut connections).cast()) };
    if status != Status::SUCCESS.0 {
        return status;
    }
    let mut client = client_handlers();
    // SAFETY: as above.
    unsafe { ndis::NdisSetOptionalHandlers(driver, (&raw mut client).cast()) }
}

const fn client_handlers() -> NDIS_CO_CLIENT_OPTIONAL_HANDLERS {
    NDIS_CO_CLIENT_OPTIONAL_HANDLERS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS as u8,
            Revision: NDIS_CO_CLIENT_OPTIONAL_HANDLERS_REVISION_1,
            Size: NDIS_SIZEOF_CO_CLIENT_OPTIONAL_HANDLERS_REVISION_1,
        },
        Reserved: 0,
        ClCreateVcHandler: Some(create_vc),
        ClDeleteVcHandler: Some(delete_vc),
        ClOidRequestHandler: Some(oid_request),
        ClOidRequestCompleteHandler: Some(oid_request_complete),
        ClOpenAfCompleteHandlerEx: Some(open_af_complete),
        ClCloseAfCompleteHandler: Some(close_af_complete),
        ClRegisterSapCompleteHandler: Some(register_sap_complete),
        ClDeregisterSapCompleteHandler: Some(deregister_sap_complete),
        ClMakeCallCompleteHandler: Some(make_call_complete),
        ClModifyCallQoSCompleteHandler: Some(modify_call_qos_complete),
        ClCloseCallCompleteHandler: Some(close_call_complete),
        ClAddPartyCompleteHandler: Some(add_party_complete),
        ClDropPartyCompleteHandler: Some(drop_party_complete),
        ClIncomingCallHandler: Some(incoming_call),
        ClIncomingCallQoSChangeHandler: Some(incoming_call_qos_change),
        ClIncomingCloseCallHandler: Some(incoming_close_call),
        ClIncomingDropPartyHandler: Some(incoming_drop_party),
        ClCallConnectedHandler: Some(call_connected),
        ClNotifyCloseAfHandler: Some(notify_close_af),
    }
}

/// The side behind the context of a VC.
///
/// # Safety
/// `context` is that of a VC that is not deleted.
unsafe fn side(context: *mut c_void) -> Ref<Side> {
    // SAFETY: the caller's promise.
    unsafe { Ref::clone_raw(context.cast::<Side>().cast_const()) }
}

/// `ProtocolClCloseCallComplete`: what `NdisClCloseCall` began is over. With success the call manager has closed the call and
/// deactivated the VC; another status is the call manager's own, and the call stands. `party` is NULL: no call of this client has
/// parties. What happens to the VC next is the script's decision, or the call manager's (CLOSE-11 to CLOSE-25).
unsafe extern "win64" fn close_call_complete(status: i32, vc: *mut c_void, _party: *mut c_void) {
    // SAFETY: NDIS's duty.
    unsafe { side(vc) }.closed(Status(status));
}

/// `ProtocolCoCreateVc`: the call manager has a call for a SAP (VC-06).
unsafe extern "win64" fn create_vc(
    context: *mut c_void,
    handle: *mut c_void,
    place: *mut *mut c_void,
) -> i32 {
    // SAFETY: NDIS's duty: the context of the family.
    let run = unsafe { Run::of(context) };
    // SAFETY: the handle of the VC that is made.
    let handle = unsafe { Handle::new(handle) };
    match Side::try_new(dyn_ref!(run => dyn Test), false, handle) {
        Ok(side) => {
            // SAFETY: NDIS's place for the result.
            unsafe { place.write(Side::give_context(side)) };
            Status::SUCCESS.0
        }
        Err(no_memory) => Status::from(no_memory).0,
    }
}

/// `ProtocolCoDeleteVc`: of a VC that the call manager made (VC-10, CLOSE-24).
unsafe extern "win64" fn delete_vc(vc: *mut c_void) -> i32 {
    // SAFETY: given away when the VC was made; NDIS calls nothing by it any more.
    unsafe { Side::forget_context(vc) }.deleted();
    Status::SUCCESS.0
}

/// `ProtocolClIncomingCall`: takes the call of this run, and none of anybody else (INC-03).
unsafe extern "win64" fn incoming_call(
    sap: *mut c_void,
    vc: *mut c_void,
    parameters: *mut CO_CALL_PARAMETERS,
) -> i32 {
    // SAFETY: NDIS's duty: the context of the SAP.
    let run = unsafe { Run::of(sap) };
    // SAFETY: NDIS's duty.
    let side = unsafe { side(vc) };
    // SAFETY: the call manager's parameters, alive during the call.
    let offered = unsafe { params::read_call(parameters) };
    let ours = offered.is_ok_and(|(call, _)| {
        call.private_data == run.mark()
            && call.remote.ip() == call.local.ip()
            && call.message_size == run.plan().message_size
    });
    if ours && Run::take(&run, &side) {
        Status::SUCCESS.0
    } else {
        Status::UNSUCCESSFUL.0
    }
}

/// `ProtocolClCallConnected` (INC-10).
unsafe extern "win64" fn call_connected(vc: *mut c_void) {
    // SAFETY: NDIS's duty.
    unsafe { side(vc) }.connected();
}

/// `ProtocolClIncomingCloseCall` (CLOSE-31).
unsafe extern "win64" fn incoming_close_call(status: i32, vc: *mut c_void, _: *mut c_void, _: u32) {
    // SAFETY: NDIS's duty.
    unsafe { side(vc) }.peer_closed(Status(status));
}

/// `ProtocolClMakeCallComplete` (MAKE-10).
unsafe extern "win64" fn make_call_complete(
    status: i32,
    vc: *mut c_void,
    _party: *mut c_void,
    _: *mut CO_CALL_PARAMETERS,
) {
    // SAFETY: NDIS's duty.
    unsafe { side(vc) }.made(Status(status));
}

/// `ProtocolClOpenAfCompleteEx` (AF-10).
unsafe extern "win64" fn open_af_complete(context: *mut c_void, handle: *mut c_void, status: i32) {
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(context) };
    ask::family_opened(&run, Status(status), handle);
}

/// `ProtocolClCloseAfComplete` (AF-15).
unsafe extern "win64" fn close_af_complete(status: i32, context: *mut c_void) {
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(context) };
    ask::family_closed(&run, Status(status));
}

/// `ProtocolClNotifyCloseAf`: the call manager goes. The script closes everything and says so (AF-22, AF-23).
unsafe extern "win64" fn notify_close_af(context: *mut c_void) -> i32 {
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(context) };
    run.state.lock().notified = true;
    run.abort(Status::NDIS_CLOSING);
    NDIS_STATUS_PENDING
}

/// `ProtocolClRegisterSapComplete` (SAP-05).
unsafe extern "win64" fn register_sap_complete(
    status: i32,
    sap: *mut c_void,
    _: *mut CO_SAP,
    handle: *mut c_void,
) {
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(sap) };
    ask::sap_registered(&run, Status(status), handle);
}

/// `ProtocolClDeregisterSapComplete` (SAP-11).
unsafe extern "win64" fn deregister_sap_complete(_: i32, sap: *mut c_void) {
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(sap) };
    ask::sap_deregistered(&run);
}

/// `ProtocolCoReceiveNetBufferLists` (DATA-12).
unsafe extern "win64" fn co_receive(
    _: *mut c_void,
    vc: *mut c_void,
    chain: *mut NET_BUFFER_LIST,
    _: u32,
    flags: u32,
) {
    // SAFETY: NDIS's duty.
    let side = unsafe { side(vc) };
    // SAFETY: lent, to be looked at.
    side.receive(&unsafe { Packets::from_raw(chain) });
    // SAFETY: NDIS lent the chain by these flags.
    unsafe { give_back(side.test().binding(), chain, flags) }
}

/// `ProtocolCoSendNetBufferListsComplete` (DATA-04).
unsafe extern "win64" fn co_send_complete(vc: *mut c_void, chain: *mut NET_BUFFER_LIST, _: u32) {
    // SAFETY: NDIS's duty.
    let side = unsafe { side(vc) };
    // SAFETY: messages of this side come back.
    unsafe { side.came_back(chain) }
}

/// Of the adapter or a VC; the call manager tells what concerns calls otherwise.
unsafe extern "win64" fn co_status(_: *mut c_void, _: *mut c_void, _: *mut NDIS_STATUS_INDICATION) {}

/// `ProtocolCoOidRequest`: there is nothing to ask of this client (OID-09).
unsafe extern "win64" fn oid_request(
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut NDIS_OID_REQUEST,
) -> i32 {
    Status::NOT_SUPPORTED.0
}

/// The client asks nothing, so nothing completes.
unsafe extern "win64" fn oid_request_complete(
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut NDIS_OID_REQUEST,
    _: i32,
) {
}

/// The client changes no call.
unsafe extern "win64" fn modify_call_qos_complete(_: i32, _: *mut c_void, _: *mut CO_CALL_PARAMETERS) {}

/// To return is to agree (QOS-08).
unsafe extern "win64" fn incoming_call_qos_change(_: *mut c_void, _: *mut CO_CALL_PARAMETERS) {}

/// The client adds no party.
unsafe extern "win64" fn add_party_complete(
    _: i32,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut CO_CALL_PARAMETERS,
) {
}

/// The client drops no party.
unsafe extern "win64" fn drop_party_complete(_: i32, _: *mut c_void) {}

/// The client has no parties.
unsafe extern "win64" fn incoming_drop_party(_: i32, _: *mut c_void, _: *mut c_void, _: u32) {}

/// Gives back what was indicated, unless it goes back by itself (DATA-10, DATA-12).
///
/// # Safety
/// NDIS indicated `chain` with `flags`, and nobody uses it any more.
pub(super) unsafe fn give_back(binding: Handle, chain: *mut NET_BUFFER_LIST, flags: u32) {
    if flags & NDIS_RECEIVE_FLAGS_RESOURCES != 0 {
        return;
    }
    let level = if flags & NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL != 0 {
        NDIS_RETURN_FLAGS_DISPATCH_LEVEL
    } else {
        0
    };
    // SAFETY: the caller's promise.
    unsafe { condis::NdisReturnNetBufferLists(binding.as_raw(), chain, level) }
}

/// `ProtocolCoAfRegisterNotify`: opens the call manager's family (AF-05). `PASSIVE_LEVEL`.
unsafe extern "win64" fn af_register_notify(context: *mut c_void, family: *mut CO_ADDRESS_FAMILY) {
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(context) };
    // SAFETY: NDIS's description, alive during the call.
    let offered = unsafe { &*family };
    let known = offered.AddressFamily == format::ADDRESS_FAMILY
        && offered.MajorVersion == format::FAMILY_MAJOR
        && offered.MinorVersion == format::FAMILY_MINOR;
    if known {
        ask::open_family(&run, family);
    }
}
