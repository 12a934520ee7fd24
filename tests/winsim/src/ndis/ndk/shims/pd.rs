//! Protection domain functions, seen from the consumer.

use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::ndis::GROUP_AFFINITY;
use cxndk::sys::ndkpi::*;
use wdk_standin::GUID;

use super::super::ledger::pair::{Pair, Sizes};
use super::super::track::{self, Kind};
use super::{Call, close, create, pass, plain, provider};

pub(in crate::ndis::ndk) static TABLE: NDK_PD_DISPATCH = NDK_PD_DISPATCH {
    NdkClosePd: Some(close),
    NdkQueryExtension: Some(query_extension),
    NdkCreateMr: Some(create_mr),
    NdkCreateMw: Some(create_mw),
    NdkCreateSrq: Some(create_srq),
    NdkCreateQp: Some(create_qp),
    NdkCreateQpWithSrq: Some(create_qp_with_srq),
    NdkGetPrivilegedMemoryRegionToken: Some(get_privileged_token),
};

pass!(query_extension: Pd, NDK_PD_DISPATCH, NdkQueryExtension,
    (object: *mut NDK_OBJECT_HEADER, guid: *mut GUID, version: cxndk::sys::ndis::NDK_VERSION, out: *mut NDK_EXTENSION_INTERFACE) -> i32);

unsafe extern "win64" fn get_privileged_token(pd: *mut NDK_PD, token: *mut u32) {
    let call = Call::enter(pd.cast(), Kind::Pd, "NdkGetPrivilegedMemoryRegionToken");
    let provider = provider!(call, NDK_PD_DISPATCH, NdkGetPrivilegedMemoryRegionToken);
    // SAFETY: the consumer's arguments.
    unsafe { provider(pd, token) };
    // SAFETY: the provider has stored the token where the consumer wants it.
    call.object.open.lent.privileged(unsafe { *token });
}

unsafe extern "win64" fn create_mr(
    pd: *mut NDK_PD,
    fast_register: u8,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_MR,
) -> i32 {
    let call = Call::enter(pd.cast(), Kind::Pd, "NdkCreateMr");
    let provider = provider!(call, NDK_PD_DISPATCH, NdkCreateMr);
    let parents = vec![call.object.clone()];
    create(
        &call,
        Kind::Mr,
        parents,
        plain(),
        (callback, context, out.cast()),
        |ours, token, place| {
            // SAFETY: the consumer's arguments; callback and context are the verifier's.
            unsafe { provider(pd, fast_register, ours, token, place.cast()) }
        },
    )
}

unsafe extern "win64" fn create_mw(
    pd: *mut NDK_PD,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_MW,
) -> i32 {
    let call = Call::enter(pd.cast(), Kind::Pd, "NdkCreateMw");
    let provider = provider!(call, NDK_PD_DISPATCH, NdkCreateMw);
    let parents = vec![call.object.clone()];
    create(
        &call,
        Kind::Mw,
        parents,
        plain(),
        (callback, context, out.cast()),
        |ours, token, place| {
            // SAFETY: the consumer's arguments; callback and context are the verifier's.
            unsafe { provider(pd, ours, token, place.cast()) }
        },
    )
}

unsafe extern "win64" fn create_srq(
    pd: *mut NDK_PD,
    depth: u32,
    sge: u32,
    threshold: u32,
    notification: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
    notification_context: *mut c_void,
    affinity: *mut GROUP_AFFINITY,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_SRQ,
) -> i32 {
    let call = Call::enter(pd.cast(), Kind::Pd, "NdkCreateSrq");
    let provider = provider!(call, NDK_PD_DISPATCH, NdkCreateSrq);
    let parents = vec![call.object.clone()];
    create(
        &call,
        Kind::Srq,
        parents,
        plain(),
        (callback, context, out.cast()),
        |ours, token, place| {
            let at = place.cast();
            // SAFETY: the consumer's arguments; callback and context of the request are the verifier's.
            unsafe {
                provider(
                    pd,
                    depth,
                    sge,
                    threshold,
                    notification,
                    notification_context,
                    affinity,
                    ours,
                    token,
                    at,
                )
            }
        },
    )
}

unsafe extern "win64" fn create_qp(
    pd: *mut NDK_PD,
    receive_cq: *mut NDK_CQ,
    initiator_cq: *mut NDK_CQ,
    qp_context: *mut c_void,
    receive_depth: u32,
    initiator_depth: u32,
    receive_sge: u32,
    initiator_sge: u32,
    inline_size: u32,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_QP,
) -> i32 {
    let call = Call::enter(pd.cast(), Kind::Pd, "NdkCreateQp");
    let provider = provider!(call, NDK_PD_DISPATCH, NdkCreateQp);
    let cq = |cq: *mut NDK_CQ| track::find(cq.cast(), Kind::Cq, "NdkCreateQp");
    let parents = vec![call.object.clone(), cq(receive_cq), cq(initiator_cq)];
    let sizes = Sizes {
        context: qp_context,
        receives: Some(receive_depth),
        initiator: initiator_depth,
    };
    let pair = Pair::new(&sizes, parents[1].clone(), parents[2].clone());
    let qp_context = pair.token();
    create(
        &call,
        Kind::Qp,
        parents,
        Rc::new(move |qp| pair.bind(qp)),
        (callback, context, out.cast()),
        |ours, token, place| {
            let (r, i, rs, is) = (receive_depth, initiator_depth, receive_sge, initiator_sge);
            let at = place.cast();
            // SAFETY: the consumer's arguments; callback and context are the verifier's.
            unsafe {
                provider(
                    pd,
                    receive_cq,
                    initiator_cq,
                    qp_context,
                    r,
                    i,
                    rs,
                    is,
                    inline_size,
                    ours,
                    token,
                    at,
                )
            }
        },
    )
}

unsafe extern "win64" fn create_qp_with_srq(
    pd: *mut NDK_PD,
    receive_cq: *mut NDK_CQ,
    initiator_cq: *mut NDK_CQ,
    srq: *mut NDK_SRQ,
    qp_context: *mut c_void,
    initiator_depth: u32,
    initiator_sge: u32,
    inline_size: u32,
    callback: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    out: *mut *mut NDK_QP,
) -> i32 {
    let call = Call::enter(pd.cast(), Kind::Pd, "NdkCreateQpWithSrq");
    let provider = provider!(call, NDK_PD_DISPATCH, NdkCreateQpWithSrq);
    let cq = |cq: *mut NDK_CQ| track::find(cq.cast(), Kind::Cq, "NdkCreateQpWithSrq");
    let queue = track::find(srq.cast(), Kind::Srq, "NdkCreateQpWithSrq");
    let parents = vec![call.object.clone(), cq(receive_cq), cq(initiator_cq), queue];
    let sizes = Sizes {
        context: qp_context,
        receives: None,
        initiator: initiator_depth,
    };
    let pair = Pair::new(&sizes, parents[1].clone(), parents[2].clone());
    let qp_context = pair.token();
    create(
        &call,
        Kind::Qp,
        parents,
        Rc::new(move |qp| pair.bind(qp)),
        (callback, context, out.cast()),
        |ours, token, place| {
            let (i, is, at) = (initiator_depth, initiator_sge, place.cast());
            // SAFETY: the consumer's arguments; callback and context are the verifier's.
            unsafe {
                provider(
                    pd,
                    receive_cq,
                    initiator_cq,
                    srq,
                    qp_context,
                    i,
                    is,
                    inline_size,
                    ours,
                    token,
                    at,
                )
            }
        },
    )
}
