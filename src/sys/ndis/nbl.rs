//! `NET_BUFFER_LIST` and `NET_BUFFER`.

use core::ffi::c_void;

use wdk_sys::{_MDL as MDL, PHYSICAL_ADDRESS};

use super::{NDIS_HANDLE, NDIS_STATUS};
use crate::sys::abi;

/// `NET_BUFFER_LIST`, 368 bytes.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct NET_BUFFER_LIST {
    /// At 0x0.
    pub Next: *mut Self,
    /// At 0x8.
    pub FirstNetBuffer: *mut NET_BUFFER,
    /// At 0x10.
    pub Context: *mut c_void,
    /// At 0x18.
    pub ParentNetBufferList: *mut Self,
    /// At 0x20.
    pub NdisPoolHandle: NDIS_HANDLE,
    /// At 0x28.
    pub Padding: usize,
    /// At 0x30.
    pub NdisReserved: [*mut c_void; 2],
    /// At 0x40.
    pub ProtocolReserved: [*mut c_void; 4],
    /// At 0x60.
    pub MiniportReserved: [*mut c_void; 2],
    /// At 0x70.
    pub Scratch: *mut c_void,
    /// At 0x78.
    pub SourceHandle: NDIS_HANDLE,
    /// At 0x80.
    pub NblFlags: u32,
    /// At 0x84.
    pub ChildRefCount: i32,
    /// At 0x88.
    pub Flags: u32,
    /// At 0x8c.
    pub Status: NDIS_STATUS,
    /// At 0x90.
    pub NetBufferListInfo: [*mut c_void; 27],
}
abi!(NET_BUFFER_LIST, 368, { Next: 0, FirstNetBuffer: 8, Context: 16, ParentNetBufferList: 24, NdisPoolHandle: 32, Padding: 40, NdisReserved: 48, ProtocolReserved: 64, MiniportReserved: 96, Scratch: 112, SourceHandle: 120, NblFlags: 128, ChildRefCount: 132, Flags: 136, Status: 140, NetBufferListInfo: 144 });

/// `NET_BUFFER`, 176 bytes.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct NET_BUFFER {
    /// At 0x0.
    pub Next: *mut Self,
    /// At 0x8.
    pub CurrentMdl: *mut MDL,
    /// At 0x10.
    pub CurrentMdlOffset: u32,
    /// At 0x18.
    pub stDataLength: usize,
    /// At 0x20.
    pub MdlChain: *mut MDL,
    /// At 0x28.
    pub DataOffset: u32,
    /// At 0x2c.
    pub Padding: u32,
    /// At 0x30.
    pub ChecksumBias: u16,
    /// At 0x32.
    pub Reserved: u16,
    /// At 0x38.
    pub NdisPoolHandle: NDIS_HANDLE,
    /// At 0x40.
    pub NdisReserved: [*mut c_void; 2],
    /// At 0x50.
    pub ProtocolReserved: [*mut c_void; 6],
    /// At 0x80.
    pub MiniportReserved: [*mut c_void; 4],
    /// At 0xa0.
    pub DataPhysicalAddress: PHYSICAL_ADDRESS,
    /// At 0xa8.
    pub SharedMemoryInfo: *mut c_void,
}
abi!(NET_BUFFER, 176, { Next: 0, CurrentMdl: 8, CurrentMdlOffset: 16, stDataLength: 24, MdlChain: 32, DataOffset: 40, Padding: 44, ChecksumBias: 48, Reserved: 50, NdisPoolHandle: 56, NdisReserved: 64, ProtocolReserved: 80, MiniportReserved: 128, DataPhysicalAddress: 160, SharedMemoryInfo: 168 });
