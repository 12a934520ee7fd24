//! Requests and statuses of the tiny client.

use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

use super::super::{FAMILY, OUTGOING, Wrong, host, note, pair, wrong};
use super::{BINDING, Handle, PENDING, clients, expect, party};
use crate::ndis::kernel;
use crate::sim;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum About {
    Adapter,
    Vc,
    Party,
}

/// A request that stays.
pub(in super::super) fn new_request() -> *mut NDIS_OID_REQUEST {
    // SAFETY: all fields may be zero.
    Box::leak(Box::new(unsafe { std::mem::zeroed() }))
}

/// `NdisCoOidRequest`, of the call manager or the miniport, about the adapter.
pub(in super::super) fn ask(manager: bool) {
    ask_about(manager, About::Adapter);
}

/// `NdisCoOidRequest`, of the call manager or the miniport.
pub(in super::super) fn ask_about(manager: bool, about: About) {
    let family = if manager { clients(FAMILY) } else { ptr::null_mut() };
    let (mut vc, mut of) = (ptr::null_mut(), ptr::null_mut());
    if about != About::Adapter {
        vc = clients(OUTGOING);
    }
    if about == About::Party {
        of = party(0);
    }
    let binding = pair().binding.get() as Handle;
    let mut request = new_request();
    if wrong(Wrong::AsksTwice) {
        let first = pair().request.get();
        if first != 0 {
            request = first as *mut NDIS_OID_REQUEST;
        }
        pair().request.set(request as usize);
    }
    // SAFETY: the handles are good, or checked; the request stays.
    let status = unsafe { NdisCoOidRequest(binding, family, vc, of, request) };
    if status != PENDING {
        note(format!("answered {status:#x}"));
    }
}

/// `NdisOidRequest` that sets one word; the request stays.
pub(in super::super) fn ask_plainly(oid: u32, request: *mut NDIS_OID_REQUEST) -> i32 {
    let word = Box::leak(Box::new(0_u32));
    // SAFETY: the request is ours.
    let request = unsafe { &mut *request };
    request.RequestType = NdisRequestSetInformation;
    request.DATA.INFORMATION.Oid = oid;
    request.DATA.INFORMATION.InformationBuffer = ptr::from_mut(word).cast();
    request.DATA.INFORMATION.InformationBufferLength = 4;
    // SAFETY: the handle is that of the binding, the request stays.
    unsafe { NdisOidRequest(pair().binding.get() as Handle, request) }
}

pub(super) unsafe extern "win64" fn oid_done(context: Handle, request: *mut NDIS_OID_REQUEST, status: i32) {
    assert_eq!(context as usize, BINDING);
    // SAFETY: the request is ours; query and set agree in these fields.
    let oid = unsafe { (*request).DATA.INFORMATION.Oid };
    note(format!("plainly answered {oid:#x} {status:#x}"));
}

pub(super) unsafe extern "win64" fn request_done(
    family: Handle,
    vc: Handle,
    party: Handle,
    _: *mut NDIS_OID_REQUEST,
    status: i32,
) {
    note(format!("answered of {family:?} {vc:?} {party:?}"));
    note(format!("answered {status:#x}"));
}

pub(super) unsafe extern "win64" fn request(
    family: Handle,
    vc: Handle,
    party: Handle,
    request: *mut NDIS_OID_REQUEST,
) -> i32 {
    expect(family, FAMILY);
    note(format!("client asked of {vc:?} {party:?}"));
    let request = request as usize;
    if !pair().pends.get() {
        return NDIS_STATUS_NOT_SUPPORTED;
    }
    let vc = if vc.is_null() { vc } else { clients(OUTGOING) } as usize;
    let party = if party.is_null() { party } else { super::party(0) } as usize;
    kernel::worker(host(), "client", move || {
        let status = if wrong(Wrong::ClientAnswersPending) {
            PENDING
        } else {
            NDIS_STATUS_NOT_SUPPORTED
        };
        let vc = if wrong(Wrong::ClientAnswersOther) { 0 } else { vc } as Handle;
        let (family, party) = (clients(FAMILY), party as Handle);
        // SAFETY: the request that pends.
        unsafe { NdisCoOidRequestComplete(family, vc, party, request as *mut NDIS_OID_REQUEST, status) };
    });
    PENDING
}

pub(super) unsafe extern "win64" fn co_status(
    context: Handle,
    vc: Handle,
    _indication: *mut NDIS_STATUS_INDICATION,
) {
    assert_eq!(context as usize, BINDING);
    note("status begins");
    sim::sleep(sim::MICROSECOND);
    note("status");
    if !vc.is_null() {
        note(format!("status of {vc:?}"));
    }
}
