//! Calls that come in (INC).

use cxndk::sys::condis::CO_CALL_PARAMETERS;
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS,
};

use super::enter;
use super::object::{self, Life, Phase, Vc, pointer};
use crate::ndis::kernel::Level;
use crate::sim;

/// `NdisCmDispatchIncomingCall`: the client takes the call, refuses it, or decides later (INC-03, INC-06).
///
/// # Safety
/// The parameters stay until the client has decided.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmDispatchIncomingCall(
    sap: NDIS_HANDLE,
    vc: NDIS_HANDLE,
    parameters: *mut CO_CALL_PARAMETERS,
) -> NDIS_STATUS {
    let ddi = "NdisCmDispatchIncomingCall";
    enter(ddi, Level::Dispatch);
    let sap = object::sap(sap, ddi);
    let vc = object::vc(vc, ddi);
    if vc.in_close_complete.get() {
        sim::fail(
            "CLOSE-22",
            format!("{ddi} on {vc} inside of ProtocolClCloseCallComplete"),
        );
    }
    if !vc.by_manager || !vc.active.get() || vc.phase.get() != Phase::Idle {
        sim::fail("INC-01", format!("{ddi} on {vc}"));
    }
    if sap.family.handle != vc.family.handle {
        sim::fail(
            "INC-01",
            format!("{ddi}: {sap} and {vc} are of different families"),
        );
    }
    // SAP-10: the client has given the SAP up, so it gets no more calls on it; the call manager is not done with it, so it may ask.
    if sap.life.get() == Life::Closing {
        return NDIS_STATUS_FAILURE;
    }
    vc.barred.set(false);
    vc.told.set(None);
    vc.phase.set(Phase::Offered);
    vc.activations_told.set(vc.activations.get());
    let request = vc.offer.begin().expect("an idle VC has no offer");
    let status = to_client!(
        vc.family.binding,
        ClIncomingCallHandler(
            pointer(sap.client_context),
            pointer(vc.client_context.get()),
            parameters
        )
    );
    if vc.offer.returned(&request, "ProtocolClIncomingCall", status) {
        vc.decided(status);
    }
    status
}

impl Vc {
    /// The client took the offer, or refused it: then there is no call (INC-09).
    fn decided(&self, status: NDIS_STATUS) {
        if self.phase.get() != Phase::Offered {
            return;
        }
        self.phase.set(if status == NDIS_STATUS_SUCCESS {
            Phase::Accepted
        } else {
            self.barred.set(true);
            Phase::Idle
        });
    }
}

/// `NdisClIncomingCallComplete`: the decision that the client owed.
///
/// # Safety
/// The parameters are those of the offer.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClIncomingCallComplete(
    status: NDIS_STATUS,
    vc: NDIS_HANDLE,
    parameters: *mut CO_CALL_PARAMETERS,
) {
    let ddi = "NdisClIncomingCallComplete";
    enter(ddi, Level::Dispatch);
    let vc = object::client_vc(vc, ddi);
    if status == NDIS_STATUS_PENDING || !vc.offer.is_out() {
        sim::fail("INC-04", format!("{ddi} with {status:#x} of {vc}"));
    }
    vc.offer.complete(ddi, status);
    vc.decided(status);
    let context = pointer(vc.manager_context.get());
    to_manager!(
        vc.family.adapter,
        CmIncomingCallCompleteHandler(status, context, parameters)
    );
}

/// `NdisCmDispatchCallConnected`: data may flow (INC-07).
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmDispatchCallConnected(vc: NDIS_HANDLE) {
    let ddi = "NdisCmDispatchCallConnected";
    enter(ddi, Level::Dispatch);
    let vc = object::vc(vc, ddi);
    match vc.phase.get() {
        Phase::Accepted if vc.active.get() => vc.phase.set(Phase::Connected),
        // The client closed the call that it had taken at the moment at which it became connected.
        Phase::Closing if vc.close_is_new() && vc.passes_on() => {}
        Phase::Closing if vc.close_is_new() => return,
        _ => sim::fail("INC-07", format!("{ddi} of {vc}")),
    }
    let context = pointer(vc.client_context.get());
    to_client!(vc.family.binding, ClCallConnectedHandler(context));
}
