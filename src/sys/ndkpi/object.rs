//! Objects of the Network Direct kernel interface.

use core::ffi::c_void;

use wdk_sys::{NTSTATUS, PHYSICAL_ADDRESS};

use super::{
    NDK_ADAPTER_DISPATCH, NDK_CONNECTOR_DISPATCH, NDK_CQ_DISPATCH, NDK_LISTENER_DISPATCH, NDK_MR_DISPATCH,
    NDK_MW_DISPATCH, NDK_OBJECT_TYPE, NDK_OPERATION_TYPE, NDK_PD_DISPATCH, NDK_QP_DISPATCH,
    NDK_SHARED_ENDPOINT_DISPATCH, NDK_SRQ_DISPATCH, NDK_VERSION,
};
use crate::sys::abi;

/// `NDK_OBJECT_HEADER_RESERVED_BLOCK`, 32 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_OBJECT_HEADER_RESERVED_BLOCK {
    /// At 0x0.
    pub rf: [*mut c_void; 4],
}
abi!(NDK_OBJECT_HEADER_RESERVED_BLOCK, 32, { rf: 0 });

/// `NDK_OBJECT_HEADER`, 40 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_OBJECT_HEADER {
    /// At 0x0.
    pub Version: NDK_VERSION,
    /// At 0x4.
    pub ObjectType: NDK_OBJECT_TYPE,
    /// At 0x8.
    pub NdkReserved: NDK_OBJECT_HEADER_RESERVED_BLOCK,
}
abi!(NDK_OBJECT_HEADER, 40, { Version: 0, ObjectType: 4, NdkReserved: 8 });

/// `NDK_ADAPTER`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_ADAPTER {
    /// At 0x0.
    pub Header: NDK_OBJECT_HEADER,
    /// At 0x28.
    pub Dispatch: *const NDK_ADAPTER_DISPATCH,
}
abi!(NDK_ADAPTER, 48, { Header: 0, Dispatch: 40 });

/// `NDK_CQ`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_CQ {
    /// At 0x0.
    pub Header: NDK_OBJECT_HEADER,
    /// At 0x28.
    pub Dispatch: *const NDK_CQ_DISPATCH,
}
abi!(NDK_CQ, 48, { Header: 0, Dispatch: 40 });

/// `NDK_PD`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_PD {
    /// At 0x0.
    pub Header: NDK_OBJECT_HEADER,
    /// At 0x28.
    pub Dispatch: *const NDK_PD_DISPATCH,
}
abi!(NDK_PD, 48, { Header: 0, Dispatch: 40 });

/// `NDK_MR`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_MR {
    /// At 0x0.
    pub Header: NDK_OBJECT_HEADER,
    /// At 0x28.
    pub Dispatch: *const NDK_MR_DISPATCH,
}
abi!(NDK_MR, 48, { Header: 0, Dispatch: 40 });

/// `NDK_MW`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_MW {
    /// At 0x0.
    pub Header: NDK_OBJECT_HEADER,
    /// At 0x28.
    pub Dispatch: *const NDK_MW_DISPATCH,
}
abi!(NDK_MW, 48, { Header: 0, Dispatch: 40 });

/// `NDK_SRQ`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_SRQ {
    /// At 0x0.
    pub Header: NDK_OBJECT_HEADER,
    /// At 0x28.
    pub Dispatch: *const NDK_SRQ_DISPATCH,
}
abi!(NDK_SRQ, 48, { Header: 0, Dispatch: 40 });

/// `NDK_QP`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_QP {
    /// At 0x0.
    pub Header: NDK_OBJECT_HEADER,
    /// At 0x28.
    pub Dispatch: *const NDK_QP_DISPATCH,
}
abi!(NDK_QP, 48, { Header: 0, Dispatch: 40 });

/// `NDK_SHARED_ENDPOINT`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_SHARED_ENDPOINT {
    /// At 0x0.
    pub Header: NDK_OBJECT_HEADER,
    /// At 0x28.
    pub Dispatch: *const NDK_SHARED_ENDPOINT_DISPATCH,
}
abi!(NDK_SHARED_ENDPOINT, 48, { Header: 0, Dispatch: 40 });

/// `NDK_CONNECTOR`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_CONNECTOR {
    /// At 0x0.
    pub Header: NDK_OBJECT_HEADER,
    /// At 0x28.
    pub Dispatch: *const NDK_CONNECTOR_DISPATCH,
}
abi!(NDK_CONNECTOR, 48, { Header: 0, Dispatch: 40 });

/// `NDK_LISTENER`, 48 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_LISTENER {
    /// At 0x0.
    pub Header: NDK_OBJECT_HEADER,
    /// At 0x28.
    pub Dispatch: *const NDK_LISTENER_DISPATCH,
}
abi!(NDK_LISTENER, 48, { Header: 0, Dispatch: 40 });

/// `NDK_RESULT`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_RESULT {
    /// At 0x0.
    pub Status: NTSTATUS,
    /// At 0x4.
    pub BytesTransferred: u32,
    /// At 0x8.
    pub QPContext: *mut c_void,
    /// At 0x10.
    pub RequestContext: *mut c_void,
}
abi!(NDK_RESULT, 24, { Status: 0, BytesTransferred: 4, QPContext: 8, RequestContext: 16 });

/// `NDK_RESULT_EX`, 40 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_RESULT_EX {
    /// At 0x0.
    pub Status: NTSTATUS,
    /// At 0x4.
    pub BytesTransferred: u32,
    /// At 0x8.
    pub QPContext: *mut c_void,
    /// At 0x10.
    pub RequestContext: *mut c_void,
    /// At 0x18.
    pub Type: NDK_OPERATION_TYPE,
    /// At 0x20.
    pub TypeSpecificCompletionOutput: usize,
}
abi!(NDK_RESULT_EX, 40, { Status: 0, BytesTransferred: 4, QPContext: 8, RequestContext: 16, Type: 24, TypeSpecificCompletionOutput: 32 });

/// `NDK_LOGICAL_ADDRESS_MAPPING`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_LOGICAL_ADDRESS_MAPPING {
    /// At 0x0.
    pub AdapterContext: *mut c_void,
    /// At 0x8.
    pub AdapterPageCount: u32,
    /// At 0x10.
    pub AdapterPageArray: [PHYSICAL_ADDRESS; 1],
}
abi!(NDK_LOGICAL_ADDRESS_MAPPING, 24, { AdapterContext: 0, AdapterPageCount: 8, AdapterPageArray: 16 });

/// `NDK_SGE`, 16 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_SGE {
    /// At 0x0.
    pub VirtualAddress: *mut c_void,
    /// At 0x8.
    pub Length: u32,
    /// At 0xc.
    pub MemoryRegionToken: u32,
}
abi!(NDK_SGE, 16, { VirtualAddress: 0, Length: 8, MemoryRegionToken: 12 });

/// `NDK_EXTENSION_INTERFACE`, 8 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_EXTENSION_INTERFACE {
    /// At 0x0.
    pub Dispatch: *const c_void,
}
abi!(NDK_EXTENSION_INTERFACE, 8, { Dispatch: 0 });
