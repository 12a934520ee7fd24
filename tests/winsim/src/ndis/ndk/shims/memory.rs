//! Memory region, memory window and shared receive queue functions, seen from the consumer.

use std::ffi::c_void;

use cxndk::sys::ndkpi::*;
use wdk_standin::{_MDL as MDL, GUID};

use super::super::ledger::memory::{self, Registration};
use super::super::request::Effect;
use super::super::track::Kind;
use super::{Call, close, pass, provider};

pub(in crate::ndis::ndk) static MR: NDK_MR_DISPATCH = NDK_MR_DISPATCH {
    NdkCloseMr: Some(close),
    NdkQueryExtension: Some(query_mr_extension),
    NdkRegisterMr: Some(register),
    NdkDeregisterMr: Some(deregister),
    NdkInitializeFastRegisterMr: Some(initialize_fast_register),
    NdkGetRemoteTokenFromMr: Some(remote_token),
    NdkGetLocalTokenFromMr: Some(local_token),
};

pub(in crate::ndis::ndk) static MW: NDK_MW_DISPATCH = NDK_MW_DISPATCH {
    NdkCloseMw: Some(close),
    NdkQueryExtension: Some(query_mw_extension),
    NdkGetRemoteTokenFromMw: Some(window_token),
};

pub(in crate::ndis::ndk) static SRQ: NDK_SRQ_DISPATCH = NDK_SRQ_DISPATCH {
    NdkCloseSrq: Some(close),
    NdkQueryExtension: Some(query_srq_extension),
    NdkModifySrq: Some(modify_srq),
    NdkSrqReceive: Some(srq_receive),
};

pass!(query_mr_extension: Mr, NDK_MR_DISPATCH, NdkQueryExtension,
    (object: *mut NDK_OBJECT_HEADER, guid: *mut GUID, version: cxndk::sys::ndis::NDK_VERSION, out: *mut NDK_EXTENSION_INTERFACE) -> i32);
pass!(query_mw_extension: Mw, NDK_MW_DISPATCH, NdkQueryExtension,
    (object: *mut NDK_OBJECT_HEADER, guid: *mut GUID, version: cxndk::sys::ndis::NDK_VERSION, out: *mut NDK_EXTENSION_INTERFACE) -> i32);
pass!(query_srq_extension: Srq, NDK_SRQ_DISPATCH, NdkQueryExtension,
    (object: *mut NDK_OBJECT_HEADER, guid: *mut GUID, version: cxndk::sys::ndis::NDK_VERSION, out: *mut NDK_EXTENSION_INTERFACE) -> i32);
pass!(remote_token: Mr, NDK_MR_DISPATCH, NdkGetRemoteTokenFromMr, (mr: *mut NDK_MR) -> u32);
pass!(window_token: Mw, NDK_MW_DISPATCH, NdkGetRemoteTokenFromMw, (mw: *mut NDK_MW) -> u32);
pass!(srq_receive: Srq, NDK_SRQ_DISPATCH, NdkSrqReceive,
    (srq: *mut NDK_SRQ, context: *mut c_void, sges: *const NDK_SGE, count: u32) -> i32);

unsafe extern "win64" fn local_token(mr: *mut NDK_MR) -> u32 {
    let call = Call::enter(mr.cast(), Kind::Mr, "NdkGetLocalTokenFromMr");
    let provider = provider!(call, NDK_MR_DISPATCH, NdkGetLocalTokenFromMr);
    // SAFETY: the consumer's argument.
    let token = unsafe { provider(mr) };
    memory::token_of(&call.object, token);
    token
}

unsafe extern "win64" fn register(
    mr: *mut NDK_MR,
    mdl: *mut MDL,
    length: u64,
    flags: u32,
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(mr.cast(), Kind::Mr, "NdkRegisterMr");
    let provider = provider!(call, NDK_MR_DISPATCH, NdkRegisterMr);
    let effect = Effect::Registers(Registration::new(mdl, length, flags));
    super::request(&call, (callback, context), effect, |ours, token| {
        // SAFETY: the consumer's arguments; callback and context are the verifier's.
        unsafe { provider(mr, mdl, length, flags, ours, token) }
    })
}

unsafe extern "win64" fn deregister(
    mr: *mut NDK_MR,
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(mr.cast(), Kind::Mr, "NdkDeregisterMr");
    let provider = provider!(call, NDK_MR_DISPATCH, NdkDeregisterMr);
    memory::expect_unused(&call.object, call.what);
    super::request(&call, (callback, context), Effect::Deregisters, |ours, token| {
        // SAFETY: the consumer's arguments; callback and context are the verifier's.
        unsafe { provider(mr, ours, token) }
    })
}

unsafe extern "win64" fn initialize_fast_register(
    mr: *mut NDK_MR,
    pages: u32,
    remote: u8,
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(mr.cast(), Kind::Mr, "NdkInitializeFastRegisterMr");
    let provider = provider!(call, NDK_MR_DISPATCH, NdkInitializeFastRegisterMr);
    super::request(&call, (callback, context), Effect::None, |ours, token| {
        // SAFETY: the consumer's arguments; callback and context are the verifier's.
        unsafe { provider(mr, pages, remote, ours, token) }
    })
}

unsafe extern "win64" fn modify_srq(
    srq: *mut NDK_SRQ,
    depth: u32,
    threshold: u32,
    callback: NDK_FN_REQUEST_COMPLETION,
    context: *mut c_void,
) -> i32 {
    let call = Call::enter(srq.cast(), Kind::Srq, "NdkModifySrq");
    let provider = provider!(call, NDK_SRQ_DISPATCH, NdkModifySrq);
    super::request(&call, (callback, context), Effect::None, |ours, token| {
        // SAFETY: the consumer's arguments; callback and context are the verifier's.
        unsafe { provider(srq, depth, threshold, ours, token) }
    })
}
