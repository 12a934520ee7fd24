//! Protocol drivers above NDIS: registration, and their bindings to the adapters of their host.
//!
//! A driver that registers is bound to every running adapter before the registration returns, and to others when they start;
//! an adapter that pauses or halts tells its bindings first. All of it happens at `PASSIVE_LEVEL`.
//!
//! | rule | what |
//! |---|---|
//! | VRF-32 | registration, opening and closing at `PASSIVE_LEVEL` |
//! | PROTO-BIND | a handler's status and its adapter handle agree; a completion comes once for what pends; the handle of a binding is used from the end of its open to the call of its close |
//! | HALT-01 | an adapter is closed with no address family open |
//! | HALT-07 | a driver that deregisters has nothing left |

mod adapter;
mod binding;
mod packets;

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

use cxndk::sys::condis::{
    NDIS_CO_CLIENT_OPTIONAL_HANDLERS, NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
    NDIS_PROTOCOL_CO_CHARACTERISTICS, NDIS_PROTOCOL_DRIVER_CHARACTERISTICS,
};
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS,
    NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS, NDIS_STATUS, NDIS_STATUS_BAD_CHARACTERISTICS,
    NDIS_STATUS_BAD_VERSION, NDIS_STATUS_FAILURE, NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_RESOURCES,
    NDIS_STATUS_SUCCESS,
};

pub(super) use self::binding::{
    Binding, bind_all, bindings_of, open_binding, pause_all, restart_all, unbind_all,
};

#[cfg(test)]
pub(super) use self::packets::NdisSendNetBufferLists;
pub(super) use self::packets::{chained, deliver, sent};

use super::condis;
use super::kernel::{self, Level};
use super::table::{self, Object};
use crate::sim::{self, HostId, faults};

/// Rule id of a bind or unbind that does not add up (pages of ndis.h for the handlers and calls).
pub(super) const BIND: &str = "PROTO-BIND";

/// A registered protocol driver.
pub(in crate::ndis) struct Protocol {
    pub(super) handle: NDIS_HANDLE,
    pub(super) host: HostId,
    context: usize,
    characteristics: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS,
    /// Its connection-oriented handlers.
    pub(super) co: Cell<Option<NDIS_PROTOCOL_CO_CHARACTERISTICS>>,
    /// Its handlers as a client of call managers.
    pub(super) client: Cell<Option<NDIS_CO_CLIENT_OPTIONAL_HANDLERS>>,
}

/// The protocol drivers of all hosts, oldest first.
#[derive(Default)]
struct Protocols(RefCell<Vec<Rc<Protocol>>>);

/// The protocol drivers of a host.
fn on_host(host: HostId) -> Vec<Rc<Protocol>> {
    let protocols = sim::local::<Protocols>();
    let all = protocols.0.borrow();
    all.iter()
        .filter(|protocol| protocol.host == host)
        .cloned()
        .collect()
}

/// `NdisRegisterProtocolDriver`. Fault point under its name.
///
/// # Safety
/// The characteristics are those of the header in them; `place` is good for a handle.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisRegisterProtocolDriver(
    context: NDIS_HANDLE,
    characteristics: *mut NDIS_PROTOCOL_DRIVER_CHARACTERISTICS,
    place: *mut NDIS_HANDLE,
) -> NDIS_STATUS {
    let ddi = "NdisRegisterProtocolDriver";
    kernel::enter(ddi, Level::Passive);
    // SAFETY: the caller's characteristics.
    let characteristics = match unsafe { read_characteristics(characteristics) } {
        Ok(characteristics) => characteristics,
        Err(status) => return status,
    };
    if faults::fire("NdisRegisterProtocolDriver") {
        return NDIS_STATUS_RESOURCES;
    }
    let protocol = Rc::new(Protocol {
        handle: table::reserve(),
        host: kernel::host(),
        context: context as usize,
        characteristics,
        co: Cell::new(None),
        client: Cell::new(None),
    });
    table::insert(protocol.handle, Object::Protocol(Rc::clone(&protocol)));
    // SAFETY: the caller's place.
    unsafe { place.write(protocol.handle) };
    if let Some(handler) = characteristics.SetOptionsHandler {
        // SAFETY: the protocol driver gave its own handler.
        let status = unsafe { handler(protocol.handle, context) };
        kernel::expect_clean("ProtocolSetOptions");
        if status != NDIS_STATUS_SUCCESS {
            table::remove(protocol.handle);
            return status;
        }
    }
    sim::local::<Protocols>()
        .0
        .borrow_mut()
        .push(Rc::clone(&protocol));
    for adapter in super::driver::running_adapters(protocol.host) {
        binding::bind(&protocol, &adapter);
    }
    NDIS_STATUS_SUCCESS
}

/// # Safety
/// `given` points to characteristics.
unsafe fn read_characteristics(
    given: *mut NDIS_PROTOCOL_DRIVER_CHARACTERISTICS,
) -> Result<NDIS_PROTOCOL_DRIVER_CHARACTERISTICS, NDIS_STATUS> {
    // SAFETY: every revision begins with the header.
    let header = unsafe { given.cast::<NDIS_OBJECT_HEADER>().read() };
    let size: u16 = match header.Revision {
        1 => 0x78,
        2 => 0x80,
        _ => return Err(NDIS_STATUS_BAD_VERSION),
    };
    if header.Type != NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS || header.Size < size {
        return Err(NDIS_STATUS_BAD_CHARACTERISTICS);
    }
    // SAFETY: all fields may be zero.
    let mut copy: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS = unsafe { std::mem::zeroed() };
    // SAFETY: the source has `size` bytes by its header.
    unsafe { given.cast::<u8>().copy_to((&raw mut copy).cast(), size.into()) };
    if copy.MajorNdisVersion != 6 || (copy.MajorNdisVersion, copy.MinorNdisVersion) > super::driver::RUNNING {
        return Err(NDIS_STATUS_BAD_VERSION);
    }
    let complete = copy.BindAdapterHandlerEx.is_some()
        && copy.UnbindAdapterHandlerEx.is_some()
        && copy.OpenAdapterCompleteHandlerEx.is_some()
        && copy.CloseAdapterCompleteHandlerEx.is_some()
        && copy.NetPnPEventHandler.is_some()
        && copy.OidRequestCompleteHandler.is_some()
        && copy.StatusHandlerEx.is_some()
        && copy.ReceiveNetBufferListsHandler.is_some()
        && copy.SendNetBufferListsCompleteHandler.is_some();
    if complete {
        Ok(copy)
    } else {
        Err(NDIS_STATUS_BAD_CHARACTERISTICS)
    }
}

/// `NdisSetOptionalHandlers` of a protocol driver; from its `SetOptions` handler or, with a binding, later.
///
/// # Safety
/// `handlers` points to the structure that its header names.
pub(super) unsafe fn set_optional_handlers(protocol: &Protocol, handlers: *mut c_void) -> NDIS_STATUS {
    if faults::fire("NdisSetOptionalHandlers") {
        return NDIS_STATUS_RESOURCES;
    }
    // SAFETY: every structure of optional handlers begins with a header.
    let header = unsafe { handlers.cast::<NDIS_OBJECT_HEADER>().read() };
    match u32::from(header.Type) {
        NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS => {
            // SAFETY: the header says so.
            let given = unsafe { handlers.cast::<NDIS_PROTOCOL_CO_CHARACTERISTICS>().read() };
            condis::check_protocol(&given);
            protocol.co.set(Some(given));
        }
        NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS => {
            // SAFETY: the header says so.
            let given = unsafe { handlers.cast::<NDIS_CO_CLIENT_OPTIONAL_HANDLERS>().read() };
            condis::check_client(&given);
            protocol.client.set(Some(given));
        }
        _ => return NDIS_STATUS_NOT_SUPPORTED,
    }
    NDIS_STATUS_SUCCESS
}

/// `NdisDeregisterProtocolDriver`: after every binding of the driver was undone.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisDeregisterProtocolDriver(handle: NDIS_HANDLE) {
    let ddi = "NdisDeregisterProtocolDriver";
    kernel::enter(ddi, Level::Passive);
    let protocol = table::protocol(handle, ddi);
    let handle = protocol.handle;
    sim::local::<Protocols>()
        .0
        .borrow_mut()
        .retain(|other| other.handle != handle);
    binding::unbind_protocol(&protocol);
    super::packet::expect_no_pool_of(handle, "NdisDeregisterProtocolDriver");
    table::remove(handle);
}

/// Whether a handler's status is a failure that the caller of the protocol driver may see.
const fn failed(status: NDIS_STATUS) -> bool {
    status != NDIS_STATUS_SUCCESS && status != cxndk::sys::ndis::NDIS_STATUS_PENDING
}

/// What a protocol driver is told when a service of NDIS has none of its own.
const REFUSED: NDIS_STATUS = NDIS_STATUS_FAILURE;
