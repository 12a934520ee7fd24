//! Parties of the tiny call manager.

use std::ptr;

use cxndk::sys::condis::*;

use super::super::{OUTGOING, Wrong, inside, pair, wrong};
use super::{Handle, PENDING, answer, expect};

/// Context of its first party; the others follow.
pub(super) const PARTY: usize = 0x50;

pub(in super::super) fn party_handle(context: usize) -> usize {
    let at = context.checked_sub(PARTY);
    at.map_or(0, |at| pair().manager_parties.borrow()[at])
}

/// `NdisCmDispatchIncomingDropParty` of the party with this number.
pub(in super::super) fn report_drop(at: usize) {
    let party = pair().manager_parties.borrow()[at];
    // SAFETY: the handle is good.
    unsafe { NdisCmDispatchIncomingDropParty(0, party as Handle, ptr::null_mut(), 0) };
}

pub(super) unsafe extern "win64" fn add_party(
    context: Handle,
    parameters: *mut CO_CALL_PARAMETERS,
    party: Handle,
    place: *mut Handle,
) -> i32 {
    expect(context, OUTGOING);
    let mut own = PARTY + pair().manager_parties.borrow().len();
    pair().manager_parties.borrow_mut().push(party as usize);
    if wrong(Wrong::AddsWithoutContext) {
        own = 0;
    }
    // SAFETY: NDIS gives a place.
    unsafe { place.write(own as Handle) };
    if wrong(Wrong::HoldsParty) {
        return PENDING;
    }
    let (party, parameters) = (party as usize, parameters as usize);
    answer(0, move |status| {
        // SAFETY: the handles of the request.
        unsafe {
            NdisCmAddPartyComplete(
                status,
                party as Handle,
                own as Handle,
                parameters as *mut CO_CALL_PARAMETERS,
            );
        };
    })
}

pub(super) unsafe extern "win64" fn drop_party(party: Handle, _data: Handle, _size: u32) -> i32 {
    let party = party_handle(party as usize);
    inside("drop_party");
    answer(0, move |status| {
        // SAFETY: the handle of the party.
        unsafe { NdisCmDropPartyComplete(status, party as Handle) };
    })
}
