//! Address families: registration, open, close, and the notice that the call manager goes (AF).

use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::CO_ADDRESS_FAMILY;
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_STATUS, NDIS_STATUS_FAILURE, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_PENDING,
    NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS,
};

use super::object::{self, Family, Life, pointer};
use super::registration;
use super::{client_broke, enter, settle, upcall};
use crate::ndis::adapter::{AdapterState, State};
use crate::ndis::kernel::{self, Level};
use crate::ndis::protocol::{Binding, open_binding};
use crate::ndis::table::{self, Object};
use crate::sim::{self, faults};

/// `NDIS_MINIPORT_ATTRIBUTES_NOT_CO_NDIS` (REG-10).
const NOT_CO_NDIS: u32 = 8;

/// AF-03: tells a client that is bound of every family on the adapter. At `PASSIVE_LEVEL`.
pub(in crate::ndis) fn announce(binding: &Binding) {
    let Some(handler) = binding
        .protocol
        .co
        .get()
        .and_then(|co| co.CoAfRegisterNotifyHandler)
    else {
        return;
    };
    for mut family in object::registered_families(&binding.adapter) {
        // SAFETY: the protocol driver registered the handler; the family lives until it returns.
        upcall("ProtocolCoAfRegisterNotify", || unsafe {
            handler(binding.context(), &raw mut family);
        });
    }
}

/// Families that a binding has open.
pub(in crate::ndis) fn families_of_binding(binding: &Binding) -> usize {
    object::families(|family| family.binding.handle == binding.handle).len()
}

/// `NdisMCmRegisterAddressFamilyEx`: in `MiniportInitializeEx`, once for a family. Fault point under its name.
///
/// # Safety
/// The family is complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMCmRegisterAddressFamilyEx(
    adapter: NDIS_HANDLE,
    family: *mut CO_ADDRESS_FAMILY,
) -> NDIS_STATUS {
    let ddi = "NdisMCmRegisterAddressFamilyEx";
    enter(ddi, Level::Passive);
    let adapter = table::adapter(adapter, ddi);
    adapter.expect("AF-01", ddi, &[State::Initializing]);
    if adapter.attributes.general.borrow().is_none() || adapter.held.interrupts.borrow().is_empty() {
        sim::fail(
            "INIT-08",
            format!("{ddi} on {} before calls can work", adapter.name),
        );
    }
    if faults::fire("NdisMCmRegisterAddressFamilyEx") {
        return NDIS_STATUS_RESOURCES;
    }
    let handlers = adapter.driver.calls.get();
    let connectionless = adapter.attributes.flags.get() & NOT_CO_NDIS != 0;
    if handlers.manager.is_none() || handlers.miniport.is_none() || connectionless {
        return NDIS_STATUS_FAILURE;
    }
    registration::check_entries(&handlers);
    // SAFETY: the caller's family.
    let family = unsafe { family.read() };
    if object::register_family(&adapter, &family) {
        NDIS_STATUS_SUCCESS
    } else {
        NDIS_STATUS_FAILURE
    }
}

/// `NdisCmRegisterAddressFamilyEx`, of a protocol driver that is a call manager: FAILURE for a family that the miniport manages itself,
/// which stays its one call manager (AF-04). The simulated NDIS has no call managers above other miniports.
///
/// # Safety
/// The family is complete.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmRegisterAddressFamilyEx(
    binding: NDIS_HANDLE,
    family: *mut CO_ADDRESS_FAMILY,
) -> NDIS_STATUS {
    let ddi = "NdisCmRegisterAddressFamilyEx";
    enter(ddi, Level::Passive);
    let binding = open_binding(binding, ddi);
    // SAFETY: the caller's family.
    let kind = unsafe { (*family).AddressFamily };
    let managed = object::registered_families(&binding.adapter);
    if managed.iter().any(|family| family.AddressFamily == kind) {
        NDIS_STATUS_FAILURE
    } else {
        NDIS_STATUS_NOT_SUPPORTED
    }
}

/// `NdisClOpenAddressFamilyEx`.
///
/// # Safety
/// The family is complete; `place` is good for a handle.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClOpenAddressFamilyEx(
    binding: NDIS_HANDLE,
    kind: *mut CO_ADDRESS_FAMILY,
    context: NDIS_HANDLE,
    place: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisClOpenAddressFamilyEx";
    enter(ddi, Level::Passive);
    let binding = table::binding(binding, ddi);
    binding.expect_opened(ddi);
    // SAFETY: the caller's family.
    let mut kind = unsafe { kind.read() };
    let adapter = Rc::clone(&binding.adapter);
    let known = object::registered_families(&adapter)
        .iter()
        .any(|family| family.AddressFamily == kind.AddressFamily);
    if !known || binding.closing.get() || binding.protocol.client.get().is_none() {
        return NDIS_STATUS_FAILURE;
    }
    if faults::fire("NdisClOpenAddressFamilyEx") {
        return NDIS_STATUS_RESOURCES;
    }
    let family = Rc::new(Family {
        handle: table::reserve(),
        adapter: Rc::clone(&adapter),
        binding,
        client_context: context as usize,
        manager_context: std::cell::Cell::new(0),
        life: std::cell::Cell::new(Life::Opening),
        open: super::request::Slot::default(),
        close: super::request::Slot::default(),
        notify: super::request::Slot::default(),
    });
    object::insert(family.handle, Object::Family(Rc::clone(&family)));
    // SAFETY: the caller's place.
    unsafe { place.write(family.handle) };
    let request = family.open.begin().expect("it is new");
    let mut manager_context = ptr::null_mut();
    let status = to_manager!(
        adapter,
        CmOpenAfHandler(
            adapter.context(),
            &raw mut kind,
            family.handle,
            &raw mut manager_context
        )
    );
    if !family.open.returned(&request, "ProtocolCmOpenAf", status) {
        return NDIS_STATUS_PENDING;
    }
    opened(&family, status, manager_context as usize);
    let host = adapter.host;
    settle(host, status, move |status| tell_opened(&family, status))
}

/// The family is open, or gone.
fn opened(family: &Family, status: NDIS_STATUS, manager_context: usize) {
    if status == NDIS_STATUS_SUCCESS {
        family.manager_context.set(manager_context);
        family.life.set(Life::Open);
    } else {
        object::remove(family.handle);
    }
}

fn tell_opened(family: &Family, status: NDIS_STATUS) {
    let handle = if status == NDIS_STATUS_SUCCESS {
        family.handle
    } else {
        ptr::null_mut()
    };
    to_client!(
        family.binding,
        ClOpenAfCompleteHandlerEx(pointer(family.client_context), handle, status)
    );
}

/// `NdisCmOpenAddressFamilyComplete`: the client learns of it at `PASSIVE_LEVEL` (AF-10).
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmOpenAddressFamilyComplete(
    status: NDIS_STATUS,
    family: NDIS_HANDLE,
    context: NDIS_HANDLE,
) {
    let ddi = "NdisCmOpenAddressFamilyComplete";
    enter(ddi, Level::Dispatch);
    let family = object::family(family, ddi);
    family.open.complete(ddi, status);
    opened(&family, status, context as usize);
    if sim::irql() == sim::PASSIVE_LEVEL {
        tell_opened(&family, status);
    } else {
        let host = family.adapter.host;
        kernel::worker(host, "open of an address family", move || {
            tell_opened(&family, status);
        });
    }
}

/// `NdisClCloseAddressFamily`: with all calls, VCs and SAPs gone (AF-12).
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClCloseAddressFamily(family: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisClCloseAddressFamily";
    enter(ddi, Level::Dispatch);
    let family = object::open_family(family, ddi);
    if let Some(vc) = object::vcs(|vc| vc.family.handle == family.handle && !vc.by_manager).first() {
        client_broke("AF-12", format!("{ddi} of {family} while the client has {vc}"));
    }
    family.life.set(Life::Closing);
    let request = family.close.begin().expect("the family was open");
    let context = pointer(family.manager_context.get());
    let status = to_manager!(family.adapter, CmCloseAfHandler(context));
    if !family.close.returned(&request, "ProtocolCmCloseAf", status) {
        return NDIS_STATUS_PENDING;
    }
    closed(&family, status);
    let host = family.adapter.host;
    settle(host, status, move |status| tell_closed(&family, status))
}

/// AF-13: a family that is closed has neither VCs nor SAPs.
fn closed(family: &Family, status: NDIS_STATUS) {
    if status != NDIS_STATUS_SUCCESS {
        family.life.set(Life::Open);
        return;
    }
    if let Some(user) = object::users_of(family).first() {
        sim::fail("AF-14", format!("{family} is closed while there is {user}"));
    }
    if !family.notify.is_out() {
        object::remove(family.handle);
    }
}

fn tell_closed(family: &Family, status: NDIS_STATUS) {
    to_client!(
        family.binding,
        ClCloseAfCompleteHandler(status, pointer(family.client_context))
    );
}

/// `NdisCmCloseAddressFamilyComplete`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmCloseAddressFamilyComplete(status: NDIS_STATUS, family: NDIS_HANDLE) {
    let ddi = "NdisCmCloseAddressFamilyComplete";
    enter(ddi, Level::Dispatch);
    let family = object::family(family, ddi);
    family.close.complete(ddi, status);
    closed(&family, status);
    tell_closed(&family, status);
}

/// `NdisCmNotifyCloseAddressFamily`: the call manager goes (AF-20, AF-21).
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCmNotifyCloseAddressFamily(family: NDIS_HANDLE) -> NDIS_STATUS {
    let ddi = "NdisCmNotifyCloseAddressFamily";
    enter(ddi, Level::Passive);
    let family = object::family(family, ddi);
    let Some(request) = family.notify.begin() else {
        sim::fail("AF-20", format!("{ddi} of {family} for the second time"));
    };
    let context = pointer(family.client_context);
    let status = to_client!(family.binding, ClNotifyCloseAfHandler(context));
    if family
        .notify
        .returned(&request, "ProtocolClNotifyCloseAf", status)
    {
        forget_if_closed(&family);
    }
    status
}

/// `NdisClNotifyCloseAddressFamilyComplete`: the family is closed; its handle is good for this once more (AF-23).
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisClNotifyCloseAddressFamilyComplete(
    family: NDIS_HANDLE,
    status: NDIS_STATUS,
) {
    let ddi = "NdisClNotifyCloseAddressFamilyComplete";
    enter(ddi, Level::Dispatch);
    let family = object::family(family, ddi);
    if status == NDIS_STATUS_SUCCESS && family.life.get() == Life::Open {
        sim::fail("AF-22", format!("{ddi}: {family} is not closed"));
    }
    family.notify.complete(ddi, status);
    forget_if_closed(&family);
    let context = pointer(family.manager_context.get());
    to_manager!(family.adapter, CmNotifyCloseAfCompleteHandler(context, status));
}

/// The last use of the handle of a family that was closed meanwhile.
fn forget_if_closed(family: &Family) {
    if family.life.get() == Life::Closing && !family.close.is_out() {
        object::remove(family.handle);
    }
}

/// AF-24: `MiniportHaltEx` waits for the clients to which it gave notice.
pub(in crate::ndis) fn expect_closed(adapter: &AdapterState) {
    let noticed = |family: &Family| family.adapter.handle == adapter.handle && family.notify.is_out();
    if let Some(family) = object::families(noticed).first() {
        sim::fail(
            "AF-24",
            format!("MiniportHaltEx returned before the client of {family}"),
        );
    }
}
