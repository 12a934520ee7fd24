//! Types of the handlers and callbacks of NDIS.

use core::ffi::c_void;

use wdk_sys::{
    _DEVICE_OBJECT as DEVICE_OBJECT, _DRIVER_OBJECT as DRIVER_OBJECT,
    _SCATTER_GATHER_LIST as SCATTER_GATHER_LIST, LARGE_INTEGER,
};

use super::{
    NDIS_MINIPORT_INIT_PARAMETERS, NDIS_MINIPORT_PAUSE_PARAMETERS, NDIS_MINIPORT_RESTART_PARAMETERS,
    NDIS_OID_REQUEST, NDIS_OPEN_NDK_ADAPTER_PARAMETERS, NDK_ADAPTER, NET_BUFFER_LIST, NET_DEVICE_PNP_EVENT,
};

/// `CLOSE_NDK_ADAPTER_HANDLER`.
pub type CLOSE_NDK_ADAPTER_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, *mut NDK_ADAPTER)>;

/// `MINIPORT_ADD_DEVICE_HANDLER`.
pub type MINIPORT_ADD_DEVICE_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, *mut c_void) -> i32>;

/// `MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER`.
pub type MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut LARGE_INTEGER, u32, *mut c_void)>;

/// `MINIPORT_CANCEL_DIRECT_OID_REQUEST_HANDLER`.
pub type MINIPORT_CANCEL_DIRECT_OID_REQUEST_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void)>;

/// `MINIPORT_CANCEL_OID_REQUEST_HANDLER`.
pub type MINIPORT_CANCEL_OID_REQUEST_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, *mut c_void)>;

/// `MINIPORT_CANCEL_SEND_HANDLER`.
pub type MINIPORT_CANCEL_SEND_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, *mut c_void)>;

/// `MINIPORT_CHECK_FOR_HANG_HANDLER`.
pub type MINIPORT_CHECK_FOR_HANG_HANDLER = Option<unsafe extern "win64" fn(*mut c_void) -> u8>;

/// `MINIPORT_DEVICE_PNP_EVENT_NOTIFY_HANDLER`.
pub type MINIPORT_DEVICE_PNP_EVENT_NOTIFY_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NET_DEVICE_PNP_EVENT)>;

/// `MINIPORT_DIRECT_OID_REQUEST_HANDLER`.
pub type MINIPORT_DIRECT_OID_REQUEST_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NDIS_OID_REQUEST) -> i32>;

/// `MINIPORT_DISABLE_INTERRUPT_HANDLER`.
pub type MINIPORT_DISABLE_INTERRUPT_HANDLER = Option<unsafe extern "win64" fn(*mut c_void)>;

/// `MINIPORT_DISABLE_MSI_INTERRUPT_HANDLER`.
pub type MINIPORT_DISABLE_MSI_INTERRUPT_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, u32)>;

/// `MINIPORT_DRIVER_UNLOAD`.
pub type MINIPORT_DRIVER_UNLOAD = Option<unsafe extern "win64" fn(*mut DRIVER_OBJECT)>;

/// `MINIPORT_ENABLE_INTERRUPT_HANDLER`.
pub type MINIPORT_ENABLE_INTERRUPT_HANDLER = Option<unsafe extern "win64" fn(*mut c_void)>;

/// `MINIPORT_ENABLE_MSI_INTERRUPT_HANDLER`.
pub type MINIPORT_ENABLE_MSI_INTERRUPT_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, u32)>;

/// `MINIPORT_FILTER_RESOURCE_REQUIREMENTS_HANDLER`.
pub type MINIPORT_FILTER_RESOURCE_REQUIREMENTS_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void) -> i32>;

/// `MINIPORT_HALT_HANDLER`.
pub type MINIPORT_HALT_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, i32)>;

/// `MINIPORT_INITIALIZE_HANDLER`.
pub type MINIPORT_INITIALIZE_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut NDIS_MINIPORT_INIT_PARAMETERS) -> i32>;

/// `MINIPORT_INTERRUPT_DPC_HANDLER`.
pub type MINIPORT_INTERRUPT_DPC_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut c_void, *mut c_void)>;

/// `MINIPORT_ISR_HANDLER`.
pub type MINIPORT_ISR_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, *mut u8, *mut u32) -> u8>;

/// `MINIPORT_MSI_INTERRUPT_DPC_HANDLER`.
pub type MINIPORT_MSI_INTERRUPT_DPC_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, u32, *mut c_void, *mut c_void, *mut c_void)>;

/// `MINIPORT_MSI_ISR_HANDLER`.
pub type MINIPORT_MSI_ISR_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, u32, *mut u8, *mut u32) -> u8>;

/// `MINIPORT_OID_REQUEST_HANDLER`.
pub type MINIPORT_OID_REQUEST_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NDIS_OID_REQUEST) -> i32>;

/// `MINIPORT_PAUSE_HANDLER`.
pub type MINIPORT_PAUSE_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NDIS_MINIPORT_PAUSE_PARAMETERS) -> i32>;

/// `MINIPORT_PROCESS_SG_LIST_HANDLER`.
pub type MINIPORT_PROCESS_SG_LIST_HANDLER =
    Option<unsafe extern "win64" fn(*mut DEVICE_OBJECT, *mut c_void, *mut SCATTER_GATHER_LIST, *mut c_void)>;

/// `MINIPORT_REMOVE_DEVICE_HANDLER`.
pub type MINIPORT_REMOVE_DEVICE_HANDLER = Option<unsafe extern "win64" fn(*mut c_void)>;

/// `MINIPORT_RESET_HANDLER`.
pub type MINIPORT_RESET_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, *mut u8) -> i32>;

/// `MINIPORT_RESTART_HANDLER`.
pub type MINIPORT_RESTART_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NDIS_MINIPORT_RESTART_PARAMETERS) -> i32>;

/// `MINIPORT_RETURN_NET_BUFFER_LISTS_HANDLER`.
pub type MINIPORT_RETURN_NET_BUFFER_LISTS_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NET_BUFFER_LIST, u32)>;

/// `MINIPORT_SEND_NET_BUFFER_LISTS_HANDLER`.
pub type MINIPORT_SEND_NET_BUFFER_LISTS_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NET_BUFFER_LIST, u32, u32)>;

/// `MINIPORT_SHUTDOWN_HANDLER`.
pub type MINIPORT_SHUTDOWN_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, i32)>;

/// `MINIPORT_START_DEVICE_HANDLER`.
pub type MINIPORT_START_DEVICE_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, *mut c_void) -> i32>;

/// `MINIPORT_SYNCHRONIZE_INTERRUPT_HANDLER`.
pub type MINIPORT_SYNCHRONIZE_INTERRUPT_HANDLER = Option<unsafe extern "win64" fn(*mut c_void) -> u8>;

/// `MINIPORT_SYNCHRONOUS_OID_REQUEST_HANDLER`.
pub type MINIPORT_SYNCHRONOUS_OID_REQUEST_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NDIS_OID_REQUEST) -> i32>;

/// `NDIS_IO_WORKITEM_ROUTINE`.
pub type NDIS_IO_WORKITEM_ROUTINE = Option<unsafe extern "win64" fn(*mut c_void, *mut c_void)>;

/// `OPEN_NDK_ADAPTER_HANDLER`.
pub type OPEN_NDK_ADAPTER_HANDLER = Option<
    unsafe extern "win64" fn(
        *mut c_void,
        *mut NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
        *mut *mut NDK_ADAPTER,
    ) -> i32,
>;

/// `PNDIS_TIMER_FUNCTION`.
pub type PNDIS_TIMER_FUNCTION =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut c_void, *mut c_void)>;

/// `SET_OPTIONS_HANDLER`.
pub type SET_OPTIONS_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, *mut c_void) -> i32>;
