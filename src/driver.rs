//! The driver's own life: registration with NDIS, unload.

use core::ffi::c_void;

use wdk_sys::{_DRIVER_OBJECT as DRIVER_OBJECT, NTSTATUS, UNICODE_STRING};

use crate::{
    adapter::{
        condis, entry,
        version::{DRIVER_MAJOR, DRIVER_MINOR, NDIS_MAJOR, NDIS_MINOR},
    },
    co::client::SelfTest,
    nt::{NdisHandle, Passive, Ref, Status, driver_object::DriverExtension},
    sys::ndis::{
        self, NDIS_MINIPORT_DRIVER_CHARACTERISTICS, NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
        NDIS_NDK_PROVIDER_CHARACTERISTICS, NDIS_NDK_PROVIDER_CHARACTERISTICS_REVISION_1, NDIS_OBJECT_HEADER,
        NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS, NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS,
        NDIS_SIZEOF_NDK_PROVIDER_CHARACTERISTICS_REVISION_1,
    },
};

/// The entry point of `cxndk.sys`. `PASSIVE_LEVEL`.
///
/// Returns what NDIS says to the registration (rule DRV-01). Its section is gone from memory when it has returned.
///
/// # Safety
/// Called by the system, once, with the driver's own driver object and its registry path.
#[unsafe(no_mangle)]
#[cfg_attr(windows, unsafe(link_section = "INIT"))]
pub unsafe extern "win64" fn DriverEntry(
    driver: *mut DRIVER_OBJECT,
    registry_path: *mut UNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: DriverEntry is called at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the driver's own driver object; whatever uses the extension is gone when that goes.
    let extension = match unsafe { DriverExtension::create(driver, passive) } {
        Ok(extension) => extension,
        Err(status) => return status.0,
    };
    let self_test = match SelfTest::try_new() {
        Ok(self_test) => self_test,
        Err(no_memory) => return Status::from(no_memory).0,
    };
    let mut characteristics = characteristics();
    let context = Ref::as_ptr(&self_test).cast_mut().cast();
    // SAFETY: complete characteristics; the extension outlives the registration, and the context its adapters.
    let status = unsafe {
        ndis::NdisMRegisterMiniportDriver(
            driver,
            registry_path,
            context,
            &raw mut characteristics,
            extension.ndis_handle_place(),
        )
    };
    if status != Status::SUCCESS.0 {
        return status;
    }
    // SAFETY: the driver's handle, which lives until `unload` has stopped the self-test.
    let handle = unsafe { NdisHandle::new(extension.ndis_handle()) };
    if let Err(no_memory) = self_test.prepare(handle) {
        drop(self_test);
        // SAFETY: registered above; there is no adapter yet (rule DRV-09).
        unsafe { ndis::NdisMDeregisterMiniportDriver(extension.ndis_handle()) };
        return Status::from(no_memory).0;
    }
    extension.set_context(Ref::into_raw(self_test).cast());
    status
}

/// Undoes `DriverEntry` (rule DRV-11).
unsafe extern "win64" fn unload(driver: *mut DRIVER_OBJECT) {
    // SAFETY: unload is called at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: the driver's own driver object.
    let Some(extension) = (unsafe { DriverExtension::of(driver) }) else {
        return;
    };
    let context = extension.take_context();
    if !context.is_null() {
        // SAFETY: what `DriverEntry` gave away; no adapter uses it any more.
        let self_test = unsafe { Ref::from_raw(context.cast::<SelfTest>()) };
        self_test.stop(passive);
    }
    // SAFETY: registered by `DriverEntry`; there is no adapter left.
    unsafe { ndis::NdisMDeregisterMiniportDriver(extension.ndis_handle()) }
}

/// Registers the optional services: CoNDIS miniport and call manager, then the Network Direct provider (rules DRV-07, REG-02,
/// ADAPTER-01).
unsafe extern "win64" fn set_options(driver: *mut c_void, _: *mut c_void) -> NTSTATUS {
    let mut provider = NDIS_NDK_PROVIDER_CHARACTERISTICS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS as u8,
            Revision: NDIS_NDK_PROVIDER_CHARACTERISTICS_REVISION_1 as u8,
            Size: NDIS_SIZEOF_NDK_PROVIDER_CHARACTERISTICS_REVISION_1 as u16,
        },
        Flags: 0,
        OpenNDKAdapterHandler: Some(entry::open_ndk_adapter),
        CloseNDKAdapterHandler: Some(entry::close_ndk_adapter),
    };
    if let Err(status) = condis::set_options(driver) {
        return status.0;
    }
    // SAFETY: the handle that NDIS passed in, complete characteristics.
    let status = unsafe { ndis::NdisSetOptionalHandlers(driver, (&raw mut provider).cast()) };
    Status(status).0
}

/// What NDIS shall call (rules DRV-02 to DRV-08, DRV-12).
const fn characteristics() -> NDIS_MINIPORT_DRIVER_CHARACTERISTICS {
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS as u8,
            Revision: NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2 as u8,
            // Revision 2 ends before the synchronous OID handler.
            Size: core::mem::offset_of!(NDIS_MINIPORT_DRIVER_CHARACTERISTICS, SynchronousOidRequestHandler)
                as u16,
        },
        MajorNdisVersion: NDIS_MAJOR,
        MinorNdisVersion: NDIS_MINOR,
        MajorDriverVersion: DRIVER_MAJOR,
        MinorDriverVersion: DRIVER_MINOR,
        Flags: 0,
        SetOptionsHandler: Some(set_options),
        InitializeHandlerEx: Some(entry::initialize),
        HaltHandlerEx: Some(entry::halt),
        UnloadHandler: Some(unload),
        PauseHandler: Some(entry::pause),
        RestartHandler: Some(entry::restart),
        OidRequestHandler: Some(entry::oid_request),
        SendNetBufferListsHandler: Some(entry::send_net_buffer_lists),
        ReturnNetBufferListsHandler: Some(entry::return_net_buffer_lists),
        CancelSendHandler: Some(entry::cancel_send),
        CheckForHangHandlerEx: None,
        ResetHandlerEx: None,
        DevicePnPEventNotifyHandler: Some(entry::device_pnp_event_notify),
        ShutdownHandlerEx: Some(entry::shutdown),
        CancelOidRequestHandler: Some(entry::cancel_oid_request),
        DirectOidRequestHandler: Some(entry::direct_oid_request),
        CancelDirectOidRequestHandler: Some(entry::cancel_direct_oid_request),
        SynchronousOidRequestHandler: None,
    }
}
