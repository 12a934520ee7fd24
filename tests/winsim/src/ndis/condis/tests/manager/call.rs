//! Calls of the tiny call manager.

use std::ptr;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::NDIS_STATUS_FAILURE;

use super::super::{INCOMING, OUTGOING, SAP, Wrong, inside, note, pair, wrong};
use super::party::{PARTY, party_handle};
use super::vc::{activate_vc, deactivate_vc, delete_incoming};
use super::{CONTEXTS, Handle, PENDING, answer, expect, indicate, managers};

pub(super) unsafe extern "win64" fn make_call(
    context: Handle,
    parameters: *mut CO_CALL_PARAMETERS,
    party: Handle,
    place: *mut Handle,
) -> i32 {
    expect(context, OUTGOING);
    let status = pair().answer.get();
    let mut own = 0;
    if !party.is_null() {
        own = PARTY + pair().manager_parties.borrow().len();
        pair().manager_parties.borrow_mut().push(party as usize);
    } else if wrong(Wrong::PartyContextOfNobody) {
        own = PARTY;
    }
    // SAFETY: NDIS gives a place.
    unsafe { place.write(own as Handle) };
    let (party, parameters) = (party as usize, parameters as usize);
    if (status == 0 && !wrong(Wrong::MakesInactive)) || wrong(Wrong::FailsActive) {
        activate_vc(OUTGOING);
    }
    if wrong(Wrong::IndicatesEarly) {
        indicate(OUTGOING, 1, managers(OUTGOING));
    }
    if wrong(Wrong::ClosesBeforeMade) {
        return PENDING;
    }
    let party = if wrong(Wrong::MakesForeignParty) {
        pair().managers[OUTGOING].get()
    } else {
        party
    };
    answer(status, move |status| {
        // SAFETY: the handles of the call.
        unsafe {
            NdisCmMakeCallComplete(
                status,
                managers(OUTGOING),
                party as Handle,
                own as Handle,
                parameters as *mut CO_CALL_PARAMETERS,
            );
        };
    })
}

pub(super) unsafe extern "win64" fn close_call(
    context: Handle,
    party: Handle,
    _data: Handle,
    _size: u32,
) -> i32 {
    let which = if context as usize == CONTEXTS[INCOMING] {
        INCOMING
    } else {
        OUTGOING
    };
    let status = pair().answer.get();
    let party = party_handle(party as usize);
    inside("close_call");
    if status == 0 && !wrong(Wrong::ClosesActive) && !wrong(Wrong::ClosesWithReceives) {
        deactivate_vc(which);
    }
    let party = if wrong(Wrong::ClosesForeignParty) {
        pair().managers[OUTGOING].get()
    } else {
        party
    };
    answer(status, move |status| {
        // SAFETY: the handles of the call.
        unsafe { NdisCmCloseCallComplete(status, managers(which), party as Handle) };
        if which == INCOMING && status == 0 && !inside("closed") {
            delete_incoming();
        }
    })
}

/// Offers a call on the VC for incoming calls.
pub(in super::super) fn offer() {
    let parameters = Box::leak(Box::new(CO_CALL_PARAMETERS {
        Flags: 0,
        CallMgrParameters: ptr::null_mut(),
        MediaParameters: ptr::null_mut(),
    }));
    // SAFETY: the handles are good, the parameters stay.
    let status = unsafe { NdisCmDispatchIncomingCall(managers(SAP), managers(INCOMING), parameters) };
    if status != PENDING {
        decided(status);
    }
}

fn decided(status: i32) {
    note(format!("decided {status:#x}"));
    if status == 0 {
        if !inside("connect") {
            connect(INCOMING);
        }
    } else {
        deactivate_vc(INCOMING);
        delete_incoming();
    }
}

/// `NdisCmDispatchCallConnected` of a VC.
pub(in super::super) fn connect(which: usize) {
    // SAFETY: the handle is good.
    unsafe { NdisCmDispatchCallConnected(managers(which)) };
}

pub(super) unsafe extern "win64" fn incoming_complete(
    status: i32,
    context: Handle,
    _parameters: *mut CO_CALL_PARAMETERS,
) {
    expect(context, INCOMING);
    decided(status);
}

/// `NdisCmDispatchIncomingCloseCall` of a VC.
pub(in super::super) fn report_close(which: usize) {
    // SAFETY: the handle is good.
    unsafe { NdisCmDispatchIncomingCloseCall(0, managers(which), ptr::null_mut(), 0) };
}

/// `NdisCmDispatchIncomingCloseCall` of a VC whose network failed.
pub(in super::super) fn report_failure(which: usize) {
    let failure = NDIS_STATUS_FAILURE;
    // SAFETY: the handle is good.
    unsafe { NdisCmDispatchIncomingCloseCall(failure, managers(which), ptr::null_mut(), 0) };
}

/// `NdisCmDispatchIncomingCallQoSChange` of a VC, after an activation.
pub(in super::super) fn change(which: usize) {
    if !wrong(Wrong::ChangesWithoutActivation) {
        activate_vc(which);
    }
    // SAFETY: the handle is good.
    unsafe { NdisCmDispatchIncomingCallQoSChange(managers(which), ptr::null_mut()) };
}

/// A completion that nobody asked for.
pub(in super::super) fn complete_unasked() {
    // SAFETY: the handle is good.
    unsafe { NdisCmCloseCallComplete(0, managers(OUTGOING), ptr::null_mut()) };
}
pub(super) unsafe extern "win64" fn modify(context: Handle, parameters: *mut CO_CALL_PARAMETERS) -> i32 {
    let which = if context as usize == CONTEXTS[INCOMING] {
        INCOMING
    } else {
        OUTGOING
    };
    if !wrong(Wrong::ModifiesWithoutActivation) {
        activate_vc(which);
    }
    if wrong(Wrong::HoldsModify) {
        return PENDING;
    }
    let parameters = parameters as usize;
    answer(0, move |status| {
        // SAFETY: the handle of the call.
        unsafe {
            NdisCmModifyCallQoSComplete(status, managers(which), parameters as *mut CO_CALL_PARAMETERS);
        };
    })
}
