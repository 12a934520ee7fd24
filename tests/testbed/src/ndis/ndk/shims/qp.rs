//! Queue pair functions, seen from the consumer.

use std::ffi::c_void;

use cxndk::sys::ndkpi::*;
use wdk_standin::{GUID, LARGE_INTEGER};

use super::super::track::Kind;
use super::{Call, close, pass};

pub(in crate::ndis::ndk) static TABLE: NDK_QP_DISPATCH = NDK_QP_DISPATCH {
    NdkCloseQp: Some(close),
    NdkQueryExtension: Some(query_extension),
    NdkFlush: Some(flush),
    NdkSend: Some(send),
    NdkReceive: Some(receive),
    NdkBind: Some(bind),
    NdkFastRegister: Some(fast_register),
    NdkInvalidate: Some(invalidate),
    NdkRead: Some(read),
    NdkWrite: Some(write),
    NdkSendAndInvalidate: Some(send_and_invalidate),
};

pass!(query_extension: Qp, NDK_QP_DISPATCH, NdkQueryExtension,
    (object: *mut NDK_OBJECT_HEADER, guid: *mut GUID, version: cxndk::sys::ndis::NDK_VERSION, out: *mut NDK_EXTENSION_INTERFACE) -> i32);
pass!(flush: Qp, NDK_QP_DISPATCH, NdkFlush, (qp: *mut NDK_QP) -> ());
pass!(send: Qp, NDK_QP_DISPATCH, NdkSend,
    (qp: *mut NDK_QP, context: *mut c_void, sges: *const NDK_SGE, count: u32, flags: u32) -> i32);
pass!(receive: Qp, NDK_QP_DISPATCH, NdkReceive,
    (qp: *mut NDK_QP, context: *mut c_void, sges: *const NDK_SGE, count: u32) -> i32);
pass!(bind: Qp, NDK_QP_DISPATCH, NdkBind,
    (qp: *mut NDK_QP, context: *mut c_void, mr: *mut NDK_MR, mw: *mut NDK_MW, address: *mut c_void, length: u64, flags: u32) -> i32);
pass!(fast_register: Qp, NDK_QP_DISPATCH, NdkFastRegister,
    (qp: *mut NDK_QP, context: *mut c_void, mr: *mut NDK_MR, pages: u32, page_array: *const LARGE_INTEGER, offset: u32,
     length: u64, base: *mut c_void, flags: u32) -> i32);
pass!(invalidate: Qp, NDK_QP_DISPATCH, NdkInvalidate,
    (qp: *mut NDK_QP, context: *mut c_void, object: *mut NDK_OBJECT_HEADER, flags: u32) -> i32);
pass!(read: Qp, NDK_QP_DISPATCH, NdkRead,
    (qp: *mut NDK_QP, context: *mut c_void, sges: *const NDK_SGE, count: u32, remote: u64, token: u32, flags: u32) -> i32);
pass!(write: Qp, NDK_QP_DISPATCH, NdkWrite,
    (qp: *mut NDK_QP, context: *mut c_void, sges: *const NDK_SGE, count: u32, remote: u64, token: u32, flags: u32) -> i32);
pass!(send_and_invalidate: Qp, NDK_QP_DISPATCH, NdkSendAndInvalidate,
    (qp: *mut NDK_QP, context: *mut c_void, sges: *const NDK_SGE, count: u32, flags: u32, token: u32) -> i32);
