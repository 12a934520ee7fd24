//! Types of the handlers of miniports, call managers, clients and protocol drivers.

use core::ffi::c_void;

use super::{CO_ADDRESS_FAMILY, CO_CALL_PARAMETERS, CO_SAP, NDIS_BIND_PARAMETERS};
use crate::sys::ndis::{
    NDIS_OID_REQUEST, NDIS_STATUS, NDIS_STATUS_INDICATION, NET_BUFFER_LIST, NET_PNP_EVENT_NOTIFICATION,
};

/// `BIND_HANDLER_EX`.
pub type BIND_HANDLER_EX =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut NDIS_BIND_PARAMETERS) -> NDIS_STATUS>;

/// `CLOSE_ADAPTER_COMPLETE_HANDLER_EX`.
pub type CLOSE_ADAPTER_COMPLETE_HANDLER_EX = Option<unsafe extern "win64" fn(*mut c_void)>;

/// `CL_ADD_PARTY_COMPLETE_HANDLER`.
pub type CL_ADD_PARTY_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void, *mut c_void, *mut CO_CALL_PARAMETERS)>;

/// `CL_CALL_CONNECTED_HANDLER`.
pub type CL_CALL_CONNECTED_HANDLER = Option<unsafe extern "win64" fn(*mut c_void)>;

/// `CL_CLOSE_AF_COMPLETE_HANDLER`.
pub type CL_CLOSE_AF_COMPLETE_HANDLER = Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void)>;

/// `CL_CLOSE_CALL_COMPLETE_HANDLER`.
pub type CL_CLOSE_CALL_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void, *mut c_void)>;

/// `CL_DEREG_SAP_COMPLETE_HANDLER`.
pub type CL_DEREG_SAP_COMPLETE_HANDLER = Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void)>;

/// `CL_DROP_PARTY_COMPLETE_HANDLER`.
pub type CL_DROP_PARTY_COMPLETE_HANDLER = Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void)>;

/// `CL_INCOMING_CALL_HANDLER`.
pub type CL_INCOMING_CALL_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut CO_CALL_PARAMETERS) -> NDIS_STATUS>;

/// `CL_INCOMING_CALL_QOS_CHANGE_HANDLER`.
pub type CL_INCOMING_CALL_QOS_CHANGE_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut CO_CALL_PARAMETERS)>;

/// `CL_INCOMING_CLOSE_CALL_HANDLER`.
pub type CL_INCOMING_CLOSE_CALL_HANDLER =
    Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void, *mut c_void, u32)>;

/// `CL_INCOMING_DROP_PARTY_HANDLER`.
pub type CL_INCOMING_DROP_PARTY_HANDLER =
    Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void, *mut c_void, u32)>;

/// `CL_MAKE_CALL_COMPLETE_HANDLER`.
pub type CL_MAKE_CALL_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void, *mut c_void, *mut CO_CALL_PARAMETERS)>;

/// `CL_MODIFY_CALL_QOS_COMPLETE_HANDLER`.
pub type CL_MODIFY_CALL_QOS_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void, *mut CO_CALL_PARAMETERS)>;

/// `CL_NOTIFY_CLOSE_AF_HANDLER`.
pub type CL_NOTIFY_CLOSE_AF_HANDLER = Option<unsafe extern "win64" fn(*mut c_void) -> NDIS_STATUS>;

/// `CL_OPEN_AF_COMPLETE_HANDLER_EX`.
pub type CL_OPEN_AF_COMPLETE_HANDLER_EX =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, NDIS_STATUS)>;

/// `CL_REG_SAP_COMPLETE_HANDLER`.
pub type CL_REG_SAP_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void, *mut CO_SAP, *mut c_void)>;

/// `CM_ACTIVATE_VC_COMPLETE_HANDLER`.
pub type CM_ACTIVATE_VC_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void, *mut CO_CALL_PARAMETERS)>;

/// `CM_ADD_PARTY_HANDLER`.
pub type CM_ADD_PARTY_HANDLER = Option<
    unsafe extern "win64" fn(
        *mut c_void,
        *mut CO_CALL_PARAMETERS,
        *mut c_void,
        *mut *mut c_void,
    ) -> NDIS_STATUS,
>;

/// `CM_CLOSE_AF_HANDLER`.
pub type CM_CLOSE_AF_HANDLER = Option<unsafe extern "win64" fn(*mut c_void) -> NDIS_STATUS>;

/// `CM_CLOSE_CALL_HANDLER`.
pub type CM_CLOSE_CALL_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut c_void, u32) -> NDIS_STATUS>;

/// `CM_DEACTIVATE_VC_COMPLETE_HANDLER`.
pub type CM_DEACTIVATE_VC_COMPLETE_HANDLER = Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void)>;

/// `CM_DEREG_SAP_HANDLER`.
pub type CM_DEREG_SAP_HANDLER = Option<unsafe extern "win64" fn(*mut c_void) -> NDIS_STATUS>;

/// `CM_DROP_PARTY_HANDLER`.
pub type CM_DROP_PARTY_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, u32) -> NDIS_STATUS>;

/// `CM_INCOMING_CALL_COMPLETE_HANDLER`.
pub type CM_INCOMING_CALL_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(NDIS_STATUS, *mut c_void, *mut CO_CALL_PARAMETERS)>;

/// `CM_MAKE_CALL_HANDLER`.
pub type CM_MAKE_CALL_HANDLER = Option<
    unsafe extern "win64" fn(
        *mut c_void,
        *mut CO_CALL_PARAMETERS,
        *mut c_void,
        *mut *mut c_void,
    ) -> NDIS_STATUS,
>;

/// `CM_MODIFY_CALL_QOS_HANDLER`.
pub type CM_MODIFY_CALL_QOS_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut CO_CALL_PARAMETERS) -> NDIS_STATUS>;

/// `CM_NOTIFY_CLOSE_AF_COMPLETE_HANDLER`.
pub type CM_NOTIFY_CLOSE_AF_COMPLETE_HANDLER = Option<unsafe extern "win64" fn(*mut c_void, NDIS_STATUS)>;

/// `CM_OPEN_AF_HANDLER`.
pub type CM_OPEN_AF_HANDLER = Option<
    unsafe extern "win64" fn(
        *mut c_void,
        *mut CO_ADDRESS_FAMILY,
        *mut c_void,
        *mut *mut c_void,
    ) -> NDIS_STATUS,
>;

/// `CM_REG_SAP_HANDLER`.
pub type CM_REG_SAP_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut CO_SAP, *mut c_void, *mut *mut c_void) -> NDIS_STATUS>;

/// `CO_AF_REGISTER_NOTIFY_HANDLER`.
pub type CO_AF_REGISTER_NOTIFY_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut CO_ADDRESS_FAMILY)>;

/// `CO_CREATE_VC_HANDLER`.
pub type CO_CREATE_VC_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut *mut c_void) -> NDIS_STATUS>;

/// `CO_DELETE_VC_HANDLER`.
pub type CO_DELETE_VC_HANDLER = Option<unsafe extern "win64" fn(*mut c_void) -> NDIS_STATUS>;

/// `CO_OID_REQUEST_COMPLETE_HANDLER`.
pub type CO_OID_REQUEST_COMPLETE_HANDLER = Option<
    unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut c_void, *mut NDIS_OID_REQUEST, NDIS_STATUS),
>;

/// `CO_OID_REQUEST_HANDLER`.
pub type CO_OID_REQUEST_HANDLER = Option<
    unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut c_void, *mut NDIS_OID_REQUEST) -> NDIS_STATUS,
>;

/// `CO_RECEIVE_NET_BUFFER_LISTS_HANDLER`.
pub type CO_RECEIVE_NET_BUFFER_LISTS_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut NET_BUFFER_LIST, u32, u32)>;

/// `CO_SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER`.
pub type CO_SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NET_BUFFER_LIST, u32)>;

/// `CO_STATUS_HANDLER_EX`.
pub type CO_STATUS_HANDLER_EX =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut NDIS_STATUS_INDICATION)>;

/// `DIRECT_OID_REQUEST_COMPLETE_HANDLER`.
pub type DIRECT_OID_REQUEST_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NDIS_OID_REQUEST, NDIS_STATUS)>;

/// `NET_PNP_EVENT_HANDLER`.
pub type NET_PNP_EVENT_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NET_PNP_EVENT_NOTIFICATION) -> NDIS_STATUS>;

/// `OID_REQUEST_COMPLETE_HANDLER`.
pub type OID_REQUEST_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NDIS_OID_REQUEST, NDIS_STATUS)>;

/// `OPEN_ADAPTER_COMPLETE_HANDLER_EX`.
pub type OPEN_ADAPTER_COMPLETE_HANDLER_EX = Option<unsafe extern "win64" fn(*mut c_void, NDIS_STATUS)>;

/// `RECEIVE_NET_BUFFER_LISTS_HANDLER`.
pub type RECEIVE_NET_BUFFER_LISTS_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NET_BUFFER_LIST, u32, u32, u32)>;

/// `SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER`.
pub type SEND_NET_BUFFER_LISTS_COMPLETE_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NET_BUFFER_LIST, u32)>;

/// `STATUS_HANDLER_EX`.
pub type STATUS_HANDLER_EX = Option<unsafe extern "win64" fn(*mut c_void, *mut NDIS_STATUS_INDICATION)>;

/// `UNBIND_HANDLER_EX`.
pub type UNBIND_HANDLER_EX = Option<unsafe extern "win64" fn(*mut c_void, *mut c_void) -> NDIS_STATUS>;

/// `UNINSTALL_PROTOCOL_HANDLER`.
pub type UNINSTALL_PROTOCOL_HANDLER = Option<unsafe extern "win64" fn()>;

/// `W_CO_ACTIVATE_VC_HANDLER`.
pub type W_CO_ACTIVATE_VC_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut CO_CALL_PARAMETERS) -> NDIS_STATUS>;

/// `W_CO_CREATE_VC_HANDLER`.
pub type W_CO_CREATE_VC_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut *mut c_void) -> NDIS_STATUS>;

/// `W_CO_DEACTIVATE_VC_HANDLER`.
pub type W_CO_DEACTIVATE_VC_HANDLER = Option<unsafe extern "win64" fn(*mut c_void) -> NDIS_STATUS>;

/// `W_CO_DELETE_VC_HANDLER`.
pub type W_CO_DELETE_VC_HANDLER = Option<unsafe extern "win64" fn(*mut c_void) -> NDIS_STATUS>;

/// `W_CO_OID_REQUEST_HANDLER`.
pub type W_CO_OID_REQUEST_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut c_void, *mut NDIS_OID_REQUEST) -> NDIS_STATUS>;

/// `W_CO_SEND_NET_BUFFER_LISTS_HANDLER`.
pub type W_CO_SEND_NET_BUFFER_LISTS_HANDLER =
    Option<unsafe extern "win64" fn(*mut c_void, *mut NET_BUFFER_LIST, u32)>;
