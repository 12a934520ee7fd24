//! One NIC's NDIS life: initialize, pause and restart, OIDs, interrupts, configuration, Network Direct on and off.
//!
//! | module | what lives there |
//! |---|---|
//! | [`entry`] | what NDIS calls: thin functions that recover the adapter and its arguments |
//! | `bring_up` | `MiniportInitializeEx` step by step, and its reverse for failures and Halt |
//! | `failure` | steps and causes, as the event log and NDIS get to know them |
//! | [`keywords`], `resources` | registry keywords; what the bus assigned |
//! | `attributes` | what NDIS is told about the adapter |
//! | `interrupt` | MSI-X messages and their DPCs |
//! | `link` | link state |
//! | [`condis`] | the call manager: registration, start, stop |
//! | `network_direct` | Network Direct on and off, opens and closes |
//! | `oid`, `offload` | OID requests; what is said of task offloads |
//! | `send` | `NET_BUFFER_LIST`s on their way to the Ethernet path, and back to it and to calls |

mod attributes;
mod bring_up;
pub mod condis;
pub mod entry;
mod failure;
mod interrupt;
pub mod keywords;
mod link;
mod network_direct;
mod offload;
mod oid;
mod resources;
mod send;
pub mod version;

use self::{
    interrupt::Interrupts, keywords::Keywords, link::LinkReport, network_direct::Switch, oid::Requests,
};
use crate::{
    cm::Agent,
    co::{Manager, client::SelfTest},
    ether::Ether,
    hw::{Device, DeviceEvents, PortState},
    ndk::Provider,
    nt::{
        Dma, EventLog, Mmio, NdisHandle, NoMemory, Once, Passive, Ref, Slot, SpinLock, Status, Timer,
        WorkItem,
        sync::{AtomicBool, AtomicU32, Ordering},
    },
};

/// One adapter, from `MiniportInitializeEx` to the end of `MiniportHaltEx`.
///
/// What initialization makes lies in slots, in the order of its making; the reverse empties them.
#[derive(Debug)]
pub struct Adapter {
    ndis: NdisHandle,
    luid: u64,
    log: EventLog,
    /// The device is gone, or dead (rule PNP-01).
    removed: AtomicBool,
    /// The device died, and NDIS was not asked to take the adapter away yet.
    failed: AtomicBool,
    /// The adapter goes anyhow: it is halted, or did not come up, or the system goes down.
    leaving: AtomicBool,
    keywords: SpinLock<Keywords>,
    link: SpinLock<Option<LinkReport>>,
    /// What protocols set `OID_GEN_CURRENT_LOOKAHEAD` to, in bytes without the header; 0: nothing yet.
    lookahead: AtomicU32,
    requests: Requests,
    switch: Switch,

    work: Slot<Work>,
    bar: Slot<Mmio>,
    dma: Slot<Dma>,
    interrupts: Slot<Interrupts>,
    news: Slot<News>,
    device: Slot<Device>,
    /// Found without a lock: all that NDIS sends passes here. It goes with the adapter.
    ether: Once<Ref<Ether>>,
    agent: Slot<Agent>,
    provider: Slot<Provider>,
    calls: Slot<Manager>,
    self_test: Slot<SelfTest>,
}

/// What waits its turn at `PASSIVE_LEVEL`, or its time.
#[derive(Debug)]
struct Work {
    oid: WorkItem<Adapter>,
    /// Looks at OID requests that wait too long.
    late: Timer<Adapter>,
    network_direct: WorkItem<Adapter>,
    link: WorkItem<Adapter>,
}

impl Adapter {
    /// An adapter of which nothing is initialized yet.
    fn try_new(ndis: NdisHandle, luid: u64) -> Result<Ref<Self>, NoMemory> {
        Ref::try_new(Self {
            ndis,
            luid,
            log: EventLog::new(ndis),
            removed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            keywords: SpinLock::new(Keywords::default()),
            link: SpinLock::new(None),
            lookahead: AtomicU32::new(0),
            requests: Requests::new(),
            switch: Switch::default(),
            work: Slot::new(),
            bar: Slot::new(),
            dma: Slot::new(),
            interrupts: Slot::new(),
            news: Slot::new(),
            device: Slot::new(),
            ether: Once::new(),
            agent: Slot::new(),
            provider: Slot::new(),
            calls: Slot::new(),
            self_test: Slot::new(),
        })
    }

    fn keywords(&self) -> Keywords {
        *self.keywords.lock()
    }

    /// The address that the adapter answers to.
    fn station_address(&self) -> [u8; 6] {
        self.device.get().map_or([0; 6], |device| device.mac().0)
    }

    /// The address that the card was made with.
    fn permanent_address(&self) -> [u8; 6] {
        self.device
            .get()
            .map_or([0; 6], |device| device.permanent_mac().0)
    }

    /// Whether the device is gone or dead.
    fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }

    /// Sends are answered as the state Paused wants from now on; none is outstanding when this returns (rules PAUSE-01 to
    /// PAUSE-04). Calls stand still, but stand.
    fn pause(&self, passive: Passive<'_>) -> Status {
        if let Some(calls) = self.calls.get() {
            calls.pause(passive);
        }
        match self.ether.get() {
            Some(ether) if !ether.pause(Status::NDIS_PAUSED, passive) => Status::PENDING,
            _ => Status::SUCCESS,
        }
    }

    /// Sends are taken again.
    fn restart(&self) -> Status {
        if let Some(ether) = self.ether.get() {
            ether.open_receive();
            ether.open_transmit();
        }
        if let Some(calls) = self.calls.get() {
            calls.restart();
        }
        Status::SUCCESS
    }

    /// The device left without notice (rule PNP-01).
    fn surprise_removed(this: &Ref<Self>) {
        Self::lost(this);
        if let Some(device) = this.device.get() {
            device.removed();
        }
    }

    /// Halt begins; the device is gone if it says so (rule HALT-05).
    fn halt(&self, gone: bool) {
        if gone {
            self.removed.store(true, Ordering::Release);
            if let Some(device) = self.device.get() {
                device.removed();
            }
        }
    }

    /// The system goes down: the device stops reaching into memory, nothing is freed (rule SHUT-01).
    fn shut_down(&self, passive: Passive<'_>) {
        self.leaving.store(true, Ordering::Release);
        self.removed.store(true, Ordering::Release);
        if let Some(device) = self.device.get() {
            device.shut_down(passive);
        }
    }

    /// The device died: as if it had left, but that nobody knows yet. The work item reports the link and has the adapter taken away.
    fn device_failed(this: &Ref<Self>) {
        this.failed.store(true, Ordering::Release);
        Self::lost(this);
        if let Some(work) = this.work.get() {
            work.link.queue(this.clone());
        }
    }

    /// The device is gone or dead: no new sends, requests or opens; Network Direct consumers are told (rules PNP-01,
    /// ADAPTER-28).
    fn lost(this: &Ref<Self>) {
        this.removed.store(true, Ordering::Release);
        Self::switch_network_direct(this, false);
        if let Some(calls) = this.calls.get() {
            calls.lost();
        }
    }
}

/// News of the device reach the adapter through this, so that the device does not keep the adapter alive.
#[derive(Debug)]
struct News {
    adapter: Slot<Adapter>,
}

impl DeviceEvents for News {
    fn port_changed(&self, _: PortState) {
        let Some(adapter) = self.adapter.get() else { return };
        if let Some(work) = adapter.work.get() {
            work.link.queue(adapter);
        }
    }

    fn looked(&self) {
        if let Some(interrupts) = self.adapter.get().and_then(|adapter| adapter.interrupts.get()) {
            interrupts.look_at_frames();
        }
    }

    fn failed(&self) {
        if let Some(adapter) = self.adapter.get() {
            Adapter::device_failed(&adapter);
        }
    }
}
