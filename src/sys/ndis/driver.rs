//! Miniport driver registration.

use super::{
    CLOSE_NDK_ADAPTER_HANDLER, MINIPORT_ADD_DEVICE_HANDLER, MINIPORT_CANCEL_DIRECT_OID_REQUEST_HANDLER,
    MINIPORT_CANCEL_OID_REQUEST_HANDLER, MINIPORT_CANCEL_SEND_HANDLER, MINIPORT_CHECK_FOR_HANG_HANDLER,
    MINIPORT_DEVICE_PNP_EVENT_NOTIFY_HANDLER, MINIPORT_DIRECT_OID_REQUEST_HANDLER, MINIPORT_DRIVER_UNLOAD,
    MINIPORT_FILTER_RESOURCE_REQUIREMENTS_HANDLER, MINIPORT_HALT_HANDLER, MINIPORT_INITIALIZE_HANDLER,
    MINIPORT_OID_REQUEST_HANDLER, MINIPORT_PAUSE_HANDLER, MINIPORT_REMOVE_DEVICE_HANDLER,
    MINIPORT_RESET_HANDLER, MINIPORT_RESTART_HANDLER, MINIPORT_RETURN_NET_BUFFER_LISTS_HANDLER,
    MINIPORT_SEND_NET_BUFFER_LISTS_HANDLER, MINIPORT_SHUTDOWN_HANDLER, MINIPORT_START_DEVICE_HANDLER,
    MINIPORT_SYNCHRONOUS_OID_REQUEST_HANDLER, NDIS_OBJECT_HEADER, NDK_VERSION, OPEN_NDK_ADAPTER_HANDLER,
    SET_OPTIONS_HANDLER,
};
use crate::sys::abi;

/// `NDIS_MINIPORT_DRIVER_CHARACTERISTICS`, 160 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_DRIVER_CHARACTERISTICS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub MajorNdisVersion: u8,
    /// At 0x5.
    pub MinorNdisVersion: u8,
    /// At 0x6.
    pub MajorDriverVersion: u8,
    /// At 0x7.
    pub MinorDriverVersion: u8,
    /// At 0x8.
    pub Flags: u32,
    /// At 0x10.
    pub SetOptionsHandler: SET_OPTIONS_HANDLER,
    /// At 0x18.
    pub InitializeHandlerEx: MINIPORT_INITIALIZE_HANDLER,
    /// At 0x20.
    pub HaltHandlerEx: MINIPORT_HALT_HANDLER,
    /// At 0x28.
    pub UnloadHandler: MINIPORT_DRIVER_UNLOAD,
    /// At 0x30.
    pub PauseHandler: MINIPORT_PAUSE_HANDLER,
    /// At 0x38.
    pub RestartHandler: MINIPORT_RESTART_HANDLER,
    /// At 0x40.
    pub OidRequestHandler: MINIPORT_OID_REQUEST_HANDLER,
    /// At 0x48.
    pub SendNetBufferListsHandler: MINIPORT_SEND_NET_BUFFER_LISTS_HANDLER,
    /// At 0x50.
    pub ReturnNetBufferListsHandler: MINIPORT_RETURN_NET_BUFFER_LISTS_HANDLER,
    /// At 0x58.
    pub CancelSendHandler: MINIPORT_CANCEL_SEND_HANDLER,
    /// At 0x60.
    pub CheckForHangHandlerEx: MINIPORT_CHECK_FOR_HANG_HANDLER,
    /// At 0x68.
    pub ResetHandlerEx: MINIPORT_RESET_HANDLER,
    /// At 0x70.
    pub DevicePnPEventNotifyHandler: MINIPORT_DEVICE_PNP_EVENT_NOTIFY_HANDLER,
    /// At 0x78.
    pub ShutdownHandlerEx: MINIPORT_SHUTDOWN_HANDLER,
    /// At 0x80.
    pub CancelOidRequestHandler: MINIPORT_CANCEL_OID_REQUEST_HANDLER,
    /// At 0x88.
    pub DirectOidRequestHandler: MINIPORT_DIRECT_OID_REQUEST_HANDLER,
    /// At 0x90.
    pub CancelDirectOidRequestHandler: MINIPORT_CANCEL_DIRECT_OID_REQUEST_HANDLER,
    /// At 0x98.
    pub SynchronousOidRequestHandler: MINIPORT_SYNCHRONOUS_OID_REQUEST_HANDLER,
}
abi!(NDIS_MINIPORT_DRIVER_CHARACTERISTICS, 160, { Header: 0, MajorNdisVersion: 4, MinorNdisVersion: 5, MajorDriverVersion: 6, MinorDriverVersion: 7, Flags: 8, SetOptionsHandler: 16, InitializeHandlerEx: 24, HaltHandlerEx: 32, UnloadHandler: 40, PauseHandler: 48, RestartHandler: 56, OidRequestHandler: 64, SendNetBufferListsHandler: 72, ReturnNetBufferListsHandler: 80, CancelSendHandler: 88, CheckForHangHandlerEx: 96, ResetHandlerEx: 104, DevicePnPEventNotifyHandler: 112, ShutdownHandlerEx: 120, CancelOidRequestHandler: 128, DirectOidRequestHandler: 136, CancelDirectOidRequestHandler: 144, SynchronousOidRequestHandler: 152 });

/// `NDIS_MINIPORT_PNP_CHARACTERISTICS`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_PNP_CHARACTERISTICS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub MiniportAddDeviceHandler: MINIPORT_ADD_DEVICE_HANDLER,
    /// At 0x10.
    pub MiniportRemoveDeviceHandler: MINIPORT_REMOVE_DEVICE_HANDLER,
    /// At 0x18.
    pub MiniportFilterResourceRequirementsHandler: MINIPORT_FILTER_RESOURCE_REQUIREMENTS_HANDLER,
    /// At 0x20.
    pub MiniportStartDeviceHandler: MINIPORT_START_DEVICE_HANDLER,
    /// At 0x28.
    pub Flags: u32,
}
abi!(NDIS_MINIPORT_PNP_CHARACTERISTICS, 48, { Header: 0, MiniportAddDeviceHandler: 8, MiniportRemoveDeviceHandler: 16, MiniportFilterResourceRequirementsHandler: 24, MiniportStartDeviceHandler: 32, Flags: 40 });

/// `NDIS_NDK_PROVIDER_CHARACTERISTICS`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_NDK_PROVIDER_CHARACTERISTICS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub OpenNDKAdapterHandler: OPEN_NDK_ADAPTER_HANDLER,
    /// At 0x10.
    pub CloseNDKAdapterHandler: CLOSE_NDK_ADAPTER_HANDLER,
}
abi!(NDIS_NDK_PROVIDER_CHARACTERISTICS, 24, { Header: 0, Flags: 4, OpenNDKAdapterHandler: 8, CloseNDKAdapterHandler: 16 });

/// `NDIS_OPEN_NDK_ADAPTER_PARAMETERS`, 12 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OPEN_NDK_ADAPTER_PARAMETERS {
    /// At 0x0.
    pub Version: NDK_VERSION,
    /// At 0x4.
    pub SwitchId: u32,
    /// At 0x8.
    pub VPortId: u32,
}
abi!(NDIS_OPEN_NDK_ADAPTER_PARAMETERS, 12, { Version: 0, SwitchId: 4, VPortId: 8 });
