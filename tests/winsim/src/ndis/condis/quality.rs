//! Changes of a call's parameters (QOS).

use std::rc::Rc;

use cxndk::sys::condis::CO_CALL_PARAMETERS;
use cxndk::sys::ndis::{NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS};

use super::object::{self, Phase, Vc, pointer};
use super::{enter, settle};
use crate::ndis::kernel::Level;
use crate::sim;

/// `NdisClModifyCallQoS`: of an active VC, or while an offer pends (QOS-01, INC-13).
///
/// # Safety
/// The parameters stay until the change is complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClModifyCallQoS(
    vc: NDIS_HANDLE,
    parameters: *mut CO_CALL_PARAMETERS,
) -> NDIS_STATUS {
    let ddi = "NdisClModifyCallQoS";
    enter(ddi, Level::Dispatch);
    let vc = object::client_vc(vc, ddi);
    if !matches!(vc.phase.get(), Phase::Connected | Phase::Offered) {
        sim::fail("QOS-01", format!("{ddi} of {vc}"));
    }
    let Some(request) = vc.modify.begin() else {
        sim::fail("QOS-01", format!("{ddi} of {vc} while another one is pending"));
    };
    vc.activations_asked.set(vc.activations.get());
    let context = pointer(vc.manager_context.get());
    let status = to_manager!(vc.family.adapter, CmModifyCallQoSHandler(context, parameters));
    if !vc.modify.returned(&request, "ProtocolCmModifyCallQoS", status) {
        return NDIS_STATUS_PENDING;
    }
    modified(&vc, "ProtocolCmModifyCallQoS", status);
    let (host, parameters) = (vc.family.adapter.host, parameters as usize);
    settle(host, status, move |status| {
        tell_modified(&vc, status, parameters as *mut CO_CALL_PARAMETERS);
    })
}

/// QOS-03: what is granted was activated since the client asked.
fn modified(vc: &Rc<Vc>, what: &str, status: NDIS_STATUS) {
    let activated = vc.active.get() && vc.activations.get() > vc.activations_asked.get();
    if status == NDIS_STATUS_SUCCESS && !activated {
        sim::fail("QOS-03", format!("{what} with SUCCESS of {vc}"));
    }
}

fn tell_modified(vc: &Vc, status: NDIS_STATUS, parameters: *mut CO_CALL_PARAMETERS) {
    let context = pointer(vc.client_context.get());
    to_client!(
        vc.family.binding,
        ClModifyCallQoSCompleteHandler(status, context, parameters)
    );
}

/// `NdisCmModifyCallQoSComplete`.
///
/// # Safety
/// The parameters are those of the request.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmModifyCallQoSComplete(
    status: NDIS_STATUS,
    vc: NDIS_HANDLE,
    parameters: *mut CO_CALL_PARAMETERS,
) {
    let ddi = "NdisCmModifyCallQoSComplete";
    enter(ddi, Level::Dispatch);
    let vc = object::vc(vc, ddi);
    vc.modify.complete(ddi, status);
    modified(&vc, ddi, status);
    tell_modified(&vc, status, parameters);
}

/// `NdisCmDispatchIncomingCallQoSChange`: after the activation with what the peer wants (QOS-07).
///
/// # Safety
/// The parameters stay until this returns.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmDispatchIncomingCallQoSChange(
    vc: NDIS_HANDLE,
    parameters: *mut CO_CALL_PARAMETERS,
) {
    let ddi = "NdisCmDispatchIncomingCallQoSChange";
    enter(ddi, Level::Dispatch);
    let vc = object::vc(vc, ddi);
    match vc.phase.get() {
        Phase::Connected if vc.active.get() && vc.activations.get() > vc.activations_told.get() => {}
        Phase::Closing if vc.close_is_new() && vc.passes_on() => {}
        Phase::Closing if vc.close_is_new() => return,
        _ => sim::fail("QOS-07", format!("{ddi} of {vc}")),
    }
    vc.activations_told.set(vc.activations.get());
    let context = pointer(vc.client_context.get());
    to_client!(
        vc.family.binding,
        ClIncomingCallQoSChangeHandler(context, parameters)
    );
}
