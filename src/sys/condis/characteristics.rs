//! Tables of handlers that CoNDIS miniports, call managers, clients and protocol drivers register.

use wdk_sys::UNICODE_STRING;

use super::{
    BIND_HANDLER_EX, CL_ADD_PARTY_COMPLETE_HANDLER, CL_CALL_CONNECTED_HANDLER, CL_CLOSE_AF_COMPLETE_HANDLER,
    CL_CLOSE_CALL_COMPLETE_HANDLER, CL_DEREG_SAP_COMPLETE_HANDLER, CL_DROP_PARTY_COMPLETE_HANDLER,
    CL_INCOMING_CALL_HANDLER, CL_INCOMING_CALL_QOS_CHANGE_HANDLER, CL_INCOMING_CLOSE_CALL_HANDLER,
    CL_INCOMING_DROP_PARTY_HANDLER, CL_MAKE_CALL_COMPLETE_HANDLER, CL_MODIFY_CALL_QOS_COMPLETE_HANDLER,
    CL_NOTIFY_CLOSE_AF_HANDLER, CL_OPEN_AF_COMPLETE_HANDLER_EX, CL_REG_SAP_COMPLETE_HANDLER,
    CLOSE_ADAPTER_COMPLETE_HANDLER_EX, CM_ACTIVATE_VC_COMPLETE_HANDLER, CM_ADD_PARTY_HANDLER,
    CM_CLOSE_AF_HANDLER, CM_CLOSE_CALL_HANDLER, CM_DEACTIVATE_VC_COMPLETE_HANDLER, CM_DEREG_SAP_HANDLER,
    CM_DROP_PARTY_HANDLER, CM_INCOMING_CALL_COMPLETE_HANDLER, CM_MAKE_CALL_HANDLER,
    CM_MODIFY_CALL_QOS_HANDLER, CM_NOTIFY_CLOSE_AF_COMPLETE_HANDLER, CM_OPEN_AF_HANDLER, CM_REG_SAP_HANDLER,
    CO_AF_REGISTER_NOTIFY_HANDLER, CO_CREATE_VC_HANDLER, CO_DELETE_VC_HANDLER,
    CO_OID_REQUEST_COMPLETE_HANDLER, CO_OID_REQUEST_HANDLER, CO_RECEIVE_NET_BUFFER_LISTS_HANDLER,
    CO_SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER, CO_STATUS_HANDLER_EX, DIRECT_OID_REQUEST_COMPLETE_HANDLER,
    NET_PNP_EVENT_HANDLER, OID_REQUEST_COMPLETE_HANDLER, OPEN_ADAPTER_COMPLETE_HANDLER_EX,
    RECEIVE_NET_BUFFER_LISTS_HANDLER, SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER, STATUS_HANDLER_EX,
    UNBIND_HANDLER_EX, UNINSTALL_PROTOCOL_HANDLER, W_CO_ACTIVATE_VC_HANDLER, W_CO_CREATE_VC_HANDLER,
    W_CO_DEACTIVATE_VC_HANDLER, W_CO_DELETE_VC_HANDLER, W_CO_OID_REQUEST_HANDLER,
    W_CO_SEND_NET_BUFFER_LISTS_HANDLER,
};
use crate::sys::abi;
use crate::sys::ndis::{NDIS_OBJECT_HEADER, SET_OPTIONS_HANDLER};

/// `NDIS_MINIPORT_CO_CHARACTERISTICS`, 56 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_MINIPORT_CO_CHARACTERISTICS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub CoCreateVcHandler: W_CO_CREATE_VC_HANDLER,
    /// At 0x10.
    pub CoDeleteVcHandler: W_CO_DELETE_VC_HANDLER,
    /// At 0x18.
    pub CoActivateVcHandler: W_CO_ACTIVATE_VC_HANDLER,
    /// At 0x20.
    pub CoDeactivateVcHandler: W_CO_DEACTIVATE_VC_HANDLER,
    /// At 0x28.
    pub CoSendNetBufferListsHandler: W_CO_SEND_NET_BUFFER_LISTS_HANDLER,
    /// At 0x30.
    pub CoOidRequestHandler: W_CO_OID_REQUEST_HANDLER,
}
abi!(NDIS_MINIPORT_CO_CHARACTERISTICS, 56, { Header: 0, Flags: 4, CoCreateVcHandler: 8, CoDeleteVcHandler: 16, CoActivateVcHandler: 24, CoDeactivateVcHandler: 32, CoSendNetBufferListsHandler: 40, CoOidRequestHandler: 48 });

/// `NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS`, 144 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Reserved: u32,
    /// At 0x8.
    pub CmCreateVcHandler: CO_CREATE_VC_HANDLER,
    /// At 0x10.
    pub CmDeleteVcHandler: CO_DELETE_VC_HANDLER,
    /// At 0x18.
    pub CmOpenAfHandler: CM_OPEN_AF_HANDLER,
    /// At 0x20.
    pub CmCloseAfHandler: CM_CLOSE_AF_HANDLER,
    /// At 0x28.
    pub CmRegisterSapHandler: CM_REG_SAP_HANDLER,
    /// At 0x30.
    pub CmDeregisterSapHandler: CM_DEREG_SAP_HANDLER,
    /// At 0x38.
    pub CmMakeCallHandler: CM_MAKE_CALL_HANDLER,
    /// At 0x40.
    pub CmCloseCallHandler: CM_CLOSE_CALL_HANDLER,
    /// At 0x48.
    pub CmIncomingCallCompleteHandler: CM_INCOMING_CALL_COMPLETE_HANDLER,
    /// At 0x50.
    pub CmAddPartyHandler: CM_ADD_PARTY_HANDLER,
    /// At 0x58.
    pub CmDropPartyHandler: CM_DROP_PARTY_HANDLER,
    /// At 0x60.
    pub CmActivateVcCompleteHandler: CM_ACTIVATE_VC_COMPLETE_HANDLER,
    /// At 0x68.
    pub CmDeactivateVcCompleteHandler: CM_DEACTIVATE_VC_COMPLETE_HANDLER,
    /// At 0x70.
    pub CmModifyCallQoSHandler: CM_MODIFY_CALL_QOS_HANDLER,
    /// At 0x78.
    pub CmOidRequestHandler: CO_OID_REQUEST_HANDLER,
    /// At 0x80.
    pub CmOidRequestCompleteHandler: CO_OID_REQUEST_COMPLETE_HANDLER,
    /// At 0x88.
    pub CmNotifyCloseAfCompleteHandler: CM_NOTIFY_CLOSE_AF_COMPLETE_HANDLER,
}
abi!(NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS, 144, { Header: 0, Reserved: 4, CmCreateVcHandler: 8, CmDeleteVcHandler: 16, CmOpenAfHandler: 24, CmCloseAfHandler: 32, CmRegisterSapHandler: 40, CmDeregisterSapHandler: 48, CmMakeCallHandler: 56, CmCloseCallHandler: 64, CmIncomingCallCompleteHandler: 72, CmAddPartyHandler: 80, CmDropPartyHandler: 88, CmActivateVcCompleteHandler: 96, CmDeactivateVcCompleteHandler: 104, CmModifyCallQoSHandler: 112, CmOidRequestHandler: 120, CmOidRequestCompleteHandler: 128, CmNotifyCloseAfCompleteHandler: 136 });

/// `NDIS_PROTOCOL_CO_CHARACTERISTICS`, 40 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_PROTOCOL_CO_CHARACTERISTICS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Flags: u32,
    /// At 0x8.
    pub CoStatusHandlerEx: CO_STATUS_HANDLER_EX,
    /// At 0x10.
    pub CoAfRegisterNotifyHandler: CO_AF_REGISTER_NOTIFY_HANDLER,
    /// At 0x18.
    pub CoReceiveNetBufferListsHandler: CO_RECEIVE_NET_BUFFER_LISTS_HANDLER,
    /// At 0x20.
    pub CoSendNetBufferListsCompleteHandler: CO_SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER,
}
abi!(NDIS_PROTOCOL_CO_CHARACTERISTICS, 40, { Header: 0, Flags: 4, CoStatusHandlerEx: 8, CoAfRegisterNotifyHandler: 16, CoReceiveNetBufferListsHandler: 24, CoSendNetBufferListsCompleteHandler: 32 });

/// `NDIS_CO_CLIENT_OPTIONAL_HANDLERS`, 160 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_CO_CLIENT_OPTIONAL_HANDLERS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub Reserved: u32,
    /// At 0x8.
    pub ClCreateVcHandler: CO_CREATE_VC_HANDLER,
    /// At 0x10.
    pub ClDeleteVcHandler: CO_DELETE_VC_HANDLER,
    /// At 0x18.
    pub ClOidRequestHandler: CO_OID_REQUEST_HANDLER,
    /// At 0x20.
    pub ClOidRequestCompleteHandler: CO_OID_REQUEST_COMPLETE_HANDLER,
    /// At 0x28.
    pub ClOpenAfCompleteHandlerEx: CL_OPEN_AF_COMPLETE_HANDLER_EX,
    /// At 0x30.
    pub ClCloseAfCompleteHandler: CL_CLOSE_AF_COMPLETE_HANDLER,
    /// At 0x38.
    pub ClRegisterSapCompleteHandler: CL_REG_SAP_COMPLETE_HANDLER,
    /// At 0x40.
    pub ClDeregisterSapCompleteHandler: CL_DEREG_SAP_COMPLETE_HANDLER,
    /// At 0x48.
    pub ClMakeCallCompleteHandler: CL_MAKE_CALL_COMPLETE_HANDLER,
    /// At 0x50.
    pub ClModifyCallQoSCompleteHandler: CL_MODIFY_CALL_QOS_COMPLETE_HANDLER,
    /// At 0x58.
    pub ClCloseCallCompleteHandler: CL_CLOSE_CALL_COMPLETE_HANDLER,
    /// At 0x60.
    pub ClAddPartyCompleteHandler: CL_ADD_PARTY_COMPLETE_HANDLER,
    /// At 0x68.
    pub ClDropPartyCompleteHandler: CL_DROP_PARTY_COMPLETE_HANDLER,
    /// At 0x70.
    pub ClIncomingCallHandler: CL_INCOMING_CALL_HANDLER,
    /// At 0x78.
    pub ClIncomingCallQoSChangeHandler: CL_INCOMING_CALL_QOS_CHANGE_HANDLER,
    /// At 0x80.
    pub ClIncomingCloseCallHandler: CL_INCOMING_CLOSE_CALL_HANDLER,
    /// At 0x88.
    pub ClIncomingDropPartyHandler: CL_INCOMING_DROP_PARTY_HANDLER,
    /// At 0x90.
    pub ClCallConnectedHandler: CL_CALL_CONNECTED_HANDLER,
    /// At 0x98.
    pub ClNotifyCloseAfHandler: CL_NOTIFY_CLOSE_AF_HANDLER,
}
abi!(NDIS_CO_CLIENT_OPTIONAL_HANDLERS, 160, { Header: 0, Reserved: 4, ClCreateVcHandler: 8, ClDeleteVcHandler: 16, ClOidRequestHandler: 24, ClOidRequestCompleteHandler: 32, ClOpenAfCompleteHandlerEx: 40, ClCloseAfCompleteHandler: 48, ClRegisterSapCompleteHandler: 56, ClDeregisterSapCompleteHandler: 64, ClMakeCallCompleteHandler: 72, ClModifyCallQoSCompleteHandler: 80, ClCloseCallCompleteHandler: 88, ClAddPartyCompleteHandler: 96, ClDropPartyCompleteHandler: 104, ClIncomingCallHandler: 112, ClIncomingCallQoSChangeHandler: 120, ClIncomingCloseCallHandler: 128, ClIncomingDropPartyHandler: 136, ClCallConnectedHandler: 144, ClNotifyCloseAfHandler: 152 });

/// `NDIS_PROTOCOL_DRIVER_CHARACTERISTICS`, 128 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDIS_PROTOCOL_DRIVER_CHARACTERISTICS {
    /// At 0x0.
    pub Header: NDIS_OBJECT_HEADER,
    /// At 0x4.
    pub MajorNdisVersion: u8,
    /// At 0x5.
    pub MinorNdisVersion: u8,
    /// At 0x6.
    pub MajorDriverVersion: u8,
    /// At 0x7.
    pub MinorDriverVersion: u8,
    /// At 0x8.
    pub Flags: u32,
    /// At 0x10.
    pub Name: UNICODE_STRING,
    /// At 0x20.
    pub SetOptionsHandler: SET_OPTIONS_HANDLER,
    /// At 0x28.
    pub BindAdapterHandlerEx: BIND_HANDLER_EX,
    /// At 0x30.
    pub UnbindAdapterHandlerEx: UNBIND_HANDLER_EX,
    /// At 0x38.
    pub OpenAdapterCompleteHandlerEx: OPEN_ADAPTER_COMPLETE_HANDLER_EX,
    /// At 0x40.
    pub CloseAdapterCompleteHandlerEx: CLOSE_ADAPTER_COMPLETE_HANDLER_EX,
    /// At 0x48.
    pub NetPnPEventHandler: NET_PNP_EVENT_HANDLER,
    /// At 0x50.
    pub UninstallHandler: UNINSTALL_PROTOCOL_HANDLER,
    /// At 0x58.
    pub OidRequestCompleteHandler: OID_REQUEST_COMPLETE_HANDLER,
    /// At 0x60.
    pub StatusHandlerEx: STATUS_HANDLER_EX,
    /// At 0x68.
    pub ReceiveNetBufferListsHandler: RECEIVE_NET_BUFFER_LISTS_HANDLER,
    /// At 0x70.
    pub SendNetBufferListsCompleteHandler: SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER,
    /// At 0x78.
    pub DirectOidRequestCompleteHandler: DIRECT_OID_REQUEST_COMPLETE_HANDLER,
}
abi!(NDIS_PROTOCOL_DRIVER_CHARACTERISTICS, 128, { Header: 0, MajorNdisVersion: 4, MinorNdisVersion: 5, MajorDriverVersion: 6, MinorDriverVersion: 7, Flags: 8, Name: 16, SetOptionsHandler: 32, BindAdapterHandlerEx: 40, UnbindAdapterHandlerEx: 48, OpenAdapterCompleteHandlerEx: 56, CloseAdapterCompleteHandlerEx: 64, NetPnPEventHandler: 72, UninstallHandler: 80, OidRequestCompleteHandler: 88, StatusHandlerEx: 96, ReceiveNetBufferListsHandler: 104, SendNetBufferListsCompleteHandler: 112, DirectOidRequestCompleteHandler: 120 });
