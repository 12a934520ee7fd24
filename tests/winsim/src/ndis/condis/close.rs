//! The end of a call, from either side (CLOSE).

use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS,
};

use super::object::{self, Life, Party, Phase, Vc, pointer};
use super::{client_broke, enter, settle};
use crate::ndis::kernel::Level;
use crate::sim::{self, Moment, Stream};

/// `NdisClCloseCall`: with all sends back, and with the last party of a multipoint call (CLOSE-01, CLOSE-03).
///
/// # Safety
/// The buffer has `size` bytes and stays until the close is complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClCloseCall(
    vc: NDIS_HANDLE,
    party: NDIS_HANDLE,
    buffer: *mut c_void,
    size: u32,
) -> NDIS_STATUS {
    let ddi = "NdisClCloseCall";
    enter(ddi, Level::Dispatch);
    let vc = object::client_vc(vc, ddi);
    let just_failed = vc.telling.get() || vc.told_failed.get() == Some(sim::now());
    if vc.phase.get() == Phase::Idle && just_failed {
        // The call has just failed: there is none to close.
        return NDIS_STATUS_FAILURE;
    }
    let party = closing_party(&vc, ddi, party);
    match vc.phase.get() {
        Phase::Closing => sim::fail("CLOSE-33", format!("{ddi} of {vc} for the second time")),
        Phase::Idle => {
            client_broke("CLOSE-02", format!("{ddi} of {vc}, which has no call"));
            let context = pointer(vc.manager_context.get());
            return to_manager!(
                vc.family.adapter,
                CmCloseCallHandler(context, ptr::null_mut(), buffer, size)
            );
        }
        phase => vc.before_close.set(phase),
    }
    let sends = vc.sends.borrow().len();
    if sends > 0 {
        sim::fail(
            "CLOSE-01",
            format!("{ddi} of {vc} with {sends} sends outstanding"),
        );
    }
    let request = vc
        .close
        .begin()
        .expect("a call that is not being closed has no close out");
    vc.phase.set(Phase::Closing);
    vc.close_time.set(Moment::now());
    vc.closed_with.replace(party.clone());
    let party_context = party.as_ref().map_or(0, |party| party.manager_context.get());
    let status = to_manager!(
        vc.family.adapter,
        CmCloseCallHandler(
            pointer(vc.manager_context.get()),
            pointer(party_context),
            buffer,
            size
        )
    );
    if !vc.close.returned(&request, "ProtocolCmCloseCall", status) {
        return NDIS_STATUS_PENDING;
    }
    let context = closed(&vc, "ProtocolCmCloseCall", status);
    if vc.by_manager {
        return status;
    }
    let host = vc.family.adapter.host;
    settle(host, status, move |status| tell_closed(&vc, status, context))
}

/// The party that the client passes: one of the call's, if it has any.
fn closing_party(vc: &Rc<Vc>, ddi: &str, party: NDIS_HANDLE) -> Option<Rc<Party>> {
    let making = vc.phase.get() == Phase::Making;
    if party.is_null() {
        if vc.multipoint.get() && !making {
            sim::fail("CLOSE-03", format!("{ddi} of {vc} without a party"));
        }
        return None;
    }
    let party = if making {
        object::party(party, ddi)
    } else {
        object::client_party(party, ddi)
    };
    if !vc.multipoint.get() || party.vc.as_ptr() != Rc::as_ptr(vc) {
        sim::fail(
            "CLOSE-03",
            format!("{ddi} of {vc} with a party that is none of the call"),
        );
    }
    Some(party)
}

/// The call manager is done; the party context that the client's handler gets (CLOSE-16).
fn closed(vc: &Rc<Vc>, what: &str, status: NDIS_STATUS) -> usize {
    let party = vc.closed_with.take();
    let context = party.as_ref().map_or(0, |party| party.client_context);
    let context = if vc.by_manager { 0 } else { context };
    if status != NDIS_STATUS_SUCCESS {
        vc.phase.set(vc.before_close.get());
        return context;
    }
    if vc.make.is_out() {
        sim::fail(
            "MAKE-13",
            format!("{what} of {vc}, whose NdisClMakeCall is pending"),
        );
    }
    if vc.live_parties() > 1 {
        sim::fail(
            "CLOSE-04",
            format!("{what} of {vc} with {} parties", vc.live_parties()),
        );
    }
    vc.expect_not_activating(what);
    vc.expect_quiet("CLOSE-34", what);
    if vc.active.get() {
        sim::fail("CLOSE-08", format!("{what} with SUCCESS of {vc}"));
    }
    if vc.modify.is_out() {
        sim::fail(
            "GEN-02",
            format!("{what} of {vc}, whose NdisClModifyCallQoS is pending"),
        );
    }
    vc.offer.abandon();
    let parties: Vec<_> = vc.parties.borrow().clone();
    for left in parties {
        if left.life.get() != Life::Open || left.add.is_out() {
            sim::fail(
                "GEN-02",
                format!("{what} of {vc}, with a party that is {:?}", left.life.get()),
            );
        }
        left.forget();
    }
    vc.multipoint.set(false);
    vc.barred.set(vc.by_manager);
    vc.phase.set(Phase::Idle);
    context
}

fn tell_closed(vc: &Vc, status: NDIS_STATUS, party_context: usize) {
    vc.in_close_complete.set(vc.by_manager);
    to_client!(
        vc.family.binding,
        ClCloseCallCompleteHandler(status, pointer(vc.client_context.get()), pointer(party_context))
    );
    vc.in_close_complete.set(false);
}

/// `NdisCmCloseCallComplete`: the VC is deactivated, and nothing moves on it (CLOSE-08, CLOSE-09).
///
/// # Safety
/// None beyond a live simulation; the handles are checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmCloseCallComplete(
    status: NDIS_STATUS,
    vc: NDIS_HANDLE,
    party: NDIS_HANDLE,
) {
    let ddi = "NdisCmCloseCallComplete";
    enter(ddi, Level::Dispatch);
    let vc = object::vc(vc, ddi);
    vc.close.complete(ddi, status);
    let expected = vc
        .closed_with
        .borrow()
        .as_ref()
        .map_or(ptr::null_mut(), |p| p.handle);
    if party != expected {
        sim::fail(
            "CLOSE-09",
            format!("{ddi} of {vc} with party {party:p}, closed with {expected:p}"),
        );
    }
    let context = closed(&vc, ddi, status);
    tell_closed(&vc, status, context);
}

/// How long the call manager's news of a call may be on its way to NDIS while the client ends the call: it looked, and lost its
/// processor, or waited for a lock, before it called. No lock may be held over the call (VRF-38), so that nothing can rule this out.
const CROSSING: u64 = 10 * sim::MICROSECOND;

/// Whether news that NDIS hears now may have been on its way since before `moment`: who looked then may have been standing still already,
/// and again and again since.
pub(super) fn crosses(moment: Moment) -> bool {
    moment.elapsed() <= CROSSING + sim::longest_standstill()
}

impl Vc {
    /// `ProtocolCmCloseCall` was entered just now: a call manager that was on its way to NDIS could not know (CLOSE-33).
    pub(super) fn close_is_new(&self) -> bool {
        crosses(self.close_time.get())
    }

    /// Whether NDIS passes on what the call manager has to say of a call that the client closes just now.
    ///
    /// The pages say that a dispatch makes NDIS call the client's handler, and name no exception; they also say that `NdisClCloseCall`
    /// marks the VC as closing, and not who looks at the mark. So the seed decides, and both sides have to stand both.
    pub(super) fn passes_on(&self) -> bool {
        let passes = sim::chance(Stream::Ndis, 500_000);
        sim::note(format!("news of {self} crosses its close, passed on: {passes}"));
        passes
    }
}

/// `NdisCmDispatchIncomingCloseCall`: the peer or the network ended the call (CLOSE-30).
///
/// # Safety
/// The buffer has `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmDispatchIncomingCloseCall(
    status: NDIS_STATUS,
    vc: NDIS_HANDLE,
    buffer: *mut c_void,
    size: u32,
) {
    let ddi = "NdisCmDispatchIncomingCloseCall";
    enter(ddi, Level::Dispatch);
    let vc = object::vc(vc, ddi);
    match vc.phase.get() {
        Phase::Offered | Phase::Accepted | Phase::Connected => {}
        // Client and peer closed at once: there is one close (CLOSE-33), whether or not the client hears of the other.
        Phase::Closing if vc.close_is_new() && vc.passes_on() => {}
        Phase::Closing if vc.close_is_new() => return,
        _ => sim::fail("CLOSE-33", format!("{ddi} of {vc}")),
    }
    if vc.told.replace(Some((sim::now(), status))).is_some() {
        sim::fail("CLOSE-30", format!("{ddi} of {vc} for the second time"));
    }
    let context = pointer(vc.client_context.get());
    to_client!(
        vc.family.binding,
        ClIncomingCloseCallHandler(status, context, buffer, size)
    );
}
