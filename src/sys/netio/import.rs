//! Imports from netio.sys.

use core::ffi::c_void;

use wdk_sys::NTSTATUS;

use super::{
    MIB_IPFORWARD_ROW2, MIB_IPNET_ROW2, MIB_NOTIFICATION_TYPE, MIB_UNICASTIPADDRESS_ROW,
    MIB_UNICASTIPADDRESS_TABLE, SOCKADDR_INET,
};

/// `PUNICAST_IPADDRESS_CHANGE_CALLBACK`. The reference names no IRQL: `<= DISPATCH_LEVEL`.
pub type PUNICAST_IPADDRESS_CHANGE_CALLBACK = Option<
    unsafe extern "win64" fn(
        caller_context: *mut c_void,
        row: *mut MIB_UNICASTIPADDRESS_ROW,
        notification_type: MIB_NOTIFICATION_TYPE,
    ),
>;

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
    /// `NotifyUnicastIpAddressChange`.
    pub fn NotifyUnicastIpAddressChange(
        family: u16,
        callback: PUNICAST_IPADDRESS_CHANGE_CALLBACK,
        caller_context: *mut c_void,
        initial_notification: u8,
        notification_handle: *mut *mut c_void,
    ) -> NTSTATUS;
    /// `CancelMibChangeNotify2`.
    pub fn CancelMibChangeNotify2(notification_handle: *mut c_void) -> NTSTATUS;
}
