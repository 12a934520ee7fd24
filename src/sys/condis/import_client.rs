//! Imports from ndis.sys of protocol drivers and CoNDIS clients.

use core::ffi::c_void;

use super::{
    CO_ADDRESS_FAMILY, CO_CALL_PARAMETERS, CO_SAP, NDIS_OPEN_PARAMETERS, NDIS_PROTOCOL_DRIVER_CHARACTERISTICS,
};
use crate::sys::ndis::{NDIS_HANDLE, NDIS_OID_REQUEST, NDIS_STATUS, NET_BUFFER_LIST};

#[cfg_attr(windows, link(name = "ndis.sys", kind = "raw-dylib", modifiers = "+verbatim"))]
unsafe extern "win64" {
    /// `NdisRegisterProtocolDriver`.
    pub fn NdisRegisterProtocolDriver(
        protocol_driver_context: NDIS_HANDLE,
        protocol_characteristics: *mut NDIS_PROTOCOL_DRIVER_CHARACTERISTICS,
        ndis_protocol_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisDeregisterProtocolDriver`.
    pub fn NdisDeregisterProtocolDriver(ndis_protocol_handle: NDIS_HANDLE);
    /// `NdisOpenAdapterEx`.
    pub fn NdisOpenAdapterEx(
        ndis_protocol_handle: NDIS_HANDLE,
        protocol_binding_context: NDIS_HANDLE,
        open_parameters: *mut NDIS_OPEN_PARAMETERS,
        bind_context: NDIS_HANDLE,
        ndis_binding_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisCloseAdapterEx`.
    pub fn NdisCloseAdapterEx(ndis_binding_handle: NDIS_HANDLE) -> NDIS_STATUS;
    /// `NdisCompleteBindAdapterEx`.
    pub fn NdisCompleteBindAdapterEx(bind_adapter_context: NDIS_HANDLE, status: NDIS_STATUS);
    /// `NdisCompleteUnbindAdapterEx`.
    pub fn NdisCompleteUnbindAdapterEx(unbind_context: NDIS_HANDLE);
    /// `NdisOidRequest`.
    pub fn NdisOidRequest(
        ndis_binding_handle: NDIS_HANDLE,
        oid_request: *mut NDIS_OID_REQUEST,
    ) -> NDIS_STATUS;
    /// `NdisReturnNetBufferLists`.
    pub fn NdisReturnNetBufferLists(
        ndis_binding_handle: NDIS_HANDLE,
        net_buffer_lists: *mut NET_BUFFER_LIST,
        return_flags: u32,
    );
    /// `NdisClOpenAddressFamilyEx`.
    pub fn NdisClOpenAddressFamilyEx(
        ndis_binding_handle: NDIS_HANDLE,
        address_family: *mut CO_ADDRESS_FAMILY,
        client_af_context: NDIS_HANDLE,
        ndis_af_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisClCloseAddressFamily`.
    pub fn NdisClCloseAddressFamily(ndis_af_handle: NDIS_HANDLE) -> NDIS_STATUS;
    /// `NdisClNotifyCloseAddressFamilyComplete`.
    pub fn NdisClNotifyCloseAddressFamilyComplete(ndis_af_handle: NDIS_HANDLE, status: NDIS_STATUS);
    /// `NdisClRegisterSap`.
    pub fn NdisClRegisterSap(
        ndis_af_handle: NDIS_HANDLE,
        protocol_sap_context: NDIS_HANDLE,
        sap: *mut CO_SAP,
        ndis_sap_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisClDeregisterSap`.
    pub fn NdisClDeregisterSap(ndis_sap_handle: NDIS_HANDLE) -> NDIS_STATUS;
    /// `NdisClMakeCall`.
    pub fn NdisClMakeCall(
        ndis_vc_handle: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
        protocol_party_context: NDIS_HANDLE,
        ndis_party_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisClCloseCall`.
    pub fn NdisClCloseCall(
        ndis_vc_handle: NDIS_HANDLE,
        ndis_party_handle: NDIS_HANDLE,
        buffer: *mut c_void,
        size: u32,
    ) -> NDIS_STATUS;
    /// `NdisClModifyCallQoS`.
    pub fn NdisClModifyCallQoS(
        ndis_vc_handle: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
    ) -> NDIS_STATUS;
    /// `NdisClIncomingCallComplete`.
    pub fn NdisClIncomingCallComplete(
        status: NDIS_STATUS,
        ndis_vc_handle: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
    );
    /// `NdisClAddParty`.
    pub fn NdisClAddParty(
        ndis_vc_handle: NDIS_HANDLE,
        protocol_party_context: NDIS_HANDLE,
        call_parameters: *mut CO_CALL_PARAMETERS,
        ndis_party_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisClDropParty`.
    pub fn NdisClDropParty(ndis_party_handle: NDIS_HANDLE, buffer: *mut c_void, size: u32) -> NDIS_STATUS;
    /// `NdisCoCreateVc`.
    pub fn NdisCoCreateVc(
        ndis_binding_handle: NDIS_HANDLE,
        ndis_af_handle: NDIS_HANDLE,
        protocol_vc_context: NDIS_HANDLE,
        ndis_vc_handle: *mut NDIS_HANDLE,
    ) -> NDIS_STATUS;
    /// `NdisCoDeleteVc`.
    pub fn NdisCoDeleteVc(ndis_vc_handle: NDIS_HANDLE) -> NDIS_STATUS;
    /// `NdisCoSendNetBufferLists`.
    pub fn NdisCoSendNetBufferLists(
        ndis_vc_handle: NDIS_HANDLE,
        net_buffer_lists: *mut NET_BUFFER_LIST,
        send_flags: u32,
    );
    /// `NdisCoOidRequest`.
    pub fn NdisCoOidRequest(
        ndis_binding_handle: NDIS_HANDLE,
        ndis_af_handle: NDIS_HANDLE,
        ndis_vc_handle: NDIS_HANDLE,
        ndis_party_handle: NDIS_HANDLE,
        oid_request: *mut NDIS_OID_REQUEST,
    ) -> NDIS_STATUS;
    /// `NdisCoOidRequestComplete`.
    pub fn NdisCoOidRequestComplete(
        ndis_af_handle: NDIS_HANDLE,
        ndis_vc_handle: NDIS_HANDLE,
        ndis_party_handle: NDIS_HANDLE,
        oid_request: *mut NDIS_OID_REQUEST,
        status: NDIS_STATUS,
    );
    /// `NdisCancelSendNetBufferLists`.
    pub fn NdisCancelSendNetBufferLists(ndis_binding_handle: NDIS_HANDLE, cancel_id: *mut c_void);
}
