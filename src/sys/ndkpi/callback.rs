//! Function and callback types of the Network Direct kernel interface.

use core::ffi::c_void;

use wdk_sys::{_MDL as MDL, GUID, LARGE_INTEGER};

use super::{
    GROUP_AFFINITY, NDK_ADAPTER, NDK_ADAPTER_INFO, NDK_CONNECTOR, NDK_CQ, NDK_EXTENSION_INTERFACE,
    NDK_LISTENER, NDK_LOGICAL_ADDRESS_MAPPING, NDK_MR, NDK_MW, NDK_OBJECT_HEADER, NDK_PD, NDK_QP, NDK_RESULT,
    NDK_RESULT_EX, NDK_SGE, NDK_SHARED_ENDPOINT, NDK_SRQ, NDK_VERSION, SOCKADDR,
};

/// `NDK_FN_ACCEPT`.
pub type NDK_FN_ACCEPT = Option<
    unsafe extern "win64" fn(
        *mut NDK_CONNECTOR,
        *mut NDK_QP,
        u32,
        u32,
        *mut c_void,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void)>,
        *mut c_void,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_ARM_CQ`.
pub type NDK_FN_ARM_CQ = Option<unsafe extern "win64" fn(*mut NDK_CQ, u32)>;

/// `NDK_FN_BIND`.
pub type NDK_FN_BIND = Option<
    unsafe extern "win64" fn(
        *mut NDK_QP,
        *mut c_void,
        *mut NDK_MR,
        *mut NDK_MW,
        *mut c_void,
        u64,
        u32,
    ) -> i32,
>;

/// `NDK_FN_BUILD_LAM`.
pub type NDK_FN_BUILD_LAM = Option<
    unsafe extern "win64" fn(
        *mut NDK_ADAPTER,
        *mut MDL,
        u64,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
        *mut NDK_LOGICAL_ADDRESS_MAPPING,
        *mut u32,
        *mut u32,
    ) -> i32,
>;

/// `NDK_FN_CLOSE_COMPLETION`.
pub type NDK_FN_CLOSE_COMPLETION = Option<unsafe extern "win64" fn(*mut c_void)>;

/// `NDK_FN_CLOSE_OBJECT`.
pub type NDK_FN_CLOSE_OBJECT = Option<
    unsafe extern "win64" fn(
        *mut NDK_OBJECT_HEADER,
        Option<unsafe extern "win64" fn(*mut c_void)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_COMPLETE_CONNECT`.
pub type NDK_FN_COMPLETE_CONNECT = Option<
    unsafe extern "win64" fn(
        *mut NDK_CONNECTOR,
        Option<unsafe extern "win64" fn(*mut c_void)>,
        *mut c_void,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_CONNECT`.
pub type NDK_FN_CONNECT = Option<
    unsafe extern "win64" fn(
        *mut NDK_CONNECTOR,
        *mut NDK_QP,
        *mut SOCKADDR,
        u32,
        *mut SOCKADDR,
        u32,
        u32,
        u32,
        *mut c_void,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_CONNECT_EVENT_CALLBACK`.
pub type NDK_FN_CONNECT_EVENT_CALLBACK = Option<unsafe extern "win64" fn(*mut c_void, *mut NDK_CONNECTOR)>;

/// `NDK_FN_CONNECT_WITH_SHARED_ENDPOINT`.
pub type NDK_FN_CONNECT_WITH_SHARED_ENDPOINT = Option<
    unsafe extern "win64" fn(
        *mut NDK_CONNECTOR,
        *mut NDK_QP,
        *mut NDK_SHARED_ENDPOINT,
        *mut SOCKADDR,
        u32,
        u32,
        u32,
        *mut c_void,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_CONTROL_CONNECT_EVENTS`.
pub type NDK_FN_CONTROL_CONNECT_EVENTS = Option<unsafe extern "win64" fn(*mut NDK_LISTENER, u8)>;

/// `NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION`.
pub type NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION =
    Option<unsafe extern "win64" fn(*mut NDK_CQ, u32, u32) -> i32>;

/// `NDK_FN_CQ_NOTIFICATION_CALLBACK`.
pub type NDK_FN_CQ_NOTIFICATION_CALLBACK = Option<unsafe extern "win64" fn(*mut c_void, i32)>;

/// `NDK_FN_CREATE_COMPLETION`.
pub type NDK_FN_CREATE_COMPLETION =
    Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>;

/// `NDK_FN_CREATE_CONNECTOR`.
pub type NDK_FN_CREATE_CONNECTOR = Option<
    unsafe extern "win64" fn(
        *mut NDK_ADAPTER,
        Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>,
        *mut c_void,
        *mut *mut NDK_CONNECTOR,
    ) -> i32,
>;

/// `NDK_FN_CREATE_CQ`.
pub type NDK_FN_CREATE_CQ = Option<
    unsafe extern "win64" fn(
        *mut NDK_ADAPTER,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
        *mut GROUP_AFFINITY,
        Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>,
        *mut c_void,
        *mut *mut NDK_CQ,
    ) -> i32,
>;

/// `NDK_FN_CREATE_LISTENER`.
pub type NDK_FN_CREATE_LISTENER = Option<
    unsafe extern "win64" fn(
        *mut NDK_ADAPTER,
        Option<unsafe extern "win64" fn(*mut c_void, *mut NDK_CONNECTOR)>,
        *mut c_void,
        Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>,
        *mut c_void,
        *mut *mut NDK_LISTENER,
    ) -> i32,
>;

/// `NDK_FN_CREATE_MR`.
pub type NDK_FN_CREATE_MR = Option<
    unsafe extern "win64" fn(
        *mut NDK_PD,
        u8,
        Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>,
        *mut c_void,
        *mut *mut NDK_MR,
    ) -> i32,
>;

/// `NDK_FN_CREATE_MW`.
pub type NDK_FN_CREATE_MW = Option<
    unsafe extern "win64" fn(
        *mut NDK_PD,
        Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>,
        *mut c_void,
        *mut *mut NDK_MW,
    ) -> i32,
>;

/// `NDK_FN_CREATE_PD`.
pub type NDK_FN_CREATE_PD = Option<
    unsafe extern "win64" fn(
        *mut NDK_ADAPTER,
        Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>,
        *mut c_void,
        *mut *mut NDK_PD,
    ) -> i32,
>;

/// `NDK_FN_CREATE_QP`.
pub type NDK_FN_CREATE_QP = Option<
    unsafe extern "win64" fn(
        *mut NDK_PD,
        *mut NDK_CQ,
        *mut NDK_CQ,
        *mut c_void,
        u32,
        u32,
        u32,
        u32,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>,
        *mut c_void,
        *mut *mut NDK_QP,
    ) -> i32,
>;

/// `NDK_FN_CREATE_QP_WITH_SRQ`.
pub type NDK_FN_CREATE_QP_WITH_SRQ = Option<
    unsafe extern "win64" fn(
        *mut NDK_PD,
        *mut NDK_CQ,
        *mut NDK_CQ,
        *mut NDK_SRQ,
        *mut c_void,
        u32,
        u32,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>,
        *mut c_void,
        *mut *mut NDK_QP,
    ) -> i32,
>;

/// `NDK_FN_CREATE_SHARED_ENDPOINT`.
pub type NDK_FN_CREATE_SHARED_ENDPOINT = Option<
    unsafe extern "win64" fn(
        *mut NDK_ADAPTER,
        *mut SOCKADDR,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>,
        *mut c_void,
        *mut *mut NDK_SHARED_ENDPOINT,
    ) -> i32,
>;

/// `NDK_FN_CREATE_SRQ`.
pub type NDK_FN_CREATE_SRQ = Option<
    unsafe extern "win64" fn(
        *mut NDK_PD,
        u32,
        u32,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
        *mut GROUP_AFFINITY,
        Option<unsafe extern "win64" fn(*mut c_void, i32, *mut NDK_OBJECT_HEADER)>,
        *mut c_void,
        *mut *mut NDK_SRQ,
    ) -> i32,
>;

/// `NDK_FN_DEREGISTER_MR`.
pub type NDK_FN_DEREGISTER_MR = Option<
    unsafe extern "win64" fn(
        *mut NDK_MR,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_DISCONNECT`.
pub type NDK_FN_DISCONNECT = Option<
    unsafe extern "win64" fn(
        *mut NDK_CONNECTOR,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_DISCONNECT_EVENT_CALLBACK`.
pub type NDK_FN_DISCONNECT_EVENT_CALLBACK = Option<unsafe extern "win64" fn(*mut c_void)>;

/// `NDK_FN_DISCONNECT_EX`.
pub type NDK_FN_DISCONNECT_EX = Option<
    unsafe extern "win64" fn(
        *mut NDK_CONNECTOR,
        u8,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_FAST_REGISTER`.
pub type NDK_FN_FAST_REGISTER = Option<
    unsafe extern "win64" fn(
        *mut NDK_QP,
        *mut c_void,
        *mut NDK_MR,
        u32,
        *const LARGE_INTEGER,
        u32,
        u64,
        *mut c_void,
        u32,
    ) -> i32,
>;

/// `NDK_FN_FLUSH`.
pub type NDK_FN_FLUSH = Option<unsafe extern "win64" fn(*mut NDK_QP)>;

/// `NDK_FN_GET_CONNECTION_DATA`.
pub type NDK_FN_GET_CONNECTION_DATA =
    Option<unsafe extern "win64" fn(*mut NDK_CONNECTOR, *mut u32, *mut u32, *mut c_void, *mut u32) -> i32>;

/// `NDK_FN_GET_CQ_RESULTS`.
pub type NDK_FN_GET_CQ_RESULTS = Option<unsafe extern "win64" fn(*mut NDK_CQ, *mut NDK_RESULT, u32) -> u32>;

/// `NDK_FN_GET_CQ_RESULTS_EX`.
pub type NDK_FN_GET_CQ_RESULTS_EX =
    Option<unsafe extern "win64" fn(*mut NDK_CQ, *mut NDK_RESULT_EX, u32) -> u32>;

/// `NDK_FN_GET_LISTENER_LOCAL_ADDRESS`.
pub type NDK_FN_GET_LISTENER_LOCAL_ADDRESS =
    Option<unsafe extern "win64" fn(*mut NDK_LISTENER, *mut SOCKADDR, *mut u32) -> i32>;

/// `NDK_FN_GET_LOCAL_ADDRESS`.
pub type NDK_FN_GET_LOCAL_ADDRESS =
    Option<unsafe extern "win64" fn(*mut NDK_CONNECTOR, *mut SOCKADDR, *mut u32) -> i32>;

/// `NDK_FN_GET_LOCAL_TOKEN_FROM_MR`.
pub type NDK_FN_GET_LOCAL_TOKEN_FROM_MR = Option<unsafe extern "win64" fn(*mut NDK_MR) -> u32>;

/// `NDK_FN_GET_PEER_ADDRESS`.
pub type NDK_FN_GET_PEER_ADDRESS =
    Option<unsafe extern "win64" fn(*mut NDK_CONNECTOR, *mut SOCKADDR, *mut u32) -> i32>;

/// `NDK_FN_GET_PRIVILEGED_MEMORY_REGION_TOKEN`.
pub type NDK_FN_GET_PRIVILEGED_MEMORY_REGION_TOKEN = Option<unsafe extern "win64" fn(*mut NDK_PD, *mut u32)>;

/// `NDK_FN_GET_REMOTE_TOKEN_FROM_MR`.
pub type NDK_FN_GET_REMOTE_TOKEN_FROM_MR = Option<unsafe extern "win64" fn(*mut NDK_MR) -> u32>;

/// `NDK_FN_GET_REMOTE_TOKEN_FROM_MW`.
pub type NDK_FN_GET_REMOTE_TOKEN_FROM_MW = Option<unsafe extern "win64" fn(*mut NDK_MW) -> u32>;

/// `NDK_FN_GET_SHARED_ENDPOINT_LOCAL_ADDRESS`.
pub type NDK_FN_GET_SHARED_ENDPOINT_LOCAL_ADDRESS =
    Option<unsafe extern "win64" fn(*mut NDK_SHARED_ENDPOINT, *mut SOCKADDR, *mut u32) -> i32>;

/// `NDK_FN_INITIALIZE_FAST_REGISTER_MR`.
pub type NDK_FN_INITIALIZE_FAST_REGISTER_MR = Option<
    unsafe extern "win64" fn(
        *mut NDK_MR,
        u32,
        u8,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_INVALIDATE`.
pub type NDK_FN_INVALIDATE =
    Option<unsafe extern "win64" fn(*mut NDK_QP, *mut c_void, *mut NDK_OBJECT_HEADER, u32) -> i32>;

/// `NDK_FN_LISTEN`.
pub type NDK_FN_LISTEN = Option<
    unsafe extern "win64" fn(
        *mut NDK_LISTENER,
        *mut SOCKADDR,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_MODIFY_SRQ`.
pub type NDK_FN_MODIFY_SRQ = Option<
    unsafe extern "win64" fn(
        *mut NDK_SRQ,
        u32,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_QUERY_ADAPTER_INFO`.
pub type NDK_FN_QUERY_ADAPTER_INFO =
    Option<unsafe extern "win64" fn(*mut NDK_ADAPTER, *mut NDK_ADAPTER_INFO, *mut u32) -> i32>;

/// `NDK_FN_QUERY_ADAPTER_INFO_EX`.
pub type NDK_FN_QUERY_ADAPTER_INFO_EX =
    Option<unsafe extern "win64" fn(*mut NDK_ADAPTER, NDK_VERSION, *mut NDK_ADAPTER_INFO, *mut u32) -> i32>;

/// `NDK_FN_QUERY_EXTENSION_INTERFACE`.
pub type NDK_FN_QUERY_EXTENSION_INTERFACE = Option<
    unsafe extern "win64" fn(
        *mut NDK_OBJECT_HEADER,
        *mut GUID,
        NDK_VERSION,
        *mut NDK_EXTENSION_INTERFACE,
    ) -> i32,
>;

/// `NDK_FN_READ`.
pub type NDK_FN_READ =
    Option<unsafe extern "win64" fn(*mut NDK_QP, *mut c_void, *const NDK_SGE, u32, u64, u32, u32) -> i32>;

/// `NDK_FN_RECEIVE`.
pub type NDK_FN_RECEIVE =
    Option<unsafe extern "win64" fn(*mut NDK_QP, *mut c_void, *const NDK_SGE, u32) -> i32>;

/// `NDK_FN_REGISTER_MR`.
pub type NDK_FN_REGISTER_MR = Option<
    unsafe extern "win64" fn(
        *mut NDK_MR,
        *mut MDL,
        u64,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_REJECT`.
pub type NDK_FN_REJECT = Option<unsafe extern "win64" fn(*mut NDK_CONNECTOR, *mut c_void, u32) -> i32>;

/// `NDK_FN_RELEASE_LAM`.
pub type NDK_FN_RELEASE_LAM =
    Option<unsafe extern "win64" fn(*mut NDK_ADAPTER, *mut NDK_LOGICAL_ADDRESS_MAPPING)>;

/// `NDK_FN_REQUEST_COMPLETION`.
pub type NDK_FN_REQUEST_COMPLETION = Option<unsafe extern "win64" fn(*mut c_void, i32)>;

/// `NDK_FN_RESIZE_CQ`.
pub type NDK_FN_RESIZE_CQ = Option<
    unsafe extern "win64" fn(
        *mut NDK_CQ,
        u32,
        Option<unsafe extern "win64" fn(*mut c_void, i32)>,
        *mut c_void,
    ) -> i32,
>;

/// `NDK_FN_SEND`.
pub type NDK_FN_SEND =
    Option<unsafe extern "win64" fn(*mut NDK_QP, *mut c_void, *const NDK_SGE, u32, u32) -> i32>;

/// `NDK_FN_SEND_AND_INVALIDATE`.
pub type NDK_FN_SEND_AND_INVALIDATE =
    Option<unsafe extern "win64" fn(*mut NDK_QP, *mut c_void, *const NDK_SGE, u32, u32, u32) -> i32>;

/// `NDK_FN_SRQ_NOTIFICATION_CALLBACK`.
pub type NDK_FN_SRQ_NOTIFICATION_CALLBACK = Option<unsafe extern "win64" fn(*mut c_void, i32)>;

/// `NDK_FN_SRQ_RECEIVE`.
pub type NDK_FN_SRQ_RECEIVE =
    Option<unsafe extern "win64" fn(*mut NDK_SRQ, *mut c_void, *const NDK_SGE, u32) -> i32>;

/// `NDK_FN_WRITE`.
pub type NDK_FN_WRITE =
    Option<unsafe extern "win64" fn(*mut NDK_QP, *mut c_void, *const NDK_SGE, u32, u64, u32, u32) -> i32>;
