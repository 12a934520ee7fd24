//! Requests and statuses of the tiny call manager.

use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

use super::super::client::{About, new_request};
use super::super::{FAMILY, OUTGOING, Wrong, note, pair, wrong};
use super::{Handle, PENDING, answer, expect, managers};
use crate::sim;

/// The handle of the adapter.
fn adapter() -> Handle {
    pair().adapter.get() as Handle
}

/// The handle of the party that the call was made with.
fn party() -> Handle {
    pair().manager_parties.borrow()[0] as Handle
}

pub(super) unsafe extern "win64" fn miniport_request(
    _adapter: Handle,
    vc: Handle,
    request: *mut NDIS_OID_REQUEST,
) -> i32 {
    note("miniport asked");
    note(format!("miniport asked of {vc:?}"));
    let request = request as usize;
    let vc = if vc.is_null() {
        0
    } else {
        managers(OUTGOING) as usize
    };
    answer(0, move |status| {
        let vc = if wrong(Wrong::AnswersOfOtherVc) { 0 } else { vc } as Handle;
        // SAFETY: the request that pends.
        unsafe { NdisMCoOidRequestComplete(adapter(), vc, request as *mut NDIS_OID_REQUEST, status) };
    })
}

pub(super) unsafe extern "win64" fn request(
    context: Handle,
    vc: Handle,
    of: Handle,
    request: *mut NDIS_OID_REQUEST,
) -> i32 {
    expect(context, FAMILY);
    note("manager asked");
    note(format!("manager asked of {vc:?} {of:?}"));
    let request = request as usize;
    let vc = if vc.is_null() { vc } else { managers(OUTGOING) } as usize;
    let of = if of.is_null() { of } else { party() } as usize;
    answer(0, move |status| {
        if wrong(Wrong::AnswersTooMuch) {
            // SAFETY: the request that pends; query and set agree in these fields.
            unsafe { (*(request as *mut NDIS_OID_REQUEST)).DATA.INFORMATION.BytesUsed = 1 };
        }
        if wrong(Wrong::AnswersLate) {
            sim::sleep(12 * sim::SECOND);
        }
        complete_request(request, vc, of, status);
        if wrong(Wrong::AnswersRequestTwice) {
            complete_request(request, vc, of, status);
        }
    })
}

/// `NdisMCmOidRequestComplete`, or what a wrong call manager takes for it.
fn complete_request(request: usize, vc: usize, party: usize, status: i32) {
    let request = request as *mut NDIS_OID_REQUEST;
    let (vc, party) = (vc as Handle, party as Handle);
    if wrong(Wrong::AnswersRequestElsewhere) {
        // SAFETY: it is checked.
        return unsafe { NdisMCoOidRequestComplete(adapter(), vc, request, status) };
    }
    let status = if wrong(Wrong::AnswersRequestPending) {
        PENDING
    } else {
        status
    };
    // SAFETY: the request that pends.
    unsafe { NdisCoOidRequestComplete(managers(FAMILY), vc, party, request, status) };
}

pub(super) unsafe extern "win64" fn request_complete(
    context: Handle,
    vc: Handle,
    party: Handle,
    _request: *mut NDIS_OID_REQUEST,
    status: i32,
) {
    expect(context, FAMILY);
    note(format!("client answered of {vc:?} {party:?}"));
    note(format!("client answered {status:#x}"));
}

/// `NdisMCmOidRequest` to the client.
pub(in super::super) fn ask_client(about: About) {
    let none = ptr::null_mut();
    let vc = if about == About::Adapter {
        none
    } else {
        managers(OUTGOING)
    };
    let of = if about == About::Party { party() } else { none };
    // SAFETY: the handles are good, or checked; the request stays.
    let status = unsafe { NdisMCmOidRequest(managers(FAMILY), vc, of, new_request()) };
    if status != PENDING {
        note(format!("client answered {status:#x}"));
    }
}

/// `NdisMCoIndicateStatusEx` to all bindings.
pub(in super::super) fn indicate_status() {
    indicate_status_of(ptr::null_mut());
}

/// `NdisMCoIndicateStatusEx` of a VC.
pub(in super::super) fn indicate_status_of(vc: Handle) {
    // SAFETY: all fields may be zero.
    let mut indication: NDIS_STATUS_INDICATION = unsafe { std::mem::zeroed() };
    indication.SourceHandle = if wrong(Wrong::ForeignStatus) {
        ptr::null_mut()
    } else {
        adapter()
    };
    // SAFETY: the indication is complete.
    unsafe { NdisMCoIndicateStatusEx(adapter(), vc, &raw mut indication) };
}
