//! Protection domains.

use core::ffi::c_void;

use super::{
    adapter::Adapter,
    callback::CreateCompletion,
    cq::Cq,
    edge,
    mr::Mr,
    mw::Mw,
    object::{Hold, Kind, Object},
    provider::Provider,
    qp::{Antecedents, Qp, QpLimits},
    task,
};
use crate::{
    hw,
    nt::{Once, Passive, Ref, Status},
    sys::ndkpi::{NDK_OBJECT_TYPE, NDK_PD, NdkObjectTypePd},
};

/// A protection domain.
pub struct Pd {
    provider: Ref<Provider>,
    hw: Once<hw::Pd>,
}

impl Kind for Pd {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypePd;
    type Raw = NDK_PD;
    type Antecedents = Hold<Adapter>;

    fn dispatch() -> *const c_void {
        (&raw const edge::pd::DISPATCH).cast()
    }

    fn needs_teardown(&self) -> bool {
        true
    }

    fn teardown(&self, passive: Passive<'_>) {
        if let Some(hw) = self.hw.get() {
            hw.destroy(passive);
        }
    }
}

impl Pd {
    /// Makes a domain.
    ///
    /// # Errors
    /// No memory, or the device refused.
    pub fn create(adapter: Hold<Adapter>, passive: Passive<'_>) -> Result<Ref<Object<Self>>, Status> {
        let identity = adapter.object().identity();
        let provider = adapter.provider().clone();
        let pd = Object::try_new(
            identity,
            adapter,
            Self {
                provider,
                hw: Once::new(),
            },
        )?;
        let hw = hw::Pd::create(pd.kind().provider.device(), passive)?;
        // The place is empty: nobody else has seen the object.
        let _ = pd.kind().hw.set(hw);
        Ok(pd)
    }

    /// The adapter's provider.
    pub const fn provider(&self) -> &Ref<Provider> {
        &self.provider
    }

    /// The device's domain.
    ///
    /// # Errors
    /// Not made: cannot happen on an object that was handed out.
    pub fn hw(&self) -> Result<&hw::Pd, Status> {
        self.hw.get().ok_or(Status::INTERNAL_ERROR)
    }

    /// `NdkGetPrivilegedMemoryRegionToken`: a key for local use of logical addresses, for this domain's queue pairs, that
    /// gives peers nothing (MR-60, MR-61).
    pub fn privileged_token(&self) -> u32 {
        self.hw.get().map_or(0, |hw| hw.local_key().0)
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
        receive_cq: &Ref<Object<Cq>>,
        initiator_cq: &Ref<Object<Cq>>,
        limits: QpLimits,
        completion: CreateCompletion,
    ) -> Status {
        if !limits.are_within(this.kind().provider.info()) {
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
