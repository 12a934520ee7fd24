//! The call manager of one adapter: what its NDIS half starts, asks and stops.

use super::{
    channel::Channel,
    circuit::Circuit,
    family::{Family, Roster},
    format,
    services::{Counters, Services},
    upcall::{self, Handle},
};
use crate::{
    cm::Fabric,
    nt::{Passive, Ref, Status, packet::Packets},
    sys::{condis::CO_ADDRESS_FAMILY, ndis::NET_BUFFER_LIST},
};

/// The call manager of one adapter.
pub struct Manager {
    services: Ref<Services>,
    roster: Ref<Roster>,
}

impl core::fmt::Debug for Manager {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Manager")
    }
}

impl Manager {
    /// A call manager without clients; its address family is not registered yet.
    ///
    /// # Errors
    /// No memory, or the device refused; everything was undone.
    pub fn start(fabric: Fabric, passive: Passive<'_>) -> Result<Ref<Self>, Status> {
        let services = Services::start(fabric, passive)?;
        let manager = Roster::try_new(&services).and_then(|roster| {
            let services = services.clone();
            Ref::try_new(Self { services, roster })
        });
        manager.map_err(|no_memory| {
            services.end(passive);
            no_memory.into()
        })
    }

    /// Registers the address family with NDIS: at the end of `MiniportInitializeEx` (AF-01).
    ///
    /// # Errors
    /// What NDIS said.
    pub fn register(&self, _: Passive<'_>) -> Result<(), Status> {
        let family = CO_ADDRESS_FAMILY {
            AddressFamily: format::ADDRESS_FAMILY,
            MajorVersion: format::FAMILY_MAJOR,
            MinorVersion: format::FAMILY_MINOR,
        };
        let status = upcall::register_family(self.services.ndis(), &family);
        if status == Status::SUCCESS {
            Ok(())
        } else {
            Err(status)
        }
    }

    /// Ends everything: clients that still have the family open are told and waited for (HALT-03, AF-20, AF-24). Nothing
    /// of this floor uses the device or NDIS afterwards.
    pub fn stop(&self, passive: Passive<'_>) {
        self.services.stop();
        // Again and again: an open may have been under way.
        self.notify_all(passive);
        while self.services.is_in_use() {
            passive.sleep_ms(1);
            self.notify_all(passive);
        }
        self.services.end(passive);
    }

    fn notify_all(&self, _: Passive<'_>) {
        while let Some(family) = self.roster.families.find(Family::begin_notify) {
            Family::notify(family);
        }
    }

    /// `ProtocolCmOpenAf`: see [`Family::open`].
    ///
    /// # Errors
    /// As [`Family::open`].
    pub fn open_family(&self, family: &CO_ADDRESS_FAMILY, handle: Handle) -> Result<Ref<Family>, Status> {
        Family::open(&self.roster, family, handle)
    }

    /// Data stops: packets are refused, none is indicated. Returns when no packet is with the device or with a client
    /// (HALT-02).
    pub fn pause(&self, passive: Passive<'_>) {
        self.services.set_paused(true);
        while !self.is_quiet() {
            passive.sleep_ms(1);
        }
    }

    fn is_quiet(&self) -> bool {
        let mut quiet = true;
        self.roster.circuits.for_each(|vc| quiet &= vc.is_quiet());
        quiet
    }

    /// Data flows again.
    pub fn restart(&self) {
        self.services.set_paused(false);
        self.roster.circuits.for_each(Circuit::wake);
    }

    /// The device died or left: all calls are down (HALT-05). `<= DISPATCH_LEVEL`.
    pub fn lost(&self) {
        self.roster.circuits.for_each(|vc| vc.device_lost());
    }

    /// `MiniportReturnNetBufferLists`.
    ///
    /// # Safety
    /// `chain` was indicated by this call manager and not returned before.
    pub unsafe fn give_back(chain: *mut NET_BUFFER_LIST) {
        // SAFETY: the caller's promise.
        let packets = unsafe { Packets::from_raw(chain) };
        // SAFETY: the caller's promise.
        unsafe { Channel::give_back(packets) }
    }

    /// `MiniportCancelSend` (DATA-14).
    pub fn cancel_sends(&self, id: usize) {
        // Packets go back without the list's lock.
        let mut seen = 0;
        while let Some(vc) = self.roster.circuits.nth(seen) {
            vc.cancel_sends(id);
            seen += 1;
        }
    }

    /// Packets that clients gave and that are not given back.
    pub fn outstanding(&self) -> u64 {
        let mut outstanding = 0;
        self.roster
            .circuits
            .for_each(|vc| outstanding += vc.outstanding());
        outstanding
    }

    /// The counters.
    pub fn counters(&self) -> &Counters {
        self.services.counters()
    }
}
