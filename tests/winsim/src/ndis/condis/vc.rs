//! VCs: creation, activation and deletion (VC).

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::CO_CALL_PARAMETERS;
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_PENDING,
    NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS,
};

use super::object::{self, Family, Life, Phase, Vc, pointer};
use super::request::Slot;
use super::{client_broke, enter};
use crate::ndis::kernel::{self, Level};
use crate::ndis::protocol::open_binding;
use crate::ndis::table::{self, Object};
use crate::sim::{self, Stream, faults};

/// How often of a million activations NDIS pends; the contract leaves it open (VC-22).
const PENDING_ACTIVATIONS: u32 = 300_000;

fn new_vc(family: &Rc<Family>, by_manager: bool, context: usize) -> Rc<Vc> {
    let (client, manager) = if by_manager { (0, context) } else { (context, 0) };
    Rc::new(Vc {
        handle: table::reserve(),
        family: Rc::clone(family),
        by_manager,
        client_context: Cell::new(client),
        manager_context: Cell::new(manager),
        active: Cell::new(false),
        activating: Cell::new(false),
        activations: Cell::new(0),
        activations_asked: Cell::new(0),
        activations_told: Cell::new(0),
        phase: Cell::new(Phase::Idle),
        barred: Cell::new(false),
        multipoint: Cell::new(false),
        parties: RefCell::default(),
        make: Slot::default(),
        offer: Slot::default(),
        modify: Slot::default(),
        close: Slot::default(),
        made_with: RefCell::default(),
        closed_with: RefCell::default(),
        close_time: Cell::default(),
        telling: Cell::new(false),
        told_failed: Cell::new(None),
        before_close: Cell::new(Phase::Idle),
        told: Cell::new(None),
        in_close_complete: Cell::new(false),
        deleting: Cell::new(false),
        sends: RefCell::default(),
        lent: RefCell::default(),
        indicating: Cell::new(0),
    })
}

/// GEN-04: create and delete handlers answer at once.
fn expect_at_once(handler: &str, status: NDIS_STATUS) {
    if status == NDIS_STATUS_PENDING {
        sim::fail("GEN-04", format!("{handler} returned PENDING"));
    }
}

/// # Safety
/// `place` is good for a handle.
unsafe fn expect_null(rule: &'static str, ddi: &str, place: *mut NDIS_HANDLE) {
    // SAFETY: the caller's promise.
    if !unsafe { place.read() }.is_null() {
        sim::fail(rule, format!("{ddi}: the place of the handle does not hold NULL"));
    }
}

/// `NdisCoCreateVc`: a client's VC, for a call that it makes.
///
/// # Safety
/// `place` holds NULL.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCoCreateVc(
    binding: NDIS_HANDLE,
    family: NDIS_HANDLE,
    context: NDIS_HANDLE,
    place: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisCoCreateVc";
    enter(ddi, Level::Dispatch);
    let binding = open_binding(binding, ddi);
    let family = object::open_family(family, ddi);
    // SAFETY: the caller's place.
    unsafe { expect_null("VC-01", ddi, place) };
    if family.binding.handle != binding.handle {
        return NDIS_STATUS_FAILURE;
    }
    if faults::fire("NdisCoCreateVc") {
        return NDIS_STATUS_RESOURCES;
    }
    let vc = new_vc(&family, false, context as usize);
    object::insert(vc.handle, Object::Vc(Rc::clone(&vc)));
    let mut manager_context = ptr::null_mut();
    let status = to_manager!(
        family.adapter,
        CmCreateVcHandler(
            pointer(family.manager_context.get()),
            vc.handle,
            &raw mut manager_context
        )
    );
    expect_at_once("ProtocolCoCreateVc of the call manager", status);
    if status != NDIS_STATUS_SUCCESS {
        object::remove(vc.handle);
        return status;
    }
    vc.manager_context.set(manager_context as usize);
    // SAFETY: the caller's place.
    unsafe { place.write(vc.handle) };
    status
}

/// `NdisCoDeleteVc`: the client's own, after its call was closed.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCoDeleteVc(vc: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisCoDeleteVc";
    enter(ddi, Level::Dispatch);
    let vc = object::client_vc(vc, ddi);
    if vc.by_manager {
        sim::fail("VC-07", format!("{ddi} of {vc}, which the call manager made"));
    }
    if vc.active.get() || vc.phase.get() != Phase::Idle {
        client_broke("VC-08", format!("{ddi} of {vc}"));
    }
    let context = pointer(vc.manager_context.get());
    vc.deleting.set(true);
    let status = to_manager!(vc.family.adapter, CmDeleteVcHandler(context));
    vc.deleting.set(false);
    expect_at_once("ProtocolCoDeleteVc of the call manager", status);
    if status == NDIS_STATUS_SUCCESS {
        object::remove(vc.handle);
    }
    status
}

/// `NdisMCmCreateVc`: a VC for a call that comes in. The client's handler has run when this returns (VC-05).
///
/// # Safety
/// `place` holds NULL.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCmCreateVc(
    adapter: NDIS_HANDLE,
    family: NDIS_HANDLE,
    context: NDIS_HANDLE,
    place: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisMCmCreateVc";
    enter(ddi, Level::Dispatch);
    let adapter = table::adapter(adapter, ddi);
    let family = object::family(family, ddi);
    // SAFETY: the caller's place.
    unsafe { expect_null("VC-04", ddi, place) };
    if family.adapter.handle != adapter.handle {
        sim::fail("VC-04", format!("{ddi}: {family} is of another adapter"));
    }
    if family.life.get() != Life::Open {
        return NDIS_STATUS_FAILURE;
    }
    if faults::fire("NdisMCmCreateVc") {
        return NDIS_STATUS_RESOURCES;
    }
    let vc = new_vc(&family, true, context as usize);
    object::insert(vc.handle, Object::Vc(Rc::clone(&vc)));
    let mut client_context = ptr::null_mut();
    let status = to_client!(
        family.binding,
        ClCreateVcHandler(pointer(family.client_context), vc.handle, &raw mut client_context)
    );
    expect_at_once("ProtocolCoCreateVc of the client", status);
    if status != NDIS_STATUS_SUCCESS {
        object::remove(vc.handle);
        return status;
    }
    vc.client_context.set(client_context as usize);
    // SAFETY: the caller's place.
    unsafe { place.write(vc.handle) };
    status
}

/// `NdisMCmDeleteVc`: the call manager's own, inactive and without a call.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCmDeleteVc(vc: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisMCmDeleteVc";
    enter(ddi, Level::Dispatch);
    let vc = object::vc(vc, ddi);
    if !vc.by_manager {
        sim::fail("VC-07", format!("{ddi} of {vc}, which the client made"));
    }
    if vc.in_close_complete.get() {
        sim::fail(
            "CLOSE-21",
            format!("{ddi} of {vc} inside of ProtocolClCloseCallComplete"),
        );
    }
    vc.expect_not_activating(ddi);
    if vc.active.get() || vc.phase.get() != Phase::Idle {
        sim::fail("VC-09", format!("{ddi} of {vc}"));
    }
    vc.barred.set(true);
    let context = pointer(vc.client_context.get());
    let status = to_client!(vc.family.binding, ClDeleteVcHandler(context));
    expect_at_once("ProtocolCoDeleteVc of the client", status);
    if status == NDIS_STATUS_SUCCESS {
        object::remove(vc.handle);
    }
    status
}

/// `NdisMCmActivateVc`: success at once or, as the seed says, PENDING and `ProtocolCmActivateVcComplete`, before which the VC is not active
/// (VC-22). Fault point.
///
/// # Safety
/// The parameters are complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCmActivateVc(
    vc: NDIS_HANDLE,
    parameters: *mut CO_CALL_PARAMETERS,
) -> NDIS_STATUS {
    let ddi = "NdisMCmActivateVc";
    enter(ddi, Level::Dispatch);
    let vc = object::vc(vc, ddi);
    let ready = match vc.phase.get() {
        Phase::Making => true,
        Phase::Idle => vc.by_manager && !vc.in_close_complete.get(),
        // The client closed while its call was being made, or while its parameters changed.
        Phase::Closing => vc.make.is_out() || vc.active.get(),
        Phase::Offered | Phase::Accepted | Phase::Connected => vc.active.get(),
    };
    if !ready || parameters.is_null() || vc.activating.get() {
        sim::fail(
            "VC-20",
            format!("{ddi} of {vc} with parameters at {parameters:p}"),
        );
    }
    if faults::fire("NdisMCmActivateVc") {
        return NDIS_STATUS_RESOURCES;
    }
    if !sim::chance(Stream::Ndis, PENDING_ACTIVATIONS) {
        vc.activated();
        return NDIS_STATUS_SUCCESS;
    }
    vc.activating.set(true);
    let parameters = parameters as usize;
    let (host, context) = (vc.family.adapter.host, vc.manager_context.get());
    kernel::worker(host, "activation of a VC", move || {
        vc.activating.set(false);
        vc.activated();
        to_manager!(
            vc.family.adapter,
            CmActivateVcCompleteHandler(
                NDIS_STATUS_SUCCESS,
                pointer(context),
                parameters as *mut CO_CALL_PARAMETERS
            )
        );
    });
    NDIS_STATUS_PENDING
}

/// `NdisMCmDeactivateVc`: nothing moves on the VC any more (VC-25).
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCmDeactivateVc(vc: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisMCmDeactivateVc";
    enter(ddi, Level::Dispatch);
    let vc = object::vc(vc, ddi);
    vc.expect_not_activating(ddi);
    vc.expect_quiet("VC-25", ddi);
    if vc.active.replace(false) {
        NDIS_STATUS_SUCCESS
    } else {
        NDIS_STATUS_NOT_ACCEPTED
    }
}

impl Vc {
    /// The VC is active with the parameters that it was given.
    fn activated(&self) {
        self.active.set(true);
        self.activations.set(self.activations.get() + 1);
    }

    /// VC-22: the call manager waits for the activation that pends.
    pub(super) fn expect_not_activating(&self, ddi: &str) {
        if self.activating.get() {
            sim::fail("VC-22", format!("{ddi} of {self}, whose activation pends"));
        }
    }

    /// No packet of the VC is with the other side.
    pub(super) fn expect_quiet(&self, rule: &'static str, ddi: &str) {
        let (sends, lent) = (self.sends.borrow().len(), self.lent.borrow().len());
        let indicating = self.indicating.get();
        if sends > 0 || lent > 0 || indicating > 0 {
            sim::fail(
                rule,
                format!("{ddi} of {self}: {sends} sends, {lent} receives and {indicating} receive handlers"),
            );
        }
    }
}

/// `NdisMCoActivateVcComplete`: not for an integrated call manager, whose activation NDIS does itself.
///
/// # Safety
/// None; it ends the run.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCoActivateVcComplete(
    status: NDIS_STATUS,
    vc: NDIS_HANDLE,
    _: *mut CO_CALL_PARAMETERS,
) {
    sim::fail(
        "GEN-02",
        format!("NdisMCoActivateVcComplete of {vc:p} with {status:#x}: nothing was asked"),
    );
}

/// `NdisMCoDeactivateVcComplete`: as [`NdisMCoActivateVcComplete`].
///
/// # Safety
/// None; it ends the run.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCoDeactivateVcComplete(status: NDIS_STATUS, vc: NDIS_HANDLE) {
    sim::fail(
        "GEN-02",
        format!("NdisMCoDeactivateVcComplete of {vc:p} with {status:#x}: nothing was asked"),
    );
}
