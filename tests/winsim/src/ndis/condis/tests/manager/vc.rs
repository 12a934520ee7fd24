//! VCs of the tiny call manager: the client's, and its own for incoming calls.

use std::ptr;

use cxndk::sys::condis::*;

use super::super::{FAMILY, INCOMING, OUTGOING, Wrong, note, pair, wrong};
use crate::sim;

use super::{CONTEXTS, Handle, PENDING, expect, managers};

pub(super) unsafe extern "win64" fn create_vc(context: Handle, handle: Handle, place: *mut Handle) -> i32 {
    expect(context, FAMILY);
    pair().managers[OUTGOING].set(handle as usize);
    // SAFETY: NDIS gives a place.
    unsafe { place.write(CONTEXTS[OUTGOING] as Handle) };
    if wrong(Wrong::CreatePends) { PENDING } else { 0 }
}

pub(super) unsafe extern "win64" fn delete_vc(context: Handle) -> i32 {
    expect(context, OUTGOING);
    if wrong(Wrong::DeletePends) { PENDING } else { 0 }
}

/// `NdisMCmActivateVc` of one VC.
pub(in super::super) fn activate_vc(which: usize) {
    let mut parameters = CO_CALL_PARAMETERS {
        Flags: 0,
        CallMgrParameters: ptr::null_mut(),
        MediaParameters: ptr::null_mut(),
    };
    let before = pair().activated.get();
    // SAFETY: a VC of ours.
    let status = unsafe { NdisMCmActivateVc(managers(which), &raw mut parameters) };
    assert!(status == 0 || status == PENDING);
    if status == PENDING && !wrong(Wrong::UsesBeforeActivation) {
        while pair().activated.get() == before {
            sim::sleep(sim::MICROSECOND);
        }
    }
}

/// The completion functions of a miniport under a call manager of its own.
pub(in super::super) fn complete_as_miniport(which: usize) {
    if wrong(Wrong::DeactivatesAsMiniport) {
        // SAFETY: none: a wrong driver.
        unsafe { NdisMCoDeactivateVcComplete(0, managers(which)) };
    }
    // SAFETY: none: a wrong driver.
    unsafe { NdisMCoActivateVcComplete(0, managers(which), ptr::null_mut()) };
}

/// `NdisMCmDeactivateVc` of one VC.
pub(in super::super) fn deactivate_vc(which: usize) -> i32 {
    // SAFETY: a VC of ours.
    unsafe { NdisMCmDeactivateVc(managers(which)) }
}

pub(super) unsafe extern "win64" fn activated(
    status: i32,
    _context: Handle,
    _parameters: *mut CO_CALL_PARAMETERS,
) {
    assert_eq!(status, 0);
    pair().activated.set(pair().activated.get() + 1);
}
pub(super) unsafe extern "win64" fn deactivated(_status: i32, _context: Handle) {}
pub(super) unsafe extern "win64" fn activate(_context: Handle, _parameters: *mut CO_CALL_PARAMETERS) -> i32 {
    0
}
pub(super) unsafe extern "win64" fn deactivate(_context: Handle) -> i32 {
    0
}
/// `NdisMCmDeleteVc` of the VC for incoming calls.
pub(in super::super) fn delete_incoming() {
    // SAFETY: a VC of ours.
    assert_eq!(unsafe { NdisMCmDeleteVc(managers(INCOMING)) }, 0);
    note("manager deleted");
}

/// A VC for an incoming call, made and activated.
pub(in super::super) fn create_incoming() {
    let mut handle = if wrong(Wrong::ManagerNotNull) {
        8 as Handle
    } else {
        ptr::null_mut()
    };
    // SAFETY: the handles are good.
    let status = unsafe {
        NdisMCmCreateVc(
            pair().adapter.get() as Handle,
            managers(FAMILY),
            CONTEXTS[INCOMING] as Handle,
            &raw mut handle,
        )
    };
    assert_eq!(status, 0);
    pair().managers[INCOMING].set(handle as usize);
    if !wrong(Wrong::OffersInactive) {
        activate_vc(INCOMING);
    }
}

/// `NdisMCmDeleteVc` of one VC.
pub(in super::super) fn delete(which: usize) {
    // SAFETY: it is checked.
    unsafe { NdisMCmDeleteVc(managers(which)) };
}
