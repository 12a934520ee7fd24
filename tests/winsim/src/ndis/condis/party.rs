//! Parties of multipoint calls (PARTY).

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::CO_CALL_PARAMETERS;
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING, NDIS_STATUS_RESOURCES,
    NDIS_STATUS_SUCCESS,
};

use super::close::crosses;
use super::object::{self, Life, Party, Phase, Vc, pointer};
use super::request::Slot;
use super::{client_broke, enter, settle};
use crate::ndis::kernel::Level;
use crate::ndis::table::{self, Object};
use crate::sim::{self, Moment, faults};

impl Party {
    /// A party of `vc` that is being added.
    pub(super) fn new(vc: &Rc<Vc>, client_context: usize) -> Rc<Self> {
        let party = Rc::new(Self {
            handle: table::reserve(),
            vc: Rc::downgrade(vc),
            client_context,
            manager_context: Cell::new(0),
            life: Cell::new(Life::Opening),
            add: Slot::default(),
            drop: Slot::default(),
            drop_time: Cell::default(),
        });
        object::insert(party.handle, Object::Party(Rc::clone(&party)));
        vc.parties.borrow_mut().push(Rc::clone(&party));
        party
    }

    /// It is part of the call; the call manager has a context for it (MAKE-04, PARTY-03).
    pub(super) fn opened(&self, manager_context: usize) {
        if manager_context == 0 {
            sim::fail(
                "PARTY-03",
                format!("party {:p} has no context of the call manager", self.handle),
            );
        }
        self.manager_context.set(manager_context);
        self.life.set(Life::Open);
    }

    /// Its handle is dead.
    pub(super) fn forget(&self) {
        object::remove(self.handle);
        if let Some(vc) = self.vc.upgrade() {
            vc.parties
                .borrow_mut()
                .retain(|party| party.handle != self.handle);
        }
    }

    fn call(&self) -> Rc<Vc> {
        self.vc.upgrade().expect("a call's parties go before its VC")
    }
}

/// `NdisClAddParty`.
///
/// # Safety
/// The parameters stay until the party is added; `place` is good for a handle.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClAddParty(
    vc: NDIS_HANDLE,
    context: NDIS_HANDLE,
    parameters: *mut CO_CALL_PARAMETERS,
    place: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisClAddParty";
    enter(ddi, Level::Dispatch);
    let vc = object::client_vc(vc, ddi);
    if !vc.multipoint.get() || vc.phase.get() != Phase::Connected {
        client_broke("PARTY-01", format!("{ddi} to {vc}, which has no multipoint call"));
    }
    if faults::fire("NdisClAddParty") {
        return NDIS_STATUS_RESOURCES;
    }
    let party = Party::new(&vc, context as usize);
    // SAFETY: the caller's place.
    unsafe { place.write(party.handle) };
    let request = party.add.begin().expect("it is new");
    let mut manager_context = ptr::null_mut();
    let status = to_manager!(
        vc.family.adapter,
        CmAddPartyHandler(
            pointer(vc.manager_context.get()),
            parameters,
            party.handle,
            &raw mut manager_context
        )
    );
    if !party.add.returned(&request, "ProtocolCmAddParty", status) {
        return NDIS_STATUS_PENDING;
    }
    added(&party, status, manager_context as usize);
    let (host, parameters) = (vc.family.adapter.host, parameters as usize);
    settle(host, status, move |status| {
        tell_added(&vc, &party, status, parameters as *mut CO_CALL_PARAMETERS);
    })
}

fn added(party: &Party, status: NDIS_STATUS, manager_context: usize) {
    if status == NDIS_STATUS_SUCCESS {
        party.opened(manager_context);
    } else {
        party.forget();
    }
}

fn tell_added(vc: &Vc, party: &Party, status: NDIS_STATUS, parameters: *mut CO_CALL_PARAMETERS) {
    let handle = if status == NDIS_STATUS_SUCCESS {
        party.handle
    } else {
        ptr::null_mut()
    };
    to_client!(
        vc.family.binding,
        ClAddPartyCompleteHandler(status, pointer(party.client_context), handle, parameters)
    );
}

/// `NdisCmAddPartyComplete`.
///
/// # Safety
/// The parameters are those of the request.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmAddPartyComplete(
    status: NDIS_STATUS,
    party: NDIS_HANDLE,
    context: NDIS_HANDLE,
    parameters: *mut CO_CALL_PARAMETERS,
) {
    let ddi = "NdisCmAddPartyComplete";
    enter(ddi, Level::Dispatch);
    let party = object::party(party, ddi);
    let vc = party.call();
    party.add.complete(ddi, status);
    added(&party, status, context as usize);
    tell_added(&vc, &party, status, parameters);
}

/// `NdisClDropParty`: not of the last party, with which the call is closed (PARTY-08).
///
/// # Safety
/// The buffer has `size` bytes and stays until the party is dropped.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClDropParty(
    party: NDIS_HANDLE,
    buffer: *mut c_void,
    size: u32,
) -> NDIS_STATUS {
    let ddi = "NdisClDropParty";
    enter(ddi, Level::Dispatch);
    let party = object::client_party(party, ddi);
    let vc = party.call();
    if vc.phase.get() == Phase::Closing {
        sim::fail("CLOSE-03", format!("{ddi} of a party of {vc}"));
    }
    let host = vc.family.adapter.host;
    if vc.live_parties() == 1 {
        return settle(host, NDIS_STATUS_FAILURE, move |status| {
            tell_dropped(&vc, &party, status);
        });
    }
    party.life.set(Life::Closing);
    party.drop_time.set(Moment::now());
    let request = party.drop.begin().expect("the party was open");
    let status = to_manager!(
        vc.family.adapter,
        CmDropPartyHandler(pointer(party.manager_context.get()), buffer, size)
    );
    if !party.drop.returned(&request, "ProtocolCmDropParty", status) {
        return NDIS_STATUS_PENDING;
    }
    dropped(&party, status);
    settle(host, status, move |status| tell_dropped(&vc, &party, status))
}

fn dropped(party: &Party, status: NDIS_STATUS) {
    if status == NDIS_STATUS_SUCCESS {
        party.forget();
    } else {
        party.life.set(Life::Open);
    }
}

fn tell_dropped(vc: &Vc, party: &Party, status: NDIS_STATUS) {
    to_client!(
        vc.family.binding,
        ClDropPartyCompleteHandler(status, pointer(party.client_context))
    );
}

/// `NdisCmDropPartyComplete`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmDropPartyComplete(status: NDIS_STATUS, party: NDIS_HANDLE) {
    let ddi = "NdisCmDropPartyComplete";
    enter(ddi, Level::Dispatch);
    let party = object::party(party, ddi);
    let vc = party.call();
    party.drop.complete(ddi, status);
    dropped(&party, status);
    tell_dropped(&vc, &party, status);
}

/// `NdisCmDispatchIncomingDropParty`: a party left, others remain (PARTY-10).
///
/// # Safety
/// The buffer has `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmDispatchIncomingDropParty(
    status: NDIS_STATUS,
    party: NDIS_HANDLE,
    buffer: *mut c_void,
    size: u32,
) {
    let ddi = "NdisCmDispatchIncomingDropParty";
    enter(ddi, Level::Dispatch);
    let party = object::party(party, ddi);
    let vc = party.call();
    // The client drops it, or closes the call: as for news of a call, if that is at this very moment.
    let dropping = party.life.get() == Life::Closing;
    if dropping || vc.phase.get() == Phase::Closing {
        let new = (dropping && crosses(party.drop_time.get())) || vc.close_is_new();
        if !new {
            sim::fail(
                "PARTY-10",
                format!("{ddi} of a party of {vc} that the client drops"),
            );
        }
        if !vc.passes_on() {
            return;
        }
    }
    if vc.parties.borrow().len() < 2 {
        sim::fail("PARTY-10", format!("{ddi} of the last party of {vc}"));
    }
    to_client!(
        vc.family.binding,
        ClIncomingDropPartyHandler(status, pointer(party.client_context), buffer, size)
    );
}
