//! Calls that a client makes (MAKE).

use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::CO_CALL_PARAMETERS;
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_PENDING, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS,
};

use super::object::{self, Life, Party, Phase, Vc, pointer};
use super::{client_broke, enter, settle};
use crate::ndis::kernel::Level;
use crate::sim::{self, faults};

/// `NdisClMakeCall`, of a multipoint call if there is a party context (PARTY-01).
///
/// # Safety
/// The parameters stay until the call is made; `place` is NULL or good for a handle.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClMakeCall(
    vc: NDIS_HANDLE,
    parameters: *mut CO_CALL_PARAMETERS,
    party_context: NDIS_HANDLE,
    place: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisClMakeCall";
    enter(ddi, Level::Dispatch);
    let vc = object::client_vc(vc, ddi);
    if vc.by_manager || vc.phase.get() != Phase::Idle || parameters.is_null() {
        client_broke("MAKE-01", format!("{ddi} on {vc}"));
        let (context, mut none) = (pointer(vc.manager_context.get()), ptr::null_mut());
        return to_manager!(
            vc.family.adapter,
            CmMakeCallHandler(context, parameters, ptr::null_mut(), &raw mut none)
        );
    }
    // CLOSE-32: after a network that failed the client gives its VC up.
    if let Some((_, why)) = vc.told.get()
        && why != NDIS_STATUS_SUCCESS
    {
        client_broke(
            "CLOSE-32",
            format!("{ddi} on {vc}, whose last call the network ended with {why:#x}"),
        );
    }
    if faults::fire("NdisClMakeCall") {
        return NDIS_STATUS_RESOURCES;
    }
    let party = (!party_context.is_null()).then(|| Party::new(&vc, party_context as usize));
    if let Some(party) = &party {
        // SAFETY: a caller with a party gives a place for its handle.
        unsafe { place.write(party.handle) };
    }
    vc.phase.set(Phase::Making);
    vc.told.set(None);
    vc.multipoint.set(party.is_some());
    vc.made_with.replace(party.clone());
    let request = vc.make.begin().expect("an idle VC has no call out");
    let handle = party.as_ref().map_or(ptr::null_mut(), |party| party.handle);
    let mut manager_context = ptr::null_mut();
    let status = to_manager!(
        vc.family.adapter,
        CmMakeCallHandler(
            pointer(vc.manager_context.get()),
            parameters,
            handle,
            &raw mut manager_context
        )
    );
    if !vc.make.returned(&request, "ProtocolCmMakeCall", status) {
        if let Some(party) = &party
            && party.manager_context.get() == 0
        {
            party.manager_context.set(manager_context as usize);
        }
        return NDIS_STATUS_PENDING;
    }
    made(&vc, "ProtocolCmMakeCall", status, manager_context as usize);
    let (host, parameters) = (vc.family.adapter.host, parameters as usize);
    let told = Rc::clone(&vc);
    let result = settle(host, status, move |status| {
        tell_made(&told, status, handle, parameters as *mut CO_CALL_PARAMETERS);
    });
    if result != NDIS_STATUS_PENDING {
        vc.telling.set(false);
    }
    result
}

/// The call is made, or has failed.
fn made(vc: &Rc<Vc>, what: &str, status: NDIS_STATUS, manager_context: usize) {
    let party = vc.made_with.take();
    if status == NDIS_STATUS_SUCCESS {
        if !vc.active.get() {
            sim::fail("MAKE-05", format!("{what} with SUCCESS of {vc}"));
        }
        match &party {
            Some(party) => party.opened(manager_context),
            None if manager_context != 0 => {
                sim::fail(
                    "MAKE-04",
                    format!("{what} of {vc}: a party context without a party"),
                );
            }
            None => {}
        }
        vc.activations_told.set(vc.activations.get());
        vc.leave_making(Phase::Connected);
        return;
    }
    vc.expect_not_activating(what);
    if vc.active.get() {
        sim::fail("MAKE-08", format!("{what} with {status:#x} of {vc}"));
    }
    if let Some(party) = party {
        party.forget();
    }
    if vc.leave_making(Phase::Idle) {
        vc.telling.set(true);
    }
}

fn tell_made(vc: &Vc, status: NDIS_STATUS, party: NDIS_HANDLE, parameters: *mut CO_CALL_PARAMETERS) {
    let party = if status == NDIS_STATUS_SUCCESS {
        party
    } else {
        ptr::null_mut()
    };
    to_client!(
        vc.family.binding,
        ClMakeCallCompleteHandler(status, pointer(vc.client_context.get()), party, parameters)
    );
    if vc.telling.replace(false) {
        vc.told_failed.set(Some(sim::now()));
    }
}

/// `NdisCmMakeCallComplete`.
///
/// # Safety
/// The parameters are those of the call.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmMakeCallComplete(
    status: NDIS_STATUS,
    vc: NDIS_HANDLE,
    party: NDIS_HANDLE,
    context: NDIS_HANDLE,
    parameters: *mut CO_CALL_PARAMETERS,
) {
    let ddi = "NdisCmMakeCallComplete";
    enter(ddi, Level::Dispatch);
    let vc = object::vc(vc, ddi);
    vc.make.complete(ddi, status);
    let expected = vc
        .made_with
        .borrow()
        .as_ref()
        .map_or(ptr::null_mut(), |p| p.handle);
    if party != expected {
        sim::fail(
            "MAKE-06",
            format!("{ddi} of {vc} with party {party:p}, made with {expected:p}"),
        );
    }
    made(&vc, ddi, status, context as usize);
    tell_made(&vc, status, party, parameters);
}

impl Vc {
    /// The make is over. A close that is under way, and may yet be refused, leaves what came of it. Whether the call was still being made.
    fn leave_making(&self, phase: Phase) -> bool {
        let making = self.phase.get() == Phase::Making;
        if making {
            self.phase.set(phase);
        } else if self.before_close.get() == Phase::Making {
            self.before_close.set(phase);
        }
        making
    }

    /// Parties that the client has and has not dropped.
    pub(super) fn live_parties(&self) -> usize {
        let parties = self.parties.borrow();
        parties
            .iter()
            .filter(|party| party.life.get() == Life::Open)
            .count()
    }
}
