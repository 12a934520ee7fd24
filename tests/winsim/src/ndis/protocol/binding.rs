//! Bindings: a protocol driver on an adapter, from `ProtocolBindAdapterEx` to the end of `ProtocolUnbindAdapterEx`.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

use cxndk::sys::condis::{
    NDIS_BIND_PARAMETERS, NDIS_OBJECT_TYPE_BIND_PARAMETERS, NDIS_SIZEOF_BIND_PARAMETERS_REVISION_4,
};
use cxndk::sys::ndis::{
    NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT, NDIS_STATUS, NDIS_STATUS_PENDING,
    NDIS_STATUS_SUCCESS, NET_PNP_EVENT_NOTIFICATION,
};
use wdk_standin::UNICODE_STRING;

use super::{BIND, Protocol, failed, on_host};
use crate::ndis::adapter::{AdapterState, State};
use crate::ndis::condis;
use crate::ndis::flow::{MULTICAST_LIST, PACKET_FILTER};
use crate::ndis::kernel::{self, Level};
use crate::ndis::oid::OidError;
use crate::ndis::table::{self, Object};
use crate::ndis::wants::Wants;
use crate::sim::{self, SECOND, TaskId};

/// `NetEventPause` of `NET_PNP_EVENT_CODE`.
const PAUSE: i32 = 8;
/// `NetEventRestart`.
const RESTART: i32 = 9;
/// Longest that a protocol driver may take for a bind or an unbind; a limit of the testbed.
const LONGEST: u64 = 60 * SECOND;

/// A protocol driver on an adapter.
pub(in crate::ndis) struct Binding {
    pub(in crate::ndis) handle: NDIS_HANDLE,
    pub(in crate::ndis) protocol: Rc<Protocol>,
    pub(in crate::ndis) adapter: Rc<AdapterState>,
    /// `ProtocolBindingContext`, from `NdisOpenAdapterEx`.
    pub(super) context: Cell<usize>,
    /// `NdisOpenAdapterEx` was called.
    pub(super) opening: Cell<bool>,
    /// The open is complete, and `NdisCloseAdapterEx` was not called.
    pub(super) open: Cell<bool>,
    /// `NdisCloseAdapterEx` was called.
    pub(in crate::ndis) closing: Cell<bool>,
    /// The close is complete.
    pub(super) closed: Cell<bool>,
    /// The result of a bind or unbind that pends, and who waits for it.
    pending: Cell<bool>,
    result: Cell<Option<NDIS_STATUS>>,
    waiter: Cell<Option<TaskId>>,
    /// Requests of the protocol driver that are not completed.
    pub(in crate::ndis) requests: Cell<u32>,
    /// Packets of the protocol driver that are not completed.
    pub(super) sends: Cell<usize>,
    /// Which frames it wants.
    pub(in crate::ndis) wants: Wants,
    /// NDIS paused it.
    pub(super) paused: Cell<bool>,
    /// How many contexts are in its receive handler.
    pub(super) indications: Cell<u32>,
    /// A bind, an unbind or an event of the adapter is under way: NDIS does one at a time.
    busy: Cell<bool>,
    /// The context in its status handler (OID-23).
    pub(in crate::ndis) indicating: Cell<Option<TaskId>>,
}

impl Binding {
    /// `ProtocolBindingContext`.
    pub(in crate::ndis) const fn context(&self) -> *mut c_void {
        self.context.get() as *mut c_void
    }

    /// The open is complete, whether or not the close was called since.
    pub(in crate::ndis) fn expect_opened(&self, ddi: &str) {
        if !self.open.get() && !self.closing.get() {
            sim::fail(
                BIND,
                format!("{ddi} with a binding whose adapter is not open yet"),
            );
        }
    }

    /// The protocol driver is ready for the pause: it sends nothing, and is shown nothing any more.
    fn pause(&self) {
        self.paused.set(true);
        while self.indications.get() > 0 {
            sim::sleep(sim::MICROSECOND);
        }
        self.expect_no_packet("ProtocolNetPnPEvent of a pause ended");
    }

    /// Waits until nothing else is done with the binding; false if it was undone meanwhile.
    fn take_turn(self: &Rc<Self>) -> bool {
        let deadline = sim::now() + LONGEST;
        while self.busy.get() {
            if sim::now() >= deadline {
                sim::fail(BIND, "a bind, an unbind or an event takes more than 60 s");
            }
            sim::sleep(sim::MILLISECOND);
        }
        let there = !matching(|other| ptr::eq(other, &raw const **self)).is_empty();
        self.busy.set(there);
        there
    }

    /// Waits for the bind or unbind that the handler pended.
    fn finish(&self, what: &str, status: NDIS_STATUS) -> NDIS_STATUS {
        let deadline = sim::now() + LONGEST;
        while status == NDIS_STATUS_PENDING && self.result.get().is_none() {
            if sim::now() >= deadline {
                sim::fail(BIND, format!("{what} pended and is not completed after 60 s"));
            }
            self.waiter.set(sim::current());
            sim::park_until("a bind or unbind", deadline);
        }
        self.pending.set(false);
        if status == NDIS_STATUS_PENDING {
            return self.result.take().unwrap_or(NDIS_STATUS_SUCCESS);
        }
        if self.result.get().is_some() {
            sim::fail(BIND, format!("{what} returned {status:#x} and was completed too"));
        }
        status
    }

    fn complete(&self, ddi: &str, status: NDIS_STATUS) {
        if !self.pending.get() || self.result.get().is_some() || status == NDIS_STATUS_PENDING {
            sim::fail(BIND, format!("{ddi} with {status:#x}: nothing is pending"));
        }
        self.result.set(Some(status));
        self.waiter.take().into_iter().for_each(sim::unpark);
    }
}

/// The binding of a handle that a protocol driver uses: from the end of the open to the call of the close.
pub(in crate::ndis) fn open_binding(handle: NDIS_HANDLE, ddi: &str) -> Rc<Binding> {
    let binding = table::binding(handle, ddi);
    if !binding.open.get() {
        sim::fail(BIND, format!("{ddi} with a binding whose adapter is not open"));
    }
    binding
}

/// The bindings of a run, oldest first.
#[derive(Default)]
struct Bindings(RefCell<Vec<Rc<Binding>>>);

fn matching(wanted: impl Fn(&Binding) -> bool) -> Vec<Rc<Binding>> {
    let bindings = sim::local::<Bindings>();
    let all = bindings.0.borrow();
    all.iter().filter(|binding| wanted(binding)).cloned().collect()
}

/// Sets an OID for a protocol driver. The miniport gets the packet filter and the multicast list that all of them want together.
pub(super) fn ask_for_all(binding: &Binding, oid: u32, buffer: &mut [u8]) -> Result<usize, OidError> {
    let adapter = &binding.adapter;
    let others = bindings_of(adapter);
    let others = others.iter().filter(|other| other.handle != binding.handle);
    let wants = || std::iter::once(&adapter.base).chain(others.clone().map(|other| &other.wants));
    let result = match oid {
        PACKET_FILTER if buffer.len() == 4 => {
            let all = wants().fold(0, |all, wants| all | wants.filter());
            let own = u32::from_ne_bytes([buffer[0], buffer[1], buffer[2], buffer[3]]);
            adapter.set_for_protocols(oid, &mut (own | all).to_ne_bytes())
        }
        MULTICAST_LIST => {
            let mut all = buffer.as_chunks::<6>().0.to_vec();
            for address in wants().flat_map(Wants::list) {
                if !all.contains(&address) {
                    all.push(address);
                }
            }
            adapter.set_for_protocols(oid, all.as_flattened_mut())
        }
        _ => adapter.oid(false, true, oid, buffer),
    };
    if result.is_ok() {
        binding.wants.follow(oid, buffer);
    }
    result
}

/// The bindings of an adapter.
pub(in crate::ndis) fn bindings_of(adapter: &AdapterState) -> Vec<Rc<Binding>> {
    matching(|binding| binding.adapter.handle == adapter.handle)
}

/// Binds every protocol driver of the host that is not bound to a running adapter.
pub(in crate::ndis) fn bind_all(adapter: &Rc<AdapterState>) {
    for protocol in on_host(adapter.host) {
        bind(&protocol, adapter);
    }
}

/// Undoes all bindings of an adapter.
pub(in crate::ndis) fn unbind_all(adapter: &AdapterState) {
    for binding in bindings_of(adapter) {
        unbind(&binding);
    }
}

/// Undoes all bindings of a protocol driver.
pub(super) fn unbind_protocol(protocol: &Protocol) {
    for binding in matching(|binding| binding.protocol.handle == protocol.handle) {
        unbind(&binding);
    }
}

/// Tells the bindings of an adapter that it is about to pause.
pub(in crate::ndis) fn pause_all(adapter: &AdapterState) {
    tell_all(adapter, PAUSE);
}

/// Tells the bindings of an adapter that it runs again.
pub(in crate::ndis) fn restart_all(adapter: &AdapterState) {
    tell_all(adapter, RESTART);
}

fn tell_all(adapter: &AdapterState, event: i32) {
    for binding in bindings_of(adapter) {
        if binding.take_turn() {
            pnp_event(&binding, event);
            binding.busy.set(false);
        }
    }
}

fn pnp_event(binding: &Binding, event: i32) {
    // SAFETY: all fields of a notification may be zero.
    let mut notification: NET_PNP_EVENT_NOTIFICATION = unsafe { std::mem::zeroed() };
    notification.Header = NDIS_OBJECT_HEADER {
        Type: NDIS_OBJECT_TYPE_DEFAULT as u8,
        Revision: 1,
        Size: size_of::<NET_PNP_EVENT_NOTIFICATION>() as u16,
    };
    notification.NetPnPEvent.NetEvent = event;
    if event == RESTART {
        binding.paused.set(false);
    }
    let handler = binding.protocol.characteristics.NetPnPEventHandler;
    let handler = handler.expect("checked at registration");
    // SAFETY: the protocol driver registered the handler; the notification lives until it returns.
    let status = unsafe { handler(binding.context(), &raw mut notification) };
    kernel::expect_clean("ProtocolNetPnPEvent");
    if status != NDIS_STATUS_SUCCESS {
        sim::fail(
            BIND,
            format!("ProtocolNetPnPEvent returned {status:#x} for event {event}"),
        );
    }
    if event == PAUSE {
        binding.pause();
    }
}

/// The parameters of `ProtocolBindAdapterEx`, from the general attributes.
fn parameters(adapter: &AdapterState, name: &mut UNICODE_STRING) -> NDIS_BIND_PARAMETERS {
    // SAFETY: all fields of the parameters may be zero.
    let mut parameters: NDIS_BIND_PARAMETERS = unsafe { std::mem::zeroed() };
    parameters.Header = NDIS_OBJECT_HEADER {
        Type: NDIS_OBJECT_TYPE_BIND_PARAMETERS,
        Revision: 4,
        Size: NDIS_SIZEOF_BIND_PARAMETERS_REVISION_4,
    };
    parameters.AdapterName = name;
    parameters.BoundAdapterName = name;
    parameters.PhysicalDeviceObject = kernel::device_object(&adapter.function);
    if let Some(general) = adapter.attributes.general.borrow().as_ref() {
        parameters.MtuSize = general.mtu;
        parameters.MacAddressLength = 6;
        parameters.CurrentMacAddress[..6].copy_from_slice(&general.current_mac);
    }
    let interface = adapter.interface.get();
    parameters.BoundIfIndex = interface.map_or(0, |i| i.index);
    parameters.BoundIfNetluid = interface.map_or(0, crate::netio::InterfaceId::luid);
    parameters
}

/// Offers an adapter to a protocol driver, which opens it or does not want it.
pub(super) fn bind(protocol: &Rc<Protocol>, adapter: &Rc<AdapterState>) {
    let binding = Rc::new(Binding {
        handle: table::reserve(),
        protocol: Rc::clone(protocol),
        adapter: Rc::clone(adapter),
        context: Cell::new(0),
        opening: Cell::new(false),
        open: Cell::new(false),
        closing: Cell::new(false),
        closed: Cell::new(false),
        pending: Cell::new(true),
        result: Cell::new(None),
        waiter: Cell::new(None),
        requests: Cell::new(0),
        sends: Cell::new(0),
        wants: Wants::default(),
        paused: Cell::new(true),
        indications: Cell::new(0),
        busy: Cell::new(true),
        indicating: Cell::new(None),
    });
    // The adapter may have begun to stop since it was chosen.
    if adapter.state.get() != State::Running && adapter.state.get() != State::Restarting {
        return;
    }
    if bindings_of(adapter)
        .iter()
        .any(|other| other.protocol.handle == protocol.handle)
    {
        return;
    }
    sim::local::<Bindings>().0.borrow_mut().push(Rc::clone(&binding));
    table::insert(binding.handle, Object::Binding(Rc::clone(&binding)));
    let mut units: Vec<u16> = adapter.name.encode_utf16().collect();
    let bytes = (units.len() * 2) as u16;
    let mut name = UNICODE_STRING {
        Length: bytes,
        MaximumLength: bytes,
        Buffer: units.as_mut_ptr(),
    };
    let mut parameters = parameters(adapter, &mut name);
    let handler = protocol.characteristics.BindAdapterHandlerEx;
    let handler = handler.expect("checked at registration");
    let context = protocol.context as *mut c_void;
    // SAFETY: the protocol driver registered the handler; the parameters live until it returns.
    let status = unsafe { handler(context, binding.handle, &raw mut parameters) };
    kernel::expect_clean("ProtocolBindAdapterEx");
    let status = binding.finish("ProtocolBindAdapterEx", status);
    if failed(status) {
        if binding.open.get() {
            sim::fail(
                BIND,
                format!("ProtocolBindAdapterEx failed with {status:#x} and the adapter is open"),
            );
        }
        return forget(&binding);
    }
    if !binding.open.get() {
        sim::fail(
            BIND,
            "ProtocolBindAdapterEx succeeded and did not open the adapter".to_owned(),
        );
    }
    // A binding is paused after its open: NDIS restarts it.
    pnp_event(&binding, RESTART);
    condis::announce(&binding);
    binding.busy.set(false);
}

/// `ProtocolUnbindAdapterEx`, and what has to be true after it (HALT-01).
fn unbind(binding: &Rc<Binding>) {
    if !binding.take_turn() {
        return;
    }
    binding.pending.set(true);
    binding.result.set(None);
    let handler = binding.protocol.characteristics.UnbindAdapterHandlerEx;
    let handler = handler.expect("checked at registration");
    // SAFETY: the protocol driver registered the handler; the handle of the unbind is that of the binding.
    let status = unsafe { handler(binding.handle, binding.context()) };
    kernel::expect_clean("ProtocolUnbindAdapterEx");
    let status = binding.finish("ProtocolUnbindAdapterEx", status);
    if status != NDIS_STATUS_SUCCESS {
        sim::fail(BIND, format!("ProtocolUnbindAdapterEx ended with {status:#x}"));
    }
    if !binding.closed.get() {
        sim::fail(
            BIND,
            "ProtocolUnbindAdapterEx ended and the adapter is not closed".to_owned(),
        );
    }
    forget(binding);
}

fn forget(binding: &Rc<Binding>) {
    table::remove(binding.handle);
    crate::ndis::packet::expect_no_pool_of(binding.handle, "ProtocolUnbindAdapterEx");
    sim::local::<Bindings>()
        .0
        .borrow_mut()
        .retain(|other| !Rc::ptr_eq(other, binding));
    binding.busy.set(false);
}

/// `NdisCompleteBindAdapterEx`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCompleteBindAdapterEx(handle: NDIS_HANDLE, status: NDIS_STATUS) {
    let ddi = "NdisCompleteBindAdapterEx";
    kernel::enter(ddi, Level::Passive);
    table::binding(handle, ddi).complete(ddi, status);
}

/// `NdisCompleteUnbindAdapterEx`.
///
/// # Safety
/// None beyond a live simulation; the handle is checked.
#[unsafe(no_mangle)]
pub unsafe extern "win64" fn NdisCompleteUnbindAdapterEx(handle: NDIS_HANDLE) {
    let ddi = "NdisCompleteUnbindAdapterEx";
    kernel::enter(ddi, Level::Passive);
    table::binding(handle, ddi).complete(ddi, NDIS_STATUS_SUCCESS);
}
