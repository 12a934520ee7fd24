//! What every object of the provider works with: the device and connection management, limits, counters, and the lists that OIDs show.

use core::net::SocketAddr;

use crate::{
    cm::{Agent, Fabric},
    hw::{Device, Mtu},
    nt::{
        Dma, Ref,
        registry::Registry,
        sync::{AtomicU32, AtomicU64, Ordering},
    },
    sys::ndis::NDK_ADAPTER_INFO,
};

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

/// A connector, as `OID_NDK_CONNECTIONS` shows it.
pub trait Connected: Send + Sync {
    /// This side's address and the peer's, while the connection is established (ADAPTER-49).
    fn ends(&self) -> Option<(SocketAddr, SocketAddr)>;
}

/// A listener or a shared endpoint, as `OID_NDK_LOCAL_ENDPOINTS` shows it.
pub trait Bound: Send + Sync {
    /// Address and port, while it has them.
    fn local(&self) -> Option<SocketAddr>;
}

/// See the module.
pub struct Services {
    fabric: Fabric,
    config: Config,
    info: NDK_ADAPTER_INFO,
    next_vector: AtomicU32,
    counters: Counters,
    /// Connectors that are not closed.
    pub(super) connectors: Registry<dyn Connected>,
    /// Listeners that are not closed.
    pub(super) listeners: Registry<dyn Bound>,
    /// Shared endpoints that are not closed.
    pub(super) endpoints: Registry<dyn Bound>,
}

impl Services {
    /// Nothing is made yet. `info`: limits and abilities.
    pub(super) fn new(fabric: Fabric, config: Config, info: NDK_ADAPTER_INFO) -> Self {
        Self {
            fabric,
            config,
            info,
            next_vector: AtomicU32::new(0),
            counters: Counters::default(),
            connectors: Registry::new(),
            listeners: Registry::new(),
            endpoints: Registry::new(),
        }
    }

    /// The device.
    pub const fn device(&self) -> &Ref<Device> {
        &self.fabric.device
    }

    /// Connection management.
    pub const fn agent(&self) -> &Ref<Agent> {
        &self.fabric.agent
    }

    /// Mapping of consumers' memory.
    pub const fn dma(&self) -> &Ref<Dma> {
        &self.fabric.dma
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
}

/// Adds one to a counter.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
