//! Imports from ndis.sys for NET_BUFFER_LIST pools and control devices.

use core::ffi::c_void;

use wdk_sys::{_DEVICE_OBJECT as DEVICE_OBJECT, _MDL as MDL};

use super::{NDIS_DEVICE_OBJECT_ATTRIBUTES, NET_BUFFER_LIST_POOL_PARAMETERS, NET_BUFFER_POOL_PARAMETERS};
use crate::sys::ndis::{NDIS_HANDLE, NDIS_STATUS, NET_BUFFER, NET_BUFFER_LIST};

#[cfg_attr(windows, link(name = "ndis.sys", kind = "raw-dylib", modifiers = "+verbatim"))]
unsafe extern "win64" {
    /// `NdisAllocateNetBufferListPool`.
    pub fn NdisAllocateNetBufferListPool(
        ndis_handle: NDIS_HANDLE,
        parameters: *mut NET_BUFFER_LIST_POOL_PARAMETERS,
    ) -> NDIS_HANDLE;
    /// `NdisFreeNetBufferListPool`.
    pub fn NdisFreeNetBufferListPool(pool_handle: NDIS_HANDLE);
    /// `NdisAllocateNetBufferPool`.
    pub fn NdisAllocateNetBufferPool(
        ndis_handle: NDIS_HANDLE,
        parameters: *mut NET_BUFFER_POOL_PARAMETERS,
    ) -> NDIS_HANDLE;
    /// `NdisFreeNetBufferPool`.
    pub fn NdisFreeNetBufferPool(pool_handle: NDIS_HANDLE);
    /// `NdisAllocateNetBufferAndNetBufferList`.
    pub fn NdisAllocateNetBufferAndNetBufferList(
        pool_handle: NDIS_HANDLE,
        context_size: u16,
        context_back_fill: u16,
        mdl_chain: *mut MDL,
        data_offset: u32,
        data_length: usize,
    ) -> *mut NET_BUFFER_LIST;
    /// `NdisAllocateNetBufferList`.
    pub fn NdisAllocateNetBufferList(
        pool_handle: NDIS_HANDLE,
        context_size: u16,
        context_back_fill: u16,
    ) -> *mut NET_BUFFER_LIST;
    /// `NdisFreeNetBufferList`.
    pub fn NdisFreeNetBufferList(net_buffer_list: *mut NET_BUFFER_LIST);
    /// `NdisAllocateNetBuffer`.
    pub fn NdisAllocateNetBuffer(
        pool_handle: NDIS_HANDLE,
        mdl_chain: *mut MDL,
        data_offset: u32,
        data_length: usize,
    ) -> *mut NET_BUFFER;
    /// `NdisFreeNetBuffer`.
    pub fn NdisFreeNetBuffer(net_buffer: *mut NET_BUFFER);
    /// `NdisAllocateMdl`.
    pub fn NdisAllocateMdl(ndis_handle: NDIS_HANDLE, virtual_address: *mut c_void, length: u32) -> *mut MDL;
    /// `NdisFreeMdl`.
    pub fn NdisFreeMdl(mdl: *mut MDL);
    /// `NdisRegisterDeviceEx`.
    pub fn NdisRegisterDeviceEx(
        ndis_handle: NDIS_HANDLE,
        device_object_attributes: *mut NDIS_DEVICE_OBJECT_ATTRIBUTES,
        p_device_object: *mut *mut DEVICE_OBJECT,
        ndis_device_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisDeregisterDeviceEx`.
    pub fn NdisDeregisterDeviceEx(ndis_device_handle: NDIS_HANDLE);
    /// `NdisGetDeviceReservedExtension`.
    pub fn NdisGetDeviceReservedExtension(device_object: *mut DEVICE_OBJECT) -> *mut c_void;
}
