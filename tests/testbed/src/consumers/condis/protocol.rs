//! The protocol driver: registration, bindings, and the handlers that a client of calls has no use for.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::*;
use cxndk::sys::ndis::*;
use wdk_standin::UNICODE_STRING;

use super::packets::Pools;
use super::{CoHandle, News, OfferAnswer, data, object, request, told, until};
use crate::netio::InterfaceId;
use crate::sim::{self, HostId};

/// `NetEventPause` of `NET_PNP_EVENT_CODE`.
const PAUSE: i32 = 8;

/// One registered protocol driver, bound to one adapter at most.
pub(super) struct Protocol {
    interface: InterfaceId,
    /// The context of the driver and of its binding.
    id: Cell<usize>,
    handle: Cell<NDIS_HANDLE>,
    /// The handle of the binding; NULL without one.
    pub(super) binding: Cell<NDIS_HANDLE>,
    /// The pools of the binding.
    pub(super) pools: Pools,
    /// Which of its media the adapter has.
    medium: Cell<u32>,
    opened: Cell<Option<NDIS_STATUS>>,
    closed: Cell<bool>,
    /// Address families of which the adapter's call manager told.
    pub(super) families: RefCell<Vec<(u32, u32, u32)>>,
    /// How offers are answered, by family.
    pub(super) answers: RefCell<BTreeMap<CoHandle, OfferAnswer>>,
}

/// The protocol drivers of a run.
#[derive(Default)]
struct Protocols(RefCell<Vec<Rc<Protocol>>>);

/// The protocol driver whose context this is.
pub(super) fn of_context(context: *mut c_void) -> Rc<Protocol> {
    let protocols = sim::local::<Protocols>();
    let all = protocols.0.borrow();
    let protocol = (context as usize).checked_sub(1).and_then(|at| all.get(at));
    Rc::clone(protocol.expect("NDIS passes the context that it was given"))
}

pub(super) fn header(kind: u32, revision: u8, size: usize) -> NDIS_OBJECT_HEADER {
    NDIS_OBJECT_HEADER {
        Type: kind as u8,
        Revision: revision,
        Size: size as u16,
    }
}

impl Protocol {
    pub(super) fn new(interface: InterfaceId) -> Rc<Self> {
        let protocol = Rc::new(Self {
            interface,
            id: Cell::new(0),
            handle: Cell::new(ptr::null_mut()),
            binding: Cell::new(ptr::null_mut()),
            pools: Pools::default(),
            medium: Cell::new(0),
            opened: Cell::new(None),
            closed: Cell::new(false),
            families: RefCell::default(),
            answers: RefCell::default(),
        });
        let protocols = sim::local::<Protocols>();
        let mut all = protocols.0.borrow_mut();
        all.push(Rc::clone(&protocol));
        protocol.id.set(all.len());
        protocol
    }

    pub(super) const fn host(&self) -> HostId {
        self.interface.host
    }

    const fn context(&self) -> *mut c_void {
        self.id.get() as *mut c_void
    }

    /// `NdisRegisterProtocolDriver`, which binds.
    pub(super) fn register(&self) {
        let mut characteristics = characteristics();
        let (context, place) = (self.context(), self.handle.as_ptr());
        // SAFETY: the characteristics are complete; the place is that of a protocol driver, which stays.
        let status = unsafe { NdisRegisterProtocolDriver(context, &raw mut characteristics, place) };
        assert_eq!(status, NDIS_STATUS_SUCCESS, "NDIS takes the protocol driver");
    }

    pub(super) fn deregister(&self) {
        // SAFETY: the handle is that of the registration.
        unsafe { NdisDeregisterProtocolDriver(self.handle.replace(ptr::null_mut())) };
    }
}

fn characteristics() -> NDIS_PROTOCOL_DRIVER_CHARACTERISTICS {
    // SAFETY: all fields may be zero.
    let mut c: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS = unsafe { std::mem::zeroed() };
    let size = size_of::<NDIS_PROTOCOL_DRIVER_CHARACTERISTICS>();
    c.Header = header(NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS.into(), 2, size);
    (c.MajorNdisVersion, c.MinorNdisVersion) = (6, 50);
    c.Name = UNICODE_STRING {
        Length: 0,
        MaximumLength: 0,
        Buffer: ptr::null_mut(),
    };
    c.SetOptionsHandler = Some(set_options);
    c.BindAdapterHandlerEx = Some(bind);
    c.UnbindAdapterHandlerEx = Some(unbind);
    c.OpenAdapterCompleteHandlerEx = Some(adapter_opened);
    c.CloseAdapterCompleteHandlerEx = Some(adapter_closed);
    c.NetPnPEventHandler = Some(pnp_event);
    c.OidRequestCompleteHandler = Some(plain_request_done);
    c.StatusHandlerEx = Some(plain_status);
    c.ReceiveNetBufferListsHandler = Some(plain_receive);
    c.SendNetBufferListsCompleteHandler = Some(plain_send_done);
    c
}

unsafe extern "win64" fn set_options(handle: NDIS_HANDLE, _context: NDIS_HANDLE) -> NDIS_STATUS {
    let size = size_of::<NDIS_PROTOCOL_CO_CHARACTERISTICS>();
    let mut protocol = NDIS_PROTOCOL_CO_CHARACTERISTICS {
        Header: header(NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS, 1, size),
        Flags: 0,
        CoStatusHandlerEx: Some(co_status),
        CoAfRegisterNotifyHandler: Some(family_is_there),
        CoReceiveNetBufferListsHandler: Some(data::received),
        CoSendNetBufferListsCompleteHandler: Some(data::sent),
    };
    // SAFETY: the structure is complete.
    let status = unsafe { NdisSetOptionalHandlers(handle, (&raw mut protocol).cast()) };
    assert_eq!(status, NDIS_STATUS_SUCCESS, "NDIS takes CoNDIS handlers");
    let mut client = told::handlers();
    // SAFETY: the structure is complete.
    unsafe { NdisSetOptionalHandlers(handle, (&raw mut client).cast()) }
}

unsafe extern "win64" fn bind(
    context: *mut c_void,
    bind_context: *mut c_void,
    parameters: *mut NDIS_BIND_PARAMETERS,
) -> NDIS_STATUS {
    let protocol = of_context(context);
    // SAFETY: NDIS gives complete parameters.
    if unsafe { (*parameters).BoundIfIndex } != protocol.interface.index {
        return NDIS_STATUS_NOT_SUPPORTED;
    }
    protocol.opened.set(None);
    protocol.closed.set(false);
    let mut media = [NdisMedium802_3];
    let mut open = NDIS_OPEN_PARAMETERS {
        Header: header(
            NDIS_OBJECT_TYPE_OPEN_PARAMETERS,
            NDIS_OPEN_PARAMETERS_REVISION_1,
            size_of::<NDIS_OPEN_PARAMETERS>(),
        ),
        // SAFETY: as above.
        AdapterName: unsafe { (*parameters).AdapterName },
        MediumArray: media.as_mut_ptr(),
        MediumArraySize: 1,
        SelectedMediumIndex: protocol.medium.as_ptr(),
        FrameTypeArray: ptr::null_mut(),
        FrameTypeArraySize: 0,
    };
    let (handle, place) = (protocol.handle.get(), protocol.binding.as_ptr());
    // SAFETY: the handles are NDIS's; the places are those of a protocol driver, which stays.
    let status = unsafe { NdisOpenAdapterEx(handle, context, &raw mut open, bind_context, place) };
    let status = if status == NDIS_STATUS_PENDING {
        until("the adapter opens", || protocol.opened.get().is_some());
        protocol.opened.get().unwrap_or(NDIS_STATUS_FAILURE)
    } else {
        status
    };
    if status == NDIS_STATUS_SUCCESS {
        protocol.pools.allocate(protocol.binding.get());
    }
    status
}

unsafe extern "win64" fn adapter_opened(context: *mut c_void, status: NDIS_STATUS) {
    of_context(context).opened.set(Some(status));
}

/// Leaves when the scenario has closed every family of the binding.
unsafe extern "win64" fn unbind(_unbind_context: *mut c_void, context: *mut c_void) -> NDIS_STATUS {
    let protocol = of_context(context);
    let open = || {
        object::matching(|o| {
            o.kind == "family"
                && Rc::ptr_eq(&o.client, &protocol)
                && o.opened.get() == Some(NDIS_STATUS_SUCCESS)
                && !o.was_told(&News::FamilyClosed)
        })
    };
    until("the families are closed before the adapter goes", || {
        open().is_empty()
    });
    protocol.families.borrow_mut().clear();
    protocol.pools.free();
    let binding = protocol.binding.replace(ptr::null_mut());
    // SAFETY: the handle is that of the binding.
    if unsafe { NdisCloseAdapterEx(binding) } == NDIS_STATUS_PENDING {
        until("the adapter closes", || protocol.closed.get());
    }
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn adapter_closed(context: *mut c_void) {
    of_context(context).closed.set(true);
}

/// A client sends nothing to an adapter that pauses: what is under way comes back first.
unsafe extern "win64" fn pnp_event(
    context: *mut c_void,
    event: *mut NET_PNP_EVENT_NOTIFICATION,
) -> NDIS_STATUS {
    // SAFETY: NDIS gives a complete notification.
    if unsafe { (*event).NetPnPEvent.NetEvent } == PAUSE {
        let protocol = of_context(context);
        let sending =
            || object::matching(|o| Rc::ptr_eq(&o.client, &protocol) && !o.sending.borrow().is_empty());
        until("packets come back before a pause", || sending().is_empty());
    }
    NDIS_STATUS_SUCCESS
}

unsafe extern "win64" fn family_is_there(context: *mut c_void, family: *mut CO_ADDRESS_FAMILY) {
    // SAFETY: NDIS gives a complete family.
    let family = unsafe { &*family };
    let known = (family.AddressFamily, family.MajorVersion, family.MinorVersion);
    of_context(context).families.borrow_mut().push(known);
}

unsafe extern "win64" fn co_status(
    context: *mut c_void,
    _: *mut c_void,
    indication: *mut NDIS_STATUS_INDICATION,
) {
    // SAFETY: NDIS gives a complete indication.
    let code = unsafe { (*indication).StatusCode };
    sim::note(format!(
        "client of binding {:p}: status {code:#x}",
        of_context(context).binding.get()
    ));
}

unsafe extern "win64" fn plain_request_done(
    _: *mut c_void,
    request: *mut NDIS_OID_REQUEST,
    status: NDIS_STATUS,
) {
    request::answered(request, status);
}

unsafe extern "win64" fn plain_status(_: *mut c_void, _: *mut NDIS_STATUS_INDICATION) {}

unsafe extern "win64" fn plain_receive(_: *mut c_void, list: *mut NET_BUFFER_LIST, _: u32, _: u32, _: u32) {
    sim::fail(super::WAITS, format!("{list:p} came without a VC"));
}

unsafe extern "win64" fn plain_send_done(_: *mut c_void, list: *mut NET_BUFFER_LIST, _: u32) {
    sim::fail(super::WAITS, format!("{list:p} came back without a VC"));
}
