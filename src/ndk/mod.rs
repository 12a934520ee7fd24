//! The Network Direct kernel provider: NDK objects over the device and the connection manager.
//!
//! What the adapter does with it (all of it is in `provider`):
//!
//! ```text
//! Provider::try_new(Parts { device, agent, dma, handle }, &Config { mtu, loopback, .. }, passive) -> Result<Ref<Provider>, Status>
//! provider.adapter_info() -> NDK_ADAPTER_INFO                  // a copy; the same at every call
//! provider.capabilities(&info) -> NDIS_NDK_CAPABILITIES        // for NdisMSetMiniportAttributes; points at `info`
//! provider.enable() / provider.disable()                       // from the decision on, opens get ADAPTER_NOT_READY
//! provider.open(&NDIS_OPEN_NDK_ADAPTER_PARAMETERS, passive) -> Result<*mut NDK_ADAPTER, Status>   // BAD_VERSION, ADAPTER_NOT_READY, RESOURCES
//! unsafe provider.close(*mut NDK_ADAPTER, passive)             // blocks
//! provider.counters() -> NDIS_NDK_PERFORMANCE_COUNTERS         // <= DISPATCH; octets and frames are left 0 for the adapter to fill
//! provider.connections(&mut [NDIS_NDK_CONNECTION_ENTRY]) -> usize       // how many there are, and as many as fit
//! provider.local_endpoints(&mut [NDIS_NDK_LOCAL_ENDPOINT_ENTRY]) -> usize
//! ```

pub mod lifetime;

/// What the lock-free files are built on: the processor's atomics here, the model checker's in its test.
mod sync {
    pub(super) use core::sync::atomic::{AtomicUsize, Ordering, fence};
}
