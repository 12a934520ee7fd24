//! What the parts of a VC share: NDIS's name of it, its send side, and the worker that carries out what its call needs.

use core::ffi::c_void;

use super::{
    sends::Sends,
    services::{Living, Services},
    upcall::Handle,
};
use crate::nt::{
    NoMemory, Passive, Ref, SpinLock, WorkItem,
    sync::{AtomicPtr, Ordering},
};

/// The owner of a circuit, as the parts see it that know only the circuit.
pub trait Owner: Send + Sync {
    /// Looks at what has happened and does what is due. Never twice at a time.
    fn work(&self, passive: Passive<'_>);

    /// The device is gone: all connections are. `<= DISPATCH_LEVEL`.
    fn device_lost(&self);

    /// Whether the client has no packet of a received message. `<= DISPATCH_LEVEL`.
    fn has_nothing_lent(&self) -> bool;
}

/// See the module's page.
pub struct Circuit {
    handle: AtomicPtr<c_void>,
    pub(super) sends: SpinLock<Sends>,
    /// Keeps the owner alive until it leaves.
    owner: SpinLock<Option<Ref<dyn Owner>>>,
    worker: WorkItem<Self>,
    services: Ref<Services>,
    _living: Living,
}

impl Circuit {
    /// For the VC that NDIS calls `handle`, or has no name for yet.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn try_new(services: &Ref<Services>, handle: Handle) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            handle: AtomicPtr::new(handle.as_raw()),
            sends: SpinLock::new(Sends::new()),
            owner: SpinLock::new(None),
            worker: WorkItem::try_new(services.ndis(), Self::work)?,
            services: services.clone(),
            _living: Living::new(services),
        })
    }

    /// The owner comes.
    pub(super) fn set_owner(&self, owner: Ref<dyn Owner>) {
        *self.owner.lock() = Some(owner);
    }

    /// The owner leaves: nothing is done any more.
    pub(super) fn leave(&self) {
        let owner = self.owner.lock().take();
        drop(owner);
    }

    fn owner(&self) -> Option<Ref<dyn Owner>> {
        self.owner.lock().clone()
    }

    /// The work item.
    fn work(this: &Ref<Self>, passive: Passive<'_>) {
        if let Some(owner) = this.owner() {
            owner.work(passive);
        }
    }

    /// Wakes the owner. `<= DISPATCH_LEVEL`.
    pub fn wake(this: &Ref<Self>) {
        this.worker.queue(this.clone());
    }

    /// NDIS's handle.
    pub fn handle(&self) -> Handle {
        // SAFETY: what NDIS gave for this VC.
        unsafe { Handle::new(self.handle.load(Ordering::Acquire)) }
    }

    /// NDIS has a name for it.
    pub(super) fn set_handle(&self, handle: Handle) {
        self.handle.store(handle.as_raw(), Ordering::Release);
    }

    /// What it works with.
    pub const fn services(&self) -> &Ref<Services> {
        &self.services
    }

    /// The device is gone.
    pub(super) fn device_lost(&self) {
        if let Some(owner) = self.owner() {
            owner.device_lost();
        }
    }

    /// Whether neither device nor client has a packet.
    pub(super) fn is_quiet(&self) -> bool {
        let lent = self.owner().is_some_and(|owner| !owner.has_nothing_lent());
        !lent && self.sends.lock().is_idle()
    }

    /// Packets that the client gave and that are not given back.
    pub fn outstanding(&self) -> u64 {
        u64::from(self.sends.lock().outstanding())
    }
}
