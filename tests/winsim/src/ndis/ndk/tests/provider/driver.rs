//! The miniport around the small provider: no resources, only attributes.

use std::ffi::c_void;
use std::ptr;

use cxndk::sys::ndis::*;
use cxndk::sys::ndkpi::NDK_ADAPTER;
use wdk_standin::{_DRIVER_OBJECT as DRIVER_OBJECT, UNICODE_STRING};

use super::super::Wrong;
use super::{Thing, dispatch, make, state, thing, wrong};
use crate::sim;

fn header(kind: u32, revision: u8, size: usize) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER {
        Type: kind as u8,
        Revision: revision,
        Size: size as u16,
    }
}

pub(in super::super) unsafe extern "win64" fn entry(
    object: *mut DRIVER_OBJECT,
    path: *mut UNICODE_STRING,
) -> i32 {
    // SAFETY: all fields may be zero.
    let mut c: NDIS_MINIPORT_DRIVER_CHARACTERISTICS = unsafe { std::mem::zeroed() };
    c.Header = header(NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS, 2, 0x98);
    (c.MajorNdisVersion, c.MinorNdisVersion) = (6, 50);
    c.SetOptionsHandler = Some(set_options);
    c.InitializeHandlerEx = Some(initialize);
    c.HaltHandlerEx = Some(halt);
    c.UnloadHandler = Some(unload);
    c.PauseHandler = Some(pause);
    c.RestartHandler = Some(restart);
    c.OidRequestHandler = Some(oid);
    c.SendNetBufferListsHandler = Some(send);
    c.ReturnNetBufferListsHandler = Some(returned);
    c.CancelSendHandler = Some(cancel);
    c.DevicePnPEventNotifyHandler = Some(pnp_event);
    c.ShutdownHandlerEx = Some(halt);
    c.CancelOidRequestHandler = Some(cancel);
    c.DirectOidRequestHandler = Some(oid);
    c.CancelDirectOidRequestHandler = Some(cancel);
    let mut out = ptr::null_mut();
    // SAFETY: the pointers are good.
    unsafe { NdisMRegisterMiniportDriver(object, path, ptr::null_mut(), &raw mut c, &raw mut out) }
}

unsafe extern "win64" fn set_options(driver: *mut c_void, _context: *mut c_void) -> i32 {
    let mut c = NDIS_NDK_PROVIDER_CHARACTERISTICS {
        Header: header(NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS, 1, 24),
        Flags: u32::from(wrong(Wrong::ProviderFlags)),
        OpenNDKAdapterHandler: Some(open),
        CloseNDKAdapterHandler: Some(close),
    };
    state().adapter.set(driver as usize);
    // SAFETY: the pointers are good.
    unsafe { NdisSetOptionalHandlers(driver, (&raw mut c).cast()) }
}

unsafe extern "win64" fn unload(_object: *mut DRIVER_OBJECT) {
    // SAFETY: the handle is that of the registration.
    unsafe { NdisMDeregisterMiniportDriver(state().adapter.get() as *mut c_void) };
}

unsafe extern "win64" fn send(_: *mut c_void, _: *mut NET_BUFFER_LIST, _: u32, _: u32) {}
unsafe extern "win64" fn returned(_: *mut c_void, _: *mut NET_BUFFER_LIST, _: u32) {}
unsafe extern "win64" fn cancel(_: *mut c_void, _: *mut c_void) {}
unsafe extern "win64" fn pnp_event(_: *mut c_void, _: *mut NET_DEVICE_PNP_EVENT) {}
unsafe extern "win64" fn halt(_: *mut c_void, _: i32) {}
unsafe extern "win64" fn pause(_: *mut c_void, _: *mut NDIS_MINIPORT_PAUSE_PARAMETERS) -> i32 {
    0
}
unsafe extern "win64" fn restart(_: *mut c_void, _: *mut NDIS_MINIPORT_RESTART_PARAMETERS) -> i32 {
    0
}
unsafe extern "win64" fn oid(_: *mut c_void, _: *mut NDIS_OID_REQUEST) -> i32 {
    0
}

unsafe extern "win64" fn initialize(
    adapter: *mut c_void,
    _: *mut c_void,
    _: *mut NDIS_MINIPORT_INIT_PARAMETERS,
) -> i32 {
    let mut registration = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES {
        Header: header(NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 2, 32),
        MiniportAdapterContext: adapter,
        AttributeFlags: 0x45,
        CheckForHangTimeInSeconds: 0,
        InterfaceType: NdisInterfacePci,
    };
    // SAFETY: all fields may be zero.
    let mut power: NDIS_PM_CAPABILITIES = unsafe { std::mem::zeroed() };
    // SAFETY: all fields may be zero.
    let mut general: NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES = unsafe { std::mem::zeroed() };
    general.Header = header(NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, 2, 224);
    general.PhysicalMediumType = 14;
    general.MtuSize = 1500;
    (general.MaxXmitLinkSpeed, general.MaxRcvLinkSpeed) = (1, 1);
    general.LookaheadSize = 1500;
    general.MacOptions = 0x45;
    general.MaxMulticastListSize = 32;
    general.MacAddressLength = 6;
    general.PermanentMacAddress[5] = 1;
    general.CurrentMacAddress[5] = 1;
    general.IfType = 6;
    general.IfConnectorPresent = 1;
    let mut oids = [0xFC04_0201_u32, 0xFC04_0202, 0xFC04_0203, 0xFC04_0204];
    general.SupportedOidList = oids.as_mut_ptr();
    general.SupportedOidListLength = if wrong(Wrong::NoNdkOids) { 12 } else { 16 };
    general.PowerManagementCapabilitiesEx = &raw mut power;
    // SAFETY: all fields may be zero.
    let mut capabilities: NDIS_NDK_CAPABILITIES = unsafe { std::mem::zeroed() };
    if wrong(Wrong::OddCounters) {
        // Reserved.
        capabilities.MissingCounterMask = 1 << 7;
    }
    let mut ndk = NDIS_MINIPORT_ADAPTER_NDK_ATTRIBUTES {
        Header: header(NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES, 1, 16),
        Enabled: 1,
        NdkCapabilities: &raw mut capabilities,
    };
    let attributes: [*mut c_void; 3] = [
        (&raw mut registration).cast(),
        (&raw mut general).cast(),
        (&raw mut ndk).cast(),
    ];
    for each in attributes {
        // SAFETY: the attributes are good.
        let status = unsafe { NdisMSetMiniportAttributes(adapter, each) };
        if status != 0 {
            return status;
        }
    }
    0
}

unsafe extern "win64" fn open(
    _context: *mut c_void,
    parameters: *mut NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    out: *mut *mut NDK_ADAPTER,
) -> i32 {
    // SAFETY: NDIS passes parameters.
    let version = unsafe { (*parameters).Version };
    if version.Major != 1 || version.Minor > 2 {
        return NDIS_STATUS_BAD_VERSION;
    }
    if state().disabled.get() && !wrong(Wrong::OpensDisabled) {
        return NDIS_STATUS_ADAPTER_NOT_READY;
    }
    if wrong(Wrong::OpenPends) {
        return NDIS_STATUS_PENDING;
    }
    let fresh = make(cxndk::sys::ndkpi::NdkObjectTypeAdapter, dispatch::adapter(), &[]);
    if wrong(Wrong::OpenLowers) {
        // SAFETY: the object is new.
        unsafe { (*fresh).raw.Header.Version.Minor = 1 };
    }
    // SAFETY: NDIS gives a place for the adapter.
    unsafe { out.write(fresh.cast()) };
    state().opens.set(state().opens.get() + 1);
    0
}

/// Blocks until nothing but the consumer's reference holds the adapter.
unsafe extern "win64" fn close(_context: *mut c_void, adapter: *mut NDK_ADAPTER) {
    let adapter = thing(adapter.cast::<Thing>());
    while adapter.holders.get() > 1 && !wrong(Wrong::AdapterCloseReturnsEarly) {
        sim::sleep(sim::MICROSECOND);
    }
    state().opens.set(state().opens.get() - 1);
}

/// `NdisMNetPnPEvent` for NDK, as after `OID_NDK_SET_STATE`.
pub(in super::super) fn set_enabled(adapter: *mut c_void, enabled: bool) {
    state().disabled.set(!enabled);
    // SAFETY: all fields may be zero.
    let mut event: NET_PNP_EVENT_NOTIFICATION = unsafe { std::mem::zeroed() };
    event.NetPnPEvent.NetEvent = if enabled { 13 } else { 14 };
    // SAFETY: the event is good.
    unsafe { NdisMNetPnPEvent(adapter, &raw mut event) };
}
