//! Imports from ndis.sys of a miniport call manager. Header macros `NdisMCm*` name `NdisCm*` where only that is exported.

use core::ffi::c_void;

use super::{CO_ADDRESS_FAMILY, CO_CALL_PARAMETERS};
use crate::sys::ndis::{NDIS_HANDLE, NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_INDICATION, NET_BUFFER_LIST};

#[cfg_attr(windows, link(name = "ndis.sys", kind = "raw-dylib", modifiers = "+verbatim"))]
unsafe extern "win64" {
    /// `NdisMCmRegisterAddressFamilyEx`.
    pub fn NdisMCmRegisterAddressFamilyEx(
        miniport_adapter_handle: NDIS_HANDLE,
        address_family: *mut CO_ADDRESS_FAMILY,
    ) -> NDIS_STATUS;
    /// `NdisMCmCreateVc`.
    pub fn NdisMCmCreateVc(
        miniport_adapter_handle: NDIS_HANDLE,
        ndis_af_handle: NDIS_HANDLE,
        miniport_vc_context: NDIS_HANDLE,
        ndis_vc_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisMCmDeleteVc`.
    pub fn NdisMCmDeleteVc(ndis_vc_handle: NDIS_HANDLE) -> NDIS_STATUS;
    /// `NdisMCmActivateVc`.
    pub fn NdisMCmActivateVc(
        ndis_vc_handle: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
    ) -> NDIS_STATUS;
    /// `NdisMCmDeactivateVc`.
    pub fn NdisMCmDeactivateVc(ndis_vc_handle: NDIS_HANDLE) -> NDIS_STATUS;
    /// `NdisMCmOidRequest`.
    pub fn NdisMCmOidRequest(
        ndis_af_handle: NDIS_HANDLE,
        ndis_vc_handle: NDIS_HANDLE,
        ndis_party_handle: NDIS_HANDLE,
        ndis_oid_request: *mut NDIS_OID_REQUEST,
    ) -> NDIS_STATUS;
    /// `NdisCmNotifyCloseAddressFamily`.
    pub fn NdisCmNotifyCloseAddressFamily(ndis_af_handle: NDIS_HANDLE) -> NDIS_STATUS;
    /// `NdisCmOpenAddressFamilyComplete`.
    pub fn NdisCmOpenAddressFamilyComplete(
        status: NDIS_STATUS,
        ndis_af_handle: NDIS_HANDLE,
        call_mgr_af_context: NDIS_HANDLE,
    );
    /// `NdisCmCloseAddressFamilyComplete`.
    pub fn NdisCmCloseAddressFamilyComplete(status: NDIS_STATUS, ndis_af_handle: NDIS_HANDLE);
    /// `NdisCmRegisterSapComplete`.
    pub fn NdisCmRegisterSapComplete(
        status: NDIS_STATUS,
        ndis_sap_handle: NDIS_HANDLE,
        call_mgr_sap_context: NDIS_HANDLE,
    );
    /// `NdisCmDeregisterSapComplete`.
    pub fn NdisCmDeregisterSapComplete(status: NDIS_STATUS, ndis_sap_handle: NDIS_HANDLE);
    /// `NdisCmMakeCallComplete`.
    pub fn NdisCmMakeCallComplete(
        status: NDIS_STATUS,
        ndis_vc_handle: NDIS_HANDLE,
        ndis_party_handle: NDIS_HANDLE,
        call_mgr_party_context: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
    );
    /// `NdisCmCloseCallComplete`.
    pub fn NdisCmCloseCallComplete(
        status: NDIS_STATUS,
        ndis_vc_handle: NDIS_HANDLE,
        ndis_party_handle: NDIS_HANDLE,
    );
    /// `NdisCmAddPartyComplete`.
    pub fn NdisCmAddPartyComplete(
        status: NDIS_STATUS,
        ndis_party_handle: NDIS_HANDLE,
        call_mgr_party_context: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
    );
    /// `NdisCmDropPartyComplete`.
    pub fn NdisCmDropPartyComplete(status: NDIS_STATUS, ndis_party_handle: NDIS_HANDLE);
    /// `NdisCmDispatchIncomingCall`.
    pub fn NdisCmDispatchIncomingCall(
        ndis_sap_handle: NDIS_HANDLE,
        ndis_vc_handle: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
    ) -> NDIS_STATUS;
    /// `NdisCmDispatchCallConnected`.
    pub fn NdisCmDispatchCallConnected(ndis_vc_handle: NDIS_HANDLE);
    /// `NdisCmModifyCallQoSComplete`.
    pub fn NdisCmModifyCallQoSComplete(
        status: NDIS_STATUS,
        ndis_vc_handle: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
    );
    /// `NdisCmDispatchIncomingCallQoSChange`.
    pub fn NdisCmDispatchIncomingCallQoSChange(
        ndis_vc_handle: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
    );
    /// `NdisCmDispatchIncomingCloseCall`.
    pub fn NdisCmDispatchIncomingCloseCall(
        close_status: NDIS_STATUS,
        ndis_vc_handle: NDIS_HANDLE,
        buffer: *mut c_void,
        size: u32,
    );
    /// `NdisCmDispatchIncomingDropParty`.
    pub fn NdisCmDispatchIncomingDropParty(
        drop_status: NDIS_STATUS,
        ndis_party_handle: NDIS_HANDLE,
        buffer: *mut c_void,
        size: u32,
    );
    /// `NdisMCoOidRequestComplete`.
    pub fn NdisMCoOidRequestComplete(
        miniport_adapter_handle: NDIS_HANDLE,
        ndis_miniport_vc_handle: NDIS_HANDLE,
        request: *mut NDIS_OID_REQUEST,
        status: NDIS_STATUS,
    );
    /// `NdisMCoIndicateStatusEx`.
    pub fn NdisMCoIndicateStatusEx(
        miniport_adapter_handle: NDIS_HANDLE,
        ndis_vc_handle: NDIS_HANDLE,
        status_indication: *mut NDIS_STATUS_INDICATION,
    );
    /// `NdisMCoSendNetBufferListsComplete`.
    pub fn NdisMCoSendNetBufferListsComplete(
        ndis_vc_handle: NDIS_HANDLE,
        net_buffer_lists: *mut NET_BUFFER_LIST,
        send_complete_flags: u32,
    );
    /// `NdisMCoIndicateReceiveNetBufferLists`.
    pub fn NdisMCoIndicateReceiveNetBufferLists(
        ndis_vc_handle: NDIS_HANDLE,
        net_buffer_lists: *mut NET_BUFFER_LIST,
        number_of_net_buffer_lists: u32,
        co_receive_flags: u32,
    );
    /// `NdisMCoActivateVcComplete`.
    pub fn NdisMCoActivateVcComplete(
        status: NDIS_STATUS,
        ndis_vc_handle: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
    );
    /// `NdisMCoDeactivateVcComplete`.
    pub fn NdisMCoDeactivateVcComplete(status: NDIS_STATUS, ndis_vc_handle: NDIS_HANDLE);
}
