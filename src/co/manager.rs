//! The call manager of one adapter: what its NDIS half starts, asks and stops.

use super::{family::Family, format, upcall, vc::Vc};
use crate::{
    cm::Agent,
    hw::{Device, Pd},
    nt::{
        Dma, NdisHandle, Passive, Ref, Status,
        packet::{PacketPool, Packets},
        registry::Registry,
        sync::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    sys::{condis::CO_ADDRESS_FAMILY, ndis::NET_BUFFER_LIST},
};

/// What the call manager works with.
#[derive(Debug)]
pub struct Parts {
    /// The device, brought up.
    pub device: Ref<Device>,
    /// Its connection management.
    pub agent: Ref<Agent>,
    /// Mapping of clients' memory.
    pub dma: Ref<Dma>,
    /// The adapter's NDIS handle.
    pub ndis: NdisHandle,
}

/// Counters for the statistics OIDs (OID-12).
#[derive(Debug, Default)]
pub struct Counters {
    /// Packets that a peer has.
    pub sent: AtomicU64,
    /// Bytes of those.
    pub sent_bytes: AtomicU64,
    /// Packets given back unsent.
    pub send_errors: AtomicU64,
    /// Messages given to clients.
    pub received: AtomicU64,
    /// Bytes of those.
    pub received_bytes: AtomicU64,
    /// Messages that made no sense.
    pub receive_errors: AtomicU64,
    /// Calls that were established.
    pub calls: AtomicU64,
    /// Calls and parties that could not be established.
    pub call_failures: AtomicU64,
}

impl Counters {
    pub(super) fn add_sent(&self, bytes: u64) {
        count(&self.sent);
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn add_received(&self, bytes: u32) {
        count(&self.received);
        self.received_bytes.fetch_add(u64::from(bytes), Ordering::Relaxed);
    }
}

/// Adds one to a counter.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// The call manager of one adapter.
pub struct Manager {
    parts: Parts,
    pd: Pd,
    pool: Ref<PacketPool>,
    families: Registry<Family>,
    vcs: Registry<Vc>,
    next_vector: AtomicU32,
    paused: AtomicBool,
    stopping: AtomicBool,
    /// Objects that exist: nothing of them may be left when the adapter halts (HALT-07).
    alive: AtomicUsize,
    counters: Counters,
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
    pub fn start(parts: Parts, passive: Passive<'_>) -> Result<Ref<Self>, Status> {
        let pool = PacketPool::try_new(parts.ndis)?;
        let pd = Pd::create(&parts.device, passive)?;
        let manager = Self {
            parts,
            pd,
            pool,
            families: Registry::new(),
            vcs: Registry::new(),
            next_vector: AtomicU32::new(0),
            paused: AtomicBool::new(true),
            stopping: AtomicBool::new(false),
            alive: AtomicUsize::new(0),
            counters: Counters::default(),
        };
        Ref::try_new_or_back(manager).map_err(|manager| {
            manager.pd.destroy(passive);
            Status::INSUFFICIENT_RESOURCES
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
        let status = upcall::register_family(self.parts.ndis, &family);
        if status == Status::SUCCESS {
            Ok(())
        } else {
            Err(status)
        }
    }

    /// Ends everything: clients that still have the family open are told and waited for (HALT-03, AF-20, AF-24). Nothing
    /// of this floor uses the device or NDIS afterwards.
    pub fn stop(&self, passive: Passive<'_>) {
        self.stopping.store(true, Ordering::Release);
        // Again and again: an open may have been under way.
        self.notify_all(passive);
        while self.alive.load(Ordering::Acquire) != 0 {
            passive.sleep_ms(1);
            self.notify_all(passive);
        }
        self.pd.destroy(passive);
    }

    fn notify_all(&self, _: Passive<'_>) {
        while let Some(family) = self.families.find(Family::begin_notify) {
            Family::notify(family);
        }
    }

    /// Data stops: packets are refused, none is indicated. Returns when no packet is with the device or with a client
    /// (HALT-02).
    pub fn pause(&self, passive: Passive<'_>) {
        self.paused.store(true, Ordering::Release);
        while !self.is_quiet() {
            passive.sleep_ms(1);
        }
    }

    fn is_quiet(&self) -> bool {
        let mut quiet = true;
        self.vcs.for_each(|vc| quiet &= vc.is_quiet());
        quiet
    }

    /// Data flows again.
    pub fn restart(&self) {
        self.paused.store(false, Ordering::Release);
        self.wake_all();
    }

    /// Whether data stands still.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// Whether the adapter halts: nothing new begins.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// The device died or left: all calls are down (HALT-05). `<= DISPATCH_LEVEL`.
    pub fn lost(&self) {
        self.vcs.for_each(Vc::device_lost);
    }

    fn wake_all(&self) {
        self.vcs.for_each(Vc::wake_me);
    }

    /// `MiniportReturnNetBufferLists`.
    ///
    /// # Safety
    /// `chain` was indicated by this call manager and not returned before.
    pub unsafe fn give_back(chain: *mut NET_BUFFER_LIST) {
        // SAFETY: the caller's promise.
        let packets = unsafe { Packets::from_raw(chain) };
        // SAFETY: the caller's promise.
        unsafe { super::leg::Leg::give_back(packets) }
    }

    /// `MiniportCancelSend` (DATA-14).
    pub fn cancel_sends(&self, id: usize) {
        // Packets go back without the list's lock.
        let mut seen = 0;
        while let Some(vc) = self.vcs.nth(seen) {
            vc.cancel_sends(id);
            seen += 1;
        }
    }

    /// Packets that clients gave and that are not given back.
    pub fn outstanding(&self) -> u64 {
        let mut outstanding = 0;
        self.vcs.for_each(|vc| outstanding += vc.outstanding());
        outstanding
    }

    /// The device.
    pub const fn device(&self) -> &Ref<Device> {
        &self.parts.device
    }

    /// Connection management.
    pub const fn agent(&self) -> &Ref<Agent> {
        &self.parts.agent
    }

    /// Mapping of clients' memory.
    pub const fn dma(&self) -> &Ref<Dma> {
        &self.parts.dma
    }

    /// The adapter, for NDIS.
    pub const fn ndis(&self) -> NdisHandle {
        self.parts.ndis
    }

    /// The protection domain of all queue pairs.
    pub const fn pd(&self) -> &Pd {
        &self.pd
    }

    /// Where packets of received messages come from.
    pub const fn pool(&self) -> &Ref<PacketPool> {
        &self.pool
    }

    /// The counters.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(super) fn next_vector(&self) -> u32 {
        self.next_vector.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) const fn families(&self) -> &Registry<Family> {
        &self.families
    }

    pub(super) const fn vcs(&self) -> &Registry<Vc> {
        &self.vcs
    }
}

/// Something of a call manager that exists: dropped as the last part of it.
pub(super) struct Living(Ref<Manager>);

impl Living {
    /// One more.
    pub(super) fn new(manager: &Ref<Manager>) -> Self {
        manager.alive.fetch_add(1, Ordering::AcqRel);
        Self(manager.clone())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::AcqRel);
    }
}
