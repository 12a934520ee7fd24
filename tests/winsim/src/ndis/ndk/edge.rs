//! Opening and closing NDK adapters, and whether NDK is on.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use cxndk::sys::ndis::{
    NDIS_DEFAULT_SWITCH_ID, NDIS_DEFAULT_VPORT_ID, NDIS_NDK_CAPABILITIES, NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    NDIS_STATUS, NDIS_STATUS_ADAPTER_NOT_READY, NDIS_STATUS_BAD_VERSION, NDIS_STATUS_NOT_SUPPORTED,
    NDIS_STATUS_PENDING, NDIS_STATUS_SUCCESS, NDK_VERSION,
};
use cxndk::sys::ndkpi::NDK_ADAPTER;

use super::super::adapter::AdapterState;
use super::super::pnp::Adapter;
use super::super::{driver, kernel};
use super::ledger::memory::{KeyInspector, Lent};
use super::track::{self, Kind, Object, Open, breach};
use crate::sim::{self, HostId, MICROSECOND, MILLISECOND};

/// What a consumer learns of the NDK state of an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NdkEvent {
    /// NDK adapters can be opened.
    Enabled,
    /// All NDK opens have to be closed.
    Disabled,
}

type Subscriber = Rc<dyn Fn(NdkEvent)>;

/// The NDK side of one miniport adapter.
#[derive(Default)]
pub struct Edge {
    enabled: Cell<bool>,
    opens: Cell<usize>,
    /// Calls of the open handler that have not returned, begun while NDK was enabled.
    opening: Cell<u32>,
    subscribers: RefCell<Vec<Subscriber>>,
    inspector: RefCell<Option<KeyInspector>>,
}

impl Edge {
    pub(in crate::ndis) fn set_enabled(&self, enabled: bool) {
        self.enabled.set(enabled);
    }

    /// How many NDK adapters are open.
    pub(in crate::ndis) fn opens(&self) -> usize {
        self.opens.get()
    }

    /// `NetEventNDKEnable`.
    pub(in crate::ndis) fn enable(&self) {
        self.enabled.set(true);
        self.tell(NdkEvent::Enabled);
    }

    /// `NetEventNDKDisable`: returns when the last open is closed (ADAPTER-26).
    pub(in crate::ndis) fn disable(&self) {
        self.enabled.set(false);
        self.tell(NdkEvent::Disabled);
        let _deadline = sim::Deadline::new("ADAPTER-26", sim::LONGEST, || {
            "NetEventNDKDisable, which waits until consumers have closed every NDK adapter,".to_owned()
        });
        let mut pause = MICROSECOND;
        while self.opens.get() > 0 || self.opening.get() > 0 {
            sim::sleep(pause);
            pause = (pause * 2).min(MILLISECOND);
        }
    }

    fn tell(&self, event: NdkEvent) {
        let subscribers = self.subscribers.borrow().clone();
        subscribers.iter().for_each(|subscriber| subscriber(event));
    }
}

/// An open NDK adapter. It has to be closed with [`NdkAdapter::close`].
pub struct NdkAdapter {
    adapter: Rc<AdapterState>,
    address: usize,
    /// The verifier's view; `None` for an open without verifier.
    tracked: Option<Rc<Object>>,
}

impl Adapter {
    /// Whether NDK is enabled: the NDK attributes and the last `PnP` event say so.
    pub fn ndk_enabled(&self) -> bool {
        self.state.edge.enabled.get()
    }

    /// The NDK capabilities that the driver told at initialization; `NdkInfo` points nowhere any more.
    pub fn ndk_capabilities(&self) -> Option<NDIS_NDK_CAPABILITIES> {
        self.state.attributes.ndk_capabilities.get()
    }

    /// Calls `subscriber` at every change of the NDK state, at `PASSIVE_LEVEL`, in the driver's context. It may wait.
    pub fn ndk_events(&self, subscriber: impl Fn(NdkEvent) + 'static) {
        self.state.edge.subscribers.borrow_mut().push(Rc::new(subscriber));
    }

    /// Lets the verifier look at the memory keys of the adapter's device, whose tokens are the keys.
    pub fn inspect_keys(&self, inspector: KeyInspector) {
        self.state.edge.inspector.replace(Some(inspector));
    }

    /// Opens an NDK adapter at this version or the highest minor that the provider has, with the verifier in between.
    ///
    /// # Errors
    /// What the provider's open handler returned if it is not success.
    pub fn open_ndk(&self, major: u16, minor: u16) -> Result<NdkAdapter, NDIS_STATUS> {
        self.open_ndk_on_port(major, minor, (NDIS_DEFAULT_SWITCH_ID, NDIS_DEFAULT_VPORT_ID))
    }

    /// The same on another port of a NIC switch than the default one, as NDIS does for a virtual switch.
    ///
    /// # Errors
    /// What the provider's open handler returned if it is not success.
    pub fn open_ndk_on_port(
        &self,
        major: u16,
        minor: u16,
        (switch, port): (u32, u32),
    ) -> Result<NdkAdapter, NDIS_STATUS> {
        let parameters = parameters((major, minor), (switch, port));
        self.on_host("open NDK adapter", move |state| open(state, parameters, true))
    }

    /// The same without the verifier, for counting what the provider costs.
    ///
    /// # Errors
    /// What the provider's open handler returned if it is not success.
    pub fn open_ndk_unverified(&self, major: u16, minor: u16) -> Result<NdkAdapter, NDIS_STATUS> {
        self.on_host("open NDK adapter", move |state| {
            open(state, native(major, minor), false)
        })
    }
}

/// Opens the NDK adapter behind an IP interface of the host, in the calling thread of that host; `None` when there is no such
/// interface. As [`Adapter::open_ndk`] otherwise.
pub fn open_ndk_of_interface(
    host: HostId,
    index: u32,
    (major, minor): (u16, u16),
) -> Option<Result<NdkAdapter, NDIS_STATUS>> {
    let adapters = driver::adapters_of(host);
    let found = adapters.iter().find(|adapter| {
        adapter
            .interface
            .get()
            .is_some_and(|interface| interface.index == index)
    })?;
    Some(open(found, native(major, minor), true))
}

const fn parameters(
    (major, minor): (u16, u16),
    (switch, port): (u32, u32),
) -> NDIS_OPEN_NDK_ADAPTER_PARAMETERS {
    NDIS_OPEN_NDK_ADAPTER_PARAMETERS {
        Version: NDK_VERSION {
            Major: major,
            Minor: minor,
        },
        SwitchId: switch,
        VPortId: port,
    }
}

/// Without a virtual switch: the default port (ADAPTER-10).
const fn native(major: u16, minor: u16) -> NDIS_OPEN_NDK_ADAPTER_PARAMETERS {
    parameters((major, minor), (NDIS_DEFAULT_SWITCH_ID, NDIS_DEFAULT_VPORT_ID))
}

fn open(
    adapter: &Rc<AdapterState>,
    mut parameters: NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    verify: bool,
) -> Result<NdkAdapter, NDIS_STATUS> {
    let provider = adapter.driver.ndk.get().and_then(|ndk| ndk.OpenNDKAdapterHandler);
    let Some(handler) = provider else {
        return Err(NDIS_STATUS_NOT_SUPPORTED);
    };
    if !adapter.attributes.registered.get() {
        return Err(NDIS_STATUS_ADAPTER_NOT_READY);
    }
    let enabled = adapter.edge.enabled.get();
    let wanted = (parameters.Version.Major, parameters.Version.Minor);
    let mut out: *mut NDK_ADAPTER = ptr::null_mut();
    adapter
        .edge
        .opening
        .set(adapter.edge.opening.get() + u32::from(enabled));
    let deadline = sim::Deadline::new("ADAPTER-09", sim::LONGEST, || "OpenNDKAdapterHandler".to_owned());
    // SAFETY: the driver registered the handler; both pointers are good while it runs.
    let status = unsafe { handler(adapter.context(), &raw mut parameters, &raw mut out) };
    drop(deadline);
    kernel::expect_clean("OpenNDKAdapterHandler");
    adapter
        .edge
        .opening
        .set(adapter.edge.opening.get() - u32::from(enabled));
    if status == NDIS_STATUS_PENDING {
        breach("VRF-47", "ADAPTER-09", "OpenNDKAdapterHandler returned PENDING");
    }
    if !enabled && !matches!(status, NDIS_STATUS_ADAPTER_NOT_READY | NDIS_STATUS_BAD_VERSION) {
        breach(
            "VRF-49",
            "ADAPTER-07",
            format!("OpenNDKAdapterHandler returned {status:#x} while NDK is disabled"),
        );
    }
    if status != NDIS_STATUS_SUCCESS {
        return Err(status);
    }
    if out.is_null() {
        breach(
            "VRF-47",
            "ADAPTER-09",
            "OpenNDKAdapterHandler succeeded without an adapter",
        );
    }
    adapter.edge.opens.set(adapter.edge.opens.get() + 1);
    let tracked = verify.then(|| adopt(out, wanted));
    if let Some(object) = &tracked {
        let inspector = adapter.edge.inspector.borrow().clone();
        object.open.lent.inspector.replace(inspector);
    }
    Ok(NdkAdapter {
        adapter: Rc::clone(adapter),
        address: out as usize,
        tracked,
    })
}

fn adopt(address: *mut NDK_ADAPTER, wanted: (u16, u16)) -> Rc<Object> {
    // SAFETY: the provider handed the adapter out just now.
    let version = unsafe { (*address).Header.Version };
    if version.Major != wanted.0 || version.Minor < wanted.1 {
        let given = (version.Major, version.Minor);
        breach(
            "VRF-48",
            "ADAPTER-05",
            format!("asked for {wanted:?}, the adapter is {given:?}"),
        );
    }
    let open = Rc::new(Open {
        version: (version.Major, version.Minor),
        live: Cell::new(0),
        callbacks: Cell::new(0),
        lent: Lent::default(),
        closed: Cell::new(false),
    });
    sim::on_failure(super::request::testimony);
    track::adopt(address.cast(), Kind::Adapter, &open, Vec::new())
}

impl NdkAdapter {
    /// The object, for calls through its dispatch table.
    pub fn as_ptr(&self) -> *mut NDK_ADAPTER {
        self.address as *mut NDK_ADAPTER
    }

    /// The version that the provider reports.
    pub fn version(&self) -> (u16, u16) {
        // SAFETY: the adapter is open.
        let version = unsafe { (*self.as_ptr()).Header.Version };
        (version.Major, version.Minor)
    }

    /// Closes the adapter; blocks until the provider is done with all its objects (LIFE-60, LIFE-61).
    pub fn close(self) {
        let host = self.adapter.host;
        kernel::on_host(host, "close NDK adapter", move || self.close_here());
    }

    /// As [`Self::close`], in the calling thread of the host.
    pub fn close_here(self) {
        if let Some(object) = &self.tracked {
            object.check_reserved();
            if object.open.lent.mappings() > 0 {
                breach(
                    "VRF-49",
                    "LIFE-64",
                    "the adapter is closed with logical address mappings",
                );
            }
            if track::inside_callback() {
                breach(
                    "VRF-49",
                    "LIFE-63",
                    "the adapter is closed inside a consumer callback",
                );
            }
            object.life.set(track::Life::Closing);
        }
        if let Some(handler) = self
            .adapter
            .driver
            .ndk
            .get()
            .and_then(|ndk| ndk.CloseNDKAdapterHandler)
        {
            let _deadline =
                sim::Deadline::new("LIFE-60", sim::LONGEST, || "CloseNDKAdapterHandler".to_owned());
            // SAFETY: the driver registered the handler; the adapter is open.
            unsafe { handler(self.adapter.context(), self.as_ptr()) };
        }
        kernel::expect_clean("CloseNDKAdapterHandler");
        if let Some(object) = &self.tracked {
            expect_closed(object);
        }
        let edge = &self.adapter.edge;
        edge.opens.set(edge.opens.get() - 1);
    }
}

/// VRF-49: no descendant lives, no callback runs.
fn expect_closed(object: &Rc<Object>) {
    let open = &object.open;
    if open.live.get() > 0 {
        breach(
            "VRF-49",
            "LIFE-61",
            format!(
                "CloseNDKAdapterHandler returned with {} live objects",
                open.live.get()
            ),
        );
    }
    if open.callbacks.get() > 0 {
        breach(
            "VRF-49",
            "LIFE-61",
            format!(
                "CloseNDKAdapterHandler returned with {} callbacks running",
                open.callbacks.get()
            ),
        );
    }
    if object.pending.get() > 0 {
        breach(
            "VRF-49",
            "LIFE-61",
            format!(
                "CloseNDKAdapterHandler returned with {} requests pending",
                object.pending.get()
            ),
        );
    }
    open.closed.set(true);
    object.retire();
}
