//! Drivers: loading, registration with NDIS, unloading.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::condis::{NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS, NDIS_MINIPORT_CO_CHARACTERISTICS};
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_MINIPORT_DRIVER_CHARACTERISTICS, NDIS_MINIPORT_PNP_CHARACTERISTICS,
    NDIS_NDK_PROVIDER_CHARACTERISTICS, NDIS_OBJECT_HEADER,
    NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS, NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS,
    NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS, NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS,
    NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS, NDIS_STATUS, NDIS_STATUS_BAD_CHARACTERISTICS,
    NDIS_STATUS_BAD_VERSION, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_RESOURCES, NDIS_STATUS_SUCCESS,
};
use wdk_standin::{_DRIVER_OBJECT as DRIVER_OBJECT, UNICODE_STRING};

use super::adapter::{AdapterState, State};
use super::condis::Handlers;
use super::kernel::{self, Level};
use super::protocol;
use super::table::{self, Object};
use crate::sim::{self, HostId, faults};

/// The NDIS version that the simulated system is: 6.85, Server 2022.
pub(super) const RUNNING: (u8, u8) = (6, 85);
/// The minor versions of NDIS 6 that a miniport may name (DRV-03).
const MINORS: [u8; 16] = [0, 1, 20, 30, 40, 50, 51, 60, 70, 80, 81, 82, 83, 84, 85, 86];

/// What NDIS keeps of one miniport driver.
pub(super) struct DriverState {
    pub(super) handle: NDIS_HANDLE,
    pub(super) host: HostId,
    pub(super) characteristics: NDIS_MINIPORT_DRIVER_CHARACTERISTICS,
    pub(super) context: *mut c_void,
    pub(super) ndk: Cell<Option<NDIS_NDK_PROVIDER_CHARACTERISTICS>>,
    pub(super) calls: Cell<Handlers>,
    pub(super) pnp: Cell<Option<NDIS_MINIPORT_PNP_CHARACTERISTICS>>,
    pub(super) adapters: RefCell<Vec<Rc<AdapterState>>>,
    /// In the `SetOptions` handler, where alone optional handlers may be set.
    pub(super) in_set_options: Cell<bool>,
}

impl DriverState {
    /// REG-03: an integrated call manager has no create and delete of its own in the miniport half.
    fn set_co_miniport(&self, given: NDIS_MINIPORT_CO_CHARACTERISTICS) {
        let complete = given.CoActivateVcHandler.is_some()
            && given.CoDeactivateVcHandler.is_some()
            && given.CoSendNetBufferListsHandler.is_some()
            && given.CoOidRequestHandler.is_some();
        if !complete
            || given.CoCreateVcHandler.is_some()
            || given.CoDeleteVcHandler.is_some()
            || given.Flags != 0
        {
            sim::fail(
                "REG-03",
                "the handlers are not those of an integrated call manager".to_owned(),
            );
        }
        let miniport = Some(given);
        self.calls.set(Handlers {
            miniport,
            ..self.calls.get()
        });
    }

    /// REG-04: all handlers are there.
    fn set_call_manager(&self, given: NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS) {
        // SAFETY: a structure of a header and pointers, all of them initialised.
        let words: [usize; 18] = unsafe { std::mem::transmute(given) };
        if words[1..].contains(&0) || given.Reserved != 0 {
            sim::fail("REG-04", "a handler of the call manager is missing".to_owned());
        }
        let manager = Some(given);
        self.calls.set(Handlers {
            manager,
            ..self.calls.get()
        });
    }
}

/// Drivers by their driver object, to find what a `DriverEntry` registered.
#[derive(Default)]
pub(super) struct Drivers {
    registered: RefCell<Vec<(usize, Rc<DriverState>)>>,
}

/// The driver that registered with this driver object.
pub(super) fn registered(object: *mut DRIVER_OBJECT) -> Option<Rc<DriverState>> {
    let drivers = sim::local::<Drivers>();

    drivers
        .registered
        .borrow()
        .iter()
        .find(|(at, _)| *at == object as usize)
        .map(|(_, d)| Rc::clone(d))
}

/// The adapters of all drivers of a host.
pub(super) fn adapters_of(host: HostId) -> Vec<Rc<AdapterState>> {
    let drivers = sim::local::<Drivers>();
    let registered = drivers.registered.borrow();
    let here = registered.iter().filter(|(_, driver)| driver.host == host);
    here.flat_map(|(_, driver)| driver.adapters.borrow().clone())
        .collect()
}

/// The adapters of a host that run.
pub(super) fn running_adapters(host: HostId) -> Vec<Rc<AdapterState>> {
    let drivers = sim::local::<Drivers>();
    let registered = drivers.registered.borrow();
    let of_host = registered.iter().filter(|(_, driver)| driver.host == host);
    of_host
        .flat_map(|(_, driver)| driver.adapters.borrow().clone())
        .filter(|adapter| adapter.state.get() == State::Running)
        .collect()
}

/// `NdisMRegisterMiniportDriver`.
///
/// # Safety
/// The pointers are those of `DriverEntry` and of the characteristics that the header of the last names.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMRegisterMiniportDriver(
    driver_object: *mut DRIVER_OBJECT,
    _registry_path: *mut UNICODE_STRING,
    context: NDIS_HANDLE,
    characteristics: *mut NDIS_MINIPORT_DRIVER_CHARACTERISTICS,
    handle: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisMRegisterMiniportDriver";
    kernel::enter(ddi, Level::Passive);
    // SAFETY: the caller passes its characteristics.
    let characteristics = match unsafe { read_characteristics(characteristics) } {
        Ok(characteristics) => characteristics,
        Err(status) => return status,
    };
    if faults::fire("NdisMRegisterMiniportDriver") {
        return NDIS_STATUS_RESOURCES;
    }
    let driver = Rc::new(DriverState {
        handle: table::reserve(),
        host: kernel::host(),
        characteristics,
        context,
        ndk: Cell::new(None),
        calls: Cell::new(Handlers::NONE),
        pnp: Cell::new(None),
        adapters: RefCell::default(),
        in_set_options: Cell::new(false),
    });
    table::insert(driver.handle, Object::Driver(Rc::clone(&driver)));
    sim::local::<Drivers>()
        .registered
        .borrow_mut()
        .push((driver_object as usize, Rc::clone(&driver)));
    // SAFETY: the caller gives a place for the handle.
    unsafe { handle.write(driver.handle) };
    // SAFETY: the driver gave its own handler.
    let status = unsafe { set_options(&driver) };
    if status != NDIS_STATUS_SUCCESS {
        forget(&driver);
    }
    status
}

/// # Safety
/// The handler in the characteristics is a function of the driver.
unsafe fn set_options(driver: &DriverState) -> NDIS_STATUS {
    let Some(handler) = driver.characteristics.SetOptionsHandler else {
        return NDIS_STATUS_SUCCESS;
    };
    driver.in_set_options.set(true);
    // SAFETY: the driver gave this function for this call.
    let status = unsafe { handler(driver.handle, driver.context) };
    driver.in_set_options.set(false);
    kernel::expect_clean("MiniportSetOptions");
    status
}

/// Reads what the revision in the header says is there (DRV-02 ... DRV-05, DRV-12).
///
/// # Safety
/// `given` points to characteristics.
unsafe fn read_characteristics(
    given: *mut NDIS_MINIPORT_DRIVER_CHARACTERISTICS,
) -> Result<NDIS_MINIPORT_DRIVER_CHARACTERISTICS, NDIS_STATUS> {
    // SAFETY: every revision begins with the header.
    let header = unsafe { given.cast::<NDIS_OBJECT_HEADER>().read() };
    let size: u16 = match header.Revision {
        1 => 0x88,
        2 => 0x98,
        3 => 0xa0,
        _ => return Err(NDIS_STATUS_BAD_VERSION),
    };
    if u32::from(header.Type) != NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS || header.Size < size {
        return Err(NDIS_STATUS_BAD_CHARACTERISTICS);
    }
    // SAFETY: all fields may be zero.
    let mut copy: NDIS_MINIPORT_DRIVER_CHARACTERISTICS = unsafe { std::mem::zeroed() };
    // SAFETY: the source has `size` bytes by its header; the copy is as long as the longest revision.
    unsafe {
        given
            .cast::<u8>()
            .copy_to((&raw mut copy).cast(), usize::from(size));
    };
    let version = (copy.MajorNdisVersion, copy.MinorNdisVersion);
    if version.0 != 6 || !MINORS.contains(&version.1) || version > RUNNING {
        return Err(NDIS_STATUS_BAD_VERSION);
    }
    if copy.Flags != 0 {
        sim::fail(
            "DRV-12",
            format!("flags {:#x} in the miniport characteristics", copy.Flags),
        );
    }
    if version.1 >= 20
        && (copy.DirectOidRequestHandler.is_none() || copy.CancelDirectOidRequestHandler.is_none())
    {
        sim::fail("DRV-05", "no direct OID handlers".to_owned());
    }
    if copy.CheckForHangHandlerEx.is_some() && copy.ResetHandlerEx.is_none() {
        sim::fail(
            "DRV-08",
            "MiniportCheckForHangEx without MiniportResetEx".to_owned(),
        );
    }
    if all_required(&copy) {
        Ok(copy)
    } else {
        Err(NDIS_STATUS_BAD_CHARACTERISTICS)
    }
}

fn all_required(c: &NDIS_MINIPORT_DRIVER_CHARACTERISTICS) -> bool {
    c.InitializeHandlerEx.is_some()
        && c.HaltHandlerEx.is_some()
        && c.UnloadHandler.is_some()
        && c.PauseHandler.is_some()
        && c.RestartHandler.is_some()
        && c.OidRequestHandler.is_some()
        && c.SendNetBufferListsHandler.is_some()
        && c.ReturnNetBufferListsHandler.is_some()
        && c.CancelSendHandler.is_some()
        && c.DevicePnPEventNotifyHandler.is_some()
        && c.ShutdownHandlerEx.is_some()
        && c.CancelOidRequestHandler.is_some()
}

/// `NdisSetOptionalHandlers`.
///
/// # Safety
/// `handlers` points to the structure that its header names.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisSetOptionalHandlers(
    handle: NDIS_HANDLE,
    handlers: *mut c_void,
) -> NDIS_STATUS {
    let ddi = "NdisSetOptionalHandlers";
    kernel::enter(ddi, Level::Passive);
    let protocol = match table::find(handle) {
        Some(Object::Protocol(protocol)) => Some(protocol),
        Some(Object::Binding(binding)) => Some(Rc::clone(&binding.protocol)),
        _ => None,
    };
    if let Some(protocol) = protocol {
        // SAFETY: the caller's promise is the same.
        return unsafe { protocol::set_optional_handlers(&protocol, handlers) };
    }
    let driver = table::driver(handle, ddi);
    if !driver.in_set_options.get() {
        sim::fail("DRV-07", format!("{ddi} outside MiniportSetOptions"));
    }
    if faults::fire("NdisSetOptionalHandlers") {
        return NDIS_STATUS_RESOURCES;
    }
    // SAFETY: every structure of optional handlers begins with a header.
    let header = unsafe { handlers.cast::<NDIS_OBJECT_HEADER>().read() };
    match u32::from(header.Type) {
        NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS => {
            // SAFETY: the header says so.
            let given = unsafe { handlers.cast::<NDIS_NDK_PROVIDER_CHARACTERISTICS>().read() };
            if given.OpenNDKAdapterHandler.is_none()
                || given.CloseNDKAdapterHandler.is_none()
                || given.Flags != 0
            {
                sim::fail("ADAPTER-01", "incomplete NDK provider characteristics".to_owned());
            }
            driver.ndk.set(Some(given));
        }
        NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS => {
            // SAFETY: the header says so.
            driver.pnp.set(Some(unsafe {
                handlers
                    .cast::<NDIS_MINIPORT_PNP_CHARACTERISTICS>()
                    .read_unaligned()
            }));
        }
        NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS => {
            // SAFETY: the header says so.
            let given = unsafe { handlers.cast::<NDIS_MINIPORT_CO_CHARACTERISTICS>().read() };
            driver.set_co_miniport(given);
        }
        NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS => {
            // SAFETY: the header says so.
            let given = unsafe { handlers.cast::<NDIS_CO_CALL_MANAGER_OPTIONAL_HANDLERS>().read() };
            driver.set_call_manager(given);
        }
        _ => return NDIS_STATUS_NOT_SUPPORTED,
    }
    NDIS_STATUS_SUCCESS
}

/// `NdisMDeregisterMiniportDriver`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisMDeregisterMiniportDriver(handle: NDIS_HANDLE) {
    let ddi = "NdisMDeregisterMiniportDriver";
    kernel::enter(ddi, Level::Passive);
    let driver = table::driver(handle, ddi);
    if !driver.adapters.borrow().is_empty() {
        sim::fail("STATE-01", format!("{ddi} while the driver has adapters"));
    }
    super::packet::expect_no_pool_of(handle, ddi);
    super::control_device::expect_no_device_of(handle, ddi);
    forget(&driver);
}

fn forget(driver: &Rc<DriverState>) {
    table::remove(driver.handle);
    sim::local::<Drivers>()
        .registered
        .borrow_mut()
        .retain(|(_, d)| !Rc::ptr_eq(d, driver));
}

/// `NdisGetVersion`: major version in the upper half, minor in the lower.
///
/// # Safety
/// None.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisGetVersion() -> u32 {
    kernel::enter("NdisGetVersion", Level::Any);
    u32::from(RUNNING.0) << 16 | u32::from(RUNNING.1)
}
