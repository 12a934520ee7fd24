//! Opening and closing an adapter, and the requests that a protocol driver sends to the miniport.

use std::rc::Rc;

use cxndk::sys::condis::NDIS_OPEN_PARAMETERS;
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_PENDING, NDIS_STATUS_RESOURCES,
    NDIS_STATUS_SUCCESS,
};

use super::{BIND, Binding, REFUSED, open_binding};
use crate::ndis::condis;
use crate::ndis::kernel::{self, Level};
use crate::ndis::table;
use crate::sim::{self, Stream, faults};

/// `NdisOpenAdapterEx`: in `ProtocolBindAdapterEx`. SUCCESS or, as the seed says, PENDING and the handler. Fault point.
///
/// # Safety
/// `place` is good for a handle.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisOpenAdapterEx(
    protocol: NDIS_HANDLE,
    context: NDIS_HANDLE,
    _parameters: *mut NDIS_OPEN_PARAMETERS,
    bind_context: NDIS_HANDLE,
    place: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisOpenAdapterEx";
    kernel::enter(ddi, Level::Passive);
    let protocol = table::protocol(protocol, ddi);
    let binding = table::binding(bind_context, ddi);
    if binding.protocol.handle != protocol.handle || binding.opening.get() {
        sim::fail(
            BIND,
            format!("{ddi} outside of ProtocolBindAdapterEx, or for the second time"),
        );
    }
    if faults::fire("NdisOpenAdapterEx") {
        return NDIS_STATUS_RESOURCES;
    }
    binding.context.set(context as usize);
    binding.opening.set(true);
    // SAFETY: the caller's place.
    unsafe { place.write(binding.handle) };
    if !sim::chance(Stream::Ndis, 500_000) {
        binding.open.set(true);
        return NDIS_STATUS_SUCCESS;
    }
    kernel::worker(protocol.host, "open of an adapter", move || {
        binding.open.set(true);
        let handler = binding.protocol.characteristics.OpenAdapterCompleteHandlerEx;
        let handler = handler.expect("checked at registration");
        // SAFETY: the protocol driver registered the handler.
        unsafe { handler(binding.context(), NDIS_STATUS_SUCCESS) };
        kernel::expect_clean("ProtocolOpenAdapterCompleteEx");
    });
    NDIS_STATUS_PENDING
}

/// `NdisCloseAdapterEx`: with every address family closed (HALT-01); it completes after the last request of the binding.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCloseAdapterEx(handle: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisCloseAdapterEx";
    kernel::enter(ddi, Level::Passive);
    let binding = table::binding(handle, ddi);
    if !binding.open.get() || binding.closing.replace(true) {
        sim::fail(BIND, format!("{ddi} of an adapter that is not open"));
    }
    let families = condis::families_of_binding(&binding);
    if families > 0 {
        sim::fail("HALT-01", format!("{ddi} with {families} address families open"));
    }
    binding.open.set(false);
    if binding.requests.get() == 0 && !sim::chance(Stream::Ndis, 500_000) {
        binding.closed.set(true);
        return NDIS_STATUS_SUCCESS;
    }
    kernel::worker(binding.protocol.host, "close of an adapter", move || {
        while binding.requests.get() > 0 {
            sim::sleep(sim::MICROSECOND);
        }
        binding.closed.set(true);
        let handler = binding.protocol.characteristics.CloseAdapterCompleteHandlerEx;
        let handler = handler.expect("checked at registration");
        // SAFETY: the protocol driver registered the handler.
        unsafe { handler(binding.context()) };
        kernel::expect_clean("ProtocolCloseAdapterCompleteEx");
    });
    NDIS_STATUS_PENDING
}

/// `NdisOidRequest`: one after the other with all others of the adapter, so it pends.
///
/// # Safety
/// The request is complete and stays until it is completed.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisOidRequest(
    handle: NDIS_HANDLE,
    request: *mut NDIS_OID_REQUEST,
) -> NDIS_STATUS {
    let ddi = "NdisOidRequest";
    kernel::enter(ddi, Level::Dispatch);
    let binding = open_binding(handle, ddi);
    // SAFETY: the caller's request; query and set agree in these fields.
    let information = unsafe { (*request).DATA.INFORMATION };
    // SAFETY: the caller's request.
    let set = unsafe { (*request).RequestType } == cxndk::sys::ndis::NdisRequestSetInformation;
    if information.InformationBuffer.is_null() {
        return REFUSED;
    }
    binding.requests.set(binding.requests.get() + 1);
    let request = request as usize;
    kernel::worker(binding.protocol.host, "OID request of a protocol", move || {
        ask(&binding, request as *mut NDIS_OID_REQUEST, set);
    });
    NDIS_STATUS_PENDING
}

fn ask(binding: &Rc<Binding>, request: *mut NDIS_OID_REQUEST, set: bool) {
    // SAFETY: the request is the protocol driver's until it is completed.
    let information = unsafe { &mut (*request).DATA.INFORMATION };
    let length = information.InformationBufferLength as usize;
    // SAFETY: the protocol driver says how large the buffer is.
    let buffer =
        unsafe { std::slice::from_raw_parts_mut(information.InformationBuffer.cast::<u8>(), length) };
    let status = match binding.adapter.oid(false, set, information.Oid, buffer) {
        Ok(bytes) => {
            information.BytesUsed = bytes as u32;
            NDIS_STATUS_SUCCESS
        }
        Err(error) => {
            information.BytesNeeded = error.needed;
            error.status
        }
    };
    let handler = binding.protocol.characteristics.OidRequestCompleteHandler;
    let handler = handler.expect("checked at registration");
    // SAFETY: the protocol driver registered the handler; the request is its own.
    unsafe { handler(binding.context(), request, status) };
    kernel::expect_clean("ProtocolOidRequestComplete");
    binding.requests.set(binding.requests.get() - 1);
}
