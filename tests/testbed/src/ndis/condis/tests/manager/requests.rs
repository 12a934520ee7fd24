//! Requests and statuses of the tiny call manager.

use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

use super::super::{FAMILY, Wrong, note, pair, wrong};
use super::{Handle, PENDING, answer, expect, managers};

pub(super) unsafe extern "win64" fn miniport_request(
    _adapter: Handle,
    _vc: Handle,
    request: *mut NDIS_OID_REQUEST,
) -> i32 {
    let request = request as usize;
    note("miniport asked");
    answer(0, move |status| {
        let adapter = pair().adapter.get() as Handle;
        // SAFETY: the request that pends.
        unsafe {
            NdisMCoOidRequestComplete(adapter, ptr::null_mut(), request as *mut NDIS_OID_REQUEST, status)
        };
    })
}

pub(super) unsafe extern "win64" fn request(
    context: Handle,
    _vc: Handle,
    _party: Handle,
    request: *mut NDIS_OID_REQUEST,
) -> i32 {
    expect(context, FAMILY);
    note("manager asked");
    let request = request as usize;
    answer(0, move |status| {
        complete_request(request, status);
        if wrong(Wrong::AnswersRequestTwice) {
            complete_request(request, status);
        }
    })
}

/// `NdisMCmOidRequestComplete`, or what a wrong call manager takes for it.
fn complete_request(request: usize, status: i32) {
    let request = request as *mut NDIS_OID_REQUEST;
    let none = ptr::null_mut();
    if wrong(Wrong::AnswersRequestElsewhere) {
        let adapter = pair().adapter.get() as Handle;
        // SAFETY: it is checked.
        return unsafe { NdisMCoOidRequestComplete(adapter, none, request, status) };
    }
    let status = if wrong(Wrong::AnswersRequestPending) {
        PENDING
    } else {
        status
    };
    // SAFETY: the request that pends.
    unsafe { NdisCoOidRequestComplete(managers(FAMILY), none, none, request, status) };
}

pub(super) unsafe extern "win64" fn request_complete(
    context: Handle,
    _vc: Handle,
    _party: Handle,
    _request: *mut NDIS_OID_REQUEST,
    status: i32,
) {
    expect(context, FAMILY);
    note(format!("client answered {status:#x}"));
}

/// `NdisMCmOidRequest` to the client.
pub(in super::super) fn ask_client(request: *mut NDIS_OID_REQUEST) -> i32 {
    // SAFETY: the request stays.
    unsafe { NdisMCmOidRequest(managers(FAMILY), ptr::null_mut(), ptr::null_mut(), request) }
}

/// `NdisMCoIndicateStatusEx` to all bindings.
pub(in super::super) fn indicate_status() {
    // SAFETY: all fields may be zero.
    let mut indication: NDIS_STATUS_INDICATION = unsafe { std::mem::zeroed() };
    let adapter = pair().adapter.get() as Handle;
    indication.SourceHandle = if wrong(Wrong::ForeignStatus) {
        ptr::null_mut()
    } else {
        adapter
    };
    // SAFETY: the indication is complete.
    unsafe { NdisMCoIndicateStatusEx(adapter, ptr::null_mut(), &raw mut indication) };
}
