//! Service access points: where clients take calls.

use core::{ffi::c_void, ops::Deref};

use super::{
    family::{Family, FamilyHold},
    format,
    services::Living,
    upcall::{self, Handle},
};
use crate::{
    cm::{CmError, Listener, ListenerEvents},
    dyn_ref,
    nt::{
        Passive, Ref, SpinLock, Status,
        lifetime::{Lifetime, Release},
        task,
    },
};

/// A registered SAP. A call that is being dispatched holds it: its deregistration ends after that (SAP-09).
pub struct Sap {
    family: FamilyHold,
    handle: Handle,
    lifetime: Lifetime,
    listener: SpinLock<Option<Ref<Listener>>>,
    /// The reference that NDIS's context stands for.
    kept: SpinLock<Option<Ref<Self>>>,
    _living: Living,
}

impl Sap {
    /// `ProtocolCmRegisterSap` (SAP-02, SAP-03): PENDING, or an error after which nothing comes. `<= DISPATCH_LEVEL`.
    pub fn register(family: &Ref<Family>, sap: format::Sap, handle: Handle) -> Status {
        match Self::try_register(family, sap, handle) {
            Ok(()) => Status::PENDING,
            Err(status) => status,
        }
    }

    fn try_register(family: &Ref<Family>, sap: format::Sap, handle: Handle) -> Result<(), Status> {
        let this = Ref::try_new(Self {
            family: Family::hold(family),
            handle,
            lifetime: Lifetime::new(),
            listener: SpinLock::new(None),
            kept: SpinLock::new(None),
            _living: Living::new(family.services()),
        })?;
        *this.kept.lock() = Some(this.clone());
        let spawned = task::spawn(family.services().ndis(), {
            let this = this.clone();
            move |passive| Self::listen(&this, sap, passive)
        });
        if spawned.is_err() {
            this.forget();
        }
        Ok(spawned?)
    }

    fn listen(this: &Ref<Self>, sap: format::Sap, passive: Passive<'_>) {
        let agent = this.family.services().agent();
        // A peer's call may be dispatched before the client knows of the registration (SAP-06).
        let listening = agent.endpoint(sap.local, passive).and_then(|endpoint| {
            agent.listen(endpoint, dyn_ref!(this.clone() => dyn ListenerEvents), passive)
        });
        match listening {
            Ok(listener) => {
                *this.listener.lock() = Some(listener);
                upcall::sap_registered(Status::SUCCESS, this.handle, Self::context(this));
            }
            Err(error) => {
                upcall::sap_registered(refusal(error), this.handle, core::ptr::null_mut());
                this.forget();
            }
        }
    }

    /// What NDIS knows it by, until it is deregistered.
    pub const fn context(this: &Ref<Self>) -> *mut c_void {
        Ref::as_ptr(this).cast_mut().cast()
    }

    /// `ProtocolCmDeregisterSap` (SAP-09, SAP-10). `<= DISPATCH_LEVEL`.
    pub fn deregister(this: &Ref<Self>) -> Status {
        let listener = this.listener.lock().take();
        if let Some(listener) = listener {
            listener.close();
        }
        if this.lifetime.close() == Release::Held {
            return Status::PENDING;
        }
        this.forget();
        Status::SUCCESS
    }

    /// A hold for a call that arrives, unless the SAP is being deregistered.
    pub(super) fn hold(&self) -> Option<SapHold> {
        let kept = self.kept.lock().clone();
        kept.filter(|sap| sap.lifetime.hold_if_open()).map(SapHold)
    }

    fn forget(&self) {
        let kept = self.kept.lock().take();
        drop(kept);
    }
}

/// Why an address and port cannot be listened on (SAP-02, SAP-12).
fn refusal(error: CmError) -> Status {
    match error {
        CmError::PortInUse | CmError::InvalidAddress | CmError::PortsExhausted => Status::NDIS_INVALID_DATA,
        CmError::NoMemory => Status::INSUFFICIENT_RESOURCES,
        _ => Status::UNSUCCESSFUL,
    }
}

/// Keeps a SAP from going away while a call is dispatched on it.
pub struct SapHold(Ref<Sap>);

impl SapHold {
    /// NDIS's handle of the SAP.
    pub fn handle(&self) -> Handle {
        self.0.handle
    }

    /// A hold on the family for the call's VC.
    pub fn family(&self) -> FamilyHold {
        self.0.family.clone()
    }
}

impl Deref for SapHold {
    type Target = Sap;

    fn deref(&self) -> &Sap {
        &self.0
    }
}

impl Drop for SapHold {
    fn drop(&mut self) {
        if self.0.lifetime.release() == Release::Last {
            self.0.forget();
            upcall::sap_deregistered(self.0.handle);
        }
    }
}
