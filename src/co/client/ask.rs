//! What the script asks NDIS for: one function a request, each of which takes an answer at once or one that pends (GEN-01).
//!
//! None is called with a lock held. `PASSIVE_LEVEL`, in the script, but for [`open_family`] and what NDIS calls it from.

use core::{ffi::c_void, ptr::null_mut};

use super::{
    run::{Life, Run, Way},
    side::Side,
};
use crate::{
    co::{format::SapBuffer, params::OwnParams, upcall::Handle},
    nt::{Box, Passive, Ref, Status, message::Message},
    sys::{
        condis::{self, CO_ADDRESS_FAMILY},
        ndis::NDIS_STATUS_PENDING,
    },
};

/// `NdisClOpenAddressFamilyEx` (AF-05), from `ProtocolCoAfRegisterNotify`.
pub(super) fn open_family(run: &Ref<Run>, family: *mut CO_ADDRESS_FAMILY) {
    let binding = {
        let mut state = run.state.lock();
        let unused = state.family.life == Life::Closed(Status::PENDING);
        if state.adapter.life != Life::Open || !unused || !state.may_begin() {
            return;
        }
        state.family.life = Life::Opening;
        state.adapter.handle
    };
    let mut handle = null_mut();
    // SAFETY: the binding's handle, NDIS's description of the family; the run stays until the family is closed.
    let status = unsafe {
        condis::NdisClOpenAddressFamilyEx(binding.as_raw(), family, Run::context(run), &raw mut handle)
    };
    if status != NDIS_STATUS_PENDING {
        family_opened(run, Status(status), handle);
    }
}

/// The end of [`open_family`].
pub(super) fn family_opened(run: &Run, status: Status, handle: *mut c_void) {
    // SAFETY: the handle of the family, if it is open.
    let handle = unsafe { Handle::new(handle) };
    run.state.lock().family.opened(status, handle);
    run.tell();
}

/// `NdisClCloseAddressFamily` (AF-12), if it is open.
pub(super) fn close_family(run: &Run) {
    let Some(handle) = run.state.lock().family.begin_close() else {
        return;
    };
    // SAFETY: an open family, of which no VC and no SAP is left.
    let status = unsafe { condis::NdisClCloseAddressFamily(handle.as_raw()) };
    if status != NDIS_STATUS_PENDING {
        family_closed(run, Status(status));
    }
}

/// The end of [`close_family`].
pub(super) fn family_closed(run: &Run, status: Status) {
    run.state.lock().family.closed(status);
    // A close that failed is asked for again after a pause, not at once.
    if status == Status::SUCCESS {
        run.tell();
    }
}

/// `NdisClNotifyCloseAddressFamilyComplete`, if the call manager waits for it (AF-23).
pub(super) fn notice_done(run: &Run) {
    let handle = {
        let mut state = run.state.lock();
        if !core::mem::take(&mut state.notified) {
            return;
        }
        state.family.handle
    };
    // SAFETY: the family's handle, good for this once more.
    unsafe { condis::NdisClNotifyCloseAddressFamilyComplete(handle.as_raw(), Status::SUCCESS.0) }
}

/// `NdisClRegisterSap` (SAP-01). `sap` stays until the answer.
pub(super) fn register_sap(run: &Ref<Run>, sap: &mut Box<SapBuffer>) {
    let family = {
        let mut state = run.state.lock();
        state.sap.life = Life::Opening;
        state.family.handle
    };
    let mut handle = null_mut();
    let description = (&raw mut **sap).cast();
    // SAFETY: an open family, a SAP with as many bytes as it says, which stays; the run stays until the SAP is deregistered.
    let status = unsafe {
        condis::NdisClRegisterSap(family.as_raw(), Run::context(run), description, &raw mut handle)
    };
    if status != NDIS_STATUS_PENDING {
        sap_registered(run, Status(status), handle);
    }
}

/// The end of [`register_sap`].
pub(super) fn sap_registered(run: &Run, status: Status, handle: *mut c_void) {
    // SAFETY: the handle of the SAP, if it is registered.
    let handle = unsafe { Handle::new(handle) };
    run.state.lock().sap.opened(status, handle);
    run.tell();
}

/// `NdisClDeregisterSap` (SAP-08). Whether it was registered.
pub(super) fn deregister_sap(run: &Run) -> bool {
    let Some(handle) = run.state.lock().sap.begin_close() else {
        return false;
    };
    // SAFETY: a registered SAP.
    let status = unsafe { condis::NdisClDeregisterSap(handle.as_raw()) };
    if status != NDIS_STATUS_PENDING {
        sap_deregistered(run);
    }
    true
}

/// The end of [`deregister_sap`]: the SAP is gone, also if somebody else was about to take it away (SAP-11).
pub(super) fn sap_deregistered(run: &Run) {
    run.state.lock().sap.closed(Status::SUCCESS);
    run.tell();
}

/// `NdisCoCreateVc` (VC-01), unless the caller has a VC.
///
/// # Errors
/// What NDIS or the call manager said.
pub(super) fn create_vc(run: &Run, caller: &Ref<Side>) -> Result<(), Status> {
    if caller.has_vc() {
        return Ok(());
    }
    let (binding, family) = {
        let state = run.state.lock();
        (state.adapter.handle, state.family.handle)
    };
    let context = Ref::as_ptr(caller).cast_mut().cast();
    let mut handle = null_mut();
    // SAFETY: live handles; the side stays until the VC is deleted.
    let status =
        unsafe { condis::NdisCoCreateVc(binding.as_raw(), family.as_raw(), context, &raw mut handle) };
    if status != Status::SUCCESS.0 {
        return Err(Status(status));
    }
    // SAFETY: the handle of the VC.
    caller.created(unsafe { Handle::new(handle) });
    Ok(())
}

/// `NdisCoDeleteVc` (VC-08). Whether the caller has no VC now.
pub(super) fn delete_vc(caller: &Side) -> bool {
    let Some(handle) = caller.begin_delete() else {
        return !caller.has_vc();
    };
    // SAFETY: the caller's VC, without a call.
    let status = unsafe { condis::NdisCoDeleteVc(handle.as_raw()) };
    if status != Status::SUCCESS.0 {
        caller.created(handle);
    }
    status == Status::SUCCESS.0
}

/// `NdisClMakeCall`, point to point (MAKE-01). The parameters stay until the answer.
pub(super) fn make_call(caller: &Side, parameters: &mut OwnParams) {
    let handle = caller.begin_make();
    let parameters = parameters.lend().as_raw();
    // SAFETY: the caller's VC without a call; parameters that stay.
    let status = unsafe { condis::NdisClMakeCall(handle.as_raw(), parameters, null_mut(), null_mut()) };
    if status != NDIS_STATUS_PENDING {
        caller.made(Status(status));
    }
}

/// `NdisClCloseCall` (CLOSE-01 to CLOSE-03), if there is a call to close.
pub(super) fn close_call(side: &Side) {
    let Some(handle) = side.begin_close() else {
        return;
    };
    // SAFETY: a VC with a call on which nothing is on its way.
    let status = unsafe { condis::NdisClCloseCall(handle.as_raw(), null_mut(), null_mut(), 0) };
    if status != NDIS_STATUS_PENDING {
        side.closed(Status(status));
    }
}

/// `NdisCoSendNetBufferLists` (DATA-01). The message is NDIS's until it comes back.
pub(super) fn send(side: &Side, message: &mut Message, index: usize) {
    let vc = side.vc.lock().handle;
    let list = message.prepare(vc.as_raw(), index);
    // SAFETY: the VC of a connected call; a list that stays until it comes back.
    unsafe { condis::NdisCoSendNetBufferLists(vc.as_raw(), list, 0) }
}

/// `NdisCloseAdapterEx`, to its end.
pub(super) fn close_adapter(run: &Run, passive: Passive<'_>) {
    let Some(handle) = run.state.lock().adapter.begin_close() else {
        return;
    };
    // SAFETY: an open binding with nothing on it.
    let status = unsafe { condis::NdisCloseAdapterEx(handle.as_raw()) };
    if status != NDIS_STATUS_PENDING {
        run.state.lock().adapter.life = Life::Closed(Status::SUCCESS);
    }
    while run.state.lock().adapter.life == Life::Closing {
        passive.sleep_ms(1);
    }
}

/// The script has nothing on the adapter any more: closes it if an unbind waits for that.
pub(super) fn release_adapter(run: &Run, passive: Passive<'_>) {
    let unbinding = {
        let mut state = run.state.lock();
        state.way = Way::Released;
        state.unbinding.take()
    };
    if let Some(unbinding) = unbinding {
        close_adapter(run, passive);
        // SAFETY: the unbind that pends.
        unsafe { condis::NdisCompleteUnbindAdapterEx(unbinding.as_raw()) }
    }
}
