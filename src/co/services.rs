//! What every part of the call manager works with: the device, connection management, memory, counters.

use crate::{
    cm::{Agent, Fabric},
    hw::{Device, Pd},
    nt::{
        Dma, NdisHandle, Passive, Ref, Status,
        packet::PacketPool,
        sync::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
};

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

/// What every part of the call manager works with.
pub struct Services {
    fabric: Fabric,
    pd: Pd,
    pool: Ref<PacketPool>,
    next_vector: AtomicU32,
    paused: AtomicBool,
    stopping: AtomicBool,
    /// Objects that exist: nothing of them may be left when the adapter halts (HALT-07).
    alive: AtomicUsize,
    counters: Counters,
}

impl Services {
    /// For a call manager whose data stands still.
    ///
    /// # Errors
    /// No memory, or the device refused; everything was undone.
    pub(super) fn start(fabric: Fabric, passive: Passive<'_>) -> Result<Ref<Self>, Status> {
        let pool = PacketPool::try_new(fabric.ndis)?;
        let pd = Pd::create(&fabric.device, passive)?;
        let services = Self {
            fabric,
            pd,
            pool,
            next_vector: AtomicU32::new(0),
            paused: AtomicBool::new(true),
            stopping: AtomicBool::new(false),
            alive: AtomicUsize::new(0),
            counters: Counters::default(),
        };
        Ref::try_new_or_back(services).map_err(|services| {
            services.pd.destroy(passive);
            Status::INSUFFICIENT_RESOURCES
        })
    }

    /// Gives the device its part back. No object is left.
    pub(super) fn end(&self, passive: Passive<'_>) {
        self.pd.destroy(passive);
    }

    /// Data stands still, or flows.
    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
    }

    /// Whether data stands still.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// Nothing new begins from here on.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether the adapter halts: nothing new begins.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Whether any object exists.
    pub(super) fn is_in_use(&self) -> bool {
        self.alive.load(Ordering::Acquire) != 0
    }

    /// The device.
    pub const fn device(&self) -> &Ref<Device> {
        &self.fabric.device
    }

    /// Connection management.
    pub const fn agent(&self) -> &Ref<Agent> {
        &self.fabric.agent
    }

    /// Mapping of clients' memory.
    pub const fn dma(&self) -> &Ref<Dma> {
        &self.fabric.dma
    }

    /// The adapter, for NDIS.
    pub const fn ndis(&self) -> NdisHandle {
        self.fabric.ndis
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
}

/// Counts an object of the call manager as existing; it is the object's last field to be dropped.
pub(super) struct Living(Ref<Services>);

impl Living {
    /// One more.
    pub(super) fn new(services: &Ref<Services>) -> Self {
        services.alive.fetch_add(1, Ordering::AcqRel);
        Self(services.clone())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::AcqRel);
    }
}
