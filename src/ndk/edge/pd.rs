//! The dispatch table of protection domains.

use core::ffi::c_void;

use super::{
    super::{
        callback::Context,
        cq::Cq,
        object::Object,
        pd::Pd,
        qp::{Qp, QpLimits},
    },
    close, created, creation, object, query_extension,
};
use crate::{
    nt::Status,
    sys::{
        ndis::GROUP_AFFINITY,
        ndkpi::{
            NDK_CQ, NDK_FN_CREATE_COMPLETION, NDK_FN_SRQ_NOTIFICATION_CALLBACK, NDK_MR, NDK_MW, NDK_PD,
            NDK_PD_DISPATCH, NDK_QP, NDK_SRQ,
        },
    },
};

/// The table.
pub static DISPATCH: NDK_PD_DISPATCH = NDK_PD_DISPATCH {
    NdkClosePd: Some(close::<Pd>),
    NdkQueryExtension: Some(query_extension),
    NdkCreateMr: Some(create_mr),
    NdkCreateMw: Some(create_mw),
    NdkCreateSrq: Some(create_srq),
    NdkCreateQp: Some(create_qp),
    NdkCreateQpWithSrq: Some(create_qp_with_srq),
    NdkGetPrivilegedMemoryRegionToken: Some(get_privileged_memory_region_token),
};

unsafe extern "win64" fn create_mr(
    pd: *mut NDK_PD,
    fast_register: u8,
    _: NDK_FN_CREATE_COMPLETION,
    _: *mut c_void,
    place: *mut *mut NDK_MR,
) -> i32 {
    // SAFETY: the consumer's duty.
    let pd = unsafe { Object::<Pd>::from_handle(pd) };
    // SAFETY: the consumer's duty.
    unsafe { created(Object::create_mr(&pd, fast_register != 0), place) }
}

unsafe extern "win64" fn create_mw(
    pd: *mut NDK_PD,
    _: NDK_FN_CREATE_COMPLETION,
    _: *mut c_void,
    place: *mut *mut NDK_MW,
) -> i32 {
    // SAFETY: the consumer's duty.
    let pd = unsafe { Object::<Pd>::from_handle(pd) };
    // SAFETY: the consumer's duty.
    unsafe { created(Object::create_mw(&pd), place) }
}

/// There are no shared receive queues: every depth is above the limit (CREATE-17).
unsafe extern "win64" fn create_srq(
    _: *mut NDK_PD,
    _: u32,
    _: u32,
    _: u32,
    _: NDK_FN_SRQ_NOTIFICATION_CALLBACK,
    _: *mut c_void,
    _: *mut GROUP_AFFINITY,
    _: NDK_FN_CREATE_COMPLETION,
    _: *mut c_void,
    _: *mut *mut NDK_SRQ,
) -> i32 {
    Status::INVALID_PARAMETER.0
}

unsafe extern "win64" fn create_qp(
    pd: *mut NDK_PD,
    receive_cq: *mut NDK_CQ,
    initiator_cq: *mut NDK_CQ,
    qp_context: *mut c_void,
    receive_depth: u32,
    initiator_depth: u32,
    receive_sges: u32,
    initiator_sges: u32,
    inline_bytes: u32,
    completion: NDK_FN_CREATE_COMPLETION,
    context: *mut c_void,
    _: *mut *mut NDK_QP,
) -> i32 {
    // SAFETY: the consumer's duty.
    let pd = unsafe { Object::<Pd>::from_handle(pd) };
    // SAFETY: the consumer's duty.
    let receive_cq = unsafe { Object::<Cq<Qp>>::from_handle(receive_cq) };
    // SAFETY: the consumer's duty.
    let initiator_cq = unsafe { Object::<Cq<Qp>>::from_handle(initiator_cq) };
    // SAFETY: the consumer's duty.
    let completion = unsafe { creation(completion, context) };
    let context = Context::new(qp_context);
    let limits = QpLimits {
        context,
        receive_depth,
        initiator_depth,
        receive_sges,
        initiator_sges,
        inline_bytes,
    };
    Object::create_qp(&pd, &receive_cq, &initiator_cq, limits, completion).0
}

/// There are no shared receive queues that it could be made with.
unsafe extern "win64" fn create_qp_with_srq(
    _: *mut NDK_PD,
    _: *mut NDK_CQ,
    _: *mut NDK_CQ,
    _: *mut NDK_SRQ,
    _: *mut c_void,
    _: u32,
    _: u32,
    _: u32,
    _: NDK_FN_CREATE_COMPLETION,
    _: *mut c_void,
    _: *mut *mut NDK_QP,
) -> i32 {
    Status::INVALID_PARAMETER.0
}

unsafe extern "win64" fn get_privileged_memory_region_token(pd: *mut NDK_PD, token: *mut u32) {
    // SAFETY: the consumer's duty.
    let pd = unsafe { object::<Pd>(pd) };
    // SAFETY: the consumer's duty.
    unsafe { token.write(pd.kind().privileged_token()) }
}
