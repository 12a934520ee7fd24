//! SAPs: registration and deregistration.

use std::cell::Cell;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::CO_SAP;
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_PENDING, NDIS_STATUS_RESOURCES,
    NDIS_STATUS_SUCCESS,
};

use super::object::{self, Life, Sap, pointer};
use super::request::Slot;
use super::{enter, settle};
use crate::ndis::kernel::{self, Level};
use crate::ndis::table::{self, Object};
use crate::sim::faults;

/// `NdisClRegisterSap`.
///
/// # Safety
/// The SAP stays until the registration is complete; `place` is good for a handle.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClRegisterSap(
    family: NDIS_HANDLE,
    context: NDIS_HANDLE,
    description: *mut CO_SAP,
    place: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisClRegisterSap";
    enter(ddi, Level::Dispatch);
    let family = object::open_family(family, ddi);
    if faults::fire("NdisClRegisterSap") {
        return NDIS_STATUS_RESOURCES;
    }
    let sap = Rc::new(Sap {
        handle: table::reserve(),
        family,
        client_context: context as usize,
        manager_context: Cell::new(0),
        description: description as usize,
        life: Cell::new(Life::Opening),
        register: Slot::default(),
        deregister: Slot::default(),
    });
    object::insert(sap.handle, Object::Sap(Rc::clone(&sap)));
    // SAFETY: the caller's place.
    unsafe { place.write(sap.handle) };
    let request = sap.register.begin().expect("it is new");
    let mut manager_context = ptr::null_mut();
    let status = to_manager!(
        sap.family.adapter,
        CmRegisterSapHandler(
            pointer(sap.family.manager_context.get()),
            description,
            sap.handle,
            &raw mut manager_context
        )
    );
    if !sap.register.returned(&request, "ProtocolCmRegisterSap", status) {
        return NDIS_STATUS_PENDING;
    }
    registered(&sap, status, manager_context as usize);
    let host = sap.family.adapter.host;
    settle(host, status, move |status| tell_registered(&sap, status))
}

fn registered(sap: &Sap, status: NDIS_STATUS, manager_context: usize) {
    if status == NDIS_STATUS_SUCCESS {
        sap.manager_context.set(manager_context);
        sap.life.set(Life::Open);
    } else {
        object::remove(sap.handle);
    }
}

fn tell_registered(sap: &Sap, status: NDIS_STATUS) {
    let handle = if status == NDIS_STATUS_SUCCESS {
        sap.handle
    } else {
        ptr::null_mut()
    };
    to_client!(
        sap.family.binding,
        ClRegisterSapCompleteHandler(
            status,
            pointer(sap.client_context),
            pointer(sap.description).cast(),
            handle
        )
    );
}

/// `NdisCmRegisterSapComplete`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmRegisterSapComplete(
    status: NDIS_STATUS,
    sap: NDIS_HANDLE,
    context: NDIS_HANDLE,
) {
    let ddi = "NdisCmRegisterSapComplete";
    enter(ddi, Level::Dispatch);
    let sap = object::sap(sap, ddi);
    sap.register.complete(ddi, status);
    registered(&sap, status, context as usize);
    tell_registered(&sap, status);
}

/// `NdisClDeregisterSap`: PENDING, or FAILURE when the SAP is being closed already (SAP-08).
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClDeregisterSap(sap: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisClDeregisterSap";
    enter(ddi, Level::Dispatch);
    let sap = object::sap(sap, ddi);
    if sap.life.get() != Life::Open {
        return NDIS_STATUS_FAILURE;
    }
    sap.life.set(Life::Closing);
    let request = sap.deregister.begin().expect("the SAP was open");
    let context = pointer(sap.manager_context.get());
    let status = to_manager!(sap.family.adapter, CmDeregisterSapHandler(context));
    if sap
        .deregister
        .returned(&request, "ProtocolCmDeregisterSap", status)
    {
        deregistered(&sap, status);
        let host = sap.family.adapter.host;
        if status == NDIS_STATUS_FAILURE {
            return status;
        }
        kernel::worker(host, "CoNDIS completion", move || tell_deregistered(&sap, status));
    }
    NDIS_STATUS_PENDING
}

fn deregistered(sap: &Sap, status: NDIS_STATUS) {
    if status == NDIS_STATUS_SUCCESS {
        object::remove(sap.handle);
    } else {
        sap.life.set(Life::Open);
    }
}

fn tell_deregistered(sap: &Sap, status: NDIS_STATUS) {
    to_client!(
        sap.family.binding,
        ClDeregisterSapCompleteHandler(status, pointer(sap.client_context))
    );
}

/// `NdisCmDeregisterSapComplete`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmDeregisterSapComplete(status: NDIS_STATUS, sap: NDIS_HANDLE) {
    let ddi = "NdisCmDeregisterSapComplete";
    enter(ddi, Level::Dispatch);
    let sap = object::sap(sap, ddi);
    sap.deregister.complete(ddi, status);
    deregistered(&sap, status);
    tell_deregistered(&sap, status);
}
