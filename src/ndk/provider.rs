//! The provider of one adapter: what its NDIS half opens, asks and closes.

use core::ptr::NonNull;

use super::{
    adapter::Adapter,
    connector::Connector,
    endpoint::SharedEndpoint,
    limits,
    listener::Listener,
    object::{Identity, Object},
};
use crate::{
    cm::Agent,
    hw::{Device, Mtu},
    nt::{
        Dma, Event, NdisHandle, Passive, Ref, Status,
        registry::Registry,
        sync::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    sys::{
        ndis::{
            NDIS_DEFAULT_SWITCH_ID, NDIS_DEFAULT_VPORT_ID, NDIS_NDK_CAPABILITIES, NDIS_NDK_CONNECTION_ENTRY,
            NDIS_NDK_LOCAL_ENDPOINT_ENTRY, NDIS_NDK_PERFORMANCE_COUNTERS, NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
            NDK_ADAPTER_INFO, NDK_VERSION,
        },
        ndkpi::NDK_ADAPTER,
    },
};

/// What the provider works with.
#[derive(Debug)]
pub struct Parts {
    /// The device, brought up.
    pub device: Ref<Device>,
    /// Its connection management.
    pub agent: Ref<Agent>,
    /// Mapping of consumers' memory.
    pub dma: Ref<Dma>,
    /// The adapter's NDIS handle.
    pub ndis: NdisHandle,
}

/// What the adapter's configuration decides.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// PCI device id, as consumers see it.
    pub device_id: u16,
    /// Largest payload of a packet (`*NetworkDirectRoCEFrameSize` and `*JumboPacket`, ADAPTER-64).
    pub mtu: Mtu,
    /// `*NetworkDirect`.
    pub enabled: bool,
}

/// Counters of `OID_NDK_STATISTICS` that the provider keeps (ADAPTER-43).
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections that this side asked for and that were established.
    pub connect: AtomicU64,
    /// Connections that a peer asked for and that were established.
    pub accept: AtomicU64,
    /// Attempts of either side that failed.
    pub connect_failure: AtomicU64,
    /// Established connections that broke.
    pub connection_error: AtomicU64,
    /// Connections that are established now.
    pub active: AtomicU64,
    /// Completion queues that broke (CQ-33).
    pub cq_error: AtomicU64,
}

/// The Network Direct provider of one adapter.
pub struct Provider {
    parts: Parts,
    config: Config,
    info: NDK_ADAPTER_INFO,
    enabled: AtomicBool,
    next_vector: AtomicU32,
    counters: Counters,
    connectors: Registry<Object<Connector>>,
    listeners: Registry<Object<Listener>>,
    endpoints: Registry<Object<SharedEndpoint>>,
}

/// The versions that can be granted, each the highest minor of its major (ADAPTER-05, VERSION-08).
const VERSIONS: [NDK_VERSION; 2] = [
    NDK_VERSION { Major: 1, Minor: 2 },
    NDK_VERSION { Major: 2, Minor: 0 },
];

impl Provider {
    /// A provider without opens. `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// No memory.
    pub fn try_new(parts: Parts, config: Config) -> Result<Ref<Self>, Status> {
        let info = limits::adapter_info(parts.device.caps(), &config);
        Ok(Ref::try_new(Self {
            parts,
            config,
            info,
            enabled: AtomicBool::new(config.enabled),
            next_vector: AtomicU32::new(0),
            counters: Counters::default(),
            connectors: Registry::new(),
            listeners: Registry::new(),
            endpoints: Registry::new(),
        })?)
    }

    /// Limits and abilities, as NDIS and consumers of version 2.0 see them; the same at every call (ADAPTER-14).
    pub const fn adapter_info(&self) -> NDK_ADAPTER_INFO {
        self.info
    }

    /// The capabilities for `NdisMSetMiniportAttributes`; the result points at `info`, which has to live as long.
    pub fn capabilities(&self, info: &mut NDK_ADAPTER_INFO) -> NDIS_NDK_CAPABILITIES {
        limits::capabilities(self.parts.device.caps(), info)
    }

    /// Opens succeed from now on.
    pub fn enable(&self) {
        self.enabled.store(true, Ordering::Release);
    }

    /// New opens are refused from now on (ADAPTER-27). Those that exist live until NDIS closes them.
    pub fn disable(&self) {
        self.enabled.store(false, Ordering::Release);
    }

    /// Whether opens succeed.
    pub fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }

    /// Opens the adapter for a consumer (`OpenNDKAdapterHandler`).
    ///
    /// # Errors
    /// `NDIS_STATUS_BAD_VERSION` (ADAPTER-04), `NDIS_STATUS_ADAPTER_NOT_READY` (ADAPTER-07), `NDIS_STATUS_RESOURCES`;
    /// `NDIS_STATUS_INVALID_PARAMETER` for any port but the default one: there is no other (ADAPTER-10).
    pub fn open(
        this: &Ref<Self>,
        parameters: &NDIS_OPEN_NDK_ADAPTER_PARAMETERS,
    ) -> Result<NonNull<NDK_ADAPTER>, Status> {
        let wanted = parameters.Version;
        let version = VERSIONS
            .into_iter()
            .find(|granted| granted.Major == wanted.Major && wanted.Minor <= granted.Minor)
            .ok_or(Status::NDIS_BAD_VERSION)?;
        if (parameters.SwitchId, parameters.VPortId) != (NDIS_DEFAULT_SWITCH_ID, NDIS_DEFAULT_VPORT_ID) {
            return Err(Status::INVALID_PARAMETER);
        }
        if !this.is_enabled() {
            return Err(Status::NDIS_ADAPTER_NOT_READY);
        }
        let identity = Identity {
            ndis: this.parts.ndis,
            version,
        };
        let ended = Event::try_new()?;
        let adapter = Object::try_new(identity, (), Adapter::new(this.clone(), ended)?)?;
        Ok(Object::hand_out(&adapter))
    }

    /// Closes what [`Self::open`] gave, and waits until every object made from it is closed and every callback has
    /// returned (`CloseNDKAdapterHandler`, LIFE-60, LIFE-61, LIFE-62).
    ///
    /// # Safety
    /// `adapter` came from `open` of this provider and was not closed before.
    pub unsafe fn close(&self, adapter: *mut NDK_ADAPTER, passive: Passive<'_>) {
        // SAFETY: passed on from the caller.
        let adapter: Ref<Object<Adapter>> = unsafe { super::edge::owned(adapter) };
        let ended = adapter.kind().ended();
        Object::close_and_wait(&adapter, &ended, passive);
    }

    /// The counters of `OID_NDK_STATISTICS` that are the provider's; octets and frames are the adapter's to fill in.
    pub fn counters_now(&self) -> NDIS_NDK_PERFORMANCE_COUNTERS {
        limits::performance_counters(&self.counters)
    }

    /// Writes the established connections of kernel consumers into `entries`, as many as fit (`OID_NDK_CONNECTIONS`,
    /// ADAPTER-48, ADAPTER-49). Returns how many there are.
    pub fn connections(&self, entries: &mut [NDIS_NDK_CONNECTION_ENTRY]) -> usize {
        let mut count = 0;
        self.connectors.for_each(|connector| {
            if let Some(entry) = connector.kind().connection_entry() {
                if let Some(place) = entries.get_mut(count) {
                    *place = entry;
                }
                count += 1;
            }
        });
        count
    }

    /// Writes the listeners and shared endpoints of kernel consumers into `entries`, as many as fit
    /// (`OID_NDK_LOCAL_ENDPOINTS`). Returns how many there are.
    pub fn local_endpoints(&self, entries: &mut [NDIS_NDK_LOCAL_ENDPOINT_ENTRY]) -> usize {
        let mut count = 0;
        let mut put = |local: Option<core::net::SocketAddr>, listener: bool| {
            let Some(local) = local else { return };
            if let Some(place) = entries.get_mut(count) {
                *place = limits::endpoint_entry(local, listener);
            }
            count += 1;
        };
        self.listeners
            .for_each(|listener| put(listener.kind().local(), true));
        self.endpoints
            .for_each(|endpoint| put(Some(endpoint.kind().local()), false));
        count
    }

    /// The device.
    pub const fn device(&self) -> &Ref<Device> {
        &self.parts.device
    }

    /// Connection management.
    pub const fn agent(&self) -> &Ref<Agent> {
        &self.parts.agent
    }

    /// Mapping of consumers' memory.
    pub const fn dma(&self) -> &Ref<Dma> {
        &self.parts.dma
    }

    /// What the configuration decided.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Limits and abilities.
    pub(super) const fn info(&self) -> &NDK_ADAPTER_INFO {
        &self.info
    }

    /// The counters, for those who count.
    pub(super) const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The next completion vector, when the consumer has no preference.
    pub(super) fn next_vector(&self) -> u32 {
        self.next_vector.fetch_add(1, Ordering::Relaxed)
    }

    /// Connectors that are not closed.
    pub(super) const fn connectors(&self) -> &Registry<Object<Connector>> {
        &self.connectors
    }

    /// Listeners that are not closed.
    pub(super) const fn listeners(&self) -> &Registry<Object<Listener>> {
        &self.listeners
    }

    /// Shared endpoints that are not closed.
    pub(super) const fn endpoints(&self) -> &Registry<Object<SharedEndpoint>> {
        &self.endpoints
    }
}

/// Adds one to a counter.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
