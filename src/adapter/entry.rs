//! What NDIS calls: thin functions that recover the adapter and its arguments.

use core::ffi::c_void;

use super::{Adapter, resources::Resources};
use crate::{
    co::client::SelfTest,
    nt::{NdisHandle, Passive, Ref, Status},
    sys::{
        ndis::{
            NDIS_DEVICE_PNP_EVENT, NDIS_HALT_ACTION, NDIS_MINIPORT_INIT_PARAMETERS,
            NDIS_MINIPORT_PAUSE_PARAMETERS, NDIS_MINIPORT_RESTART_PARAMETERS, NDIS_OID_REQUEST,
            NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NET_BUFFER_LIST, NET_DEVICE_PNP_EVENT,
            NdisDevicePnPEventSurpriseRemoved, NdisHaltDeviceFailed, NdisHaltDeviceSurpriseRemoved,
            NdisShutdownBugCheck,
        },
        ndkpi::NDK_ADAPTER,
    },
};

/// Another reference to the adapter behind a context.
///
/// # Safety
/// `context` is what [`initialize`] gave NDIS, and [`halt`] has not returned.
pub(super) unsafe fn adapter(context: *mut c_void) -> Ref<Adapter> {
    // SAFETY: the caller's promise.
    unsafe { Ref::clone_raw(context.cast::<Adapter>().cast_const()) }
}

/// `MiniportInitializeEx`. `PASSIVE_LEVEL`.
pub(crate) unsafe extern "win64" fn initialize(
    ndis: *mut c_void,
    driver: *mut c_void,
    parameters: *mut NDIS_MINIPORT_INIT_PARAMETERS,
) -> i32 {
    // SAFETY: NDIS calls at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the adapter's handle, which lives until Halt returned.
    let ndis = unsafe { NdisHandle::new(ndis) };
    // SAFETY: NDIS's parameters, alive during the call.
    let parameters = unsafe { &*parameters };
    // SAFETY: NULL or NDIS's list of resources, alive during the call.
    let resources = unsafe { Resources::from_list(parameters.AllocatedResources.cast_const().cast()) };
    // SAFETY: the driver's context, which outlives its adapters.
    let self_test = unsafe { Ref::clone_raw(driver.cast::<SelfTest>().cast_const()) };
    match Adapter::initialize(ndis, parameters.NetLuid, resources, passive) {
        Ok(adapter) => {
            adapter.offer_to(self_test, passive);
            // NDIS has had this pointer since the registration attributes; from now on it stands for a reference.
            let _context = Ref::into_raw(adapter);
            Status::SUCCESS.0
        }
        Err(status) => status.0,
    }
}

/// `MiniportHaltEx`. `PASSIVE_LEVEL`.
pub(crate) unsafe extern "win64" fn halt(context: *mut c_void, action: NDIS_HALT_ACTION) {
    // SAFETY: NDIS calls at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the reference that `initialize` gave away; NDIS does not use it after this call.
    let adapter = unsafe { Ref::from_raw(context.cast::<Adapter>().cast_const()) };
    let gone = action == NdisHaltDeviceSurpriseRemoved || action == NdisHaltDeviceFailed;
    adapter.halt(gone);
    let self_test = adapter.withdraw_from_test();
    Adapter::undo(&adapter, passive);
    if let Some(self_test) = self_test {
        self_test.adapter_gone(adapter.luid, passive);
    }
}

/// `MiniportPause`. `PASSIVE_LEVEL`.
pub(crate) unsafe extern "win64" fn pause(
    context: *mut c_void,
    _: *mut NDIS_MINIPORT_PAUSE_PARAMETERS,
) -> i32 {
    // SAFETY: NDIS calls at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the adapter's context.
    unsafe { adapter(context) }.pause(passive).0
}

/// `MiniportRestart`. `PASSIVE_LEVEL`.
pub(crate) unsafe extern "win64" fn restart(
    context: *mut c_void,
    _: *mut NDIS_MINIPORT_RESTART_PARAMETERS,
) -> i32 {
    // SAFETY: the adapter's context.
    unsafe { adapter(context) }.restart().0
}

/// `MiniportShutdownEx`. Any IRQL if the system has crashed, else `PASSIVE_LEVEL`.
pub(crate) unsafe extern "win64" fn shutdown(context: *mut c_void, action: i32) {
    if action == NdisShutdownBugCheck {
        // Rule SHUT-02. (It comes only to those who ask for it.)
        return;
    }
    // SAFETY: without a crash NDIS calls at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the adapter's context.
    unsafe { adapter(context) }.shut_down(passive);
}

/// `MiniportDevicePnPEventNotify`. `PASSIVE_LEVEL`.
pub(crate) unsafe extern "win64" fn device_pnp_event_notify(
    context: *mut c_void,
    event: *mut NET_DEVICE_PNP_EVENT,
) {
    // SAFETY: NDIS's event, alive during the call.
    let event: NDIS_DEVICE_PNP_EVENT = unsafe { (*event).DevicePnPEvent };
    if event == NdisDevicePnPEventSurpriseRemoved {
        // SAFETY: the adapter's context.
        Adapter::surprise_removed(&unsafe { adapter(context) });
    }
}

/// `MiniportSendNetBufferLists`. `<= DISPATCH_LEVEL`.
pub(crate) unsafe extern "win64" fn send_net_buffer_lists(
    context: *mut c_void,
    chain: *mut NET_BUFFER_LIST,
    _: u32,
    flags: u32,
) {
    // SAFETY: the adapter's context: NDIS sends nothing to an adapter that is halted.
    let adapter = unsafe { &*context.cast::<Adapter>() };
    // SAFETY: NDIS gives the chain to the adapter.
    unsafe { adapter.send(chain, flags) }
}

/// `MiniportReturnNetBufferLists`. `<= DISPATCH_LEVEL`.
pub(crate) unsafe extern "win64" fn return_net_buffer_lists(
    context: *mut c_void,
    chain: *mut NET_BUFFER_LIST,
    _: u32,
) {
    // SAFETY: the adapter's context: NDIS halts no adapter whose packets it has.
    let adapter = unsafe { &*context.cast::<Adapter>() };
    // SAFETY: NDIS gives back what was indicated.
    unsafe { adapter.give_back(chain) }
}

/// `MiniportCancelSend`. `<= DISPATCH_LEVEL`.
pub(crate) unsafe extern "win64" fn cancel_send(context: *mut c_void, id: *mut c_void) {
    // SAFETY: the adapter's context.
    unsafe { adapter(context) }.cancel_sends(id);
}

/// `MiniportOidRequest`. `PASSIVE_LEVEL`.
pub(crate) unsafe extern "win64" fn oid_request(context: *mut c_void, request: *mut NDIS_OID_REQUEST) -> i32 {
    // SAFETY: NDIS calls at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the adapter's context.
    let adapter = unsafe { adapter(context) };
    // SAFETY: NDIS's request, the adapter's until it is completed.
    unsafe { Adapter::request(&adapter, request, passive) }.0
}

/// `MiniportCancelOidRequest`. `<= DISPATCH_LEVEL`.
pub(crate) unsafe extern "win64" fn cancel_oid_request(context: *mut c_void, id: *mut c_void) {
    // SAFETY: the adapter's context.
    unsafe { adapter(context) }.cancel_request(id);
}

/// `MiniportDirectOidRequest`. `<= DISPATCH_LEVEL`.
pub(crate) unsafe extern "win64" fn direct_oid_request(
    context: *mut c_void,
    request: *mut NDIS_OID_REQUEST,
) -> i32 {
    // SAFETY: the adapter's context.
    let adapter = unsafe { adapter(context) };
    // SAFETY: NDIS's request, the adapter's until it is completed.
    unsafe { Adapter::direct_request(&adapter, request) }.0
}

/// `MiniportCancelDirectOidRequest`. `<= DISPATCH_LEVEL`.
pub(crate) unsafe extern "win64" fn cancel_direct_oid_request(context: *mut c_void, id: *mut c_void) {
    // SAFETY: the adapter's context.
    unsafe { adapter(context) }.cancel_direct_request(id);
}

/// `OpenNDKAdapterHandler`. `PASSIVE_LEVEL`.
pub(crate) unsafe extern "win64" fn open_ndk_adapter(
    context: *mut c_void,
    parameters: *mut NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    result: *mut *mut NDK_ADAPTER,
) -> i32 {
    // SAFETY: the adapter's context.
    let adapter = unsafe { adapter(context) };
    // SAFETY: NDIS's parameters, alive during the call.
    let parameters = unsafe { &*parameters };
    match adapter.open_network_direct(parameters) {
        Ok(opened) => {
            // SAFETY: NDIS's place for the result.
            unsafe { result.write(opened.as_ptr()) };
            Status::SUCCESS.0
        }
        Err(status) => status.0,
    }
}

/// `CloseNDKAdapterHandler`. `PASSIVE_LEVEL`; blocks.
pub(crate) unsafe extern "win64" fn close_ndk_adapter(context: *mut c_void, opened: *mut NDK_ADAPTER) {
    // SAFETY: NDIS calls at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the adapter's context.
    let adapter = unsafe { adapter(context) };
    // SAFETY: what `open_ndk_adapter` gave, closed once.
    unsafe { adapter.close_network_direct(opened, passive) }
}
