//! Protection domains.

use core::{ffi::c_void, ptr};

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
    nt::{NoMemory, NonPaged, Once, Passive, Ref, SpinLock, Status, Vec, pool},
    sys::ndkpi::{NDK_OBJECT_TYPE, NDK_PD, NdkObjectTypePd},
};

/// A protection domain.
pub struct Pd {
    provider: Ref<Provider>,
    hw: Once<hw::Pd>,
    lists: SpinLock<Lists>,
}

/// Which queue pairs have lists for the pages of fast registrations: none before the domain has a region that may need one.
struct Lists {
    wanted: bool,
    without: Vec<Ref<Object<Qp>>>,
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
                lists: SpinLock::new(Lists {
                    wanted: false,
                    without: Vec::new_in(NonPaged),
                }),
            },
        )?;
        let hw = hw::Pd::create(pd.kind().provider.device(), passive)?;
        // The place is empty: nobody else has seen the object.
        let _ = pd.kind().hw.set(hw);
        Ok(pd)
    }

    /// Notes a new queue pair. Whether it needs page lists now; else [`Self::want_page_lists`] gives it some.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn enlist(&self, qp: &Ref<Object<Qp>>) -> Result<bool, NoMemory> {
        let mut lists = self.lists.lock();
        if !lists.wanted {
            pool::try_push(&mut lists.without, qp.clone())?;
        }
        Ok(lists.wanted)
    }

    /// Forgets a queue pair that is closed.
    pub(super) fn delist(&self, qp: &Qp) {
        let removed = {
            let mut lists = self.lists.lock();
            let place = lists.without.iter().position(|known| ptr::eq(known.kind(), qp));
            place.and_then(|place| pool::take_at(&mut lists.without, place))
        };
        drop(removed);
    }

    /// Gives page lists to all queue pairs of the domain, those to come included. When this returns, all that there are have them,
    /// whoever else does the same.
    ///
    /// # Errors
    /// No memory; those without may get them next time.
    pub(super) fn want_page_lists(&self, passive: Passive<'_>) -> Result<(), Status> {
        self.lists.lock().wanted = true;
        loop {
            let next = self.lists.lock().without.last().cloned();
            let Some(qp) = next else { return Ok(()) };
            qp.kind().enable_page_lists(passive)?;
            self.delist(qp.kind());
        }
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
