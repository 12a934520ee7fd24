//! Protection domains.

use core::{ffi::c_void, ptr};

use super::{
    adapter::Adapter,
    object::{Hold, Kind, Object, Tables},
    services::Services,
};
use crate::{
    hw::{self, Qpn},
    nt::{NoMemory, NonPaged, Once, Passive, Ref, SpinLock, Status, Vec, pool},
    sys::ndkpi::{NDK_OBJECT_TYPE, NDK_PD, NdkObjectTypePd},
};

/// A protection domain.
pub struct Pd {
    services: Ref<Services>,
    hw: Once<hw::Pd>,
    lists: SpinLock<Lists>,
}

/// Which queue pairs have lists for the pages of fast registrations: none before the domain has a region that may need one.
struct Lists {
    wanted: bool,
    without: Vec<Ref<dyn Member>>,
}

/// A queue pair of a domain.
pub trait Member: Send + Sync {
    /// Its number.
    fn number(&self) -> Option<Qpn>;

    /// Makes room for fast registrations of many pages.
    ///
    /// # Errors
    /// No memory.
    fn enable_page_lists(&self, passive: Passive<'_>) -> Result<(), Status>;
}

impl Kind for Pd {
    const TYPE: NDK_OBJECT_TYPE = NdkObjectTypePd;
    type Raw = NDK_PD;
    type Antecedents = Hold<Adapter>;

    fn dispatch(tables: &Tables) -> *const c_void {
        ptr::from_ref(tables.pd).cast()
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
        let services = adapter.services().clone();
        let pd = Object::try_new(
            identity,
            adapter,
            Self {
                services,
                hw: Once::new(),
                lists: SpinLock::new(Lists {
                    wanted: false,
                    without: Vec::new_in(NonPaged),
                }),
            },
        )?;
        let hw = hw::Pd::create(pd.kind().services.device(), passive)?;
        // The place is empty: nobody else has seen the object.
        let _ = pd.kind().hw.set(hw);
        Ok(pd)
    }

    /// Notes a new queue pair. Whether it needs page lists now; else [`Self::want_page_lists`] gives it some.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn enlist(&self, qp: Ref<dyn Member>) -> Result<bool, NoMemory> {
        let mut lists = self.lists.lock();
        if !lists.wanted {
            pool::try_push(&mut lists.without, qp)?;
        }
        Ok(lists.wanted)
    }

    /// Forgets a queue pair, before the device has its number back.
    pub(super) fn delist(&self, qpn: Qpn) {
        let removed = {
            let mut lists = self.lists.lock();
            let place = lists.without.iter().position(|known| known.number() == Some(qpn));
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
            qp.enable_page_lists(passive)?;
            if let Some(qpn) = qp.number() {
                self.delist(qpn);
            }
        }
    }

    /// What it works with.
    pub const fn services(&self) -> &Ref<Services> {
        &self.services
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
