//! Requests and statuses of the tiny client.

use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;

use super::super::{FAMILY, note, pair};
use crate::sim;

use super::{BINDING, Handle, PENDING, clients, expect};

/// `NdisCoOidRequest`, of the call manager or the miniport.
pub(in super::super) fn ask(manager: bool) {
    // SAFETY: all fields may be zero.
    let request: &'static mut NDIS_OID_REQUEST = Box::leak(Box::new(unsafe { std::mem::zeroed() }));
    let family = if manager { clients(FAMILY) } else { ptr::null_mut() };
    let binding = pair().binding.get() as Handle;
    // SAFETY: the handles are good, the request stays.
    let status = unsafe { NdisCoOidRequest(binding, family, ptr::null_mut(), ptr::null_mut(), request) };
    if status != PENDING {
        note(format!("answered {status:#x}"));
    }
}

pub(super) unsafe extern "win64" fn request_done(
    _family: Handle,
    _vc: Handle,
    _party: Handle,
    _: *mut NDIS_OID_REQUEST,
    status: i32,
) {
    note(format!("answered {status:#x}"));
}

pub(super) unsafe extern "win64" fn request(
    family: Handle,
    _vc: Handle,
    _party: Handle,
    _: *mut NDIS_OID_REQUEST,
) -> i32 {
    expect(family, FAMILY);
    NDIS_STATUS_NOT_SUPPORTED
}

pub(super) unsafe extern "win64" fn co_status(
    context: Handle,
    _vc: Handle,
    _indication: *mut NDIS_STATUS_INDICATION,
) {
    assert_eq!(context as usize, BINDING);
    note("status begins");
    sim::sleep(sim::MICROSECOND);
    note("status");
}
