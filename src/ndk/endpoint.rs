//! Shared endpoints: a local address and port that many connectors connect from.

use core::{ffi::c_void, net::SocketAddr, ptr};

use super::{
    adapter::Adapter,
    object::{Hold, Kind, Object, Tables},
    services::{Bound, Services},
};
use crate::{
    cm::Endpoint,
    dyn_ref,
    nt::{Passive, Ref, SpinLock, Status},
    sys::ndkpi::{NDK_OBJECT_TYPE, NDK_SHARED_ENDPOINT, NdkObjectTypeSharedEndpoint},
};

/// A shared endpoint.
pub struct SharedEndpoint {
    services: Ref<Services>,
    local: SocketAddr,
    // Its own reference to address and port (CONN-42), until it is closed.
    endpoint: SpinLock<Option<Ref<Endpoint>>>,
}

impl Kind for SharedEndpoint {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypeSharedEndpoint;
    type Raw = NDK_SHARED_ENDPOINT;
    type Antecedents = Hold<Adapter>;

    fn dispatch(tables: &Tables) -> *const c_void {
        ptr::from_ref(tables.endpoint).cast()
    }

    fn needs_teardown(&self) -> bool {
        false
    }

    fn teardown(&self, _: Passive<'_>) {}

    fn ended(this: &Object<Self>) {
        this.kind().services.endpoints.remove(this);
        let endpoint = this.kind().endpoint.lock().take();
        drop(endpoint);
    }
}

impl Bound for Object<SharedEndpoint> {
    fn local(&self) -> Option<SocketAddr> {
        Some(self.kind().local)
    }
}

impl SharedEndpoint {
    /// Takes `local` into use; port 0 is replaced by a free one (CREATE-22).
    ///
    /// # Errors
    /// `SHARING_VIOLATION`, `INVALID_ADDRESS`, `TOO_MANY_ADDRESSES` (CREATE-21); no memory.
    pub fn create(
        adapter: Hold<Adapter>,
        local: SocketAddr,
        passive: Passive<'_>,
    ) -> Result<Ref<Object<Self>>, Status> {
        let identity = adapter.object().identity();
        let services = adapter.services().clone();
        let endpoint = services.agent().endpoint(local, passive)?;
        let local = endpoint.local();
        let kind = Self {
            services,
            local,
            endpoint: SpinLock::new(Some(endpoint)),
        };
        let shared = Object::try_new(identity, adapter, kind)?;
        let listed = dyn_ref!(shared.clone() => dyn Bound);
        shared.kind().services.endpoints.add(listed)?;
        Ok(shared)
    }

    /// Address and port.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Another reference to address and port, for a connector.
    pub fn endpoint(&self) -> Option<Ref<Endpoint>> {
        self.endpoint.lock().clone()
    }
}
