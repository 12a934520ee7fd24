//! Queue pair functions, seen from the consumer.

use std::ffi::c_void;

use cxndk::sys::ndkpi::*;
use wdk_standin::{GUID, LARGE_INTEGER};

use super::super::ledger::memory::{self, Use};
use super::super::ledger::pair::{Operation, Pair, Post};
use super::super::track::{self, Kind};
use super::{Call, close, pass, provider};

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

unsafe extern "win64" fn flush(qp: *mut NDK_QP) {
    let call = Call::enter(qp.cast(), Kind::Qp, "NdkFlush");
    pair(&call).flushed();
    let provider = provider!(call, NDK_QP_DISPATCH, NdkFlush);
    // SAFETY: the consumer's argument.
    unsafe { provider(qp) };
}

fn pair(call: &Call) -> &Pair {
    call.object
        .books
        .pair
        .get()
        .expect("every queue pair has its books")
}

/// Posts with a scatter/gather list.
fn post_list(
    call: &Call,
    operation: Operation,
    context: *mut c_void,
    (sges, count): (*const NDK_SGE, u32),
    flags: u32,
    invoke: impl FnOnce(*mut c_void) -> i32,
) -> i32 {
    let (uses, room) = memory::uses_of(&call.object.open, sges, count, flags);
    let post = Post {
        operation,
        context,
        flags,
        room,
        uses,
    };
    pair(call).post(call.what, post, invoke)
}

/// Posts without one.
fn post_bare(
    call: &Call,
    operation: Operation,
    context: *mut c_void,
    flags: u32,
    uses: Vec<Use>,
    invoke: impl FnOnce(*mut c_void) -> i32,
) -> i32 {
    let post = Post {
        operation,
        context,
        flags,
        room: 0,
        uses,
    };
    pair(call).post(call.what, post, invoke)
}

unsafe extern "win64" fn send(
    qp: *mut NDK_QP,
    context: *mut c_void,
    sges: *const NDK_SGE,
    count: u32,
    flags: u32,
) -> i32 {
    let call = Call::enter(qp.cast(), Kind::Qp, "NdkSend");
    let provider = provider!(call, NDK_QP_DISPATCH, NdkSend);
    post_list(&call, Operation::Send, context, (sges, count), flags, |ours| {
        // SAFETY: the consumer's arguments; the context is the verifier's.
        unsafe { provider(qp, ours, sges, count, flags) }
    })
}

unsafe extern "win64" fn send_and_invalidate(
    qp: *mut NDK_QP,
    context: *mut c_void,
    sges: *const NDK_SGE,
    count: u32,
    flags: u32,
    token: u32,
) -> i32 {
    let call = Call::enter(qp.cast(), Kind::Qp, "NdkSendAndInvalidate");
    let provider = provider!(call, NDK_QP_DISPATCH, NdkSendAndInvalidate);
    post_list(&call, Operation::Send, context, (sges, count), flags, |ours| {
        // SAFETY: the consumer's arguments; the context is the verifier's.
        unsafe { provider(qp, ours, sges, count, flags, token) }
    })
}

unsafe extern "win64" fn receive(
    qp: *mut NDK_QP,
    context: *mut c_void,
    sges: *const NDK_SGE,
    count: u32,
) -> i32 {
    let call = Call::enter(qp.cast(), Kind::Qp, "NdkReceive");
    let provider = provider!(call, NDK_QP_DISPATCH, NdkReceive);
    post_list(&call, Operation::Receive, context, (sges, count), 0, |ours| {
        // SAFETY: the consumer's arguments; the context is the verifier's.
        unsafe { provider(qp, ours, sges, count) }
    })
}

unsafe extern "win64" fn read(
    qp: *mut NDK_QP,
    context: *mut c_void,
    sges: *const NDK_SGE,
    count: u32,
    remote: u64,
    token: u32,
    flags: u32,
) -> i32 {
    let call = Call::enter(qp.cast(), Kind::Qp, "NdkRead");
    let provider = provider!(call, NDK_QP_DISPATCH, NdkRead);
    post_list(&call, Operation::Read, context, (sges, count), flags, |ours| {
        // SAFETY: the consumer's arguments; the context is the verifier's.
        unsafe { provider(qp, ours, sges, count, remote, token, flags) }
    })
}

unsafe extern "win64" fn write(
    qp: *mut NDK_QP,
    context: *mut c_void,
    sges: *const NDK_SGE,
    count: u32,
    remote: u64,
    token: u32,
    flags: u32,
) -> i32 {
    let call = Call::enter(qp.cast(), Kind::Qp, "NdkWrite");
    let provider = provider!(call, NDK_QP_DISPATCH, NdkWrite);
    post_list(&call, Operation::Write, context, (sges, count), flags, |ours| {
        // SAFETY: the consumer's arguments; the context is the verifier's.
        unsafe { provider(qp, ours, sges, count, remote, token, flags) }
    })
}

unsafe extern "win64" fn bind(
    qp: *mut NDK_QP,
    context: *mut c_void,
    mr: *mut NDK_MR,
    mw: *mut NDK_MW,
    address: *mut c_void,
    length: u64,
    flags: u32,
) -> i32 {
    let call = Call::enter(qp.cast(), Kind::Qp, "NdkBind");
    let provider = provider!(call, NDK_QP_DISPATCH, NdkBind);
    post_bare(&call, Operation::Bind, context, flags, Vec::new(), |ours| {
        // SAFETY: the consumer's arguments; the context is the verifier's.
        unsafe { provider(qp, ours, mr, mw, address, length, flags) }
    })
}

unsafe extern "win64" fn fast_register(
    qp: *mut NDK_QP,
    context: *mut c_void,
    mr: *mut NDK_MR,
    pages: u32,
    page_array: *const LARGE_INTEGER,
    offset: u32,
    length: u64,
    base: *mut c_void,
    flags: u32,
) -> i32 {
    let call = Call::enter(qp.cast(), Kind::Qp, "NdkFastRegister");
    let provider = provider!(call, NDK_QP_DISPATCH, NdkFastRegister);
    let region = track::find(mr.cast(), Kind::Mr, call.what);
    let uses = memory::uses_of_pages(&region, page_array.cast(), pages);
    post_bare(&call, Operation::FastRegister, context, flags, uses, |ours| {
        // SAFETY: the consumer's arguments; the context is the verifier's.
        unsafe { provider(qp, ours, mr, pages, page_array, offset, length, base, flags) }
    })
}

unsafe extern "win64" fn invalidate(
    qp: *mut NDK_QP,
    context: *mut c_void,
    object: *mut NDK_OBJECT_HEADER,
    flags: u32,
) -> i32 {
    let call = Call::enter(qp.cast(), Kind::Qp, "NdkInvalidate");
    let provider = provider!(call, NDK_QP_DISPATCH, NdkInvalidate);
    post_bare(&call, Operation::Invalidate, context, flags, Vec::new(), |ours| {
        // SAFETY: the consumer's arguments; the context is the verifier's.
        unsafe { provider(qp, ours, object, flags) }
    })
}
