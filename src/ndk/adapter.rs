//! The NDK adapter object: one open of the adapter by a consumer.

use core::{ffi::c_void, ptr};

use super::{
    object::{Kind, Object, Tables},
    services::Services,
};
use crate::{
    nt::{Event, NoMemory, Passive, Ref},
    sys::{
        ndis::NDK_ADAPTER_INFO,
        ndkpi::{NDK_ADAPTER, NDK_OBJECT_TYPE, NdkObjectTypeAdapter},
    },
};

/// An open of the adapter.
pub struct Adapter {
    services: Ref<Services>,
    ended: Ref<Event>,
}

impl Kind for Adapter {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypeAdapter;
    type Raw = NDK_ADAPTER;
    type Antecedents = ();

    fn dispatch(tables: &Tables) -> *const c_void {
        ptr::from_ref(tables.adapter).cast()
    }

    fn needs_teardown(&self) -> bool {
        false
    }

    fn teardown(&self, _: Passive<'_>) {}
}

impl Adapter {
    /// An open of `provider`; `ended` is set when its close has ended.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn new(services: Ref<Services>, ended: Event) -> Result<Self, NoMemory> {
        Ok(Self {
            services,
            ended: Ref::try_new(ended)?,
        })
    }

    /// What it works with.
    pub const fn services(&self) -> &Ref<Services> {
        &self.services
    }

    /// The event that tells the end of the close.
    pub fn ended(&self) -> Ref<Event> {
        self.ended.clone()
    }
}

impl Object<Adapter> {
    /// What the consumer may know of the adapter, with the version that its open granted.
    pub fn info(&self) -> NDK_ADAPTER_INFO {
        NDK_ADAPTER_INFO {
            Version: self.identity().version,
            ..*self.kind().services.info()
        }
    }
}
