//! Imports from ndis.sys.

use core::ffi::c_void;

use wdk_sys::{
    _DEVICE_OBJECT as DEVICE_OBJECT, _DRIVER_OBJECT as DRIVER_OBJECT,
    _SCATTER_GATHER_LIST as SCATTER_GATHER_LIST, LARGE_INTEGER, PHYSICAL_ADDRESS, UNICODE_STRING,
};

use super::GROUP_AFFINITY;
use super::{
    MINIPORT_SYNCHRONIZE_INTERRUPT_HANDLER, NDIS_CONFIGURATION_OBJECT, NDIS_CONFIGURATION_PARAMETER,
    NDIS_EVENT, NDIS_HANDLE, NDIS_IO_WORKITEM_ROUTINE, NDIS_MINIPORT_DRIVER_CHARACTERISTICS,
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS, NDIS_OID_REQUEST, NDIS_PARAMETER_TYPE, NDIS_SG_DMA_DESCRIPTION,
    NDIS_STATUS, NDIS_STATUS_INDICATION, NDIS_TIMER_CHARACTERISTICS, NET_BUFFER, NET_BUFFER_LIST,
    NET_PNP_EVENT_NOTIFICATION,
};

#[cfg_attr(windows, link(name = "ndis.sys", kind = "raw-dylib", modifiers = "+verbatim"))]
unsafe extern "win64" {
    /// `NdisMRegisterMiniportDriver`.
    pub fn NdisMRegisterMiniportDriver(
        driver_object: *mut DRIVER_OBJECT,
        registry_path: *mut UNICODE_STRING,
        miniport_driver_context: NDIS_HANDLE,
        miniport_driver_characteristics: *mut NDIS_MINIPORT_DRIVER_CHARACTERISTICS,
        ndis_miniport_driver_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisMDeregisterMiniportDriver`.
    pub fn NdisMDeregisterMiniportDriver(ndis_miniport_driver_handle: NDIS_HANDLE);
    /// `NdisSetOptionalHandlers`.
    pub fn NdisSetOptionalHandlers(ndis_handle: NDIS_HANDLE, optional_handlers: *mut c_void) -> NDIS_STATUS;
    /// `NdisMSetMiniportAttributes`.
    pub fn NdisMSetMiniportAttributes(
        ndis_miniport_handle: NDIS_HANDLE,
        miniport_attributes: *mut c_void,
    ) -> NDIS_STATUS;
    /// `NdisOpenConfigurationEx`.
    pub fn NdisOpenConfigurationEx(
        config_object: *mut NDIS_CONFIGURATION_OBJECT,
        configuration_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisReadConfiguration`.
    pub fn NdisReadConfiguration(
        status: *mut NDIS_STATUS,
        parameter_value: *mut *mut NDIS_CONFIGURATION_PARAMETER,
        configuration_handle: NDIS_HANDLE,
        keyword: *mut UNICODE_STRING,
        parameter_kind: NDIS_PARAMETER_TYPE,
    );
    /// `NdisCloseConfiguration`.
    pub fn NdisCloseConfiguration(configuration_handle: NDIS_HANDLE);
    /// `NdisReadNetworkAddress`.
    pub fn NdisReadNetworkAddress(
        status: *mut NDIS_STATUS,
        network_address: *mut *mut c_void,
        network_address_length: *mut u32,
        configuration_handle: NDIS_HANDLE,
    );
    /// `NdisMMapIoSpace`.
    pub fn NdisMMapIoSpace(
        virtual_address: *mut *mut c_void,
        miniport_adapter_handle: NDIS_HANDLE,
        physical_address: PHYSICAL_ADDRESS,
        length: u32,
    ) -> NDIS_STATUS;
    /// `NdisMUnmapIoSpace`.
    pub fn NdisMUnmapIoSpace(miniport_adapter_handle: NDIS_HANDLE, virtual_address: *mut c_void, length: u32);
    /// `NdisMRegisterScatterGatherDma`.
    pub fn NdisMRegisterScatterGatherDma(
        miniport_adapter_handle: NDIS_HANDLE,
        dma_description: *mut NDIS_SG_DMA_DESCRIPTION,
        ndis_miniport_dma_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisMDeregisterScatterGatherDma`.
    pub fn NdisMDeregisterScatterGatherDma(ndis_miniport_dma_handle: NDIS_HANDLE);
    /// `NdisMAllocateSharedMemory`.
    pub fn NdisMAllocateSharedMemory(
        miniport_adapter_handle: NDIS_HANDLE,
        length: u32,
        cached: u8,
        virtual_address: *mut *mut c_void,
        physical_address: *mut PHYSICAL_ADDRESS,
    );
    /// `NdisMFreeSharedMemory`.
    pub fn NdisMFreeSharedMemory(
        miniport_adapter_handle: NDIS_HANDLE,
        length: u32,
        cached: u8,
        virtual_address: *mut c_void,
        physical_address: PHYSICAL_ADDRESS,
    );
    /// `NdisMAllocateSharedMemoryAsyncEx`.
    pub fn NdisMAllocateSharedMemoryAsyncEx(
        miniport_dma_handle: NDIS_HANDLE,
        length: u32,
        cached: u8,
        context: *mut c_void,
    ) -> NDIS_STATUS;
    /// `NdisMRegisterInterruptEx`.
    pub fn NdisMRegisterInterruptEx(
        miniport_adapter_handle: NDIS_HANDLE,
        miniport_interrupt_context: NDIS_HANDLE,
        miniport_interrupt_characteristics: *mut NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS,
        ndis_interrupt_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisMDeregisterInterruptEx`.
    pub fn NdisMDeregisterInterruptEx(ndis_interrupt_handle: NDIS_HANDLE);
    /// `NdisMSynchronizeWithInterruptEx`.
    pub fn NdisMSynchronizeWithInterruptEx(
        ndis_interrupt_handle: NDIS_HANDLE,
        message_id: u32,
        synchronize_function: MINIPORT_SYNCHRONIZE_INTERRUPT_HANDLER,
        synchronize_context: *mut c_void,
    ) -> u8;
    /// `NdisMQueueDpcEx`.
    pub fn NdisMQueueDpcEx(
        ndis_interrupt_handle: NDIS_HANDLE,
        message_id: u32,
        target_processors: *mut GROUP_AFFINITY,
        miniport_dpc_context: *mut c_void,
    ) -> usize;
    /// `NdisAllocateIoWorkItem`.
    pub fn NdisAllocateIoWorkItem(ndis_object_handle: NDIS_HANDLE) -> NDIS_HANDLE;
    /// `NdisQueueIoWorkItem`.
    pub fn NdisQueueIoWorkItem(
        ndis_io_work_item_handle: NDIS_HANDLE,
        routine: NDIS_IO_WORKITEM_ROUTINE,
        work_item_context: *mut c_void,
    );
    /// `NdisFreeIoWorkItem`.
    pub fn NdisFreeIoWorkItem(ndis_io_work_item_handle: NDIS_HANDLE);
    /// `NdisAllocateTimerObject`.
    pub fn NdisAllocateTimerObject(
        ndis_handle: NDIS_HANDLE,
        timer_characteristics: *mut NDIS_TIMER_CHARACTERISTICS,
        p_timer_object: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisSetTimerObject`.
    pub fn NdisSetTimerObject(
        timer_object: NDIS_HANDLE,
        due_time: LARGE_INTEGER,
        milliseconds_period: i32,
        function_context: *mut c_void,
    ) -> u8;
    /// `NdisCancelTimerObject`.
    pub fn NdisCancelTimerObject(timer_object: NDIS_HANDLE) -> u8;
    /// `NdisFreeTimerObject`.
    pub fn NdisFreeTimerObject(timer_object: NDIS_HANDLE);
    /// `NdisInitializeEvent`.
    pub fn NdisInitializeEvent(event: *mut NDIS_EVENT);
    /// `NdisSetEvent`.
    pub fn NdisSetEvent(event: *mut NDIS_EVENT);
    /// `NdisResetEvent`.
    pub fn NdisResetEvent(event: *mut NDIS_EVENT);
    /// `NdisWaitEvent`.
    pub fn NdisWaitEvent(event: *mut NDIS_EVENT, ms_to_wait: u32) -> u8;
    /// `NdisMSleep`.
    pub fn NdisMSleep(microseconds_to_sleep: u32);
    /// `NdisAllocateMemoryWithTagPriority`.
    pub fn NdisAllocateMemoryWithTagPriority(
        ndis_handle: NDIS_HANDLE,
        length: u32,
        tag: u32,
        priority: i32,
    ) -> *mut c_void;
    /// `NdisFreeMemory`.
    pub fn NdisFreeMemory(virtual_address: *mut c_void, length: u32, memory_flags: u32);
    /// `NdisMIndicateStatusEx`.
    pub fn NdisMIndicateStatusEx(
        miniport_adapter_handle: NDIS_HANDLE,
        status_indication: *mut NDIS_STATUS_INDICATION,
    );
    /// `NdisMOidRequestComplete`.
    pub fn NdisMOidRequestComplete(
        miniport_adapter_handle: NDIS_HANDLE,
        oid_request: *mut NDIS_OID_REQUEST,
        status: NDIS_STATUS,
    );
    /// `NdisMDirectOidRequestComplete`.
    pub fn NdisMDirectOidRequestComplete(
        miniport_adapter_handle: NDIS_HANDLE,
        oid_request: *mut NDIS_OID_REQUEST,
        status: NDIS_STATUS,
    );
    /// `NdisMNetPnPEvent`.
    pub fn NdisMNetPnPEvent(
        miniport_adapter_handle: NDIS_HANDLE,
        net_pn_pevent_notification: *mut NET_PNP_EVENT_NOTIFICATION,
    ) -> NDIS_STATUS;
    /// `NdisMPauseComplete`.
    pub fn NdisMPauseComplete(miniport_adapter_handle: NDIS_HANDLE);
    /// `NdisMRestartComplete`.
    pub fn NdisMRestartComplete(miniport_adapter_handle: NDIS_HANDLE, status: NDIS_STATUS);
    /// `NdisMSendNetBufferListsComplete`.
    pub fn NdisMSendNetBufferListsComplete(
        miniport_adapter_handle: NDIS_HANDLE,
        net_buffer_list: *mut NET_BUFFER_LIST,
        send_complete_flags: u32,
    );
    /// `NdisMIndicateReceiveNetBufferLists`.
    pub fn NdisMIndicateReceiveNetBufferLists(
        miniport_adapter_handle: NDIS_HANDLE,
        net_buffer_list: *mut NET_BUFFER_LIST,
        port_number: u32,
        number_of_net_buffer_lists: u32,
        receive_flags: u32,
    );
    /// `NdisMAllocateNetBufferSGList`.
    pub fn NdisMAllocateNetBufferSGList(
        ndis_miniport_dma_handle: NDIS_HANDLE,
        net_buffer: *mut NET_BUFFER,
        context: *mut c_void,
        flags: u32,
        scatter_gather_list_buffer: *mut c_void,
        scatter_gather_list_buffer_size: u32,
    ) -> NDIS_STATUS;
    /// `NdisMFreeNetBufferSGList`.
    pub fn NdisMFreeNetBufferSGList(
        ndis_miniport_dma_handle: NDIS_HANDLE,
        p_sgl: *mut SCATTER_GATHER_LIST,
        net_buffer: *mut NET_BUFFER,
    );
    /// `NdisMGetDeviceProperty`.
    pub fn NdisMGetDeviceProperty(
        miniport_adapter_handle: NDIS_HANDLE,
        physical_device_object: *mut *mut DEVICE_OBJECT,
        functional_device_object: *mut *mut DEVICE_OBJECT,
        next_device_object: *mut *mut DEVICE_OBJECT,
        allocated_resources: *mut *mut c_void,
        allocated_resources_translated: *mut *mut c_void,
    );
    /// `NdisMGetBusData`.
    pub fn NdisMGetBusData(
        ndis_miniport_handle: NDIS_HANDLE,
        which_space: u32,
        offset: u32,
        buffer: *mut c_void,
        length: u32,
    ) -> u32;
    /// `NdisMSetBusData`.
    pub fn NdisMSetBusData(
        ndis_miniport_handle: NDIS_HANDLE,
        which_space: u32,
        offset: u32,
        buffer: *mut c_void,
        length: u32,
    ) -> u32;
    /// `NdisMRemoveMiniport`.
    pub fn NdisMRemoveMiniport(miniport_handle: NDIS_HANDLE) -> NDIS_STATUS;
    /// `NdisGetVersion`.
    pub fn NdisGetVersion() -> u32;
    /// `NdisWriteErrorLogEntry`, variadic in the header; the values that follow the count are given as three here, which
    /// is the same call in the x64 convention.
    pub fn NdisWriteErrorLogEntry(
        ndis_adapter_handle: NDIS_HANDLE,
        error_code: u32,
        number_of_error_values: u32,
        value_0: usize,
        value_1: usize,
        value_2: usize,
    );
}
