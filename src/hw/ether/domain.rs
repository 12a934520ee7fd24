//! What all Ethernet queues of a function share.

use crate::{
    hw::{
        commands::ether_target::{AllocTransportDomain, CreateTis, DeallocTransportDomain, DestroyTis},
        device::Device,
        error::HwError,
        pd::Pd,
        types::{Tisn, TransportDomain},
    },
    nt::{
        Passive, Ref,
        sync::{AtomicBool, Ordering::AcqRel},
    },
};

/// A transport domain with a transport interface for send queues, and a protection domain for their memory.
#[derive(Debug)]
pub struct Domain {
    device: Ref<Device>,
    pd: Pd,
    number: TransportDomain,
    tisn: Tisn,
    alive: AtomicBool,
}

impl Domain {
    /// Makes all three.
    ///
    /// # Errors
    /// Those of the commands; nothing stays allocated.
    pub fn create(device: &Ref<Device>, passive: Passive<'_>) -> Result<Self, HwError> {
        let commander = device.commander();
        let pd = Pd::create(device, passive)?;
        let domain = match commander.execute(&AllocTransportDomain {}, passive) {
            Ok(domain) => domain,
            Err(error) => {
                pd.destroy(passive);
                return Err(error.into());
            }
        };
        let tis = CreateTis { domain, class: 0 };
        match commander.execute(&tis, passive) {
            Ok(tisn) => Ok(Self {
                device: device.clone(),
                pd,
                number: domain,
                tisn,
                alive: AtomicBool::new(true),
            }),
            Err(error) => {
                commander.dispose(&DeallocTransportDomain { domain }, passive);
                pd.destroy(passive);
                Err(error.into())
            }
        }
    }

    /// The function.
    pub const fn device(&self) -> &Ref<Device> {
        &self.device
    }

    pub(super) const fn pd(&self) -> &Pd {
        &self.pd
    }

    pub(super) const fn number(&self) -> TransportDomain {
        self.number
    }

    pub(super) const fn tisn(&self) -> Tisn {
        self.tisn
    }

    /// Destroys all three; everything that hangs on them is destroyed.
    pub fn destroy(&self, passive: Passive<'_>) {
        if !self.alive.swap(false, AcqRel) {
            return;
        }
        let commander = self.device.commander();
        commander.dispose(&DestroyTis { tisn: self.tisn }, passive);
        commander.dispose(&DeallocTransportDomain { domain: self.number }, passive);
        self.pd.destroy(passive);
    }
}
