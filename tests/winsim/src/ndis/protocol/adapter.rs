//! Opening and closing an adapter, and the requests that a protocol driver sends to the miniport.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ptr::NonNull;
use std::rc::Rc;

use cxndk::sys::condis::{
    NDIS_OPEN_PARAMETERS, NDIS_OPEN_PARAMETERS_REVISION_1, NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
};
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_OBJECT_TYPE_OPEN_PARAMETERS, NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_PENDING,
    NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS, NdisMedium802_3,
};

use super::{BIND, Binding, REFUSED, open_binding};
use crate::ndis::condis;
use crate::ndis::kernel::{self, Level};
use crate::ndis::table;
use crate::sim::{self, Stream, faults};

/// `NDIS_STATUS_ADAPTER_NOT_FOUND`.
pub(in crate::ndis) const ADAPTER_NOT_FOUND: NDIS_STATUS = 0xc001_0006_u32.cast_signed();
/// `NDIS_STATUS_UNSUPPORTED_MEDIA`.
pub(in crate::ndis) const UNSUPPORTED_MEDIA: NDIS_STATUS = 0xc001_0019_u32.cast_signed();

/// Where the index of the adapter's medium in the caller's list goes, and that index; or why the adapter cannot be opened.
///
/// # Safety
/// The parameters are NULL or what their header says.
unsafe fn medium(
    binding: &Binding,
    ddi: &str,
    parameters: *mut NDIS_OPEN_PARAMETERS,
) -> Result<(usize, u32), NDIS_STATUS> {
    // SAFETY: the caller's parameters.
    let Some(given) = (unsafe { parameters.as_ref() }) else {
        sim::fail(BIND, format!("{ddi} without parameters"));
    };
    let kind = u32::from(given.Header.Type);
    let right = kind == NDIS_OBJECT_TYPE_OPEN_PARAMETERS
        && given.Header.Revision == NDIS_OPEN_PARAMETERS_REVISION_1
        && given.Header.Size >= NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1;
    if !right || given.AdapterName.is_null() || given.SelectedMediumIndex.is_null() {
        sim::fail(BIND, format!("{ddi}: incomplete parameters of type {kind:#x}"));
    }
    // SAFETY: a string of the caller's.
    let name = unsafe { &*given.AdapterName };
    let length = usize::from(name.Length / 2);
    // SAFETY: the string says how long it is.
    let units = unsafe { std::slice::from_raw_parts(name.Buffer, length) };
    if !units.iter().copied().eq(binding.adapter.name.encode_utf16()) {
        return Err(ADAPTER_NOT_FOUND);
    }
    let count = given.MediumArraySize as usize;
    // SAFETY: the caller's list.
    let media = unsafe { std::slice::from_raw_parts(given.MediumArray, count) };
    let index = media.iter().position(|medium| *medium == NdisMedium802_3);
    let index = index.ok_or(UNSUPPORTED_MEDIA)?;
    Ok((given.SelectedMediumIndex as usize, index as u32))
}

/// `NdisOpenAdapterEx`: in `ProtocolBindAdapterEx`. SUCCESS or, as the seed says, PENDING and the handler. Fault point.
///
/// # Safety
/// The parameters are complete, and the place in them stays until the open is complete; `place` is good for a handle.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisOpenAdapterEx(
    protocol: NDIS_HANDLE,
    context: NDIS_HANDLE,
    parameters: *mut NDIS_OPEN_PARAMETERS,
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
    // SAFETY: the caller's parameters.
    let (selected, index) = match unsafe { medium(&binding, ddi, parameters) } {
        Ok(medium) => medium,
        Err(status) => return status,
    };
    if faults::fire("NdisOpenAdapterEx") {
        return NDIS_STATUS_RESOURCES;
    }
    binding.context.set(context as usize);
    binding.opening.set(true);
    // SAFETY: the caller's place.
    unsafe { place.write(binding.handle) };
    // SAFETY: the caller's place.
    let select = move || unsafe { (selected as *mut u32).write(index) };
    if !sim::chance(Stream::Ndis, 500_000) {
        select();
        binding.open.set(true);
        return NDIS_STATUS_SUCCESS;
    }
    kernel::worker(protocol.host, "open of an adapter", move || {
        select();
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
    while binding.indications.get() > 0 {
        sim::sleep(sim::MICROSECOND);
    }
    binding.expect_no_packet(ddi);
    binding.wants.clear();
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

/// Requests of protocol drivers that are out, by their addresses.
#[derive(Default)]
struct Asked(RefCell<BTreeSet<usize>>);

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
    if information.InformationBuffer.is_null() && information.InformationBufferLength > 0 {
        return REFUSED;
    }
    let request = request as usize;
    if !sim::local::<Asked>().0.borrow_mut().insert(request) {
        sim::fail("OID-02", format!("{ddi}: request {request:#x} is out already"));
    }
    binding.requests.set(binding.requests.get() + 1);
    kernel::worker(binding.protocol.host, "OID request of a protocol", move || {
        ask(&binding, request as *mut NDIS_OID_REQUEST, set);
    });
    NDIS_STATUS_PENDING
}

fn ask(binding: &Rc<Binding>, request: *mut NDIS_OID_REQUEST, set: bool) {
    // SAFETY: the request is the protocol driver's until it is completed.
    let information = unsafe { &mut (*request).DATA.INFORMATION };
    let length = information.InformationBufferLength as usize;
    let start = NonNull::new(information.InformationBuffer.cast::<u8>()).unwrap_or(NonNull::dangling());
    // SAFETY: the protocol driver says how large the buffer is; without one it is empty.
    let buffer = unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), length) };
    let asked = if set {
        super::binding::ask_for_all(binding, information.Oid, buffer)
    } else {
        binding.adapter.oid(false, false, information.Oid, buffer)
    };
    let status = match asked {
        Ok(bytes) => {
            information.BytesUsed = bytes as u32;
            NDIS_STATUS_SUCCESS
        }
        Err(error) => {
            information.BytesNeeded = error.needed;
            error.status
        }
    };
    sim::local::<Asked>().0.borrow_mut().remove(&(request as usize));
    let handler = binding.protocol.characteristics.OidRequestCompleteHandler;
    let handler = handler.expect("checked at registration");
    // SAFETY: the protocol driver registered the handler; the request is its own.
    unsafe { handler(binding.context(), request, status) };
    kernel::expect_clean("ProtocolOidRequestComplete");
    binding.requests.set(binding.requests.get() - 1);
}
