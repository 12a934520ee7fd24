//! What consumers make: of adapters and of protection domains.

use core::net::SocketAddr;

use super::{
    adapter::Adapter,
    callback::{ConnectEvent, CqNotification, CreateCompletion},
    connector::Connector,
    cq::Cq,
    endpoint::SharedEndpoint,
    listener::Listener,
    mr::Mr,
    mw::Mw,
    object::Object,
    pd::Pd,
    qp::{Antecedents, Qp, QpLimits},
    task,
};
use crate::{
    hw::Processors,
    nt::{Ref, Status},
};

impl Object<Adapter> {
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
        let services = this.kind().services();
        if depth > services.info().MaxCqDepth {
            return Status::INVALID_PARAMETER;
        }
        let vector = services.device().vector_on(processors, services.next_vector());
        let adapter = Self::hold(this);
        let parent = adapter.clone();
        task::create(this.identity().ndis, adapter, completion, move |passive| {
            Cq::<Qp>::create(parent, depth, notification, vector, passive)
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

impl Object<Pd> {
    /// `NdkCreateMr`: nothing of the device is needed before the region is registered, so it is done at once.
    ///
    /// # Errors
    /// No memory.
    pub fn create_mr(this: &Ref<Self>, fast_register: bool) -> Result<Ref<Object<Mr>>, Status> {
        Mr::create(Self::hold(this), fast_register)
    }

    /// `NdkCreateMw`.
    ///
    /// # Errors
    /// No memory.
    pub fn create_mw(this: &Ref<Self>) -> Result<Ref<Object<Mw>>, Status> {
        Mw::create(Self::hold(this))
    }

    /// `NdkCreateQp`.
    pub fn create_qp(
        this: &Ref<Self>,
        receive_cq: &Ref<Object<Cq<Qp>>>,
        initiator_cq: &Ref<Object<Cq<Qp>>>,
        limits: QpLimits,
        completion: CreateCompletion,
    ) -> Status {
        if !limits.are_within(this.kind().services().info()) {
            return Status::INVALID_PARAMETER;
        }
        let antecedents = Antecedents {
            pd: Self::hold(this),
            receive_cq: Object::hold(receive_cq),
            initiator_cq: Object::hold(initiator_cq),
        };
        let holds = antecedents.clone();
        let ndis = this.identity().ndis;
        task::create(ndis, holds, completion, move |passive| {
            Qp::create(antecedents, limits, passive)
        })
    }
}
