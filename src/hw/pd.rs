//! Protection domains.

use super::{
    commands::resource::{AllocPd, DeallocPd},
    device::Device,
    error::HwError,
    mkey::Mkey,
    types::{Key, Pdn},
};
use crate::nt::{
    Passive, Ref,
    sync::{AtomicBool, Ordering::AcqRel},
};

/// A protection domain with a key of its own for local use of all bus addresses.
#[derive(Debug)]
pub struct Pd {
    device: Ref<Device>,
    pdn: Pdn,
    local: Mkey,
    alive: AtomicBool,
}

impl Pd {
    /// Makes a protection domain and its local key.
    ///
    /// # Errors
    /// Those of the commands; nothing stays allocated.
    pub fn create(device: &Ref<Device>, passive: Passive<'_>) -> Result<Self, HwError> {
        let pdn = device.commander().execute(&AllocPd {}, passive)?;
        match Mkey::create_local(device, pdn, passive) {
            Ok(local) => Ok(Self {
                device: device.clone(),
                pdn,
                local,
                alive: AtomicBool::new(true),
            }),
            Err(error) => {
                device.commander().dispose(&DeallocPd { pdn }, passive);
                Err(error)
            }
        }
    }

    /// Its number.
    pub const fn number(&self) -> Pdn {
        self.pdn
    }

    /// The key for local reads and writes at bus addresses, good on queue pairs of this domain. It gives the peer nothing.
    pub const fn local_key(&self) -> Key {
        self.local.key()
    }

    /// Destroys the domain; all that is in it is destroyed. Once; again is nothing.
    pub fn destroy(&self, passive: Passive<'_>) {
        if self.alive.swap(false, AcqRel) {
            self.local.destroy(passive);
            self.device
                .commander()
                .dispose(&DeallocPd { pdn: self.pdn }, passive);
        }
    }
}
