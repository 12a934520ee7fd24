//! Receive queue tables, and the transport interfaces (TIR) that spread frames over them.

use crate::{
    hw::{
        commands::ether_target::{
            BlockLoopback, CreateRqt, CreateTir, DestroyRqt, DestroyTir, HashTir, ModifyRqt, Spread,
        },
        device::Device,
        error::HwError,
        types::{Rqn, Rqtn, Tirn},
    },
    nt::{
        Passive, Ref,
        sync::{AtomicBool, Ordering::AcqRel},
    },
};

use super::domain::Domain;

/// A receive queue table.
#[derive(Debug)]
pub struct ReceiveTable {
    device: Ref<Device>,
    rqtn: Rqtn,
    alive: AtomicBool,
}

impl ReceiveTable {
    /// Makes a table of `queues`, a power of two of them, that may grow to `most`.
    ///
    /// # Errors
    /// The command's.
    pub fn create(
        device: &Ref<Device>,
        most: u32,
        queues: impl ExactSizeIterator<Item = Rqn> + Clone,
        passive: Passive<'_>,
    ) -> Result<Self, HwError> {
        let rqtn = device.commander().execute(&CreateRqt { most, queues }, passive)?;
        Ok(Self {
            device: device.clone(),
            rqtn,
            alive: AtomicBool::new(true),
        })
    }

    /// Its number.
    pub const fn number(&self) -> Rqtn {
        self.rqtn
    }

    /// Spreads over other queues, a power of two of them, from the next frame on.
    ///
    /// # Errors
    /// The command's; then the table is what it was.
    pub fn change(
        &self,
        queues: impl ExactSizeIterator<Item = Rqn> + Clone,
        passive: Passive<'_>,
    ) -> Result<(), HwError> {
        let rqtn = self.rqtn;
        Ok(self
            .device
            .commander()
            .execute(&ModifyRqt { rqtn, queues }, passive)?)
    }

    /// Destroys it; no TIR leads to it.
    pub fn destroy(&self, passive: Passive<'_>) {
        if self.alive.swap(false, AcqRel) {
            let rqtn = self.rqtn;
            self.device.commander().dispose(&DestroyRqt { rqtn }, passive);
        }
    }
}

/// A transport interface of received frames.
#[derive(Debug)]
pub struct ReceiveTarget {
    device: Ref<Device>,
    tirn: Tirn,
    alive: AtomicBool,
}

impl ReceiveTarget {
    /// Makes an interface that takes nothing that its own domain sends. All send queues of the domain are there.
    ///
    /// # Errors
    /// The command's.
    pub fn create(domain: &Domain, spread: Spread, passive: Passive<'_>) -> Result<Self, HwError> {
        let device = domain.device();
        let create = CreateTir {
            domain: domain.number(),
            spread,
        };
        let tirn = device.commander().execute(&create, passive)?;
        let this = Self {
            device: device.clone(),
            tirn,
            alive: AtomicBool::new(true),
        };
        // What old firmware needs; whoever knows better has no use for it.
        let _ = device.commander().execute(&BlockLoopback { tirn }, passive);
        Ok(this)
    }

    /// Its number.
    pub const fn number(&self) -> Tirn {
        self.tirn
    }

    /// Hashes otherwise, from the next frame on; the table stays.
    ///
    /// # Errors
    /// The command's.
    pub fn hash(&self, spread: Spread, passive: Passive<'_>) -> Result<(), HwError> {
        let tirn = self.tirn;
        Ok(self
            .device
            .commander()
            .execute(&HashTir { tirn, spread }, passive)?)
    }

    /// Destroys it; no flow table entry leads to it.
    pub fn destroy(&self, passive: Passive<'_>) {
        if self.alive.swap(false, AcqRel) {
            let tirn = self.tirn;
            self.device.commander().dispose(&DestroyTir { tirn }, passive);
        }
    }
}
