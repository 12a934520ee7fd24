//! Opens of the address family: one for each client.

use core::{ffi::c_void, ops::Deref};

use super::{
    circuit::Circuit,
    format,
    services::{Living, Services},
    upcall::{self, Handle},
};
use crate::{
    nt::{
        NoMemory, Ref, SpinLock, Status,
        lifetime::{Lifetime, Release},
        registry::Registry,
        sync::{AtomicBool, Ordering},
    },
    sys::condis::CO_ADDRESS_FAMILY,
};

/// The opens of the family, and the VCs of all of them.
pub struct Roster {
    pub(super) services: Ref<Services>,
    pub(super) families: Registry<Family>,
    pub(super) circuits: Registry<Circuit>,
}

impl Roster {
    /// An empty one.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub(super) fn try_new(services: &Ref<Services>) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            services: services.clone(),
            families: Registry::new(),
            circuits: Registry::new(),
        })
    }
}

/// A client's open of the address family. SAPs and VCs hold it: its close ends when the last of them has gone (AF-13, AF-14).
pub struct Family {
    roster: Ref<Roster>,
    handle: Handle,
    lifetime: Lifetime,
    notified: AtomicBool,
    /// The reference that NDIS's context stands for.
    kept: SpinLock<Option<Ref<Self>>>,
    /// The reference that NDIS's context stands for until the client has answered a notice.
    unanswered: SpinLock<Option<Ref<Self>>>,
    _living: Living,
}

impl Family {
    /// `ProtocolCmOpenAf` (AF-06, AF-07, AF-08). `<= DISPATCH_LEVEL`.
    ///
    /// # Errors
    /// `NDIS_STATUS_FAILURE` for another family or version, and while the adapter halts; no memory.
    pub fn open(
        roster: &Ref<Roster>,
        family: &CO_ADDRESS_FAMILY,
        handle: Handle,
    ) -> Result<Ref<Self>, Status> {
        let known = family.AddressFamily == format::ADDRESS_FAMILY
            && family.MajorVersion == format::FAMILY_MAJOR
            && family.MinorVersion == format::FAMILY_MINOR;
        if !known || roster.services.is_stopping() {
            return Err(Status::UNSUCCESSFUL);
        }
        let this = Ref::try_new(Self {
            roster: roster.clone(),
            handle,
            lifetime: Lifetime::new(),
            notified: AtomicBool::new(false),
            kept: SpinLock::new(None),
            unanswered: SpinLock::new(None),
            _living: Living::new(&roster.services),
        })?;
        roster.families.add(this.clone())?;
        *this.kept.lock() = Some(this.clone());
        Ok(this)
    }

    /// What NDIS knows it by, until its close has ended.
    pub const fn context(this: &Ref<Self>) -> *mut c_void {
        Ref::as_ptr(this).cast_mut().cast()
    }

    /// NDIS's handle.
    pub const fn handle(&self) -> Handle {
        self.handle
    }

    /// What it works with.
    pub fn services(&self) -> &Ref<Services> {
        &self.roster.services
    }

    /// The roster that it is on.
    pub(super) const fn roster(&self) -> &Ref<Roster> {
        &self.roster
    }

    /// Chooses it for the notice that the adapter halts, once, and takes a hold for [`Self::notify`] (AF-20).
    pub(super) fn begin_notify(&self) -> bool {
        !self.notified.swap(true, Ordering::AcqRel) && self.lifetime.hold_if_open()
    }

    /// Tells the client of a family that [`Self::begin_notify`] chose. NDIS uses the context until it has passed the client's
    /// answer on, which may come after the close (AF-23, AF-24). `PASSIVE_LEVEL`.
    pub(super) fn notify(this: Ref<Self>) {
        *this.unanswered.lock() = Some(this.clone());
        // The handle stays good until NDIS is back, even if the client closes meanwhile.
        let hold = FamilyHold(this);
        if upcall::notify_close_family(hold.handle) != Status::PENDING {
            hold.answered();
        }
    }

    /// `ProtocolCmNotifyCloseAfComplete` (AF-24), or the answer came at once.
    pub fn answered(&self) {
        let unanswered = self.unanswered.lock().take();
        drop(unanswered);
    }

    /// `ProtocolCmCloseAf` (AF-13). `<= DISPATCH_LEVEL`.
    pub fn close(this: &Ref<Self>) -> Status {
        if this.lifetime.close() == Release::Held {
            return Status::PENDING;
        }
        this.forget();
        Status::SUCCESS
    }

    fn forget(&self) {
        self.roster.families.remove(self);
        let kept = self.kept.lock().take();
        drop(kept);
    }

    /// A hold for something that was asked for on the open family.
    pub fn hold(this: &Ref<Self>) -> FamilyHold {
        this.lifetime.hold();
        FamilyHold(this.clone())
    }
}

/// Keeps a family from going away.
pub struct FamilyHold(Ref<Family>);

impl Clone for FamilyHold {
    fn clone(&self) -> Self {
        Family::hold(&self.0)
    }
}

impl Deref for FamilyHold {
    type Target = Family;

    fn deref(&self) -> &Family {
        &self.0
    }
}

impl Drop for FamilyHold {
    fn drop(&mut self) {
        if self.0.lifetime.release() == Release::Last {
            self.0.forget();
            upcall::family_closed(self.0.handle);
        }
    }
}
