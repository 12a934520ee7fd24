//! Object headers and handles that every NDIS structure begins with.

use core::ffi::c_void;

use wdk_sys::PHYSICAL_ADDRESS;

use crate::sys::abi;

/// `CM_PARTIAL_RESOURCE_DESCRIPTOR`, 20 bytes: one resource given to the device.
#[repr(C, packed(4))]
#[derive(Clone, Copy)]
pub struct CM_PARTIAL_RESOURCE_DESCRIPTOR {
    /// One of `CmResourceType*`.
    pub Type: u8,
    /// At 0x1.
    pub ShareDisposition: u8,
    /// At 0x2; for memory see `CM_RESOURCE_MEMORY_*`.
    pub Flags: u16,
    /// At 0x4, by `Type`.
    pub u: CM_PARTIAL_RESOURCE_DESCRIPTOR_u,
}
abi!(CM_PARTIAL_RESOURCE_DESCRIPTOR, 20, { Type: 0, ShareDisposition: 1, Flags: 2, u: 4 });

/// The parts of [`CM_PARTIAL_RESOURCE_DESCRIPTOR`] that the driver reads.
#[repr(C, packed(4))]
#[derive(Clone, Copy)]
pub union CM_PARTIAL_RESOURCE_DESCRIPTOR_u {
    /// `CmResourceTypeMemory`.
    pub Memory: CM_MEMORY_RESOURCE,
    /// `CmResourceTypeInterrupt`.
    pub Interrupt: [u8; 16],
}

/// `u.Memory`: a range of physical addresses.
#[repr(C, packed(4))]
#[derive(Clone, Copy)]
pub struct CM_MEMORY_RESOURCE {
    /// Physical address of the first byte.
    pub Start: i64,
    /// Length in bytes.
    pub Length: u32,
}

/// `NDIS_OBJECT_HEADER`, 4 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_OBJECT_HEADER {
    /// At 0x0.
    pub Type: u8,
    /// At 0x1.
    pub Revision: u8,
    /// At 0x2.
    pub Size: u16,
}
abi!(NDIS_OBJECT_HEADER, 4, { Type: 0, Revision: 1, Size: 2 });

/// `CM_PARTIAL_RESOURCE_LIST`, 28 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CM_PARTIAL_RESOURCE_LIST {
    /// At 0x0.
    pub Version: u16,
    /// At 0x2.
    pub Revision: u16,
    /// At 0x4.
    pub Count: u32,
    /// At 0x8.
    pub PartialDescriptors: [CM_PARTIAL_RESOURCE_DESCRIPTOR; 1],
}
abi!(CM_PARTIAL_RESOURCE_LIST, 28, { Version: 0, Revision: 2, Count: 4, PartialDescriptors: 8 });

/// `IO_INTERRUPT_MESSAGE_INFO_ENTRY`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IO_INTERRUPT_MESSAGE_INFO_ENTRY {
    /// At 0x0.
    pub MessageAddress: PHYSICAL_ADDRESS,
    /// At 0x8.
    pub TargetProcessorSet: usize,
    /// At 0x10.
    pub InterruptObject: *mut c_void,
    /// At 0x18.
    pub MessageData: u32,
    /// At 0x1c.
    pub Vector: u32,
    /// At 0x20.
    pub Irql: u8,
    /// At 0x24.
    pub Mode: i32,
    /// At 0x28.
    pub Polarity: i32,
}
abi!(IO_INTERRUPT_MESSAGE_INFO_ENTRY, 48, { MessageAddress: 0, TargetProcessorSet: 8, InterruptObject: 16, MessageData: 24, Vector: 28, Irql: 32, Mode: 36, Polarity: 40 });

/// `IO_INTERRUPT_MESSAGE_INFO`, 56 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IO_INTERRUPT_MESSAGE_INFO {
    /// At 0x0.
    pub UnifiedIrql: u8,
    /// At 0x4.
    pub MessageCount: u32,
    /// At 0x8.
    pub MessageInfo: [IO_INTERRUPT_MESSAGE_INFO_ENTRY; 1],
}
abi!(IO_INTERRUPT_MESSAGE_INFO, 56, { UnifiedIrql: 0, MessageCount: 4, MessageInfo: 8 });

/// `GROUP_AFFINITY`, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct GROUP_AFFINITY {
    /// At 0x0.
    pub Mask: usize,
    /// At 0x8.
    pub Group: u16,
    /// At 0xa.
    pub Reserved: [u16; 3],
}
abi!(GROUP_AFFINITY, 16, { Mask: 0, Group: 8, Reserved: 10 });

/// `PROCESSOR_NUMBER`, 4 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PROCESSOR_NUMBER {
    /// At 0x0.
    pub Group: u16,
    /// At 0x2.
    pub Number: u8,
    /// At 0x3.
    pub Reserved: u8,
}
abi!(PROCESSOR_NUMBER, 4, { Group: 0, Number: 2, Reserved: 3 });
