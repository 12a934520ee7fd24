//! The dispatch table of completion queues.

use core::{ffi::c_void, ptr};

use super::{
    super::{
        cq::{Cq, Entry},
        notify::Arm,
        object::Object,
        qp::Qp,
    },
    close, object, query_extension,
};
use crate::{
    nt::Status,
    sys::ndkpi::{
        NDK_CQ, NDK_CQ_DISPATCH, NDK_CQ_NOTIFY_ANY, NDK_CQ_NOTIFY_SOLICITED, NDK_FN_REQUEST_COMPLETION,
        NDK_RESULT, NDK_RESULT_EX,
    },
};

/// The table.
pub static DISPATCH: NDK_CQ_DISPATCH = NDK_CQ_DISPATCH {
    NdkCloseCq: Some(close::<Cq<Qp>>),
    NdkQueryExtension: Some(query_extension),
    NdkResizeCq: Some(resize),
    NdkArmCq: Some(arm),
    NdkGetCqResults: Some(get_results),
    NdkControlCqInterruptModeration: Some(control_interrupt_moderation),
    NdkGetCqResultsEx: Some(get_results_ex),
};

/// Not advertised (CQ-40).
unsafe extern "win64" fn resize(_: *mut NDK_CQ, _: u32, _: NDK_FN_REQUEST_COMPLETION, _: *mut c_void) -> i32 {
    Status::NOT_SUPPORTED.0
}

unsafe extern "win64" fn arm(cq: *mut NDK_CQ, wanted: u32) {
    // SAFETY: the consumer's duty.
    let cq = unsafe { object::<Cq<Qp>>(cq) };
    cq.arm(match wanted {
        NDK_CQ_NOTIFY_ANY => Arm::Any,
        NDK_CQ_NOTIFY_SOLICITED => Arm::Solicited,
        _ => Arm::Errors,
    });
}

unsafe extern "win64" fn get_results(cq: *mut NDK_CQ, results: *mut NDK_RESULT, limit: u32) -> u32 {
    // SAFETY: the consumer's duty.
    let cq = unsafe { object::<Cq<Qp>>(cq) };
    cq.kind().poll(limit, |index, entry| {
        let result = NDK_RESULT {
            Status: entry.status.0,
            BytesTransferred: entry.bytes,
            QPContext: entry.qp_context.as_raw(),
            RequestContext: request_context(entry),
        };
        // SAFETY: the consumer's duty: there is room for `limit` results, and the index is below that.
        unsafe { results.wrapping_add(index as usize).write(result) }
    })
}

unsafe extern "win64" fn get_results_ex(cq: *mut NDK_CQ, results: *mut NDK_RESULT_EX, limit: u32) -> u32 {
    // SAFETY: the consumer's duty.
    let cq = unsafe { object::<Cq<Qp>>(cq) };
    cq.kind().poll(limit, |index, entry| {
        let place = results.wrapping_add(index as usize);
        // The padding, where version 2.1 has an error code, is to read as 0 (VERSION-05).
        // SAFETY: the consumer's duty: there is room for `limit` results, and the index is below that.
        unsafe { place.write_bytes(0, 1) }
        let result = NDK_RESULT_EX {
            Status: entry.status.0,
            BytesTransferred: entry.bytes,
            QPContext: entry.qp_context.as_raw(),
            RequestContext: request_context(entry),
            Type: entry.kind,
            TypeSpecificCompletionOutput: entry.token as usize,
        };
        // SAFETY: as above.
        unsafe { place.write(result) }
    })
}

unsafe extern "win64" fn control_interrupt_moderation(
    cq: *mut NDK_CQ,
    interval_us: u32,
    completions: u32,
) -> i32 {
    // SAFETY: the consumer's duty.
    let cq = unsafe { Object::<Cq<Qp>>::from_handle(cq) };
    Object::moderate(&cq, interval_us, completions).0
}

/// The consumer's context, which was posted as a number.
#[inline(always)]
const fn request_context(entry: &Entry) -> *mut c_void {
    ptr::without_provenance_mut(entry.request_context as usize)
}
