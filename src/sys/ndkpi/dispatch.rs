//! Dispatch tables of the Network Direct kernel interface.

use super::{
    NDK_FN_ACCEPT, NDK_FN_ARM_CQ, NDK_FN_BIND, NDK_FN_BUILD_LAM, NDK_FN_CLOSE_OBJECT,
    NDK_FN_COMPLETE_CONNECT, NDK_FN_CONNECT, NDK_FN_CONNECT_WITH_SHARED_ENDPOINT,
    NDK_FN_CONTROL_CONNECT_EVENTS, NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION, NDK_FN_CREATE_CONNECTOR,
    NDK_FN_CREATE_CQ, NDK_FN_CREATE_LISTENER, NDK_FN_CREATE_MR, NDK_FN_CREATE_MW, NDK_FN_CREATE_PD,
    NDK_FN_CREATE_QP, NDK_FN_CREATE_QP_WITH_SRQ, NDK_FN_CREATE_SHARED_ENDPOINT, NDK_FN_CREATE_SRQ,
    NDK_FN_DEREGISTER_MR, NDK_FN_DISCONNECT, NDK_FN_FAST_REGISTER, NDK_FN_FLUSH, NDK_FN_GET_CONNECTION_DATA,
    NDK_FN_GET_CQ_RESULTS, NDK_FN_GET_CQ_RESULTS_EX, NDK_FN_GET_LISTENER_LOCAL_ADDRESS,
    NDK_FN_GET_LOCAL_ADDRESS, NDK_FN_GET_LOCAL_TOKEN_FROM_MR, NDK_FN_GET_PEER_ADDRESS,
    NDK_FN_GET_PRIVILEGED_MEMORY_REGION_TOKEN, NDK_FN_GET_REMOTE_TOKEN_FROM_MR,
    NDK_FN_GET_REMOTE_TOKEN_FROM_MW, NDK_FN_GET_SHARED_ENDPOINT_LOCAL_ADDRESS,
    NDK_FN_INITIALIZE_FAST_REGISTER_MR, NDK_FN_INVALIDATE, NDK_FN_LISTEN, NDK_FN_MODIFY_SRQ,
    NDK_FN_QUERY_ADAPTER_INFO, NDK_FN_QUERY_EXTENSION_INTERFACE, NDK_FN_READ, NDK_FN_RECEIVE,
    NDK_FN_REGISTER_MR, NDK_FN_REJECT, NDK_FN_RELEASE_LAM, NDK_FN_RESIZE_CQ, NDK_FN_SEND,
    NDK_FN_SEND_AND_INVALIDATE, NDK_FN_SRQ_RECEIVE, NDK_FN_WRITE,
};
use crate::sys::abi;

/// `NDK_ADAPTER_DISPATCH`, 72 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_ADAPTER_DISPATCH {
    /// At 0x0.
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    /// At 0x8.
    pub NdkQueryAdapterInfo: NDK_FN_QUERY_ADAPTER_INFO,
    /// At 0x10.
    pub NdkCreateCq: NDK_FN_CREATE_CQ,
    /// At 0x18.
    pub NdkCreatePd: NDK_FN_CREATE_PD,
    /// At 0x20.
    pub NdkCreateSharedEndpoint: NDK_FN_CREATE_SHARED_ENDPOINT,
    /// At 0x28.
    pub NdkCreateConnector: NDK_FN_CREATE_CONNECTOR,
    /// At 0x30.
    pub NdkCreateListener: NDK_FN_CREATE_LISTENER,
    /// At 0x38.
    pub NdkBuildLAM: NDK_FN_BUILD_LAM,
    /// At 0x40.
    pub NdkReleaseLAM: NDK_FN_RELEASE_LAM,
}
abi!(NDK_ADAPTER_DISPATCH, 72, { NdkQueryExtension: 0, NdkQueryAdapterInfo: 8, NdkCreateCq: 16, NdkCreatePd: 24, NdkCreateSharedEndpoint: 32, NdkCreateConnector: 40, NdkCreateListener: 48, NdkBuildLAM: 56, NdkReleaseLAM: 64 });

/// `NDK_CQ_DISPATCH`, 56 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_CQ_DISPATCH {
    /// At 0x0.
    pub NdkCloseCq: NDK_FN_CLOSE_OBJECT,
    /// At 0x8.
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    /// At 0x10.
    pub NdkResizeCq: NDK_FN_RESIZE_CQ,
    /// At 0x18.
    pub NdkArmCq: NDK_FN_ARM_CQ,
    /// At 0x20.
    pub NdkGetCqResults: NDK_FN_GET_CQ_RESULTS,
    /// At 0x28.
    pub NdkControlCqInterruptModeration: NDK_FN_CONTROL_CQ_INTERRUPT_MODERATION,
    /// At 0x30.
    pub NdkGetCqResultsEx: NDK_FN_GET_CQ_RESULTS_EX,
}
abi!(NDK_CQ_DISPATCH, 56, { NdkCloseCq: 0, NdkQueryExtension: 8, NdkResizeCq: 16, NdkArmCq: 24, NdkGetCqResults: 32, NdkControlCqInterruptModeration: 40, NdkGetCqResultsEx: 48 });

/// `NDK_PD_DISPATCH`, 64 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_PD_DISPATCH {
    /// At 0x0.
    pub NdkClosePd: NDK_FN_CLOSE_OBJECT,
    /// At 0x8.
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    /// At 0x10.
    pub NdkCreateMr: NDK_FN_CREATE_MR,
    /// At 0x18.
    pub NdkCreateMw: NDK_FN_CREATE_MW,
    /// At 0x20.
    pub NdkCreateSrq: NDK_FN_CREATE_SRQ,
    /// At 0x28.
    pub NdkCreateQp: NDK_FN_CREATE_QP,
    /// At 0x30.
    pub NdkCreateQpWithSrq: NDK_FN_CREATE_QP_WITH_SRQ,
    /// At 0x38.
    pub NdkGetPrivilegedMemoryRegionToken: NDK_FN_GET_PRIVILEGED_MEMORY_REGION_TOKEN,
}
abi!(NDK_PD_DISPATCH, 64, { NdkClosePd: 0, NdkQueryExtension: 8, NdkCreateMr: 16, NdkCreateMw: 24, NdkCreateSrq: 32, NdkCreateQp: 40, NdkCreateQpWithSrq: 48, NdkGetPrivilegedMemoryRegionToken: 56 });

/// `NDK_MR_DISPATCH`, 56 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_MR_DISPATCH {
    /// At 0x0.
    pub NdkCloseMr: NDK_FN_CLOSE_OBJECT,
    /// At 0x8.
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    /// At 0x10.
    pub NdkRegisterMr: NDK_FN_REGISTER_MR,
    /// At 0x18.
    pub NdkDeregisterMr: NDK_FN_DEREGISTER_MR,
    /// At 0x20.
    pub NdkInitializeFastRegisterMr: NDK_FN_INITIALIZE_FAST_REGISTER_MR,
    /// At 0x28.
    pub NdkGetRemoteTokenFromMr: NDK_FN_GET_REMOTE_TOKEN_FROM_MR,
    /// At 0x30.
    pub NdkGetLocalTokenFromMr: NDK_FN_GET_LOCAL_TOKEN_FROM_MR,
}
abi!(NDK_MR_DISPATCH, 56, { NdkCloseMr: 0, NdkQueryExtension: 8, NdkRegisterMr: 16, NdkDeregisterMr: 24, NdkInitializeFastRegisterMr: 32, NdkGetRemoteTokenFromMr: 40, NdkGetLocalTokenFromMr: 48 });

/// `NDK_MW_DISPATCH`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_MW_DISPATCH {
    /// At 0x0.
    pub NdkCloseMw: NDK_FN_CLOSE_OBJECT,
    /// At 0x8.
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    /// At 0x10.
    pub NdkGetRemoteTokenFromMw: NDK_FN_GET_REMOTE_TOKEN_FROM_MW,
}
abi!(NDK_MW_DISPATCH, 24, { NdkCloseMw: 0, NdkQueryExtension: 8, NdkGetRemoteTokenFromMw: 16 });

/// `NDK_SRQ_DISPATCH`, 32 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_SRQ_DISPATCH {
    /// At 0x0.
    pub NdkCloseSrq: NDK_FN_CLOSE_OBJECT,
    /// At 0x8.
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    /// At 0x10.
    pub NdkModifySrq: NDK_FN_MODIFY_SRQ,
    /// At 0x18.
    pub NdkSrqReceive: NDK_FN_SRQ_RECEIVE,
}
abi!(NDK_SRQ_DISPATCH, 32, { NdkCloseSrq: 0, NdkQueryExtension: 8, NdkModifySrq: 16, NdkSrqReceive: 24 });

/// `NDK_QP_DISPATCH`, 88 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_QP_DISPATCH {
    /// At 0x0.
    pub NdkCloseQp: NDK_FN_CLOSE_OBJECT,
    /// At 0x8.
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    /// At 0x10.
    pub NdkFlush: NDK_FN_FLUSH,
    /// At 0x18.
    pub NdkSend: NDK_FN_SEND,
    /// At 0x20.
    pub NdkReceive: NDK_FN_RECEIVE,
    /// At 0x28.
    pub NdkBind: NDK_FN_BIND,
    /// At 0x30.
    pub NdkFastRegister: NDK_FN_FAST_REGISTER,
    /// At 0x38.
    pub NdkInvalidate: NDK_FN_INVALIDATE,
    /// At 0x40.
    pub NdkRead: NDK_FN_READ,
    /// At 0x48.
    pub NdkWrite: NDK_FN_WRITE,
    /// At 0x50.
    pub NdkSendAndInvalidate: NDK_FN_SEND_AND_INVALIDATE,
}
abi!(NDK_QP_DISPATCH, 88, { NdkCloseQp: 0, NdkQueryExtension: 8, NdkFlush: 16, NdkSend: 24, NdkReceive: 32, NdkBind: 40, NdkFastRegister: 48, NdkInvalidate: 56, NdkRead: 64, NdkWrite: 72, NdkSendAndInvalidate: 80 });

/// `NDK_SHARED_ENDPOINT_DISPATCH`, 24 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_SHARED_ENDPOINT_DISPATCH {
    /// At 0x0.
    pub NdkCloseSharedEndpoint: NDK_FN_CLOSE_OBJECT,
    /// At 0x8.
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    /// At 0x10.
    pub NdkGetLocalAddress: NDK_FN_GET_SHARED_ENDPOINT_LOCAL_ADDRESS,
}
abi!(NDK_SHARED_ENDPOINT_DISPATCH, 24, { NdkCloseSharedEndpoint: 0, NdkQueryExtension: 8, NdkGetLocalAddress: 16 });

/// `NDK_CONNECTOR_DISPATCH`, 88 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_CONNECTOR_DISPATCH {
    /// At 0x0.
    pub NdkCloseConnector: NDK_FN_CLOSE_OBJECT,
    /// At 0x8.
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    /// At 0x10.
    pub NdkConnect: NDK_FN_CONNECT,
    /// At 0x18.
    pub NdkConnectWithSharedEndpoint: NDK_FN_CONNECT_WITH_SHARED_ENDPOINT,
    /// At 0x20.
    pub NdkCompleteConnect: NDK_FN_COMPLETE_CONNECT,
    /// At 0x28.
    pub NdkAccept: NDK_FN_ACCEPT,
    /// At 0x30.
    pub NdkReject: NDK_FN_REJECT,
    /// At 0x38.
    pub NdkGetConnectionData: NDK_FN_GET_CONNECTION_DATA,
    /// At 0x40.
    pub NdkGetLocalAddress: NDK_FN_GET_LOCAL_ADDRESS,
    /// At 0x48.
    pub NdkGetPeerAddress: NDK_FN_GET_PEER_ADDRESS,
    /// At 0x50.
    pub NdkDisconnect: NDK_FN_DISCONNECT,
}
abi!(NDK_CONNECTOR_DISPATCH, 88, { NdkCloseConnector: 0, NdkQueryExtension: 8, NdkConnect: 16, NdkConnectWithSharedEndpoint: 24, NdkCompleteConnect: 32, NdkAccept: 40, NdkReject: 48, NdkGetConnectionData: 56, NdkGetLocalAddress: 64, NdkGetPeerAddress: 72, NdkDisconnect: 80 });

/// `NDK_LISTENER_DISPATCH`, 40 bytes.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NDK_LISTENER_DISPATCH {
    /// At 0x0.
    pub NdkCloseListener: NDK_FN_CLOSE_OBJECT,
    /// At 0x8.
    pub NdkQueryExtension: NDK_FN_QUERY_EXTENSION_INTERFACE,
    /// At 0x10.
    pub NdkListen: NDK_FN_LISTEN,
    /// At 0x18.
    pub NdkGetLocalAddress: NDK_FN_GET_LISTENER_LOCAL_ADDRESS,
    /// At 0x20.
    pub NdkControlConnectEvents: NDK_FN_CONTROL_CONNECT_EVENTS,
}
abi!(NDK_LISTENER_DISPATCH, 40, { NdkCloseListener: 0, NdkQueryExtension: 8, NdkListen: 16, NdkGetLocalAddress: 24, NdkControlConnectEvents: 32 });
