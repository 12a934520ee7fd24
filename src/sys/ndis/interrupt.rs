//! Interrupts, DMA, timers, events, configuration: the services of Initialize.

use core::ffi::c_void;

use wdk_sys::{KEVENT, UNICODE_STRING};

use super::{
    IO_INTERRUPT_MESSAGE_INFO, MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER,
    MINIPORT_DISABLE_INTERRUPT_HANDLER, MINIPORT_DISABLE_MSI_INTERRUPT_HANDLER,
    MINIPORT_ENABLE_INTERRUPT_HANDLER, MINIPORT_ENABLE_MSI_INTERRUPT_HANDLER, MINIPORT_INTERRUPT_DPC_HANDLER,
    MINIPORT_ISR_HANDLER, MINIPORT_MSI_INTERRUPT_DPC_HANDLER, MINIPORT_MSI_ISR_HANDLER,
    MINIPORT_PROCESS_SG_LIST_HANDLER, NDIS_HANDLE, NDIS_INTERRUPT_TYPE, NDIS_OBJECT_HEADER,
    NDIS_PARAMETER_TYPE, PNDIS_TIMER_FUNCTION,
};
use crate::sys::abi;

/// `NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS`, 96 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub InterruptHandler: MINIPORT_ISR_HANDLER,
    /// At 0x10.
    pub InterruptDpcHandler: MINIPORT_INTERRUPT_DPC_HANDLER,
    /// At 0x18.
    pub DisableInterruptHandler: MINIPORT_DISABLE_INTERRUPT_HANDLER,
    /// At 0x20.
    pub EnableInterruptHandler: MINIPORT_ENABLE_INTERRUPT_HANDLER,
    /// At 0x28.
    pub MsiSupported: u8,
    /// At 0x29.
    pub MsiSyncWithAllMessages: u8,
    /// At 0x30.
    pub MessageInterruptHandler: MINIPORT_MSI_ISR_HANDLER,
    /// At 0x38.
    pub MessageInterruptDpcHandler: MINIPORT_MSI_INTERRUPT_DPC_HANDLER,
    /// At 0x40.
    pub DisableMessageInterruptHandler: MINIPORT_DISABLE_MSI_INTERRUPT_HANDLER,
    /// At 0x48.
    pub EnableMessageInterruptHandler: MINIPORT_ENABLE_MSI_INTERRUPT_HANDLER,
    /// At 0x50.
    pub InterruptType: NDIS_INTERRUPT_TYPE,
    /// At 0x58.
    pub MessageInfoTable: *mut IO_INTERRUPT_MESSAGE_INFO,
}
abi!(NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS, 96, { Header: 0, InterruptHandler: 8, InterruptDpcHandler: 16, DisableInterruptHandler: 24, EnableInterruptHandler: 32, MsiSupported: 40, MsiSyncWithAllMessages: 41, MessageInterruptHandler: 48, MessageInterruptDpcHandler: 56, DisableMessageInterruptHandler: 64, EnableMessageInterruptHandler: 72, InterruptType: 80, MessageInfoTable: 88 });

/// `NDIS_RECEIVE_THROTTLE_PARAMETERS`, 8 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_RECEIVE_THROTTLE_PARAMETERS {
    /// At 0x0.
    pub MaxNblsToIndicate: u32,
    /// At 0x4.
    pub BitField4: u32,
}
abi!(NDIS_RECEIVE_THROTTLE_PARAMETERS, 8, { MaxNblsToIndicate: 0, BitField4: 4 });

/// `NDIS_SG_DMA_DESCRIPTION`, 40 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_SG_DMA_DESCRIPTION {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub MaximumPhysicalMapping: u32,
    /// At 0x10.
    pub ProcessSGListHandler: MINIPORT_PROCESS_SG_LIST_HANDLER,
    /// At 0x18.
    pub SharedMemAllocateCompleteHandler: MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER,
    /// At 0x20.
    pub ScatterGatherListSize: u32,
}
abi!(NDIS_SG_DMA_DESCRIPTION, 40, { Header: 0, Flags: 4, MaximumPhysicalMapping: 8, ProcessSGListHandler: 16, SharedMemAllocateCompleteHandler: 24, ScatterGatherListSize: 32 });

/// `NDIS_TIMER_CHARACTERISTICS`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_TIMER_CHARACTERISTICS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub AllocationTag: u32,
    /// At 0x8.
    pub TimerFunction: PNDIS_TIMER_FUNCTION,
    /// At 0x10.
    pub FunctionContext: *mut c_void,
}
abi!(NDIS_TIMER_CHARACTERISTICS, 24, { Header: 0, AllocationTag: 4, TimerFunction: 8, FunctionContext: 16 });

/// `NDIS_EVENT`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_EVENT {
    /// At 0x0.
    pub Event: KEVENT,
}
abi!(NDIS_EVENT, 24, { Event: 0 });

/// `NDIS_CONFIGURATION_OBJECT`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_CONFIGURATION_OBJECT {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub NdisHandle: NDIS_HANDLE,
    /// At 0x10.
    pub Flags: u32,
}
abi!(NDIS_CONFIGURATION_OBJECT, 24, { Header: 0, NdisHandle: 8, Flags: 16 });

/// `ParameterData` of [`NDIS_CONFIGURATION_PARAMETER`].
#[repr(C)]
#[derive(Clone, Copy)]
pub union NDIS_CONFIGURATION_PARAMETER_ParameterData {
    /// See the header.
    pub IntegerData: u32,
    /// See the header.
    pub StringData: UNICODE_STRING,
    /// See the header.
    pub BinaryData: [u64; 2],
}

/// `NDIS_CONFIGURATION_PARAMETER`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_CONFIGURATION_PARAMETER {
    /// At 0x0.
    pub ParameterType: NDIS_PARAMETER_TYPE,
    /// At 0x8.
    pub ParameterData: NDIS_CONFIGURATION_PARAMETER_ParameterData,
}
abi!(NDIS_CONFIGURATION_PARAMETER, 24, { ParameterType: 0, ParameterData: 8 });
