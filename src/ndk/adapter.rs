//! The NDK adapter object: one open of the adapter by a consumer.

use core::{ffi::c_void, net::SocketAddr};

use super::{
    callback::{ConnectEvent, CqNotification, CreateCompletion},
    connector::Connector,
    cq::Cq,
    edge,
    endpoint::SharedEndpoint,
    listener::Listener,
    object::{Kind, Object},
    pd::Pd,
    provider::Provider,
    task,
};
use crate::{
    hw::Processors,
    nt::{Event, NoMemory, Passive, Ref, Status},
    sys::{
        ndis::NDK_ADAPTER_INFO,
        ndkpi::{NDK_ADAPTER, NDK_OBJECT_TYPE, NdkObjectTypeAdapter},
    },
};

/// An open of the adapter.
pub struct Adapter {
    provider: Ref<Provider>,
    ended: Ref<Event>,
}

impl Kind for Adapter {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypeAdapter;
    type Raw = NDK_ADAPTER;
    type Antecedents = ();

    fn dispatch() -> *const c_void {
        (&raw const edge::adapter::DISPATCH).cast()
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
    pub fn new(provider: Ref<Provider>, ended: Event) -> Result<Self, NoMemory> {
        Ok(Self {
            provider,
            ended: Ref::try_new(ended)?,
        })
    }

    /// The provider.
    pub const fn provider(&self) -> &Ref<Provider> {
        &self.provider
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
            ..*self.kind().provider.info()
        }
    }

    /// `NdkCreatePd`.
    pub fn create_pd(this: &Ref<Self>, completion: CreateCompletion) -> Status {
        let adapter = Self::hold(this);
        let parent = adapter.clone();
        task::create(this.identity().ndis, adapter, completion, move |passive| {
            Pd::create(parent, passive)
        })
    }

    /// `NdkCreateCq`. `processors` are those that callbacks are preferred on, none for no preference (CREATE-10).
    pub fn create_cq(
        this: &Ref<Self>,
        depth: u32,
        notification: CqNotification,
        processors: Processors,
        completion: CreateCompletion,
    ) -> Status {
        let provider = &this.kind().provider;
        if depth > provider.info().MaxCqDepth {
            return Status::INVALID_PARAMETER;
        }
        let vector = provider.device().vector_on(processors, provider.next_vector());
        let adapter = Self::hold(this);
        let parent = adapter.clone();
        task::create(this.identity().ndis, adapter, completion, move |passive| {
            Cq::create(parent, depth, notification, vector, passive)
        })
    }

    /// `NdkCreateSharedEndpoint`.
    pub fn create_shared_endpoint(
        this: &Ref<Self>,
        local: SocketAddr,
        completion: CreateCompletion,
    ) -> Status {
        let adapter = Self::hold(this);
        let parent = adapter.clone();
        task::create(this.identity().ndis, adapter, completion, move |passive| {
            SharedEndpoint::create(parent, local, passive)
        })
    }

    /// `NdkCreateConnector`: needs no device, so it is done at once.
    ///
    /// # Errors
    /// No memory.
    pub fn create_connector(this: &Ref<Self>) -> Result<Ref<Object<Connector>>, Status> {
        Connector::create(Self::hold(this))
    }

    /// `NdkCreateListener`: needs no device, so it is done at once (CREATE-23).
    ///
    /// # Errors
    /// No memory.
    pub fn create_listener(this: &Ref<Self>, event: ConnectEvent) -> Result<Ref<Object<Listener>>, Status> {
        Listener::create(Self::hold(this), event)
    }
}
