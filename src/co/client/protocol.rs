//! The client as a protocol driver: registration, bind and unbind, and what NDIS tells every protocol driver.
//!
//! NDIS binds a protocol driver to an adapter where the registry links the two, which an INF of class NetTrans does; until then
//! the test ends at [`Step::Bind`](super::report::Step::Bind).

use core::{ffi::c_void, ptr::null_mut};

use super::{
    ask::close_adapter,
    edge,
    run::{Life, Run, Way},
};
use crate::{
    co::upcall::Handle,
    nt::{Passive, Ref, Status, control_device::Text},
    sys::{
        condis::{
            self, NDIS_BIND_PARAMETERS, NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
            NDIS_OPEN_PARAMETERS, NDIS_OPEN_PARAMETERS_REVISION_1, NDIS_PROTOCOL_DRIVER_CHARACTERISTICS,
            NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2, NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
            NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
        },
        ndis::{
            self, NDIS_MEDIUM, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_OPEN_PARAMETERS, NDIS_OID_REQUEST,
            NDIS_STATUS_INDICATION, NDIS_STATUS_PENDING, NET_BUFFER_LIST, NET_PNP_EVENT_NOTIFICATION,
            NetEventPause, NetEventRestart,
        },
    },
};

/// The driver's service, by which the registry links it to adapters.
static NAME: Text<6> = Text::new("cxndk");
/// NDIS version of the contract that the client keeps: 6.60, as the miniport's.
const NDIS_VERSION: (u8, u8) = (6, 60);

/// `NdisRegisterProtocolDriver`: NDIS binds the client to the adapter, now or soon.
///
/// # Errors
/// What NDIS said.
pub(super) fn register(run: &Ref<Run>, _: Passive<'_>) -> Result<(), Status> {
    let mut characteristics = characteristics();
    let context = Run::context(run);
    // SAFETY: complete characteristics; the run stays until the deregistration.
    Status(unsafe {
        condis::NdisRegisterProtocolDriver(context, &raw mut characteristics, run.protocol_place())
    })
    .ok()
}

/// `NdisDeregisterProtocolDriver`: NDIS undoes the binding, and calls nothing of the client afterwards.
pub(super) fn deregister(run: &Run, _: Passive<'_>) {
    // SAFETY: registered; nothing that was made with the handle is left.
    unsafe { condis::NdisDeregisterProtocolDriver(run.protocol()) }
}

/// What NDIS shall call.
const fn characteristics() -> NDIS_PROTOCOL_DRIVER_CHARACTERISTICS {
    NDIS_PROTOCOL_DRIVER_CHARACTERISTICS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS,
            Revision: NDIS_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
            Size: NDIS_SIZEOF_PROTOCOL_DRIVER_CHARACTERISTICS_REVISION_2,
        },
        MajorNdisVersion: NDIS_VERSION.0,
        MinorNdisVersion: NDIS_VERSION.1,
        MajorDriverVersion: 0,
        MinorDriverVersion: 1,
        Flags: 0,
        Name: NAME.string(),
        SetOptionsHandler: Some(edge::set_options),
        BindAdapterHandlerEx: Some(bind),
        UnbindAdapterHandlerEx: Some(unbind),
        OpenAdapterCompleteHandlerEx: Some(open_complete),
        CloseAdapterCompleteHandlerEx: Some(close_complete),
        NetPnPEventHandler: Some(net_pnp_event),
        UninstallHandler: None,
        OidRequestCompleteHandler: Some(oid_request_complete),
        StatusHandlerEx: Some(status),
        ReceiveNetBufferListsHandler: Some(receive),
        SendNetBufferListsCompleteHandler: Some(send_complete),
        DirectOidRequestCompleteHandler: Some(oid_request_complete),
    }
}

/// `ProtocolBindAdapterEx`: the adapter under test, and no other. `PASSIVE_LEVEL`.
unsafe extern "win64" fn bind(
    context: *mut c_void,
    bind: *mut c_void,
    parameters: *mut NDIS_BIND_PARAMETERS,
) -> i32 {
    // SAFETY: NDIS calls at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(context) };
    // SAFETY: NDIS's parameters, alive during the call.
    let parameters = unsafe { &*parameters };
    if parameters.BoundIfNetluid != run.plan().luid {
        return Status::NOT_SUPPORTED.0;
    }
    {
        let mut state = run.state.lock();
        let unused = state.adapter.life == Life::Closed(Status::PENDING);
        if !unused || !state.may_begin() {
            return Status::UNSUCCESSFUL.0;
        }
        state.adapter.life = Life::Opening;
    }
    open_adapter(&run, bind, parameters, passive).0
}

/// `NdisOpenAdapterEx`, to its end.
fn open_adapter(
    run: &Ref<Run>,
    bind: *mut c_void,
    parameters: &NDIS_BIND_PARAMETERS,
    passive: Passive<'_>,
) -> Status {
    let mut medium: NDIS_MEDIUM = ndis::NdisMedium802_3;
    let mut selected = 0;
    let mut open = NDIS_OPEN_PARAMETERS {
        Header: NDIS_OBJECT_HEADER {
            Type: NDIS_OBJECT_TYPE_OPEN_PARAMETERS as u8,
            Revision: NDIS_OPEN_PARAMETERS_REVISION_1,
            Size: NDIS_SIZEOF_OPEN_PARAMETERS_REVISION_1,
        },
        AdapterName: parameters.AdapterName,
        MediumArray: &raw mut medium,
        MediumArraySize: 1,
        SelectedMediumIndex: &raw mut selected,
        FrameTypeArray: null_mut(),
        FrameTypeArraySize: 0,
    };
    let mut handle = null_mut();
    let context = Run::context(run);
    // SAFETY: the driver's handle, NDIS's bind, complete parameters; all places stay until the open is complete.
    let status =
        unsafe { condis::NdisOpenAdapterEx(run.protocol(), context, &raw mut open, bind, &raw mut handle) };
    if status != NDIS_STATUS_PENDING {
        run.state.lock().adapter.life = opened(Status(status));
    }
    // The completion brings no handle: it is in its place by then.
    let outcome = loop {
        match run.state.lock().adapter.life {
            Life::Opening => {}
            Life::Closed(status) => break status,
            Life::Open | Life::Closing => break Status::SUCCESS,
        }
        passive.sleep_ms(1);
    };
    // SAFETY: the handle of the binding, if it is open.
    run.state.lock().adapter.handle = unsafe { Handle::new(handle) };
    run.tell();
    outcome
}

const fn opened(status: Status) -> Life {
    match status {
        Status::SUCCESS => Life::Open,
        status => Life::Closed(status),
    }
}

/// `ProtocolOpenAdapterCompleteEx`.
unsafe extern "win64" fn open_complete(context: *mut c_void, status: i32) {
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(context) };
    run.state.lock().adapter.life = opened(Status(status));
}

/// `ProtocolUnbindAdapterEx`: at once if the script has nothing on the adapter (any more), else when it has undone that (HALT-01).
/// `PASSIVE_LEVEL`.
unsafe extern "win64" fn unbind(unbind: *mut c_void, context: *mut c_void) -> i32 {
    // SAFETY: NDIS calls at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(context) };
    {
        let mut state = run.state.lock();
        if state.way != Way::Released {
            // SAFETY: NDIS's handle of the unbind, used once, to complete it.
            state.unbinding = Some(unsafe { Handle::new(unbind) });
            drop(state);
            run.abort(Status::NDIS_CLOSING);
            return NDIS_STATUS_PENDING;
        }
    }
    close_adapter(&run, passive);
    Status::SUCCESS.0
}

/// `ProtocolCloseAdapterCompleteEx`.
unsafe extern "win64" fn close_complete(context: *mut c_void) {
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(context) };
    run.state.lock().adapter.life = Life::Closed(Status::SUCCESS);
}

/// `ProtocolNetPnPEvent`: a binding that pauses sends nothing, and everything that it sent is back. `PASSIVE_LEVEL`.
unsafe extern "win64" fn net_pnp_event(context: *mut c_void, event: *mut NET_PNP_EVENT_NOTIFICATION) -> i32 {
    // SAFETY: NDIS calls at PASSIVE_LEVEL.
    let passive = unsafe { Passive::assume() };
    // SAFETY: NDIS's event, alive during the call.
    let event = unsafe { (*event).NetPnPEvent.NetEvent };
    if context.is_null() {
        // It concerns all bindings, or none yet.
        return Status::SUCCESS.0;
    }
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(context) };
    if event == NetEventRestart {
        run.state.lock().running = true;
        run.tell();
    } else if event == NetEventPause {
        run.state.lock().running = false;
        while !run.is_quiet() {
            passive.sleep_ms(1);
        }
    }
    Status::SUCCESS.0
}

/// The client asks nothing, so nothing completes.
unsafe extern "win64" fn oid_request_complete(_: *mut c_void, _: *mut NDIS_OID_REQUEST, _: i32) {}

/// Status of the adapter as such; what concerns calls comes in ways of its own.
unsafe extern "win64" fn status(_: *mut c_void, _: *mut NDIS_STATUS_INDICATION) {}

/// The client sends no frames, so none come back.
unsafe extern "win64" fn send_complete(_: *mut c_void, _: *mut NET_BUFFER_LIST, _: u32) {}

/// `ProtocolReceiveNetBufferLists`: frames are not for this client; they go back.
unsafe extern "win64" fn receive(
    context: *mut c_void,
    chain: *mut NET_BUFFER_LIST,
    _: u32,
    _: u32,
    flags: u32,
) {
    // SAFETY: NDIS's duty.
    let run = unsafe { Run::of(context) };
    // SAFETY: NDIS lent the chain by these flags.
    unsafe { edge::give_back(run.binding(), chain, flags) }
}
