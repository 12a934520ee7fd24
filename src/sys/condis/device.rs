//! Control devices of NDIS drivers, and the parts of an IRP that they read.

use core::ffi::c_void;

use wdk_sys::{_DEVICE_OBJECT as DEVICE_OBJECT, _MDL as MDL, GUID, KIRQL, NTSTATUS, UNICODE_STRING};

use crate::sys::abi;
use crate::sys::ndis::NDIS_OBJECT_HEADER;

/// `IRP`, 208 bytes; only what the handler of a control device reads and writes has a name.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct IRP {
    /// At 0x0.
    pub Type: i16,
    /// At 0x2.
    pub Size: u16,
    /// At 0x8.
    pub MdlAddress: *mut MDL,
    /// At 0x10.
    pub Flags: u32,
    /// At 0x18; with METHOD_BUFFERED the system's copy of the caller's buffer, which both input and output share.
    pub AssociatedIrp: *mut c_void,
    /// At 0x20.
    pub ThreadListEntry: [usize; 2],
    /// At 0x30; what the request came to.
    pub IoStatus: IO_STATUS_BLOCK,
    /// At 0x40.
    pub RequestorMode: i8,
    /// At 0x41.
    pub PendingReturned: u8,
    /// At 0x42.
    pub StackCount: i8,
    /// At 0x43.
    pub CurrentLocation: i8,
    /// At 0x44.
    pub Cancel: u8,
    /// At 0x45.
    pub CancelIrql: u8,
    /// At 0x46.
    pub Opaque: [u8; 34],
    /// At 0x68: a [`DRIVER_CANCEL`], which is exchanged atomically (`IoSetCancelRoutine`).
    pub CancelRoutine: *mut c_void,
    /// At 0x70.
    pub OpaqueMiddle: [u8; 72],
    /// At 0xb8: `Tail.Overlay.CurrentStackLocation`.
    pub CurrentStackLocation: *mut IO_STACK_LOCATION,
    /// At 0xc0: `Tail.Overlay.OriginalFileObject`.
    pub OriginalFileObject: *mut c_void,
    /// At 0xc8.
    pub OpaqueEnd: usize,
}
abi!(IRP, 208, { Type: 0, Size: 2, MdlAddress: 8, Flags: 16, AssociatedIrp: 24, ThreadListEntry: 32, IoStatus: 48, RequestorMode: 64, PendingReturned: 65, StackCount: 66, CurrentLocation: 67, Cancel: 68, CancelIrql: 69, CancelRoutine: 104, CurrentStackLocation: 184, OriginalFileObject: 192 });

/// `IO_STATUS_BLOCK`, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IO_STATUS_BLOCK {
    /// At 0x0: `NTSTATUS`.
    pub Status: NTSTATUS,
    /// At 0x8; of a device control request: bytes in the output buffer.
    pub Information: usize,
}
abi!(IO_STATUS_BLOCK, 16, { Status: 0, Information: 8 });

/// `IO_STACK_LOCATION`, 72 bytes, with the parameters of a device control request.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IO_STACK_LOCATION {
    /// At 0x0: one of `IRP_MJ_*`.
    pub MajorFunction: u8,
    /// At 0x1.
    pub MinorFunction: u8,
    /// At 0x2.
    pub Flags: u8,
    /// At 0x3.
    pub Control: u8,
    /// At 0x8.
    pub Parameters: IO_DEVICE_CONTROL_PARAMETERS,
    /// At 0x28.
    pub DeviceObject: *mut DEVICE_OBJECT,
    /// At 0x30.
    pub FileObject: *mut c_void,
    /// At 0x38.
    pub CompletionRoutine: *mut c_void,
    /// At 0x40.
    pub Context: *mut c_void,
}
abi!(IO_STACK_LOCATION, 72, { MajorFunction: 0, MinorFunction: 1, Flags: 2, Control: 3, Parameters: 8, DeviceObject: 40, FileObject: 48, CompletionRoutine: 56, Context: 64 });

/// `Parameters.DeviceIoControl` of [`IO_STACK_LOCATION`], 32 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IO_DEVICE_CONTROL_PARAMETERS {
    /// At 0x0; bytes of room.
    pub OutputBufferLength: u32,
    /// At 0x4.
    pub Padding0: u32,
    /// At 0x8; bytes.
    pub InputBufferLength: u32,
    /// At 0xc.
    pub Padding1: u32,
    /// At 0x10: a `CTL_CODE`.
    pub IoControlCode: u32,
    /// At 0x14.
    pub Padding2: u32,
    /// At 0x18.
    pub Type3InputBuffer: *mut c_void,
}
abi!(IO_DEVICE_CONTROL_PARAMETERS, 32, { OutputBufferLength: 0, InputBufferLength: 8, IoControlCode: 16, Type3InputBuffer: 24 });

/// `DRIVER_DISPATCH`: handles one kind of IRP.
pub type DRIVER_DISPATCH = Option<unsafe extern "win64" fn(*mut DEVICE_OBJECT, *mut IRP) -> NTSTATUS>;

/// `DRIVER_CANCEL`: called at DISPATCH_LEVEL with the cancel spin lock held, which it releases.
pub type DRIVER_CANCEL = Option<unsafe extern "win64" fn(*mut DEVICE_OBJECT, *mut IRP)>;

/// `SL_PENDING_RETURNED` of [`IO_STACK_LOCATION`]'s `Control`: what `IoMarkIrpPending` sets.
pub const SL_PENDING_RETURNED: u8 = 1;

/// Number of entries of a dispatch table: `IRP_MJ_MAXIMUM_FUNCTION` + 1.
pub const IRP_MJ_COUNT: usize = 28;
/// `IRP_MJ_CREATE`.
pub const IRP_MJ_CREATE: usize = 0;
/// `IRP_MJ_CLOSE`.
pub const IRP_MJ_CLOSE: usize = 2;
/// `IRP_MJ_DEVICE_CONTROL`.
pub const IRP_MJ_DEVICE_CONTROL: usize = 14;
/// `IRP_MJ_CLEANUP`.
pub const IRP_MJ_CLEANUP: usize = 18;
/// `IRP_MJ_POWER`.
pub const IRP_MJ_POWER: usize = 22;
/// `IRP_MJ_PNP`.
pub const IRP_MJ_PNP: usize = 27;

/// `CTL_CODE(device_type, function, METHOD_BUFFERED, access)`.
pub const fn ctl_code_buffered(device_type: u32, function: u32, access: u32) -> u32 {
    (device_type << 16) | (access << 14) | (function << 2)
}
/// `FILE_DEVICE_NETWORK`.
pub const FILE_DEVICE_NETWORK: u32 = 0x12;
/// `FILE_READ_ACCESS | FILE_WRITE_ACCESS`.
pub const FILE_READ_WRITE_ACCESS: u32 = 3;

#[cfg_attr(
    windows,
    link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")
)]
unsafe extern "win64" {
    /// `IofCompleteRequest`: gives the request back to the I/O manager; IRQL <= DISPATCH_LEVEL.
    pub fn IofCompleteRequest(irp: *mut IRP, priority_boost: i8);
    /// `IoAcquireCancelSpinLock`: raises to DISPATCH_LEVEL; the old IRQL goes to `irql`.
    pub fn IoAcquireCancelSpinLock(irql: *mut KIRQL);
    /// `IoReleaseCancelSpinLock`.
    pub fn IoReleaseCancelSpinLock(irql: KIRQL);
}

/// `NDIS_DEVICE_OBJECT_ATTRIBUTES`, 56 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_DEVICE_OBJECT_ATTRIBUTES {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x8.
    pub DeviceName: *mut UNICODE_STRING,
    /// At 0x10.
    pub SymbolicName: *mut UNICODE_STRING,
    /// At 0x18.
    pub MajorFunctions: *const DRIVER_DISPATCH,
    /// At 0x20.
    pub ExtensionSize: u32,
    /// At 0x28.
    pub DefaultSDDLString: *const UNICODE_STRING,
    /// At 0x30.
    pub DeviceClassGuid: *const GUID,
}
abi!(NDIS_DEVICE_OBJECT_ATTRIBUTES, 56, { Header: 0, DeviceName: 8, SymbolicName: 16, MajorFunctions: 24, ExtensionSize: 32, DefaultSDDLString: 40, DeviceClassGuid: 48 });
