//! Imports from ntoskrnl.exe that wdk-sys leaves out.

use core::ffi::c_void;

use wdk_sys::{SIZE_T, ULONG};

/// `POOL_TYPE`.
pub type POOL_TYPE = i32;
/// `NonPagedPoolNx` of [`POOL_TYPE`].
pub const NonPagedPoolNx: POOL_TYPE = 512;

#[cfg_attr(
    windows,
    link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")
)]
unsafe extern "win64" {
    /// `ExAllocatePoolWithTag`: deprecated, which is why wdk-sys leaves it out; but `ExAllocatePool2` came only after Windows
    /// Server 2019.
    pub fn ExAllocatePoolWithTag(PoolType: POOL_TYPE, NumberOfBytes: SIZE_T, Tag: ULONG) -> *mut c_void;
}
