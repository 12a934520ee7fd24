//! `MiniportInitializeEx` step by step, and its reverse.

use super::{
    Adapter, News, Work, attributes,
    failure::{Failure, Step},
    interrupt::Interrupts,
    keywords::Keywords,
    offload,
    resources::Resources,
};
use crate::{
    cm::{Agent, Fabric, PathMtu},
    dyn_ref,
    ether::Ether,
    hw::{Device, DeviceEvents, Mac, Mtu, Platform},
    ndk::{self, Provider},
    nt::{
        Dma, Mmio, NdisHandle, NoMemory, Passive, Ref, Slot, Status, Timer, WorkItem, log::LogCode, pci,
        sync::Ordering,
    },
};

/// What the firmware is told as the driver's version.
const VERSION: &str = concat!("cxndk,", env!("CARGO_PKG_VERSION"));
/// Bytes of BAR0 that hold the initialization segment and the first UARs; a smaller one is not a `ConnectX`.
const SMALLEST_BAR: u32 = 0x1_0000;

impl Adapter {
    /// Brings one adapter up; what NDIS calls it by is the result given away by `Ref::into_raw`.
    ///
    /// # Errors
    /// The step that failed and why. Everything before it was undone (rule INIT-04), and the event log says so.
    pub(super) fn initialize(
        ndis: NdisHandle,
        luid: u64,
        resources: Option<Resources<'_>>,
        passive: Passive<'_>,
    ) -> Result<Ref<Self>, Status> {
        let log = crate::nt::EventLog::new(ndis);
        let adapter = match Self::try_new(ndis, luid) {
            Ok(adapter) => adapter,
            Err(no_memory) => {
                let failure = Failure::from((Step::Object, no_memory));
                failure.write(log);
                return Err(failure.status());
            }
        };
        match Self::run_steps(&adapter, resources, passive) {
            Ok(()) => Ok(adapter),
            Err(failure) => {
                failure.write(log);
                Self::undo(&adapter, passive);
                Err(failure.status())
            }
        }
    }

    /// All steps after the adapter object.
    fn run_steps(
        this: &Ref<Self>,
        resources: Option<Resources<'_>>,
        passive: Passive<'_>,
    ) -> Result<(), Failure> {
        let refused = |step| move |status| Failure::new(step, status);
        attributes::set_registration(this, passive).map_err(refused(Step::RegistrationAttributes))?;
        let keywords = Keywords::read(this.ndis, passive).map_err(refused(Step::Keywords))?;
        *this.keywords.lock() = keywords;
        let resources = resources
            .filter(|resources| resources.bar.1 >= SMALLEST_BAR)
            .ok_or_else(|| {
                Failure::coded(
                    Step::Resources,
                    LogCode::AdapterNotFound,
                    Status::DEVICE_NOT_READY,
                )
            })?;
        this.work.set(
            this.work_items()
                .map_err(|e| Failure::from((Step::WorkItems, e)))?,
        );
        let (physical, length) = resources.bar;
        let bar = Mmio::map(this.ndis, physical, length, passive).map_err(refused(Step::MapRegisters))?;
        this.bar
            .set(Ref::try_new(bar).map_err(|e| Failure::from((Step::MapRegisters, e)))?);
        this.dma
            .set(Dma::register(this.ndis, passive).map_err(refused(Step::Dma))?);
        Interrupts::register(this, passive)?;
        let carried = Self::bring_up_device(this, resources, passive)?;
        Self::make_ethernet(this, passive)?;
        Self::start_floors(this, Mtu::for_link(carried), passive)?;
        attributes::set_general(this, passive).map_err(refused(Step::GeneralAttributes))?;
        offload::set_offloads(this, passive).map_err(refused(Step::GeneralAttributes))?;
        attributes::set_network_direct(this, passive).map_err(refused(Step::NetworkDirectAttributes))?;
        if this.is_removed() {
            // It died since the last command; the event log says of what.
            return Err(Failure::new(Step::Device, Status::DEVICE_REMOVED));
        }
        this.register_address_family(passive)?;
        Self::complete_bring_up(this);
        Ok(())
    }

    fn work_items(&self) -> Result<Ref<Work>, NoMemory> {
        Ref::try_new(Work {
            oid: WorkItem::try_new(self.ndis, Self::run_requests)?,
            late: Timer::try_new(self.ndis, Self::expire_requests)?,
            network_direct: WorkItem::try_new(self.ndis, Self::follow_switch)?,
            link: WorkItem::try_new(self.ndis, Self::report_link)?,
        })
    }

    /// The device; returns the bytes of the IP packets that its port carries.
    fn bring_up_device(
        this: &Ref<Self>,
        resources: Resources<'_>,
        passive: Passive<'_>,
    ) -> Result<u32, Failure> {
        let missing = || Failure::new(Step::Device, Status::INTERNAL_ERROR);
        let identity = Identity::read(this.ndis, passive);
        let interrupts = this.interrupts.get().ok_or_else(missing)?;
        let platform = Platform {
            ndis: this.ndis,
            bar: this.bar.get().ok_or_else(missing)?,
            dma: this.dma.get().ok_or_else(missing)?,
            log: this.log,
            messages: interrupts
                .messages(resources)
                .map_err(|e| Failure::from((Step::Interrupts, e)))?,
            is_virtual: identity.is_virtual(),
            address: this.keywords().address.map(Mac),
            version: VERSION,
        };
        let device = Device::bring_up(platform, passive).map_err(Failure::of_device)?;
        this.device.set(device.clone());
        interrupts.serve(device.clone());
        let no_memory = |e| Failure::from((Step::Device, e));
        let news = Ref::try_new(News { adapter: Slot::new() }).map_err(no_memory)?;
        news.adapter.set(this.clone());
        this.news.set(news.clone());
        Device::start(&device, dyn_ref!(news => dyn DeviceEvents)).map_err(Failure::of_start)?;
        // The packets of RDMA are the port's own affair: it carries what peers may ask for, whatever size NDIS's packets have.
        let mtu = this.keywords().mtu;
        let wanted = mtu.max(Mtu::B4096.ip_bytes());
        let carried = device.set_mtu(wanted, passive).map_err(Failure::of_mtu)?;
        this.keywords.lock().mtu = carried.min(mtu);
        Ok(carried)
    }

    /// The Ethernet data path, closed until the first restart.
    fn make_ethernet(this: &Ref<Self>, passive: Passive<'_>) -> Result<(), Failure> {
        let missing = || Failure::new(Step::Ethernet, Status::INTERNAL_ERROR);
        let device = this.device.get().ok_or_else(missing)?;
        let dma = this.dma.get().ok_or_else(missing)?;
        let interrupts = this.interrupts.get().ok_or_else(missing)?;
        let config = this.keywords().ethernet();
        let ether = Ether::create(&device, &dma, &config, passive).map_err(Failure::of_ethernet)?;
        interrupts.serve_frames(ether.clone());
        // An adapter is brought up once.
        let _ = this.ether.set(ether);
        Ok(())
    }

    /// Connection management and the provider, on a port that carries packets of RDMA up to `carried`.
    fn start_floors(this: &Ref<Self>, carried: Mtu, passive: Passive<'_>) -> Result<(), Failure> {
        let keywords = this.keywords();
        let missing = || Failure::new(Step::Provider, Status::INTERNAL_ERROR);
        let device = this.device.get().ok_or_else(missing)?;
        let mtu = keywords.operational_mtu();
        if mtu.bytes() != keywords.roce_frame_size {
            // Rule ADAPTER-64: the log names the size in use.
            this.log.write(
                LogCode::UnsupportedConfiguration,
                Step::Provider as u32,
                Status::SUCCESS,
                mtu.bytes(),
            );
        }
        let mtus = PathMtu { own: mtu, carried };
        let agent = Agent::start(device.clone(), this.ndis, this.luid, mtus, passive)
            .map_err(Failure::of_connection_manager)?;
        this.agent.set(agent.clone());
        let config = ndk::Config {
            device_id: Identity::read(this.ndis, passive).device,
            mtu,
            enabled: keywords.network_direct,
        };
        let fabric = Fabric {
            device,
            agent,
            dma: this.dma.get().ok_or_else(missing)?,
            ndis: this.ndis,
        };
        this.provider
            .set(Provider::try_new(fabric, config).map_err(|status| Failure::new(Step::Provider, status))?);
        this.switch.start(keywords.network_direct);
        Self::start_call_manager(this, passive)
    }

    /// From here on the adapter lives as long as NDIS wants.
    fn complete_bring_up(this: &Ref<Self>) {
        if let Some(dma) = this.dma.get() {
            dma.initialized();
        }
        // The link may have changed since the general attributes described it (rule LINK-02).
        if let Some(work) = this.work.get() {
            work.link.queue(this.clone());
        }
    }

    /// Undoes what initialization did, as far as it came, in reverse order (rules INIT-04, HALT-01 to HALT-05).
    pub(super) fn undo(this: &Ref<Self>, passive: Passive<'_>) {
        this.leaving.store(true, Ordering::Release);
        // Objects of the device end by events, so that interrupts go after them, and before all that a DPC uses.
        this.stop_call_manager(passive);
        this.stop_network_direct(passive);
        drop(this.provider.take());
        if let Some(agent) = this.agent.take() {
            agent.stop(passive);
        }
        if let Some(ether) = this.ether.get() {
            ether.destroy(passive);
        }
        let device = this.device.take();
        if let Some(device) = &device {
            device.stop(passive);
        }
        if let Some(interrupts) = this.interrupts.take() {
            interrupts.deregister(passive);
        }
        if let Some(device) = device {
            device.tear_down(passive);
        }
        if let Some(news) = this.news.take() {
            drop(news.adapter.take());
        }
        if let Some(work) = this.work.take() {
            work.late.drain(passive);
            work.oid.drain(passive);
            work.network_direct.drain(passive);
            work.link.drain(passive);
        }
        drop(this.dma.take());
        drop(this.bar.take());
    }
}

/// PCI identity of the function.
#[derive(Clone, Copy, Debug)]
struct Identity {
    device: u16,
}

impl Identity {
    /// Reads it from configuration space.
    fn read(ndis: NdisHandle, passive: Passive<'_>) -> Self {
        Self {
            device: pci::device_id(ndis, passive),
        }
    }

    /// Virtual functions (connectx interface, section 1).
    const fn is_virtual(self) -> bool {
        matches!(
            self.device,
            0x1014 | 0x1016 | 0x1018 | 0x101a | 0x101c | 0x101e | 0xa2d3
        )
    }
}
