//! Imports from netio.sys.

use core::ffi::c_void;

use wdk_sys::NTSTATUS;

use super::{MIB_IPFORWARD_ROW2, MIB_IPNET_ROW2, MIB_UNICASTIPADDRESS_TABLE, SOCKADDR_INET};

#[cfg_attr(
    windows,
    link(name = "netio.sys", kind = "raw-dylib", modifiers = "+verbatim")
)]
unsafe extern "win64" {
    /// `GetUnicastIpAddressTable`.
    pub fn GetUnicastIpAddressTable(family: u16, table: *mut *mut MIB_UNICASTIPADDRESS_TABLE) -> NTSTATUS;
    /// `FreeMibTable`.
    pub fn FreeMibTable(memory: *mut c_void);
    /// `GetBestRoute2`.
    pub fn GetBestRoute2(
        interface_luid: *mut u64,
        interface_index: u32,
        source_address: *const SOCKADDR_INET,
        destination_address: *const SOCKADDR_INET,
        address_sort_options: u32,
        best_route: *mut MIB_IPFORWARD_ROW2,
        best_source_address: *mut SOCKADDR_INET,
    ) -> NTSTATUS;
    /// `ResolveIpNetEntry2`.
    pub fn ResolveIpNetEntry2(row: *mut MIB_IPNET_ROW2, source_address: *const SOCKADDR_INET) -> NTSTATUS;
    /// `GetIpNetEntry2`.
    pub fn GetIpNetEntry2(row: *mut MIB_IPNET_ROW2) -> NTSTATUS;
}
