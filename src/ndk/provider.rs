//! The provider of one adapter: what its NDIS half opens, asks and closes.

use core::ptr::NonNull;

use super::{
    adapter::Adapter,
    edge, limits,
    object::{Identity, Object},
    services::{Bound, Config, Services},
};
use crate::{
    cm::Fabric,
    nt::{
        Event, NdisHandle, Passive, Ref, Status,
        sync::{AtomicBool, Ordering},
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

/// The Network Direct provider of one adapter.
pub struct Provider {
    services: Ref<Services>,
    ndis: NdisHandle,
    enabled: AtomicBool,
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
    pub fn try_new(fabric: Fabric, config: Config) -> Result<Ref<Self>, Status> {
        let info = limits::adapter_info(fabric.device.caps(), &config);
        Ok(Ref::try_new(Self {
            ndis: fabric.ndis,
            services: Ref::try_new(Services::new(fabric, config, info))?,
            enabled: AtomicBool::new(config.enabled),
        })?)
    }

    /// Limits and abilities, as NDIS and consumers of version 2.0 see them; the same at every call (ADAPTER-14).
    pub fn adapter_info(&self) -> NDK_ADAPTER_INFO {
        *self.services.info()
    }

    /// The capabilities for `NdisMSetMiniportAttributes`; the result points at `info`, which has to live as long.
    pub fn capabilities(&self, info: &mut NDK_ADAPTER_INFO) -> NDIS_NDK_CAPABILITIES {
        limits::capabilities(self.services.device().caps(), info)
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
            ndis: this.ndis,
            version,
            tables: &edge::TABLES,
        };
        let ended = Event::try_new()?;
        let adapter = Object::try_new(identity, (), Adapter::new(this.services.clone(), ended)?)?;
        Ok(Object::hand_out(&adapter))
    }

    /// Closes what [`Self::open`] gave, and waits until every object made from it is closed and every callback has
    /// returned (`CloseNDKAdapterHandler`, LIFE-60, LIFE-61, LIFE-62).
    ///
    /// # Safety
    /// `adapter` came from `open` of this provider and was not closed before.
    pub unsafe fn close(&self, adapter: *mut NDK_ADAPTER, passive: Passive<'_>) {
        // SAFETY: passed on from the caller.
        let adapter: Ref<Object<Adapter>> = unsafe { Object::from_handle(adapter) };
        let ended = adapter.kind().ended();
        Object::close_and_wait(&adapter, &ended, passive);
    }

    /// The counters of `OID_NDK_STATISTICS` that are the provider's; octets and frames are the adapter's to fill in.
    pub fn counters_now(&self) -> NDIS_NDK_PERFORMANCE_COUNTERS {
        limits::performance_counters(self.services.counters())
    }

    /// Writes the established connections of kernel consumers into `entries`, as many as fit (`OID_NDK_CONNECTIONS`,
    /// ADAPTER-48, ADAPTER-49). Returns how many there are.
    pub fn connections(&self, entries: &mut [NDIS_NDK_CONNECTION_ENTRY]) -> usize {
        let mut count = 0;
        self.services.connectors.for_each(|connector| {
            if let Some((local, remote)) = connector.ends() {
                if let Some(place) = entries.get_mut(count) {
                    *place = limits::connection_entry(local, remote);
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
        let mut put = |object: &dyn Bound, listener: bool| {
            let Some(local) = object.local() else { return };
            if let Some(place) = entries.get_mut(count) {
                *place = limits::endpoint_entry(local, listener);
            }
            count += 1;
        };
        let services = &self.services;
        services.listeners.for_each(|listener| put(&**listener, true));
        services.endpoints.for_each(|endpoint| put(&**endpoint, false));
        count
    }
}
